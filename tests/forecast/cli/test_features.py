"""``harmattan features``: what it prints, what it writes, how it fails."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run

from harmattan.features import Recipe


@pytest.fixture
def run(run: Run) -> Run:
    """Run one of the commands around features in an empty folder."""
    return partial(run, "features")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A panel of three regions over four years, links, and a static table."""
    months = pd.period_range("2001-01", periods=48, freq="M").astype(str)
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"month": np.repeat(months, 3), "region_id": ["AAA-1", "AAA-2", "BBB-1"] * 48})
    frame["events"] = rng.poisson(1.0, len(frame))
    frame["deaths_best"] = 2 * frame["events"]
    frame.to_csv(tmp_path / "panel.csv", index=False)
    links = pd.DataFrame(
        {"region_a": ["AAA-1", "AAA-2"], "region_b": ["AAA-2", "BBB-1"], "border_km": [50.0, 20.0]}
    )
    links.assign(crosses_border=[False, True]).to_csv(tmp_path / "links.csv", index=False)
    static = pd.DataFrame({"region_id": ["AAA-1", "AAA-2", "BBB-1"], "population": [1, 2, 3]})
    static.to_csv(tmp_path / "static.csv", index=False)
    return {"panel": "panel.csv", "links": "links.csv", "static": "static.csv"}


RECIPE = """
[[feature]]
term = "Sum"
window = 3

[[feature]]
term = "Neighbours"
of = { term = "Ewm", half_life = 3 }

[[feature]]
term = "Static"
column = "population"
"""


def test_show_prints_the_table(run: Run) -> None:
    code, out, _ = run("show")
    assert code == 0
    assert out.splitlines()[0].split() == ["name", "unit", "family", "latest", "month"]
    assert len(out.splitlines()) == 1 + len(Recipe.default())


def test_show_prints_a_file_that_is_the_recipe(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(run("show", "--toml")[1], encoding="utf-8")
    found = json.loads(run("show", "--recipe", "mine.toml", "--json")[1])
    assert found["digest"] == Recipe.default().digest()
    assert [f["name"] for f in found["features"]] == list(Recipe.default().names)


def test_build_writes_every_row(run: Run, files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE, encoding="utf-8")
    given = [word for name, value in files.items() for word in (f"--{name}", value)]
    code, out, err = run("build", *given, "--recipe", "mine.toml", "--out", "cube.parquet", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"path": "cube.parquet", "features": 3, "rows": 144, "blocks": 1, "dropped": {}}
    frame = pd.read_parquet(tmp_path / "cube.parquet")
    assert list(frame.columns) == ["month", "region_id", "events_sum3", "near1_events_ewm3", "population"]
    assert len(frame) == 144


def test_build_says_what_it_leaves_out(run: Run, files: dict[str, str]) -> None:
    code, out, _ = run("build", "--panel", files["panel"], "--out", "cube.parquet")
    assert code == 0
    assert "Wrote " in out
    assert "left out abroad1_events_ewm3: this panel has no links" in out
    assert "left out armed groups: the default recipe has only those of the shipped theatre" in out
    assert "jnim" not in out


def test_a_dry_run_writes_nothing(run: Run, files: dict[str, str], tmp_path: Path) -> None:
    code, out, _ = run("build", "--panel", files["panel"], "--out", "cube.parquet", "--dry-run")
    assert code == 0
    assert out.startswith("Would write ")
    assert not (tmp_path / "cube.parquet").exists()


@pytest.mark.slow
def test_audit_passes_the_default_and_catches_a_leak(run: Run, files: dict[str, str], tmp_path: Path) -> None:
    assert run("audit", "--panel", files["panel"], "--origins", "1")[0] == 0
    (tmp_path / "leaky.py").write_text(
        "import numpy as np\n\n\ndef ahead(panel):\n    return np.roll(panel.measure('events'), -1, axis=0)\n",
        encoding="utf-8",
    )
    arguments = ("audit", "--panel", files["panel"], "--origins", "1", "--function", "ahead=leaky:ahead")
    code, out, err = run(*arguments)
    assert (code, err) == (3, "")
    assert "ahead: row t changes with month t+1" in out
    code, out, _ = run(*arguments, "--json")
    assert code == 3
    found = json.loads(out)
    assert not found["passed"]
    assert [f["feature"] for f in found["features"] if not f["passed"]] == ["ahead"]


def test_audit_knows_what_is_published_late(run: Run, files: dict[str, str]) -> None:
    arguments = ("audit", "--panel", files["panel"], "--origins", "1", "--delay", "deaths_best=2")
    code, out, _ = run(*arguments)
    assert code == 3
    assert "deaths_best_ewm3: " in out
    assert "events_sum3" not in out


FAILURES = {
    "misspelled key": (
        ("show", "--recipe", "bad.toml"),
        2,
        "error: bad.toml, feature 1: unknown key 'windw' for Sum. Did you mean 'window'?\n",
    ),
    "no recipe": (("show", "--recipe", "none.toml"), 3, "error: none.toml: there is no such recipe file."),
    "no panel": (("audit", "--panel", "none.csv"), 3, "none.csv: the file does not exist."),
    "no static table": (
        ("build", "--panel", "panel.csv", "--static", "none.csv", "--out", "c.parquet"),
        3,
        "error: none.csv: there is no such file.",
    ),
    "too little memory": (
        ("build", "--panel", "panel.csv", "--memory", "1kB", "--out", "c.parquet"),
        2,
        "error: 0.001 MB do not hold one block by regions. Give 1MB or more.\n",
    ),
    "no folder": (
        ("build", "--panel", "panel.csv", "--out", "none/c.parquet"),
        3,
        "error: none: there is no such folder.",
    ),
    "no module": (("show", "--function", "x=nowhere_at_all:f"), 2, "'nowhere_at_all' cannot be imported"),
    "no function": (("show", "--function", "x=json:dunps"), 2, "Did you mean 'dumps'?"),
    "no pair": (("show", "--function", "json:dumps"), 2, "'json:dumps' is not NAME=VALUE."),
    "no colon": (("show", "--function", "x=json"), 2, "'json' is not MODULE:FUNCTION."),
    "delay of a stranger": (
        ("audit", "--panel", "panel.csv", "--delay", "deaths_bst=2"),
        2,
        "Did you mean 'deaths_best'?",
    ),
    "delay in words": (("audit", "--panel", "panel.csv", "--delay", "events=two"), 2, "is 'two'."),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_one_line_and_an_exit_code(
    run: Run, files: dict[str, str], tmp_path: Path, case: str
) -> None:
    (tmp_path / "bad.toml").write_text("[[feature]]\nterm = 'Sum'\nwindw = 3\n", encoding="utf-8")
    arguments, expected, message = FAILURES[case]
    code, out, err = run(*arguments)
    assert code == expected
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
    assert not (tmp_path / "c.parquet").exists()


@pytest.mark.parametrize("command", ["show", "build", "audit"])
def test_help_has_examples(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"harmattan features {command}" in out.split("Examples:")[1]
