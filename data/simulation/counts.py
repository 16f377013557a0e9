"""Worlds with known truth: monthly counts that excite each other inside countries and across borders.

For region i of country B in month t, with L_jt a distributed lag of past counts of region j:

    mu_it = endemic_it + own * L_it + spread * (sum over j in B of w_ij L_jt
            + sum over j in A != B of permeability[A, B] * w_ij L_jt),      y_it ~ NegBin(mu_it, size)

``w_ij`` is the share of i's land border that it has with j. Held & Paul (2012), doi:10.1002/bimj.201200037.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely

from ..errors import UsageError
from ..geography import Regions, links_of
from ..panel import Panel

#: Months simulated before the first, so that a world does not begin empty.
BURN_IN = 60


@dataclass(frozen=True)
class World:
    """The truth that a world is made from.

    Attributes
    ----------
    months : int
        Length in months, >= 12.
    start : str
        First month.
    endemic : float
        Mean events per region and month that nothing else excites, > 0.
    endemic_spread : float
        Standard deviation of its logarithm over regions.
    season : float
        Amplitude of the yearly wave in the logarithm.
    own : float
        Expected events next months per past event in the same region, >= 0.
    spread : float
        The same per past event in all neighbours (border shares add up to one, border lengths do on average).
    by_length : bool
        Neighbours count by the length of the common border, over the mean region's whole land border; else by its share
        of the receiving region's own.
    permeability : mapping of (str, str) to float
        By (source country, target country): how much of ``spread`` passes their border; 0 where not given.
    lags : int
        Months that an event can excite.
    decay : float
        Weight of a lag relative to the one before, in (0, 1].
    size : float
        Negative-binomial size; smaller is burstier.
    burst_share, burst_factor, burst_months
        Probability per region-month that the endemic level jumps, by how much, for how long.
    common_shock : float
        Standard deviation of a monthly shock to the logarithm of every endemic level.
    deaths_per_event : float
        Mean deaths of an event.
    imprecise_share : float
        Share of events known no better than the country; they all get one point of it.
    crossing_share : float
        Share of events that last into the next month.
    delay : float
        Mean months between an event and its first report.
    coverage_end : mapping of str to str
        Last month covered, by country.
    """

    months: int = 180
    start: str = "2009-01"
    endemic: float = 0.4
    endemic_spread: float = 0.6
    season: float = 0.2
    own: float = 0.35
    spread: float = 0.3
    by_length: bool = False
    permeability: Mapping[tuple[str, str], float] = field(default_factory=dict)
    lags: int = 6
    decay: float = 0.6
    size: float = 1.5
    burst_share: float = 0.0
    burst_factor: float = 5.0
    burst_months: int = 3
    common_shock: float = 0.0
    deaths_per_event: float = 4.0
    imprecise_share: float = 0.0
    crossing_share: float = 0.03
    delay: float = 0.0
    coverage_end: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse worlds that cannot be."""
        checks = {
            "months": self.months >= 12,
            "endemic": self.endemic > 0,
            "own": self.own >= 0,
            "spread": self.spread >= 0,
            "permeability": all(v >= 0 for v in self.permeability.values()),
            "lags": self.lags >= 1,
            "decay": 0 < self.decay <= 1,
            "size": self.size > 0,
            "deaths_per_event": self.deaths_per_event >= 0,
            "imprecise_share": 0 <= self.imprecise_share < 1,
            "delay": self.delay >= 0,
        }
        for name, fine in checks.items():
            if not fine:
                raise UsageError(f"{name}={getattr(self, name)} is outside its support.", remedy="See World.")

    @property
    def lag_weights(self) -> np.ndarray:
        """Weights of lags 1, 2, ...; they add up to one."""
        weights = self.decay ** np.arange(self.lags, dtype=float)
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class Truth:
    """What is known about a simulated world.

    Attributes
    ----------
    counts : numpy.ndarray
        Events, int (months, regions).
    means : numpy.ndarray
        Expected events of each month given all months before, (months, regions).
    endemic : numpy.ndarray
        The part of ``means`` that nothing excites, (months, regions).
    parts : mapping of str to numpy.ndarray
        ``endemic, own, domestic, across``; they add up to ``means``.
    propagation : numpy.ndarray
        (regions, regions): expected events in the row per past event in the column.
    history : numpy.ndarray
        Counts of the ``lags`` months before the first, (lags, regions).
    """

    world: World
    regions: Regions
    counts: np.ndarray
    means: np.ndarray
    endemic: np.ndarray
    parts: Mapping[str, np.ndarray]
    propagation: np.ndarray
    history: np.ndarray

    @property
    def months(self) -> pd.PeriodIndex:
        """The months of the world."""
        return pd.period_range(self.world.start, periods=self.world.months, freq="M")

    def panel(self) -> Panel:
        """The true counts as a panel of events, whatever was reported late or vaguely."""
        observed = np.ones(self.counts.shape, dtype=bool)
        of_country = np.asarray(self.regions.countries, dtype=object)
        for country, last in self.world.coverage_end.items():
            after = np.asarray(self.months > pd.Period(last, freq="M"))
            observed[np.ix_(after, of_country == country)] = False
        return Panel(
            months=self.months,
            region_ids=self.regions.region_ids,
            names=tuple(self.regions.frame["name"]),
            countries=self.regions.countries,
            measures={"events": np.where(observed, self.counts, np.nan).astype(np.float32)},
            observed=observed,
            links=self.regions.links,
            source="simulated world",
        )

    def attributable(self, source: str, origin: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """Shares of the events expected after an origin that a country exports across its borders.

        Parameters
        ----------
        source : str
            ISO3 of the exporting country.
        origin : int
            Row of the last month seen.
        horizon : int
            Months ahead that are added up.

        Returns
        -------
        direct, total : numpy.ndarray
            (regions,): by one step across the border, and over all generations. What had crossed by the
            origin is part of a region's own history and is never cut.
        """
        n = self.counts.shape[1]
        cut = self.propagation.copy()
        of = np.asarray(self.regions.countries, dtype=object)
        outgoing = np.ix_(of != source, of == source)
        cut[outgoing] = 0.0
        seen = np.vstack([self.history, self.counts[: origin + 1]])[-self.world.lags :]
        steps = range(origin + 1, origin + 1 + horizon)
        ahead = np.vstack([self.endemic[min(t, len(self.endemic) - 1)] for t in steps])
        direct_map = np.zeros((n, n))
        direct_map[outgoing] = self.propagation[outgoing]
        with_links, lagged = _expected(seen, ahead, self.propagation, self.world.lag_weights)
        without, _ = _expected(seen, ahead, cut, self.world.lag_weights)
        whole = with_links.sum(axis=0)
        direct = (lagged @ direct_map.T).sum(axis=0)
        return direct / whole, (whole - without.sum(axis=0)) / whole

    def shares(self) -> pd.DataFrame:
        """Direct share of every source country in every region abroad, over the whole world's means."""
        lagged = _lagged(np.vstack([self.history, self.counts]), self.world.lag_weights)
        of = np.asarray(self.regions.countries, dtype=object)
        rows = []
        total = self.means.sum(axis=0)
        for source in sorted(set(of)):
            inflow = lagged[:, of == source] @ self.propagation[:, of == source].T
            for at in np.flatnonzero(of != source):
                share = float(inflow[:, at].sum() / total[at])
                rows.append((source, self.regions.region_ids[at], of[at], share))
        names = ["source_country", "target_region", "target_country", "share_direct"]
        return pd.DataFrame(rows, columns=names)


def propagation_matrix(world: World, regions: Regions) -> np.ndarray:
    """Expected events in region i (row) per past event in region j (column)."""
    ids = {r: i for i, r in enumerate(regions.region_ids)}
    n = len(ids)
    km = np.zeros((n, n))
    a = [ids[r] for r in regions.links["region_a"]]
    b = [ids[r] for r in regions.links["region_b"]]
    km[a, b] = km[b, a] = regions.links["border_km"].to_numpy(float)
    whole = km.sum(axis=1, keepdims=True)
    if world.by_length:
        whole = np.full_like(whole, whole[whole > 0].mean() if (whole > 0).any() else 1.0)
    shares = km / np.maximum(whole, 1e-9)
    of = np.asarray(regions.countries, dtype=object)
    passing = np.where(of[:, None] == of[None, :], 1.0, 0.0)
    unknown = {c for pair in world.permeability for c in pair} - set(of)
    if unknown:
        raise UsageError(
            f"permeability names '{min(unknown)}', which has no region.",
            remedy="Use " + ", ".join(sorted(set(of))),
        )
    for (source, target), value in world.permeability.items():
        passing[np.ix_(of == target, of == source)] = value
    matrix: np.ndarray = world.own * np.eye(n) + world.spread * shares * passing
    radius = float(np.abs(np.linalg.eigvals(matrix)).max())
    if radius >= 0.98:
        raise UsageError(
            f"this world explodes (spectral radius {radius:.2f}).",
            remedy="Lower own, spread or permeability.",
        )
    return matrix


def simulate_counts(world: World, regions: Regions, rng: np.random.Generator) -> Truth:
    """Monthly counts of a world and everything known about them.

    Parameters
    ----------
    world : World
        The truth.
    regions : Regions
        Geometry with links, real or from :func:`grid_regions`.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Truth

    Raises
    ------
    UsageError
        The world explodes or names an unknown country.

    Examples
    --------
    >>> world = World(months=24, permeability={("MLI", "BFA"): 1.0})
    >>> truth = simulate_counts(world, grid_regions(("MLI", "BFA")), np.random.default_rng(1))
    >>> bool(np.allclose(sum(truth.parts.values()), truth.means))
    True
    """
    matrix = propagation_matrix(world, regions)
    endemic = _endemic(world, len(regions), rng)
    weights = world.lag_weights[::-1]
    counts, means = np.zeros((2, BURN_IN + world.months, len(regions)))
    for t in range(len(counts)):
        past = counts[max(t - world.lags, 0) : t]
        means[t] = endemic[t] + matrix @ (weights[len(weights) - len(past) :] @ past) if t else endemic[t]
        level = rng.gamma(world.size, means[t] / world.size)
        counts[t] = rng.poisson(level)
    counts = counts.astype(np.int64)
    lagged = _lagged(counts[BURN_IN - world.lags :], world.lag_weights)
    of = np.asarray(regions.countries, dtype=object)
    same = (of[:, None] == of[None, :]) & ~np.eye(len(regions), dtype=bool)
    parts = {
        "endemic": endemic[BURN_IN:],
        "own": world.own * lagged,
        "domestic": lagged @ np.where(same, matrix, 0.0).T,
        "across": lagged @ np.where(of[:, None] != of[None, :], matrix, 0.0).T,
    }
    history = counts[BURN_IN - world.lags : BURN_IN]
    return Truth(world, regions, counts[BURN_IN:], means[BURN_IN:], endemic[BURN_IN:], parts, matrix, history)


def grid_regions(countries: Sequence[str] = ("MLI", "BFA"), rows: int = 3, columns: int = 3) -> Regions:
    """Square regions of one degree; each country is a block, side by side from west to east.

    >>> regions = grid_regions(("MLI", "BFA", "NER"), rows=2, columns=2)
    >>> len(regions), int(regions.links["crosses_border"].sum())
    (12, 4)
    """
    cells, table = [], []
    for block, country in enumerate(countries):
        for row in range(rows):
            for column in range(columns):
                west, south = -8.0 + block * columns + column, 12.0 + row
                cells.append(shapely.box(west, south, west + 1, south + 1))
                table.append((f"{country}-r{row}c{column}", f"{country} {row}.{column}", country))
    frame = pd.DataFrame(table, columns=["region_id", "name", "country"])
    frame = frame.assign(layer="grid", valid_from="", valid_to="")
    order = np.argsort(frame["region_id"].to_numpy(str))
    frame, geometry = frame.iloc[order].reset_index(drop=True), np.array(cells, dtype=object)[order]
    return Regions(frame, geometry, links_of(frame, geometry), {c: c for c in countries})


def _endemic(world: World, n: int, rng: np.random.Generator) -> np.ndarray:
    """Endemic levels with season, bursts and common shocks, (burn-in + months, regions)."""
    total = BURN_IN + world.months
    spread = world.endemic_spread
    level = world.endemic * np.exp(spread * rng.standard_normal(n) - spread**2 / 2)
    month = (np.arange(total) - BURN_IN + pd.Period(world.start, freq="M").month - 1) % 12
    log = world.season * np.sin(2 * np.pi * month / 12)
    if world.common_shock:
        log = log + world.common_shock * rng.standard_normal(total) - world.common_shock**2 / 2
    endemic = np.exp(log)[:, None] * level[None, :]
    if world.burst_share:
        begins = rng.random((total, n)) < world.burst_share
        active = np.zeros((total, n), dtype=bool)
        for step in range(world.burst_months):
            active[step:] |= begins[: total - step]
        endemic = np.where(active, endemic * world.burst_factor, endemic)
    return np.asarray(endemic)


def _lagged(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Distributed lag of counts, for every month after the first ``len(weights)``."""
    k = len(weights)
    total: np.ndarray = np.zeros((len(counts) - k, counts.shape[1]))
    for lag, weight in enumerate(weights, start=1):
        total = total + weight * counts[k - lag : len(counts) - lag]
    return total


def _expected(
    seen: np.ndarray, ahead: np.ndarray, matrix: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts of the months ahead given those seen, and the lagged counts they follow from."""
    path = [row.astype(float) for row in seen]
    lagged = []
    for base in ahead:
        past = np.vstack(path[-len(weights) :])[::-1]
        lag = weights[: len(past)] @ past
        lagged.append(lag)
        path.append(base + matrix @ lag)
    return np.vstack(path[len(seen) :]), np.vstack(lagged)
