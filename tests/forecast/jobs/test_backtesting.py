"""A back-test from options to files: what is written, what is recorded, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stand_in import small_panel, stand_in

import harmattan
from harmattan.data.errors import OriginError, ReleaseError, TrackingError, UsageError
from harmattan.data.panel import Panel
from harmattan.forecast.jobs import backtesting as backtest_job
from harmattan.forecast.jobs.backtest_plan import BacktestSettings, make_plan
from harmattan.forecast.jobs.backtesting import run_backtest_job
from harmattan.forecast.settings import Settings
from harmattan.training.evaluation.leaderboard import border_regions
from harmattan.training.evaluation.protocol import HOUSE


@pytest.fixture
def settings(tmp_path: Path) -> BacktestSettings:
    """A small panel on disk, two years of origins."""
    small_panel().write_parquet(tmp_path / "panel.parquet")
    base = Settings(panel=tmp_path / "panel.parquet", horizons=(1, 3), track=False)
    months = pd.Period("2020-01", freq="M"), pd.Period("2021-12", freq="M")
    return BacktestSettings(base=base, origins=months, out=tmp_path / "out")


def test_every_table_is_written_and_readable(calls: list[Any], settings: BacktestSettings) -> None:
    outcome = run_backtest_job(settings)
    names = {"leaderboard", "splits", "onsets", "coverage", "reliability", "pit", "weights", "cases", "quiet"}
    names.add("quiet_years")
    written = {p.name for p in settings.out.iterdir()}
    csv = {"leaderboard.csv", "splits.csv", "onsets.csv", "coverage.csv", "quiet.csv", "quiet_years.csv"}
    assert written == {f"{n}.parquet" for n in names} | csv | {"leaderboard.json"}
    board = pd.read_parquet(settings.out / "leaderboard.parquet")
    pd.testing.assert_frame_equal(board, outcome.evaluation.leaderboard)
    told = json.loads((settings.out / "leaderboard.json").read_text())
    assert [row["crps"] for row in told["leaderboard"]] == pytest.approx(board["crps"].tolist(), rel=1e-8)
    assert (told["protocol"]["first"], told["unsealed"], told["target"]) == ("2020-01", False, "events")
    cases = pd.read_parquet(settings.out / "cases.parquet")
    assert len(cases) == 5 * 2 * 24 * 4  # members, horizons, origins, regions


@pytest.mark.slow
def test_the_pool_without_each_member_is_a_table_of_its_own(
    calls: list[Any], settings: BacktestSettings
) -> None:
    outcome = run_backtest_job(replace(settings, leave_one_out=True))
    table = pd.read_parquet(settings.out / "leave_one_out.parquet")
    pd.testing.assert_frame_equal(table, outcome.evaluation.leave_one_out)
    assert (settings.out / "leave_one_out.csv").is_file()
    told = json.loads((settings.out / "leaderboard.json").read_text())
    assert [row["verdict"] for row in told["leave_one_out"]] == table["verdict"].tolist()


def test_the_same_settings_give_the_same_bytes(calls: list[Any], settings: BacktestSettings) -> None:
    run_backtest_job(settings)
    before = {p.name: p.read_bytes() for p in settings.out.iterdir()}
    other = replace(settings, base=replace(settings.base, workers=2))
    run_backtest_job(other)
    assert {p.name: p.read_bytes() for p in settings.out.iterdir()} == before
    assert [p.name for p in settings.out.parent.iterdir() if p.name.startswith(".")] == []


def test_the_models_see_nothing_after_the_last_target(calls: list[Any], settings: BacktestSettings) -> None:
    run_backtest_job(settings)
    call = calls[0]
    assert str(call["problems"].panel.months[-1]) == "2022-03"
    assert call["problems"].cube.values.shape[0] == len(call["problems"].panel.months)
    assert (call["refit_every"], call["data_lag"], call["as_of"]) == (12, 0, None)


def test_what_is_not_observed_is_not_scored(
    calls: list[Any], settings: BacktestSettings, tmp_path: Path
) -> None:
    small_panel(last_unseen=24).write_parquet(tmp_path / "panel.parquet")
    outcome = run_backtest_job(settings)
    cases = outcome.evaluation.cases
    last = cases[cases["region_id"] == "BBB-b"].groupby("horizon")["origin"].max()
    assert last.to_dict() == {1: "2020-11", 3: "2020-09"}


def test_a_folder_with_other_files_is_never_replaced(calls: list[Any], settings: BacktestSettings) -> None:
    settings.out.mkdir()
    (settings.out / "thesis.txt").write_text("precious")
    with pytest.raises(ReleaseError, match="holds something else than a back-test"):
        run_backtest_job(settings)
    assert calls == []
    assert (settings.out / "thesis.txt").read_text() == "precious"


def test_a_failing_disk_leaves_the_earlier_tables(
    calls: list[Any], settings: BacktestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_backtest_job(settings)
    before = {p.name: p.read_bytes() for p in settings.out.iterdir()}

    def full(*given: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(ReleaseError, match="No space left on device"):
        run_backtest_job(settings)
    assert {p.name: p.read_bytes() for p in settings.out.iterdir()} == before


def test_the_vault_is_shut_on_the_snapshot(calls: list[Any], settings: BacktestSettings) -> None:
    months = pd.Period("2022-01", freq="M"), pd.Period("2022-10", freq="M")
    shut = replace(settings, base=replace(settings.base, panel=None), origins=months)
    with pytest.raises(UsageError, match="scoring 2023-01 opens the vault"):
        make_plan(shut)
    assert make_plan(replace(shut, unseal=True)).unsealed
    assert not make_plan(replace(shut, base=replace(shut.base, horizons=(1, 2)))).unsealed


@pytest.mark.slow
def test_an_open_vault_is_recorded(calls: list[Any], settings: BacktestSettings) -> None:
    open_ = replace(settings, base=Settings(track=False), origins=None, benchmark=True, unseal=True)
    outcome = run_backtest_job(open_)
    told = json.loads((settings.out / "leaderboard.json").read_text())
    assert told["unsealed"] is True
    assert told["protocol"]["name"] == "vault"
    first = {str(call["origins"][h][0] + h) for call in calls for h in call["horizons"]}
    assert first == {"2023-01"}
    assert len(outcome.evaluation.leaderboard["horizon"].unique()) == 6


def test_own_data_have_no_vault(calls: list[Any], tmp_path: Path) -> None:
    small_panel(120).write_parquet(tmp_path / "panel.parquet")
    base = Settings(panel=tmp_path / "panel.parquet", horizons=(1,), track=False)
    plan = make_plan(BacktestSettings(base=base, out=tmp_path / "out"))
    assert (str(plan.protocol.last), plan.unsealed) == ("2024-11", False)


def test_the_benchmark_is_the_house_protocol(settings: BacktestSettings) -> None:
    house = replace(settings, base=Settings(track=False), origins=None, benchmark=True)
    plan = make_plan(house)
    assert (plan.protocol, len(plan.regions), plan.unsealed) == (HOUSE, 47, False)
    assert str(plan.panel.months[-1]) == "2022-12"


@pytest.mark.slow
def test_the_benchmark_finds_the_known_figures(calls: list[Any], settings: BacktestSettings) -> None:
    house = replace(settings, base=Settings(track=False), origins=None, benchmark=True)
    board = run_backtest_job(house).evaluation.leaderboard.set_index(["member", "horizon"])
    for horizon, crps in ((1, 0.410), (3, 0.433), (6, 0.453)):
        assert board.loc[("conflictology_12", horizon), "crps"] == pytest.approx(crps, abs=0.001)
    call = calls[0]
    assert (len(call["origins"]), len(call["regions"]), call["refit_every"]) == (55, 47, 12)


@pytest.mark.slow
def test_the_benchmark_shows_the_window_before_as_well(calls: list[Any], settings: BacktestSettings) -> None:
    house = replace(settings, base=Settings(track=False), origins=None, benchmark=True)
    windows = run_backtest_job(house).evaluation.windows.query("member == 'pool'")
    assert list(dict.fromkeys(windows["window"])) == ["2012-01 to 2017-12", "2018-01 to 2022-12", "mean"]
    skill = windows.pivot_table(index="horizon", columns="window", values="skill_vs_best")
    two = skill[["2012-01 to 2017-12", "2018-01 to 2022-12"]]
    np.testing.assert_allclose(skill["mean"], two.mean(axis=1))
    before = calls[1]["origins"]
    targets = {str(o + h) for h in calls[1]["horizons"] for o in before[h]}
    assert len(calls) == 2
    assert (min(targets), max(targets)) == ("2012-01", "2017-12")
    assert (settings.out / "windows.csv").is_file()


def test_the_live_table_sees_less(calls: list[Any], settings: BacktestSettings) -> None:
    live = replace(settings, base=Settings(track=False), origins=None, benchmark=True, data_lag=1)
    plan = make_plan(live)
    assert (plan.protocol.name, plan.protocol.data_lag) == ("live", 1)
    as_of = backtest_job.FirstReleaseProblems(plan.protocol)
    from harmattan.features.recipe import Recipe
    from harmattan.training.models.base import Problem

    problem = Problem(plan.panel, Recipe.default().build(plan.panel))
    origin = pd.Period("2022-06", freq="M")
    seen = as_of(problem, origin)
    assert str(seen.panel.months[-1]) == "2022-05"
    row = seen.row(origin - 1)
    np.testing.assert_array_equal(seen.counts[:row], problem.counts[:row])
    mali = np.array(seen.panel.countries) == "MLI"
    kept = seen.counts[row, mali].sum() / problem.counts[row, mali].sum()
    assert 0.6 < kept < 1
    np.testing.assert_array_equal(as_of(problem, origin).cube.values, seen.cube.values)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"panel": Path("x.parquet")}, "panel"),
        ({"links": Path("x.csv")}, "links"),
        ({"horizons": (1, 2)}, "horizons"),
        ({"countries": ("MLI",)}, "countries"),
        ({"seed": 5}, "seed"),
        ({"layer": "burkina-2025"}, "layer"),
        ({"month_rule": "even"}, "month_rule"),
    ],
)
def test_nothing_changes_the_benchmark(change: dict[str, Any], option: str, tmp_path: Path) -> None:
    settings = BacktestSettings(base=replace(Settings(), **change), benchmark=True, out=tmp_path)
    with pytest.raises(UsageError, match=f"{option}: the benchmark's protocol is fixed"):
        make_plan(settings)


@pytest.mark.parametrize(
    ("first", "last", "what"),
    [
        ("2016-06", "2016-08", "2016-06 cannot be an origin: .* Choose origins from 2017-12 to 2022-09"),
        ("2022-10", "2022-11", "2023-02 cannot be scored: the data end in 2022-12"),
        ("1980-01", "1980-02", "cannot be an origin"),
    ],
)
def test_origins_outside_the_data(settings: BacktestSettings, first: str, last: str, what: str) -> None:
    months = pd.Period(first, freq="M"), pd.Period(last, freq="M")
    with pytest.raises(OriginError, match=what):
        make_plan(replace(settings, origins=months))


@pytest.mark.parametrize("months", [2, 12, 38])
def test_too_short_a_history(settings: BacktestSettings, tmp_path: Path, months: int) -> None:
    small_panel(months).write_parquet(tmp_path / "panel.parquet")
    with pytest.raises(OriginError, match="Bring a longer history"):
        make_plan(replace(settings, origins=None))


def test_months_in_which_nothing_was_observed(
    calls: list[Any], settings: BacktestSettings, tmp_path: Path
) -> None:
    frame = small_panel().to_frame()
    frame.loc[frame["month"].between("2020-02", "2022-06"), "observed"] = False
    Panel.from_frame(frame).write_parquet(tmp_path / "panel.parquet")
    with pytest.raises(OriginError, match="no outcome was observed"):
        run_backtest_job(settings)
    assert not settings.out.exists()


@pytest.mark.slow
def test_a_run_in_mlflow_says_what_it_was(
    calls: list[Any], settings: BacktestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def log_run(record: Any, folder: Path, uri: str | None) -> str:
        seen.append(record)
        return "run-7"

    monkeypatch.setattr("harmattan.training.registry.runs.log_run", log_run)
    outcome = run_backtest_job(replace(settings, base=replace(settings.base, track=True)))
    (record,) = seen
    assert outcome.run_id == "run-7"
    assert record.name == "backtest own events"
    assert record.tags["unsealed"] == "false"
    assert record.tags["data_hash"] == outcome.plan.panel.digest()
    assert sorted(record.metrics["crps.events.pool"]) == [1, 3]
    assert "leaderboard.json" in {path.name for path in record.files}


@pytest.mark.slow
def test_tables_survive_a_broken_mlflow(
    calls: list[Any], settings: BacktestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log_run(*given: Any) -> str:
        raise TrackingError("no store.")

    monkeypatch.setattr("harmattan.training.registry.runs.log_run", log_run)
    outcome = run_backtest_job(replace(settings, base=replace(settings.base, track=True)))
    assert outcome.tracking_error is not None
    assert (settings.out / "leaderboard.json").is_file()


def test_a_border_region_touches_another_country() -> None:
    assert border_regions(small_panel()) == {"AAA-a": False, "AAA-b": True, "BBB-a": True, "BBB-b": False}
    assert border_regions(replace(small_panel(), links=None)) is None


def test_the_stand_in_is_called_like_the_real_core() -> None:
    import inspect

    from harmattan.training.evaluation.backtest import run_backtest

    real, ours = (inspect.signature(f).parameters for f in (run_backtest, stand_in([])))
    assert set(real) <= set(ours)
    assert [p.kind for p in real.values()] == [ours[name].kind for name in real]


def test_from_python_in_one_call(calls: list[Any]) -> None:
    tables = harmattan.backtest(small_panel(), origins=("2020-01", "2020-12"), horizons=(2,), target="deaths")
    assert tables.leaderboard["target"].unique().tolist() == ["deaths"]
    assert tables.leaderboard["cases"].unique().tolist() == [48]
    assert set(tables.splits["split"]) == {"country", "place", "outcome", "year"}
