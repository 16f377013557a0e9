"""Exact expectations of many versions of one diffusion model at once: the fit, and others that fit about as well.

The first version is the fit itself; the others are drawn around its maximum with every coefficient uncertain. Borders
are kept as a list of edges, so that closing some of them is a mask and two hundred regions cost little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .kernel import LINEAR, Kernel
from .model import LARGEST_RADIUS, Diffusion
from .simulation import instead, step_decay

#: Ends of the interval that is stated, as quantiles over the versions.
ENDS = (0.05, 0.95)
#: Most steps of the power iteration, and the change of a radius below which it has settled.
_ITERATIONS, _SETTLED = 1000, 1e-11
#: Steps after which a version that may still explode has its radius computed.
_LOOKED_AT = 100


@dataclass(frozen=True)
class Expected:
    """Expectations, by month.

    Attributes
    ----------
    mean : numpy.ndarray
        Expected counts, (months, versions, regions).
    lag : numpy.ndarray
        What the expected lag excited in each of them, per unit of coefficient, same shape.
    """

    mean: np.ndarray
    lag: np.ndarray

    @property
    def totals(self) -> np.ndarray:
        """Expected counts within 1, 2, ... months, (months, versions, regions)."""
        return np.asarray(self.mean.cumsum(axis=0))


@dataclass(frozen=True)
class Ensemble:
    """Versions of one model; version 0 is the fit.

    Attributes
    ----------
    endemic, own : numpy.ndarray
        (versions, regions).
    phi : numpy.ndarray
        (versions,): factor of ``near``.
    near : scipy.sparse.csr_array
        Domestic neighbours, row = receiver.
    receivers, senders : numpy.ndarray
        Regions at both ends of every link across a border, (edges,).
    flow : numpy.ndarray
        What one event of the sender sustains in the receiver, (versions, edges).
    lag_shares : numpy.ndarray
        (lags,)
    kernel : Kernel
        Whether excitation saturates.
    """

    endemic: np.ndarray
    own: np.ndarray
    phi: np.ndarray
    near: Any
    receivers: np.ndarray
    senders: np.ndarray
    flow: np.ndarray
    lag_shares: np.ndarray
    kernel: Kernel = LINEAR

    @classmethod
    def of(cls, model: Diffusion) -> Ensemble:
        """The fit, and the alternatives that are stored with it; made once per model."""
        known: dict[str, Any] = model.__dict__
        if "_ensemble" not in known:
            known["_ensemble"] = cls._made(model)
        found: Ensemble = known["_ensemble"]
        return found

    @classmethod
    def _made(cls, model: Diffusion) -> Ensemble:
        from scipy import sparse

        receivers, senders = np.nonzero(model.across if model.border is None else model.border)
        first = model.across[receivers, senders][None, :]
        endemic, own, phi = model.endemic[None, :], model.own[None, :], np.ones(1)
        other = model.alternatives
        if other is not None and model.border is not None:
            of = np.array(model.countries)
            names = sorted(set(model.countries))
            pair = {
                (a, b): i for i, (a, b) in enumerate(zip(model.pairs["source_country"],
                                                         model.pairs["target_country"], strict=True))
            }  # fmt: skip
            which = [pair[of[j], of[i]] for i, j in zip(receivers, senders, strict=True)]
            first = np.vstack([first, other.across[:, which] * model.border[receivers, senders]])
            endemic = np.vstack([endemic, other.endemic])
            own = np.vstack([own, other.own[:, [names.index(c) for c in of]]])
            # ``domestic`` carries the fitted coefficient and the fit's scaling already.
            carried = model.phi * model.scaled_by
            phi = np.concatenate([phi, other.phi / carried if carried > 0 else np.ones(len(other.phi))])
        near = sparse.csr_array(model.domestic)
        made = cls(endemic, own, phi, near, receivers, senders, first, model.lag_shares, model.kernel)
        return made if model.kernel.saturation is not None else made._stationary()

    def _stationary(self) -> Ensemble:
        """Every version but the fit, which is already, scaled back by a factor of its own where it would explode."""
        factor, large = np.ones(len(self)), self._may_explode()
        large[0] = False
        if large.any():
            some = replace(
                self,
                endemic=self.endemic[large],
                own=self.own[large],
                phi=self.phi[large],
                flow=self.flow[large],
            )
            factor[large] = np.minimum(1.0, LARGEST_RADIUS / np.maximum(some.radii(), 1e-9))
        return replace(
            self, own=self.own * factor[:, None], phi=self.phi * factor, flow=self.flow * factor[:, None]
        )

    def _may_explode(self) -> np.ndarray:
        """Versions whose spectral radius is not soon shown to be small, bool (versions,).

        It is nowhere above the largest growth of any region, whatever the levels (Collatz and Wielandt).
        """
        now, growth = np.ones_like(self.own), np.ones(len(self))
        for _ in range(_LOOKED_AT):
            grown = self._grown(now)
            growth = (grown / now).max(axis=1) - 1
            if (growth <= LARGEST_RADIUS).all():
                break
            now = grown / grown.sum(axis=1, keepdims=True)
        return np.asarray(growth > LARGEST_RADIUS)

    def radii(self) -> np.ndarray:
        """Spectral radius of each version's propagation matrix, by power iteration, (versions,)."""
        now, radius = np.full_like(self.own, 1 / self.own.shape[1]), np.zeros(len(self))
        for _ in range(_ITERATIONS):
            grown = self._grown(now)
            total, before = grown.sum(axis=1), radius
            now, radius = grown / total[:, None], total - 1
            if np.abs(radius - before).max(initial=0.0) < _SETTLED:
                break
        return np.asarray(radius)

    def _grown(self, now: np.ndarray) -> np.ndarray:
        """Levels and what they excite together.

        Adding the levels keeps an iteration from going round in circles, and adds 1 to the radius.
        """
        return np.asarray(now + self._spreads(now, self.flow, self._arrivals))

    @cached_property
    def _arrivals(self) -> Any:
        """Which links across borders lead to every region, (regions, edges)."""
        from scipy import sparse

        edges = len(self.receivers)
        ends = (self.receivers, np.arange(edges))
        return sparse.csr_array((np.ones(edges), ends), shape=(self.endemic.shape[1], edges))

    def _spreads(self, lag: np.ndarray, flow: np.ndarray, arrive: Any) -> np.ndarray:
        """What levels excite in the next month, (versions, regions)."""
        mean = self.own * lag + self.phi[:, None] * (self.near @ lag.T).T
        return np.asarray(mean + (arrive @ (flow * lag[:, self.senders]).T).T)

    def __len__(self) -> int:
        """Versions, the fit among them."""
        return len(self.phi)

    def closed(self, senders: np.ndarray, targets: np.ndarray | None = None) -> np.ndarray:
        """Links across borders from some regions (into some regions), bool (edges,)."""
        out = senders[self.senders]
        return np.asarray(out if targets is None else out & targets[self.receivers])

    def expect(
        self,
        states: np.ndarray,
        months: int,
        closed: np.ndarray | None = None,
        given: np.ndarray | None = None,
        background: bool = True,
        gains: np.ndarray | None = None,
    ) -> Expected:
        """Expected counts of the coming months; exact where the model is linear.

        Parameters
        ----------
        states : numpy.ndarray
            Exponential means at the origin, (regions, lags).
        closed : numpy.ndarray, optional
            Links that nothing passes, bool (edges,).
        given : numpy.ndarray, optional
            Means that are set from outside, (months, [versions,] regions); NaN where the model's own stand.
        background : bool
            Whether new events begin by themselves.
        gains : numpy.ndarray, optional
            Excitation per unit of lag, (months, versions, regions), instead of the one that the lag itself has: with
            the :meth:`gains` of one world the parts of a saturating model add up to that world.
        """
        steps = step_decay()
        flow = self.flow if closed is None else np.where(closed, 0.0, self.flow)
        arrive = self._arrivals
        now = np.broadcast_to(states, (len(self), *states.shape)).copy()
        means, lags = [], []
        for t in range(months):
            lag = now @ self.lag_shares
            lag = self.kernel.excites(lag) if gains is None else lag * gains[t]
            mean = self._spreads(lag, flow, arrive)
            mean = instead(mean + self.endemic if background else mean, given, t)
            now = now + steps * (mean[..., None] - now)
            means.append(mean)
            lags.append(lag)
        return Expected(np.stack(means), np.stack(lags))

    def gains(self, states: np.ndarray, months: int) -> np.ndarray | None:
        """Excitation per unit of lag along the expected path, (months, versions, regions); None where it is 1."""
        if self.kernel.saturation is None:
            return None
        excited = self.expect(states, months).lag
        level = self.kernel.saturation * np.expm1(excited / self.kernel.saturation)
        return self.kernel.gain(level)


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value of the fit and the ends of its 90 % interval; missing where there is one version only.

    Parameters
    ----------
    values : numpy.ndarray
        (versions, ...), the fit first. The interval holds the value of the fit.

    Examples
    --------
    >>> best, low, high = spread(np.array([2.0, 1.0, 2.0, 3.0]))
    >>> float(best), round(float(low), 3), round(float(high), 3)
    (2.0, 1.1, 2.9)
    """
    best = values[0]
    if len(values) == 1:
        return best, np.full_like(best, np.nan), np.full_like(best, np.nan)
    low, high = np.quantile(values[1:], ENDS, axis=0)
    return best, np.minimum(low, best), np.maximum(high, best)


def tail(mean: np.ndarray, size: np.ndarray, threshold: int) -> np.ndarray:
    """P(at least ``threshold``) of a negative binomial; arguments broadcast.

    Examples
    --------
    >>> round(float(tail(np.array(2.0), np.array(1.0), 1)), 4)
    0.6667
    """
    from scipy import special

    share = mean / (mean + size)
    if threshold == 1:
        return np.asarray(1 - (1 - share) ** size)
    return np.asarray(special.betainc(float(threshold), size, share))


def size_of(totals: np.ndarray) -> np.ndarray:
    """Negative-binomial size that matches mean and variance of simulated totals, (paths, ...) -> (...)."""
    mean, excess = totals.mean(axis=0), totals.var(axis=0) - totals.mean(axis=0)
    return np.asarray(np.clip(mean**2 / np.maximum(excess, 1e-9), 0.01, 1e4))


def risk_spread(
    simulated: np.ndarray, with_: np.ndarray, without: np.ndarray, size: np.ndarray, threshold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of a simulated difference of two risks, every coefficient uncertain.

    What another version would change is taken from negative binomials with its exact means; simulating every version
    would take minutes.

    Parameters
    ----------
    simulated : numpy.ndarray
        Difference of the risks in simulated paths of the fit, 0..1, (regions,).
    with_, without : numpy.ndarray
        Exact means of the two worlds, (versions, regions).
    size : numpy.ndarray
        Of the totals, in all worlds, (regions,).
    """
    difference = tail(with_, size, threshold) - tail(without, size, threshold)
    _, low, high = spread(np.clip(simulated + (difference - difference[0]), 0.0, 1.0))
    return low, high
