"""The negative-binomial likelihood against scipy, and its score against numerical differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from harmattan.training.models import likelihood
from harmattan.training.models.likelihood import LEVEL_FLOOR, AdditiveMeanNB


def some_model(kind: str, seed: int = 0, ridge: bool = True) -> tuple[AdditiveMeanNB, np.ndarray]:
    """A model on 120 rows and parameters inside its bounds."""
    rng = np.random.default_rng(seed)
    rows = 120
    group = rng.integers(0, 4, rows)
    levels = np.column_stack([np.ones(4), np.eye(4)])
    endemic = {"dense": levels[group], "kinds": levels, "none": np.empty((rows, 0))}[kind]
    excitation = rng.gamma(0.7, 1.0, size=(rows, 3)) * (rng.random((rows, 3)) < 0.7)
    spread = np.column_stack([np.ones(rows), rng.random(rows)])
    q = endemic.shape[1]
    params = np.concatenate(
        [rng.normal(-0.5, 0.5, q), rng.uniform(0.05, 0.6, 3), rng.normal(0, 0.5, 2), [0.4]]
    )
    precision = rng.uniform(0, 2, len(params)) if ridge else None
    centre = rng.normal(0, 0.3, len(params)) if ridge else None
    counts = rng.negative_binomial(1.0, 0.4, rows).astype(float)
    weights = rng.uniform(0, 2, rows)
    which = group if kind == "kinds" else None
    return AdditiveMeanNB(counts, endemic, excitation, spread, weights, precision, centre, which), params


@pytest.mark.parametrize("kind", ["dense", "kinds", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_the_gradient(kind: str, seed: int) -> None:
    model, params = some_model(kind, seed)
    numerical = optimize.approx_fprime(params, model.loglike, 1e-7)
    np.testing.assert_allclose(model.score(params), numerical, rtol=2e-4, atol=2e-3)


@pytest.mark.parametrize("kind", ["dense", "kinds", "none"])
def test_the_hessian_is_the_gradient_of_the_score(kind: str) -> None:
    model, params = some_model(kind, 4)
    steps = 1e-6 * np.eye(len(params))
    numerical = np.array([(model.score(params + h) - model.score(params - h)) / 2e-6 for h in steps])
    np.testing.assert_allclose(model.hessian(params), numerical, rtol=1e-5, atol=1e-4)


def test_rows_of_a_kind_count_like_rows_of_their_own() -> None:
    each, params = some_model("dense", 4)
    kinds, _ = some_model("kinds", 4)
    for of in ("loglike", "score", "hessian"):
        np.testing.assert_allclose(
            getattr(kinds, of)(params), getattr(each, of)(params), rtol=1e-9, atol=1e-9
        )


def test_a_polished_fit_ends_at_the_same_point_wherever_it_begins() -> None:
    model, params = some_model("dense", 8)
    one, account = model.fit_bounded(params, polish=True)
    two, _ = model.fit_bounded(params * 0.3 + 0.1, polish=True)
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)
    assert account["loglike"] >= model.loglike(model.fit_bounded(params)[0])
    inside = [low < v < high for v, (low, high) in zip(one, model.bounds(), strict=True)]
    assert np.abs(model.score(one)[inside]).max() < 1e-4


@pytest.mark.parametrize("kind", ["dense", "kinds", "none"])
def test_the_likelihood_is_scipys(kind: str) -> None:
    model, params = some_model(kind, 5)
    q = model.layout.endemic
    endemic = np.exp(model.X @ params[:q]) if q else 0.0
    endemic = endemic[model.kinds] if kind == "kinds" else endemic
    mean = endemic + model.V @ params[q : q + 3] + 1e-10
    size = np.exp(model.Z @ params[q + 3 : -1] + params[-1] * np.log(mean + LEVEL_FLOOR))
    expected = stats.nbinom.logpmf(model.endog, size, size / (size + mean))
    np.testing.assert_allclose(model.loglikeobs(params), expected, rtol=1e-8, atol=1e-7)


def test_weights_and_prior_enter_the_likelihood_as_they_say() -> None:
    model, params = some_model("dense", 6)
    plain = float(model.w @ model.loglikeobs(params))
    penalty = 0.5 * float(np.sum(model.ridge * (params - model.centre) ** 2))
    assert penalty > 0
    assert model.loglike(params) == pytest.approx(plain - penalty)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    model, params = some_model("dense", 7, ridge=False)
    twice = np.repeat(np.arange(len(model.w)), 2)
    doubled = AdditiveMeanNB(
        model.endog[twice], model.X[twice], model.V[twice], model.Z[twice], np.ones(len(twice))
    )
    heavy = AdditiveMeanNB(model.endog, model.X, model.V, model.Z, np.full(len(model.w), 2.0))
    assert heavy.loglike(params) == pytest.approx(doubled.loglike(params))
    np.testing.assert_allclose(heavy.score(params), doubled.score(params), rtol=1e-9, atol=1e-9)


def test_a_fit_ends_where_the_gradient_vanishes_or_points_out_of_bounds() -> None:
    model, params = some_model("kinds", 8)
    found, account = model.fit_bounded(params)
    score = model.score(found)
    inside = [low < v < high for v, (low, high) in zip(found, model.bounds(), strict=True)]
    assert account["converged"]
    assert account["loglike"] == pytest.approx(model.loglike(found))
    assert np.abs(score[inside]).max() < 0.05
    assert account["loglike"] >= model.loglike(params)
    for value, slope, (low, _) in zip(found, score, model.bounds(), strict=True):
        if value == low:
            assert slope <= 1e-6


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_optimum_is_that_of_statsmodels() -> None:
    from statsmodels.base.model import GenericLikelihoodModel

    rng = np.random.default_rng(11)
    excitation = rng.gamma(1.0, 2.0, size=(600, 1))
    mean = np.exp(-0.5) + 0.6 * excitation[:, 0]
    counts = rng.negative_binomial(1.5, 1.5 / (1.5 + mean)).astype(float)
    one = np.ones((600, 1))

    class Same(GenericLikelihoodModel):  # type: ignore[misc]
        def loglikeobs(self, params: np.ndarray) -> np.ndarray:
            level = np.exp(params[0]) + params[1] * self.exog[:, 1]
            size = np.exp(params[2] + params[3] * np.log(level + LEVEL_FLOOR))
            return np.asarray(stats.nbinom.logpmf(self.endog, size, size / (size + level)))

    start = np.array([0.0, 0.3, 0.0, 0.0])
    theirs = Same(counts, np.column_stack([one, excitation])).fit(start, method="bfgs", disp=0)
    ours, account = AdditiveMeanNB(counts, one, excitation, one, np.ones(600)).fit_bounded(start)
    assert account["loglike"] == pytest.approx(theirs.llf, abs=1e-4)
    np.testing.assert_allclose(ours, theirs.params, atol=2e-3)


def test_a_strong_prior_holds_a_parameter_at_its_centre() -> None:
    free, params = some_model("dense", 9, ridge=False)
    tight, centre = np.zeros(len(params)), np.zeros(len(params))
    tight[5], centre[5] = 1e7, 0.77
    model = AdditiveMeanNB(free.endog, free.X, free.V, free.Z, free.w, tight, centre)
    assert model.fit_bounded(params)[0][5] == pytest.approx(0.77, abs=1e-3)
    assert free.fit_bounded(params)[0][5] != pytest.approx(0.77, abs=1e-2)


def test_a_fixed_parameter_stays() -> None:
    model, params = some_model("none", 10, ridge=False)
    found, _ = model.fit_bounded(params, fixed=3)
    np.testing.assert_array_equal(found[:3], params[:3])
    assert (found[3:] != params[3:]).any()


def test_extreme_parameters_give_finite_numbers() -> None:
    model, params = some_model("dense", 11)
    for scale in (-20.0, 8.0):
        wild = np.full(len(params), scale)
        wild[5:8] = abs(scale)
        assert np.isfinite(model.loglike(wild))
        assert np.isfinite(model.score(wild)).all()


def test_a_fit_that_does_not_converge_is_tried_again_and_says_so() -> None:
    model, params = some_model("dense", 8)
    found, account = model.fit_bounded(params, maxiter=2)
    assert (account["converged"], account["attempts"]) == (False, 3)
    whole, fine = model.fit_bounded(params)
    assert (fine["converged"], fine["attempts"]) == (True, 1)
    assert model.loglike(params) < model.loglike(found) <= model.loglike(whole) + 1e-6


def test_a_fit_near_a_known_maximum_ends_where_a_search_does() -> None:
    model, params = some_model("kinds", 8)
    searched, _ = model.fit_bounded(params, polish=True)
    near, account = model.fit_bounded(params, polish=True, near=searched * 0.9 + 0.02)
    np.testing.assert_allclose(near, searched, rtol=1e-6, atol=1e-8)
    assert (account["iterations"], account["converged"]) == (0, True)


@pytest.mark.parametrize("seed", range(4))
def test_a_search_that_stopped_far_from_any_maximum_is_made_anew(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, params = some_model("none", seed)
    known = model.loglike(model.fit_bounded(params, polish=True)[0])
    monkeypatch.setattr(likelihood, "FARTHEST", 20)
    low = np.array([bound[0] for bound in model.bounds()])
    found, account = model.fit_bounded(low, tolerance=1e6, polish=True)
    assert account["attempts"] == 2
    assert model.loglike(found) == pytest.approx(known, abs=1e-6)


def test_columns_of_very_different_scale_arrive_at_the_maximum_in_one_search() -> None:
    """With the least bend taken from the largest one, steps along the others stayed short and never arrived."""
    model, _ = some_model("kinds", 8, ridge=False)
    scale = np.array([1e5, 1.0, 1e-2])
    same = AdditiveMeanNB(
        model.endog, model.X, model.V, model.Z, model.w, np.full(11, 0.1), kinds=model.kinds
    )
    ridge = same.ridge.copy()
    ridge[5:8] *= scale**2
    apart = AdditiveMeanNB(model.endog, model.X, model.V * scale, model.Z, model.w, ridge, kinds=model.kinds)
    start = np.zeros(len(ridge))
    one, _ = same.fit_bounded(start, polish=True)
    two, account = apart.fit_bounded(start, tolerance=1e-3, polish=True)
    two[5:8] *= scale
    assert account["attempts"] == 1
    np.testing.assert_allclose(two, one, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_steps_that_still_gain_go_on_instead_of_another_search(seed: int) -> None:
    model, params = some_model("none", seed)
    known = model.loglike(model.fit_bounded(params, polish=True)[0])
    low = np.array([bound[0] for bound in model.bounds()])
    found, account = model.fit_bounded(low, tolerance=1e6, polish=True)
    assert account["attempts"] == 1
    assert model.loglike(found) == pytest.approx(known, abs=1e-6)
