"""Output checks: what is incomplete or of an impossible size is not published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from harmattan.forecast.publishing.checks import problems_of
from harmattan.forecast.result import ForecastResult
from harmattan.training.distribution import Draws


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result()


def with_events(result: ForecastResult, **changes: object) -> ForecastResult:
    return replace(result, draws={**result.draws, "events": replace(result.draws["events"], **changes)})  # type: ignore[arg-type]


def times(draws: Draws, factor: float) -> Draws:
    return replace(draws, values=np.round(draws.values * factor).astype(np.int32))


def test_a_plausible_forecast_has_no_problem(result: ForecastResult) -> None:
    assert problems_of(result) == ()
    assert problems_of(result, result.draws) == ()


def test_a_number_that_is_none(result: ForecastResult) -> None:
    mean = result.draws["events"].mean().copy()
    mean[1, 2] = np.nan
    assert problems_of(with_events(result, analytic_mean=mean)) == (
        "1 expected events of regions are no numbers.",
    )


def test_a_negative_count(result: ForecastResult) -> None:
    mean = result.draws["events"].mean().copy()
    mean[0, 0] = -0.1
    assert problems_of(with_events(result, analytic_mean=mean)) == (
        "Some expected events of regions are negative.",
    )


def test_a_missing_region(result: ForecastResult) -> None:
    events = result.draws["events"]
    less = with_events(result, values=events.values[:, :, 1:], region_ids=events.region_ids[1:])
    assert problems_of(less) == (f"Events are not forecast for every region: {events.region_ids[0]}.",)


def test_a_missing_month(result: ForecastResult) -> None:
    events = result.draws["events"]
    less = with_events(result, values=events.values[:, :5], horizons=events.horizons[:5])
    assert problems_of(less) == ("Events of regions are forecast for other months than asked for.",)


def test_a_missing_target(result: ForecastResult) -> None:
    asked = replace(
        result, settings={"targets": ["events", "deaths"]}, draws={"events": result.draws["events"]}
    )
    assert problems_of(asked) == ("Forecast were events, asked for events, deaths.",)


def test_totals_above_the_last_year(result: ForecastResult) -> None:
    found = problems_of(replace(result, draws={"events": times(result.draws["events"], 30)}))
    assert "events are expected in all regions in 2024-01, where the last 12 months had" in found[0]


def test_totals_below_the_last_year(result: ForecastResult) -> None:
    measures = {name: 3 * values for name, values in result.panel.measures.items()}
    louder = replace(result, panel=replace(result.panel, measures=measures))
    assert problems_of(louder) == ()
    found = problems_of(replace(louder, draws={"events": times(result.draws["events"], 0)}))
    assert found[0].startswith("0 events are expected in all regions in 2024-01")


def test_one_country_alone_is_seen(result: ForecastResult) -> None:
    values = result.draws["events"].values.copy()
    mali = np.array(result.panel.countries) == "BEN"
    values[:, :, mali] += 15
    found = problems_of(with_events(result, values=values))
    assert [" in BEN in " in problem for problem in found] == [True]


def test_totals_unlike_the_last_release(result: ForecastResult) -> None:
    before = {"events": times(result.draws["events"], 0.05)}
    assert problems_of(result, before)[0].endswith(
        f"events are expected in 2024-01, where the last release expected {before['events'].mean()[0].sum():.0f}."
    )


def test_other_months_and_regions_are_not_compared(result: ForecastResult) -> None:
    events = times(result.draws["events"], 0.05)
    assert problems_of(result, {"events": replace(events, origin=events.origin - 60)}) == ()
    elsewhere = replace(events, region_ids=tuple(f"X-{r}" for r in events.region_ids))
    assert problems_of(result, {"events": elsewhere}) == ()
