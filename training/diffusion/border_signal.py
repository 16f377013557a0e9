"""Which borders carry a signal: likelihood ratios on the boundary, Holm, permuted borders, shocks, intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from .additive import Likelihood
from .design import Design, Term
from .newton import FitResult, maximise_all
from .refits import permuted_estimates, profile_intervals
from .shared_shock import SHOCK_TEST_LEVEL, shock_p_value

#: Level of the tests, after Holm's adjustment over all borders.
SIGNIFICANT = 0.05
#: An estimate has to pass this quantile of the estimates under permuted borders.
PERMUTED_LEVEL = 0.95
#: Close verdicts get up to this many times the permutations asked for.
MOST = 10
#: A share of larger estimates within so many of its standard errors of the level is too close to call ...
_TOO_CLOSE = 2
#: ... and within so many it gets more permutations, so that looking often does not settle what is close.
_GO_ON = 3
PAIR_COLUMNS = (
    "source_country",
    "target_country",
    "permeability",
    "permeability_low",
    "permeability_high",
    "coefficient",
    "coefficient_low",
    "coefficient_high",
    "standard_error",
    "lr_statistic",
    "p_value",
    "p_holm",
    "permuted_95",
    "p_permuted",
    "permutations",
    "p_shock",
    "declared",
    "distinguishable_from_shock",
    "verdict",
    "grade",
)
#: What columns were called in releases and stored models of the first version.
_FORMER = {"apart": "distinguishable_from_shock"}
#: Why a border is declared or not.
SIGNAL = "signal"
SHARED = "signal, or a shock on both sides"
WEAK = "not significant"
ANYWHERE = "no more than under permuted borders"
CLOSE = "too close to call"
FEW = "too few events"
#: Nothing is declared of a border unless both of its countries have had so many events.
FEWEST = 10
UNCHECKED = "permutation check not run"
#: How good the evidence for a border is, whatever its size; the best first.
STRONG, SOME, NONE_SHOWN, TOO_FEW = GRADES = ("strong", "some", "none shown", "too few data")


def current_names(pairs: pd.DataFrame) -> pd.DataFrame:
    """A stored table of pairs, whichever version wrote it, with the names and the grades that it has today."""
    return with_grades(pairs.rename(columns=_FORMER))


def with_grades(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs with a column ``grade``, one of :data:`GRADES`; what a smaller table lacks counts as not passed.

    *strong*: declared, and distinguishable from a shock on both sides; *some*: declared, or significantly open without
    passing the permuted borders; *too few data*: too few events on either side; *none shown*: all others.

    Examples
    --------
    >>> columns = ["coefficient", "p_holm", "declared"]
    >>> table = pd.DataFrame([(0.3, 0.001, True), (0.2, 0.02, False), (0.0, 1.0, False)], columns=columns)
    >>> with_grades(table)["grade"].tolist()
    ['some', 'some', 'none shown']
    """
    if "grade" in pairs:
        return pairs
    absent = {
        "declared": False,
        "distinguishable_from_shock": False,
        "p_holm": 1.0,
        "coefficient": 0.0,
        "verdict": "",
    }
    columns = {
        name: pairs[name].to_numpy() if name in pairs else np.full(len(pairs), value)
        for name, value in absent.items()
    }
    return pairs.assign(grade=_grades(**columns))


def _grades(
    declared: np.ndarray,
    distinguishable_from_shock: np.ndarray,
    p_holm: np.ndarray,
    coefficient: np.ndarray,
    verdict: np.ndarray,
) -> np.ndarray:
    """Grade of every border, (pairs,)."""
    declared, distinguishable = declared.astype(bool), distinguishable_from_shock.astype(bool)
    significant = (p_holm.astype(float) < SIGNIFICANT) & (coefficient.astype(float) > 0)
    graded = {TOO_FEW: verdict == FEW, STRONG: declared & distinguishable, SOME: declared | significant}
    return np.select(list(graded.values()), list(graded), NONE_SHOWN)


def judge_borders(
    design: Design,
    likelihood: Likelihood,
    best: FitResult,
    permutations: int,
    rng: np.random.Generator | None,
    loose: tuple[Design, FitResult] | None = None,
    bounded: Collection[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """One row per directed pair of countries, with the verdict.

    A signal is declared where the likelihood ratio of a closed border is significant after Holm's adjustment, and
    the estimate passes the 95th percentile of the estimates under permuted borders by more than the chance of the
    permutations; borders that fail the first half are not permuted. ``distinguishable_from_shock``
    says whether it can also be told from a shock on both sides.

    Parameters
    ----------
    permutations : int
        Refits per border, >= 200 in earnest; close verdicts get up to :data:`MOST` times as many.
    rng : numpy.random.Generator or None
        Draws the permutations; None leaves them out, and then nothing is declared.
    loose : tuple of Design and FitResult, optional
        The design whose borders hardly anything pulls to zero, and its fit: standard errors and profile intervals
        come from there. Without it they are missing.
    bounded : collection of (str, str), optional
        Source and target countries of the only borders that get an interval.
    """
    terms = [t for t in design.terms if t.kind == "across"]
    tested = zip(*_likelihood_ratios(design, likelihood, best, terms), strict=True)
    bounds = zip(*_intervals(design, best, terms, loose, bounded), strict=True)
    pairs = {
        n: np.array(values) for n, values in zip([*_TESTED, *_INTERVAL], [*tested, *bounds], strict=True)
    }
    pairs["p_holm"] = holm(pairs["p_value"])
    phi = float(best.params[design.position(Term("domestic"))])
    for end in ("low", "high"):
        pairs[f"permeability_{end}"] = pairs[f"coefficient_{end}"] / (phi if phi > 0 else np.nan)
    pairs |= _permuted(design, best, terms, pairs, permutations, rng)
    return pd.DataFrame({name: pairs[name] for name in PAIR_COLUMNS})


_TESTED = ("source_country", "target_country", "permeability", "coefficient", "lr_statistic", "p_value")
_INTERVAL = ("coefficient_low", "coefficient_high", "standard_error")


def _likelihood_ratios(
    design: Design, likelihood: Likelihood, best: FitResult, terms: Sequence[Term]
) -> list[tuple[Any, ...]]:
    """Estimate and likelihood ratio of every border."""
    phi = float(best.params[design.position(Term("domestic"))])
    at = np.array([design.position(term) for term in terms], dtype=int)
    estimates, statistics = best.params[at], np.zeros(len(terms))
    open_ = np.flatnonzero(estimates > 0)
    starts = _without(design, best, at[open_])
    free = np.ones(starts.shape, dtype=bool)
    free[np.arange(len(open_)), at[open_]] = False
    closed = maximise_all(likelihood, starts, free, tolerance=2e-5, came_from=best.params, unchecked=0)
    statistics[open_] = [max(0.0, 2 * (best.loglike - fit.loglike)) for fit in closed]
    # On the boundary half of the mass of the likelihood ratio is at zero (Self & Liang 1987).
    p = np.where(statistics > 0, 0.5 * stats.chi2.sf(statistics, 1), 1.0)
    size = estimates / phi if phi > 0 else np.full(len(terms), np.nan)
    numbers = np.column_stack([size, estimates, statistics, p]).tolist()
    return [(term.source, term.target, *row) for term, row in zip(terms, numbers, strict=True)]


def _without(design: Design, best: FitResult, at: np.ndarray) -> np.ndarray:
    """About where the maximum lies once a coefficient is zero, by the curvature at the best fit, (at, parameters)."""
    slopes = np.arange(design.size) > len(design.country)
    slopes[-2:] = False
    moves = np.flatnonzero(~slopes | (best.params > 0))
    inverse = np.linalg.pinv(
        best.information[np.ix_(moves, moves)] + 1e-9 * np.eye(len(moves)), hermitian=True
    )
    starts = np.repeat(best.params[None], len(at), axis=0)
    for start, j in zip(starts, at, strict=True):
        along = inverse[:, np.searchsorted(moves, j)]
        start[moves] -= best.params[j] * along / along[np.searchsorted(moves, j)]
        start[j] = 0.0
    return np.asarray(np.where(slopes, np.maximum(starts, 0.0), starts))


def _intervals(
    design: Design,
    best: FitResult,
    terms: Sequence[Term],
    loose: tuple[Design, FitResult] | None,
    bounded: Collection[tuple[str, str]] | None,
) -> list[tuple[float, float, float]]:
    """Profile interval of every border, which holds the pooled estimate, and its standard error."""
    nothing = (np.nan, np.nan, np.nan)
    if loose is None:
        return [nothing] * len(terms)
    sd = _standard_errors(loose[1])
    found: dict[Term, tuple[float, float, float]] = {}
    for target in dict.fromkeys(term.target for term in terms):
        into = [t for t in terms if t.target == target and (bounded is None or t[1:] in bounded)]
        if not into:
            continue
        errors = [float(sd[design.position(term)]) for term in into]
        ends = profile_intervals(*loose, into, errors)
        for term, error, (low, high) in zip(into, errors, ends, strict=True):
            pooled = float(best.params[design.position(term)])
            found[term] = (min(low, pooled), max(high, pooled), error)
    return [found.get(term, nothing) for term in terms]


def _standard_errors(best: FitResult) -> np.ndarray:
    """Square roots of the inverse information's diagonal, all parameters free."""
    info = best.information + 1e-9 * np.eye(len(best.params))
    return np.sqrt(np.maximum(np.diag(np.linalg.pinv(info, hermitian=True)), 0.0))


def _permuted(
    design: Design,
    best: FitResult,
    terms: Sequence[Term],
    pairs: Mapping[str, np.ndarray],
    permutations: int,
    rng: np.random.Generator | None,
) -> dict[str, np.ndarray]:
    """Compare the estimates with those under permuted borders, and what passes with a shock on both sides."""
    names, codes = np.unique(design.country, return_inverse=True)
    events = dict(zip(names, np.bincount(codes[design.regions], design.counts), strict=True))
    few = np.array([min(events[t.source], events[t.target]) < FEWEST for t in terms])
    estimates, significant = pairs["coefficient"], pairs["p_holm"] < SIGNIFICANT
    count, checked = np.zeros(len(terms), dtype=int), np.full((3, len(terms)), np.nan)
    reference, p, shock = checked
    for i in np.flatnonzero((estimates > 0) & significant & ~few).tolist():
        shock[i] = shock_p_value(design, best, terms[i])
        if rng is not None:
            found = _enough(design, best, terms[i], permutations, rng)
            reference[i], count[i] = np.quantile(found, PERMUTED_LEVEL), len(found)
            p[i] = (1 + (found >= estimates[i]).sum()) / (1 + len(found))
    edge = 1 - PERMUTED_LEVEL
    # Other permutations could turn the verdict.
    close = np.abs(p - edge) < _TOO_CLOSE * np.sqrt(edge * (1 - edge) / np.maximum(count, 1))
    declared = significant & (estimates > reference) & ~close
    distinguishable = declared & (shock < SHOCK_TEST_LEVEL)
    reasons = {
        FEW: few,
        SIGNAL: distinguishable,
        SHARED: declared,
        WEAK: ~significant,
        UNCHECKED: count == 0,
        CLOSE: close,
    }
    verdict = np.select(list(reasons.values()), list(reasons), ANYWHERE)
    return {
        "permuted_95": reference,
        "p_permuted": p,
        "permutations": count,
        "p_shock": shock,
        "declared": declared,
        "distinguishable_from_shock": distinguishable,
        "verdict": verdict,
        "grade": _grades(declared, distinguishable, pairs["p_holm"], estimates, verdict),
    }


def _enough(
    design: Design, best: FitResult, term: Term, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Estimates under permuted borders; more of them while chance could turn the verdict, and none beyond."""
    own, edge, found = float(best.params[design.position(term)]), 1 - PERMUTED_LEVEL, np.empty(0)
    while len(found) < MOST * permutations:
        looked = len(found) + permutations
        margin = _GO_ON * np.sqrt(edge * (1 - edge) / looked)
        passed, most = int((found >= own).sum()), int(looked * (edge + margin)) + 1
        more = permuted_estimates(design, best, term, permutations, rng, passed=most - passed)
        found = np.concatenate([found, more])
        if len(found) < looked or abs(float((found >= own).mean()) - edge) > margin:
            break
    return found


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(adjusted, 1.0)
    return out
