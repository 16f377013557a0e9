"""The negative-binomial likelihood with an additive mean that the endemic-epidemic models share.

    mean = exp(endemic @ a) + excitation @ b          b >= 0
    size = exp(spread @ d + e * log(mean + 0.1))      variance = mean + mean^2 / size

after Held, Hohle & Hofmann (2005), doi:10.1191/1471082X05st098oa, with a size that depends on the level.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, sparse, special

from .dispersion import LEVEL_FLOOR
from .layout import Layout

_TINY = 1e-10
#: A Newton step that promises less log-likelihood than this is not taken any more.
ARRIVED = 1e-12
#: The least bend of a Newton step, as a share of the largest, and the least curvature that a scale is taken from.
FLATTEST, SMALLEST = 1e-9, 1e-12
#: Newton steps from near the maximum, and from where a search stopped: to its bound a level goes one unit per step.
NEARBY, FARTHEST = 20, 60
#: Relative gain at which a search stops that Newton's steps could not end.
FINEST = 1e-9
#: Range of each term of the logarithm of a background level: up to 24 million a month.
LOG_LEVELS = (-20.0, 17.0)


class _Rows(NamedTuple):
    """Endemic part, mean, size, the level that the size depends on, its log, and log(1 + mean / size), of each row."""

    endemic: np.ndarray
    mean: np.ndarray
    size: np.ndarray
    level: np.ndarray
    log_level: np.ndarray
    ratio: np.ndarray


class AdditiveMeanNB:
    """Weighted negative-binomial likelihood with an analytic score.

    Parameters
    ----------
    counts : numpy.ndarray
        Shape (rows,), >= 0.
    endemic, excitation, spread : numpy.ndarray
        Design matrices, shapes (rows or kinds, q), (rows, p) with entries >= 0, (rows, s).
    weights : numpy.ndarray
        Weight of each row's log-likelihood, shape (rows,), >= 0.
    ridge : numpy.ndarray, optional
        Precision of a normal prior around ``centre`` for each parameter; zero leaves it free.
    kinds : numpy.ndarray, optional
        Which row of ``endemic`` each row has, int (rows,): saves what they have in common. Each its own where absent.
    """

    def __init__(
        self,
        counts: np.ndarray,
        endemic: np.ndarray,
        excitation: np.ndarray,
        spread: np.ndarray,
        weights: np.ndarray,
        ridge: np.ndarray | None = None,
        centre: np.ndarray | None = None,
        kinds: np.ndarray | None = None,
    ) -> None:
        self.layout = Layout(endemic.shape[1], excitation.shape[1], spread.shape[1])
        size = sum((endemic.shape[1], excitation.shape[1], spread.shape[1])) + 1
        self.ridge = np.zeros(size) if ridge is None else ridge
        self.centre = np.zeros(size) if centre is None else centre
        self.X, self.V, self.Z, self.w = endemic, excitation, spread, weights
        self.kinds, rows = kinds, len(counts)
        if kinds is not None:
            shape = (len(endemic), rows)
            self._of_kind = sparse.csc_array((np.ones(rows), (kinds, np.arange(rows))), shape=shape)
        self.plain = spread.shape[1] == 1 and bool((spread == 1).all())
        self.some = np.flatnonzero(counts > 0)
        self.events = counts[self.some]
        self.log_factorial = special.gammaln(counts + 1)
        self.endog = counts
        self._last: tuple[bytes, _Rows] | None = None

    @cached_property
    def _room(self) -> np.ndarray:
        """Memory for an array like the excitation: a new one for each Newton step takes longer than its numbers."""
        return np.empty(self.V.shape)

    def mean_size(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Endemic part, whole mean, and size of each row."""
        return self._rows(params)[:3]

    def _rows(self, params: np.ndarray) -> _Rows:
        """What value and gradient have in common, kept for the parameters that were asked for last."""
        key = np.asarray(params).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, self._compute(params))
        return self._last[1]

    def _compute(self, params: np.ndarray) -> _Rows:
        a, b, d, e = self.layout.split(params)
        # Without an endemic design there is no endemic part (an empty product would give exp(0) = 1).
        endemic = np.zeros(len(self.w))
        if len(a):
            endemic = np.exp(np.maximum(self.X @ a, -30))
            endemic = endemic if self.kinds is None else endemic[self.kinds]
        mean = endemic + self.V @ b
        mean += _TINY
        level = mean + LEVEL_FLOOR
        log_level = np.log(level)
        size = e * log_level
        size += d[0] if self.plain else self.Z @ d
        np.exp(np.clip(size, -7, 7, out=size), out=size)
        ratio = mean / size
        return _Rows(endemic, mean, size, level, log_level, np.log1p(ratio, out=ratio))

    def _by_kind(self, values: np.ndarray) -> np.ndarray:
        """Sums of rows (rows, ...) that have the same row of the endemic design."""
        return values if self.kinds is None else np.asarray(self._of_kind @ values)

    def loglikeobs(self, params: np.ndarray) -> np.ndarray:
        """Log-likelihood of each row, unweighted."""
        _, mean, size, _, _, ratio = self._rows(params)
        out = -size * ratio
        out -= self.log_factorial
        s, y = self.some, self.events
        r = size[s]
        out[s] += special.gammaln(y + r) - special.gammaln(r) + y * (np.log(mean[s] / r) - ratio[s])
        return np.asarray(out)

    def loglike(self, params: np.ndarray) -> float:
        """Weighted log-likelihood minus the prior's penalty."""
        penalty = 0.5 * float(self.ridge @ (params - self.centre) ** 2)
        return float(self.w @ self.loglikeobs(params)) - penalty

    def score_obs_parts(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of each row's log-likelihood by endemic predictor, mean and log size."""
        endemic, mean, size, level, _, ratio = self._rows(params)
        s, y = self.some, self.events
        total = size + mean
        share = size / total
        share[s] = (y + size[s]) / total[s]
        by_mean = -share
        by_mean[s] = y / mean[s] - share[s]
        by_size = 1 - ratio
        by_size -= share
        by_size[s] += special.digamma(y + size[s]) - special.digamma(size[s])
        by_size *= size
        along = by_size * float(params[-1])
        along /= level
        by_mean += along
        return endemic, by_mean, by_size

    def score(self, params: np.ndarray) -> np.ndarray:
        """Gradient of :meth:`loglike`."""
        endemic, by_mean, by_log_size = self.score_obs_parts(params)
        log_level = self._rows(params).log_level
        wm, ws = self.w * by_mean, self.w * by_log_size
        grad = np.concatenate(
            [self.X.T @ self._by_kind(wm * endemic), self.V.T @ wm, self.Z.T @ ws, [ws @ log_level]]
        )
        return np.asarray(grad - self.ridge * (params - self.centre))

    def hessian(self, params: np.ndarray) -> np.ndarray:
        """Second derivatives of :meth:`loglike`, (parameters, parameters)."""
        endemic, mean, size, level, log_level, ratio = self._rows(params)
        s, y = self.some, self.events
        total = size + mean
        # By mean and log size of each row: those of rows without a count, then what counts add.
        by_mean, by_size = -size / total, size * (1 - ratio - size / total)
        twice_mean, cross = size / total**2, -size * mean / total**2
        twice_size = by_size + size * mean / total - size**2 * mean / total**2
        r, m, t = size[s], mean[s], total[s]
        by_mean[s] += y / m - y / t
        more = special.digamma(y + r) - special.digamma(r) - y / t
        by_size[s] += r * more
        twice_mean[s] += y / t**2 - y / m**2
        cross[s] += r * y / t**2
        twice_size[s] += r * more + r**2 * (_trigamma(y + r) - _trigamma(r) + y / t**2)
        lay, k, w = self.layout, float(params[-1]) / level, self.w
        both = cross + twice_size * k
        bend = w * (twice_mean + k * (cross + both) - by_size * k / level)
        sizes = np.column_stack([self.Z, log_level])
        # Each row's derivative by its mean times one by its size; the slope of the size law has one more.
        mixed = sizes * (w * both)[:, None]
        mixed[:, -1] += w * by_size / level
        whole = np.zeros((len(params), len(params)))
        q, n = lay.endemic, lay.endemic + lay.excitation
        alone = self._by_kind(bend * endemic**2 + w * (by_mean + by_size * k) * endemic)
        bent = self._room
        whole[:q, :q] = (self.X * alone[:, None]).T @ self.X
        np.multiply(self.V, (bend * endemic)[:, None], out=bent)
        whole[:q, q:n] = self.X.T @ self._by_kind(bent)
        whole[:q, n:] = self.X.T @ self._by_kind(mixed * endemic[:, None])
        np.multiply(self.V, bend[:, None], out=bent)
        whole[q:n, q:n] = bent.T @ self.V
        whole[q:n, n:] = self.V.T @ mixed
        whole[n:, n:] = (sizes * (w * twice_size)[:, None]).T @ sizes
        lower = np.tril_indices(len(params), -1)
        whole[lower] = whole.T[lower]
        return np.asarray(whole - np.diag(self.ridge))

    def bounds(self) -> list[tuple[float, float]]:
        """Box for the optimiser: excitation coefficients are never negative."""
        lay = self.layout
        return (
            [LOG_LEVELS] * lay.endemic
            + [(0.0, 50.0)] * lay.excitation
            + [(-6.0, 6.0)] * lay.spread
            + [(-1.0, 2.0)]
        )

    def fit_bounded(
        self,
        start: np.ndarray,
        maxiter: int = 300,
        fixed: int = 0,
        tolerance: float = 2e-8,
        polish: bool = False,
        near: np.ndarray | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Maximise inside the bounds, the first ``fixed`` parameters held; parameters and an account of the fit.

        A fit that does not converge goes on from where it stopped, and then begins anew halfway between there and the
        start; the best of what was reached is taken, and ``attempts`` says how often it was tried. ``polish`` goes on
        by Newton's steps until the maximum is the same on every machine. Where the maximum of much the same record
        is known, ``near``, only Newton's steps are taken, from there.
        """
        if near is not None:
            box = np.array(self.bounds(), dtype=float)
            found, arrived = self._polished(np.clip(near, *box.T), box, NEARBY)
            if arrived:
                account = {"converged": True, "iterations": 0, "loglike": self.loglike(found)}
                return found, {**account, "attempts": 1}
        bounds = [(float(v), float(v)) for v in start[:fixed]] + self.bounds()[fixed:]
        best, tried = self._search(start, bounds, maxiter, tolerance), 1
        for again in (best[0], (best[0] + start) / 2):
            if best[1]["converged"]:
                break
            other, tried = self._search(again, bounds, maxiter, tolerance), tried + 1
            best = max(best, other, key=lambda found: (found[1]["converged"], found[1]["loglike"]))
        found = best[0]
        if polish:
            box = np.array(bounds, dtype=float)
            found, arrived = self._polished(found, box, FARTHEST)
            if not arrived or self._astray(found):
                # The search has stopped where the likelihood is flat and no maximum near, or at a poor one: a finer one
                # from the start.
                other, tried = self._search(start, bounds, 10 * maxiter, FINEST), tried + 1
                again = self._polished(other[0], box, FARTHEST)[0]
                if self.loglike(again) > self.loglike(found):
                    best, found = other, again
        return found, {**best[1], "loglike": self.loglike(found), "attempts": tried}

    def _polished(self, params: np.ndarray, box: np.ndarray, steps: int) -> tuple[np.ndarray, bool]:
        """Newton steps inside the box until nothing moves, and whether they came to that.

        Where a search stops hangs on the last bits of its sums.
        """
        lower, upper = box.T
        value = self.loglike(params)
        for _ in range(steps):
            slope, curve = self.score(params), -self.hessian(params)
            held = ((params <= lower) & (slope <= 0)) | ((params >= upper) & (slope >= 0))
            free = np.flatnonzero(~held)
            if not len(free):
                return params, True
            step = np.zeros(len(params))
            step[free] = _ascent(slope[free], curve[np.ix_(free, free)])
            promise, share = float(step @ slope), 1.0
            if promise < ARRIVED:
                return params, True
            for _ in range(30):
                trial = np.clip(params + share * step, lower, upper)
                reached = self.loglike(trial)
                if reached > value:
                    break
                share /= 2
            else:
                break
            params, value = trial, reached
        return params, False

    def _astray(self, params: np.ndarray) -> bool:
        """Whether more than twice the counts that came are expected of the rows that were learned from."""
        return bool(self.w @ self.mean_size(params)[1] > 2 * (self.w @ self.endog))

    def _search(
        self, start: np.ndarray, bounds: list[tuple[Any, Any]], maxiter: int, tolerance: float
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """One run of the optimiser."""
        rows = len(self.endog)
        found, _, account = optimize.fmin_l_bfgs_b(
            lambda params: -self.loglike(params) / rows,
            start,
            fprime=lambda params: -self.score(params) / rows,
            bounds=bounds,
            maxiter=maxiter,
            pgtol=1e-4,
            factr=tolerance / np.finfo(float).eps,
        )
        return np.asarray(found), {
            "converged": account["warnflag"] == 0,
            "iterations": int(account["nit"]),
            "loglike": self.loglike(found),
        }


def _ascent(slope: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Newton's step uphill; what is left of a curve that bends the wrong way is made to bend the right one.

    Where parameters differ so much in scale that the least bend would shorten a step, each is measured in its own.
    """
    values, axes = np.linalg.eigh(curve)
    bends = np.abs(values)
    if bends.min() > FLATTEST * bends.max():
        return np.asarray(axes @ ((axes.T @ slope) / bends))
    scale = np.sqrt(np.maximum(np.abs(np.diag(curve)), SMALLEST))
    values, axes = np.linalg.eigh(curve / np.outer(scale, scale))
    bends = np.maximum(np.abs(values), FLATTEST * max(float(np.abs(values).max()), SMALLEST))
    return np.asarray(axes @ ((axes.T @ (slope / scale)) / bends) / scale)


def _trigamma(x: np.ndarray) -> np.ndarray:
    """Derivative of digamma for x > 0, to 1e-11: scipy's takes twenty times as long, half of a step of Newton's."""
    shifted, below = x + 8, np.zeros_like(x)
    for k in range(8):
        below += 1 / (x + k) ** 2
    u = 1 / shifted**2
    return np.asarray(
        below + 1 / shifted + u / 2 + u / shifted * (1 / 6 - u * (1 / 30 - u * (1 / 42 - u / 30)))
    )
