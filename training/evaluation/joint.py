"""How regions and months err together: scores of the pool's joint draws, and how sums over them are covered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..distribution import independent_ranks
from ..pool.dependence import Template, fit_template
from ..record import PastErrors
from .comparison import month_blocks, skill_from_blocks

if TYPE_CHECKING:
    from ..record import Record

#: Origins whose errors the order of the draws is learned from, as in a trained model, and the fewest that say anything.
ORIGINS, FEWEST = 36, 6
#: Months that are summed, and central intervals of the sums.
SUMS, LEVELS = (3, 6), (0.5, 0.8, 0.9)
#: Pairs are scored in no larger vectors: their number grows with the square.
LARGEST = 150
ORDERS = ("learned", "independent")
JOINT_COLUMNS = [
    *("target", "horizon", "order", "origins", "energy", "energy_gain", "energy_low", "energy_high"),
    *("variogram", "variogram_gain", "variogram_low", "variogram_high"),
]
TOTAL_COLUMNS = ["target", "months", "order", "cases"]
TOTAL_COLUMNS += [f"{name}_{int(100 * level)}" for level in LEVELS for name in ("coverage", "low", "high")]
SERIAL_COLUMNS = ["target", "months_apart", "origins", "predicted", "observed", "low", "high"]


class JointTables(NamedTuple):
    """Scores of the joint draws, coverage of country totals, and correlations of errors across months."""

    joint: pd.DataFrame
    totals: pd.DataFrame
    serial: pd.DataFrame


class _Origin(NamedTuple):
    """Of one origin: ordered draws by order (draws, horizons, regions), outcomes and errors (horizons, regions)."""

    drawn: dict[str, np.ndarray]
    observed: np.ndarray
    score: np.ndarray
    spread: np.ndarray
    template: Template


def joint_tables(records: Sequence[Record], rng: np.random.Generator) -> JointTables:
    """Judge the order of the pool's draws, learned at each origin from errors known by then, against no dependence.

    Parameters
    ----------
    records : sequence of Record
        One per horizon, of one target, with draws of the pool.
    rng : numpy.random.Generator
        Orders the draws and draws the bootstrap samples of origins.

    Returns
    -------
    JointTables
        ``joint``: ``target, horizon, order, origins, energy, energy_gain, energy_low, energy_high, variogram,
        variogram_gain, variogram_low, variogram_high``; lower scores are better, of the vector of all regions in a
        month; horizon 0 is that of the countries' totals in all months. Gains are shares of the score that the learned
        order saves against independence, with a 95 % block-bootstrap interval over origins. ``totals``: ``target,
        months, order, cases, coverage_50, low_50, high_50`` and so on of country totals, over one month (1, all
        horizons) and summed over the first 3 and 6, with the same intervals. ``serial``: ``target, months_apart,
        origins, predicted, observed, low, high``: the correlation of errors of one region in two months that the draws
        are given, and that of the errors themselves. Empty where records keep no draws, or too few origins are known.
    """
    empty = (JOINT_COLUMNS, TOTAL_COLUMNS, SERIAL_COLUMNS)
    nothing = JointTables(*(pd.DataFrame(columns=names) for names in empty))
    records = sorted((r for r in records if r.pool is not None), key=lambda r: r.horizon)
    shared = sorted(set.intersection(*(set(r.origins) for r in records))) if records else []
    if not shared:
        return nothing
    countries = records[0].countries
    horizons = tuple(r.horizon for r in records)
    made = list(_ordered(records, shared, rng))
    if len(made) < 2:
        return nothing
    target, blocks = records[0].target, month_blocks(len(made), rng)
    names = sorted(set(countries))
    groups = np.array([[c == n for n in names] for c in countries], dtype=np.int64)
    joint = [{"target": target, **row} for row in _scores(made, horizons, groups, blocks)]
    totals = [{"target": target, **row} for row in _totals(made, horizons, groups, blocks)]
    serial = [{"target": target, **row} for row in _serial(made, horizons, blocks)]
    tables = (joint, totals, serial)
    return JointTables(*(pd.DataFrame(t, columns=c) for t, c in zip(tables, empty, strict=True)))


def _ordered(
    records: Sequence[Record], origins: Sequence[pd.Period], rng: np.random.Generator
) -> Iterator[_Origin]:
    """Origin by origin, the pool's draws in the order that past errors teach and in none."""
    countries, horizons = records[0].countries, tuple(r.horizon for r in records)
    for origin in origins:
        past = {r.horizon: known for r in records if (known := _known(r, origin)) is not None}
        at = [r.origins.index(origin) for r in records]
        draws = np.stack([r.pool[i] for r, i in zip(records, at, strict=True) if r.pool is not None], axis=1)
        template = fit_template(past or _nothing(records), countries, horizons)
        orders = {
            "learned": template.ranks(len(draws), countries, rng),
            "independent": independent_ranks(len(draws), draws.shape[1:], rng),
        }
        drawn = {name: np.take_along_axis(draws, ranks, axis=0) for name, ranks in orders.items()}
        observed = np.stack([r.observed[i] for r, i in zip(records, at, strict=True)])
        errors = [
            np.stack([getattr(r.errors, name)[i] for r, i in zip(records, at, strict=True)])
            for name in ("score", "spread")
        ]
        if np.isfinite(observed).all():
            yield _Origin(drawn, observed, errors[0], errors[1], template)


def ordered_draws(
    records: Sequence[Record], rng: np.random.Generator
) -> Iterator[tuple[pd.Period, np.ndarray, np.ndarray]]:
    """Origin by origin, draws in the order that past errors teach, (draws, horizons, regions), and what came.

    Parameters
    ----------
    records : sequence of Record
        One per horizon, of one target, with draws of the pool; outcomes come as (horizons, regions).
    rng : numpy.random.Generator
    """
    shared = sorted(set.intersection(*(set(r.origins) for r in records))) if records else []
    for origin in shared:
        for each in _ordered(records, [origin], rng):
            yield origin, each.drawn["learned"], each.observed


def _known(record: Record, origin: pd.Period) -> PastErrors | None:
    """The last errors whose outcome was known at an origin; None where they are too few."""
    errors = record.errors if record.earlier is None else record.earlier.joined(record.errors)
    last = errors.origins.index(origin) - record.wait + 1
    rows = slice(max(last - ORIGINS, 0), max(last, 0))
    if last < FEWEST:
        return None
    return PastErrors(errors.origins[rows], errors.score[rows], errors.spread[rows])


def _nothing(records: Sequence[Record]) -> dict[int, PastErrors]:
    regions = len(records[0].region_ids)
    return {records[0].horizon: PastErrors((), np.zeros((0, regions)), np.zeros((0, regions)))}


def energy_score(observed: np.ndarray, draws: np.ndarray) -> float:
    """Energy score ``mean|x - y| - 1/2 mean|x - x'|`` of a vector, with 1/S^2; lower is better.

    Parameters
    ----------
    observed, draws : numpy.ndarray
        (parts,) and (draws, parts).

    Notes
    -----
    Gneiting & Raftery (2007), doi:10.1198/016214506000001437. The same as ``scoringrules.es_ensemble``, whose numpy
    version needs draws x draws x parts numbers at once.

    Examples
    --------
    >>> energy_score(np.array([0.0, 0.0]), np.array([[3.0, 4.0], [3.0, 4.0]]))
    5.0
    """
    from scipy.spatial.distance import pdist

    error = float(np.sqrt(((draws - observed) ** 2).sum(axis=1)).mean())
    return error - float(pdist(draws).sum()) / len(draws) ** 2


def _scores(
    made: Sequence[_Origin], horizons: Sequence[int], groups: np.ndarray, blocks: np.ndarray
) -> Iterator[dict[str, object]]:
    """Energy and variogram scores by horizon and order."""
    import scoringrules as sr

    for k, horizon in enumerate((*horizons, 0) if len(horizons) > 1 else horizons):
        found = np.full((2, len(ORDERS), len(made)), np.nan)
        for i, each in enumerate(made):
            came = (each.observed @ groups).ravel() if horizon == 0 else each.observed[k]
            for j, order in enumerate(ORDERS):
                values = each.drawn[order].astype(float)
                x = (values @ groups).reshape(len(values), -1) if horizon == 0 else values[:, k]
                found[0, j, i] = energy_score(came, x)
                if 1 < len(came) <= LARGEST:
                    found[1, j, i] = sr.vs_ensemble(came, x, p=0.5)
        for j, order in enumerate(ORDERS):
            row: dict[str, object] = {"horizon": horizon, "order": order, "origins": len(made)}
            for name, score in zip(("energy", "variogram"), found, strict=True):
                gain = (np.nan,) * 3 if j else skill_from_blocks(score[0], score[1], blocks)
                row |= {name: score[j].mean()}
                row |= dict(zip((f"{name}_gain", f"{name}_low", f"{name}_high"), gain, strict=True))
            yield row


def _totals(
    made: Sequence[_Origin], horizons: Sequence[int], groups: np.ndarray, blocks: np.ndarray
) -> Iterator[dict[str, object]]:
    """Coverage of country totals over a month and over several."""
    for months in (1, *(m for m in SUMS if set(range(1, m + 1)) <= set(horizons))):
        rows = [horizons.index(h) for h in range(1, months + 1)] if months > 1 else []
        for order in ORDERS:
            held = []
            for each in made:
                drawn, came = each.drawn[order].astype(np.int64) @ groups, each.observed @ groups
                if months > 1:
                    drawn, came = drawn[:, rows].sum(axis=1), came[rows].sum(axis=0)
                held.append(inside(drawn.reshape(len(drawn), -1), came.ravel()).mean(axis=1))
            share = np.stack(held, axis=1)
            spread = np.quantile(share @ blocks.T / len(made), [0.025, 0.975], axis=1)
            row: dict[str, object] = {"months": months, "order": order, "cases": len(made) * came.size}
            for k, level in enumerate(LEVELS):
                ends = (share[k].mean(), spread[0, k], spread[1, k])
                at = int(100 * level)
                row |= dict(zip((f"coverage_{at}", f"low_{at}", f"high_{at}"), map(float, ends), strict=True))
            yield row


def inside(draws: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Share of each outcome's step that lies in each central interval: coverage without the noise of a random PIT.

    Parameters
    ----------
    draws, observed : numpy.ndarray
        (draws, cases) and (cases,), counts.

    Returns
    -------
    numpy.ndarray
        (levels, cases), 0..1, for the central :data:`LEVELS`.

    Examples
    --------
    >>> inside(np.arange(100)[:, None], np.array([80])).ravel().tolist()
    [0.0, 1.0, 1.0]
    >>> inside(np.zeros((4, 1)), np.zeros(1)).ravel().round(6).tolist()
    [0.5, 0.8, 0.9]
    """
    lower, upper = (draws < observed).mean(axis=0), (draws <= observed).mean(axis=0)
    out = []
    for level in LEVELS:
        a, b = 0.5 - level / 2, 0.5 + level / 2
        overlap = np.clip(np.minimum(upper, b) - np.maximum(lower, a), 0, None)
        whole = (lower >= a) & (lower <= b)
        out.append(np.where(upper > lower, overlap / np.maximum(upper - lower, 1e-12), whole))
    return np.stack(out)


def _serial(
    made: Sequence[_Origin], horizons: Sequence[int], blocks: np.ndarray
) -> Iterator[dict[str, object]]:
    """Correlation of a region's errors in two months of one forecast: given to the draws, and observed."""
    score, spread = (np.stack([getattr(each, name) for each in made], axis=1) for name in ("score", "spread"))
    height, decay = (np.array([each.template.serial[k] for each in made]) for k in (0, 1))
    pairs = [(i, j) for i in range(len(horizons)) for j in range(i + 1, len(horizons))]
    for gap in sorted({horizons[j] - horizons[i] for i, j in pairs}):
        some = [(i, j) for i, j in pairs if horizons[j] - horizons[i] == gap]
        product, whole = (
            np.sum([(v[i] * v[j]).sum(axis=1) for i, j in some], axis=0) for v in (score, spread)
        )
        drawn = (blocks @ product) / np.maximum(blocks @ whole, 1e-12)
        low, high = np.quantile(drawn, [0.025, 0.975])
        yield {
            "months_apart": gap,
            "origins": len(made),
            "predicted": float((height * decay**gap).mean()),
            "observed": float(product.sum() / max(whole.sum(), 1e-12)),
            "low": float(low),
            "high": float(high),
        }
