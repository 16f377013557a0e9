"""Members that users bring: at work in a back-test and a pool, stored and read again, and refused where they fail."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, PoissonRegressor, QuantileRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_worlds import ladder_panel, panel_of, problem_of

from harmattan.data.errors import ModelError, UsageError
from harmattan.features import Lag, Recipe, Sum
from harmattan.training import Margins, empirical, negative_binomial
from harmattan.training.evaluation import run_backtest
from harmattan.training.models import Guarded, class_path, fit_members, name_of, roster
from harmattan.training.models.base import Problem
from harmattan.training.own import Regressor
from harmattan.training.pool.fitted import FittedPool, fit_pool
from harmattan.training.pool.learning import FEWEST, learn, scored_origin

SHORT = Recipe([Lag(0), Sum(3), Sum(12)])


@dataclass
class LastYear:
    """The mean of the last year: a member in ten lines."""

    window: int = 12

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> None:
        """Nothing to learn."""

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        mean = problem.counts[-self.window :].mean(axis=0)
        return negative_binomial(mean + 0.01, np.ones(len(mean)))

    def to_files(self) -> dict[str, str]:
        return {"window.txt": str(self.window)}

    @classmethod
    def from_files(cls, files: dict[str, str]) -> LastYear:
        return cls(int(files["window.txt"]))


@dataclass
class Wrong(LastYear):
    """Fails in the way that it is told."""

    how: str = ""

    def margins(self, problem: Problem, origin: pd.Period):
        right = super().margins(problem, origin)
        if self.how == "counts":
            problem.counts[0, 0] = 7
        if self.how == "panel":
            problem.panel.measure("events")[0, 0] = 7
        if self.how == "cube":
            problem.cube.values[0, 0, 0] = 7
        if self.how == "links":
            problem.panel.links.loc[0, "border_km"] = 7
        if self.how == "raises":
            raise KeyError("no such thing")
        mean = right.mean.copy()
        cdf = right.cdf.copy()
        if self.how == "nan":
            mean[2] = np.nan
        if self.how == "negative":
            mean[3] = -1
        if self.how == "falling":
            cdf[1, 1] = 0
        if self.how == "unfinished":
            cdf[1] *= 0.5
        if self.how == "shape":
            return Margins(cdf[1:], mean[1:])
        return mean if self.how == "array" else Margins(cdf, mean)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(ladder_panel(months=120))


WRONG = {
    "nan": "the member 'wrong' gave a mean that is not a number for AAA-3.",
    "negative": "gave a negative mean for AAA-4.",
    "falling": "gave cumulative probabilities that fall for AAA-2.",
    "unfinished": "gave cumulative probabilities that do not reach 1 for AAA-2.",
    "shape": "gave margins of shape (7,) for 8 regions.",
    "array": "gave a ndarray, not Margins.",
    "raises": "raised KeyError: 'no such thing'.",
    "counts": "tried to change its input.",
    "panel": "tried to change its input.",
    "cube": "tried to change its input.",
    "links": "tried to change its input.",
}


@pytest.mark.parametrize("how", WRONG)
def test_a_member_that_fails_is_named_with_origin_horizon_and_region(problem: Problem, how: str) -> None:
    if how == "links":
        problem = problem_of(ladder_panel(months=120))
    origin = problem.panel.months[100]
    with pytest.raises(ModelError) as caught:
        run_backtest(problem, [origin], [2], members=[Wrong(how=how)], learns=False)
    assert WRONG[how] in caught.value.message
    assert f"origin {origin}, horizon 2" in caught.value.message


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (LastYear, "the class LastYear is no member"),
        (object(), "a object is no member"),
        (type("Zero", (LastYear,), {})(), "'zero' is a member of the package"),
        ("lastyear", "there is no member 'lastyear'"),
    ],
)
def test_what_is_no_member_is_refused_before_anything_is_fitted(member: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        roster([member], "events")


def test_names_are_short_and_taken_once() -> None:
    assert name_of(LastYear()) == "last_year"
    assert list(roster([..., LastYear()], "events"))[-2:] == ["negative_binomial_12", "last_year"]
    with pytest.raises(UsageError, match="two members are called 'last_year'"):
        roster([LastYear(6), LastYear(12)], "events")
    bad = LastYear()
    bad.name = "../escape"
    with pytest.raises(UsageError, match="cannot be called"):
        roster([bad], "events")


def test_a_member_sees_nothing_after_the_origin(problem: Problem) -> None:
    origin = problem.panel.months[80]
    seen: list[tuple[object, ...]] = []

    class Peeks(LastYear):
        def fit(self, problem, origin, horizon):
            seen.append((problem.panel.months[-1], problem.cube.months[-1], len(problem.counts)))

        def margins(self, problem, origin):
            seen.append((problem.panel.months[-1], problem.cube.months[-1], len(problem.counts)))
            return super().margins(problem, origin)

    Guarded(Peeks(), "peeks").fit(problem, origin, 1).margins(problem, origin + 1)
    assert seen == [(origin, origin, 81), (origin + 1, origin + 1, 82)]


@pytest.mark.slow
def test_own_members_are_scored_pooled_weighed_and_left_out_like_others(problem: Problem) -> None:
    from harmattan.training.evaluation.leave_one_out import leave_one_out

    origins = problem.panel.months[90:116]
    mine = Regressor(PoissonRegressor(alpha=1.0), features=SHORT)
    (record,) = run_backtest(
        problem, origins, [1], members=["conflictology_12", mine, LastYear()], compared=("zero",)
    )
    assert record.members == (
        "zero",
        "conflictology_12",
        "poisson_regressor",
        "last_year",
        "pool_uncalibrated",
        "pool",
    )
    weights = record.weights[record.weights["origin"] == str(origins[-1])].set_index("member")["weight"]
    assert weights.sum() == pytest.approx(1)
    assert weights["poisson_regressor"] > 0
    left = leave_one_out([record], np.random.default_rng(1))
    assert set(left["left_out"]) == {"", "conflictology_12", "poisson_regressor", "last_year"}


def test_a_poisson_regressor_recovers_a_known_mean() -> None:
    """Counts that follow exp(a + b log1p(last)) with a known size: the mean comes back, and the spread."""
    rng = np.random.default_rng(3)
    counts = np.ones((400, 8))
    size = 3.0
    for t in range(1, 400):
        mean = np.exp(0.6 + 0.5 * np.log1p(counts[t - 1]))
        counts[t] = rng.poisson(rng.gamma(size, mean / size))
    panel = panel_of(counts)
    recipe = Recipe([]).add("log", lambda p: np.log1p(p.measure("events")))
    made = Problem(panel, recipe.build(panel))
    origin = panel.months[380]
    mine = Regressor(PoissonRegressor(alpha=1e-6, max_iter=1000), recency_half_life=None)
    got = Guarded(mine, "mine").fit(made, origin, 1).margins(made, origin)
    truth = np.exp(0.6 + 0.5 * np.log1p(counts[380]))
    np.testing.assert_allclose(got.mean, truth, rtol=0.12)
    spread = stats.nbinom.std(size, size / (size + truth))
    np.testing.assert_allclose(
        got.quantile([0.9])[0], stats.nbinom.ppf(0.9, size, size / (size + truth)), atol=0.35 * spread.max()
    )


def test_quantile_estimators_give_their_quantiles(problem: Problem) -> None:
    origin = problem.panel.months[100]
    levels = (0.1, 0.5, 0.9)
    mine = Regressor(QuantileRegressor(alpha=0.0, solver="highs"), features=SHORT, quantiles=levels)
    got = Guarded(mine, "mine").fit(problem, origin, 1).margins(problem, origin)
    x = problem.features(SHORT).values[100].astype(float)
    own = mine.fresh().fit(problem, origin, 1)
    own.margins(problem, origin)
    given = np.sort(
        [np.maximum(e.predict(pd.DataFrame(x, columns=SHORT.names)), 0) for e in own.estimators_], axis=0
    )
    assert (np.abs(got.quantile(levels) - given) <= 0.5 + 1e-6).all()


class Says(RegressorMixin, BaseEstimator):
    """Predicts one value whatever it learned."""

    def __init__(self, value: float = np.inf) -> None:
        self.value = value

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


def test_a_mean_beyond_the_record_is_tapered(problem: Problem) -> None:
    origin = problem.panel.months[100]
    got = Guarded(Regressor(Says()), "x").fit(problem, origin, 1).margins(problem, origin)
    assert np.isfinite(got.mean).all()
    assert got.mean.max() <= 8 * problem.counts[:101].max()


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (LinearRegression(), "LinearRegression predicts a negative count for"),
        (PoissonRegressor(), "takes no missing values, and .* features have some, such as"),
        (Says(np.nan), "predicts what is not a number for AAA-1"),
    ],
)
def test_estimators_that_cannot_forecast_counts_say_so(estimator: object, words: str) -> None:
    gone = np.ones((120, 8), dtype=bool)
    gone[30:40, 2] = isinstance(estimator, LinearRegression)
    made = problem_of(ladder_panel(1, 120, gone))
    recipe = Recipe([Lag(0), Lag(1), Sum(12)]).add(
        "wave", lambda p: np.sin(np.cumsum(p.measure("events", fill=0), axis=0))
    )
    mine = Regressor(estimator, features=recipe, size=1.0)
    with pytest.raises(ModelError, match=words):
        run_backtest(made, made.panel.months[60:100], [1], members=["zero", mine], compared=(), warm_up=0)


@pytest.mark.parametrize(
    "options",
    [
        {"estimator": PoissonRegressor},
        {"estimator": "PoissonRegressor()"},
        {"estimator": PoissonRegressor(), "size": "by region"},
        {"estimator": PoissonRegressor(), "size": -1.0},
        {"estimator": PoissonRegressor(), "size": True},
        {"estimator": PoissonRegressor(), "quantiles": [0.5]},
        {"estimator": LinearRegression(), "quantiles": [0.1, 0.5, 0.9]},
        {"estimator": QuantileRegressor(), "quantiles": [0.5, 0.1, 0.9]},
        {"estimator": PoissonRegressor(), "store": "pickle"},
    ],
)
def test_a_regressor_checks_its_options(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Regressor(**options)


# --- stored without pickle ---------------------------------------------------------------------------------------

PIPELINE = make_pipeline(SimpleImputer(), StandardScaler(), PoissonRegressor(alpha=2.0))
NEEDED = (
    "sklearn.pipeline.Pipeline",
    "sklearn.impute.SimpleImputer",
    "sklearn.preprocessing.StandardScaler",
    "sklearn.linear_model.PoissonRegressor",
)


@pytest.mark.parametrize("features", [None, SHORT])
@pytest.mark.parametrize("estimator", [PIPELINE, HistGradientBoostingRegressor(loss="poisson", max_iter=5)])
def test_a_stored_regressor_forecasts_the_same_bits(
    problem: Problem, estimator: object, features: Recipe
) -> None:
    origin = problem.panel.months[100]
    mine = Regressor(estimator, features=features)
    pool = fit_pool(problem, origin, 2, ["conflictology_12", mine])
    before = pool.margins(problem, origin + 3)
    files = pool.to_files()
    assert all(isinstance(text, str) for text in files.values())
    again = FittedPool.from_files(files, trusted=mine.needs())
    after = again.margins(problem, origin + 3)
    for name in before:
        np.testing.assert_array_equal(before[name].cdf, after[name].cdf)
    assert again.to_files() == files


def test_a_class_that_nobody_declared_is_not_imported(problem: Problem) -> None:
    files = fit_pool(
        problem, problem.panel.months[100], 1, ["zero", Regressor(PIPELINE, name="mine")]
    ).to_files()
    with pytest.raises(ModelError, match=r"asks for .*SimpleImputer, which is not declared"):
        FittedPool.from_files(files)
    with pytest.raises(ModelError, match="StandardScaler, which is not declared"):
        FittedPool.from_files(files, trusted=[n for n in NEEDED if "Scaler" not in n])
    assert Regressor(PIPELINE).needs() == NEEDED
    told = json.loads(files["mine/member.json"])
    files["mine/member.json"] = json.dumps({**told, "class": "os.system"})
    with pytest.raises(ModelError, match=r"os\.system, which is not declared"):
        FittedPool.from_files(files, trusted=NEEDED)


def test_own_classes_are_stored_by_their_own_files(problem: Problem) -> None:
    origin = problem.panel.months[100]
    pool = fit_pool(problem, origin, 1, ["zero", LastYear(6)])
    again = FittedPool.from_files(pool.to_files(), trusted=[class_path(LastYear)])
    np.testing.assert_array_equal(
        pool.margins(problem, origin)["pool"].cdf, again.margins(problem, origin)["pool"].cdf
    )

    class Bare:
        fit, margins = LastYear.fit, LastYear.margins
        window = 12

    with pytest.raises(ModelError, match="'bare' cannot be stored: it has no to_files"):
        fit_pool(problem, origin, 1, ["zero", Bare()]).to_files()


@pytest.mark.slow
def test_skops_stores_the_fit_itself_and_reads_no_type_that_is_not_declared(problem: Problem) -> None:
    pytest.importorskip("skops")
    origin = problem.panel.months[100]
    mine = Regressor(HistGradientBoostingRegressor(loss="poisson", max_iter=5), store="skops", name="mine")
    pool = fit_pool(problem, origin, 1, ["zero", mine])
    before = pool.margins(problem, origin)["mine"].cdf
    files = pool.to_files()
    with pytest.raises(ModelError, match="which is not declared") as caught:
        FittedPool.from_files(files, trusted=mine.needs())
    trusted = json.loads(caught.value.remedy.split("trusted = ")[1].split(" in the")[0])
    again = FittedPool.from_files(files, trusted=[*mine.needs(), *trusted])
    np.testing.assert_array_equal(again.margins(problem, origin)["mine"].cdf, before)


# --- entry points ------------------------------------------------------------------------------------------------


def test_an_installed_package_brings_members_by_name(
    problem: Problem, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real distribution on the path, with the entry point that a user's package would have."""
    from harmattan.training.models import own

    (tmp_path / "my_members.py").write_text(
        "import numpy as np\n"
        "from harmattan.training import negative_binomial\n"
        "class Flat:\n"
        "    name = 'flat'\n"
        "    def fit(self, problem, origin, horizon): pass\n"
        "    def margins(self, problem, origin):\n"
        "        return negative_binomial(np.ones(problem.panel.shape[1]), np.ones(problem.panel.shape[1]))\n"
        "    def to_files(self): return {}\n"
        "    @classmethod\n"
        "    def from_files(cls, files): return cls()\n"
    )
    info = tmp_path / "my_members-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-members\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[harmattan.members]\nflat = my_members:Flat\nbroken = my_members:No\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own._registered.cache_clear()
    try:
        origin = problem.panel.months[100]
        pool = fit_pool(problem, origin, 1, ["zero", "flat"])
        assert pool.margins(problem, origin)["flat"].mean.tolist() == [1.0] * 8
        assert "flat" in FittedPool.from_files(pool.to_files()).members
        with pytest.raises(UsageError, match="Did you mean 'flat'"):
            roster(["flaat"], "events")
        with pytest.raises(ModelError, match="'broken' cannot be loaded"):
            fit_members(problem, origin, 1, ["broken"])
    finally:
        own._registered.cache_clear()


# --- members that are sometimes absent ---------------------------------------------------------------------------


def members_of(rng: np.random.Generator, good: bool) -> list[Margins]:
    truth = rng.poisson(4.0, (50, 6))
    near = empirical(truth)
    return [near if good else empirical(truth + 8), empirical(rng.poisson(4.0, (50, 6)) + 3)]


def test_weights_are_learned_on_the_origins_that_a_member_has() -> None:
    rng = np.random.default_rng(5)
    best = np.full(3, 1 / 3)
    scored = []
    for i in range(40):
        one, two = members_of(rng, True)
        three = empirical(rng.poisson(4.0, (50, 6))) if i >= 20 else None
        observed = rng.poisson(4.0, 6).astype(float)
        scored.append(scored_origin([one, two, three], one, observed, best))
    equal = np.full(3, 1 / 3)
    with_all = learn(scored, equal)
    assert with_all.weights[2] > 0.2
    assert with_all.weights.sum() == pytest.approx(1)
    without = learn(scored, equal, np.array([True, True, False]))
    assert without.weights[2] == 0
    plain = learn(
        [x._replace(error=x.error[:2], distance=x.distance[:2, :2]) for x in scored], equal[:2] * 1.5
    )
    np.testing.assert_allclose(without.weights[:2], plain.weights)
    few = learn(scored[: 20 + FEWEST - 1], equal)
    assert few.weights[2] == 0


@pytest.mark.slow
def test_a_member_absent_from_some_origins_is_compared_where_it_is_there(problem: Problem) -> None:
    from harmattan.training.evaluation import evaluate

    origins = problem.panel.months[90:116]

    @dataclass
    class Late(LastYear):
        def margins(self, problem, origin):
            return super().margins(problem, origin) if origin >= origins[13] else None

    (record,) = run_backtest(
        problem, origins, [1], members=["...", Late()], compared=("zero", "conflictology_12")
    )
    tables = evaluate([record], np.random.default_rng(1), leave_out=True)
    board = tables.leaderboard.set_index("member")
    assert board.loc["late", "cases"] == 13 * 8
    assert board.loc["late", "months"] == 13
    cases = tables.cases
    mine = cases[cases["member"] == "late"]
    rival = cases[
        (cases["member"] == board.loc["late", "best_baseline"]) & cases["origin"].isin(mine["origin"])
    ]
    assert board.loc["late", "skill_vs_best"] == pytest.approx(
        1 - mine["crps"].sum() / rival["crps"].sum(), abs=1e-6
    )
    weights = record.weights.set_index(["origin", "member"])["weight"].unstack()
    assert (weights["late"][: str(origins[12])] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)

    class Never(LastYear):
        def margins(self, problem, origin):
            return None

    with pytest.raises(ModelError, match="'never' has no forecast from any origin"):
        run_backtest(problem, origins, [1], members=["zero", Never()], warm_up=0)


def test_a_trained_pool_goes_on_without_a_member_that_has_no_forecast(problem: Problem) -> None:
    origin = problem.panel.months[100]

    @dataclass
    class Once(LastYear):
        def margins(self, problem, origin):
            return super().margins(problem, origin) if origin == problem.panel.months[0] + 100 else None

    pool = fit_pool(problem, origin, 1, ["zero", "conflictology_12", Once()])
    pool = replace(pool, weights={"zero": 0.2, "conflictology_12": 0.2, "once": 0.6}, quiet=None)
    alone = fit_pool(problem, origin, 1, ["zero", "conflictology_12"])
    assert set(pool.margins(problem, origin)) == {"zero", "conflictology_12", "once", "pool"}
    later = pool.margins(problem, origin + 1)
    assert "once" not in later
    np.testing.assert_allclose(
        later["pool"].cdf, replace(alone, quiet=None).margins(problem, origin + 1)["pool"].cdf
    )


def test_a_feature_that_is_unknown_in_every_row_is_left_aside_until_it_is_known(problem: Problem) -> None:
    """A covariate that begins late: the fits before know nothing of it, those after use it."""
    begins = problem.panel.months[60]

    def late(panel):
        known = np.arange(panel.shape[0])[:, None] >= 60
        return np.where(known, panel.measure("events", fill=0), np.nan)

    for estimator in (HistGradientBoostingRegressor(loss="poisson", max_iter=5), PIPELINE):
        mine = Regressor(estimator, features=SHORT.add("late", late), size=1.0)
        alone = Regressor(estimator, features=SHORT, size=1.0)
        for origin, same in ((begins - 5, True), (begins + 40, False)):
            one, two = (
                Guarded(m, "m").fit(problem, origin, 1).margins(problem, origin).mean for m in (mine, alone)
            )
            assert np.allclose(one, two) == same
