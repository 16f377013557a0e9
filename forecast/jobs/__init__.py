"""What the commands do: forecast, train, promote, tune, back-test; each from settings to files and a run in MLflow."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .backfilling import Backfill, backfill, missing_months
    from .backtest_plan import BacktestSettings, make_plan
    from .backtest_record import BacktestOutcome, check_target
    from .backtesting import backtest, judge_triggers, run_backtest_job
    from .champion import champion_entries
    from .forecaster import Forecaster
    from .forecasting import (
        Outcome,
        SelectedModel,
        check_writable,
        run_main_job,
        select_model,
        track_forecast,
    )
    from .in_memory import panel_inputs, run_forecast
    from .promotion import Promotion, promote, refit, roll_back
    from .scoring import evaluate_table
    from .theatre_draft import draft_theatre
    from .training import TrainOutcome, train
    from .tuning import TuneOutcome, plan_search, run_tune_job
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Backfill",
    "BacktestOutcome",
    "BacktestSettings",
    "Forecaster",
    "Outcome",
    "Promotion",
    "SelectedModel",
    "TrainOutcome",
    "TuneOutcome",
    "backfill",
    "backtest",
    "champion_entries",
    "check_target",
    "check_writable",
    "draft_theatre",
    "evaluate_table",
    "judge_triggers",
    "make_plan",
    "missing_months",
    "panel_inputs",
    "plan_search",
    "promote",
    "refit",
    "roll_back",
    "run_backtest_job",
    "run_forecast",
    "run_main_job",
    "run_tune_job",
    "select_model",
    "track_forecast",
    "train",
]
