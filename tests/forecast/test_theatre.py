"""A theatre is one file: the lowest layer of settings, and the words of its releases."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from command_line import Run

from harmattan.data.errors import ConfigError, HarmattanError, UsageError
from harmattan.data.geography import world_outlines
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import SHIPPED_THEATRE, GroupTable
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.jobs import draft_theatre
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings
from harmattan.forecast.theatre import NOT_STATED, Theatre, licences_of, timezone_of

FILE = """
name = "The Coast"
source = "table:events.csv"
regions = "regions.geojson"
level = "admin1"
countries = ["KEN", "TZA"]
neighbours = ["UGA"]
timezone = "Africa/Nairobi"

[licences]
events = "all rights reserved"

[columns]
date = "Day"

[groups.front]
label = "The Front"
names = ["Front*"]

[places]
Mombasa = [39.7, -4.0]
"""
SQUARE = (
    '{"type": "Feature", "properties": {"iso3": "%s", "name": "%s"}, "geometry": {"type": "Polygon", "coordinates": '
    "[[[%d, 0], [%d, 0], [%d, 1], [%d, 1], [%d, 0]]]}}"
)
PLACES = (
    ("KEN", "Lamu", 0),
    ("KEN", "Kwale", 1),
    ("TZA", "Tanga", 2),
    ("UGA", "Gulu", 3),
    ("SSD", "Јуба", 8),
)
EVENTS = """Day,latitude,longitude,country,side_a,side_b,deaths
2020-01-03,0.5,0.5,Kenya,Government of Kenya,Frontiers,2
2020-02-03,0.5,1.5,Kenya,Front of the Coast,Civilians,0
2021-03-03,0.5,1.5,Kenya,Clan A,Clan B,1
"""


def square(country: str, name: str, x: int) -> str:
    return SQUARE % (country, name, x, x + 1, x + 1, x, x)


def written(folder: Path, text: str = FILE, places: tuple[tuple[str, str, int], ...] = PLACES[:4]) -> Path:
    (folder / "theatre.toml").write_text(text, encoding="utf-8")
    (folder / "events.csv").write_text(EVENTS, encoding="utf-8")
    features = ", ".join(square(*place) for place in places)
    (folder / "regions.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{features}]}}')
    return folder / "theatre.toml"


def inputs_of(
    folder: Path, text: str = FILE, places: tuple[tuple[str, str, int], ...] = PLACES[:4]
) -> Inputs:
    return load_inputs(Settings(theatre=written(folder, text, places)))


def test_a_file_an_option_and_python_give_the_same_settings(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "harmattan.toml").write_text('theatre = "theatre.toml"\n')
    by_file = Settings.load({}, environ={}, cwd=tmp_path)
    by_option = Settings.load({"theatre": str(path)}, environ={}, cwd=tmp_path)
    by_python = Settings(theatre=path, out=by_file.out, mlruns=by_file.mlruns)
    by_object = Settings(theatre=Theatre.read(path), out=by_file.out, mlruns=by_file.mlruns)
    assert by_file == by_option == by_python == by_object
    assert dataclasses.replace(by_python, source="snapshot").source == "snapshot"
    assert by_file.source == f"table:{tmp_path / 'events.csv'}"
    assert (by_file.regions, by_file.groups) == (tmp_path / "regions.geojson", path)
    assert (by_file.columns, by_file.countries, by_file.level) == (("date=Day",), ("KEN", "TZA"), "admin1")
    assert by_file.published()["theatre"] == "theatre.toml"


def test_whatever_is_given_beside_a_theatre_wins(tmp_path: Path) -> None:
    path = written(tmp_path)
    above = Settings.load(
        {"theatre": path, "countries": "KEN"}, environ={"HARMATTAN_SOURCE": "ucdp:x.csv"}, cwd=tmp_path
    )
    assert (above.countries, above.source) == (("KEN",), f"ucdp:{tmp_path / 'x.csv'}")
    own = Settings.load({"theatre": path, "panel": "counts.csv"}, environ={}, cwd=tmp_path)
    assert (own.source, own.panel) == ("snapshot", tmp_path / "counts.csv")
    assert dataclasses.replace(above, seed=3).countries == ("KEN",)


def test_the_shipped_counts_are_a_theatre_as_well() -> None:
    shipped = Theatre.read(SHIPPED_THEATRE)
    assert (shipped.given["source"], shipped.timezone) == ("snapshot", "Africa/Bamako")
    panel = load_snapshot().panel
    assert timezone_of(panel) == "Africa/Bamako"
    assert licences_of(panel) == dict(shipped.licences)
    named = load_inputs(Settings(theatre=SHIPPED_THEATRE)).panel
    assert named.attrs["watched"]["islamic_state"] == ("jnim_vs_is", "islamic_state", "jas")
    assert np.array_equal(named.measures["events_jnim"], panel.measures["events_jnim"], equal_nan=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('contries = ["KEN"]', "there is no key 'contries' in a theatre. Did you mean 'countries'?"),
        ("draws = 3", "there is no key 'draws' in a theatre."),
        (
            'timezone = "Africa/Nairobbi"',
            "timezone: 'Africa/Nairobbi' is not a time zone. Did you mean 'Africa/Nairobi'?",
        ),
        ('neighbours = ["KENYA"]', "neighbours: 'KENYA' is not a country code."),
        ('countries = ["KEN"]\nneighbours = ["KEN"]', "KEN is among the countries and among the neighbours"),
        ('level = "admin2"', "level: 'admin2' is no level."),
        ('[licences]\nevent = "x"', "licences: there is no licence of 'event'. Did you mean 'events'?"),
        ('licences = "CC0"', "licences: 'CC0' does not say of what. Write [licences] and events = "),
        ("[places]\nMombasa = 3", "places: 'Mombasa' has no longitude and latitude."),
        ("[places]\nMombasa = [3.5, 120.0]", "places: 'Mombasa' has no longitude and latitude."),
    ],
)
def test_what_is_wrong_in_a_theatre_is_named_with_its_file(tmp_path: Path, line: str, words: str) -> None:
    path = written(tmp_path, line)
    with pytest.raises(ConfigError) as caught:
        Settings(theatre=path)
    assert str(path) in caught.value.message
    assert words in caught.value.message
    with pytest.raises(ConfigError, match=r"theatre\.toml"):
        Settings.load({"theatre": path}, environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ('[groups.a]\nnames = ["*"]', "the name '*' of the group 'a' matches every side of every event."),
        (
            '[groups.a]\nnames = ["LRA"]\n[groups.b]\nnames = ["lra"]',
            "'lra' is a name of two groups, 'a' and 'b'.",
        ),
        ('[groups.a]\nname = ["LRA"]', "the group 'a' has no names."),
        (
            '[groups.a]\nnames = ["LRA"]\nlable = "x"',
            "the group 'a' has no key 'lable'. Did you mean 'label'?",
        ),
        ('[groups.a]\nnames = ["LRA"]\nwith = ["b"]', "'a' is counted with 'b', which is not there."),
    ],
)
def test_groups_that_cannot_be_told_apart_are_named(tmp_path: Path, groups: str, words: str) -> None:
    path = written(tmp_path, FILE.split("[groups.front]")[0] + groups)
    with pytest.raises(ConfigError) as caught:
        load_inputs(Settings(theatre=path))
    assert words in caught.value.message


def test_patterns_match_sides_and_two_groups_share_an_event(tmp_path: Path) -> None:
    path = written(tmp_path, '[groups.front]\nnames = ["Front*"]\n[groups.clan]\nnames = ["Clan A"]')
    table = GroupTable.read(path)
    assert table.group_of("Frontiers", "Civilians") == "front"
    assert table.group_of("Clan A", "Front of X") == "front_vs_clan"
    assert table.group_of("Old Front", "Clan AB") == "other"


def test_a_group_that_matches_nothing_or_everything_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = FILE.replace('names = ["Front*"]', 'names = ["*a*", "*i*"]')
    text += '\n[groups.none]\nnames = ["Fronters"]\n[groups.front_too]\nnames = ["*Coast"]\n'
    text = text.replace("[places]\nMombasa = [39.7, -4.0]", "")
    with caplog.at_level(logging.WARNING, "harmattan"):
        panel = inputs_of(tmp_path, text).panel
    assert "The group 'front' matches all 3 events" in caplog.text
    assert "The group 'none' matches no event; 'Frontiers' is the nearest name there." in caplog.text
    assert "The group 'front_too' matches events of 'front' alone, which is looked for first." in caplog.text
    assert panel.measures["events_none"][panel.observed].sum() == 0


def test_names_in_another_script_are_read_in_latin_letters(tmp_path: Path) -> None:
    path = written(tmp_path, '[groups.shabaab]\nnames = ["حركة الشباب"]\n[groups.front]\nnames = ["Фронт"]')
    table = GroupTable.read(path)
    assert table.group_of("حركة الشباب", "Civilians") == "shabaab"
    assert table.group_of("Фронт", "Civilians") == "front"
    assert table.group_of("جيش", "Civilians") == "other"
    found = inputs_of(tmp_path, FILE.replace('"TZA"]', '"TZA", "SSD"]'), PLACES).panel
    assert "SSD-juba" in found.region_ids


def test_a_country_without_events_is_quiet_where_it_is_named_and_else_unseen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = inputs_of(tmp_path)
    assert set(found.panel.countries) == {"KEN", "TZA"}
    quiet = [c == "TZA" for c in found.panel.countries]
    assert found.panel.observed[:, quiet].all()
    assert found.panel.measures["events"][:, quiet].sum() == 0
    assert found.around is not None
    assert set(found.around.countries) == {"UGA"}
    with caplog.at_level(logging.WARNING, "harmattan"):
        alone = inputs_of(tmp_path, FILE.replace('["KEN", "TZA"]', '["KEN"]'))
    assert set(alone.panel.countries) == {"KEN"}
    assert "Tanzania is in the polygons and not in the source: taken as not observed." in caplog.text


def test_events_of_a_neighbour_without_data_are_left_out_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = FILE.replace('["KEN", "TZA"]', '["TZA"]').replace('["UGA"]', '["KEN"]')
    (written(tmp_path, text).parent / "events.csv").write_text(EVENTS + "2020-04-03,.5,2.5,TZA,A,B,1\n")
    with caplog.at_level(logging.WARNING, "harmattan"):
        found = load_inputs(Settings(theatre=tmp_path / "theatre.toml"))
    assert set(found.panel.countries) == {"TZA"}
    assert (
        "Kenya is a neighbour without data in the theatre: 3 events of the source are left out" in caplog.text
    )


def test_one_country_and_an_island_are_a_theatre(tmp_path: Path) -> None:
    places = (("KEN", "Lamu", 0), ("KEN", "Kwale", 1), ("KEN", "Pemba", 9))
    found = inputs_of(tmp_path, FILE.replace('["KEN", "TZA"]', '["KEN"]'), places)
    assert set(found.panel.countries) == {"KEN"}
    assert found.regions is not None
    assert found.regions.islands == ("KEN-pemba",)


def test_polygons_without_a_country_are_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(HarmattanError, match="country"):
        inputs_of(tmp_path, FILE, (("", "Lamu", 0), *PLACES[1:4]))


def test_a_theatre_without_a_source_is_not_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the theatre names no source of events and no panel"):
        inputs_of(tmp_path, 'name = "The Coast"\n[licences]\nevents = "mine"\n')
    theatre = written(tmp_path, 'regions = "regions.geojson"\n[columns]\ndate = "Day"\n')
    above = Settings.load({"theatre": theatre, "source": "table:events.csv"}, environ={}, cwd=tmp_path)
    assert load_inputs(above).panel.source == "own table events.csv"


def test_a_neighbour_that_is_no_country_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'UGX' is no country\. Did you mean 'UGA'\?"):
        inputs_of(tmp_path, FILE.replace('"UGA"', '"UGX"'))


def test_a_country_that_is_not_in_the_polygons_is_a_named_error(tmp_path: Path) -> None:
    from harmattan.forecast.run import run_forecast

    path = written(tmp_path, FILE.replace('"TZA"]', '"ETH"]'))
    with pytest.raises(HarmattanError, match="ETH"):
        run_forecast(Settings(theatre=path))


def test_licences_are_the_sources_own(tmp_path: Path) -> None:
    found = inputs_of(tmp_path).panel
    assert licences_of(found) == {
        "events": "all rights reserved",
        "regions": NOT_STATED,
        "forecasts": NOT_STATED,
    }
    frame = pd.DataFrame({"month": ["2023-01"], "region_id": "KEN-lamu", "events": [1]})
    for source, licence in (
        ("UCDP GED 24.1", "CC BY 4.0"),
        ("ACLED 2024", "terms of use"),
        ("mine", "not stated"),
    ):
        assert licence in licences_of(Panel.from_frame(frame, source=source))["events"]
    assert timezone_of(Panel.from_frame(frame)) == "Africa/Nairobi"


def test_a_first_file_is_written_from_the_data_and_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = [f"2020-{i % 12 + 1:02d}-03,0.5,0.5,Kenya,Government of Kenya,Al-Front,2" for i in range(90)]
    (tmp_path / "events.csv").write_text(EVENTS + "\n".join(lines), encoding="utf-8")
    given = {"source": f"table:{tmp_path / 'events.csv'}", "columns": "date=Day", "countries": "KEN,TZA"}
    read = Settings.load({**given, "regions": tmp_path / "regions.geojson"}, environ={}, cwd=tmp_path)
    text = draft_theatre(read, tmp_path)
    assert 'countries = ["KEN", "TZA"]' in text
    assert 'In the polygons without an event: ["UGA"]' in text
    assert "[groups.al_front]  # 90 events" in text
    assert '# events = "not stated' in text
    path.write_text(text, encoding="utf-8")
    first = Settings(theatre=path)
    assert first.theatre is not None
    assert first.theatre.timezone == "Africa/Nairobi"
    assert load_inputs(first).panel.measures["events_al_front"].sum() == 90
    with pytest.raises(UsageError, match="source: a theatre file is made from incidents"):
        draft_theatre(Settings(), tmp_path)


def test_a_first_file_joins_spellings_keeps_long_names_apart_and_says_what_lies_beyond(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, front = written(tmp_path), "Movement for the Liberation of the Coast"
    sides = ["Ja'isha", "Jaisha", f"{front} (North)", f"{front} (South)"]
    rows = [f"2020-{i % 12 + 1:02d}-03,0.5,0.5,Kenya,{side},Civilians,2" for side in sides for i in range(81)]
    (tmp_path / "events.csv").write_text(EVENTS + "\n".join(rows), encoding="utf-8")
    given = {
        "source": f"table:{tmp_path / 'events.csv'}",
        "columns": "date=Day",
        "coverage": "KEN=2019-01:2021-12",
    }
    read = Settings.load({**given, "regions": tmp_path / "regions.geojson"}, environ={}, cwd=tmp_path)
    with caplog.at_level(logging.WARNING, "harmattan"):
        text = draft_theatre(read, tmp_path)
    assert "not told apart" not in caplog.text
    path.write_text(text, encoding="utf-8")
    panel = load_inputs(Settings(theatre=path)).panel
    assert [int(panel.measures[m].sum()) for m in panel.measures if "move" in m] == [81, 81]
    assert panel.measures["events_jaisha"].sum() == 162
    assert str(panel.months[0]) == "2019-01"


def test_a_first_file_gives_the_length_of_border_with_each_neighbour(tmp_path: Path) -> None:
    outline = shapely.geometry.mapping(world_outlines()["LSO"])
    polygon = {"type": "Feature", "properties": {"iso3": "LSO", "name": "All"}, "geometry": outline}
    (tmp_path / "r.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [polygon]}))
    (tmp_path / "e.csv").write_text("date,latitude,longitude,country\n2020-01-03,-29.5,28,LSO\n")
    read = Settings(source=f"table:{tmp_path / 'e.csv'}", regions=tmp_path / "r.geojson")
    text = draft_theatre(read, tmp_path)
    assert 'neighbours = ["ZAF"]' in text
    length = re.search(r"# Length of border: ZAF (\d+) km\.", text)
    assert length is not None
    assert 600 < int(length[1]) < 909
    unseen = load_inputs(read).unseen()
    assert unseen.to_dict("records") == [{"country": "LSO", "towards": "ZAF", "km": float(length[1])}]


def test_sides_that_the_shipped_table_does_not_know_are_no_groups(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, FILE.split("[groups.front]")[0])
    rows = [
        f"2020-{i % 12 + 1:02d}-03,0.5,0.5,Kenya,{'AQIM' if i == 3 else 'The Front'},Civilians,2"
        for i in range(30)
    ]
    (tmp_path / "events.csv").write_text(EVENTS + "\n".join(rows), encoding="utf-8")
    with caplog.at_level(logging.WARNING, "harmattan"):
        panel = load_inputs(Settings(theatre=path)).panel
    assert "The groups of 32 of 33 events are in no table: armed groups are not told apart." in caplog.text
    assert [m for m in panel.measures if m.startswith("events_")] == ["events_state_only", "events_other"]


def test_the_command_writes_a_first_file_once(run: Run, tmp_path: Path) -> None:
    written(tmp_path)
    given = ("--source", f"table:{tmp_path / 'events.csv'}", "--columns", "date=Day")
    out = tmp_path / "first.toml"
    words = ("theatre", "init", *given, "--regions", str(tmp_path / "regions.geojson"), "--out", str(out))
    assert "source = " in run(*words, "--dry-run")[1]
    assert not out.exists()
    assert run(*words)[0] == 0
    assert out.read_text(encoding="utf-8").startswith("# A theatre")
    code, _, err = run(*words)
    assert (code, "the file is there already" in err) == (2, True)
    assert run(*words, "--force")[0] == 0


def test_a_theatre_is_built_and_checked_as_it_would_be_forecast(run: Run, tmp_path: Path) -> None:
    theatre, panel = written(tmp_path), tmp_path / "panel.parquet"
    code, out, err = run("data", "build", "--theatre", theatre, "--out", panel, "--json")
    assert code == 0, err
    assert json.loads(out)["regions"] == 3
    forecast = load_inputs(Settings.load({"theatre": theatre}, environ={}, cwd=tmp_path)).panel
    built = Panel.read_parquet(panel)
    assert built.digest() == forecast.digest()
    assert "events_front" in built.measures
    assert built.attrs["theatre"]["timezone"] == "Africa/Nairobi"
    day = ("--run-date", "2021-04-15", "--json")
    first, second = (
        json.loads(run("data", "check", *of, *day)[1]) for of in (("--theatre", theatre), (panel,))
    )
    assert {"coordinates", "duplicates"} <= {check["name"] for check in first["checks"]}
    assert first["status"] == second["status"]


def test_what_a_theatre_does_not_say_of_a_build_is_named(run: Run, tmp_path: Path) -> None:
    code, _, err = run("data", "build", "--source", "table:a.csv")
    assert (code, "--regions: a panel is built of events and polygons" in err) == (2, True)
    code, _, err = run("data", "check")
    assert (code, "what is to be checked?" in err) == (2, True)
    theatre = written(tmp_path)
    code, _, err = run(
        "data", "build", "--theatre", theatre, "--source", "table:a.csv", "--source", "table:b.csv"
    )
    assert (code, "a theatre has one source" in err) == (2, True)
    code, _, err = run("data", "build", "--theatre", theatre, "--countries", "KEN")
    assert (code, "the panel of a theatre holds all countries" in err) == (2, True)
    (tmp_path / "counts.csv").write_text("month,region_id,events\n2020-01,KEN-lamu,1\n", encoding="utf-8")
    theatre.write_text('panel = "counts.csv"\n', encoding="utf-8")
    code, _, err = run("data", "build", "--theatre", theatre)
    assert (code, "this theatre names counts" in err) == (2, True)
