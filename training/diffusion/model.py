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

from ...data.errors import ModelError
from .border_signal import current_names
from .design import LAG_HALF_LIVES
from .kernel import LINEAR, Kernel

if TYPE_CHECKING:
    from ...data.panel import Panel


#: The propagation matrix is scaled back when its largest eigenvalue passes this; above 1 paths would explode.
LARGEST_RADIUS = 0.98
_NO_NUMBERS = ("declared", "distinguishable_from_shock", "verdict", "permutations", "grade")


#: Significant digits that a stored coefficient keeps; it is drawn with no more, so that storing loses nothing.
_DIGITS = 6


@dataclass(frozen=True)
class Alternatives:
    """Coefficients that fit about as well as the best ones.

    Attributes
    ----------
    endemic : numpy.ndarray
        Background events per month, (sets, regions).
    own : numpy.ndarray
        lambda of every country, sorted by name, (sets, countries).
    phi : numpy.ndarray
        Coefficient of domestic neighbours, (sets,).
    across : numpy.ndarray
        gamma of every border in the order of the model's ``pairs``, (sets, pairs).
    """

    endemic: np.ndarray
    own: np.ndarray
    phi: np.ndarray
    across: np.ndarray

    def __post_init__(self) -> None:
        """Keep six digits."""
        for name in ("endemic", "own", "phi", "across"):
            object.__setattr__(self, name, _rounded(getattr(self, name)))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {n: getattr(self, n).tolist() for n in ("endemic", "own", "phi", "across")}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Alternatives:
        """What :meth:`to_json` gave."""
        return cls(*(np.array(stored[n], dtype=float) for n in ("endemic", "own", "phi", "across")))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Every number as the nearest one of six significant digits."""
    size = np.floor(np.log10(np.abs(values), where=values != 0, out=np.zeros_like(values)))
    up, down = 10.0 ** np.maximum(_DIGITS - 1 - size, 0), 10.0 ** np.maximum(size - _DIGITS + 1, 0)
    return np.asarray(np.rint(values * up / down) * down / up)


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
        p_holm, permuted_95, p_permuted, permutations, p_shock, declared, distinguishable_from_shock, verdict``.
        Coefficients are those of the fit, before any scaling.
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
        pairs = current_names(pd.DataFrame(stored["pairs"]))
        for name in pairs.columns.difference(["source_country", "target_country", *_NO_NUMBERS]):
            pairs[name] = pairs[name].astype(float)
        phi = float("nan") if stored["phi"] is None else float(stored["phi"])
        factor = float(stored["scaled_by"])
        kernel = Kernel.from_json(stored.get("kernel"))
        near, far = kernel.weights(panel)
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


def _coefficients(pairs: pd.DataFrame, countries: tuple[str, ...]) -> np.ndarray:
    """gamma_AB of every pair of regions, (receivers, senders)."""
    of, gamma = np.array(countries), np.zeros((len(countries), len(countries)))
    columns = (pairs[name].tolist() for name in ("source_country", "target_country", "coefficient"))
    for source, target, coefficient in zip(*columns, strict=True):
        gamma[np.ix_(of == target, of == source)] = coefficient
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
