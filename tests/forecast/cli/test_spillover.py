"""``harmattan spillover`` and ``harmattan scenario`` as a user meets them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run
from small_worlds import ladder_panel, panel_of

from harmattan.data.panel import Panel
from harmattan.forecast.spillover.job import check_sources


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """Options that name a small panel and its links."""
    panel = ladder_panel(2, 72)
    panel.to_frame().to_parquet(tmp_path / "panel.parquet")
    panel.links.to_csv(tmp_path / "links.csv", index=False)
    return ["--panel", "panel.parquet", "--links", "links.csv", "--draws", "60"]


_PLAIN: dict[tuple[str, ...], tuple[int, str, str]] = {}


def plain(run: Run, data: list[str], *command: str) -> tuple[int, str, str]:
    """What a command says of the small panel as JSON; asked once."""
    if command not in _PLAIN:
        _PLAIN[command] = run(command[0], *data, *command[1:], "--json")
    return _PLAIN[command]


def test_spillover_writes_every_table_and_prints_one(run: Run, data: list[str], tmp_path: Path) -> None:
    code, out, _ = run("spillover", *data, "--out", "found")
    assert code == 0
    assert "of 2 borders show some evidence or more" in out
    names = {p.name for p in (tmp_path / "found").iterdir()}
    assert names >= {"pairs.csv", "countries.csv", "regions.csv", "routes.csv", "chains.csv", "stress.csv"}
    assert len(json.loads((tmp_path / "found" / "diffusion.json").read_text())["endemic"]) == 8


@pytest.mark.slow
def test_spillover_twice_is_the_same(run: Run, data: list[str]) -> None:
    first, again = plain(run, data, "spillover"), run("spillover", *data, "--json")
    assert first == again
    assert json.loads(first[1])["origin"] == "2006-12"


def test_without_a_signal_no_number_is_printed(run: Run, data: list[str]) -> None:
    code, out, _ = run("spillover", *data, "--view", "routes")
    assert code == 0
    assert "0 of 2 borders" in out
    assert out.splitlines()[1:] == ["No evidence shown that anything crosses."]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["spillover", "--view", "route"], 2, "there is no view 'route'. Did you mean 'routes'?"),
        (["spillover", "--evaluate", "--only", "world"], 2, "Did you mean 'worlds'?"),
        (["spillover", "--countries", "CCC"], 3, "'CCC' is not in this panel"),
        (["spillover", "--decay", "0"], 2, "'0.0' is not a number from 0.1 to 10"),
        (["spillover", "--saturation", "nan"], 2, "'nan' is not a number from 0.1"),
        (["scenario"], 2, "needs --set or --paths"),
        (["scenario", "--set", "AAA-1=2x", "--paths", "x.csv"], 2, "needs --set or --paths"),
        (["scenario", "--set", "AAA-1=-4"], 2, "negative"),
        (["scenario", "--set", "AAA-1=10001"], 2, "beyond anything that the model has seen"),
        (["scenario", "--set", "AAA-1=101x"], 2, "factors at most 100"),
        (["scenario", "--set", "AAB-1=2x"], 3, "'AAB-1' is not in this panel. Did you mean 'AAA-1'?"),
        (["scenario", "--paths", "x.csv"], 3, "x.csv: there is no such file"),
    ],
)
def test_what_is_wrong_is_named(
    run: Run, data: list[str], arguments: list[str], code: int, message: str
) -> None:
    found, out, err = run(arguments[0], *data, *arguments[1:])
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


def test_links_that_stay_at_home_are_named(run: Run, data: list[str], tmp_path: Path) -> None:
    links = pd.read_csv(tmp_path / "links.csv")
    links[~links.crosses_border].to_csv(tmp_path / "links.csv", index=False)
    code, _, err = run("spillover", *data)
    assert code == 4
    assert "no link of this panel joins two countries" in err


@pytest.fixture
def narrow(tmp_path: Path) -> list[str]:
    """Options that name the ladder with two more countries: one region on the border to BBB, and one that is joined to
    itself alone."""
    rng, ladder = np.random.default_rng(3), ladder_panel(2, 72)
    more = pd.DataFrame(
        {
            "region_a": ["BBB-4", "DDD-1"],
            "region_b": ["CCC-1", "DDD-2"],
            "border_km": 60.0,
            "crosses_border": [True, False],
        }
    )
    panel = panel_of(
        np.column_stack([ladder.measure("events"), rng.poisson([0.6, 2.0, 1.0], size=(72, 3))]),
        ids=(*ladder.region_ids, "CCC-1", "DDD-1", "DDD-2"),
        links=pd.concat([ladder.links, more], ignore_index=True),
    )
    panel.to_frame().to_parquet(tmp_path / "panel.parquet")
    assert panel.links is not None
    panel.links.to_csv(tmp_path / "links.csv", index=False)
    return ["--panel", "panel.parquet", "--links", "links.csv", "--draws", "60"]


def test_a_source_without_links_across_its_border_is_named(run: Run, narrow: list[str]) -> None:
    code, out, err = run("spillover", *narrow, "--countries", "DDD")
    assert (code, out) == (4, "")
    assert "no link of DDD crosses its border" in err


def test_an_island_among_the_countries_does_not_stop_the_others(
    narrow: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    panel = Panel.from_frame(pd.read_parquet(tmp_path / "panel.parquet"), pd.read_csv(tmp_path / "links.csv"))
    with caplog.at_level(logging.WARNING, "harmattan"):
        check_sources(("BBB", "DDD"), panel)
    assert "No link of DDD crosses its border: nothing is said about what leaves it." in caplog.text


def test_a_country_of_one_region_is_answered_without_a_signal(run: Run, narrow: list[str]) -> None:
    code, out, _ = run("spillover", *narrow, "--countries", "CCC", "--json")
    assert code == 0
    rows = json.loads(out)["pairs"]
    assert {row["target_country"] for row in rows} == {"BBB"}
    assert not any(row["declared"] for row in rows)
    assert all(np.isfinite(row["coefficient"]) for row in rows)


def test_a_scenario_in_a_country_of_one_region_is_answered(
    run: Run, narrow: list[str], tmp_path: Path
) -> None:
    assert run("scenario", *narrow, "--set", "CCC-1=+5", "--out", "what-if")[0] == 0
    assert not pd.read_csv(tmp_path / "what-if" / "scenario.csv").isna().any(axis=None)


def test_more_regions_than_let_through_are_refused(
    run: Run, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMATTAN_SPILLOVER_REGIONS", "7")
    code, out, err = run("spillover", *data)
    assert (code, out) == (4, "")
    assert "spillover between 8 regions would take long" in err
    assert "HARMATTAN_SPILLOVER_REGIONS=8" in err


def test_without_links_at_all_there_is_nothing_to_say(run: Run, data: list[str]) -> None:
    without = [x for x in data if x not in ("--links", "links.csv")]
    for more in ([], ["--countries", "AAA"]):
        code, out, err = run("spillover", *without, *more)
        assert (code, out) == (4, "")
        assert "spillover needs links between regions" in err


def test_an_origin_after_the_end_of_a_countrys_coverage_is_named(
    run: Run, data: list[str], tmp_path: Path
) -> None:
    frame = pd.read_parquet(tmp_path / "panel.parquet")
    ended = frame.region_id.str.startswith("BBB") & (frame.month.astype(str) > "2006-06")
    frame.loc[ended, "observed"] = False
    frame.loc[ended, [c for c in frame if c.startswith(("events", "deaths", "late"))]] = np.nan
    frame.to_parquet(tmp_path / "panel.parquet")
    for command in (["spillover"], ["scenario", "--set", "AAA-1=2x"]):
        code, out, err = run(command[0], *data, *command[1:])
        assert (code, out) == (2, "")
        assert "BBB is not observed in 2006-12" in err
        assert "Choose --as-of 2006-06" in err


def test_an_empty_table_of_paths_is_refused(run: Run, data: list[str], tmp_path: Path) -> None:
    (tmp_path / "paths.csv").write_text("month,region_id,events\n")
    code, out, err = run("scenario", *data, "--paths", "paths.csv")
    assert (code, out) == (2, "")
    assert "paths.csv: the table has no row" in err


def test_an_origin_behind_the_vault_is_refused(run: Run) -> None:
    code, _, err = run("spillover", "--evaluate", "--only", "placebos", "--as-of", "2023-06")
    assert code == 2
    assert "closed to evaluations" in err


@pytest.mark.slow
def test_another_kernel_gives_another_answer(run: Run, data: list[str], tmp_path: Path) -> None:
    for command in (["spillover"], ["scenario", "--set", "AAA-1=5"]):
        more = ("--decay", "2", "--saturation", "3", "--out", command[0])
        usual, other = plain(run, data, *command), run(command[0], *data, *command[1:], *more, "--json")
        assert (usual[0], other[0]) == (0, 0)
        assert usual[1] != other[1]
    stored = json.loads((tmp_path / "spillover" / "diffusion.json").read_text())
    assert stored["kernel"] == {"decay": 2.0, "saturation": 3.0, "common_border": "length"}


def test_a_scenario_prints_and_writes_its_difference(run: Run, data: list[str], tmp_path: Path) -> None:
    code, out, _ = run("scenario", *data, "--set", "AAA-2=+20", "--months", "3", "--out", "what-if")
    assert code == 0
    assert "Expected events in 6 months from 2006-12" in out
    table = pd.read_csv(tmp_path / "what-if" / "scenario.csv")
    assert set(table.month) == {*(f"2007-0{m}" for m in range(1, 7)), "all"}
    own = table[(table.place == "AAA-2") & (table.month == "2007-01")].iloc[0]
    assert own.difference == pytest.approx(20, abs=6)
    assert (tmp_path / "what-if" / "scenario.svg").read_text().startswith("<svg")


def test_a_dry_run_writes_nothing(run: Run, data: list[str], tmp_path: Path) -> None:
    before = {p.name for p in tmp_path.iterdir()}
    assert run("scenario", *data, "--set", "AAA-2=2x", "--dry-run", "--out", "x")[:2] == (
        0,
        "Would simulate 6 months from 2006-12, 1 regions set.\n",
    )
    code, out, _ = run("spillover", *data, "--dry-run", "--json", "--out", "x")
    assert (code, json.loads(out)["regions"]) == (0, 8)
    assert {p.name for p in tmp_path.iterdir()} == before


def test_placebos_on_a_small_panel(run: Run, data: list[str]) -> None:
    code, out, _ = run("spillover", *data, "--evaluate", "--only", "placebos", "--json")
    assert code == 0
    tables = json.loads(out)
    about = tables["about"][0]
    assert (about["last_month"], about["unsealed"], about["seed"]) == ("2006-12", False, 20231)
    assert len(about["data_hash"]) == 64
    assert set(tables) == {"about", "placebo_borders", "placebo_time"}
    assert np.all([0 <= row["p_permuted"] <= 1 for row in tables["placebo_borders"]])


def test_a_scenario_says_what_is_beyond_the_record_and_what_such_changes_brought(
    run: Run, data: list[str]
) -> None:
    code, out, _ = run("scenario", *data, "--set", "AAA-1=2000", "--json")
    found = json.loads(out)
    assert code == 0
    assert "read its direction, not its size" in found["warnings"][0]
    assert found["past_changes"][0]["cases"] == 0


def test_analogues_are_listed_and_written(run: Run, data: list[str], tmp_path: Path) -> None:
    source = [d for d in data if d not in ("--draws", "60")]
    code, out, _ = run("analogues", "AAA-1", *source, "--out", "found")
    assert code == 0
    assert "past months most like" in out
    assert "next door" in out
    assert {p.name for p in (tmp_path / "found").iterdir()} == {"analogues.csv", "analogues_summary.csv"}
