"""How far a declared signal can be trusted: simulated worlds whose borders are known to be open or closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ....data.geography import Regions
from ....data.simulation import Truth, World, propagation_matrix, simulate_counts

#: The border on trial, and the last months of a world that its shares are asked for.
PAIR = ("MLI", "BFA")
SPAN = 6
#: What an event excites in domestic neighbours. With 0.2 the world open both ways would explode (spectral radius 1.08),
#: with 0.3 by far (1.45): large regions have twice the mean border. With 0.15 it is 0.90.
SPREAD = 0.15
#: Correlation of a border's shared shock from one month to the next.
PERSISTENCE = 0.8


@dataclass(frozen=True)
class Setting:
    """One kind of world, and what an honest method should say about it.

    Attributes
    ----------
    name : str
        For the table.
    permeability, back : float
        Of the border from ``PAIR[0]`` to ``PAIR[1]``, and of the way back.
    common_shock : float
        Standard deviation of a monthly shock to the logarithm of every background level.
    border_shock : float
        Standard deviation of a lasting shock that regions on both sides of the border share, nothing spreading.
    persistence : float
        Correlation of that shock from one month to the next.
    season : float
        Amplitude of the yearly wave in the logarithm of every background level, which the model does not know.
    expected : str
        Stated before the worlds are made.
    """

    name: str
    permeability: float = 0.0
    back: float = 0.0
    common_shock: float = 0.0
    border_shock: float = 0.0
    persistence: float = PERSISTENCE
    season: float = World.season
    expected: str = ""

    def world(self, months: int) -> World:
        """The truth to simulate from."""
        open_ = {PAIR: self.permeability, PAIR[::-1]: self.back}
        return World(
            months,
            spread=SPREAD,
            by_length=True,
            permeability=open_,
            common_shock=self.common_shock,
            season=self.season,
        )


SETTINGS = (
    Setting("both directions closed", expected="declared in at most 5 %"),
    Setting("open one way, permeability 2", 2.0, expected="power curve"),
    Setting("open one way, permeability 4", 4.0, expected="power curve"),
    Setting("open one way, permeability 6", 6.0, expected="power curve"),
    Setting("open one way, permeability 8", 8.0, expected="exactly so in at least 90 %"),
    Setting(
        "open both ways, permeability 5", 5.0, 5.0, expected="both declared, and distinguishable from a shock"
    ),
    Setting("monthly shock to all regions", common_shock=0.5, expected="declared in at most 10 %"),
    Setting("lasting shock on both sides, sd 0.5", border_shock=0.5, expected="declared in at most 10 %"),
    Setting(
        "lasting shock on both sides, sd 1", border_shock=1.0, expected="distinguishable in at most 10 %"
    ),
    Setting(
        "stronger shock on both sides, sd 1.5", border_shock=1.5, expected="distinguishable in at most 10 %"
    ),
    Setting(
        "slower shock on both sides, sd 1, persistence 0.95",
        border_shock=1.0,
        persistence=0.95,
        expected="distinguishable in at most 10 %",
    ),
    Setting("strong season of all regions, amplitude 0.6", season=0.6, expected="declared in at most 5 %"),
)


@dataclass(frozen=True)
class Trial:
    """What every world of an evaluation shares."""

    regions: Regions
    settings: tuple[Setting, ...]
    months: int
    permutations: int
    seed: int


def evaluate_worlds(
    regions: Regions,
    settings: Sequence[Setting] = SETTINGS,
    worlds: int = 100,
    months: int = 180,
    permutations: int = 200,
    seed: int = 2023,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit worlds with known truth and count what is declared.

    Parameters
    ----------
    regions : Regions
        Geometry with links; needs both countries of :data:`PAIR`.
    worlds, months, permutations : int
        Worlds per setting, months per world, refits under permuted borders.

    Returns
    -------
    summary, rows : pandas.DataFrame
        One row per setting; one row per world. ``exactly_so``: the open directions declared, and no other.
    """
    from ....training.parallel import run_tasks

    trial = Trial(regions, tuple(settings), months, permutations, seed)
    tasks = [(s, w) for s in range(len(settings)) for w in range(worlds)]
    rows = pd.DataFrame(run_tasks(judge_world, trial, tasks, workers=workers, progress=progress))
    return summarise(rows, trial), rows


def judge_world(trial: Trial, setting: int, number: int) -> dict[str, Any]:
    """Simulate one world, fit it, and compare with the truth."""
    from ....features import Lag, Recipe
    from ....training.diffusion.border_signal import SOME, STRONG
    from ....training.diffusion.fit import fit_diffusion
    from ....training.models.base import Problem

    chosen = trial.settings[setting]
    rng = np.random.default_rng([trial.seed, setting, number])
    world = chosen.world(trial.months)
    if chosen.border_shock:
        truth = shocked(world, trial.regions, chosen.border_shock, rng, chosen.persistence)
    else:
        truth = simulate_counts(world, trial.regions, rng)
    panel = truth.panel()
    problem = Problem(panel, Recipe([Lag(0)]).build(panel), "events")
    model = fit_diffusion(
        problem, panel.months[-1], permutations=trial.permutations, rng=rng, intervals=[PAIR]
    )
    rows: list[Any] = model.pairs.to_dict("records")
    pairs = {(row["source_country"], row["target_country"]): row for row in rows}
    there, back = pairs[PAIR], pairs[PAIR[::-1]]
    true = world.spread * chosen.permeability
    others = sum(row["declared"] for pair, row in pairs.items() if pair not in (PAIR, PAIR[::-1]))
    return {
        "setting": setting,
        "world": number,
        "a_to_b": there["declared"],
        "b_to_a": back["declared"],
        "a_to_b_distinguishable": there["distinguishable_from_shock"],
        "b_to_a_distinguishable": back["distinguishable_from_shock"],
        "a_to_b_graded": there["grade"] in (STRONG, SOME),
        "b_to_a_graded": back["grade"] in (STRONG, SOME),
        "others": others,
        "estimate": there["coefficient"],
        "covered": there["coefficient_low"] <= true <= there["coefficient_high"],
        **_share_coverage(model, problem, truth),
    }


def _share_coverage(model: Any, problem: Any, truth: Truth) -> dict[str, float]:
    """How many true shares of the source in the target's regions lie inside their intervals."""
    from ....training.diffusion.design import lag_states
    from ....training.diffusion.uncertainty import Ensemble, spread

    states, ensemble = lag_states(problem)[-1], Ensemble.of(model)
    last = truth.world.months - 1
    _, total = truth.attributable(PAIR[0], last, SPAN)
    closed = ensemble.closed(np.array(model.countries) == PAIR[0])
    whole, without = (ensemble.expect(states, SPAN, links).totals[-1] for links in (None, closed))
    best, low, high = spread(1 - without / whole)
    # Regions that lie on the border, whether or not anything passes it.
    arrives = model.border[:, np.array(model.countries) == PAIR[0]].sum(axis=1) > 0
    at = arrives & (np.array(model.countries) == PAIR[1])
    inside = (low <= total + 1e-9) & (total <= high + 1e-9)
    return {
        "shares": int(at.sum()),
        "shares_inside": int(inside[at].sum()),
        "true_share": float(total[at].mean()),
        "found_share": float(best[at].mean()),
    }


def shocked(
    world: World, regions: Regions, shock: float, rng: np.random.Generator, persistence: float = PERSISTENCE
) -> Truth:
    """A world in which regions along both sides of the border share a lasting shock, and nothing crosses.

    The logarithm of their background levels follows one autoregression, ``s_t = persistence s_{t-1} + e_t``, with
    standard deviation ``shock``.
    """
    matrix, n = propagation_matrix(world, regions), len(regions)
    of, ids = np.array(regions.countries), {r: i for i, r in enumerate(regions.region_ids)}
    ends = regions.links[["region_a", "region_b"]].map(ids.__getitem__).to_numpy()
    joined = [set(of[list(pair)]) == set(PAIR) for pair in ends]
    hit = np.isin(np.arange(n), ends[joined])
    total, burn_in = world.months + 60, 60
    level = world.endemic * np.exp(world.endemic_spread * rng.standard_normal(n))
    state, log = 0.0, np.empty(total)
    for t in range(total):
        state = persistence * state + shock * np.sqrt(1 - persistence**2) * rng.standard_normal()
        log[t] = state - shock**2 / 2
    endemic = level * np.where(hit[None, :], np.exp(log)[:, None], 1.0)
    weights = world.lag_weights[::-1]
    counts, means = np.zeros((2, total, n))
    for t in range(total):
        past = counts[max(t - world.lags, 0) : t]
        means[t] = endemic[t] + matrix @ (weights[len(weights) - len(past) :] @ past)
        counts[t] = rng.poisson(rng.gamma(world.size, means[t] / world.size))
    counts, seen = counts.astype(np.int64), slice(burn_in, None)
    return Truth(
        world,
        regions,
        counts[seen],
        means[seen],
        endemic[seen],
        {},
        matrix,
        counts[burn_in - world.lags : burn_in],
    )


def summarise(rows: pd.DataFrame, trial: Trial) -> pd.DataFrame:
    """One row per setting: what was declared how often, with 95 % intervals, and what the intervals cover."""
    table = []
    for number, part in rows.groupby("setting"):
        setting = trial.settings[int(str(number))]
        rate = _as_expected(part, setting, "")
        low, high = wilson(int(rate.sum()), len(part))
        table.append(
            {
                "setting": setting.name,
                "expected": setting.expected,
                "worlds": len(part),
                "declared_a_to_b": part["a_to_b"].mean(),
                "declared_b_to_a": part["b_to_a"].mean(),
                "distinguishable_a_to_b": part["a_to_b_distinguishable"].mean(),
                "distinguishable_b_to_a": part["b_to_a_distinguishable"].mean(),
                "declared_either": (part["a_to_b"] | part["b_to_a"]).mean(),
                "distinguishable_either": (
                    part["a_to_b_distinguishable"] | part["b_to_a_distinguishable"]
                ).mean(),
                "graded_a_to_b": part["a_to_b_graded"].mean(),
                "graded_b_to_a": part["b_to_a_graded"].mean(),
                "graded_either": (part["a_to_b_graded"] | part["b_to_a_graded"]).mean(),
                "exactly_so": rate.mean(),
                "rate_low": low,
                "rate_high": high,
                "exactly_so_distinguishable": _as_expected(part, setting, "_distinguishable").mean(),
                "other_pairs_declared": (part["others"] > 0).mean(),
                "true_coefficient": SPREAD * setting.permeability,
                "mean_estimate": part["estimate"].mean(),
                "coefficient_covered": part["covered"].mean(),
                "shares_covered": part["shares_inside"].sum() / part["shares"].sum(),
                "true_share": part["true_share"].mean(),
                "found_share": part["found_share"].mean(),
            }
        )
    return pd.DataFrame(table)


def _as_expected(rows: pd.DataFrame, setting: Setting, column: str) -> pd.Series:
    """Per world: exactly the open directions are declared, and no other."""
    there, back = rows[f"a_to_b{column}"], rows[f"b_to_a{column}"]
    return (there == (setting.permeability > 0)) & (back == (setting.back > 0)) & (rows["others"] == 0)


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    >>> [round(x, 3) for x in wilson(5, 100)]
    [0.022, 0.112]
    """
    z, p = 1.96, hits / cases
    centre, half = p + z**2 / (2 * cases), z * np.sqrt(p * (1 - p) / cases + z**2 / (4 * cases**2))
    scale = 1 + z**2 / cases
    return float(max((centre - half) / scale, 0.0)), float(min((centre + half) / scale, 1.0))
