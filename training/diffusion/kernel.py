"""How excitation reaches neighbours in the diffusion model: their weights, and whether it saturates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.panel import Panel
from ...features.series import border_km
from ..models.excitation import border_shares

#: Neighbours of neighbours count up to this order of adjacency.
FARTHEST = 5
LENGTH, SHARE = "length", "share"


@dataclass(frozen=True)
class Kernel:
    """Weights of neighbours, and the effect of a level of violence; the default is linear, over shared borders.

    Attributes
    ----------
    decay : float or None
        None: the weight of a neighbour is as ``common_border`` says. A number: ``order ** -decay``, where
        ``order`` counts the borders between two regions (1 for those that touch) up to :data:`FARTHEST`, scaled to
        sum to 1 over all neighbours of a region; countries without a common border stay apart. A power law of
        adjacency order, after Meyer & Held 2014 (doi:10.1214/14-AOAS743); the decay is fixed, since counts hardly
        tell it.
    saturation : float or None
        None: what a region excites is proportional to its level L. A number c > 0: ``c log(1 + L / c)``, about L
        where L is far below c events a month, and ever less per event above.
    common_border : {"length", "share"}
        ``length``: kilometres of common border over the mean region's whole land border, so that a small region inside
        one violent neighbour does not get that neighbour's full force. ``share``: the share of the receiving region's
        own land border, as in the first version.

    Examples
    --------
    >>> Kernel().excites(np.array([0.0, 10.0])).tolist()
    [0.0, 10.0]
    >>> Kernel(saturation=10.0).excites(np.array([0.0, 10.0])).round(2).tolist()
    [0.0, 6.93]
    """

    decay: float | None = None
    saturation: float | None = None
    common_border: str = LENGTH

    def excites(self, lag: np.ndarray) -> np.ndarray:
        """What a level excites, per unit of coefficient; never falls when the level rises, and never above it."""
        if self.saturation is None:
            return lag
        return np.asarray(self.saturation * np.log1p(lag / self.saturation))

    def gain(self, lag: np.ndarray) -> np.ndarray:
        """:meth:`excites` per unit of the level, in (0, 1]; 1 at level zero."""
        whole = np.maximum(lag, 1e-12)
        return np.asarray(self.excites(whole) / whole)

    def weights(self, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        """Weights of neighbours inside the country, and across its borders, (receivers, senders) each.

        Both share one denominator. Lengths average 1 over regions with a neighbour; all others sum to 1 in each.
        """
        of = np.array(panel.countries)
        if self.decay is not None:
            order = adjacency_order(panel)
            reached = (order > 0) & (order <= FARTHEST) & _joined(order, of)
            power = np.where(reached, np.where(reached, order, 1.0) ** -self.decay, 0.0)
            weights = power / np.maximum(power.sum(axis=1, keepdims=True), 1e-300)
        elif self.common_border == LENGTH:
            weights = _lengths(panel)
        else:
            weights = border_shares(panel, None).toarray()
        inside = of[:, None] == of[None, :]
        return np.where(inside, weights, 0.0), np.where(inside, 0.0, weights)

    def to_json(self) -> dict[str, float | str | None]:
        """Plain values."""
        return {"decay": self.decay, "saturation": self.saturation, "common_border": self.common_border}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Kernel:
        """What :meth:`to_json` gave, in this version or the first, which knew shares only."""
        return cls(**{"common_border": SHARE, **(stored or {})})


#: Proportional to the level, over shared land borders.
LINEAR = Kernel()


def _lengths(panel: Panel) -> np.ndarray:
    """Kilometres of common border over the mean whole border of a region that has any, (regions, regions)."""
    km = border_km(panel)
    whole = np.asarray(km.sum(axis=1)).ravel()
    mean = float(whole[whole > 0].mean()) if (whole > 0).any() else 1.0
    return np.asarray(km.toarray()) / mean


def adjacency_order(panel: Panel) -> np.ndarray:
    """Least number of borders between any two regions, inf where there is no way, (regions, regions)."""
    from scipy.sparse.csgraph import shortest_path

    touching = border_km(panel).toarray() > 0
    return np.asarray(shortest_path(touching, unweighted=True, directed=False))


def _joined(order: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Whether two regions' countries are the same or touch, bool (regions, regions)."""
    names, code = np.unique(of, return_inverse=True)
    touch = np.eye(len(names), dtype=bool)
    here, there = np.nonzero(order == 1)
    touch[code[here], code[there]] = True
    return touch[np.ix_(code, code)]
