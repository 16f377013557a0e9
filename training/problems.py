"""From panels to forecasting problems, with the features of the default recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..data.errors import SchemaError
from ..data.panel import TARGETS, Panel
from ..features.recipe import Recipe
from .models.base import Problem


def build_problems(
    panel: Panel, targets: Iterable[str], training: Sequence[Panel] = (), recipe: Recipe | None = None
) -> dict[str, Problem]:
    """One problem per target; the features are computed once.

    Parameters
    ----------
    panel : Panel
        What is to be forecast.
    targets : iterable of str
        ``events``, ``deaths``.
    training : sequence of Panel
        Regions that are learned from and never forecast, each with links of its own. Only months up to the panel's
        last are used, and only the features that the panel has too.
    recipe : Recipe, optional
        The features; what the panel can serve of the default ones where none are given.

    Raises
    ------
    SchemaError
        A target that is no count: a measure of one's own with fractions.

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> snapshot = load_snapshot()
    >>> problem = build_problems(snapshot.panel, ["events"], [snapshot.training])["events"]
    >>> problem.counts.shape, problem.also[0].counts.shape
    ((420, 89), (420, 37))
    """
    targets = tuple(targets)
    for target in targets:
        _require_counts(panel, target)
    recipe = Recipe.usual(panel) if recipe is None else recipe
    cube = recipe.build(panel)
    others = []
    for other in training:
        known = other.until(min(panel.months[-1], other.months[-1]))
        if known.observed.any():
            others.append((known, recipe.build(known)))
    return {t: Problem(panel, cube, t, tuple(Problem(p, c, t) for p, c in others)) for t in targets}


def _require_counts(panel: Panel, target: str) -> None:
    """An error where a measure of one's own has fractions; events and deaths were judged when read."""
    name = TARGETS.get(target, target)
    if name not in panel.measures or name.startswith(("events", "deaths")):
        return
    values = np.nan_to_num(panel.measure(name))
    at = np.argwhere(values % 1 != 0)
    if len(at):
        month, region = at[0]
        raise SchemaError(
            f"{values[month, region]:g} is no whole number, so '{name}' is no count that can be forecast.",
            f"{name}, {panel.region_ids[region]}, {panel.months[month]}",
            "Round it at the source, or bring it as a covariate.",
        )
