"""What moved since the last release: parts that add up, and that name what was changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_result import make_result

from harmattan.data.panel import Panel
from harmattan.forecast.outlook import changes_table, shapley, with_outlook
from harmattan.forecast.release import PastRelease, diff_releases, publish_release
from harmattan.forecast.report.rerender import read_result
from harmattan.forecast.result import ForecastResult
from harmattan.training.distribution import Draws

HORIZONS = (1, 2, 3, 4, 5, 6)


def usual_year(panel: Panel, horizons: Sequence[int], model: Mapping[str, Any] | None = None) -> np.ndarray:
    """A real if plain forecaster: each region's last twelve months; the older model looked at six, if it is asked."""
    months = 6 if model and model.get("name") == "half a year" else 12
    if model and model.get("name") == "lost":
        return None  # type: ignore[return-value]
    mean = panel.measure("events")[-months:].mean(axis=0)
    return np.tile(mean, (len(horizons), 1))


def forecast(panel: Panel, model: Mapping[str, Any] | None = None) -> Draws:
    mean = usual_year(panel, HORIZONS, model)
    values = np.random.default_rng(1).poisson(mean, (50, *mean.shape)).astype(np.int32)
    return Draws(values, panel.last_month, HORIZONS, panel.region_ids, "events", mean)


def releases(
    older: str = "a year", revised: str = "", digest: str = "same"
) -> tuple[ForecastResult, PastRelease]:
    """This month's forecast, and last month's: by another model, and before a region was revised, on request."""
    result = make_result()
    then = result.panel.until("2023-11")
    if revised:
        events = then.measure("events").copy()
        events[-4, then.region_ids.index(revised)] += 12
        then = dataclasses.replace(then, measures={**then.measures, "events": events})
    name = {"name": older, "digest": digest}
    past = PastRelease("2023-11", {"events": forecast(then, {"name": older})}, then, {"model": name})
    now = dataclasses.replace(
        result,
        draws={"events": forecast(result.panel)},
        model={"name": "a year", "digest": "same"},
        again=usual_year,
    )
    return now, past


def test_the_parts_add_up_in_every_place() -> None:
    table = changes_table(*releases("half a year", "MLI-north", "other"))
    assert len(table) == 1 + 4 + 14
    assert np.allclose(table["after"] - table["before"], table["change"])
    assert np.allclose(table[["new_month", "revisions", "model"]].sum(axis=1), table["change"])
    regions = table[table["level"] == "region"]
    whole = table[table["level"] == "all"].iloc[0]
    for name in ("before", "after", "new_month", "revisions", "model"):
        assert regions[name].sum() == pytest.approx(whole[name])
    assert set(table["order"]) == {"every order"}
    assert (whole["from_month"], whole["to_month"]) == ("2024-01", "2024-03")


def test_a_revision_is_named_where_it_was_made_and_nowhere_else() -> None:
    table = changes_table(*releases(revised="MLI-north")).set_index("location")
    # Twelve events too many in one of twelve months, over three months ahead.
    assert table.loc["MLI-north", "revisions"] == pytest.approx(-3.0)
    assert np.allclose(table.loc[table["level"] == "region", "revisions"].drop("MLI-north"), 0)
    assert np.allclose(table["model"], 0)


def test_the_new_month_alone_did_what_forecasting_again_says() -> None:
    now, past = releases()
    table = changes_table(now, past).set_index("location")
    counts = now.panel.measure("events")
    moved = 3 * (counts[-12:].mean(axis=0) - counts[-13:-1].mean(axis=0))
    assert np.allclose(table.loc[list(now.panel.region_ids), "new_month"], moved)
    assert np.allclose(table[["revisions", "model"]], 0)


def test_a_model_that_is_gone_is_taken_first_and_the_table_says_so() -> None:
    now, past = releases("half a year", digest="other")
    lost = dataclasses.replace(past, manifest={"model": {"name": "lost", "digest": "other"}})
    table = changes_table(now, lost)
    assert set(table["order"]) == {"model first"}
    assert np.allclose(table[["new_month", "revisions", "model"]].sum(axis=1), table["change"])
    counts = now.panel.until("2023-11").measure("events")
    swapped = 3 * (counts[-12:].mean(axis=0) - counts[-6:].mean(axis=0))
    assert np.allclose(table.set_index("location").loc[list(now.panel.region_ids), "model"], swapped)


def test_the_comparison_of_two_releases_says_the_same(tmp_path: Path) -> None:
    now, past = releases(revised="MLI-north")
    then = past.history
    assert then is not None
    draws = past.draws["events"]
    first = dataclasses.replace(
        now,
        origin=then.last_month,
        panel=then,
        draws={"events": draws},
        countries={"events": draws.total(then.countries)},
        spillover=now.spillover.head(0),
        judged=now.judged.head(0),
        again=None,
    )
    second = dataclasses.replace(now, countries={"events": now.draws["events"].total(now.panel.countries)})
    publish_release(with_outlook(first), "<p>first</p>", tmp_path)
    published = with_outlook(second, past)
    publish_release(published, "<p>second</p>", tmp_path)
    found = diff_releases(tmp_path / "2023-11", tmp_path / "2023-12")
    assert found.parts is not None
    assert found.parts["location"].tolist() == published.changes["location"].tolist()
    for name in ("before", "after", "new_month", "revisions", "model"):
        assert np.allclose(found.parts[name], published.changes[name], atol=1e-6)
    # What it calls a mover moved as much, spread over the months that both reach.
    mover = found.movers[found.movers["target"] == "events"].set_index("location")["change"]
    mine = published.changes.set_index("location")["change"]
    assert np.allclose(3 * mover[list(now.panel.region_ids)], mine[list(now.panel.region_ids)], atol=1e-4)
    assert read_result(tmp_path / "2023-12").changes["release"].unique().tolist() == ["2023-11"]


def test_shares_are_the_mean_over_every_order() -> None:
    rng = np.random.default_rng(3)
    names = ("a", "b", "c")
    known = {frozenset(s): rng.normal(size=2) for k in range(4) for s in permutations(names, k)}
    found = shapley(lambda s: known[s], names)
    for name in names:
        steps = [
            known[frozenset(order[: order.index(name) + 1])] - known[frozenset(order[: order.index(name)])]
            for order in permutations(names)
        ]
        assert np.allclose(found[name], np.mean(steps, axis=0))


def test_without_an_earlier_release_or_a_common_month_there_is_no_table() -> None:
    now, past = releases()
    assert changes_table(now, None).empty
    assert changes_table(dataclasses.replace(now, again=None), past).empty
    old = dataclasses.replace(now.panel.until("2023-02"))
    assert changes_table(now, PastRelease("2023-02", {"events": forecast(old)}, old)).empty
