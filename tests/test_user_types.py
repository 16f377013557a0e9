"""A user's typed script: what the public names promise holds under mypy's strict rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
from pathlib import Path

import numpy as np
import pandas as pd

import harmattan
from harmattan import Draws, Forecaster, Margins, Member, Panel, Regressor, Settings, TableMember
from harmattan.features import Lag, Recipe, Sum
from harmattan.training import negative_binomial
from harmattan.training.models import Problem


class Level:
    name = "level"

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> "Level":
        return self

    def margins(self, problem: Problem, origin: pd.Period) -> Margins | None:
        mean: np.ndarray = problem.counts[-12:].mean(axis=0)
        return negative_binomial(mean, np.ones(len(mean)))


mine: Member = Level()
panel: Panel = harmattan.load_snapshot().panel.with_covariates(pd.DataFrame(), lag={"rain": 1})
recipe = Recipe([Lag(0), Sum(12)])
theirs = TableMember(Path("theirs.parquet"), target="events")
board: pd.DataFrame = harmattan.backtest(panel, members=["...", mine, theirs], horizons=[1]).leaderboard
model = Forecaster(horizons=3, members=[mine, "zero"], recipe=recipe).fit(panel)
draws: Draws = model.predict([1, 2])
table: pd.DataFrame = draws.to_long(levels=[80])
chance: pd.DataFrame = model.update(panel).predict_proba(at_least=5)
again: Forecaster = Forecaster.load(model.save("folder"))
found = harmattan.evaluate(table, panel)
pairs: pd.DataFrame = found.compare("mine", "pool")
found.plot("skill").savefig("skill.png")
result = harmattan.run_forecast(Settings(draws=100), panel=panel, members=[mine])
outcome = harmattan.train(Settings(), members=["...", mine])
version: str = outcome.version
wrong: int = draws.origin
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script, beside the package as a wheel lays it out."""
    made = tmp_path_factory.mktemp("user")
    site = made / "site"
    shutil.copytree(ROOT / "forecast" / "harmattan", site / "harmattan")
    for room in ("data", "features", "training", "forecast"):
        skip = shutil.ignore_patterns("__pycache__", "harmattan")
        shutil.copytree(ROOT / room, site / "harmattan" / room, ignore=skip)
    (made / "user.py").write_text(SCRIPT)
    return made


def said(folder: Path, checker: str, *arguments: str) -> str:
    environment = {**os.environ, "MYPYPATH": str(folder / "site")}
    command = [sys.executable, "-m", checker, *arguments, "user.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200)
    return done.stdout


@pytest.mark.slow
def test_a_typed_script_of_a_user_is_checked_and_its_mistake_found(folder: Path) -> None:
    out = said(folder, "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"))
    mine = [line for line in out.splitlines() if line.startswith("user.py")]
    assert len(mine) == 1, out
    assert 'expression has type "Period"' in mine[0]
    assert "variable has type" in mine[0]


@pytest.mark.slow
def test_pyright_finds_the_same_mistake_and_no_other(folder: Path) -> None:
    pytest.importorskip("pyright")
    (folder / "pyrightconfig.json").write_text('{"extraPaths": ["site"], "typeCheckingMode": "standard"}')
    out = said(folder, "pyright", "--outputjson", "--pythonpath", sys.executable)
    (mine,) = json.loads(out)["generalDiagnostics"]
    assert mine["rule"] == "reportAssignmentType", mine
    assert SCRIPT.splitlines()[mine["range"]["start"]["line"]] == "wrong: int = draws.origin"
