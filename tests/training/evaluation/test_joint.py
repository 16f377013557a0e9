"""Joint draws are judged as scoringrules does it, and a known dependence is found and rewarded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scoringrules as sr
from make_records import make_record
from scipy import stats

from harmattan.training.evaluation.joint import energy_score, joint_tables
from harmattan.training.margins import negative_binomial
from harmattan.training.pool.dependence import normal_scores
from harmattan.training.record import PastErrors, Record

MONTHS, HORIZONS, DRAWS = 90, (1, 2, 3), 100
COUNTRIES = ("AAA",) * 4 + ("BBB",) * 4


def records(near: float, serial: float, seed: int = 3) -> list[Record]:
    """A forecaster who knows every margin; errors of a country and of neighbouring months go together."""
    rng, mean = np.random.default_rng(seed), np.tile([6.0, 2.0, 0.5, 3.0], 2)
    law = negative_binomial(mean, np.full(8, 1.5))
    gap = np.abs(np.subtract.outer(HORIZONS, HORIZONS))
    root = np.linalg.cholesky(np.where(gap == 0, 1.0, serial))
    common, own = (np.einsum("hk,nkr->nhr", root, rng.normal(size=(MONTHS, 3, n))) for n in (2, 8))
    z = np.sqrt(near) * np.repeat(common, 4, axis=2) + np.sqrt(1 - near) * own
    counts = stats.nbinom.ppf(stats.norm.cdf(z), 1.5, 1.5 / (1.5 + mean))
    origins = tuple(pd.period_range("2010-01", periods=MONTHS, freq="M"))
    found, plain = [], make_record(months=20)
    for k, horizon in enumerate(HORIZONS):
        errors = [normal_scores(law, row.astype(int), np.ones(8, bool)) for row in counts[:, k]]
        score, spread = (np.stack([e[i] for e in errors]) for i in (0, 1))
        drawn = np.broadcast_to(law.stratified(DRAWS), (MONTHS - 30, DRAWS, 8))
        found.append(
            replace(
                plain,
                horizon=horizon,
                origins=origins[30:],
                region_ids=tuple(f"r{i}" for i in range(8)),
                countries=COUNTRIES,
                observed=counts[30:, k],
                errors=PastErrors(origins[30:], score[30:], spread[30:]),
                wait=horizon,
                pool=drawn,
                earlier=PastErrors(origins[:30], score[:30], spread[:30]),
            )
        )
    return found


def test_the_energy_score_is_that_of_scoringrules() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.poisson(3.0, (40, 6)).astype(float), rng.poisson(3.0, 6).astype(float)
    assert energy_score(y, x) == pytest.approx(float(sr.es_ensemble(y, x)), rel=1e-9)


def test_a_dependence_that_is_there_is_found_and_rewarded() -> None:
    joint, totals, serial = joint_tables(records(0.5, 0.7), np.random.default_rng(2))
    learned = joint[joint["order"] == "learned"].set_index("horizon")
    assert learned["variogram_gain"].drop(0).mean() > 0
    assert learned.loc[0, "variogram_low"] > 0
    assert learned.loc[0, "energy_gain"] > 0
    held = totals.set_index(["months", "order"])["coverage_80"]
    assert held[3, "independent"] < 0.65
    assert abs(held[3, "learned"] - 0.8) < abs(held[3, "independent"] - 0.8) / 2
    row = totals.set_index(["months", "order"]).loc[(3, "learned")]
    assert row["low_80"] < row["coverage_80"] < row["high_80"]
    assert row["cases"] == 2 * (MONTHS - 30)
    # What was observed holds the truth within its interval, and the draws were given about as much.
    assert serial["low"].between(0.4, 0.7).all()
    assert serial["high"].between(0.7, 1.0).all()
    assert (abs(serial["predicted"] - serial["observed"]) < 0.2).all()


def test_no_error_after_an_origin_changes_its_order() -> None:
    plain = records(0.5, 0.7)
    changed = []
    for record in plain:
        score = record.errors.score.copy()
        # At the second origin outcomes of origins up to ``1 - wait`` are known; everything after them is the future.
        score[max(2 - record.wait, 0) :] *= -3
        changed.append(replace(record, errors=replace(record.errors, score=score)))
    first = [
        [replace(r, origins=r.origins[:2], pool=r.pool[:2], observed=r.observed[:2]) for r in each]
        for each in (plain, changed)
    ]
    one, two = (joint_tables(each, np.random.default_rng(4)) for each in first)
    pd.testing.assert_frame_equal(one.joint, two.joint)
    pd.testing.assert_frame_equal(one.totals, two.totals)


def test_without_draws_there_is_nothing_to_judge() -> None:
    assert all(table.empty for table in joint_tables([make_record(months=20)], np.random.default_rng(0)))
