"""A world of many countries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.panel import Panel
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.models.endemic_epidemic import EndemicEpidemic
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


def test_a_fit_whose_size_ran_to_its_bound_is_searched_anew(real_data: Path) -> None:
    """Newton's steps arrived there: 767 units of log-likelihood short, 61,936 deaths expected where 2,723 came."""
    panel = Panel.from_frame(pd.read_csv(real_data / "country_month_deaths_1989_2016.csv.gz")).until(
        "2009-12"
    )
    problem = build_problems(panel, ["deaths"])["deaths"]
    member = EndemicEpidemic().fit(problem, panel.last_month, 3)
    assert member.account_["loglike"] == pytest.approx(-10087.28, abs=0.1)
    assert 2000 < member.margins(problem, panel.last_month).mean.sum() < 8000
