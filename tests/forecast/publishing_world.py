"""Six regions in two countries, a trained model and settings as files: a world whose publishing takes a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from small_worlds import panel_of

from harmattan.data.panel import Panel
from harmattan.forecast.settings import Settings

IDS = ("AAA-1", "AAA-2", "AAA-3", "BBB-1", "BBB-2", "BBB-3")
STEPS = ((0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4))
MONTHS = 60
#: The last two months of the world, and a day on which each is fresh.
OLD, NEW = "2005-11", "2005-12"
OLD_DAY, NEW_DAY = "2006-01-10", "2006-02-10"
SETTINGS = """\
targets = ["events"]
horizons = "1:2"
draws = 100
workers = 1
track = false
backtest_origins = 1
model = "model"
out = "out"
mlruns = "mlruns"
"""


def six_regions(seed: int = 1) -> Panel:
    """Counts of six regions, three on each side of a border."""
    rng = np.random.default_rng(seed)
    links = pd.DataFrame(
        {
            "region_a": [IDS[a] for a, _ in STEPS],
            "region_b": [IDS[b] for _, b in STEPS],
            "border_km": 100.0,
            "crosses_border": [IDS[a][:3] != IDS[b][:3] for a, b in STEPS],
        }
    )
    level = np.array([4.0, 2.0, 1.0, 3.0, 1.5, 0.5])
    return panel_of(rng.poisson(level * rng.gamma(2.0, 0.5, (MONTHS, 6))), ids=IDS, links=links)


def write_world(folder: Path) -> Path:
    """Write counts up to each of the last two months, settings, and a model trained on the first."""
    from harmattan.forecast.fitting import fit_models
    from harmattan.forecast.prepare import prepare_run

    panel = six_regions()
    (folder / "harmattan.toml").write_text(SETTINGS, encoding="utf-8")
    for name, month in (("old", OLD), ("new", NEW)):
        (folder / name).mkdir()
        panel.until(month).write_parquet(folder / name / "counts.parquet")
    settings = Settings.load(
        {"panel": folder / "old" / "counts.parquet", "model": None},
        folder / "harmattan.toml",
        environ={},
        cwd=folder,
    )
    ready = prepare_run(settings, lambda stage, share: None, None, None)
    trained = fit_models(settings, ready.problems, ready.origin, ready.recipe, ("endemic_epidemic",))
    trained.write(folder / "model")
    return folder
