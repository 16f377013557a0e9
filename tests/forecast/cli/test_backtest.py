"""``harmattan backtest`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from command_line import Run
from rich.console import Console
from stand_in import small_panel

from harmattan.forecast.cli.backtest import _cell, _lines, left_out_table


def test_the_command_prints_a_table_and_where_the_rest_is(run: Run, calls: list[Any], tmp_path: Path) -> None:
    small_panel().write_parquet(tmp_path / "p.parquet")
    code, out, err = run(
        "backtest", "--panel", "p.parquet", "--origins", "2020-01:2021-12", "--horizons", "1,3", "--no-track"
    )
    assert (code, err) == (0, "")
    assert "conflictology_12" in out
    assert "h=3" in out
    assert "In brackets: not clearly different (95 %)." in " ".join(out.split())
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert f"Tables   {tmp_path / 'backtests' / 'backtest-events'}" in out


def test_the_command_speaks_json(run: Run, calls: list[Any], tmp_path: Path) -> None:
    small_panel().write_parquet(tmp_path / "p.parquet")
    code, out, _ = run("backtest", "--panel", "p.parquet", "--horizons", "1", "--no-track", "--json")
    told = json.loads(out)
    assert code == 0
    assert {row["member"] for row in told["leaderboard"]} == {
        "zero",
        "conflictology_12",
        "conflictology_24",
        "negative_binomial_12",
        "pool",
    }
    assert told["run_id"] is None


def test_a_dry_run_writes_nothing(run: Run, calls: list[Any], tmp_path: Path) -> None:
    code, out, _ = run("backtest", "--benchmark", "--dry-run")
    assert code == 0
    assert "Would score events in 47 regions, origins 2017-12 to 2022-06" in out
    assert (calls, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--origins", "2020"], "'2020' is not a range of months. Write 2020-01:2022-06."),
        (["--origins", "2021-01:2020-01"], "runs backwards. Write 2020-01:2021-01."),
        (["--origins", "2020-13"], "is not a range of months"),
        (["--horizons", "0:2"], "horizons start at 1"),
        (["--target", "fires"], "'fires' is not a target"),
        (["--target", "events,deaths"], "a back-test has one target"),
        (["--refit", "6"], "--refit: '6' is no refit interval. Write 1 or 12."),
        (["--data-lag", "4"], "--data-lag: '4' is no data lag. Write 0, 1, 2 or 3."),
        (["--members", ","], "no member is named"),
        (["--benchmark", "--origins", "2020-01"], "the benchmark's protocol is fixed"),
        (["--benchmark", "--data-lag", "2"], "one with a lag of 1"),
        (["--benchmark", "--unseal", "--data-lag", "1"], "0 with --unseal"),
        (["--countries", "XXX"], "the panel has no region of XXX"),
        (["--origins", "2023-01:2023-06"], "opens the vault"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(
    run: Run, calls: list[Any], arguments: list[str], said: str
) -> None:
    code, out, err = run("backtest", "--no-track", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert calls == []


def test_skill_that_may_be_nothing_is_in_brackets() -> None:
    row = pd.Series({"crps": 0.3821, "skill_vs_best": 0.069, "best_baseline": "b", "clear": True})
    assert _cell("pool", row) == "0.382\n+6.9"
    row["clear"] = False
    assert _cell("pool", row) == "0.382\n(+6.9)"
    row["best_baseline"] = "pool"
    assert _cell("pool", row) == "0.382\nbest"


def test_the_terminal_shows_what_each_member_is_worth() -> None:
    rows = [
        {"left_out": who, "horizon": 1, "loss_without": w, "loss_without_low": low, "loss_without_high": high}
        for who, w, low, high in (
            ("", 0, 0, 0),
            ("boosted", 0.004, 0.001, 0.007),
            ("zero", -0.01, -0.02, 0.01),
        )
    ]
    console = Console(width=80)
    with console.capture() as said:
        console.print(left_out_table(pd.DataFrame(rows)))
    lines = [line.split() for line in said.get().splitlines()]
    assert any("boosted" in line and "+0.40" in line for line in lines)
    assert any("zero" in line and "(-1.00)" in line for line in lines)


def test_twelve_horizons_can_be_read_in_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    board = pd.DataFrame(
        [
            {
                "member": member,
                "horizon": horizon,
                "crps": 21.123,
                "skill_vs_best": 0.01,
                "best_baseline": "conflictology_12",
                "clear": False,
            }
            for member in ("pool", "conflictology_12")
            for horizon in range(3, 15)
        ]
    )
    evaluation = SimpleNamespace(
        leaderboard=board, windows=None, quiet_years=None, totals=None, leave_one_out=None
    )
    protocol = SimpleNamespace(name="own", first="2014-10", last="2014-10")
    plan = SimpleNamespace(unsealed=False, protocol=protocol, notes=())
    outcome: Any = SimpleNamespace(
        evaluation=evaluation, plan=plan, summary={"target": "deaths", "regions": 3}, out="there", run_id=None
    )
    monkeypatch.setattr("harmattan.forecast.cli.backtest._quiet_lines", lambda _: [])
    monkeypatch.setattr("harmattan.forecast.cli.backtest._sum_lines", lambda _: [])
    assert list(_lines(outcome)) == ["Tables   there"]
    said = capsys.readouterr().out
    assert said.count("conflictology_12") == 2
    assert "h=14" in said
    assert "…" not in said
