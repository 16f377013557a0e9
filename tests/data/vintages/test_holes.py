"""A store whose candidates lack a month says so in every output that uses it; UCDP's present layout is read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from small_files import EVENT, Write
from typer.testing import CliRunner

from harmattan.data.errors import SourceError
from harmattan.data.geography import Regions
from harmattan.data.panel import Panel, build_panel
from harmattan.data.quality import check_build
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import read_source, read_ucdp
from harmattan.data.vintages import VintageStore
from harmattan.forecast.cli import app
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings


@pytest.fixture
def holed(tmp_path: Path, regions_file: Path) -> tuple[Path, Path]:
    """A store of January, February and April."""
    store = VintageStore(tmp_path / "store")
    for month in (1, 2, 4):
        day = f"2026-{month:02d}-05"
        rows = [{**EVENT, "id": 100 * month + i, "date_start": day, "best": i} for i in range(2, 6)]
        path = tmp_path / f"GEDEvent_v26_0_{month}.csv"
        pd.DataFrame(rows).assign(date_end=f"2026-{month:02d}-05").to_csv(path, index=False)
        store.add(read_ucdp(path), date(2026, month + 1, 20))
    return tmp_path / "store", regions_file


def test_a_hole_is_said_by_build_check_panel_and_run(
    holed: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, regions = holed
    source = ["--source", f"store:{store}", "--regions", str(regions)]
    out = tmp_path / "panel.parquet"
    run = CliRunner()
    built = run.invoke(app, ["data", "build", *source, "--out", str(out)])
    assert "not observed inside the record: 2026-03\n" in built.output
    assert json.loads(run.invoke(app, ["data", "build", *source, "--json"]).output)["gaps"] == "2026-03"
    for what in (str(out), f"store:{store}"):
        more = ["--regions", str(regions)] if what != str(out) else []
        checked = run.invoke(app, ["data", "check", what, *more, "--run-date", "2026-05-20"]).output
        assert "amber  holes        Not observed inside the record: 2026-03 (2 region-months)." in checked
    assert Panel.read_parquet(out).source.endswith("26.0.4, without 2026-03")
    inputs = load_inputs(Settings(source=f"store:{store}", regions=regions))
    assert "Not observed inside the record: 2026-03." in caplog.text
    level, banner = inputs.verdict(inputs.quality(date(2026, 5, 20)))
    assert level == "amber"
    assert "Not observed inside the record: 2026-03" in banner


def test_a_hole_of_one_country_names_it() -> None:
    rows = [(f"2026-{m:02d}", r, 1) for m in (1, 2, 3) for r in ("MLI-a", "NER-b") if (m, r) != (2, "NER-b")]
    assert (
        Panel.from_frame(pd.DataFrame(rows, columns=["month", "region_id", "events"])).gaps
        == "2026-02 in NER"
    )


def test_a_long_hole_does_not_hide_a_later_one() -> None:
    months = ["2023-12", "2026-01", "2026-02", "2026-04"]
    frame = pd.DataFrame({"month": months, "region_id": "MLI-a", "events": 1})
    assert Panel.from_frame(frame).gaps == "2024-01 to 2025-12, 2026-03"


def test_bounds_broken_in_thousands_of_rows_are_counted_and_no_alarm(
    tmp_path: Path, regions: Regions
) -> None:
    rows = pd.DataFrame([EVENT] * 6000).assign(id=range(6000), active_year="true", best=4, low=5, high=3)
    days = pd.to_datetime("2020-01-05") + pd.to_timedelta(rows.index % 2100, unit="D")
    rows = rows.assign(date_start=days, date_end=days, active_year=["true", "false", "TRUE"] * 2000)
    rows["latitude"] = 14.1 + (rows.index % 79) / 100
    path = tmp_path / "GEDEvent_v26_1.csv"
    rows.to_csv(path, index=False)
    incidents = read_source(f"ucdp:{path}")
    assert {r.name: r.count for r in incidents.repairs} == {"deaths_bounds_widened": 6000}
    assert (incidents.frame["deaths_low"] <= incidents.frame["deaths_best"]).all()
    quality = check_build(build_panel(incidents, regions), run_date=date(2026, 1, 20))
    assert quality["values"].status == quality["repairs"].status == "green"
    assert "Bounds that did not hold best were widened to it (6,000)" in quality["repairs"].message


@pytest.mark.slow
def test_the_candidates_of_2026_make_a_store_with_a_hole(tmp_path: Path, real_data: Path) -> None:
    store = VintageStore(tmp_path / "store")
    for month in (1, 2, 4):
        store.add(
            read_ucdp(real_data / "candidate" / f"GEDEvent_v26_0_{month}.csv"), date(2026, month + 1, 20)
        )
    known = store.as_of(date(2026, 5, 20))
    panel = build_panel(known, load_snapshot().regions).panel
    assert panel.gaps == "2026-03"
    assert panel.measures["events"][[0, 1, 3]].sum() > 300


def test_a_newer_release_without_any_country_of_the_regions_is_refused(
    ucdp_file: Write, regions_file: Path
) -> None:
    known = read_ucdp(
        ucdp_file({"date_start": "2023-09-05", "date_end": "2023-09-05"}, name="GEDEvent_v23_0_9.csv")
    )
    day = {"country": "Ukraine", "country_id": 369, "date_start": "2023-10-05", "date_end": "2023-10-05"}
    idle = read_ucdp(ucdp_file({"id": 9, **day}, name="GEDEvent_v23_0_10.csv"))
    store = VintageStore(regions_file.parent / "store")
    for release in (known, idle):
        store.add(release, date(2023, 11, 20))
    with pytest.raises(SourceError, match=r"release 23\.0\.10 names none of the countries of the regions"):
        load_inputs(Settings(source=f"store:{store.root}", regions=regions_file))
