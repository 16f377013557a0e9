"""The evaluation of spillover: simulated worlds, placebos on real counts, and the record of past origins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ....data.errors import OriginError
from ....data.frames import rows_of
from ....data.panel import Panel
from ....training.diffusion.border_signal import judge_borders
from ....training.diffusion.design import Design, Term, make_design
from ....training.diffusion.newton import FitResult
from ....training.diffusion.refits import permuted_estimates
from ...version import package_version
from ..job import check_coverage, problem_of
from .sensitivity import sensitivity

if TYPE_CHECKING:
    from ....data.geography import Regions
    from ...settings import Settings

PARTS = ("worlds", "placebos", "sensitivity", "record")
#: Months after this one are closed to evaluations.
LAST_OPEN = "2022-12"
#: Refits per border and end.
_PERMUTATIONS = 2000


def run_evaluation(
    settings: Settings,
    worlds: int,
    parts: Sequence[str] = PARTS,
    unseal: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, pd.DataFrame]:
    """Run the evaluation; nothing after 2022-12 is seen unless ``unseal``.

    Parameters
    ----------
    settings : Settings
        Source, origin (the last month seen), seed, workers.
    worlds : int
        Simulated worlds per setting.
    parts : sequence of str
        Some of :data:`PARTS`.

    Returns
    -------
    dict of str to pandas.DataFrame
        Tables by name, and ``about``: last month seen, whether the vault was opened, seed, version of the package
        and hash of the data.

    Raises
    ------
    OriginError
        An origin behind the vault's door, or without polygons for the simulated worlds.
    """
    from ...loading import load_inputs
    from .hindcast import hindcast

    say = progress or (lambda stage, share: None)
    inputs = load_inputs(settings)
    last = last_month(settings.as_of, inputs.panel, unseal)
    panel = inputs.panel.until(last)
    check_coverage(panel)
    about = (str(last), unseal, settings.seed, package_version(), panel.digest())
    names = ["last_month", "unsealed", "seed", "package_version", "data_hash"]
    tables = {"about": pd.DataFrame([about], columns=names)}
    if "placebos" in parts:
        say("placebos", 0.0)
        rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 5]))
        tables |= placebos(panel, inputs.regions, rng)
    if "sensitivity" in parts and inputs.training:
        say("sensitivity", 0.5)
        tables["sensitivity"] = sensitivity(panel, inputs.training[0], settings.seed)
    if "record" in parts:
        tables |= hindcast(panel, settings.seed, settings.workers, lambda share: say("record", share))
    if "worlds" in parts:
        tables["worlds"] = _worlds(inputs.regions, worlds, settings, lambda share: say("worlds", share))
    return tables


def _worlds(
    regions: Regions | None, worlds: int, settings: Settings, progress: Callable[[float], None]
) -> pd.DataFrame:
    """What is declared in simulated worlds."""
    from .simulated_worlds import evaluate_worlds

    if regions is None:
        raise OriginError(
            "simulated worlds need polygons, and this panel has none.",
            "--evaluate",
            "Name them with --regions, or use --only placebos.",
        )
    summary, _ = evaluate_worlds(
        regions, worlds=worlds, seed=settings.seed, workers=settings.workers, progress=progress
    )
    return summary


def last_month(as_of: str | None, panel: Panel, unseal: bool) -> pd.Period:
    """The last month that an evaluation sees."""
    door = pd.Period(LAST_OPEN, freq="M")
    if as_of is None:
        return panel.last_month if unseal else min(door, panel.last_month)
    asked = pd.Period(as_of, freq="M")
    if asked > door and not unseal:
        raise OriginError(
            f"months after {door} are closed to evaluations.",
            f"--as-of {asked}",
            "Choose an earlier month, or open the vault with --unseal.",
        )
    return asked


def placebos(panel: Panel, regions: Regions | None, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Borders that should carry nothing, and time run backwards, on the real counts.

    Stated beforehand: an estimate that comes from the border itself passes the 95th percentile of borders permuted
    at either end, and its likelihood ratio is larger than that of regions as close as neighbours that are none.
    Reversed time is no null: what moves together still does. If A excites B, then forward the ratio of A to B, and
    reversed that of B to A, should be the larger one.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``placebo_borders`` (one row per border with a likelihood ratio above 2.7) and ``placebo_time``.
    """
    design, best, pairs = _fitted(panel)
    _, _, back = _fitted(_reversed(panel))
    rows = []
    for row in rows_of(pairs[pairs["lr_statistic"] > 2.7]):
        term = Term("across", str(row.source_country), str(row.target_country))
        share = {
            ends: float(
                (permuted_estimates(design, best, term, _PERMUTATIONS, rng, ends) >= row.coefficient).mean()
            )
            for ends in ("both", "source", "target")
        }
        rows.append(
            {
                "source_country": row.source_country,
                "target_country": row.target_country,
                "coefficient": row.coefficient,
                "lr_statistic": row.lr_statistic,
                "p_holm": row.p_holm,
                "p_permuted": share["both"],
                "p_permuted_sources": share["source"],
                "p_permuted_targets": share["target"],
                "lr_as_close": np.nan if regions is None else as_close_ratio(panel, regions, term),
            }
        )
    time = pairs[["source_country", "target_country", "coefficient", "lr_statistic"]].merge(
        back[["source_country", "target_country", "coefficient", "lr_statistic"]],
        on=["source_country", "target_country"],
        suffixes=("_forward", "_reversed"),
    )
    opposite = back.set_index(["target_country", "source_country"])["lr_statistic"]
    time["lr_reversed_opposite"] = [
        opposite.loc[(a, b)] for a, b in zip(time["source_country"], time["target_country"], strict=True)
    ]
    moved = (time[["lr_statistic_forward", "lr_statistic_reversed"]] > 2.7).any(axis=1)
    return {
        "placebo_borders": pd.DataFrame(rows),
        "placebo_time": time[moved].reset_index(drop=True),
    }


def _fitted(panel: Panel) -> tuple[Design, FitResult, pd.DataFrame]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        design, _ = make_design(problem_of(panel), panel.months[-1], None, 24, 2.0)
        likelihood = design.likelihood()
        best = design.fit(likelihood, design.start())
        pairs = judge_borders(design, likelihood, best, _PERMUTATIONS, None)
    return design, best, pairs


def _reversed(panel: Panel) -> Panel:
    """The same months, the last count first."""
    return replace(
        panel,
        measures={"events": panel.measure("events")[::-1].copy()},
        observed=panel.observed[::-1].copy(),
    )


def as_close_ratio(panel: Panel, regions: Regions, term: Term) -> float:
    """Likelihood ratio of a border moved to regions that are close but do not touch it.

    Every region of the receiving country keeps the weight of the border; it now joins the nearest region of the
    source country (between centroids) that is no neighbour.
    """
    import shapely

    design, _ = make_design(problem_of(panel), panel.months[-1], None, 24, 2.0)
    at = {r: i for i, r in enumerate(regions.region_ids)}
    middle = shapely.get_coordinates(shapely.centroid(regions.geometry[[at[r] for r in panel.region_ids]]))
    middle = middle * np.array([np.cos(np.radians(middle[:, 1].mean())), 1.0])
    here, there = (np.flatnonzero(design.country == c) for c in (term.target, term.source))
    far = design.far.copy()
    for i in here:
        weight = far[i, there].sum()
        free = there[far[i, there] == 0]
        if weight == 0 or not len(free):
            continue
        far[i, there] = 0.0
        far[i, free[np.argmin(((middle[free] - middle[i]) ** 2).sum(axis=1))]] = weight
    moved = replace(design, far=far)
    likelihood = moved.likelihood()
    best = moved.fit(likelihood, moved.start())
    closed = moved.fit(likelihood, best.params, closed=[term])
    return max(0.0, 2 * (best.loglike - closed.loglike))
