"""The one-month endemic-epidemic model with directed permeability of borders, made to be simulated month by month.

    mean_it = exp(a_i) + lambda_c L_it + phi sum_domestic w_ij L_jt + sum_A gamma_A,c(i) sum_{j in A} w_ij L_jt

L is a distributed lag of past counts; gamma_AB = phi beta_AB is the coefficient of the border crossed from A to B
and beta_AB its permeability relative to a domestic boundary of the same length. All gamma share one prior that pulls
them towards zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ...data.errors import ModelError
from ..models.base import Problem
from .border_signal import holm, judge_borders, rows_of
from .design import BORDER_PRECISION, LAG_HALF_LIVES, Term, lag_states, make_design
from .uncertainty import Alternatives
from ..models.excitation import border_weights
from .kernel import LINEAR, Kernel
from .simulate import mean_paths, means_along, negative_binomial_quantile, simulate, size_at_origin, step_decay

if TYPE_CHECKING:
    from ...data.panel import Panel
    from .additive import Found
    from .design import Design

__all__ = [
    "BORDER_PRECISION",
    "LAG_HALF_LIVES",
    "LARGEST_RADIUS",
    "PERMUTATIONS",
    "Alternatives",
    "Diffusion",
    "fit_diffusion",
    "holm",
    "lag_states",
    "mean_paths",
    "means_along",
    "negative_binomial_quantile",
    "simulate",
    "size_at_origin",
    "stationary",
    "step_decay",
]

#: The propagation matrix is scaled back when its largest eigenvalue passes this; above 1 paths would explode.
LARGEST_RADIUS = 0.98
#: Refits under permuted borders, for every border that passes the likelihood-ratio test.
PERMUTATIONS = 400
_NO_NUMBERS = ("declared", "apart", "verdict", "permutations")
#: Sets of coefficients that stand for the uncertainty of the fit.
SETS = 100
#: They are spread this much wider than the fit's own errors say: without it simulated shares were held too seldom.
WIDER = 1.25


@dataclass(frozen=True)
class Diffusion:
    """A fitted diffusion model, ready to be simulated.

    Attributes
    ----------
    endemic : numpy.ndarray
        Background events per month, (regions,).
    lag_shares : numpy.ndarray
        Shares of the exponential means in L, (lags,), summing to 1.
    own : numpy.ndarray
        lambda of each region's country, (regions,).
    domestic : numpy.ndarray
        phi w_ij inside a country, (regions, regions): row = receiver, column = sender.
    across : numpy.ndarray
        gamma_AB w_ij across borders, same shape.
    spread, slope : float
        Law of the size on the level.
    pairs : pandas.DataFrame
        One row per directed pair of countries: ``source_country, target_country, permeability, permeability_low,
        permeability_high, coefficient, coefficient_low, coefficient_high, standard_error, lr_statistic, p_value,
        p_holm, permuted_95, p_permuted, permutations, p_shock, declared, apart, verdict``. Coefficients are those of
        the fit, before any scaling.
    countries : tuple of str
        Per region.
    scaled_by : float
        Factor applied to every excitation coefficient to keep the process stationary; 1 when nothing was needed.
    border : numpy.ndarray or None
        w_ij across borders, whatever their coefficients, (regions, regions).
    phi : float
        Coefficient of domestic neighbours as fitted, before any scaling.
    alternatives : Alternatives or None
        Other coefficients that fit about as well; None where none were drawn.
    kernel : Kernel
        Weights of neighbours, and saturation.
    """

    endemic: np.ndarray
    lag_shares: np.ndarray
    own: np.ndarray
    domestic: np.ndarray
    across: np.ndarray
    spread: float
    slope: float
    pairs: pd.DataFrame
    countries: tuple[str, ...]
    scaled_by: float
    account: dict[str, Any]
    border: np.ndarray | None = None
    phi: float = float("nan")
    alternatives: Alternatives | None = None
    kernel: Kernel = LINEAR

    @property
    def propagation(self) -> np.ndarray:
        """Expected events in each region (row) that one event a month in another (column) sustains."""
        return np.asarray(np.diag(self.own) + self.domestic + self.across)

    @property
    def radius(self) -> float:
        """Largest eigenvalue of :attr:`propagation`; below 1 the process is stationary, saturating or not."""
        return float(np.abs(np.linalg.eigvals(self.propagation)).max())

    def cut(self, country: str) -> Diffusion:
        """The same world with every outgoing border link of ``country`` closed."""
        return self.without(np.array(self.countries) == country)

    def without(self, senders: np.ndarray, targets: np.ndarray | None = None) -> Diffusion:
        """The same world with the border links from some regions (to some regions) closed; bool masks."""
        closed = np.broadcast_to(senders[None, :], self.across.shape)
        if targets is not None:
            closed = closed & targets[:, None]
        return replace(self, across=np.where(closed, 0.0, self.across))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "endemic": self.endemic.tolist(),
            "lag_half_lives": list(LAG_HALF_LIVES),
            "lag_shares": self.lag_shares.tolist(),
            "own": self.own.tolist(),
            "phi": None if np.isnan(self.phi) else self.phi,
            "spread": self.spread,
            "slope": self.slope,
            "scaled_by": self.scaled_by,
            "radius": self.radius,
            "kernel": self.kernel.to_json(),
            # JSON has no NaN, and a permeability relative to nothing is none.
            "pairs": self.pairs.astype(object).where(self.pairs.notna(), None).to_dict("records"),
            "fit": self.account,
            "alternatives": None if self.alternatives is None else self.alternatives.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], panel: Panel) -> Diffusion:
        """A stored model on the panel that it was fitted to, its tests of borders with it.

        Raises
        ------
        ModelError
            The model has another number of regions than the panel, or other half-lives than this version.
        """
        if len(stored["endemic"]) != len(panel.region_ids) or stored["lag_half_lives"] != list(
            LAG_HALF_LIVES
        ):
            raise ModelError(
                f"the stored diffusion model has {len(stored['endemic'])} regions, the panel has "
                f"{len(panel.region_ids)}.",
                remedy="Use the panel that it was fitted to, or fit it again.",
            )
        pairs = pd.DataFrame(stored["pairs"])
        for name in pairs.columns.difference(["source_country", "target_country", *_NO_NUMBERS]):
            pairs[name] = pairs[name].astype(float)
        phi = float("nan") if stored["phi"] is None else float(stored["phi"])
        factor = float(stored["scaled_by"])
        kernel = Kernel.from_json(stored.get("kernel"))
        near, far = (kernel.weights(panel, crossing=side) for side in (False, True))
        # In the order of the fit, so that every bit comes back.
        domestic, across = phi * near, _coefficients(pairs, panel.countries) * far
        scale = factor < 1.0
        others = stored.get("alternatives")
        return cls(
            endemic=np.array(stored["endemic"]),
            lag_shares=np.array(stored["lag_shares"]),
            own=np.array(stored["own"]),
            domestic=domestic * factor if scale else domestic,
            across=across * factor if scale else across,
            spread=float(stored["spread"]),
            slope=float(stored["slope"]),
            pairs=pairs,
            countries=panel.countries,
            scaled_by=factor,
            account=dict(stored["fit"]),
            border=far,
            phi=phi,
            alternatives=None if others is None else Alternatives.from_json(others),
            kernel=kernel,
        )


def fit_diffusion(
    problem: Problem,
    origin: pd.Period,
    recency_half_life: float | None = None,
    burn_in: int = 24,
    pooling: float = 2.0,
    *,
    permutations: int = PERMUTATIONS,
    rng: np.random.Generator | None = None,
    intervals: bool = True,
    kernel: Kernel = LINEAR,
) -> Diffusion:
    """Fit the model to everything known at ``origin`` and judge every border, direction by direction.

    Parameters
    ----------
    problem : Problem
        Counts and links; the cube is not used.
    origin : pandas.Period
        Last month used.
    recency_half_life : float or None
        Months after which a row counts half; the likelihood-ratio test holds for None, where all count alike.
    pooling : float
        Precision of the prior that pulls the regions' background levels to their common mean.
    permutations : int
        Refits under permuted borders, for every border that passes the likelihood-ratio test.
    rng : numpy.random.Generator, optional
        Draws the permutations. Without it they are left out, and no signal is declared.
    intervals : bool
        Whether to compute the profile intervals of the coefficients.
    kernel : Kernel
        Weights of neighbours, and saturation; linear over shared borders by default.

    Returns
    -------
    Diffusion
        Stationary; its ``pairs`` carry the verdicts.

    Raises
    ------
    ModelError
        Without links, or without any link across a border: there is no border to test.
    """
    _check_borders(problem)
    # Products this small lose more to the threads' meeting than they gain, and one thread adds in one order.
    with threadpool_limits(1):
        design, shares = make_design(problem, origin, recency_half_life, burn_in, pooling, kernel)
        likelihood = design.likelihood()
        best = design.fit(likelihood, design.start())
        free = design.freed()
        loose = free.fit(likelihood.under(free.prior()), best.params)
        pairs = judge_borders(
            design, likelihood, best, permutations, rng, loose=(free, loose) if intervals else None
        )
        model = assemble(design, best, pairs, shares)
        return model if rng is None else replace(model, alternatives=_alternatives(free, loose, rng))


def _check_borders(problem: Problem) -> None:
    """A :class:`ModelError` where there is no border to test."""
    links = problem.panel.links
    if links is None or not len(links):
        raise ModelError(
            "spillover needs links between regions, and this panel has none.",
            remedy="Pass polygons (--regions) or a table of links (--links).",
        )
    if not border_weights(problem.panel, crossing=True).any():
        raise ModelError(
            "spillover needs a border, and no link of this panel joins two countries.",
            remedy="Bring the regions of a second country, and their links.",
        )


def _alternatives(design: Design, best: Found, rng: np.random.Generator) -> Alternatives:
    """Coefficients around the maximum, by the normal approximation; none is negative."""
    info = best.information + 1e-6 * np.eye(len(best.params))
    root = np.linalg.cholesky(np.linalg.inv((info + info.T) / 2))
    n = len(design.country)
    drawn = best.params + WIDER * rng.standard_normal((SETS, len(best.params))) @ root.T
    slopes = np.maximum(drawn[:, 1 + n : -2], 0.0)
    at = {term: i for i, term in enumerate(design.terms)}
    own = [at[Term("own", c, c)] for c in sorted(set(design.problem.panel.countries))]
    across = [i for i, term in enumerate(design.terms) if term.kind == "across"]
    # Levels of regions without any event are hardly known; the normal approximation ends where they vanish.
    levels = np.exp(np.clip(drawn[:, 1 : 1 + n], -20.0, best.params[1 : 1 + n] + 2.0))
    return Alternatives(levels, slopes[:, own], slopes[:, at[Term("domestic")]], slopes[:, across])


def assemble(design: Design, best: Found, pairs: pd.DataFrame, shares: np.ndarray) -> Diffusion:
    """Put the coefficients where the simulation needs them."""
    countries = design.problem.panel.countries
    n = len(countries)

    def slope(term: Term) -> float:
        return float(best.params[design.position(term)])

    phi = slope(Term("domestic"))
    model = Diffusion(
        endemic=np.exp(best.params[1 : 1 + n]),
        lag_shares=shares,
        own=np.array([slope(Term("own", c, c)) for c in countries]),
        domestic=phi * design.near,
        across=_coefficients(pairs, countries) * design.far,
        spread=float(best.params[-2]),
        slope=float(best.params[-1]),
        pairs=pairs,
        countries=countries,
        scaled_by=1.0,
        account={
            "converged": best.converged,
            "iterations": best.iterations,
            "loglike": best.loglike,
        },
        border=design.far,
        phi=phi,
        kernel=design.kernel,
    )
    return stationary(model)


def _coefficients(pairs: pd.DataFrame, countries: tuple[str, ...]) -> np.ndarray:
    """gamma_AB of every pair of regions, (receivers, senders)."""
    of, gamma = np.array(countries), np.zeros((len(countries), len(countries)))
    for row in rows_of(pairs):
        gamma[np.ix_(of == row.target_country, of == row.source_country)] = row.coefficient
    return gamma


def stationary(model: Diffusion) -> Diffusion:
    """The model with its excitation scaled back where it would explode; the factor is recorded.

    All coefficients shrink by one factor, so that the shares of what excites a region in the next month stay as
    they were fitted. A fit under the constraint instead would hold down regions' own histories, and move what they
    explain to their neighbours abroad. A process that saturates cannot explode, and stays as it was fitted.
    """
    if model.kernel.saturation is not None:
        return model
    factor = min(1.0, LARGEST_RADIUS / max(model.radius, 1e-9))
    if factor == 1.0:
        return model
    return replace(
        model,
        own=model.own * factor,
        domestic=model.domestic * factor,
        across=model.across * factor,
        scaled_by=factor,
    )
