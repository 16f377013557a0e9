"""From panels to forecasting problems, with the features of the default recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..data.panel import Panel
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

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> snapshot = load_snapshot()
    >>> problem = build_problems(snapshot.panel, ["events"], [snapshot.training])["events"]
    >>> problem.counts.shape, problem.also[0].counts.shape
    ((420, 89), (420, 37))
    """
    recipe = Recipe.usual(panel) if recipe is None else recipe
    cube = recipe.build(panel)
    others = []
    for other in training:
        known = other.until(min(panel.months[-1], other.months[-1]))
        if known.observed.any():
            others.append((known, recipe.build(known)))
    return {t: Problem(panel, cube, t, tuple(Problem(p, c, t) for p, c in others)) for t in targets}
