"""What a pool learns from scored origins: as in a back-test, and the same after text and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from make_records import make_margins, make_record, record_from
from small_worlds import ladder_panel, problem_of

from harmattan.data.errors import ModelError
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.margins import Margins, mix
from harmattan.training.pool.fitted import fit_pool
from harmattan.training.pool.learning import FEWEST, LearnedPool, Learner, learn_pool
from harmattan.training.record import Record

MEMBERS = ["conflictology_12", "twice", "pool"]


def record_of(months: int, missing: bool = False) -> Record:
    """A record whose pool of three has learned as in a back-test, one month at a time."""
    return make_record(months=months, missing=missing, regions=8, pooled=MEMBERS)


def first(record: Record, months: int) -> Record:
    """The record as it stood some months after its start."""
    return replace(record, observed=record.observed[:months], scored=record.scored[:months])


@pytest.mark.parametrize("missing", [False, True])
def test_it_learns_what_the_back_test_would_use_at_its_next_origin(missing: bool) -> None:
    longer = record_of(41, missing)
    learned = learn_pool(first(longer, 40))
    assert list(learned.weights) == MEMBERS
    assert list(learned.weights.values()) == longer.weights["weight"].tolist()[-3:]
    learner = Learner(3, wait=1)
    for origin in longer.scored[:40]:
        learner.add(origin)
    state = learner.now()
    each = last_margins(41)
    expected = state.calibration.apply(mix(list(each.values()), state.weights))
    assert learned.apply(each).cdf.tobytes() == expected.cdf.tobytes()
    assert learned.origins == 40


def test_an_origin_counts_once_its_outcome_is_known() -> None:
    record = record_of(30)
    late, soon = Learner(3, wait=4), Learner(3, wait=1)
    for origin in record.scored:
        late.add(origin)
    for origin in record.scored[:-3]:
        soon.add(origin)
    assert late.now().weights.tobytes() == soon.now().weights.tobytes()
    assert Learner(3, wait=1, learns=False).now().weights.tolist() == [1 / 3] * 3


def test_what_a_short_record_has_learned_nothing_of_it_leaves_out() -> None:
    panel = ladder_panel(1, 70)
    origins = panel.months[27], panel.months[28]
    short, longer = (
        run_backtest(problem_of(panel), at, (2,), members=["exponential_nb", "conflictology_12"], draws=50)[0]
        for at in (origins, panel.months[61:63])
    )
    # 28 months: too few origins to learn from, and models that have seen next to nothing do not count.
    assert short.weights["weight"].tolist() == [0.0, 1.0] * 2
    assert list(learn_pool(short).weights.values()) == [0.0, 1.0]
    assert (longer.weights["weight"] > 0).all()
    pool = fit_pool(problem_of(panel), panel.months[40], 2, ["exponential_nb", "conflictology_12"])
    assert pool.shares == {"exponential_nb": 0.0, "conflictology_12": 1.0}


def last_margins(months: int) -> dict[str, Margins]:
    margins, _, _ = make_margins(months=months, regions=8)
    return {n: margins[n][-1] for n in MEMBERS}


def test_too_few_origins_teach_nothing() -> None:
    learned = learn_pool(record_of(FEWEST - 1))
    assert learned.calibration is None
    assert set(learned.weights.values()) == {1 / 3}
    each = last_margins(FEWEST - 1)
    expected = mix(list(each.values()), np.full(3, 1 / 3))
    assert learned.apply(each).cdf.tobytes() == expected.cdf.tobytes()


def test_an_unobserved_month_teaches_nothing() -> None:
    margins, observed, history = make_margins(months=30, regions=8)
    observed[[3, 9]] = np.nan
    some = record_from(margins, observed, history, MEMBERS)
    assert [i for i, x in enumerate(some.scored) if x is None] == [3, 9]
    kept = [i for i in range(30) if i not in (3, 9)]
    one, two = (learn_pool(replace(some, scored=s)) for s in (some.scored, [some.scored[i] for i in kept]))
    assert one.weights == two.weights
    assert one.origins == two.origins == 28
    assert one.calibration.heights.tobytes() == two.calibration.heights.tobytes()


@pytest.mark.parametrize("months", [FEWEST - 1, 40])
def test_text_and_back_changes_no_bit(months: int) -> None:
    learned = learn_pool(record_of(months))
    again = LearnedPool.from_json(json.loads(json.dumps(learned.to_json(), sort_keys=True)))
    assert again.to_json() == learned.to_json()
    each = last_margins(months)
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
