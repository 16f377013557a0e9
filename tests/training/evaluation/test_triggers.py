"""Acting on a threshold: counts of a hand-made record, the oracle of a plain loop, and a forecaster who knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from make_records import make_record

from harmattan.training.evaluation.triggers import TRIGGER_CHANCES, contingency, trigger_table
from harmattan.training.margins import negative_binomial
from harmattan.training.record import PastErrors, Record

MONTHS, REGIONS, DRAWS = 60, 6, 200
COUNTRIES = ("AAA",) * 3 + ("BBB",) * 3


def records() -> list[Record]:
    """A forecaster who knows every margin, over three months ahead."""
    rng, mean = np.random.default_rng(5), np.array([6.0, 2.0, 0.5, 1.0, 0.2, 3.0])
    law = negative_binomial(mean, np.full(REGIONS, 1.5))
    series = rng.negative_binomial(1.5, 1.5 / (1.5 + mean), (MONTHS + 16, REGIONS)).astype(float)
    origins = tuple(pd.period_range("2012-01", periods=MONTHS, freq="M"))
    nothing = PastErrors(origins, np.zeros((MONTHS, REGIONS)), np.zeros((MONTHS, REGIONS)))
    history = np.stack([series[i : i + 12] for i in range(MONTHS)])
    drawn = np.broadcast_to(law.stratified(DRAWS), (MONTHS, DRAWS, REGIONS))
    return [
        replace(
            make_record(months=20),
            horizon=h,
            origins=origins,
            region_ids=tuple(f"r{i}" for i in range(REGIONS)),
            countries=COUNTRIES,
            observed=series[12 + h - 1 : 12 + h - 1 + MONTHS],
            history=history,
            errors=nothing,
            wait=h,
            pool=drawn,
        )
        for h in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return (
        trigger_table(records(), 5, 3, np.random.default_rng(1))
        .set_index(["place", "state", "chance"])
        .sort_index()
    )


def test_what_came_is_counted_as_a_plain_loop_counts_it(table: pd.DataFrame) -> None:
    each = records()
    came = new = months = 0
    for t in range(MONTHS):
        for r in range(REGIONS):
            sums = np.cumsum([rec.observed[t, r] for rec in each])
            came += sums[-1] >= 5
            before = each[0].history[t, -3:, r].sum() >= 5
            new += (not before) and sums[-1] >= 5
            months += before
    for level in TRIGGER_CHANCES:
        row = table.loc[("regions", "any", level)]
        assert row["hits"] + row["misses"] == came
        assert row["cases"] == MONTHS * REGIONS
        row = table.loc[("regions", "not yet", level)]
        assert row["hits"] + row["misses"] == new
        assert row["cases"] == MONTHS * REGIONS - months
    by = table.xs("any", level="state").xs(0.3, level="chance")
    assert by.loc[["AAA", "BBB"], "hits"].sum() == by.loc["regions", "hits"]
    assert by.loc[["total AAA", "total BBB"], "cases"].sum() == by.loc["countries", "cases"] == 2 * MONTHS


def test_a_lower_chance_finds_more_and_cries_wolf_more(table: pd.DataFrame) -> None:
    rows = table.loc[("regions", "any")].sort_index()
    assert rows["hits"].is_monotonic_decreasing
    assert rows["false_alarms"].is_monotonic_decreasing
    assert rows["warning"].between(1, 3).all()


def test_acting_on_a_calibrated_chance_pays_where_theory_says(table: pd.DataFrame) -> None:
    # Who knows the chances pays least by acting where they exceed cost : loss, so that ratio lies between the ends.
    for level in TRIGGER_CHANCES:
        row = table.loc[("regions", "any", level)]
        assert row["pays_from"] <= level <= row["pays_to"]


def test_the_cheapest_choice_changes_at_the_ends() -> None:
    rng = np.random.default_rng(2)
    chance = rng.random(4000)
    happened = rng.random(4000) < chance
    found = contingency(happened, chance, 0.4)

    def costs(ratio: float) -> tuple[float, float, float]:
        act = ratio * (found["hits"] + found["false_alarms"]) + found["misses"]
        return act, float(happened.sum()), ratio * len(chance)

    for ratio in (found["pays_from"] + 0.01, 0.4, found["pays_to"] - 0.01):
        act, never, always = costs(ratio)
        assert act < min(never, always)
    for ratio in (found["pays_from"] - 0.01, found["pays_to"] + 0.01):
        act, never, always = costs(ratio)
        assert act > min(never, always)


def test_a_month_that_is_missing_is_an_error() -> None:
    with pytest.raises(ValueError, match="months 1 to 3 ahead"):
        trigger_table([r for r in records() if r.horizon != 2], 5, 3, np.random.default_rng(1))
