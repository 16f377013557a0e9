"""No death without an event: in the chances, in every draw, and in sums of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmattan.data.panel import Panel
from harmattan.training.distribution import independent_ranks, joint_draws
from harmattan.training.margins import negative_binomial, stack
from harmattan.training.pool.coherence import (
    CLASSES,
    chance_of_death,
    coherent_deaths,
    shares_without_deaths,
)

MEANS = st.lists(st.floats(0.0, 30.0), min_size=3, max_size=3)
MONTHS = pd.period_range("2010-01", periods=120, freq="M")


def panel(silent: float, deaths: bool = True) -> Panel:
    """Two countries; in the first a share of the months with one event has no recorded death."""
    rng = np.random.default_rng(2)
    events = rng.poisson(0.6, (len(MONTHS), 6))
    died = events * 3
    died[:, :3] = np.where((events[:, :3] == 1) & (rng.random((len(MONTHS), 3)) < silent), 0, died[:, :3])
    frame = pd.DataFrame(
        {
            "month": np.repeat(MONTHS.astype(str), 6),
            "region_id": [f"{c}-{i}" for c in ("AAA", "BBB") for i in range(3)] * len(MONTHS),
            "events": events.ravel(),
            "deaths_best": died.ravel(),
        }
    )
    if not deaths:
        frame.loc[frame["month"] >= "2015-01", "deaths_best"] = np.nan
    return Panel.from_frame(frame)


@settings(max_examples=60, deadline=None)
@given(MEANS, MEANS, st.floats(0.05, 5.0))
def test_no_draw_has_deaths_and_no_event(events: list[float], deaths: list[float], size: float) -> None:
    said = negative_binomial(np.array(events), np.array(size))
    chance = chance_of_death(said, np.full((3, len(CLASSES)), 0.1))
    fitting = coherent_deaths(negative_binomial(np.array(deaths), np.array(0.3)), chance)
    assert (fitting.prob_at_least(1) <= said.prob_at_least(1) + 1e-12).all()
    assert np.isfinite(fitting.mean).all()
    ranks = independent_ranks(200, (1, 3), np.random.default_rng(1))
    e, d = (joint_draws(stack([m]), ranks) for m in (said, fitting))
    assert not ((d > 0) & (e == 0)).any()


def test_a_death_is_as_likely_as_an_event_with_one_and_the_rest_stays() -> None:
    events, deaths = (negative_binomial(np.array(m), np.array(1.0)) for m in ([0.3, 9.0], [5.0, 0.2]))
    without = np.array([[0.5, 0.2, 0.0, 0.0, 0.0]] * 2)
    chance = chance_of_death(events, without)
    one, two = (events.prob_at_least(k) - events.prob_at_least(k + 1) for k in (1, 2))
    np.testing.assert_allclose(chance, 0.5 * one + 0.8 * two + events.prob_at_least(3))
    fitting = coherent_deaths(deaths, chance)
    np.testing.assert_allclose(fitting.prob_at_least(1), chance)
    for k in (2, 5, 9):
        given = deaths.prob_at_least(k) / deaths.prob_at_least(1)
        np.testing.assert_allclose(fitting.prob_at_least(k) / chance, given, rtol=1e-6)
    np.testing.assert_allclose(fitting.mean / chance, deaths.mean / deaths.prob_at_least(1), rtol=1e-6)


def test_where_events_seldom_kill_the_region_says_so_and_not_its_country() -> None:
    """As where protests are counted: one region has two events a month and no death, those beside it deaths in each."""
    frame = panel(0.0).to_frame()
    calm = frame["region_id"] == "AAA-0"
    frame.loc[calm, "events"], frame.loc[calm, "deaths_best"] = 2, 0
    shares = shares_without_deaths(Panel.from_frame(frame), MONTHS[-1])
    assert shares[0, 1] > 0.75
    assert shares[1:, 1].max() < 0.3


def test_the_share_of_events_without_a_recorded_death_is_learned_by_level_and_country() -> None:
    shares = shares_without_deaths(panel(0.5), MONTHS[-1])
    assert shares.shape == (6, len(CLASSES))
    assert shares[0, 0] == pytest.approx(0.5, abs=0.12)
    assert shares[5, 0] < 0.15
    assert (np.diff(shares, axis=1) <= 0).all()
    earlier = panel(0.5)
    assert shares_without_deaths(earlier, MONTHS[60]).tolist() != shares.tolist()


def test_a_source_that_records_no_such_event_leaves_nearly_no_room_for_it() -> None:
    assert shares_without_deaths(panel(0.0), MONTHS[-1]).max() < 0.05


def test_months_without_deaths_known_teach_nothing() -> None:
    known = panel(0.5).until("2014-12")
    shares = shares_without_deaths(known, known.months[-1])
    # The same months count, only longer ago.
    np.testing.assert_allclose(shares_without_deaths(panel(0.5, deaths=False), MONTHS[-1]), shares, atol=0.12)
