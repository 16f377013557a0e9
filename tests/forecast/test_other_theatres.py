"""Whole releases of other theatres: not a word of the shipped one in any file, and licences of their own sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from other_theatre import write_theatre

from harmattan.data.geography import CAPITAL_NAMES, Regions, country_name
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import GroupTable
from harmattan.forecast.jobs import run_main_job
from harmattan.forecast.settings import Settings

pytestmark = pytest.mark.slow

#: What the shipped theatre is known by, beside its places and groups.
SAHEL = ("Sahel", "Harmattan belt", "Africa/Bamako", "Sundberg", "Davies")
#: Far from here: where the shipped counts lie under other names.
CODES = {
    "BEN": "BOL",
    "BFA": "BRA",
    "CIV": "CHL",
    "GNB": "COL",
    "MLI": "ECU",
    "NER": "GUY",
    "SEN": "PER",
    "TGO": "VEN",
}
GROUPS = {"jnim": "red", "islamic_state": "blue", "jas": "green", "azawad": "white"}


def words_of_the_sahel(but: Regions | None = None) -> list[str]:
    """Names and ids of the shipped theatre's places and groups; those that another theatre has as well are left out."""
    snapshot, table = load_snapshot(), GroupTable.shipped()
    frame = snapshot.regions.frame
    codes = sorted(set(frame["country"]))
    words = {*SAHEL, *codes, *map(country_name, codes), *(CAPITAL_NAMES.get(c, "") for c in codes)}
    words |= {*frame["region_id"], *frame["name"], *table.labels.values(), *table.names["jnim"], *table.names}
    if but is not None:
        words -= {*but.frame["name"], *but.frame["region_id"]}
    # Points of the compass are no names.
    return sorted(words - {"", "Centre", "Central", "Nord", "Est", "Sud", "Littoral", "Plateau", "Savanes"})


def texts(release: Path) -> Iterator[tuple[str, str]]:
    """Every file of a release as text, tables in parquet with their notes."""
    import pyarrow.parquet as pq

    for path in sorted(p for p in release.rglob("*") if p.is_file()):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            kept = [
                n
                for n, kind in zip(table.column_names, table.schema.types, strict=True)
                if "string" in str(kind)
            ]
            values = sorted({str(v) for n in kept for v in pd.unique(table[n].to_pandas())})
            yield path.name, "\n".join([*table.column_names, *values, str(table.schema.metadata)])
        elif path.suffix != ".png":
            yield path.relative_to(release).as_posix(), path.read_text(encoding="utf-8")


def found(release: Path, words: list[str]) -> list[str]:
    """Which words stand in which files, a few letters around them."""
    pattern = re.compile(
        # Names of groups stand between underscores too: events_jnim, jnim_share12.
        r"(?<![^\W_])(?<!-)(?:"
        + "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
        + r")(?![^\W_]|-)"
    )
    return [
        f"{name}: {text[max(hit.start() - 40, 0) : hit.end() + 40]!r}"
        for name, text in texts(release)
        for hit in list(pattern.finditer(text))[:3]
    ]


def released(theatre: Path, out: Path, **more: object) -> Path:
    small = {"draws": 100, "horizons": "1,3", "backtest_origins": 2, "workers": 1, "track": False, "out": out}
    settings = Settings.load({**small, "theatre": theatre, **more}, environ={}, cwd=theatre.parent)
    return run_main_job(settings).release.path


def test_a_word_of_the_sahel_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("region_id,name\nMLI-gao,Gao\n", encoding="utf-8")
    pd.DataFrame({"group": ["jnim"], "n": [1]}).to_parquet(tmp_path / "b.parquet")
    hits = found(tmp_path, words_of_the_sahel())
    assert [hit.split(":")[0] for hit in hits] == ["a.csv", "a.csv", "b.parquet"]


def test_a_made_up_theatre_speaks_of_itself_alone(tmp_path: Path) -> None:
    release = released(write_theatre(tmp_path), tmp_path / "releases")
    assert found(release, [*words_of_the_sahel(), "UCDP", "CC BY 4.0", "CC-BY-4.0"]) == []
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["licences"]["events"] == "The Rift Monitor, by agreement"
    hub = (release / "hub" / "hub-config" / "admin.json").read_text(encoding="utf-8")
    assert json.loads(hub)["timezone"] == "Africa/Nairobi"
    page = (release / "report.html").read_text(encoding="utf-8")
    assert "Front of the Lake" in page
    assert ">Port-on-the-Lake<" in page
    assert "Kampala" not in page
    assert "Not tried on these borders: <code>harmattan spillover --evaluate" in page
    assert "Tried on simulated worlds" not in page
    assert "The Rift Monitor, by agreement" in page
    assert "by agreement" in json.loads((release / "webmap.json").read_text(encoding="utf-8"))["credit"]


def permuted(folder: Path) -> Path:
    """The shipped counts as a table of one's own: other countries, regions and groups, on another continent."""
    snapshot = load_snapshot()
    panel, rng = snapshot.panel, np.random.default_rng(3)
    number = rng.permutation(len(panel.region_ids))
    names = {r: f"District {n}" for r, n in zip(panel.region_ids, number, strict=True)}
    ids = {r: f"{CODES[r[:3]]}-district-{n}" for r, n in zip(panel.region_ids, number, strict=True)}

    def column(name: str) -> str:
        for old, new in GROUPS.items():
            name = re.sub(rf"(?<![a-z]){old}(?![a-z])|(?<=_){old}(?=_|$)", new, name)
        return name.replace("_vs_is", "_vs_blue")

    frame = panel.to_frame().drop(columns=["observed"]).rename(columns=column)
    frame = frame.assign(name=frame["region_id"].map(names), country=frame["country"].map(CODES))
    frame.assign(region_id=frame["region_id"].map(ids)).to_csv(folder / "counts.csv", index=False)
    regions = snapshot.regions.frame
    moved = shapely.transform(snapshot.regions.geometry, lambda xy: xy + np.array([-58.0, -20.0]))
    table = regions.assign(
        name=regions["region_id"].map(names),
        country=regions["country"].map(CODES),
        layer="survey",
        region_id=regions["region_id"].map(ids),
    )
    replace(snapshot.regions, frame=table, geometry=moved, country_names={}).to_geojson(
        folder / "regions.geojson"
    )
    groups = "".join(f'[groups.{g}]\nlabel = "The {g.title()}s"\nnames = ["{g}"]\n' for g in GROUPS.values())
    about = 'panel = "counts.csv"\nregions = "regions.geojson"\nlevel = "admin1"\n'
    about += '[groups.red_vs_blue]\nbetween = ["red", "blue"]\n'
    (folder / "theatre.toml").write_text(about + groups, encoding="utf-8")
    return folder / "theatre.toml"


def test_the_shipped_counts_under_other_names_speak_of_those_alone(tmp_path: Path) -> None:
    release = released(permuted(tmp_path), tmp_path / "releases")
    assert found(release, [*words_of_the_sahel(), "UCDP", "CC BY 4.0", "CC-BY-4.0"]) == []
    page = (release / "report.html").read_text(encoding="utf-8")
    assert "The Reds" in page
    assert "not stated; the terms of the source apply" in page


def test_east_africa_speaks_of_itself_alone(tmp_path: Path, real_data: Path) -> None:
    data, root = real_data / "theatre_east_africa", Path(__file__).resolve().parents[2]
    if not data.is_dir():
        pytest.skip(f"no data of East Africa: {data} is absent")
    about = f"""
source = "table:{data / "events_1989_2016.csv.gz"}"
regions = "{data / "regions.geojson"}"
groups = "{root / "benchmarks" / "east_africa_groups.toml"}"
level = "admin1"
[licences]
events = "as its collectors say"
"""
    (tmp_path / "theatre.toml").write_text(about, encoding="utf-8")
    release = released(tmp_path / "theatre.toml", tmp_path / "releases", spillover_regions=0)
    # Chad and Cameroon border two of the shipped countries' neighbours: the world's outlines name Niger.
    words = sorted(
        {*words_of_the_sahel(Regions.read(data / "regions.geojson", clean=False)), "CC BY 4.0"}
        - {"Niger", "NER", "jas"}
    )
    assert found(release, words) == []
    assert "Al-Shabaab" in (release / "report.html").read_text(encoding="utf-8")
    unseen = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["data"]["unseen_borders"]
    km = {(each["country"], each["towards"]): each["km"] for each in unseen}
    # The CIA World Factbook: Chad and Niger 1,196 km, Sudan and Egypt 1,276, Congo and Angola 2,646 (225 Cabinda's).
    assert 1050 < km["TCD", "NER"] < 1300
    assert 1100 < km["SDN", "EGY"] < 1400
    assert 2100 < km["COD", "AGO"] < 2700
    assert not {towards for _, towards in km} & {"TCD", "SDN", "COD"}
