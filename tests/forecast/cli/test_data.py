"""``harmattan data``: every command, its files, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Run

from harmattan.data.panel import Panel
from harmattan.data.snapshot.load import FILES
from harmattan.forecast.cli.data import app

Data = Callable[..., tuple[str, str]]


@pytest.fixture
def data(run: Run) -> Data:
    """Run one of the commands around data, which must end with ``code``; gives output and errors."""

    def call(*words: object, code: int = 0) -> tuple[str, str]:
        got, out, err = run("data", *words)
        assert got == code, err
        return out, err

    return call


@pytest.fixture
def world(data: Data, tmp_path: Path) -> Path:
    data(
        "simulate",
        "--out",
        tmp_path / "w",
        "--geometry",
        "grid",
        "--months",
        36,
        "--permeability",
        "MLI>BFA=1",
    )
    return tmp_path / "w"


def both(world: Path) -> list[Any]:
    coverage = "MLI=2009-01:2011-12,BFA=2009-01:2011-12"
    return ["--regions", world / "regions.geojson", "--coverage", coverage]


def test_simulate_writes_events_and_the_truth(world: Path) -> None:
    names = {p.name for p in world.iterdir()}
    assert names == {"events.csv", "regions.geojson", "links.csv", "means.csv", "shares.csv"}
    shares = (
        pd.read_csv(world / "shares.csv").groupby(["source_country", "target_country"])["share_direct"].max()
    )
    assert shares["MLI", "BFA"] > 0
    assert shares["BFA", "MLI"] == 0


def test_build_prints_a_ledger_that_balances(data: Data, world: Path, tmp_path: Path) -> None:
    out, _ = data(
        "build",
        "--source",
        f"ucdp:{world / 'events.csv'}",
        *both(world),
        "--out",
        tmp_path / "p.parquet",
        "--json",
    )
    ledger = json.loads(out)
    outcomes = {r["outcome"]: r["events"] for r in ledger["outcomes"]}
    events = len(pd.read_csv(world / "events.csv"))
    assert outcomes["read"] == events == sum(v for k, v in outcomes.items() if k != "read")
    panel = Panel.read_parquet(tmp_path / "p.parquet")
    assert panel.digest() == ledger["data_hash"]
    assert np.nansum(panel.measures["events"]) == outcomes["placed"]


def test_dry_runs_write_nothing(data: Data, world: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    data(
        "build", "--source", world / "events.csv", *both(world), "--out", tmp_path / "p.parquet", "--dry-run"
    )
    data("simulate", "--out", tmp_path / "other", "--geometry", "grid", "--months", 24, "--dry-run")
    data("fetch", "ucdp", "--version", "25.1", "--dry-run")
    arguments = ["--regions", world / "regions.geojson", "--countries", "MLI,BFA", "--out", tmp_path / "s"]
    data("snapshot", "--source", world / "events.csv", *arguments, "--dry-run")
    assert sorted(tmp_path.rglob("*")) == before


def test_snapshot_writes_its_files(data: Data, world: Path, tmp_path: Path) -> None:
    arguments = [
        "--regions",
        world / "regions.geojson",
        "--countries",
        "MLI,BFA",
        "--out",
        tmp_path / "s",
        "--json",
    ]
    out, _ = data("snapshot", "--source", world / "events.csv", *arguments)
    assert set(json.loads(out)["files"]) >= set(FILES)


def test_check_of_a_panel_green_then_stale(data: Data, world: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    data("build", "--source", world / "events.csv", *both(world), "--out", path)
    out, _ = data("check", path, "--run-date", "2012-01-31", "--json")
    assert json.loads(out)["status"] in ("green", "amber")
    out, err = data("check", path, "--run-date", "2013-01-31", code=10)
    assert "red    freshness" in out
    assert err.startswith("error: ")


def test_check_of_events(data: Data, world: Path) -> None:
    out, _ = data("check", f"ucdp:{world / 'events.csv'}", *both(world), "--run-date", "2012-01-31", "--json")
    names = {c["name"] for c in json.loads(out)["checks"]}
    assert {"freshness", "coordinates", "duplicates", "repairs"} <= names


def test_diff_of_two_panels(data: Data, world: Path, tmp_path: Path) -> None:
    events = pd.read_csv(world / "events.csv")
    events.iloc[:-5].to_csv(tmp_path / "fewer.csv", index=False)
    for name, source in (("a", tmp_path / "fewer.csv"), ("b", world / "events.csv")):
        data("build", "--source", source, *both(world), "--out", tmp_path / f"{name}.parquet")
    out, _ = data(
        "diff", tmp_path / "a.parquet", tmp_path / "b.parquet", "--out", tmp_path / "d.csv", "--json"
    )
    table = pd.DataFrame(json.loads(out)["changes"])
    assert table.loc[table["measure"] == "events", "change"].sum() == 5
    assert len(pd.read_csv(tmp_path / "d.csv")) == len(table)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "none.csv"), "the file does not exist"),
        (("fetch", "gdelt"), "'gdelt' cannot be fetched"),
        (("fetch", "ucdp"), "which release?"),
        (("fetch", "ucdp", "--version", "25"), "'25' is not a UCDP release"),
        (("simulate", "--out", "x", "--own", "2"), "this world explodes"),
        (("simulate", "--out", "x", "--permeability", "MLI=1"), "names ''"),
        (("check", "x.csv", "--run-date", "soon"), "'soon' is not a day"),
        (("check", "table:x.csv"), "--regions: incidents need polygons to be placed in."),
    ],
)
def test_wrong_requests_are_one_line(
    data: Data, arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    _, err = data(*arguments, code=3 if arguments[:2] == ("check", "none.csv") else 2)
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_command_has_an_example() -> None:
    assert {c.callback.__name__ for c in app.registered_commands if c.callback} == {
        "build", "snapshot", "check", "delay", "fetch", "diff", "simulate",
    }  # fmt: skip
    for command in app.registered_commands:
        assert command.callback is not None
        assert "harmattan data " in (command.callback.__doc__ or "")
