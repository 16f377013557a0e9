"""Records of a back-test in a small world whose truth is known: who is perfect, who is biased, who is a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from harmattan.training.evaluation.case_scores import measure
from harmattan.training.evaluation.scores import escalation_level
from harmattan.training.margins import Margins, certain_zero, empirical, mix, negative_binomial, stack
from harmattan.training.models.baselines import most_likely_nb
from harmattan.training.models.catalogue import RIVAL
from harmattan.training.pool.dependence import normal_scores
from harmattan.training.pool.learning import Learner, scored_origin
from harmattan.training.record import PastErrors, Record

REGIONS = ("AAA-north", "AAA-south", "BBB-east", "BBB-west")
COUNTRIES = ("AAA", "AAA", "BBB", "BBB")
SIZE = 0.8


def make_margins(
    horizon: int = 1, months: int = 60, seed: int = 5, regions: int = 4
) -> tuple[dict[str, list[Margins]], np.ndarray, np.ndarray]:
    """Forecasts by member, outcomes (months, regions) and histories (months, 12, regions).

    ``pool`` knows the true distribution, ``twice`` doubles its mean, two baselines look back.
    """
    rng = np.random.default_rng([seed, horizon])
    rate = np.exp(np.cumsum(rng.normal(0, 0.25, (months + 12, regions)), axis=0) - 0.5).clip(0.02, 20)
    counts = rng.negative_binomial(SIZE, SIZE / (SIZE + rate)).astype(float)
    history = np.stack([counts[t : t + 12] for t in range(months)])
    truth = rate[12:]
    margins = {
        "zero": [certain_zero(regions)] * months,
        "conflictology_12": [empirical(past) for past in history],
        "twice": [negative_binomial(2 * mean, np.array(SIZE)) for mean in truth],
        "pool": [negative_binomial(mean, np.array(SIZE)) for mean in truth],
    }
    return margins, counts[12:].copy(), history


def record_from(
    margins: Mapping[str, Sequence[Margins]],
    observed: np.ndarray,
    history: np.ndarray,
    pooled: Sequence[str] = ("twice",),
    horizon: int = 1,
    draws: int = 1000,
) -> Record:
    """A record of given forecasts, with the negative binomial that is always shown; some of them are pooled."""
    months, regions = observed.shape
    plain = [most_likely_nb(np.nan_to_num(each), np.isfinite(each)) for each in history]
    of = {RIVAL: plain, **margins}
    learner, scored, weights, values, errors = Learner(len(pooled), 1), [], [], [], []
    for i, outcome in enumerate(observed):
        each = [margins[n][i] for n in pooled]
        state = learner.now()
        weights.append(state.weights)
        scored.append(scored_origin(each, mix(each, state.weights), outcome, state.best))
        learner.add(scored[-1])
        everybody = stack([m[i] for m in of.values()])
        values.append(measure(everybody, outcome, escalation_level(history[i]), draws))
        seen = np.isfinite(outcome)
        errors.append(normal_scores(next(iter(of.values()))[i], np.where(seen, outcome, 0), seen))
    origins = tuple(pd.period_range("2018-01", periods=months, freq="M"))
    repeat = -(-regions // 4)
    return Record(
        "events",
        horizon,
        origins,
        tuple(f"{r}{i // 4 or ''}" for i, r in enumerate(REGIONS * repeat))[:regions],
        (COUNTRIES * repeat)[:regions],
        observed,
        history,
        tuple(of),
        {name: np.stack([v[name] for v in values], axis=1) for name in values[0]},
        pd.DataFrame(
            {
                "origin": [str(o) for o in origins for _ in pooled],
                "horizon": horizon,
                "member": list(pooled) * months,
                "weight": np.concatenate(weights),
            }
        ),
        tuple(scored),
        PastErrors(origins, *(np.stack([e[i] for e in errors]) for i in (0, 1))),
        draws,
    )


def make_record(
    horizon: int = 1,
    months: int = 60,
    seed: int = 5,
    regions: int = 4,
    missing: bool = False,
    pooled: Sequence[str] = ("twice",),
    draws: int = 1000,
) -> Record:
    """One record of the small world."""
    margins, observed, history = make_margins(horizon, months, seed, regions)
    if missing:
        observed[::7, 1] = np.nan
    return record_from(margins, observed, history, pooled, horizon, draws)
