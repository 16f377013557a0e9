"""The embedded snapshot: what it holds, and that it can be made again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import shapely
from small_files import BURKINA, Write

from harmattan.data.errors import SourceError, UsageError
from harmattan.data.geography import links_of
from harmattan.data.panel import build_panel
from harmattan.data.schemas import COUNT_COLUMNS, validate
from harmattan.data.snapshot import load_snapshot, make_snapshot
from harmattan.data.snapshot.load import FILES, NEIGHBOURS, TRAINING_FILES, aggregates
from harmattan.data.sources import build_from_files

#: Of the panel that is forecast; changes only with the data, the regions or the rules of the build.
DIGEST = "601584990353a9cd65e4a743362ca0bdf0e7d0939c9746f2ad0561c05be28a05"
#: Of its sums by region alone.
REGION_DIGEST = "7b879e9f60e2443c03a119efe6da1d6d8dd40c3c8ae3461d49b310b3c3c096e7"


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "data" / "snapshot"


def test_shape_and_coverage() -> None:
    snapshot = load_snapshot()
    assert snapshot.panel.shape == (420, 89)
    assert snapshot.panel.observed.all()
    assert set(snapshot.coverage["country"]) == {"BEN", "BFA", "CIV", "GNB", "MLI", "NER", "SEN", "TGO"}
    assert snapshot.panel.measures["events"].sum() == 4981
    assert snapshot.ledger.by("outcome").set_index("outcome")["events"].to_dict() == {
        "placed": 4981,
        "imprecise_date": 55,
        "imprecise_place": 37,
    }


def test_loading_imports_nothing_slow() -> None:
    code = (
        "import sys; from harmattan.data.snapshot import load_snapshot; load_snapshot();"
        "slow = {'pandera', 'statsmodels', 'lightgbm', 'mlflow', 'sklearn', 'scipy', 'httpx'} & set(sys.modules);"
        "print(','.join(sorted(slow)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_tables_keep_their_schemas(folder: Path) -> None:
    for table, name in {
        "counts": "monthly_counts.csv",
        "coverage": "coverage.csv",
        "links": "links.csv",
        "borders": "borders.csv",
        "ledger": "ledger.csv",
    }.items():
        frame = pd.read_csv(folder / name, keep_default_na=False)
        assert len(validate(table, frame, name)) > 0


def test_sizes(folder: Path) -> None:
    assert (folder / "regions.geojson").stat().st_size <= 250_000
    assert (folder / "neighbours.geojson").stat().st_size <= 100_000
    assert (folder / "monthly_counts.csv").stat().st_size <= 400_000


def test_simplified_polygons_have_the_links_that_are_shipped() -> None:
    snapshot = load_snapshot()
    found = links_of(snapshot.regions.frame, snapshot.regions.geometry)
    shipped = snapshot.panel.links
    assert shipped is not None
    assert found[["region_a", "region_b", "crosses_border"]].equals(
        shipped[["region_a", "region_b", "crosses_border"]]
    )
    assert (len(shipped), int(shipped["crosses_border"].sum())) == (192, 43)
    assert shapely.coverage_is_valid(snapshot.regions.geometry)


def test_partly_blind_regions_are_named() -> None:
    borders = load_snapshot().borders.set_index("region_id")
    share = borders["observed_km"] / borders["international_km"]
    assert share["MLI-kidal"] < 0.6
    assert borders.loc["MLI-kidal", "blind_towards"] == "Algeria"
    assert share["MLI-mopti"] == 1
    assert borders.loc["NER-diffa", "blind_towards"] == "Chad;Nigeria"
    assert "Libya" in borders.loc["NER-agadez", "blind_towards"]


def test_aggregates_refuse_another_month_rule() -> None:
    snapshot = load_snapshot()
    counts = pd.DataFrame(
        [("2020-01", "MLI-gao", 153719, "state_based", "jnim", 2, 1, 3, 2, 4, 0)],
        columns=list(COUNT_COLUMNS),
    )
    with pytest.raises(UsageError, match="made by the month rule 'end', not 'spread'"):
        build_panel(aggregates(counts, snapshot.coverage), snapshot.regions, month_rule="spread")


def test_made_again_it_has_the_same_bytes(ucdp_file: Write, regions_file: Path, tmp_path: Path) -> None:
    path = ucdp_file({}, {"best": 9}, BURKINA, {"where_prec": 6})
    for name in ("one", "two"):
        make_snapshot(path, regions_file, tmp_path / name, countries=("BFA", "MLI"))
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    again = load_snapshot(tmp_path / "one").panel
    direct = build_from_files(str(path), regions_file).panel
    assert again.digest() == direct.digest()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'monthly_counts\.csv' is not there"):
        load_snapshot(tmp_path)


def test_digest_is_that_of_the_shipped_panel() -> None:
    """Catches figures to learn from that find their way into the panel that is forecast."""
    panel = load_snapshot().panel
    # Events of a group against civilians came later; everything else is as it was.
    panel = replace(panel, measures={k: v for k, v in panel.measures.items() if not k.startswith("against_")})
    assert panel.digest() == DIGEST
    assert replace(panel, cells=None).digest() == REGION_DIGEST


@pytest.mark.slow
def test_shipped_files_are_those_of_the_real_data(real_data: Path, folder: Path, tmp_path: Path) -> None:
    make_snapshot(
        real_data / "ged241_west_africa.csv",
        real_data / "regions" / "admin1_west_africa.geojson",
        tmp_path,
        training=real_data / "ged221_nigeria.csv.gz",
    )
    for name in (*FILES, *TRAINING_FILES, NEIGHBOURS):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    built = build_from_files(
        str(real_data / "ged241_west_africa.csv"),
        real_data / "regions" / "admin1_west_africa.geojson",
        countries=tuple(load_snapshot().coverage["country"]),
    )
    assert built.panel.digest() == load_snapshot().panel.digest()
