"""How much of each region's risk is traced to another country: shares and risk differences from coupled worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.panel import Panel
from ...training.diffusion.design import lag_states
from ...training.diffusion.model import Diffusion
from ...training.diffusion.simulation import simulate, size_at_origin
from ...training.diffusion.uncertainty import Ensemble, risk_spread, size_of, spread
from ...training.distribution import Draws
from ...training.models.base import Problem

#: Months over which events are added up, and the counts whose probability is asked.
SPANS = (1, 3, 6)
THRESHOLDS = (1, 5, 25)
#: Below this share of observed international border a region's row is "partly blind".
SEEING = 0.6
NO_SIGNAL = "no measurable signal"
#: Shares of simulated worlds in which a strong, lasting shock shared by both sides of a border, with nothing crossing,
#: was declared a signal (least and most, over all shocks that fail), and the largest share, over all shocks tried, that
#: was told apart from one as well (docs/spillover.md). Either stands beside every number that is put in words.
SHOCK_RATES = (0.28, 0.52)
SHOCK_RATE_DISTINGUISHABLE = 0.02
SHOCK_NOTE = (
    f"a strong shock shared by both sides would pass for this in {100 * SHOCK_RATES[0]:.0f} to {SHOCK_RATES[1]:.0%} "
    "of simulated worlds"
)
DISTINGUISHABLE_NOTE = (
    f"a shock shared by both sides would pass for this in at most {SHOCK_RATE_DISTINGUISHABLE:.0%} "
    "of simulated worlds"
)
#: What stands beside a signal that is not told apart from a shock.
SHARED = "not told apart from a shock on both sides"
SHARED_NOTE = f"{SHARED}; {SHOCK_NOTE}"
SPILLOVER_COLUMNS = (
    "source_country",
    "target_region",
    "target_country",
    "horizon",
    "threshold",
    "share_direct",
    "share_total",
    "share_low",
    "share_high",
    "risk_factual",
    "risk_cut",
    "risk_difference",
    "risk_low",
    "risk_high",
    "pool_risk",
    "declared",
    "statement",
    "observed_border_share",
    "partly_blind",
    "blind_towards",
)


@dataclass(frozen=True)
class Worlds:
    """The factual world and those with one country's outgoing border links cut, under the same random numbers.

    Attributes
    ----------
    paths : numpy.ndarray
        Factual counts, int32, (paths, months, regions).
    cut : dict of str to numpy.ndarray
        By source country, same shape.
    mean : numpy.ndarray
        Exact expected counts of the factual world, (months, regions).
    cut_mean, direct : dict of str to numpy.ndarray
        By source country: exact expectation with its links cut, and the part of the factual expectation that comes
        from it in one step, (months, regions).
    totals : numpy.ndarray
        Exact expected counts within 1, 2, ... months, for the fit and all its alternatives,
        (months, versions, regions).
    cut_totals : dict of str to numpy.ndarray
        The same with one country's links cut.
    uniforms : numpy.ndarray
        The random numbers that all worlds share, (paths, months, regions).
    """

    paths: np.ndarray
    cut: dict[str, np.ndarray]
    mean: np.ndarray
    cut_mean: dict[str, np.ndarray]
    direct: dict[str, np.ndarray]
    totals: np.ndarray
    cut_totals: dict[str, np.ndarray]
    uniforms: np.ndarray


def simulate_worlds(
    model: Diffusion, problem: Problem, origin: pd.Period, months: int, paths: int, rng: np.random.Generator
) -> Worlds:
    """Simulate the coming months once per source country, with common random numbers.

    Past imports that are already in a region's own history at the origin stay there in every world.
    """
    states = lag_states(problem)[problem.row(origin)]
    size, ensemble = size_at_origin(model, states), Ensemble.of(model)
    uniforms = stratified_uniforms(paths, months, len(states), rng)
    whole = ensemble.expect(states, months)
    country = np.array(model.countries)
    cut, cut_mean, direct, cut_totals = {}, {}, {}, {}
    for source in sorted(set(model.countries)):
        sender = country == source
        arriving = np.where(sender[None, :], model.across, 0.0)
        if not arriving.any():
            continue
        cut[source] = simulate(model.cut(source), states, size, uniforms)
        without = ensemble.expect(states, months, closed=ensemble.closed(sender))
        cut_mean[source], cut_totals[source] = without.mean[:, 0], without.totals
        direct[source] = whole.lag[:, 0] @ arriving.T
    factual = simulate(model, states, size, uniforms)
    return Worlds(factual, cut, whole.mean[:, 0], cut_mean, direct, whole.totals, cut_totals, uniforms)


def bounded_shares(worlds: Worlds, source: str, span: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A country's share over all generations and the ends of its 90 % interval, (regions,) each."""
    return spread(1 - worlds.cut_totals[source][span - 1] / worlds.totals[span - 1])


def stratified_uniforms(paths: int, months: int, regions: int, rng: np.random.Generator) -> np.ndarray:
    """One number in (0, 1) per path, month and region, evenly spread over the paths (Latin hypercube)."""
    base = np.broadcast_to(np.arange(paths)[:, None, None], (paths, months, regions))
    return (rng.permuted(base, axis=0) + rng.random((paths, months, regions))) / paths


def spillover_table(
    model: Diffusion,
    worlds: Worlds,
    panel: Panel,
    pool: Draws,
    borders: pd.DataFrame | None,
    spans: Sequence[int] = SPANS,
    thresholds: Sequence[int] = THRESHOLDS,
) -> pd.DataFrame:
    """One row per source country, target region, span and threshold.

    Parameters
    ----------
    pool : Draws
        The published joint draws of ``events``; their probability stands beside the path model's.
    borders : pandas.DataFrame or None
        ``region_id, international_km, observed_km, blind_towards``: how much of each region's international border
        lies towards countries with data.
    """
    country = np.array(panel.countries)
    tables = []
    for source in worlds.cut:
        reached = {str(r.target_country) for r in rows_of(model.pairs) if r.source_country == source}
        to = np.flatnonzero(np.isin(country, sorted(reached)))
        for span in (s for s in spans if s <= worlds.paths.shape[1]):
            shares = _share_columns(worlds, source, span, to)
            for threshold in thresholds:
                labels = {
                    "source_country": source,
                    "target_region": np.array(panel.region_ids, dtype=object)[to],
                    "target_country": country[to],
                    "horizon": span,
                    "threshold": threshold,
                }
                risks = _risk_columns(worlds, source, span, threshold, to)
                published = {"pool_risk": _pool_risk(pool, span, threshold)[to]}
                tables.append(pd.DataFrame({**labels, **shares, **risks, **published}))
    if not tables:
        return pd.DataFrame(columns=list(SPILLOVER_COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    keys = list(zip(table["source_country"], table["target_country"], strict=True))
    declared, distinguishable = declared_pairs(model.pairs), distinguishable_pairs(model.pairs)
    table["declared"] = [key in declared for key in keys]
    table["statement"] = [
        _statement(key in declared, key in distinguishable, share, risk)
        for key, share, risk in zip(keys, table["share_total"], table["risk_difference"], strict=True)
    ]
    seen = _blindness(panel, borders)
    return table.merge(seen, left_on="target_region", right_on="region_id").drop(columns="region_id")[
        list(SPILLOVER_COLUMNS)
    ]


def _share_columns(worlds: Worlds, source: str, span: int, to: np.ndarray) -> dict[str, np.ndarray]:
    """Attributable shares of one source within one span."""
    total, low, high = bounded_shares(worlds, source, span)
    direct = worlds.direct[source][:span].sum(axis=0) / worlds.mean[:span].sum(axis=0)
    found = {"share_direct": direct, "share_total": total, "share_low": low, "share_high": high}
    return {name: values[to] for name, values in found.items()}


def _risk_columns(
    worlds: Worlds, source: str, span: int, threshold: int, to: np.ndarray
) -> dict[str, np.ndarray]:
    """Risks of one source, span and threshold, from coupled paths."""
    factual, closed = (w[:, :span][:, :, to].sum(axis=1) for w in (worlds.paths, worlds.cut[source]))
    risk, without = (factual >= threshold).mean(axis=0), (closed >= threshold).mean(axis=0)
    means = (worlds.totals[span - 1][:, to], worlds.cut_totals[source][span - 1][:, to])
    low, high = risk_spread(risk - without, *means, size_of(factual), threshold)
    return {
        "risk_factual": risk,
        "risk_cut": without,
        "risk_difference": risk - without,
        "risk_low": low,
        "risk_high": high,
    }


def _pool_risk(pool: Draws, span: int, threshold: int) -> np.ndarray:
    """The published probability; missing where the pool has not forecast every month of the span."""
    within = [i for i, h in enumerate(pool.horizons) if h <= span]
    if len(within) < span:
        return np.full(pool.values.shape[2], np.nan)
    return np.asarray((pool.values[:, within].sum(axis=1) >= threshold).mean(axis=0))


def declared_pairs(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    """Directed borders that carry a declared signal, (source country, target country)."""
    return {(str(r.source_country), str(r.target_country)) for r in rows_of(pairs) if r.declared}


def distinguishable_pairs(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    """Those of them whose signal is told apart from a shock on both sides."""
    column = "distinguishable_from_shock"
    return declared_pairs(pairs[pairs[column].astype(bool)]) if column in pairs else set()


def note_on(distinguishable: bool) -> str:
    """How often a shock would pass for a signal, for the words of a declared border."""
    return DISTINGUISHABLE_NOTE if distinguishable else SHARED_NOTE


def _statement(declared: bool, distinguishable: bool, share: float, risk: float) -> str:
    """One row in words; without a declared signal there is no number in them."""
    if not declared:
        return NO_SIGNAL
    note = note_on(distinguishable)
    return f"{share:.0%} of expected events model-attributed; {100 * risk:.1f} points of risk; {note}"


def _blindness(panel: Panel, borders: pd.DataFrame | None) -> pd.DataFrame:
    """Per region: the share of its international border that is observed, and whom it cannot see."""
    table = pd.DataFrame({"region_id": list(panel.region_ids)})
    if borders is None:
        return table.assign(observed_border_share=np.nan, partly_blind=False, blind_towards="")
    table = table.merge(borders, on="region_id", how="left")
    km = table["international_km"].fillna(0.0)
    table["observed_border_share"] = np.where(
        km > 0, table["observed_km"].fillna(0.0) / km.where(km > 0, 1.0), 1.0
    )
    table["partly_blind"] = table["observed_border_share"] < SEEING
    table["blind_towards"] = table["blind_towards"].fillna("")
    return table[["region_id", "observed_border_share", "partly_blind", "blind_towards"]]
