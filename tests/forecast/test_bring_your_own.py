"""From a user's own table and polygons, anywhere in the world, to a release and a report in one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import ConfigError, SchemaError
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.jobs.forecasting import Outcome, run_main_job
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings

#: Two countries of South America, two states each, in a row from west to east.
STATES = (("Colombia", "Meta"), ("Colombia", "Vichada"), ("Venezuela", "Apure"), ("Venezuela", "Bolívar"))
IDS = ("COL-meta", "COL-vichada", "VEN-apure", "VEN-bolivar")
COLUMNS = "date=Fecha,latitude=Lat,longitude=Lon,country=Pais,deaths=Muertos"
SMALL: dict[str, Any] = {
    "draws": 100, "horizons": "1", "backtest_origins": 2, "workers": 1, "targets": "events", "track": False
}  # fmt: skip


def polygons(path: Path, states: tuple[tuple[str, str], ...] = STATES, west: float = -73.0) -> Path:
    features = []
    for i, (country, name) in enumerate(states):
        a, b = west + i, west + i + 1
        ring = [[a, 5], [b, 5], [b, 6], [a, 6], [a, 5]]
        properties = {"COUNTRY": country, "NAME_1": name} if country else {"NAME_1": name, "GID_0": "COL"}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def incidents(months: int = 60) -> pd.DataFrame:
    """Events in the middle of the four states, from 2015-01 on."""
    rng = np.random.default_rng(3)
    rows = []
    for month in pd.period_range("2015-01", periods=months, freq="M"):
        for i, (country, _) in enumerate(STATES):
            for _ in range(rng.poisson((2.0, 0.5, 1.0, 0.2)[i])):
                day = f"{month}-{rng.integers(1, 28):02d}"
                rows.append((day, 5.5, -72.5 + i, country, int(rng.poisson(2))))
    return pd.DataFrame(rows, columns=["Fecha", "Lat", "Lon", "Pais", "Muertos"])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a table of incidents and polygons."""
    incidents().to_csv(tmp_path / "hechos.csv", index=False)
    polygons(tmp_path / "estados.geojson")
    return tmp_path


def read(folder: Path, **options: Any) -> Inputs:
    return load_inputs(Settings.load(options, environ={}, cwd=folder))


def test_a_table_and_polygons_are_all_that_is_needed(own: Path) -> None:
    made = read(own, source="table:hechos.csv", columns=COLUMNS, regions="estados.geojson")
    assert made.panel.region_ids == IDS
    assert made.panel.measure("events").sum() == len(incidents())
    assert made.panel.links is not None
    assert made.panel.links["crosses_border"].tolist() == [False, True, False]
    assert made.coverage["first_month"].unique().tolist() == ["2015-01"]
    assert not made.demonstration


def test_settings_can_come_from_a_file(own: Path) -> None:
    text = 'source = "table:hechos.csv"\nregions = "estados.geojson"\n'
    text += '[columns]\ndate = "Fecha"\nlatitude = "Lat"\nlongitude = "Lon"\ncountry = "Pais"\n'
    text += '[coverage]\nCOL = "2015-01:2019-12"\nVEN = "2015-01:2018-12"\n'
    (own / "harmattan.toml").write_text(text, encoding="utf-8")
    made = read(own)
    assert made.panel.observed[-1].tolist() == [True, True, False, False]


def test_columns_can_come_from_a_file_of_their_own(own: Path) -> None:
    (own / "sub").mkdir()
    pairs = dict(pair.split("=") for pair in COLUMNS.split(","))
    lines = "\n".join(f'{ours} = "{theirs}"' for ours, theirs in pairs.items())
    (own / "sub" / "map.toml").write_text(f"[columns]\n{lines}\n", encoding="utf-8")
    made = read(own, source="table:hechos.csv", columns="sub/map.toml", regions="estados.geojson")
    assert made.panel.region_ids == IDS


def test_a_month_beyond_the_coverage_is_missing_not_zero(own: Path) -> None:
    made = read(
        own,
        source="table:hechos.csv",
        columns=COLUMNS,
        regions="estados.geojson",
        coverage="COL=2015-01:2020-06,VEN=2015-01:2019-12",
    )
    assert str(made.panel.last_month) == "2020-06"
    assert np.isnan(made.panel.measure("events")[-1]).tolist() == [False, False, True, True]


def test_a_table_without_a_country_is_that_of_the_polygons(tmp_path: Path) -> None:
    frame = incidents().query("Pais == 'Colombia'").drop(columns="Pais")
    frame.to_csv(tmp_path / "hechos.csv", index=False)
    polygons(tmp_path / "estados.geojson", STATES[:2])
    columns = "date=Fecha,latitude=Lat,longitude=Lon"
    made = read(tmp_path, source="table:hechos.csv", columns=columns, regions="estados.geojson")
    assert made.panel.measure("events").sum() == len(frame)


def test_a_table_without_a_country_and_polygons_of_several(own: Path) -> None:
    incidents().drop(columns="Pais").to_csv(own / "hechos.csv", index=False)
    columns = "date=Fecha,latitude=Lat,longitude=Lon"
    with pytest.raises(SchemaError, match="country"):
        read(own, source="table:hechos.csv", columns=columns, regions="estados.geojson")


def test_monthly_counts_with_names_in_place_of_ids(own: Path) -> None:
    rows = [(f"2015-{m:02d}", c, n, m) for m in range(1, 13) for c, n in STATES]
    pd.DataFrame(rows, columns=["mes", "pais", "estado", "n"]).to_csv(own / "cuentas.csv", index=False)
    columns = "month=mes,country=pais,name=estado,events=n"
    made = read(own, panel="cuentas.csv", columns=columns, regions="estados.geojson")
    assert made.panel.region_ids == IDS
    assert made.panel.countries == ("COL", "COL", "VEN", "VEN")
    assert made.regions is not None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("columns", "date", "'date' is not a column mapping"),
        ("columns", "absent.toml", "no such file"),
        ("coverage", "COL=2015", "'COL=2015' is not a coverage"),
        ("coverage", "COL=2015-13:2019-01", "is not a coverage"),
    ],
)
def test_a_setting_that_cannot_be_read(key: str, value: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        Settings.load({key: value}, environ={}, cwd=tmp_path)


def run(folder: Path, **options: Any) -> Outcome:
    return run_main_job(Settings.load({**SMALL, **options}, environ={}, cwd=folder))


@pytest.mark.slow
def test_one_command_gives_a_release_and_a_report(own: Path) -> None:
    done = run(own, source="table:hechos.csv", columns=COLUMNS, regions="estados.geojson")
    forecast = pd.read_csv(done.release.path / "forecast.csv")
    assert set(IDS) <= set(forecast["location"])
    page = done.report.read_text(encoding="utf-8")
    assert "Colombia" in page
    assert "Bolívar" in page
    assert "demonstration" not in page.lower()


@pytest.mark.slow
def test_the_states_of_nigeria_to_a_report(real_data: Path, tmp_path: Path) -> None:
    source = f"ucdp:{real_data / 'ged221_nigeria.csv.gz'}"
    done = run(tmp_path, source=source, regions=str(real_data / "regions" / "admin1_west_africa.geojson"))
    assert done.release.path.name == "2021-12"
    assert len(set(pd.read_csv(done.release.path / "wide.csv")["region_id"])) == 37
    assert "Borno" in done.report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_islands_on_both_sides_of_longitude_180_to_a_report(tmp_path: Path) -> None:
    polygons(tmp_path / "islands.geojson", (("Fiji", "Western"), ("Fiji", "Northern")), west=178.0)
    document = json.loads((tmp_path / "islands.geojson").read_text(encoding="utf-8"))
    east = [[-180, 5], [-179, 5], [-179, 6], [-180, 6], [-180, 5]]
    feature = {"type": "Feature", "properties": {"COUNTRY": "Fiji", "NAME_1": "Eastern"}}
    document["features"].append({**feature, "geometry": {"type": "Polygon", "coordinates": [east]}})
    (tmp_path / "islands.geojson").write_text(json.dumps(document), encoding="utf-8")
    frame = incidents()
    frame["Lon"] = frame["Lon"].map({-72.5: 178.5, -71.5: 179.5, -70.5: -179.5, -69.5: 178.5})
    frame["Pais"] = "Fiji"
    frame.to_csv(tmp_path / "hechos.csv", index=False)
    done = run(tmp_path, source="table:hechos.csv", columns=COLUMNS, regions="islands.geojson")
    made = read(tmp_path, source="table:hechos.csv", columns=COLUMNS, regions="islands.geojson")
    assert made.panel.links is not None
    assert len(made.panel.links) == 2
    assert "Eastern" in done.report.read_text(encoding="utf-8")
