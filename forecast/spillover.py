"""How much of each region's risk is traced to another country: shares and risk differences from coupled worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..data.panel import Panel
from ..training.distribution import Draws
from ..training.models.base import Problem
from ..training.models.diffusion import Diffusion, lag_states, mean_paths, simulate, size_at_origin

#: Months over which events are added up, and the counts whose probability is asked.
SPANS = (1, 3, 6)
THRESHOLDS = (1, 5, 25)
#: Below this share of observed international border a region's row is "partly blind".
SEEING = 0.6
NO_SIGNAL = "no measurable signal"
#: Share of simulated worlds in which a strong, lasting shock shared by both sides of a border, with nothing crossing,
#: was declared a signal (docs/spillover.md). It stands beside every number that is put in words.
SHOCK_RATE = 0.29
SHOCK_NOTE = (
    f"a strong shock shared by both sides would pass for this in {SHOCK_RATE:.0%} of simulated worlds"
)
COLUMNS = (
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
    bounds : dict of (str, str) to tuple
        By source country and end (``low``, ``high``): paths and exact means of the factual world with the country's
        outgoing coefficients at that end of their 90 % intervals.
    share_ends : dict of str to numpy.ndarray
        By source country: ends of the 90 % interval of its share within 1, 2, ... months, (2, months, regions), with
        all coefficients uncertain; absent where the model has no alternatives.
    """

    paths: np.ndarray
    cut: dict[str, np.ndarray]
    mean: np.ndarray
    cut_mean: dict[str, np.ndarray]
    direct: dict[str, np.ndarray]
    bounds: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    share_ends: dict[str, np.ndarray] = field(default_factory=dict)


def simulate_worlds(
    model: Diffusion, problem: Problem, origin: pd.Period, months: int, paths: int, rng: np.random.Generator
) -> Worlds:
    """Simulate the coming months once per source country, with common random numbers.

    Past imports that are already in a region's own history at the origin stay there in every world.
    """
    states = lag_states(problem)[problem.row(origin)]
    size = size_at_origin(model, states)
    regions = len(states)
    uniforms = stratified_uniforms(paths, months, regions, rng)
    mean, lags = mean_paths(model, states, months)
    country = np.array(model.countries)
    cut, cut_mean, direct, bounds = {}, {}, {}, {}
    for source in sorted(set(model.countries)):
        sender = country == source
        arriving = np.where(sender[None, :], model.across, 0.0)
        if not arriving.any():
            continue
        closed = model.cut(source)
        cut[source] = simulate(closed, states, size, uniforms)
        cut_mean[source] = mean_paths(closed, states, months)[0]
        direct[source] = lags @ arriving.T
        for end in ("low", "high"):
            bound = model.at_bound(source, end)
            bounds[source, end] = (
                simulate(bound, states, size, uniforms),
                mean_paths(bound, states, months)[0],
            )
    ends = share_ends(model, states, months, list(cut))
    return Worlds(simulate(model, states, size, uniforms), cut, mean, cut_mean, direct, bounds, ends)


def share_ends(
    model: Diffusion, states: np.ndarray, months: int, sources: Sequence[str]
) -> dict[str, np.ndarray]:
    """Ends of the 90 % interval of each country's share, by month, over models that fit about as well."""
    found: dict[str, list[np.ndarray]] = {source: [] for source in sources}
    for other in model.alternatives():
        whole = mean_paths(other, states, months)[0].cumsum(axis=0)
        for source in sources:
            without = mean_paths(other.cut(source), states, months)[0].cumsum(axis=0)
            found[source].append(1 - without / whole)
    return {s: np.quantile(v, [0.05, 0.95], axis=0) for s, v in found.items() if v}


def bounded_share(worlds: Worlds, source: str, end: str, span: int) -> np.ndarray:
    """One end of the interval of a country's share over all generations, (regions,).

    With alternatives all coefficients are uncertain; without, only those of the country's borders. The interval
    holds the estimate.
    """
    best = 1 - worlds.cut_mean[source][:span].sum(axis=0) / worlds.mean[:span].sum(axis=0)
    if source in worlds.share_ends:
        found = worlds.share_ends[source][("low", "high").index(end), span - 1]
    else:
        whole = worlds.bounds[source, end][1][:span].sum(axis=0)
        found = 1 - worlds.cut_mean[source][:span].sum(axis=0) / whole
    return np.asarray(np.minimum(found, best) if end == "low" else np.maximum(found, best))


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
    declared = {
        (p.source_country, p.target_country): bool(p.declared) for p in model.pairs.itertuples(index=False)
    }
    blind = _blindness(panel, borders)
    tables = []
    for source in worlds.cut:
        reached = {target for (a, target) in declared if a == source}
        to = np.flatnonzero(np.isin(country, sorted(reached)))
        for span in (s for s in spans if s <= worlds.paths.shape[1]):
            within = [i for i, h in enumerate(pool.horizons) if h <= span]
            inside = pool.values[:, within].sum(axis=1)
            factual, closed = worlds.paths[:, :span].sum(axis=1), worlds.cut[source][:, :span].sum(axis=1)
            whole = worlds.mean[:span].sum(axis=0)
            without_mean = worlds.cut_mean[source][:span].sum(axis=0)
            for threshold in thresholds:
                risk, without = (factual >= threshold).mean(axis=0), (closed >= threshold).mean(axis=0)
                at = {
                    end: (worlds.bounds[source, end][0][:, :span].sum(axis=1) >= threshold).mean(axis=0)
                    for end in ("low", "high")
                }
                tables.append(
                    pd.DataFrame(
                        {
                            "source_country": source,
                            "target_region": np.array(panel.region_ids, dtype=object)[to],
                            "target_country": country[to],
                            "horizon": span,
                            "threshold": threshold,
                            "share_direct": (worlds.direct[source][:span].sum(axis=0) / whole)[to],
                            "share_total": (1 - without_mean / whole)[to],
                            "share_low": bounded_share(worlds, source, "low", span)[to],
                            "share_high": bounded_share(worlds, source, "high", span)[to],
                            "risk_factual": risk[to],
                            "risk_cut": without[to],
                            "risk_difference": (risk - without)[to],
                            "risk_low": (at["low"] - without)[to],
                            "risk_high": (at["high"] - without)[to],
                            # Where the pool has not forecast every month of the span, it has no such risk.
                            "pool_risk": (inside >= threshold).mean(axis=0)[to]
                            if len(within) == span
                            else np.nan,
                        }
                    )
                )
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    table["declared"] = [
        declared[(a, b)] for a, b in zip(table["source_country"], table["target_country"], strict=True)
    ]
    table["statement"] = [
        _statement(*row)
        for row in zip(table["declared"], table["share_total"], table["risk_difference"], strict=True)
    ]
    return table.merge(blind, left_on="target_region", right_on="region_id").drop(columns="region_id")[
        list(COLUMNS)
    ]


def _statement(declared: bool, share: float, risk: float) -> str:
    """One row in words; without a declared signal there is no number in them."""
    if not declared:
        return NO_SIGNAL
    return f"{share:.0%} of expected events model-attributed; {100 * risk:.1f} points of risk; {SHOCK_NOTE}"


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
