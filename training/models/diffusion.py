"""The one-month endemic-epidemic model with directed permeability of borders, made to be simulated month by month.

    mean_it = exp(a_i) + lambda_c L_it + phi sum_domestic w_ij L_jt + sum_A gamma_A,c(i) sum_{j in A} w_ij L_jt

L is a distributed lag of past counts; gamma_AB = phi beta_AB is the coefficient of the border crossed from A to B
and beta_AB its permeability relative to a domestic boundary of the same length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, stats

from ...data.errors import ModelError
from .base import Problem, recency
from .endemic_epidemic import size_at
from .excitation import border_weights, exponential_means

#: Half-lives (months) whose mixture is the distributed lag; the shares are learned from regions' own histories.
LAG_HALF_LIVES = (0.5, 2.0, 6.0, 24.0)
#: The propagation matrix is scaled back when its largest eigenvalue passes this; above 1 paths would explode.
LARGEST_RADIUS = 0.98
#: Precision of the prior on the coefficient of every border: a tiny border with a few chance coincidences would
#: otherwise get a coefficient in the tens. The likelihood ratio of the penalised fit is the smaller one.
BORDER_PRECISION = 4.0
_SIGNIFICANT = 0.05
#: Below this logarithm a probability is no longer a normal double.
_LOG_TINY = -680.0


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
        One row per directed pair of countries: ``source_country, target_country, permeability, coefficient,
        lr_statistic, p_value, p_holm, declared``.
    countries : tuple of str
        Per region.
    scaled_by : float
        Factor applied to every excitation coefficient to keep the process stationary; 1 when nothing was needed.
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

    @property
    def propagation(self) -> np.ndarray:
        """Expected events in each region (row) that one event a month in another (column) sustains."""
        return np.diag(self.own) + self.domestic + self.across

    @property
    def radius(self) -> float:
        """Largest eigenvalue of :attr:`propagation`; below 1 the process is stationary."""
        return float(np.abs(np.linalg.eigvals(self.propagation)).max())

    def cut(self, country: str) -> Diffusion:
        """The same world with every outgoing border link of ``country`` closed."""
        sender = np.array(self.countries) == country
        return replace(self, across=np.where(sender[None, :], 0.0, self.across))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "endemic": self.endemic.tolist(),
            "lag_half_lives": list(LAG_HALF_LIVES),
            "lag_shares": self.lag_shares.tolist(),
            "own": self.own.tolist(),
            "spread": self.spread,
            "slope": self.slope,
            "scaled_by": self.scaled_by,
            "radius": self.radius,
            # JSON has no NaN, and a permeability relative to nothing is none.
            "pairs": self.pairs.astype(object).where(self.pairs.notna(), None).to_dict("records"),
            "fit": self.account,
        }


def lag_states(problem: Problem) -> np.ndarray:
    """Exponential means of past counts at every month, (months, regions, lags)."""
    return exponential_means(problem, LAG_HALF_LIVES)


@dataclass(frozen=True)
class _Design:
    """Training rows of the diffusion model."""

    counts: np.ndarray
    endemic: sparse.csr_matrix
    excite: np.ndarray
    weights: np.ndarray
    ridge: np.ndarray


def fit_diffusion(
    problem: Problem,
    origin: pd.Period,
    recency_half_life: float | None = None,
    burn_in: int = 24,
    pooling: float = 2.0,
) -> Diffusion:
    """Fit the model to everything known at ``origin`` and test every border, direction by direction.

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

    Raises
    ------
    ModelError
        Without links: there is no border to test.
    """
    if problem.panel.links is None or not len(problem.panel.links):
        raise ModelError(
            "spillover needs links between regions, and this panel has none.",
            remedy="Pass polygons (--regions) or a table of links (--links).",
        )
    rows, regions = problem.training_rows(origin, 1, burn_in)
    states = lag_states(problem)
    counts = problem.counts[rows + 1, regions]
    weights = recency(rows, int(rows.max()), recency_half_life)
    n = problem.panel.shape[1]
    one_hot = sparse.csr_matrix((np.ones(len(rows)), (np.arange(len(rows)), regions)), shape=(len(rows), n))
    endemic = sparse.hstack([np.ones((len(rows), 1)), one_hot], format="csr")

    def design(excite: np.ndarray, precision: list[float]) -> _Design:
        ridge = np.concatenate([[0.0], np.full(n, pooling), precision, [1e-2, 1e-2]])
        return _Design(counts, endemic, excite, weights, ridge)

    lags = states.shape[-1]
    shares = _lag_shares(design(states[rows, regions], [1e-3] * lags))
    names, excite = _excitation(problem, states @ shares, rows, regions)
    precision = [BORDER_PRECISION if kind == "across" else 1e-3 for kind, _, _ in names]
    return _assemble(problem, design(excite, precision), names, shares)


def _lag_shares(design: _Design) -> np.ndarray:
    """Shares of the half-lives, from a first fit of each region on its own history."""
    lags = design.excite.shape[1]
    params, _ = _fit(design, _start(design))
    own = params[-2 - lags : -2]
    return np.asarray(own / own.sum()) if own.sum() > 0 else np.full(lags, 1 / lags)


def _excitation(
    problem: Problem, lag: np.ndarray, rows: np.ndarray, regions: np.ndarray
) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Columns of the second fit: own history by country, domestic neighbours, every border in both directions."""
    country = np.array(problem.panel.countries)
    near, far = border_weights(problem.panel, crossing=False), border_weights(problem.panel, crossing=True)
    own = lag[rows, regions]
    columns, names = [], []
    for c in sorted(set(country)):
        columns.append(own * (country[regions] == c))
        names.append(("own", c, c))
    columns.append((lag @ near.T)[rows, regions])
    names.append(("domestic", "", ""))
    for a in sorted(set(country)):
        arriving = lag @ (far * (country[None, :] == a)).T
        for b in sorted(set(country) - {a}):
            if far[np.ix_(country == b, country == a)].any():
                columns.append(arriving[rows, regions] * (country[regions] == b))
                names.append(("across", a, b))
    return names, np.column_stack(columns)


def _start(design: _Design) -> np.ndarray:
    """A start where half of the events are background and half follow the first columns."""
    level = max(float(np.average(design.counts, weights=design.weights)), 1e-3)
    p, q = design.excite.shape[1], design.endemic.shape[1]
    return np.concatenate([[np.log(0.3 * level)], np.zeros(q - 1), np.full(p, 0.15), [0.0, 0.5]])


def _fit(design: _Design, start: np.ndarray, closed: int | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Maximise the likelihood, with one excitation column held at zero if ``closed`` is given."""
    from .likelihood import AdditiveMeanNB

    keep = [i for i in range(design.excite.shape[1]) if i != closed]
    spread = np.ones((len(design.counts), 1))
    q = design.endemic.shape[1]
    at = [*range(q), *[q + i for i in keep], len(start) - 2, len(start) - 1]
    model = AdditiveMeanNB(
        design.counts,
        design.endemic,
        design.excite[:, keep],
        spread,
        design.weights,
        design.ridge[at],
    )
    found, account = model.fit_bounded(start[at])
    params = np.zeros(len(start))
    params[at] = found
    return params, account


def _assemble(
    problem: Problem, design: _Design, names: list[tuple[str, str, str]], shares: np.ndarray
) -> Diffusion:
    """Fit, test each border, and put the coefficients where the simulation needs them."""
    params, account = _fit(design, _start(design))
    q = design.endemic.shape[1]
    slopes = params[q:-2]
    by_name = dict(zip(names, slopes, strict=True))
    phi = by_name[("domestic", "", "")]
    tested = []
    for i, (kind, a, b) in enumerate(names):
        if kind != "across":
            continue
        statistic = 0.0
        if slopes[i] > 0:
            _, closed = _fit(design, params, closed=i)
            statistic = max(0.0, 2 * (account["loglike"] - closed["loglike"]))
        # On the boundary half of the mass of the likelihood ratio is at zero (Self & Liang 1987).
        p = 0.5 * float(stats.chi2.sf(statistic, 1)) if statistic > 0 else 1.0
        tested.append((a, b, slopes[i] / phi if phi > 0 else np.nan, slopes[i], statistic, p))
    pairs = pd.DataFrame(
        tested,
        columns=[
            "source_country",
            "target_country",
            "permeability",
            "coefficient",
            "lr_statistic",
            "p_value",
        ],
    )
    pairs["p_holm"] = holm(pairs["p_value"].to_numpy(float))
    pairs["declared"] = pairs["p_holm"] < _SIGNIFICANT
    country = np.array(problem.panel.countries)
    gamma = np.zeros((len(country), len(country)))
    for _, row in pairs.iterrows():
        gamma[np.ix_(country == row.target_country, country == row.source_country)] = row.coefficient
    model = Diffusion(
        endemic=np.exp(params[0] + params[1:q]),
        lag_shares=shares,
        own=np.array([by_name[("own", c, c)] for c in country]),
        domestic=phi * border_weights(problem.panel, crossing=False),
        across=gamma * border_weights(problem.panel, crossing=True),
        spread=float(params[-2]),
        slope=float(params[-1]),
        pairs=pairs,
        countries=problem.panel.countries,
        scaled_by=1.0,
        account=account,
    )
    return stationary(model)


def stationary(model: Diffusion) -> Diffusion:
    """The model with its excitation scaled back where it would explode; the factor is recorded."""
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


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(adjusted, 1.0)
    return out


def step_decay() -> np.ndarray:
    """Step of each exponential mean towards a new count, (lags,)."""
    return 1 - 0.5 ** (1 / np.array(LAG_HALF_LIVES))


def mean_paths(model: Diffusion, states: np.ndarray, months: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts of the coming months, exactly (the model is linear in past counts).

    Parameters
    ----------
    states : numpy.ndarray
        Exponential means at the origin, (regions, lags).
    months : int
        How far ahead, >= 1.

    Returns
    -------
    tuple of numpy.ndarray
        Means (months, regions), and the expected lag L that produced each of them, (months, regions).
    """
    steps, means, lags = step_decay(), [], []
    for _ in range(months):
        lag = states @ model.lag_shares
        mean = model.endemic + model.propagation @ lag
        states = states + steps * (mean[:, None] - states)
        means.append(mean)
        lags.append(lag)
    return np.stack(means), np.stack(lags)


def simulate(model: Diffusion, states: np.ndarray, size: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Simulate paths by inverse CDF, so that worlds which share ``uniforms`` are coupled.

    Parameters
    ----------
    states : numpy.ndarray
        Exponential means at the origin, (regions, lags).
    size : numpy.ndarray
        Negative-binomial size of each region, fixed for all months and worlds, (regions,).
    uniforms : numpy.ndarray
        One number in [0, 1) per path, month and region, (paths, months, regions).

    Returns
    -------
    numpy.ndarray
        Counts, int32, (paths, months, regions). No path falls when a mean rises.
    """
    paths, months, regions = uniforms.shape
    steps, reach = step_decay(), model.propagation.T
    now = np.broadcast_to(states, (paths, *states.shape)).copy()
    out = np.empty((paths, months, regions), dtype=np.int32)
    for t in range(months):
        mean = model.endemic + (now @ model.lag_shares) @ reach
        out[:, t] = negative_binomial_quantile(uniforms[:, t], mean, size)
        now += steps * (out[:, t, :, None] - now)
    return out


def negative_binomial_quantile(u: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Quantile of a negative binomial, by summing probabilities upwards; all arguments broadcast.

    Most counts are zero, so summing upwards ends at once for most cases and is faster than a general inverse.

    Examples
    --------
    >>> negative_binomial_quantile(np.array([0.1, 0.5, 0.99]), np.array(1.0), np.array(2.0)).tolist()
    [0, 1, 5]
    """
    u, mean, size = np.broadcast_arrays(u, mean, size)
    left = np.minimum(u, 1 - 1e-9).ravel().copy()
    size_, mean_ = size.ravel().astype(float), mean.ravel().astype(float)
    log_zero = -size_ * np.log1p(mean_ / size_)
    mass = np.exp(log_zero)
    ratio = mean_ / (mean_ + size_)
    out = np.zeros(left.size, dtype=np.int32)
    # Where the probability of zero underflows, there is nothing to sum up from.
    far = log_zero < _LOG_TINY
    if far.any():
        out[far] = np.maximum(stats.nbinom.ppf(left[far], size_[far], 1 - ratio[far]), 0)
    active = np.flatnonzero((left >= mass) & ~far)
    left, mass, ratio, size_ = left[active], mass[active], ratio[active], size_[active]
    k = 0
    while len(active):
        left = left - mass
        mass = mass * ratio * (k + size_) / (k + 1)
        k += 1
        out[active] = k
        going = left >= mass
        # Deep in the tail the mass underflows before the sum ends; nothing measurable is left there.
        going &= mass > 1e-300
        active, left, mass, ratio, size_ = (x[going] for x in (active, left, mass, ratio, size_))
    return out.reshape(u.shape)


def size_at_origin(model: Diffusion, states: np.ndarray) -> np.ndarray:
    """Size of each region at the origin's mean, held fixed along every path, (regions,)."""
    mean = model.endemic + model.propagation @ (states @ model.lag_shares)
    return size_at(mean, model.spread, model.slope)
