"""Whether each member earns its place: the skill of the pool without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..models.catalogue import BASELINES
from .comparison import month_blocks, skill_from_blocks

if TYPE_CHECKING:
    from ..record import Record

#: What stands in ``left_out`` where the pool is whole.
NOBODY = ""


def leave_one_out(records: Sequence[Record], rng: np.random.Generator) -> pd.DataFrame:
    """Skill of the equal-weight, uncalibrated pool, whole and without each member in turn.

    Equal weights, because learned ones make good most of what a member leaves behind.

    Parameters
    ----------
    records : sequence of Record
        One per horizon; the pool is made of the members that ``weights`` names.
    rng : numpy.random.Generator
        Draws the bootstrap samples of months, the same for every member.

    Returns
    -------
    pandas.DataFrame
        ``target, horizon, left_out, crps, best_baseline, skill_vs_best, loss_without, loss_without_low,
        loss_without_high, skill_vs_zero, verdict``. ``loss_without`` is what the pool loses without the member, as a
        share of its CRPS: below zero the pool is better off without. ``skill_vs_zero`` is the member's own, alone. The
        row of the whole pool has an empty ``left_out``.
    """
    rows = []
    for record in records:
        names = list(dict.fromkeys(record.weights["member"]))
        blocks = month_blocks(len(record.origins), rng)
        cases = max(int(np.isfinite(record.observed)[_complete(record)].sum()), 1)
        whole = _of_mixture(record, names, names)
        baselines = {b: _of_member(record, b).sum() / cases for b in BASELINES if b in record.members}
        nothing = float(_of_member(record, "zero").sum()) / cases if "zero" in record.members else np.nan
        best = min(baselines, key=lambda b: baselines[b]) if baselines else ""
        for left_out in (NOBODY, *(names if len(names) > 1 else ())):
            without = _of_mixture(record, names, [n for n in names if n != left_out])
            # The skill of the whole pool against the one that lacks the member.
            loss = (0.0, 0.0, 0.0) if left_out == NOBODY else skill_from_blocks(whole, without, blocks)
            crps = float(without.sum()) / cases
            alone = _of_member(record, left_out) if left_out else whole
            rows.append(
                {
                    "target": record.target,
                    "horizon": record.horizon,
                    "left_out": left_out,
                    "crps": crps,
                    "best_baseline": best,
                    "skill_vs_best": 1 - crps / baselines[best] if best else np.nan,
                    **dict(zip(("loss_without", "loss_without_low", "loss_without_high"), loss, strict=True)),
                    "skill_vs_zero": 1 - float(alone.sum()) / cases / nothing if nothing > 0 else np.nan,
                    "verdict": _verdict(left_out, loss, not float(alone.sum()) / cases >= nothing),
                }
            )
    return pd.DataFrame(rows)


def _verdict(left_out: str, loss: tuple[float, float, float], beats_zero: bool) -> str:
    """What to do about a member, in words."""
    if left_out == NOBODY:
        return "the whole pool"
    if not beats_zero:
        return "no better than zero: to be dropped"
    if loss[2] < 0:
        return "in the way: to be dropped"
    return "of use" if loss[1] > 0 else "no measurable use: the interval covers zero"


def _of_mixture(record: Record, names: Sequence[str], of: Sequence[str]) -> np.ndarray:
    """Exact CRPS of the equal mixture of some of the pooled members, summed over the cases of an origin, (origins,).

    It follows from the terms that weights are learned from (:func:`harmattan.training.pool.weights.pool_terms`).
    """
    w = np.array([name in of for name in names]) / len(of)
    cases = np.isfinite(record.observed).sum(axis=1) * _complete(record)
    scored = zip(record.scored, _complete(record), strict=True)
    each = [
        float(w @ x.error - w @ x.distance @ w / 2) if x and all_there else 0.0 for x, all_there in scored
    ]
    return np.asarray(np.array(each) * cases)


def _of_member(record: Record, name: str) -> np.ndarray:
    """Exact CRPS of a member, summed over the cases of each origin, (origins,)."""
    seen = np.isfinite(record.observed) & _complete(record)[:, None]
    return np.asarray(np.where(seen, record.of(name, "crps_exact"), 0.0).sum(axis=1))


def _complete(record: Record) -> np.ndarray:
    """Origins from which every pooled member had a forecast, bool (origins,): only there can one be left out."""
    return np.array([x is not None and bool(np.isfinite(x.error).all()) for x in record.scored])
