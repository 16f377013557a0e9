"""The recent record: how often what was said came true."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmattan.training.evaluation.case_scores import measure
from harmattan.training.evaluation.reliability import (
    ForecastRecord,
    rehearsal,
    reliability_table,
    score_forecasts,
)
from harmattan.training.evaluation.scores import escalation_level
from harmattan.training.margins import negative_binomial

ORIGINS = tuple(pd.period_range("2022-01", periods=40, freq="M"))
REGIONS = tuple(f"r{i}" for i in range(60))


def world(scale: float = 1.0, seed: int = 3) -> ForecastRecord:
    """Negative binomial outcomes, and forecasts whose mean is ``scale`` times the true one."""
    rng = np.random.default_rng(seed)
    true = rng.gamma(0.7, 3.0, size=(len(ORIGINS), len(REGIONS)))
    observed = rng.negative_binomial(1.5, 1.5 / (1.5 + true)).astype(float)
    observed[0, 0] = np.nan
    nothing = np.full(observed.shape, np.nan)
    values = measure(negative_binomial(scale * true, np.array(1.5)), observed, nothing)
    flat = measure(negative_binomial(np.full(true.shape, true.mean()), np.array(1.5)), observed, nothing)
    return score_forecasts("events", 1, ORIGINS, REGIONS, values, flat["crps_exact"], observed, rng)


def test_a_true_forecast_comes_true_as_often_as_it_says() -> None:
    table = reliability_table([world()])
    chances = table[table.question.isin(["p1", "p5", "p10"])]
    enough = chances[chances.cases >= 100]
    assert len(enough) > 10
    error = 3.5 * np.sqrt(enough.forecast * (1 - enough.forecast) / enough.cases)
    assert (abs(enough.forecast - enough.frequency) <= error).all()
    interval = table[(table.question == "interval") & (table.predicted_mean == "all")]
    assert np.allclose(interval.frequency, [0.5, 0.8, 0.9], atol=0.03)


def test_escalations_and_quiet_regions_are_what_one_counts_by_hand() -> None:
    rng = np.random.default_rng(4)
    history = rng.poisson(0.15, (len(ORIGINS), 12, len(REGIONS))).astype(float)
    observed = rng.poisson(0.3, (len(ORIGINS), len(REGIONS))).astype(float)
    observed[0] = np.nan
    level = escalation_level(history)
    values = measure(negative_binomial(np.full(observed.shape, 0.4), np.array(1.0)), observed, level)
    made = score_forecasts(
        "events", 2, ORIGINS, REGIONS, values, observed, observed, np.random.default_rng(1), history=history
    )
    table = reliability_table([made])
    asked = np.isfinite(level) & np.isfinite(observed)
    grown = table[table.question == "escalation"]
    assert grown.cases.sum() == asked.sum() > 500
    assert (grown.cases * grown.frequency).sum() == pytest.approx((observed >= level)[asked].sum())
    assert (grown.cases * grown.forecast).sum() == pytest.approx(values["p_escalation"][asked].sum())
    quiet = (history.sum(axis=1) == 0) & np.isfinite(observed)
    rows = table[table.question == "quiet_12"].set_index("predicted_mean")
    assert rows.cases["all"] == quiet.sum() == rows.cases.drop("all").sum()
    assert rows.frequency["all"] == pytest.approx((observed[quiet] >= 1).mean())
    later = np.array([(o + 2).year == 2025 for o in ORIGINS])
    assert rows.cases["2025"] == quiet[later].sum()
    # Without the months before nothing is asked of either.
    assert not reliability_table([world()]).question.isin(["escalation", "quiet_6", "quiet_12"]).any()


def test_a_forecast_of_twice_as_much_is_found_out() -> None:
    table = reliability_table([world(scale=2.0)])
    five = table[(table.question == "p5") & (table.cases >= 100) & (table.forecast > 0.1)]
    assert (five.frequency < five.forecast).all()
    pit = table[table.question == "pit"]
    assert pit.frequency.iloc[0] > 0.12 > 0.08 > pit.frequency.iloc[-1]


def test_every_observed_case_is_counted_once() -> None:
    table = reliability_table([world()])
    cases = len(ORIGINS) * len(REGIONS) - 1
    assert table[table.question == "pit"].cases.sum() == cases
    assert table[table.question == "p1"].cases.sum() == cases
    bins = table[(table.question == "interval") & (table.predicted_mean != "all") & (table.forecast == 0.5)]
    assert bins.cases.sum() == cases


def test_interval_ends_are_the_quantiles_of_the_margins() -> None:
    told = world()
    margins = negative_binomial(told.mean[5], np.full(len(REGIONS), 1.5))
    assert np.array_equal(margins.quantile(np.array([0.1, 0.9])), np.stack([told.low[5], told.high[5]]))


def test_rehearsal_is_the_last_origin() -> None:
    told = world()
    table = rehearsal(told)
    assert set(table.month) == {"2025-05"}
    assert set(table.origin) == {"2025-04"}
    assert table.observed.sum() == told.observed[-1].sum()
    assert table.crps.mean() == pytest.approx(told.crps[-1].mean())


def test_without_records_the_tables_are_empty() -> None:
    assert reliability_table([]).empty
    blind = world()
    blind.observed[-1] = np.nan
    assert rehearsal(blind).empty
