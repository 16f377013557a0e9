"""Parts of other sources: the types that they have, and groups by a table of one's own, from a file to a release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Once

from harmattan.data.errors import UsageError
from harmattan.data.panel import Panel
from harmattan.forecast.jobs.forecasting import run_main_job
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.parts import against_civilians, choose_parts
from harmattan.forecast.release import verify_release
from harmattan.forecast.settings import Settings

SMALL: dict[str, Any] = {"draws": 100, "horizons": "1:2", "backtest_origins": 2, "workers": 1, "track": False}
PLACES = (("SOM", "Bay"), ("SOM", "Gedo"), ("KEN", "Garissa"), ("UGA", "Gulu"), ("CMR", "Logone"))
CODES = {"SOM": 706, "KEN": 404, "UGA": 800, "CMR": 120}
#: By place: rate, and the shares of groups.
RATES = (3.0, 1.0, 0.8, 1.0, 1.5)
SIDES = ("Al-Shabaab", "Al-Shabaab", "Al-Shabaab", "LRA", "Boko Haram")
TYPES = ("Battles", "Explosions/Remote violence", "Violence against civilians")
GROUPS = """
[al_shabaab]
label = "Al-Shabaab"
names = ["Al-Shabaab"]
[lra]
label = "the LRA"
names = ["LRA", "Lord's Resistance Army"]
[boko_haram]
names = ["Boko Haram"]
"""


def made_events(months: int = 84) -> pd.DataFrame:
    """Events of five regions in a row, one group each; every fourth event is without a named group."""
    rng = np.random.default_rng(8)
    rows = []
    for month in pd.period_range("2017-01", periods=months, freq="M"):
        for i, (country, _) in enumerate(PLACES):
            for k in range(rng.poisson(RATES[i])):
                side = SIDES[i] if rng.random() < 0.75 else "Clan militia"
                kind = TYPES[rng.choice(3, p=(0.5, 0.2, 0.3))]
                rows.append((f"{month}-{1 + k % 27:02d}", country, i, side, kind, rng.poisson(2)))
    rows.append((f"{month}-{month.days_in_month}", "SOM", 0, "Clan militia", TYPES[0], 1))
    return pd.DataFrame(rows, columns=["day", "country", "place", "side", "type", "dead"])


def write_files(folder: Path) -> None:
    """An ACLED export, a table of one's own with the same events, polygons and a table of groups."""
    made = made_events()
    where = {"latitude": 2.5, "longitude": 40.5 + made["place"]}
    acled = pd.DataFrame(
        {
            "event_id_cnty": [f"X{i}" for i in range(len(made))],
            "event_date": made["day"],
            "event_type": made["type"],
            "sub_event_type": "",
            "actor1": made["side"],
            "actor2": np.where(made["type"] == TYPES[2], "Civilians", "Military Forces of Somalia"),
            "iso": made["country"].map(CODES),
            "fatalities": made["dead"],
            "geo_precision": 1,
            "time_precision": 1,
            **where,
        }
    )
    acled.to_csv(folder / "acled.csv", index=False)
    ucdp = {TYPES[0]: "State-based violence", TYPES[1]: "Non-state violence", TYPES[2]: "One-sided violence"}
    own = {"date": made["day"], "country": made["country"], "type": made["type"].map(ucdp), **where}
    own |= {"side_a": made["side"], "side_b": acled["actor2"], "deaths": made["dead"]}
    pd.DataFrame(own).to_csv(folder / "own.csv", index=False)
    features = [
        {
            "type": "Feature",
            "properties": {"iso3": country, "adm1_name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[a, 2], [a + 1, 2], [a + 1, 3], [a, 3], [a, 2]]],
            },
        }
        for a, (country, name) in enumerate(PLACES, start=40)
    ]
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (folder / "groups.toml").write_text(GROUPS)


@pytest.fixture(scope="module")
def files(once: Once) -> Path:
    return once("other-sources", write_files)


def settings(files: Path, source: str, **more: Any) -> Settings:
    given = {"source": source, "regions": files / "regions.geojson", "groups": files / "groups.toml", **more}
    return Settings.load({**SMALL, **given}, environ={}, cwd=files)


def test_acled_is_divided_by_its_own_types(files: Path) -> None:
    panel = load_inputs(settings(files, "acled:acled.csv")).panel
    types = ("battles", "explosions_remote_violence", "violence_against_civilians")
    found = choose_parts(panel, ("events", "deaths"))
    by_type = found.divisions.of("type")
    assert by_type is not None
    assert set(by_type.names) == {f"events_{t}" for t in types}
    assert against_civilians(panel) == "events_violence_against_civilians"
    assert "deaths_civilians" in found.names
    assert choose_parts(panel, ("events_battles",)).names == ("events_battles",)


def test_types_as_ucdp_writes_them_are_its_types(files: Path) -> None:
    panel = load_inputs(settings(files, "table:own.csv")).panel
    by_type = choose_parts(panel, ("events",)).divisions.of("type")
    assert by_type is not None
    assert set(by_type.names) == {"events_state_based", "events_non_state", "events_one_sided"}
    assert against_civilians(panel) == "events_one_sided"


def test_groups_of_ones_own_are_parts_where_they_have_been(files: Path) -> None:
    panel = load_inputs(settings(files, "table:own.csv")).panel
    division = choose_parts(panel, ("events",)).divisions.of("group")
    assert division is not None
    assert set(division.names[:-1]) == {"events_al_shabaab", "events_boko_haram"}
    at = dict(zip(division.names, division.known.T.tolist(), strict=True))
    assert at["events_al_shabaab"] == [r.startswith(("SOM", "KEN")) for r in panel.region_ids]
    with pytest.raises(UsageError, match="lra has fewer than 80 events"):
        choose_parts(panel, ("events_lra",))


def test_without_a_known_group_there_are_forecasts_by_type_alone(files: Path, tmp_path: Path) -> None:
    (tmp_path / "groups.toml").write_text('[m23]\nnames = ["M23"]\n')
    asked = settings(files, "acled:acled.csv", groups=tmp_path / "groups.toml")
    found = choose_parts(load_inputs(asked).panel, ("events",))
    assert [d.kind for d in found.divisions.found] == ["type"]
    assert "no forecasts by group" in " ".join(found.notes)


def adds_up(folder: Path) -> None:
    """Parts of the published draws make up the published total, draw by draw and region by region."""
    draws = pd.read_parquet(folder / "draws.parquet")
    draws = draws[draws["target"].str.startswith("events")]
    of = (
        "events_" + draws["target"].str.extract("events_(battles|explosions|violence|state_b|non_s|one_s)")[0]
    )
    keys = ["horizon", "region_id", "draw"]
    total = draws[draws["target"] == "events"].set_index(keys)["value"]
    for parts in (of.notna(), of.isna() & (draws["target"] != "events")):
        assert (draws[parts].groupby(keys)["value"].sum().reindex(total.index) == total).all()


@pytest.mark.slow
def test_from_an_acled_export_to_a_release(files: Path, tmp_path: Path) -> None:
    done = run_main_job(settings(files, "acled:acled.csv", out=tmp_path))
    folder = done.release.path
    assert not verify_release(folder).findings
    wide = pd.read_csv(folder / "wide.csv")
    wanted = {"events_battles", "events_explosions_remote_violence", "events_violence_against_civilians"}
    assert wanted | {"events_al_shabaab", "events_boko_haram", "deaths_civilians"} <= set(wide["target"])
    assert set(wide.loc[wide["target"] == "events_al_shabaab", "country"]) == {"SOM", "KEN"}
    adds_up(folder)
    page = done.report.read_text(encoding="utf-8")
    assert "explosions and remote violence" in page
    assert "Al-Shabaab" in page
    assert "Who, and against whom" in page
    assert {"events_battles"} <= set(pd.read_csv(folder / "part_scores.csv")["target"])


@pytest.mark.slow
def test_from_a_theatre_with_its_own_groups_to_a_release(files: Path, tmp_path: Path) -> None:
    done = run_main_job(settings(files, "table:own.csv", out=tmp_path, targets="events,events_al_shabaab"))
    folder = done.release.path
    assert not verify_release(folder).findings
    assert set(pd.read_csv(folder / "wide.csv")["target"]) == {"events", "events_al_shabaab"}
    actors = pd.read_csv(folder / "actors.csv")
    assert set(actors["label"]) >= {"Al-Shabaab", "the LRA", "boko haram"}
    assert (actors["past_events"] >= 10).all()
    history = Panel.from_frame(pd.read_parquet(folder / "history.parquet"))
    assert np.isnan(history.measure("events_al_shabaab")[:, history.region_ids.index("UGA-gulu")]).all()
