"""A fast maximiser of the diffusion model's likelihood: projected Newton steps of many parameter vectors side by side.

Refits that share their rows (under permuted borders, with one border closed, with one coefficient held) climb
together: every step is one array operation over all of them, and each takes the steps that it would take alone. The
two-metric projection is that of Bertsekas (1982), doi:10.1137/0320018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .additive import Likelihood, Moving, Prior, State

_LARGEST_STEP = 2.0
_HALVINGS = 12
_STRETCH = (0.7, 5.0)
_NEAR = 1e-3
#: A step that promises less than so many tolerances leaves less than one, as far as the curvature is known.
LAST = 10
#: Rows of all vectors together that are worked on at once: more would not stay in the processor's cache.
_AT_ONCE = 120_000


@dataclass(frozen=True)
class FitResult:
    """A maximum: parameters, penalised log-likelihood, expected information plus the prior's, and how it ended."""

    params: np.ndarray
    loglike: float
    information: np.ndarray
    iterations: int
    converged: bool


def maximise(
    likelihood: Likelihood,
    start: np.ndarray,
    free: np.ndarray,
    iterations: int = 200,
    tolerance: float = 1e-4,
    unchecked: int | None = None,
) -> FitResult:
    """Maximise over the free parameters; coefficients stay >= 0.

    Parameters
    ----------
    start : numpy.ndarray
        Parameters to begin with; those that are not free keep these values.
    free : numpy.ndarray
        bool per parameter.
    tolerance : float
        The search ends when a whole Newton step promises less than this in log-likelihood.
    unchecked : int, optional
        As in :func:`maximise_all`.
    """
    return maximise_all(likelihood, start[None], free[None], iterations, tolerance, unchecked=unchecked)[0]


def maximise_all(
    likelihood: Likelihood,
    starts: np.ndarray,
    free: np.ndarray,
    iterations: int = 200,
    tolerance: float = 1e-4,
    moving: Moving | None = None,
    came_from: np.ndarray | None = None,
    unchecked: int | None = None,
) -> list[FitResult]:
    """:func:`maximise` from many starts side by side; one result per vector, that which it would have alone.

    Parameters
    ----------
    starts, free : numpy.ndarray
        (vectors, parameters).
    moving : Moving, optional
        A column that every vector has of its own.
    came_from : numpy.ndarray, optional
        Parameters whose Newton step led to ``starts``, which tells from the first step on how far the curvature holds.
    unchecked : int, optional
        After so many steps one that promises less than :data:`LAST` tolerances is taken and ends the search: the
        information is that before it. Without it the search ends where a step promises less than one tolerance.
    """
    results: list[FitResult] = []
    step = max(1, _AT_ONCE // max(likelihood.rows, 1))
    for first in range(0, len(starts), step):
        part = slice(first, first + step)
        mine = None if moving is None else Moving(moving.slope, moving.values[part])
        results += _side_by_side(
            likelihood, starts[part], free[part], iterations, tolerance, mine, came_from, unchecked
        )
    return results


def _side_by_side(
    likelihood: Likelihood,
    params: np.ndarray,
    free: np.ndarray,
    iterations: int,
    tolerance: float,
    moving: Moving | None,
    came_from: np.ndarray | None,
    unchecked: int | None,
) -> list[FitResult]:
    """Newton steps of all vectors, until each has arrived."""
    law, (lower, upper) = bool(free[:, -2:].any()), likelihood.prior.bounds
    results: dict[int, FitResult] = {}
    params = params.copy()
    going, state = np.arange(len(params)), likelihood.state(params, moving)
    before = asked = np.zeros_like(params)
    if came_from is not None:
        before, asked = np.broadcast_to(came_from, params.shape), params - came_from

    def finish(which: np.ndarray, count: int, converged: np.ndarray) -> None:
        for i in np.flatnonzero(which):
            results[int(going[i])] = FitResult(
                params[i], float(state.value[i]), info[i], count, bool(converged[i])
            )

    for count in range(iterations + 1):
        grad, info = likelihood.slope(params, state, moving, law)
        step = _newton_step(likelihood.prior, params, free, grad, info)
        promise = 0.5 * np.vecdot(step, grad)
        newton = step
        if count or came_from is not None:
            step = _stretched(params - before, asked, newton)
        arrived = promise < tolerance
        if unchecked is not None and count >= unchecked:
            arrived = promise < LAST * tolerance
            params = np.where(arrived[:, None], np.clip(params + step, lower, upper), params)
            if moving is None and arrived.any():
                state.value[arrived] = likelihood.state(params[arrived]).value
        if arrived.any():
            finish(arrived, count, arrived)
        if count == iterations:
            finish(~arrived, count, arrived)
            break
        for left in (~arrived, None):
            if left is None:
                before, asked = params.copy(), newton
                params, state, stuck = _line_search(likelihood, params, step, state, moving)
                # No step along this direction gains anything.
                if stuck.any():
                    finish(stuck, count, promise < 10 * tolerance)
                left = ~stuck
            if not left.all():
                params, free, going, state = params[left], free[left], going[left], state.take(left)
                step, promise, info = step[left], promise[left], info[left]
                newton, before, asked = newton[left], before[left], asked[left]
                moving = None if moving is None else Moving(moving.slope, moving.values[left])
        if not len(going):
            break
    return [results[i] for i in range(len(results))]


def _stretched(moved: np.ndarray, asked: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The step, as much longer or shorter as the last one fell short of its aim or passed it.

    After Barzilai & Borwein (1988), doi:10.1093/imanum/8.1.141: the expected information is not the curvature.
    """
    square, change = np.vecdot(moved, moved), np.vecdot(moved, asked - step)
    ratio = np.where(change > 0, square / np.where(change > 0, change, 1.0), 1.0)
    return np.asarray(step * np.clip(ratio, *_STRETCH)[:, None])


def _newton_step(
    prior: Prior, params: np.ndarray, free: np.ndarray, grad: np.ndarray, info: np.ndarray
) -> np.ndarray:
    """Step of every vector; whoever is close to its bound and wants to pass it goes there at once."""
    lower, upper = prior.bounds
    # It would shorten all other steps.
    low = free & (params - lower <= _NEAR) & (grad <= 0)
    high = free & (upper - params <= _NEAR) & (grad >= 0)
    move = free & ~low & ~high
    step = np.where(low, lower - params, np.where(high, upper - params, 0.0))
    # Levels of different regions do not meet: they are eliminated first.
    some = move.any(axis=0)
    at, rest = np.flatnonzero(some & prior.levels), np.flatnonzero(some & ~prior.levels)
    here, there = move[:, at], move[:, rest]
    first, second = grad[:, at] * here, grad[:, rest] * there
    own = np.where(here, np.einsum("vii->vi", info)[:, at] + 1e-9, 1.0)
    cross, left = info[:, at[:, None], rest], info[:, rest[:, None], rest]
    cross *= here[:, :, None] & there[:, None]
    left *= there[:, :, None] & there[:, None]
    np.einsum("vii->vi", left)[:] += np.where(there, 1e-9, 1.0)
    scaled = (cross / own[:, :, None]).transpose(0, 2, 1)
    solved = np.linalg.solve(left - scaled @ cross, second[:, :, None] - scaled @ first[:, :, None])
    levels = (first - (cross @ solved)[..., 0]) / own
    step[:, rest] = np.where(there, solved[..., 0], step[:, rest])
    step[:, at] = np.where(here, levels, step[:, at])
    return step


def _line_search(
    likelihood: Likelihood, params: np.ndarray, step: np.ndarray, state: State, moving: Moving | None
) -> tuple[np.ndarray, State, np.ndarray]:
    """Halve every vector's step until it gains; the new parameters and states, and who never gained."""
    lower, upper = likelihood.prior.bounds
    largest = np.abs(step[:, lower != 0.0]).max(axis=1, initial=0.0)
    step = step * np.minimum(1.0, _LARGEST_STEP / np.maximum(largest, 1e-12))[:, None]
    left = np.arange(len(params))
    for _ in range(_HALVINGS):
        if not len(left):
            break
        column = None if moving is None else Moving(moving.slope, moving.values[left])
        trial = np.clip(params[left] + step[left], lower, upper)
        reached = likelihood.state(trial, column)
        better = reached.value > state.value[left]
        if better.all() and len(left) == len(params):
            return trial, reached, np.zeros(len(params), dtype=bool)
        params[left[better]] = trial[better]
        state.put(left[better], reached.take(better))
        left = left[~better]
        step[left] /= 2
    return params, state, np.isin(np.arange(len(params)), left)
