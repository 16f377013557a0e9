"""Members on counts from nothing to ten million: finite fits and forecasts, or an error with a name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_worlds import ladder_counts, ladder_links, panel_of

from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.models.base import Problem
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.problems import build_problems

MONTHS = 80


def world(kind: str) -> Problem:
    """Deaths of a small ladder of regions, gone to an extreme."""
    counts = ladder_counts(3, MONTHS).astype(np.float64)
    if kind == "one a million times the others":
        counts[:, 2] = (counts[:, 2] + 1) * 1e6
    elif kind == "one month larger than all history":
        counts[50, 1] = 50 * counts.sum()
    elif kind == "nothing ever":
        counts[:] = 0
    elif kind == "ten million everywhere":
        counts = 1e7 + 1e5 * counts
    panel = panel_of(counts, links=ladder_links(), deaths_best=counts)
    panel = replace(panel, measures={"deaths_best": np.asarray(counts)})
    return build_problems(panel, ["deaths"])["deaths"]


KINDS = [
    "one a million times the others",
    pytest.param("one month larger than all history", marks=pytest.mark.slow),
    pytest.param("nothing ever", marks=pytest.mark.slow),
    pytest.param("ten million everywhere", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_fits_and_forecasts_finite_numbers(kind: str) -> None:
    problem = world(kind)
    origin = problem.panel.months[-2]
    fitted = fit_members(problem, origin, 1, MEMBERS)
    for name, member in fitted.items():
        margins = member.margins(problem, origin)
        assert np.isfinite(margins.mean).all(), name
        assert np.isfinite(margins.cdf).all(), name
        assert (np.diff(margins.cdf, axis=1) >= -1e-12).all(), name
        assert (margins.cdf[:, -1] == 1).all(), name
    if kind == "ten million everywhere":
        plain = fitted["conflictology_12"].margins(problem, origin)
        assert plain.quantile([0.5])[0].min() > 9e6
        for name in ("smoothed_conflictology", "exponential_nb", "endemic_epidemic", "boosted"):
            mean = fitted[name].margins(problem, origin).mean
            np.testing.assert_allclose(mean, problem.counts[-12:].mean(axis=0), rtol=0.5, err_msg=name)


def test_a_back_test_keeps_no_more_for_large_counts_than_for_small_ones() -> None:
    sizes = []
    for kind in ("nothing ever", "one a million times the others"):
        problem = world(kind)
        record = run_backtest(
            problem,
            problem.panel.months[60:63],
            (1,),
            members=["exponential_nb", "smoothed_conflictology"],
            warm_up=12,
        )[0]
        assert all(
            np.isfinite(v[:, np.isfinite(record.observed)]).all()
            for k, v in record.values.items()
            if k != "p_escalation"
        )
        sizes.append(sum(v.nbytes for v in record.values.values()))
    assert sizes[0] == sizes[1]
