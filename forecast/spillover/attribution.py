"""How much of each region's risk is traced to another country: shares and risk differences from coupled worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...data.frames import rows_of
from ...data.panel import Panel
from ...training.diffusion.border_signal import with_grades
from ...training.diffusion.design import lag_states
from ...training.diffusion.model import Diffusion
from ...training.diffusion.simulation import simulate, size_at_origin
from ...training.diffusion.uncertainty import Ensemble, risk_spread, size_of, spread
from ...training.distribution import Draws
from ...training.models.base import Problem
from .words import share_statement

#: Months over which events are added up, and the counts whose probability is asked.
SPANS = (1, 3, 6)
THRESHOLDS = (1, 5, 25)
#: Below this share of observed international border a region's row is "partly blind".
SEEING = 0.6
#: Beyond this ratio of the probabilities of at least one event the path model and the published forecast disagree.
DISAGREE_FACTOR = 1.5
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
    "model_risk",
    "models_disagree",
    "declared",
    "grade",
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
    country, factual = np.array(model.countries), simulate(model, states, size, uniforms)
    cut, cut_mean, direct, cut_totals = {}, {}, {}, {}
    for source in sorted({source for source, _ in grades_of(model.pairs)}):
        sender = country == source
        arriving = np.where(sender[None, :], model.across, 0.0)
        if not arriving.any():
            # Nothing is fitted to leave it: its rows say so, and both worlds are one.
            closed = np.zeros_like(whole.mean[:, 0])
            cut[source], cut_mean[source] = factual, whole.mean[:, 0]
            cut_totals[source], direct[source] = whole.totals, closed
            continue
        cut[source] = simulate(model.cut(source), states, size, uniforms)
        without = ensemble.expect(states, months, closed=ensemble.closed(sender))
        cut_mean[source], cut_totals[source] = without.mean[:, 0], without.totals
        direct[source] = whole.lag[:, 0] @ arriving.T
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
    grades, tables = grades_of(model.pairs), []
    mapping = PublishedMargins.of(worlds, pool)
    whole = None if mapping is None else mapping.mapped(worlds.paths, np.arange(len(country)))
    disagree = _disagree(worlds, pool)
    pool_risks = {s: _pool_risks(pool, s, thresholds) for s in spans if s <= worlds.paths.shape[1]}
    for source in worlds.cut:
        reached = {target for origin, target in grades if origin == source}
        to = np.flatnonzero(np.isin(country, sorted(reached)))
        paths = (worlds.paths[:, :, to], worlds.cut[source][:, :, to])
        mapped = None
        if mapping is not None and whole is not None:
            mapped = (whole[:, :, to], mapping.mapped(paths[1], to))
        for span, published in pool_risks.items():
            shares = _share_columns(worlds, source, span, to)
            simulated = [world[:, :span].sum(axis=1) for world in paths]
            means = (worlds.totals[span - 1][:, to], worlds.cut_totals[source][span - 1][:, to])
            expected = (*means, size_of(simulated[0]))
            drawn = None if mapped is None else [world[:, :span].sum(axis=1) for world in mapped]
            for threshold in thresholds:
                labels = {
                    "source_country": source,
                    "target_region": np.array(panel.region_ids, dtype=object)[to],
                    "target_country": country[to],
                    "horizon": span,
                    "threshold": threshold,
                }
                risks = _risk_columns(simulated, expected, threshold)
                risks = _as_published(risks, published[threshold][to], drawn, threshold)
                tables.append({**labels, **shares, **risks, "models_disagree": disagree[to]})
    if not tables:
        return pd.DataFrame(columns=list(SPILLOVER_COLUMNS))
    table = stacked(tables)
    keys = list(zip(table["source_country"], table["target_country"], strict=True))
    declared = declared_pairs(model.pairs)
    table["declared"] = [key in declared for key in keys]
    table["grade"] = [grades[key] for key in keys]
    columns = ("grade", "source_country", "share_low", "share_high", "models_disagree")
    table["statement"] = [share_statement(*row) for row in zip(*(table[c] for c in columns), strict=True)]
    seen = _blindness(panel, borders)
    return table.merge(seen, left_on="target_region", right_on="region_id").drop(columns="region_id")[
        list(SPILLOVER_COLUMNS)
    ]


def stacked(parts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Parts of a table one below the other; a single value stands for every row of its part."""

    def column(name: str) -> np.ndarray:
        values = [(part[name], len(part["target_region"])) for part in parts]
        kinds = [np.asarray(v, dtype=object if isinstance(v, str) else None) for v, _ in values]
        return np.concatenate([np.broadcast_to(v, n) for v, (_, n) in zip(kinds, values, strict=True)])

    return pd.DataFrame({name: column(name) for name in parts[0]})


@dataclass(frozen=True)
class PublishedMargins:
    """Maps counts of simulated paths onto the published distribution of each region and month, up to its first hole.

    Attributes
    ----------
    simulated : numpy.ndarray
        Factual counts of the paths, sorted, (paths, months, regions).
    published : numpy.ndarray
        Published draws, sorted, (draws, months, regions).
    within : numpy.ndarray
        One number in [0, 1) per path, month and region, which orders equal counts, (paths, months, regions).
    """

    simulated: np.ndarray
    published: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, worlds: Worlds, pool: Draws) -> PublishedMargins | None:
        """None where the published forecast lacks the first month."""
        paths = len(worlds.paths)
        known = [h == month for month, h in enumerate(pool.horizons[: worlds.paths.shape[1]], start=1)]
        months = [*known, False].index(False)
        if not months:
            return None
        # Inside its stratum a stratified number is random by itself.
        return cls(
            np.sort(worlds.paths[:, :months], axis=0),
            np.sort(pool.values[:, :months], axis=0),
            (worlds.uniforms[:, :months] * paths) % 1.0,
        )

    def mapped(self, counts: np.ndarray, to: np.ndarray) -> np.ndarray:
        """Counts of some regions in one world, under a map that makes none larger in a lesser world.

        The ranks of the factual paths are kept (Schaake shuffle; Clark and others 2004), and so are the published
        margins; a lesser count gets the rank that it has among the factual ones.
        """
        draws, months = self.published.shape[:2]
        out = np.zeros((len(counts), months, len(to)), dtype=np.int64)
        for month in range(months):
            for column, region in enumerate(to):
                known, within = self.simulated[:, month, region], self.within[:, month, region]
                low, high = (
                    np.searchsorted(known, counts[:, month, column], side=side) for side in ("left", "right")
                )
                rank = (low + within * (high - low)) / len(known)
                target = self.published[:, month, region]
                out[:, month, column] = target[np.minimum(rank * draws, draws - 1).astype(np.intp)]
        return out


def _as_published(
    risks: dict[str, np.ndarray],
    published: np.ndarray,
    drawn: Sequence[np.ndarray] | None,
    threshold: int,
) -> dict[str, np.ndarray]:
    """The path model's risks scaled to the published one: with the border it is that, without it as much less.

    Where the published forecast lacks months the path model's own numbers stand.
    """
    own = {**risks, "pool_risk": published, "model_risk": risks["risk_factual"]}
    if drawn is None or np.isnan(published).any():
        return own
    with_, without = ((world >= threshold).mean(axis=0) for world in drawn)
    left = np.where(with_ > 0, without / np.where(with_ > 0, with_, 1.0), 1.0)
    cut = published * left
    difference = published - cut
    # The interval keeps its width relative to the difference, or to the risk where nothing differs.
    whole = np.where(risks["risk_factual"] > 0, risks["risk_factual"], 1.0)
    scale = np.where(
        risks["risk_difference"] > 0,
        difference / np.where(risks["risk_difference"] > 0, risks["risk_difference"], 1.0),
        published / whole,
    )
    return {
        **own,
        "risk_factual": published,
        "risk_cut": cut,
        "risk_difference": difference,
        "risk_low": np.minimum(risks["risk_low"] * scale, difference),
        "risk_high": np.clip(risks["risk_high"] * scale, difference, np.maximum(published, difference)),
    }


def _disagree(worlds: Worlds, pool: Draws) -> np.ndarray:
    """Whether path model and forecast differ on at least one event within all months, bool (regions,)."""
    own = (worlds.paths.sum(axis=1) >= 1).mean(axis=0)
    published = _pool_risks(pool, worlds.paths.shape[1], (1,))[1]
    larger, smaller = np.maximum(own, published), np.minimum(own, published)
    return np.asarray(larger > DISAGREE_FACTOR * smaller)


def _share_columns(worlds: Worlds, source: str, span: int, to: np.ndarray) -> dict[str, np.ndarray]:
    """Attributable shares of one source within one span."""
    total, low, high = bounded_shares(worlds, source, span)
    direct = worlds.direct[source][:span].sum(axis=0) / worlds.mean[:span].sum(axis=0)
    found = {"share_direct": direct, "share_total": total, "share_low": low, "share_high": high}
    return {name: values[to] for name, values in found.items()}


def _risk_columns(
    totals: Sequence[np.ndarray], expected: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: int
) -> dict[str, np.ndarray]:
    """Risks of one source, span and threshold, from totals of coupled paths, (paths, regions), their means and size."""
    risk, without = ((world >= threshold).mean(axis=0) for world in totals)
    low, high = risk_spread(risk - without, *expected, threshold)
    return {
        "risk_factual": risk,
        "risk_cut": without,
        "risk_difference": risk - without,
        "risk_low": low,
        "risk_high": high,
    }


def _pool_risks(pool: Draws, span: int, thresholds: Sequence[int]) -> dict[int, np.ndarray]:
    """Published probabilities by threshold; missing where the pool has not forecast every month of the span."""
    within = [i for i, h in enumerate(pool.horizons) if h <= span]
    if len(within) < span:
        return dict.fromkeys(thresholds, np.full(pool.values.shape[2], np.nan))
    totals = pool.values[:, within].sum(axis=1)
    return {k: np.asarray((totals >= k).mean(axis=0)) for k in thresholds}


def declared_pairs(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    """Directed borders that carry a declared signal, (source country, target country)."""
    return {(str(r.source_country), str(r.target_country)) for r in rows_of(pairs) if r.declared}


def grades_of(pairs: pd.DataFrame) -> dict[tuple[str, str], str]:
    """How good the evidence is, by source and target country."""
    return {(str(r.source_country), str(r.target_country)): str(r.grade) for r in rows_of(with_grades(pairs))}


def _blindness(panel: Panel, borders: pd.DataFrame | None) -> pd.DataFrame:
    """Per region: the share of its international border that is observed, and whom it cannot see."""
    table = pd.DataFrame({"region_id": list(panel.region_ids)})
    if borders is None:
        borders = pd.DataFrame(columns=["region_id", "international_km", "observed_km", "blind_towards"])
    table = table.merge(borders, on="region_id", how="left")
    km = table["international_km"].astype(float)
    share = (table["observed_km"].astype(float) / km.where(km > 0)).where(km != 0, 1.0)
    table["observed_border_share"] = share
    blind = share < SEEING
    table["partly_blind"] = blind.astype("boolean").mask(share.isna()) if share.isna().any() else blind
    table["blind_towards"] = table["blind_towards"].fillna("")
    return table[["region_id", "observed_border_share", "partly_blind", "blind_towards"]]
