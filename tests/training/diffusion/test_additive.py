"""The fast maximiser: the derivatives are those of the value, and the optimum is that of a general optimiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize
from small_worlds import diffusion, ladder_links, panel_of, problem_of, world_of

from harmattan.training.diffusion.additive import Likelihood
from harmattan.training.diffusion.design import Design, Term, make_design
from harmattan.training.diffusion.newton import maximise, maximise_all
from harmattan.training.diffusion.refits import permuted_estimates
from harmattan.training.models.likelihood import AdditiveMeanNB


@pytest.fixture(scope="module")
def design() -> Design:
    problem = problem_of(
        panel_of(world_of(diffusion(a_to_b=0.8), 150, np.random.default_rng(3)), links=ladder_links())
    )
    return make_design(problem, problem.panel.months[-1], 60.0, 24, 2.0)[0]


def a_point(design: Design) -> np.ndarray:
    rng = np.random.default_rng(1)
    params = design.start() + rng.normal(scale=0.1, size=design.size)
    params[9:-2] = np.abs(params[9:-2]) + 0.05
    return params


def test_the_gradient_is_that_of_the_value(design: Design) -> None:
    likelihood, at = design.likelihood(), a_point(design)
    grad, info = likelihood.derivatives(at)
    numeric = optimize.approx_fprime(at, likelihood.value, 1e-6)
    np.testing.assert_allclose(grad, numeric, rtol=1e-3, atol=4e-3)
    np.testing.assert_allclose(info, info.T)
    assert np.linalg.eigvalsh(info).min() > -1e-8


def test_the_value_and_optimum_are_those_of_the_other_likelihood(design: Design) -> None:
    """The same model in the other parametrisation, by another optimiser."""
    likelihood = design.likelihood()
    found = maximise(likelihood, design.start(), np.ones(design.size, dtype=bool), tolerance=1e-8)
    counts, weights = (
        np.concatenate([getattr(b, name) for b in likelihood.blocks]) for name in ("counts", "weights")
    )
    rows = len(counts)
    ends = np.cumsum([0, *[len(b.counts) for b in likelihood.blocks]])
    hot, excite = np.zeros((rows, 8)), np.zeros((rows, len(design.terms)))
    for block, first, last in zip(likelihood.blocks, ends[:-1], ends[1:], strict=True):
        hot[np.arange(first, last), block.levels[block.region] - 1] = 1
        excite[first:last, block.slopes - 9] = block.columns
    endemic = np.hstack([np.ones((rows, 1)), hot])
    ridge = design.prior().precision.copy()
    model = AdditiveMeanNB(counts, endemic, excite, np.ones((rows, 1)), weights, ridge)
    same = found.params.copy()
    same[1:9] -= same[0]
    assert model.loglike(same) == pytest.approx(found.loglike, abs=1e-6)
    slope, _ = likelihood.derivatives(found.params)
    assert np.abs(slope[found.params != 0]).max() < 1e-3
    cold = replace(design, warm=None).start()[0]
    start = np.concatenate([[cold], np.zeros(8), np.full(len(design.terms), 0.1), [0.0, 0.5]])
    params, account = model.fit_bounded(start)
    # The other optimiser ends where a step gains little, so that it may only be the lower one.
    assert 0 <= found.loglike - account["loglike"] < 1e-3
    np.testing.assert_allclose(found.params[9:-2], params[9:-2], atol=5e-3)


def test_a_closed_border_stays_at_zero_and_fits_no_better(design: Design) -> None:
    likelihood = design.likelihood()
    best = design.fit(likelihood, design.start())
    term = Term("across", "AAA", "BBB")
    closed = design.fit(likelihood, best.params, closed=[term])
    assert best.params[design.position(term)] > 0
    assert closed.params[design.position(term)] == 0
    assert closed.loglike < best.loglike
    assert closed.converged


def test_side_by_side_every_vector_arrives_where_it_would_alone(design: Design) -> None:
    """Some borders closed, some not, from different starts; one is held where no step gains anything."""
    likelihood, best = design.likelihood(), design.fit(design.likelihood(), design.start())
    starts, free = np.stack([a_point(design), best.params, design.start()]), np.ones((3, design.size), bool)
    for vector, term in enumerate(t for t in design.terms if t.kind == "across"):
        starts[vector, design.position(term)] = 0.0
        free[vector, design.position(term)] = False
    together = maximise_all(likelihood, starts, free)
    for fit, start, mine in zip(together, starts, free, strict=True):
        alone = maximise(likelihood, start, mine)
        assert (fit.iterations, fit.converged) == (alone.iterations, alone.converged)
        np.testing.assert_allclose(fit.params, alone.params, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(fit.information, alone.information, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ends", ["both", "source", "target"])
def test_permuted_refits_are_those_of_one_border_after_the_other(design: Design, ends: str) -> None:
    """Against the whole design with the border moved, fitted to the end, one refit at a time.

    With the border held where the refit left it the likelihood is within the refits' tolerance of the highest.
    """
    term = Term("across", "AAA", "BBB")
    best = design.fit(design.likelihood(), design.start())
    found = permuted_estimates(design, best, term, 12, np.random.default_rng(4), ends)
    here, there = (np.flatnonzero(design.country == c) for c in (term.target, term.source))
    rng, one_by_one = np.random.default_rng(4), []
    for estimate in found:
        to = rng.permutation(len(here)) if ends != "source" else np.arange(len(here))
        by = rng.permutation(len(there)) if ends != "target" else np.arange(len(there))
        far = design.far.copy()
        far[np.ix_(here, there)] = design.far[np.ix_(here[to], there[by])]
        block = replace(design, far=far).block(term.target)
        free = np.isin(np.arange(design.size), [*block.levels, *block.slopes])
        free[design.position(Term("domestic"))] = False
        likelihood, at, start = Likelihood([block], design.prior()), design.position(term), best.params.copy()
        start[at] = 0.0
        fit = maximise(likelihood, start, free, 200, 1e-9)
        start[at], free[at] = estimate, False
        assert maximise(likelihood, start, free, 200, 1e-9).loglike > fit.loglike - 1e-4
        one_by_one.append(fit.params[at])
    assert len(set(np.round(one_by_one, 6))) > 3
    np.testing.assert_allclose(found, one_by_one, atol=4e-3)


def test_rows_that_are_missing_change_nothing(design: Design) -> None:
    """Regions of a block need not have the same months: what fills up the array has no weight."""
    block = design.block("BBB")
    kept = np.ones(len(block.counts), dtype=bool)
    kept[np.flatnonzero(block.region == 1)[:40]] = False
    short = replace(block, **{n: getattr(block, n)[kept] for n in ("counts", "weights", "region", "columns")})
    alone = [replace(short, **{n: getattr(short, n)[short.region == r] for n in ("counts", "weights", "columns")},
                     region=np.zeros((short.region == r).sum(), dtype=int), levels=block.levels[[r]])
             for r in range(len(block.levels))]  # fmt: skip
    at, prior = a_point(design), design.prior()
    whole, parts = Likelihood([short], prior), Likelihood(alone, prior)
    assert whole.value(at) == pytest.approx(parts.value(at), rel=1e-12)
    unweighted = replace(block, weights=np.where(kept, block.weights, 0.0))
    assert whole.value(at) == pytest.approx(Likelihood([unweighted], prior).value(at), rel=1e-9)
    numeric = optimize.approx_fprime(at, whole.value, 1e-6)
    np.testing.assert_allclose(whole.derivatives(at)[0], numeric, rtol=1e-3, atol=4e-3)


def test_refits_that_stop_early_are_the_first_of_all_and_leave_the_draws_as_they_were(design: Design) -> None:
    """Enough estimates as large as the border's own end the refits; the next border still gets its own draws."""
    term = Term("across", "AAA", "BBB")
    best = design.fit(design.likelihood(), design.start())
    low = replace(best, params=np.where(np.arange(design.size) == design.position(term), 0.2, best.params))
    every, first = np.random.default_rng(4), np.random.default_rng(4)
    whole = permuted_estimates(design, low, term, 120, every)
    short = permuted_estimates(design, low, term, 120, first, passed=5)
    assert len(short) == 50
    assert (short >= 0.2).sum() >= 5
    np.testing.assert_allclose(short, whole[:50], rtol=1e-6)
    assert every.random() == first.random()
