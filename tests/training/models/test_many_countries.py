"""A world of many countries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.problems import build_problems


def country_months(countries: int, months: int = 60) -> Panel:
    """One series per country, no links."""
    rng = np.random.default_rng(6)
    level = rng.gamma(0.5, 2.0, countries)
    index = pd.period_range("2015-01", periods=months, freq="M")
    frame = pd.DataFrame(
        {
            "month": np.repeat(index.astype(str), countries),
            "region_id": np.tile([f"C{i:03d}" for i in range(countries)], months),
            "events": rng.negative_binomial(1.0, 1 / (1 + level), (months, countries)).ravel(),
        }
    )
    return Panel.from_frame(frame)


@pytest.mark.slow
def test_every_member_forecasts_191_countries_without_links_twelve_months_ahead() -> None:
    panel = country_months(191)
    problem = build_problems(panel, ["events"])["events"]
    for horizon in (1, 12):
        for name, member in fit_members(problem, panel.months[-1], horizon, MEMBERS).items():
            margins = member.margins(problem, panel.months[-1])
            assert margins.mean.shape == (191,), name
            assert np.isfinite(margins.cdf).all(), name
            assert (margins.mean >= 0).all(), name
