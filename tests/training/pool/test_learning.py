"""What a pool learns from scored origins: as in a back-test, and the same after text and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from make_records import StandIn, make_record

from harmattan.data.errors import ModelError
from harmattan.training.distribution import mix
from harmattan.training.evaluation.backtest import _pool
from harmattan.training.pool.learning import FEWEST, LearnedPool, learn_pool

MEMBERS = ["conflictology_12", "twice", "pool"]


def record_of(months: int, missing: bool = False) -> StandIn:
    """A record whose pool of three has learned as in a back-test, one month at a time."""
    record = make_record(months=months, missing=missing, regions=8)
    _, plain, weights = _pool([record.margins[n] for n in MEMBERS], record.observed, 1)
    table = pd.DataFrame({"member": MEMBERS * months, "weight": weights.ravel()})
    return replace(record, margins={**record.margins, "pool_uncalibrated": plain}, weights=table)


@pytest.mark.parametrize("missing", [False, True])
def test_it_learns_what_the_back_test_would_use_at_its_next_origin(missing: bool) -> None:
    longer = record_of(41, missing)
    past = {name: said[:40] for name, said in longer.margins.items()}
    learned = learn_pool(replace(longer, observed=longer.observed[:40], margins=past))
    calibrated, _, weights = _pool([longer.margins[n] for n in MEMBERS], longer.observed, 1)
    assert list(learned.weights) == MEMBERS
    assert list(learned.weights.values()) == weights[-1].tolist()
    now = learned.apply({n: longer.margins[n][40] for n in MEMBERS})
    near = min(now.support, calibrated[-1].support)
    np.testing.assert_allclose(now.cdf[:, :near], calibrated[-1].cdf[:, :near], atol=1e-6)
    assert learned.origins == 40


def test_too_few_origins_teach_nothing() -> None:
    record = record_of(FEWEST - 1)
    learned = learn_pool(record)
    assert learned.calibration is None
    assert set(learned.weights.values()) == {1 / 3}
    each = {n: record.margins[n][-1] for n in MEMBERS}
    expected = mix(list(each.values()), np.full(3, 1 / 3))
    assert learned.apply(each).cdf.tobytes() == expected.cdf.tobytes()


def test_an_unobserved_month_is_no_lesson() -> None:
    record = record_of(30)
    observed = record.observed.copy()
    observed[[3, 9]] = np.nan
    kept = [i for i in range(30) if i not in (3, 9)]
    without = {name: [said[i] for i in kept] for name, said in record.margins.items()}
    some = learn_pool(replace(record, observed=observed))
    none = learn_pool(replace(record, observed=observed[kept], margins=without))
    assert some == replace(none, calibration=some.calibration)
    assert some.calibration.heights.tobytes() == none.calibration.heights.tobytes()


@pytest.mark.parametrize("months", [FEWEST - 1, 40])
def test_text_and_back_changes_no_bit(months: int) -> None:
    record = record_of(months)
    learned = learn_pool(record)
    again = LearnedPool.from_json(json.loads(json.dumps(learned.to_json(), sort_keys=True)))
    assert again.to_json() == learned.to_json()
    each = {n: record.margins[n][-1] for n in MEMBERS}
    assert again.apply(each).cdf.tobytes() == learned.apply(each).cdf.tobytes()
    if learned.calibration is not None:
        assert again.calibration.heights.tobytes() == learned.calibration.heights.tobytes()


def broken(**changes: object) -> dict:
    good = learn_pool(record_of(20)).to_json()
    heights = [list(row) for row in good["calibration"]["heights"]]
    heights[1][3], heights[1][4] = 0.9, 0.1
    cases = {
        "falling": {"calibration": {**good["calibration"], "heights": heights}},
        "ragged": {"calibration": {**good["calibration"], "heights": [[0.0, 1.0], [0.0]]}},
        "levels": {"calibration": {**good["calibration"], "levels": [1.0]}},
        "map": {"calibration": {}},
        "negative": {"weights": [1.5, -0.5, 0.0]},
        "nan": {"weights": [float("nan"), 0.5, 0.5]},
        "none": {"members": [], "weights": []},
        "short": {"weights": [1.0]},
    }
    return good | cases[str(changes["case"])]


@pytest.mark.parametrize("case", ["falling", "ragged", "levels", "map", "negative", "nan", "none", "short"])
def test_what_is_not_a_pool_is_refused(case: str) -> None:
    with pytest.raises(ModelError, match="pool"):
        LearnedPool.from_json(broken(case=case))
