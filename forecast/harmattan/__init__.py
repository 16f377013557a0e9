"""Forecasts of monthly violent events by region, and of the risk that spills over a border.

The names below are loaded when they are first used, so that ``import harmattan`` costs nothing.

>>> import harmattan
>>> panel = harmattan.load_snapshot().panel
>>> panel.shape, str(panel.last_month)
((420, 89), '2023-12')
>>> cube = harmattan.Recipe.default().build(panel.select(countries=["MLI"]))
>>> cube.shape[:2]
(420, 9)

Counts of one's own to draws, and to a release with its report:

>>> import numpy as np
>>> import pandas as pd
>>> from pathlib import Path
>>> months = pd.period_range("2015-01", periods=60, freq="M")
>>> counts = np.random.default_rng(7).poisson([1.0, 3.0], size=(60, 2)).ravel()
>>> regions = ["AAA-a", "BBB-b"] * 60
>>> frame = pd.DataFrame({"month": months.repeat(2).astype(str), "region_id": regions, "events": counts})
>>> frame.to_csv("counts.csv", index=False)
>>> small = {"targets": "events", "horizons": "1", "draws": 100, "backtest_origins": 0, "workers": 1}
>>> result = harmattan.run_forecast(harmattan.Settings.load({"panel": "counts.csv", **small}))
>>> draws = result.draws["events"]
>>> draws.values.shape, draws.total(result.panel.countries).region_ids
((100, 1, 2), ('AAA', 'BBB'))
>>> release = harmattan.write_release(result, harmattan.render(result), Path("releases"))
>>> release.name, (release / "report.html").is_file()
('2019-12', True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .data.lazy import lazy_names

if TYPE_CHECKING:
    from .data.errors import HarmattanError
    from .data.geography import Regions
    from .data.panel import Ledger, Panel, build_panel
    from .data.snapshot import load_snapshot
    from .features import FeatureCube, Recipe
    from .forecast.jobs import Forecaster, backtest, promote, run_forecast, train
    from .forecast.jobs import evaluate_table as evaluate
    from .forecast.jobs import run_tune_job as tune
    from .forecast.monitoring import run_score as score
    from .forecast.publishing import publish
    from .forecast.release import write_release
    from .forecast.report import render
    from .forecast.result import ForecastResult
    from .forecast.settings import Settings
    from .forecast.spillover.job import run_spillover
    from .forecast.spillover.scenario_call import simulate_scenario
    from .forecast.watch import run_watch as watch
    from .training.distribution import Draws
    from .training.margins import Margins
    from .training.models import OwnMember as Member
    from .training.own import Regressor, TableMember
else:
    _load, _names = lazy_names(__name__)

    def __getattr__(name: str) -> Any:
        """Load a public name on its first use."""
        if name == "__version__":
            from .forecast.version import package_version

            return package_version()
        return _load(name)

    def __dir__() -> list[str]:
        """Every public name, loaded or not."""
        return sorted({*_names(), "__version__"})


__all__ = [
    "Draws",
    "FeatureCube",
    "ForecastResult",
    "Forecaster",
    "HarmattanError",
    "Ledger",
    "Margins",
    "Member",
    "Panel",
    "Recipe",
    "Regions",
    "Regressor",
    "Settings",
    "TableMember",
    "backtest",
    "build_panel",
    "evaluate",
    "load_snapshot",
    "promote",
    "publish",
    "render",
    "run_forecast",
    "run_spillover",
    "score",
    "simulate_scenario",
    "train",
    "tune",
    "watch",
    "write_release",
]
