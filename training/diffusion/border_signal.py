"""Which borders carry a signal: likelihood ratios on the boundary, Holm, permuted borders, shocks, intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ...data.frames import rows_of
from .additive import FitResult, Likelihood, maximise
from .design import Design, Term
from .shared_shock import SHOCK_TEST_LEVEL, shock_p_value

#: Level of the tests, after Holm's adjustment over all borders.
SIGNIFICANT = 0.05
#: An estimate has to pass this quantile of the estimates under permuted borders.
PERMUTED_LEVEL = 0.95
#: Probability that the profile intervals claim.
INTERVAL = 0.90
#: Refits of a border need no more precision than this in log-likelihood.
_REFIT_TOLERANCE = 3e-3
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


def current_names(pairs: pd.DataFrame) -> pd.DataFrame:
    """A stored table of pairs, whichever version wrote it, with the names that columns have today."""
    return pairs.rename(columns=_FORMER)


def judge_borders(
    design: Design,
    likelihood: Likelihood,
    best: FitResult,
    permutations: int,
    rng: np.random.Generator | None,
    loose: tuple[Design, FitResult] | None = None,
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
    """
    sd = None if loose is None else _standard_errors(loose[1])
    rows = []
    for term in (t for t in design.terms if t.kind == "across"):
        interval = (np.nan, np.nan, np.nan)
        if loose is not None and sd is not None:
            at = design.position(term)
            interval = _interval(*loose, term, float(best.params[at]), float(sd[at]))
        rows.append((*_tested(design, likelihood, best, term), *interval))
    pairs = pd.DataFrame(rows, columns=[*_TESTED, *_INTERVAL])
    pairs["p_holm"] = holm(pairs["p_value"].to_numpy(float))
    phi = float(best.params[design.position(Term("domestic"))])
    for end in ("low", "high"):
        pairs[f"permeability_{end}"] = pairs[f"coefficient_{end}"] / (phi if phi > 0 else np.nan)
    return _permuted(design, best, pairs, permutations, rng)


_TESTED = ("source_country", "target_country", "permeability", "coefficient", "lr_statistic", "p_value")
_INTERVAL = ("coefficient_low", "coefficient_high", "standard_error")


def _tested(
    design: Design, likelihood: Likelihood, best: FitResult, term: Term
) -> tuple[str, str, float, float, float, float]:
    """Estimate and likelihood ratio of one border."""
    phi = float(best.params[design.position(Term("domestic"))])
    estimate, statistic = float(best.params[design.position(term)]), 0.0
    if estimate > 0:
        closed = design.fit(likelihood, best.params, closed=[term])
        statistic = max(0.0, 2 * (best.loglike - closed.loglike))
    # On the boundary half of the mass of the likelihood ratio is at zero (Self & Liang 1987).
    p = 0.5 * float(stats.chi2.sf(statistic, 1)) if statistic > 0 else 1.0
    return term.source, term.target, estimate / phi if phi > 0 else np.nan, estimate, statistic, p


def _interval(
    design: Design, found: FitResult, term: Term, pooled: float, sd: float
) -> tuple[float, float, float]:
    """Profile interval of one border, which holds the pooled estimate, and its standard error."""
    low, high = profile_interval(design, found, term, sd)
    return min(low, pooled), max(high, pooled), sd


def _standard_errors(best: FitResult) -> np.ndarray:
    """Square roots of the inverse information's diagonal, all parameters free."""
    info = best.information + 1e-9 * np.eye(len(best.params))
    return np.sqrt(np.maximum(np.diag(np.linalg.pinv(info, hermitian=True)), 0.0))


def _permuted(
    design: Design,
    best: FitResult,
    pairs: pd.DataFrame,
    permutations: int,
    rng: np.random.Generator | None,
) -> pd.DataFrame:
    """Compare the estimates with those under permuted borders, and what passes with a shock on both sides."""
    checked, enough = [], _with_events(design)
    few = ~(pairs["source_country"].isin(enough) & pairs["target_country"].isin(enough))
    for row, scarce in zip(rows_of(pairs), few, strict=True):
        term = Term("across", str(row.source_country), str(row.target_country))
        reference, p, count, shock = np.nan, np.nan, 0, np.nan
        if row.coefficient > 0 and row.p_holm < SIGNIFICANT and not scarce:
            shock = shock_p_value(design, best, term)
            if rng is not None:
                estimates = _enough(design, best, term, permutations, rng)
                reference = float(np.quantile(estimates, PERMUTED_LEVEL))
                p = (1 + float((estimates >= row.coefficient).sum())) / (1 + len(estimates))
                count = len(estimates)
        checked.append((reference, p, count, shock))
    names = ["permuted_95", "p_permuted", "permutations", "p_shock"]
    pairs = pd.concat([pairs, pd.DataFrame(checked, columns=names)], axis=1)
    passes = (pairs["p_holm"] < SIGNIFICANT) & (pairs["coefficient"] > pairs["permuted_95"])
    pairs["declared"] = passes & ~_too_close(pairs)
    pairs["distinguishable_from_shock"] = pairs["declared"] & (pairs["p_shock"] < SHOCK_TEST_LEVEL)
    marks = zip(rows_of(pairs), few, _too_close(pairs), strict=True)
    pairs["verdict"] = [FEW if scarce else _verdict(row, close) for row, scarce, close in marks]
    return pairs[list(PAIR_COLUMNS)]


def _with_events(design: Design) -> list[str]:
    """Countries that have had enough events in the months fitted to say anything of their borders."""
    events = pd.Series(design.counts).groupby(design.country[design.regions]).sum()
    return [str(c) for c in events[events >= FEWEST].index]


def _too_close(pairs: pd.DataFrame) -> pd.Series:
    """Whether other permutations could turn the verdict, bool (pairs,)."""
    edge = 1 - PERMUTED_LEVEL
    error = np.sqrt(edge * (1 - edge) / pairs["permutations"].clip(lower=1))
    return pd.Series((pairs["p_permuted"] - edge).abs() < _TOO_CLOSE * error)


def _verdict(row: Any, close: bool) -> str:
    if row.declared:
        return SIGNAL if row.distinguishable_from_shock else SHARED
    if row.p_holm >= SIGNIFICANT:
        return WEAK
    if not row.permutations:
        return UNCHECKED
    return CLOSE if close else ANYWHERE


def _enough(
    design: Design, best: FitResult, term: Term, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Estimates under permuted borders; more of them while chance could turn the verdict."""
    estimate = float(best.params[design.position(term)])
    found = permuted_estimates(design, best, term, permutations, rng)
    while len(found) < MOST * permutations:
        above = float((found >= estimate).mean())
        edge = 1 - PERMUTED_LEVEL
        if abs(above - edge) > _GO_ON * np.sqrt(edge * (1 - edge) / len(found)):
            break
        found = np.concatenate([found, permuted_estimates(design, best, term, permutations, rng)])
    return found


def permuted_estimates(
    design: Design,
    best: FitResult,
    term: Term,
    permutations: int,
    rng: np.random.Generator,
    ends: str = "both",
) -> np.ndarray:
    """Estimates of one border's coefficient when its pieces join other regions, (permutations,).

    Every refit relabels the regions at both ends of the border: the lengths and pattern of the border stay, but it
    joins regions drawn at random in the two countries. Background levels and all other coefficients of the
    receiving country are fitted again; what all countries share stays at its estimate.

    Parameters
    ----------
    ends : {"both", "source", "target"}
        Which end is relabelled.
    """
    here, there = (np.flatnonzero(design.country == c) for c in (term.target, term.source))
    likelihood, free = _receiver(design, term.target)
    block = likelihood.blocks[0]
    at, out = design.position(term), np.empty(permutations)
    column = int(np.flatnonzero(block.slopes == at)[0])
    likelihood.columns = [block.columns.copy()]
    mine = np.flatnonzero(design.country[design.regions] == term.target)
    arriving_lag, months = design.lag[:, there], design.rows[mine]
    weights = design.far[np.ix_(here, there)]
    for i in range(permutations):
        to = rng.permutation(len(here)) if ends != "source" else np.arange(len(here))
        by = rng.permutation(len(there)) if ends != "target" else np.arange(len(there))
        moved = arriving_lag @ weights[np.ix_(to, by)].T
        likelihood.columns[0][:, column] = moved[months, block.region]
        out[i] = maximise(likelihood, best.params, free, 40, _REFIT_TOLERANCE).params[at]
    return out


def _receiver(design: Design, target: str) -> tuple[Likelihood, np.ndarray]:
    """The rows of one receiving country, and what is free in a refit of it alone: not what all countries share."""
    block = design.block(target)
    free = np.zeros(design.size, dtype=bool)
    free[np.concatenate([block.levels, block.slopes])] = True
    free[design.position(Term("domestic"))] = False
    return Likelihood([block], design.prior()), free


def profile_interval(
    design: Design, best: FitResult, term: Term, sd: float, level: float = INTERVAL
) -> tuple[float, float]:
    """Interval of one border's coefficient from its profile likelihood; ``low`` is 0 where 0 is not excluded.

    What all countries share stays at its estimate: it is known far better than any border.
    """
    likelihood, free = _receiver(design, term.target)
    at = design.position(term)
    free[at] = False
    drop = float(stats.chi2.ppf(level, 1))
    centre, top = float(best.params[at]), likelihood.value(best.params)

    def excess(value: float) -> float:
        start = best.params.copy()
        start[at] = value
        reached = maximise(likelihood, start, free, 60, _REFIT_TOLERANCE).loglike
        return 2 * (top - reached) - drop

    high = _crossing(excess, centre, centre + 1.64 * max(sd, 1e-3), drop)
    low = 0.0
    if centre > 0 and excess(0.0) > 0:
        low = _crossing(excess, centre, centre / 2, drop, floor=0.0)
    return low, high


def _crossing(
    excess: Callable[[float], float], centre: float, guess: float, drop: float, floor: float | None = None
) -> float:
    """Where the profile has fallen by ``drop``, by secants on the root of the fall, kept inside a bracket."""
    inside, outside = centre, floor
    known = (centre, -np.sqrt(drop))
    for _ in range(10):
        root = np.sqrt(max(excess(guess) + drop, 0.0)) - np.sqrt(drop)
        if abs(root) < 0.02:
            break
        inside, outside = (guess, outside) if root < 0 else (inside, guess)
        slope = (root - known[1]) / (guess - known[0])
        known, before = (guess, root), guess
        guess = guess - root / slope if slope else np.nan
        if outside is None:
            # Not yet passed: at most four times as far from the centre as before.
            far = centre + 4 * (before - centre)
            guess = min(guess, far) if guess > before else far
        elif not min(inside, outside) < guess < max(inside, outside):
            guess = (inside + outside) / 2
    return float(guess)


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
