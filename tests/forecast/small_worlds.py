"""Small panels and diffusion models with known truth, for tests of models, runs and spillover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harmattan.data.panel import Panel
from harmattan.features import Ewm, Lag, Neighbours, Recipe
from harmattan.training.diffusion.design import LAG_HALF_LIVES
from harmattan.training.diffusion.model import Diffusion
from harmattan.training.models.base import Problem
from harmattan.training.models.excitation import border_weights

#: Two countries on a ladder: A1-A2-A3-A4 and B1-B2-B3-B4 along the rails, A_i - B_i across the border.
LADDER = ("AAA-1", "AAA-2", "AAA-3", "AAA-4", "BBB-1", "BBB-2", "BBB-3", "BBB-4")
STEPS = [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (0, 4), (1, 5), (2, 6), (3, 7)]


def ladder_links(ids: Sequence[str] = LADDER) -> pd.DataFrame:
    """Links of the ladder, 100 km each."""
    return pd.DataFrame(
        {
            "region_a": [ids[a] for a, _ in STEPS],
            "region_b": [ids[b] for _, b in STEPS],
            "border_km": 100.0,
            "crosses_border": [ids[a][:3] != ids[b][:3] for a, b in STEPS],
        }
    )


def panel_of(
    events: np.ndarray,
    ids: Sequence[str] = LADDER,
    links: pd.DataFrame | None = None,
    observed: np.ndarray | None = None,
    **measures: np.ndarray,
) -> Panel:
    """A panel from counts (months, regions); deaths are twice the events unless given."""
    seen = np.ones(events.shape, dtype=bool) if observed is None else observed
    given = {"events": events, "deaths_best": 2 * events, **measures}
    return Panel(
        months=pd.period_range("2001-01", periods=len(events), freq="M"),
        region_ids=tuple(ids),
        names=tuple(ids),
        countries=tuple(i[:3] for i in ids),
        measures={k: np.where(seen, v, np.nan).astype(np.float32) for k, v in given.items()},
        observed=seen,
        links=links,
    )


def ladder_counts(seed: int, months: int = 96) -> np.ndarray:
    """Counts with regional levels, some persistence and one region without any event."""
    rng = np.random.default_rng(seed)
    level = np.array([3.0, 1.0, 0.3, 0.0, 2.0, 0.5, 0.1, 0.8])
    drift = np.exp(0.25 * np.cumsum(rng.normal(size=(months, 8)), axis=0).clip(-6, 6))
    return rng.poisson(level * drift.clip(0.1, 5.0) * rng.gamma(1.5, 1 / 1.5, size=(months, 8)))


def ladder_panel(seed: int = 0, months: int = 96, observed: np.ndarray | None = None) -> Panel:
    """The ladder with events, deaths, late events and a few groups."""
    rng = np.random.default_rng([seed, 1])
    events = ladder_counts(seed, months)
    return panel_of(
        events,
        links=ladder_links(),
        observed=observed,
        deaths_best=rng.poisson(2.5 * events),
        deaths_civilians=rng.binomial(events, 0.5),
        late_events=rng.binomial(events, 0.3),
        events_jnim=rng.binomial(events, 0.4),
    )


def few_features(links: bool = True) -> Recipe:
    """A short recipe: enough for trees, quick to build."""
    own = [Lag(0), Ewm(3.0)]
    return Recipe([*own, Neighbours(of=Lag(0), across_border=True)] if links else own)


def problem_of(panel: Panel, target: str = "events", recipe: Recipe | None = None) -> Problem:
    """A problem with a small cube."""
    recipe = recipe or few_features(panel.links is not None)
    return Problem(panel, recipe.build(panel), target)


def diffusion(
    a_to_b: float = 0.3,
    b_to_a: float = 0.0,
    own: float = 0.3,
    domestic: float = 0.15,
    endemic: float = 0.5,
    spread: float = 1.0,
    slope: float = 0.3,
    declared: tuple[bool, bool] = (True, False),
) -> Diffusion:
    """A diffusion model on the ladder with chosen coefficients; all of the lag has a half-life of two months."""
    panel = panel_of(np.zeros((3, 8)), links=ladder_links())
    country = np.array(panel.countries)
    gamma = np.zeros((8, 8))
    gamma[np.ix_(country == "BBB", country == "AAA")] = a_to_b
    gamma[np.ix_(country == "AAA", country == "BBB")] = b_to_a
    pairs = pd.DataFrame(
        {
            "source_country": ["AAA", "BBB"],
            "target_country": ["BBB", "AAA"],
            "permeability": [a_to_b / domestic, b_to_a / domestic],
            "coefficient": [a_to_b, b_to_a],
            "lr_statistic": [9.0, 0.0],
            "p_value": [0.001, 1.0],
            "p_holm": [0.002, 1.0],
            "declared": list(declared),
        }
    )
    return Diffusion(
        endemic=np.full(8, endemic),
        lag_shares=np.array([float(h == 2.0) for h in LAG_HALF_LIVES]),
        own=np.full(8, own),
        domestic=domestic * border_weights(panel, crossing=False),
        across=gamma * border_weights(panel, crossing=True),
        spread=spread,
        slope=slope,
        pairs=pairs,
        countries=panel.countries,
        scaled_by=1.0,
        account={},
    )


def world_of(model: Diffusion, months: int, rng: np.random.Generator, size: float = 2.0) -> np.ndarray:
    """Counts (months, regions) of a ladder that follows ``model``, by a plain loop and a half-life of two months."""
    step, lag = 1 - 0.5**0.5, np.full(8, 1.0)
    out = np.zeros((months + 60, 8), dtype=np.int64)
    for t in range(len(out)):
        mean = model.endemic + model.propagation @ lag
        out[t] = rng.poisson(rng.gamma(size, mean / size))
        lag = lag + step * (out[t] - lag)
    return out[60:]
