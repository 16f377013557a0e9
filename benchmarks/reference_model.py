"""The endemic-epidemic model in its reference form: what R's ``surveillance::hhh4`` fits, too.

    mean_it = exp(level_i + a sin(w t) + b cos(w t)) + own * y_i,t-1 + near * sum over j of w_ji y_j,t-1
    variance = mean + mean^2 / size

with ``w_ji`` the weight of unit i among the neighbours of unit j (Held, Hohle & Hofmann 2005,
doi:10.1191/1471082X05st098oa; Paul & Held 2011, doi:10.1002/sim.4177). No member of the pool has this form; it is here
so that the likelihood all of them share can be compared with another program's, to the last digit.

Every unit has a level of its own, and no two levels meet in one row: the information is a diagonal with a narrow
border. A Newton step costs one pass over the rows, whatever the number of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy import linalg, special

from harmattan.data.errors import ModelError, SchemaError
from harmattan.training.models.likelihood import AdditiveMeanNB

#: Levels below this are a background of nothing; a unit without any event is held there.
_LOWEST = -20.0
_LARGEST_STEP = 2.0
_HALVINGS = 20
_BORDER = ("sin", "cos", "own", "near", "log_size")


@dataclass(frozen=True)
class Reference:
    """A fitted reference model.

    Attributes
    ----------
    levels : numpy.ndarray
        Logarithm of each unit's background events per month, (units,).
    season : numpy.ndarray
        Coefficients of the yearly sine and cosine, (2,); month 0 is the first row.
    own, near : float
        Expected events next month per event in the unit, and per event that reaches it from neighbours, >= 0.
    log_size : float
        Logarithm of the negative-binomial size; minus the logarithm of hhh4's overdispersion.
    errors : numpy.ndarray
        Standard errors from the observed information, in the order of :attr:`names`; NaN for what lies on a bound.
    loglike : float
        Log-likelihood of all months but the first.
    iterations : int
        Newton steps.
    """

    levels: np.ndarray
    season: np.ndarray
    own: float
    near: float
    log_size: float
    errors: np.ndarray
    loglike: float
    iterations: int

    @property
    def names(self) -> tuple[str, ...]:
        """One name per parameter: the units' levels, then ``sin, cos, own, near, log_size``."""
        return (*(f"level_{i}" for i in range(len(self.levels))), *_BORDER)

    @property
    def params(self) -> np.ndarray:
        """All parameters in the order of :attr:`names`."""
        return np.array([*self.levels, *self.season, self.own, self.near, self.log_size])


@dataclass(frozen=True)
class Arrow:
    """A symmetric matrix that is diagonal but for a narrow border.

    Attributes
    ----------
    diagonal : numpy.ndarray
        (units,).
    border : numpy.ndarray
        (units, k).
    corner : numpy.ndarray
        (k, k).
    """

    diagonal: np.ndarray
    border: np.ndarray
    corner: np.ndarray

    def holding(self, free: np.ndarray) -> Arrow:
        """The same with the rows and columns of what is not free replaced by those of the identity."""
        unit, rest = free[: len(self.diagonal)], free[len(self.diagonal) :]
        corner = np.where(np.outer(rest, rest), self.corner, np.eye(len(rest)))
        return Arrow(np.where(unit, self.diagonal, 1.0), self.border * np.outer(unit, rest), corner)

    def factor(self) -> tuple[np.ndarray, np.ndarray] | None:
        """``border / diagonal`` and the inverse of the Schur complement; None where not positive definite."""
        if not (self.diagonal > 0).all():
            return None
        scaled = self.border / self.diagonal[:, None]
        try:
            root = linalg.cho_factor(self.corner - self.border.T @ scaled)
        except linalg.LinAlgError:
            return None
        return scaled, np.asarray(linalg.cho_solve(root, np.eye(len(self.corner))))

    def solve(self, right: np.ndarray) -> np.ndarray | None:
        """Solution of ``self @ x = right``; None where the matrix is not positive definite."""
        parts = self.factor()
        if parts is None:
            return None
        scaled, inverse = parts
        n = len(self.diagonal)
        rest = inverse @ (right[n:] - scaled.T @ right[:n])
        return np.concatenate([right[:n] / self.diagonal - scaled @ rest, rest])

    def inverse_diagonal(self) -> np.ndarray | None:
        """Diagonal of the inverse; None where the matrix is not positive definite."""
        parts = self.factor()
        if parts is None:
            return None
        scaled, inverse = parts
        units = 1 / self.diagonal + np.einsum("ik,kl,il->i", scaled, inverse, scaled)
        return np.concatenate([units, np.diag(inverse)])

    def dense(self) -> np.ndarray:
        """The whole matrix."""
        return np.block([[np.diag(self.diagonal), self.border], [self.border.T, self.corner]])


class ReferenceModel(AdditiveMeanNB):
    """Likelihood of the reference model, with its Hessian.

    The parameters are those of :class:`Reference`, and last the slope of the size on the level, which is 0 here.

    Parameters
    ----------
    counts : numpy.ndarray
        Events, (months, units), whole numbers >= 0, at least 3 months.
    weights : sparse or dense matrix
        ``w_ji``, (units, units): share of unit i among the neighbours of unit j.
    period : float
        Months of a season.
    """

    def __init__(self, counts: np.ndarray, weights: Any, period: float = 12.0) -> None:
        months, self.units = counts.shape
        self.months = months - 1
        angle = 2 * np.pi * np.arange(1, months) / period
        self.waves = np.column_stack([np.sin(angle), np.cos(angle)])
        hot = sp.csr_array(sp.kron(np.ones((self.months, 1)), sp.eye_array(self.units)))
        endemic = sp.hstack([hot, sp.csr_array(np.repeat(self.waves, self.units, axis=0))], format="csr")
        near = np.asarray(sp.csr_array(weights).T @ counts[:-1].T).T
        self.lags = np.stack([counts[:-1], near], axis=-1)
        ones = np.ones((self.months * self.units, 1))
        super().__init__(counts[1:].ravel(), endemic, self.lags.reshape(-1, 2), ones, ones[:, 0])

    def row_curvature(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Second derivatives of each row by mean, by mean and log size, and by log size; and the last's square root
        of information, the first derivative by log size.
        """
        _, mean, size = self.mean_size(params)
        y, s = self.endog, self.some
        both, share = mean + size, (y + size) / (mean + size)
        by_size = 1 - share - np.log1p(mean / size)
        by_size[s] += special.digamma(y[s] + size[s]) - special.digamma(size[s])
        twice = 1 / size - 2 / both + share / both
        # One size for all rows: its trigamma is needed once.
        twice[s] += special.polygamma(1, y[s] + size[s]) - special.polygamma(1, size[0])
        by_mean = share / both - (y / mean) / mean
        return by_mean, size * (y - mean) / both**2, size * by_size + size**2 * twice, size * by_size

    def arrow(self, params: np.ndarray, expected: bool = False) -> Arrow:
        """Minus the Hessian; with ``expected``, a matrix close to its expectation that is always positive definite."""
        endemic, by_mean, _ = self.score_obs_parts(params)
        curve, cross, twice, once = self.row_curvature(params)
        if expected:
            _, mean, size = self.mean_size(params)
            curve, by_mean, cross, twice = -1 / (mean + mean**2 / size), 0 * mean, 0 * mean, -(once**2)
        grid = (self.months, self.units)
        e, m1, m2, mx = (-x.reshape(grid) for x in (-endemic, by_mean, curve, cross))
        lag, wave = self.lags, self.waves
        own = (m2 * e + m1) * e
        bent = m2 * e
        border = np.column_stack(
            [
                own.T @ wave,
                (bent[:, :, None] * lag).sum(axis=0),
                (mx * e).sum(axis=0),
            ]
        )
        corner = np.zeros((5, 5))
        corner[:2, :2] = (wave * own.sum(axis=1)[:, None]).T @ wave
        corner[:2, 2:4] = wave.T @ np.einsum("tu,tup->tp", bent, lag)
        corner[:2, 4] = wave.T @ (mx * e).sum(axis=1)
        corner[2:4, 2:4] = np.einsum("tu,tup,tuq->pq", m2, lag, lag)
        corner[2:4, 4] = np.einsum("tu,tup->p", mx, lag)
        corner[4, 4] = -twice.sum()
        lower = np.tril_indices(5, -1)
        corner[lower] = corner.T[lower]
        return Arrow(own.sum(axis=0), border, corner)

    def hessian(self, params: np.ndarray) -> np.ndarray:
        """Hessian of :meth:`loglike` by everything but the last parameter, whose row and column are 0."""
        out = np.zeros((len(params), len(params)))
        out[:-1, :-1] = -self.arrow(params).dense()
        return out

    def start(self) -> np.ndarray:
        """Half of every unit's mean as its background."""
        mean = self.endog.reshape(self.months, self.units).mean(axis=0)
        levels = np.where(mean > 0, np.log(np.maximum(0.5 * mean, 1e-3)), _LOWEST)
        return np.array([*levels, 0.0, 0.0, 0.3, 0.1, 0.0, 0.0])

    def maximise(self, iterations: int = 200, tolerance: float = 1e-9) -> tuple[np.ndarray, float, int]:
        """Projected Newton steps; scoring steps where the likelihood is not concave.

        Returns
        -------
        tuple
            Parameters, log-likelihood and number of steps.

        Raises
        ------
        ModelError
            No maximum was reached.
        """
        params = self.start()
        lower, upper = (np.array(side) for side in zip(*self.bounds(), strict=True))
        # Without neighbours, or without a single event to start from, there is nothing to learn a coefficient from.
        seen = np.concatenate(
            [params[: self.units] > _LOWEST, [True, True], self.lags.any(axis=(0, 1)), [True]]
        )
        params[self.units + 2 : -2] *= seen[-3:-1]
        value = self.loglike(params)
        for count in range(iterations):
            grad = self.score(params)
            free = (
                np.append(seen, False)
                & ~((params <= lower) & (grad <= 0))
                & ~((params >= upper) & (grad >= 0))
            )
            step = self._step(params, np.where(free, grad, 0.0), free[:-1])
            if step @ grad < 2 * tolerance:
                return params, value, count
            steep = np.abs(np.delete(step, [self.units + 2, self.units + 3])).max()
            step *= min(1.0, _LARGEST_STEP / max(steep, 1e-12))
            for _ in range(_HALVINGS):
                trial = np.clip(params + step, lower, upper)
                reached = self.loglike(trial)
                if reached > value:
                    break
                step = step / 2
            else:
                return params, value, count
            params, value = trial, reached
        raise ModelError(
            f"the reference model found no maximum in {iterations} steps.",
            remedy="Leave out units with hardly any event.",
        )

    def _step(self, params: np.ndarray, grad: np.ndarray, free: np.ndarray) -> np.ndarray:
        step = self.arrow(params).holding(free).solve(grad[:-1])
        if step is None:
            step = self.arrow(params, expected=True).holding(free).solve(grad[:-1])
        return np.append(grad[:-1] if step is None else step, 0.0)

    def standard_errors(self, params: np.ndarray) -> np.ndarray:
        """Square roots of the inverse observed information; NaN for what lies on a bound."""
        lower = np.array([low for low, _ in self.bounds()])
        free = (params > lower)[:-1]
        variance = self.arrow(params).holding(free).inverse_diagonal()
        return np.full(len(free), np.nan) if variance is None else np.where(free, np.sqrt(variance), np.nan)


def row_normalised(contiguity: Any) -> Any:
    """Weights that share each unit's events out among its neighbours evenly, CSR (units, units).

    Examples
    --------
    >>> row_normalised(np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])).toarray().tolist()
    [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    links = (sp.csr_array(contiguity) != 0).astype(float)
    total = np.asarray(links.sum(axis=1)).ravel()
    return sp.diags_array(1 / np.maximum(total, 1.0)).tocsr() @ links


def fit_reference(counts: np.ndarray, contiguity: Any, period: float = 12.0) -> Reference:
    """Fit the reference endemic-epidemic model by maximum likelihood.

    Parameters
    ----------
    counts : numpy.ndarray
        Events, (months, units), whole numbers >= 0 without gaps; at least 3 months. The first month excites only.
    contiguity : array or sparse matrix
        Not zero where two units are neighbours, (units, units); each unit's events are shared out evenly among its
        neighbours.
    period : float
        Months of a season.

    Returns
    -------
    Reference
        Parameters, standard errors and log-likelihood.

    Raises
    ------
    SchemaError
        Counts with gaps, negative or broken, or shapes that do not fit.
    ModelError
        No event at all, or no maximum.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ring = np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1)
    >>> fit = fit_reference(rng.poisson(2.0, size=(120, 6)), ring)
    >>> fit.own < 0.1, fit.errors.shape
    (True, (11,))
    """
    counts = _checked(counts, contiguity)
    model = ReferenceModel(counts, row_normalised(contiguity), period)
    if not len(model.some):
        raise ModelError("there is no event to learn from.", remedy="Choose other units or months.")
    params, value, steps = model.maximise()
    n = model.units
    return Reference(
        levels=params[:n],
        season=params[n : n + 2],
        own=float(params[n + 2]),
        near=float(params[n + 3]),
        log_size=float(params[n + 4]),
        errors=model.standard_errors(params),
        loglike=value,
        iterations=steps,
    )


def _checked(counts: np.ndarray, contiguity: Any) -> np.ndarray:
    """Counts as float64; an error where the model cannot be stated."""
    counts = np.asarray(counts, dtype=float)
    if counts.ndim != 2 or counts.shape[0] < 3 or not counts.shape[1]:
        raise SchemaError(
            f"counts have the shape {counts.shape}.",
            remedy="Give (months, units), at least 3 months and a unit.",
        )
    wrong = np.argwhere(~(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))))
    if len(wrong):
        month, unit = wrong[0]
        raise SchemaError(
            f"{counts[month, unit]} is not a count.",
            where=f"month {month}, unit {unit}",
            remedy="Give whole numbers, zero or more, without gaps.",
        )
    if contiguity.shape != (counts.shape[1], counts.shape[1]):
        raise SchemaError(
            f"contiguity has the shape {contiguity.shape}, but there are {counts.shape[1]} units.",
            remedy="Give one row and one column per unit.",
        )
    return counts
