"""What was known when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_files import BURKINA, Write

from harmattan.data.errors import OriginError, SourceError
from harmattan.data.geography import Regions
from harmattan.data.panel import build_panel, combine
from harmattan.data.sources import tabular, ucdp
from harmattan.data.vintages import VintageStore, diff_panels, panel_as_of
from harmattan.data.vintages.store import diff_incidents

MALI = {"MLI": ("2021-03", "2021-03")}
DAY = {"date_start": "2021-03-05", "date_end": "2021-03-05"}


def candidate(write: Write, *changes: dict[str, object], month: int = 3):  # type: ignore[no-untyped-def]
    path = write(*changes, name=f"GEDEvent_v21_0_{month}.csv")
    return ucdp.read(path, coverage={"MLI": (f"2021-{month:02d}", f"2021-{month:02d}")})


def annual(write: Write, *changes: dict[str, object]):  # type: ignore[no-untyped-def]
    return ucdp.read(write(*changes, name="GEDEvent_v22_1.csv"), coverage={"MLI": ("2021-01", "2021-12")})


def test_the_same_release_twice_is_written_once(ucdp_file: Write, tmp_path: Path) -> None:
    store = VintageStore(tmp_path / "store")
    incidents = candidate(ucdp_file, DAY, DAY)
    assert store.add(incidents, date(2021, 4, 20)).status == "new"
    before = [p.read_bytes() for p in store.root.iterdir()]
    assert store.add(candidate(ucdp_file, DAY, DAY), date(2021, 5, 1)).status == "same"
    assert [p.read_bytes() for p in store.root.iterdir()] == before


def test_rows_in_another_order_are_the_same_release(ucdp_file: Write, tmp_path: Path) -> None:
    store = VintageStore(tmp_path)
    store.add(candidate(ucdp_file, {**DAY, "id": 1}, {**DAY, "id": 2, "best": 4}), date(2021, 4, 20))
    again = candidate(ucdp_file, {**DAY, "id": 2, "best": 4}, {**DAY, "id": 1})
    assert store.add(again, date(2021, 4, 21)).status == "same"


def test_the_same_version_with_other_content_is_kept_beside(ucdp_file: Write, tmp_path: Path) -> None:
    store = VintageStore(tmp_path / "store")
    store.add(candidate(ucdp_file, DAY, DAY), date(2021, 4, 20))
    added = store.add(candidate(ucdp_file, DAY, {**DAY, "best": 4}, DAY), date(2021, 4, 21))
    assert added.status == "changed"
    assert added.message == (
        "21.0.3 is not what it was on 2021-04-20: 1 added, 1 changed. Both vintages are kept."
    )
    assert len(store.as_of(date(2021, 4, 20)).frame) == 2
    assert len(store.as_of(date(2021, 4, 21)).frame) == 3


def test_stored_incidents_come_back_whole(ucdp_file: Write, tmp_path: Path) -> None:
    store = VintageStore(tmp_path / "store")
    incidents = candidate(ucdp_file, DAY, {**DAY, "best": 9})
    vintage = store.add(incidents, date(2021, 4, 20)).vintage
    again = store.load(vintage)
    pd.testing.assert_frame_equal(again.frame, incidents.frame)
    assert (again.coverage.to_dict(), again.releases, again.repairs) == (
        incidents.coverage.to_dict(),
        incidents.releases,
        incidents.repairs,
    )


def test_annual_beats_candidate_and_deletes_from_then_on(
    ucdp_file: Write, regions: Regions, tmp_path: Path
) -> None:
    store = VintageStore(tmp_path / "store")
    store.add(candidate(ucdp_file, {**DAY, "id": 1, "best": 3}, {**DAY, "id": 2}), date(2021, 4, 20))
    store.add(annual(ucdp_file, {**DAY, "id": 1, "best": 5}, {**DAY, "id": 7}), date(2022, 6, 1))
    then = panel_as_of(store, date(2021, 5, 1), regions)
    now = panel_as_of(store, date(2022, 6, 1), regions)
    at = now.region_ids.index("MLI-mopti")
    assert then.measures["deaths_best"][0, at] == 6
    assert now.measures["events"][now.position("2021-03"), at] == 2
    assert now.measures["deaths_best"][now.position("2021-03"), at] == 5 + 3
    outcomes = (
        build_panel(store.as_of(date(2022, 6, 1)), regions)
        .ledger.by("outcome")
        .set_index("outcome")["events"]
    )
    assert outcomes.to_dict() == {"placed": 2, "superseded": 1, "deleted": 1}


def test_a_candidate_after_the_annual_release_adds_its_month(ucdp_file: Write, regions: Regions) -> None:
    later = ucdp.read(
        ucdp_file(
            {"id": 9, "date_start": "2022-01-03", "date_end": "2022-01-03"}, name="GEDEvent_v22_0_1.csv"
        ),
        coverage={"MLI": ("2022-01", "2022-01")},
    )
    parts = [annual(ucdp_file, DAY), later]
    one, two = (build_panel(combine(p), regions).panel for p in (parts, parts[::-1]))
    assert str(one.last_month) == "2022-01"
    assert np.nansum(one.measures["events"][-1]) == 1
    assert one.digest() == two.digest()


def test_monthly_and_consolidated_files_that_overlap_count_once(ucdp_file: Write, regions: Regions) -> None:
    april = {"date_start": "2021-04-02", "date_end": "2021-04-02"}
    monthly = [
        candidate(ucdp_file, {**DAY, "id": 1}, {**DAY, "id": 2}),
        candidate(ucdp_file, {**april, "id": 3}, month=4),
    ]
    path = ucdp_file(
        {**DAY, "id": 1}, {**april, "id": 3}, {**april, "id": 4}, name="GEDEvent_v21_01_21_04.csv"
    )
    whole = ucdp.read(path, coverage={"MLI": ("2021-01", "2021-04")})
    digests = {
        build_panel(combine(order), regions).panel.digest()
        for order in ([*monthly, whole], [whole, *monthly], [monthly[1], whole, monthly[0]], [whole])
    }
    assert len(digests) == 1


def test_nothing_known_yet_and_damaged_stores(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="knows nothing as of 2020-01-01"):
        VintageStore(tmp_path).as_of(date(2020, 1, 1))
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="not a readable vintage"):
        VintageStore(tmp_path).vintages()


def test_diff_names_regions_and_months(ucdp_file: Write, regions: Regions) -> None:
    before, now = (
        candidate(ucdp_file, DAY, DAY),
        candidate(ucdp_file, DAY, {**DAY, "longitude": -2.5, "best": 4}),
    )
    panels = [build_panel(i, regions).panel for i in (before, now)]
    table = diff_panels(*panels).set_index(["region_id", "measure"])["change"].to_dict()
    assert table == {
        ("MLI-mopti", "events"): -1,
        ("MLI-gao", "events"): 1,
        ("MLI-mopti", "deaths_best"): -3,
        ("MLI-gao", "deaths_best"): 4,
    }
    assert diff_incidents(before, now).to_dict("records") == [
        {"incident_id": "2", "country": "MLI", "month": "2021-03", "change": "changed"}
    ]
    assert diff_panels(panels[0], panels[0]).empty


@pytest.mark.slow
def test_real_april_file_holds_events_of_may(real_data: Path) -> None:
    regions = Regions.read(real_data / "regions" / "admin1_west_africa.geojson", ["MLI", "NGA"])
    april = ucdp.read(
        real_data / "candidate" / "GEDEvent_v26_0_4.csv", unclear="keep", today=date(2026, 5, 21)
    )
    ends = pd.PeriodIndex(april.frame["date_end"], freq="M").astype(str)
    assert (ends == "2026-05").sum() == 3
    panel = build_panel(april, regions).panel
    assert [str(m) for m in panel.months] == ["2026-04"]


def test_an_extract_speaks_for_its_own_countries_only(
    ucdp_file: Write, regions: Regions, tmp_path: Path
) -> None:
    store = VintageStore(tmp_path / "store")
    store.add(annual(ucdp_file, {**DAY, "id": 1}, {**DAY, "id": 2}), date(2022, 6, 1))
    path = ucdp_file({**DAY, **BURKINA, "id": 3}, name="GEDEvent_v22_1.csv")
    burkina = ucdp.read(path, coverage={"BFA": ("2021-01", "2021-12")})
    added = store.add(burkina, date(2022, 6, 2))
    assert (added.status, "beside" in added.message) == ("new", True)
    assert build_panel(store.as_of(date(2022, 7, 1)), regions).panel.measure("events", fill=0).sum() == 3
    store.add(annual(ucdp_file, {**DAY, "id": 1}), date(2022, 6, 3))
    assert build_panel(store.as_of(date(2022, 7, 1)), regions).panel.measure("events", fill=0).sum() == 2


def test_months_of_one_table_are_kept_beside_each_other(tmp_path: Path, regions: Regions) -> None:
    store = VintageStore(tmp_path / "store")
    for at, month in enumerate(("2022-03", "2023-03")):
        path = tmp_path / str(at) / "events.csv"
        path.parent.mkdir()
        path.write_text(f"date,latitude,longitude,country\n{month}-10,14.5,-3.5,Mali\n")
        store.add(tabular.read(path), date(2024, 1, 1 + at))
    assert build_panel(store.as_of(date(2024, 2, 1)), regions).panel.measure("events", fill=0).sum() == 2


def test_a_row_that_stands_twice_in_a_release_still_counts_once(ucdp_file: Write, regions: Regions) -> None:
    before = candidate(ucdp_file, {**DAY, "id": 9})
    april = {"date_start": "2021-04-05", "date_end": "2021-04-05"}
    twice = candidate(ucdp_file, {**april, "id": 1}, {**april, "id": 1}, month=4)
    built = build_panel(combine([before, twice]), regions)
    outcomes = built.ledger.summary().set_index("outcome")["events"].to_dict()
    assert outcomes == {"placed": 2, "duplicate": 1, "read": 3}
