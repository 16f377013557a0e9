"""The fast maximiser: the derivatives are those of the value, and the optimum is that of a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse
from small_worlds import diffusion, ladder_links, panel_of, problem_of, world_of

from harmattan.training.diffusion.additive import maximise
from harmattan.training.diffusion.design import Design, Term, make_design
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
    np.testing.assert_allclose(grad, numeric, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(info, info.T)
    assert np.linalg.eigvalsh(info).min() > -1e-8


def test_the_value_and_optimum_are_those_of_the_other_likelihood(design: Design) -> None:
    """The same model in the other parametrisation, by another optimiser."""
    likelihood = design.likelihood()
    found = maximise(likelihood, design.start(), np.ones(design.size, dtype=bool), tolerance=1e-8)
    rows = len(likelihood.counts)
    ends = np.cumsum([0, *[len(b.counts) for b in likelihood.blocks]])
    hot, excite = np.zeros((rows, 8)), np.zeros((rows, len(design.terms)))
    for block, first, last in zip(likelihood.blocks, ends[:-1], ends[1:], strict=True):
        hot[np.arange(first, last), block.levels[block.region] - 1] = 1
        excite[first:last, block.slopes - 9] = block.columns
    endemic = sparse.csr_matrix(np.hstack([np.ones((rows, 1)), hot]))
    ridge = design.prior().precision.copy()
    model = AdditiveMeanNB(likelihood.counts, endemic, excite, np.ones((rows, 1)), likelihood.weights, ridge)
    same = found.params.copy()
    same[1:9] -= same[0]
    assert model.loglike(same) == pytest.approx(found.loglike, abs=1e-6)
    start = np.concatenate([[design.start()[0]], np.zeros(8), np.full(len(design.terms), 0.1), [0.0, 0.5]])
    params, account = model.fit_bounded(start)
    assert found.loglike == pytest.approx(account["loglike"], abs=1e-3)
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
