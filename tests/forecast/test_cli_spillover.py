"""``harmattan spillover`` and ``harmattan scenario`` as a user meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel

from harmattan.forecast import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARMATTAN_DEBUG", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["harmattan", *arguments])
        try:
            cli.main()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return call


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """Options that name a small panel and its links."""
    panel = ladder_panel(2, 72)
    panel.to_frame().to_parquet(tmp_path / "panel.parquet")
    panel.links.to_csv(tmp_path / "links.csv", index=False)
    return ["--panel", "panel.parquet", "--links", "links.csv", "--draws", "60"]


def test_spillover_writes_every_table_and_prints_one(run: Run, data: list[str], tmp_path: Path) -> None:
    code, out, _ = run("spillover", *data, "--out", "found")
    assert code == 0
    assert "of 2 borders carry a declared signal" in out
    names = {p.name for p in (tmp_path / "found").iterdir()}
    assert names >= {"pairs.csv", "countries.csv", "regions.csv", "routes.csv", "chains.csv", "stress.csv"}
    assert len(json.loads((tmp_path / "found" / "diffusion.json").read_text())["endemic"]) == 8


def test_spillover_twice_is_the_same(run: Run, data: list[str]) -> None:
    first, again = (run("spillover", *data, "--json") for _ in range(2))
    assert first == again
    assert json.loads(first[1])["origin"] == "2006-12"


def test_without_a_signal_no_number_is_printed(run: Run, data: list[str]) -> None:
    code, out, _ = run("spillover", *data, "--view", "routes")
    assert code == 0
    assert "0 of 2 borders" in out
    assert out.splitlines()[1:] == ["no measurable signal"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["spillover", "--view", "route"], 2, "there is no view 'route'. Did you mean 'routes'?"),
        (["spillover", "--evaluate", "--only", "world"], 2, "Did you mean 'worlds'?"),
        (["spillover", "--countries", "CCC"], 3, "'CCC' is not in this panel"),
        (["scenario"], 2, "needs --set or --paths"),
        (["scenario", "--set", "AAA-1=2x", "--paths", "x.csv"], 2, "needs --set or --paths"),
        (["scenario", "--set", "AAA-1=-4"], 2, "negative"),
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


def test_an_origin_behind_the_vault_is_refused(run: Run) -> None:
    code, _, err = run("spillover", "--evaluate", "--only", "placebos", "--as-of", "2023-06")
    assert code == 2
    assert "closed to evaluations" in err


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
