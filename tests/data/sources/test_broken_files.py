"""Every broken file gives a named error with file, row and remedy, or a documented, counted repair."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from broken import BROKEN, FORECAST, REPAIRED, Broken, Repaired, csv
from small_files import BURKINA, Write

from harmattan.data.errors import GateError, HarmattanError, SchemaError
from harmattan.data.geography import Regions
from harmattan.data.panel import Incidents, build_panel
from harmattan.data.quality import check_build, check_panel
from harmattan.data.sources import acled, read_source, tabular, ucdp

TODAY = date(2026, 1, 1)


def read(kind: str, path: Path, regions_file: Path) -> object:
    if kind == "panel":
        return tabular.read_panel(path)
    if kind == "regions":
        return Regions.read(path)
    if kind == "links":
        return Regions.read(regions_file, links=pd.read_csv(path))
    if kind == "columns":
        events = csv({})(path.parent)
        return tabular.read(events, columns=tabular.mapping_of(path), today=TODAY)
    return {"ucdp": ucdp.read, "acled": acled.read, "table": tabular.read}[kind](path, today=TODAY)


def test_at_least_fifty_classes_of_failure() -> None:
    names = [c.name for c in (*BROKEN, *REPAIRED)]
    assert len(set(names)) == len(names) >= 50
    assert len(FORECAST) >= 15
    assert set(FORECAST) <= set(names)


@pytest.mark.parametrize("case", BROKEN, ids=lambda c: c.name)
def test_a_broken_file_is_a_named_error(case: Broken, tmp_path: Path, regions_file: Path) -> None:
    path = case.make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HarmattanError) as caught:
        read(case.kind, path, regions_file)
    error = caught.value
    assert error.exit_code == case.code
    assert case.says in error.what
    assert case.remedy in error.remedy
    assert "\n" not in error.message
    if case.kind not in ("links", "columns"):
        assert error.where.startswith(str(path)) or path.name in error.where
    if case.where:
        assert error.where.endswith(case.where)
    assert set(tmp_path.rglob("*")) - set(before) <= {tmp_path / "events.csv"}


@pytest.mark.parametrize("case", REPAIRED, ids=lambda c: c.name)
def test_a_repair_is_counted(case: Repaired, tmp_path: Path, regions_file: Path) -> None:
    incidents = read(case.kind, case.make(tmp_path), regions_file)
    assert isinstance(incidents, Incidents)
    repairs = {r.name: r for r in incidents.repairs}
    assert repairs[case.repair].count == case.count
    assert repairs[case.repair].where
    assert repairs[case.repair].message.endswith(".")
    if case.rows is not None:
        assert repairs[case.repair].rows == case.rows


def test_all_offences_are_listed_at_once(ucdp_file: Write) -> None:
    path = ucdp_file({"best": -1}, {"latitude": 99}, {"date_start": "never"})
    with pytest.raises(SchemaError) as caught:
        ucdp.read(path)
    failures = caught.value.failures
    assert failures is not None
    assert failures[["row", "column", "rule"]].to_dict("records") == [
        {"row": 2, "column": "best", "rule": "negative"},
        {"row": 3, "column": "latitude", "rule": "out_of_range"},
        {"row": 4, "column": "date_start", "rule": "not_a_date"},
    ]


def test_a_candidate_file_without_header_is_read(tmp_path: Path) -> None:
    from small_files import EVENT

    values = dict.fromkeys(ucdp.LAYOUTS[49], "") | {k: str(v) for k, v in EVENT.items()}
    path = tmp_path / "GEDEvent_v20_0_3.csv"
    path.write_text("\n".join(",".join(values[n] for n in ucdp.LAYOUTS[49]) for _ in range(1)) + "\n")
    incidents = ucdp.read(path)
    assert [(r.name, r.count) for r in incidents.repairs] == [("header_missing", 1)]
    assert incidents.frame["row"].tolist() == [1]


def test_extra_columns_and_column_order_change_nothing(
    ucdp_file: Write, regions: Regions, tmp_path: Path
) -> None:
    plain = ucdp_file({}, BURKINA)
    more = pd.read_csv(plain).assign(note="a, b", active_year=True)
    more[sorted(more.columns)].to_csv(tmp_path / "GEDEvent_v21_1_more.csv", index=False)
    one, two = (
        build_panel(ucdp.read(p), regions).panel for p in (plain, tmp_path / "GEDEvent_v21_1_more.csv")
    )
    assert one.digest() == two.digest()


def test_a_repeated_row_is_left_out_and_booked(ucdp_file: Write, regions: Regions) -> None:
    built = build_panel(ucdp.read(ucdp_file({"id": 3}, {"id": 3}, {"id": 4})), regions)
    assert built.ledger.by("outcome").set_index("outcome")["events"].to_dict() == {
        "placed": 2,
        "duplicate": 1,
    }


def test_swapped_coordinates_stop_a_publish(ucdp_file: Write, regions: Regions) -> None:
    wrong = {"latitude": -3.5, "longitude": 14.5}
    built = build_panel(ucdp.read(ucdp_file({}, {}, wrong, wrong, wrong)), regions)
    quality = check_build(built, run_date=date(2021, 1, 20))
    assert quality["coordinates"].rows["row"].tolist() == [4, 5, 6]
    with pytest.raises(GateError, match=r"3 events .* lie more than 50 km outside their country") as caught:
        quality.require()
    assert caught.value.exit_code == 6


def test_a_panel_with_a_missing_month_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv"
    pd.DataFrame({"month": ["2020-01", "2020-03"], "region_id": "MLI-gao", "events": [1, 2]}).to_csv(
        path, index=False
    )
    check = check_panel(tabular.read_panel(path), run_date=date(2020, 4, 20))["holes"]
    assert check.status == "amber"
    assert check.rows.to_dict("records") == [{"month": "2020-02", "region_id": "MLI-gao"}]


def test_a_country_that_disappears_stops_a_publish(ucdp_file: Write, regions: Regions) -> None:
    both = build_panel(ucdp.read(ucdp_file({}, BURKINA)), regions).panel
    one = build_panel(ucdp.read(ucdp_file({}, {}, name="GEDEvent_v21_1b.csv")), regions).panel
    quality = check_panel(one, run_date=date(2021, 1, 20), previous=both)
    assert quality["countries"].status == "red"
    assert quality["countries"].rows["country"].tolist() == ["BFA"]


def test_a_download_with_five_percent_of_its_rows_missing_is_seen(tmp_path: Path, regions: Regions) -> None:
    rng = np.random.default_rng(3)
    days = pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, 3600, 600), unit="D")
    rows = [{"date_start": str(d.date()), "date_end": str(d.date())} for d in sorted(days)]
    whole = csv(*rows, name="GEDEvent_v22_1.csv")(tmp_path)
    then = build_panel(ucdp.read(whole), regions).panel
    lines = whole.read_text().splitlines(keepends=True)
    cut = tmp_path / "GEDEvent_v22_1_cut.csv"
    cut.write_text("".join(lines[:1] + [x for i, x in enumerate(lines[1:]) if i % 20]))
    now = build_panel(ucdp.read(cut), regions).panel
    losses = check_panel(now, run_date=date(2022, 1, 20), previous=then)["losses"]
    assert losses.status == "red"
    assert losses.rows["country"].tolist()[0] == "MLI"
    same = check_panel(then, run_date=date(2022, 1, 20), previous=then)["losses"]
    assert same.status == "green"


def test_two_sources_that_count_different_things_are_not_added_up(ucdp_file: Write, tmp_path: Path) -> None:
    from broken import acled as acled_file

    from harmattan.data.errors import UsageError
    from harmattan.data.panel import combine

    with pytest.raises(UsageError, match="different kinds cannot be added up: ACLED, UCDP GED"):
        combine([ucdp.read(ucdp_file()), acled.read(acled_file()(tmp_path))])


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(HarmattanError, match=r"'gdelt' is not a source\. Known: acled, store, table, ucdp\."):
        read_source("gdelt:events.csv")
