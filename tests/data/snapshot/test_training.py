"""Figures that are only learned from: a panel of their own beside the one that is forecast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_files import BURKINA, Write
from typer.testing import CliRunner

from harmattan.data.errors import RegionError, SourceError, UsageError, on_the_command_line
from harmattan.data.geography import Regions
from harmattan.data.schemas import validate
from harmattan.data.snapshot import TRAINING_COVERAGE, load_snapshot, make_snapshot
from harmattan.data.snapshot.load import FILES, TRAINING_FILES
from harmattan.data.snapshot.make import EVENT_REPAIRS
from harmattan.data.sources import build_from_files, ucdp
from harmattan.forecast.cli.data import app

COVERAGE = {"BFA": ("2019-06", "2020-08")}
#: What the reader takes as two sides, and the group they are counted under.
NIGERIAN_SIDES = {
    ("Government of Nigeria", "Jama'atu Ahlis Sunna Lidda'awati wal-Jihad"): "jas",
    ("Government of Nigeria", "IS"): "islamic_state",
    ("Government of Nigeria", "Civilians"): "state_only",
    ("Fulani", "Tiv"): "other",
}


@pytest.fixture
def main_file(ucdp_file: Write) -> Path:
    return ucdp_file({}, {"best": 9})


def burkina(ucdp_file: Write, *changes: dict[str, Any]) -> Path:
    events = [{**BURKINA, **change} for change in changes or ({},)]
    return ucdp_file(*events, name="GEDEvent_v22_1.csv")


def test_shipped_panel_to_learn_from() -> None:
    snapshot = load_snapshot()
    training = snapshot.training
    assert training is not None
    assert training.shape == (420, 37)
    assert training.months.equals(snapshot.panel.months)
    assert list(training.measures) == list(snapshot.panel.measures)
    assert not set(training.region_ids) & set(snapshot.panel.region_ids)
    assert set(training.countries) == {"NGA"}
    assert training.source == "UCDP GED 22.1"


def test_shipped_coverage_masks_every_month_outside() -> None:
    snapshot = load_snapshot()
    training, coverage = snapshot.training, snapshot.training_coverage
    assert training is not None
    assert coverage is not None
    row = coverage.iloc[0]
    assert (row["first_month"], row["last_month"]) == TRAINING_COVERAGE["NGA"]
    months = training.months.astype(str)
    inside = (months >= "1990-01") & (months <= "2021-12")
    assert (training.observed == inside[:, None]).all()
    for name, values in training.measures.items():
        assert np.isnan(values[~inside]).all(), name
        assert not np.isnan(values[inside]).any(), name


def test_shipped_links_stay_among_the_training_regions() -> None:
    training = load_snapshot().training
    assert training is not None
    assert training.links is not None
    linked = {*training.links["region_a"], *training.links["region_b"]}
    assert linked == set(training.region_ids)
    assert not training.links["crosses_border"].any()


def test_shipped_ledger_balances_with_the_panel() -> None:
    snapshot = load_snapshot()
    training, ledger = snapshot.training, snapshot.training_ledger
    assert training is not None
    assert ledger is not None
    outcomes = ledger.summary().set_index("outcome")
    assert outcomes["events"].to_dict() == {"placed": 5620, "imprecise_date": 40, "read": 5660}
    for figure in ("events", "deaths_best", "deaths_low", "deaths_high"):
        total = np.nansum(training.measures[figure], dtype=np.float64)
        assert total == outcomes.loc["placed", figure], figure


def test_shipped_tables_keep_their_schemas_and_sizes(root: Path) -> None:
    folder = root / "data" / "snapshot"
    for table, name in zip(("counts", "coverage", "regions", "links", "ledger"), TRAINING_FILES, strict=True):
        validate(table, pd.read_csv(folder / name, keep_default_na=False), name)
    counts = ("monthly_counts.csv", "training_counts.csv")
    assert sum((folder / name).stat().st_size for name in counts) <= 450_000


def test_it_is_what_a_direct_build_gives(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    extra = burkina(ucdp_file, {}, {"date_prec": 5}, {"latitude": 13.9, "date_end": "2020-04-02"})
    make_snapshot(
        main_file,
        regions_file,
        tmp_path / "s",
        countries=("MLI",),
        training=extra,
        training_coverage=COVERAGE,
    )
    snapshot = load_snapshot(tmp_path / "s")
    window = (snapshot.panel.months[0], snapshot.panel.months[-1])
    direct = build_from_files(
        f"ucdp:{extra}", regions_file, countries=("BFA",), coverage=COVERAGE, window=window
    )
    assert snapshot.training is not None
    assert snapshot.training_ledger is not None
    assert snapshot.training.digest() == direct.panel.digest()
    assert snapshot.training.names == direct.panel.names
    pd.testing.assert_frame_equal(
        snapshot.training_ledger.by("outcome"), direct.ledger.by("outcome"), check_dtype=False
    )


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deaths=st.lists(st.integers(0, 500), min_size=1, max_size=5),
    first=st.integers(2000, 2019),
    last=st.integers(2020, 2030),
)
def test_main_files_do_not_know_of_it(
    deaths: list[int],
    first: int,
    last: int,
    ucdp_file: Write,
    main_file: Path,
    regions_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    extra = burkina(ucdp_file, *({"best": n, "low": n, "high": n} for n in deaths))
    out = tmp_path_factory.mktemp("snapshots")
    without = main_file.parent / "without"
    if not without.exists():
        make_snapshot(main_file, regions_file, without, countries=("MLI",))
    coverage = {"BFA": (f"{first}-01", f"{last}-12")}
    make_snapshot(
        main_file,
        regions_file,
        out / "with",
        countries=("MLI",),
        training=extra,
        training_coverage=coverage,
    )
    for name in set(FILES) - {"README.md"}:
        assert (out / "with" / name).read_bytes() == (without / name).read_bytes(), name
    alone = load_snapshot(without)
    assert alone.training is None
    both = load_snapshot(out / "with")
    assert both.panel.digest() == alone.panel.digest()
    assert both.training is not None
    assert np.nansum(both.training.measures["deaths_best"]) == sum(deaths)


def test_missing_bounds_are_mended_and_named(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    extra = burkina(ucdp_file, {"best": 7, "low": None, "high": None, "code_status": None}, {"best": 3})
    make_snapshot(
        main_file,
        regions_file,
        tmp_path / "s",
        countries=("MLI",),
        training=extra,
        training_coverage=COVERAGE,
    )
    counts = pd.read_csv(tmp_path / "s" / "training_counts.csv").iloc[0]
    assert (counts["deaths_low"], counts["deaths_best"], counts["deaths_high"]) == (7 + 2, 7 + 3, 7 + 5)
    readme = (tmp_path / "s" / "README.md").read_text(encoding="utf-8")
    assert "- Missing low or high estimates were set to best. (1 events)" in readme
    assert "- An empty code_status was read as Clear. (1 events)" in readme


def test_events_outside_the_coverage_are_booked_not_counted(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    late = {"date_start": "2020-09-01", "date_end": "2020-09-01"}
    make_snapshot(
        main_file,
        regions_file,
        tmp_path / "s",
        countries=("MLI",),
        training=burkina(ucdp_file, {}, late),
        training_coverage=COVERAGE,
    )
    ledger = load_snapshot(tmp_path / "s").training_ledger
    assert ledger is not None
    assert ledger.by("outcome").set_index("outcome")["events"].to_dict() == {"outside_window": 1, "placed": 1}


@pytest.mark.parametrize("name", TRAINING_FILES)
def test_half_of_the_files_are_not_enough(
    name: str, ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    make_snapshot(
        main_file,
        regions_file,
        tmp_path / "s",
        countries=("MLI",),
        training=burkina(ucdp_file),
        training_coverage=COVERAGE,
    )
    (tmp_path / "s" / name).unlink()
    with pytest.raises(SourceError, match=f"'{name}' is not there"):
        load_snapshot(tmp_path / "s")


def test_a_country_is_forecast_or_only_learned_from(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="BFA cannot be both"):
        make_snapshot(
            main_file,
            regions_file,
            tmp_path / "s",
            countries=("BFA", "MLI"),
            training=burkina(ucdp_file),
            training_coverage=COVERAGE,
        )
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("coverage", "error", "message"),
    [
        (
            {"BFA": ("1970-01", "1970-12")},
            UsageError,
            "no month of BFA is covered between 1989-01 and 2020-12",
        ),
        ({"TCD": ("2019-01", "2020-08")}, RegionError, "there are no regions of 'TCD'"),
    ],
)
def test_coverage_that_cannot_be_used_writes_nothing(
    coverage: dict[str, tuple[object, object]],
    error: type[Exception],
    message: str,
    ucdp_file: Write,
    main_file: Path,
    regions_file: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        make_snapshot(
            main_file,
            regions_file,
            tmp_path / "s",
            countries=("MLI",),
            training=burkina(ucdp_file),
            training_coverage=coverage,
        )
    assert not (tmp_path / "s").exists()


def test_figures_of_another_snapshot_are_not_left_behind(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s"
    extra = burkina(ucdp_file)
    make_snapshot(
        main_file, regions_file, out, countries=("MLI",), training=extra, training_coverage=COVERAGE
    )
    with pytest.raises(UsageError, match=r"'training_counts\.csv' of another snapshot"):
        make_snapshot(main_file, regions_file, out, countries=("MLI",))


@pytest.mark.parametrize(("sides", "group"), NIGERIAN_SIDES.items())
def test_groups_in_nigeria_are_sorted_by_the_same_names(
    sides: tuple[str, str], group: str, ucdp_file: Write
) -> None:
    path = ucdp_file(
        {"country": "Nigeria", "country_id": 475, "side_a": sides[0], "side_b": sides[1]},
        name="GEDEvent_v22_1.csv",
    )
    frame = ucdp.read(path).frame
    assert frame[["country", "actor_group"]].iloc[0].tolist() == ["NGA", group]


@pytest.mark.slow
def test_real_file_books_every_event_and_mended_cell(real_data: Path) -> None:
    incidents = ucdp.read(real_data / "ged221_nigeria.csv.gz", coverage=TRAINING_COVERAGE)
    assert {r.name: r.count for r in incidents.repairs if r.name.startswith(EVENT_REPAIRS)} == {
        "deaths_bounds_missing": 1124,
        "deaths_bounds_widened": 71,
        "status_empty": 1124,
    }
    counted = pd.read_csv(real_data / "ged221_nigeria.csv.gz", usecols=["date_prec", "best"])
    training = load_snapshot().training
    assert training is not None
    placed = counted.loc[counted["date_prec"] < 5, "best"]
    assert np.nansum(training.measures["events"]) == len(placed)
    assert np.nansum(training.measures["deaths_best"]) == placed.sum()
    regions = Regions.read(real_data / "regions" / "admin1_west_africa.geojson", ["NGA"])
    assert regions.region_ids == training.region_ids


def test_command_line_takes_the_training_file(
    ucdp_file: Write, main_file: Path, regions_file: Path, tmp_path: Path
) -> None:
    given = ["snapshot", "--source", str(main_file), "--regions", str(regions_file), "--countries", "MLI"]
    span = ["--training-coverage", "BFA=2019-06:2020-08"]
    out = ["--out", str(tmp_path / "s")]
    missing = CliRunner().invoke(app, [*given, *span, *out])
    assert isinstance(missing.exception, UsageError)
    with on_the_command_line():
        assert "a --training-coverage without --training" in missing.exception.message
    done = CliRunner().invoke(app, [*given, *span, *out, "--training", str(burkina(ucdp_file)), "--json"])
    assert done.exit_code == 0
    assert set(TRAINING_FILES) < set(json.loads(done.output)["files"])
    training = load_snapshot(tmp_path / "s").training
    assert training is not None
    assert int(training.observed.any(axis=1).sum()) == 15
