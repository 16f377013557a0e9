"""Scenarios: what may be asked, what is refused, and that the answer is the coupled difference."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_worlds import LADDER, diffusion, ladder_panel, problem_of

from harmattan.data.errors import HarmattanError, OriginError, RegionError, UsageError
from harmattan.forecast.report.pictures import scenario_picture
from harmattan.forecast.settings import Settings
from harmattan.forecast.spillover.scenario import (
    Change,
    effects,
    parse_change,
    plan_from_table,
    plan_of,
    read_paths,
    run_scenario,
)
from harmattan.forecast.spillover.scenario_call import simulate_scenario
from harmattan.forecast.spillover.words import SHOCK_NOTE
from harmattan.training.models.base import Problem


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(ladder_panel(2, 60))


def table_of(
    problem: Problem,
    *texts: str,
    months: int = 4,
    lasting: int = 2,
    paths: int = 400,
    pairs: pd.DataFrame | None = None,
    published: np.ndarray | None = None,
) -> pd.DataFrame:
    changes = [c for text in texts for c in parse_change(text)]
    plan = plan_of(changes, problem.panel, months, lasting)
    model = diffusion(a_to_b=0.6)
    model = model if pairs is None else replace(model, pairs=pairs)
    rng = np.random.default_rng(1)
    return run_scenario(model, problem, problem.panel.months[-1], plan, paths, rng, published)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("AAA-1=2x", Change("AAA-1", "times", 2.0)),
        ("AAA-1=0.5x", Change("AAA-1", "times", 0.5)),
        ("AAA-1=+20", Change("AAA-1", "plus", 20.0)),
        ("AAA-1=0", Change("AAA-1", "level", 0.0)),
        ("AAA-1 = @2012", Change("AAA-1", "year", 2012.0)),
    ],
)
def test_a_change_is_read(text: str, change: Change) -> None:
    assert parse_change(text) == [change]


@pytest.mark.parametrize(
    "text", ["AAA-1", "=2x", "AAA-1=", "AAA-1=many", "AAA-1=+2x", "AAA-1=2xx", "AAA-1=1e5"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a change of a region"):
        parse_change(text)


def test_an_empty_region_is_refused() -> None:
    with pytest.raises(UsageError, match="names a region that is empty"):
        parse_change(",=2")


@pytest.mark.parametrize("text", ["AAA-1=-1", "AAA-1=+-3", "AAA-1=-2x"])
def test_negative_levels_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="negative"):
        parse_change(text)


def test_an_unknown_region_is_named_with_the_nearest(problem: Problem) -> None:
    with pytest.raises(RegionError, match=r"'AAA-11' is not in this panel\. Did you mean 'AAA-1'"):
        table_of(problem, "AAA-11=2x")


def test_a_region_changed_twice_is_refused(problem: Problem) -> None:
    with pytest.raises(UsageError, match="changed twice"):
        table_of(problem, "AAA-1=2x", "AAA-1,AAA-2=0")


def test_a_year_outside_the_data_is_refused(problem: Problem) -> None:
    with pytest.raises(OriginError, match="AAA-1 was not observed in 1990"):
        table_of(problem, "AAA-1=@1990")


def test_a_region_whose_coverage_has_ended_is_refused() -> None:
    observed = np.ones((60, 8), dtype=bool)
    observed[50:, 4:] = False
    panel = ladder_panel(2, 60, observed)
    with pytest.raises(OriginError, match="coverage of BBB-1 has ended"):
        plan_of(parse_change("BBB-1=2x"), panel, 3, 3)


def test_a_year_is_its_mean_month(problem: Problem) -> None:
    plan = plan_of(parse_change("AAA-1=@2002"), problem.panel, 4, 2)
    expected = problem.panel.measure("events")[12:24, 0].mean()
    assert plan.given[:2, 0].tolist() == pytest.approx([expected] * 2)
    assert np.isnan(plan.given[2:, 0]).all()
    assert plan.touched.tolist() == [True] + [False] * 7


def test_more_at_the_source_is_never_less_abroad(problem: Problem) -> None:
    table = table_of(problem, "AAA-2=3x")
    assert (table.path_05 >= 0).all()
    rows = table[(table.level == "region") & (table.month == "all")].set_index("place")
    assert rows.difference["AAA-2"] > 1
    assert rows.difference["BBB-2"] > 0.1
    assert rows.set.tolist() == [place == "AAA-2" for place in rows.index]


def test_silence_is_silence(problem: Problem) -> None:
    table = table_of(problem, "AAA-2=0", lasting=4)
    own = table[(table.place == "AAA-2")]
    assert (own.scenario == 0).all()
    assert (table.difference <= 0).all()


def test_regions_add_up_to_countries_and_months_to_all(problem: Problem) -> None:
    table = table_of(problem, "AAA-1=+5")
    all_months = table[table.month == "all"]
    parts = all_months[all_months.level == "region"].groupby("country")[["baseline", "scenario"]].sum()
    whole = all_months[all_months.level == "country"].set_index("country")[["baseline", "scenario"]]
    pd.testing.assert_frame_equal(parts, whole, check_names=False)
    months = table[table.month != "all"].groupby("place").difference.sum()
    np.testing.assert_allclose(months, all_months.set_index("place").difference[months.index])


def test_no_change_is_no_difference(problem: Problem) -> None:
    table = table_of(problem, "AAA-1=1x")
    assert (table.difference == 0).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("2006-13", "AAA-1", 1), "'2006-13' is not a month"),
        (("2009-01", "AAA-1", 1), "not among the months that are forecast"),
        (("2006-01", "AAA-9", 1), "'AAA-9' is not in this panel"),
        (("2006-01", "AAA-1", -1), "missing or negative"),
        (("2006-01", "AAA-1", "some"), "missing or negative"),
        (("2006-01", "AAA-1", "inf"), "beyond anything that the model has seen"),
    ],
)
def test_a_table_of_paths_is_checked(problem: Problem, row: tuple[object, ...], message: str) -> None:
    table = pd.DataFrame([row], columns=["month", "region_id", "events"])
    with pytest.raises(HarmattanError, match=message):
        plan_from_table(table, problem.panel, 4, "paths.csv")


def test_a_table_of_paths_sets_its_months(problem: Problem) -> None:
    table = pd.DataFrame({"month": ["2006-01", "2006-02"], "region_id": "AAA-3", "events": [4, 0.5]})
    plan = plan_from_table(table, problem.panel, 3)
    assert plan.given[:2, 2].tolist() == [4.0, 0.5]
    with pytest.raises(UsageError, match="given twice"):
        plan_from_table(pd.concat([table, table]), problem.panel, 3)
    with pytest.raises(UsageError, match="column 'events' is missing"):
        plan_from_table(table.drop(columns="events"), problem.panel, 3)


def test_a_missing_file_is_named(tmp_path: object) -> None:
    with pytest.raises(HarmattanError, match="there is no such file"):
        read_paths(tmp_path / "paths.csv")  # type: ignore[operator]


def test_effects_say_what_may_be_said(problem: Problem) -> None:
    def said(declared: bool, distinguishable: bool) -> pd.Series:
        pairs = diffusion().pairs.assign(declared=declared, distinguishable_from_shock=distinguishable)
        pairs = pairs.assign(p_holm=np.where(declared, 0.002, 1.0))
        return effects(table_of(problem, "AAA-2=3x", pairs=pairs)).set_index("place").statement

    assert said(True, False)["BBB-2"] == f"model-attributed; evidence: some. But {SHOCK_NOTE}"
    assert said(True, True)["AAA-1"] == "inside the country"
    assert said(True, True)["BBB-2"] == "model-attributed; evidence: strong"
    assert said(False, False)["BBB-2"] == "model-attributed; evidence: none shown"


def test_python_is_warned_of_what_lies_beyond_the_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    panel = ladder_panel(2, 60)
    panel.to_frame().to_parquet(tmp_path / "panel.parquet")
    panel.links.to_csv(tmp_path / "links.csv", index=False)
    names = {
        "panel": tmp_path / "panel.parquet",
        "links": tmp_path / "links.csv",
        "out": tmp_path / "releases",
    }
    settings, most = Settings.load({**names, "draws": 50}), panel.measure("events")[:, 0].max()
    with caplog.at_level(logging.WARNING, logger="harmattan"):
        simulate_scenario(settings, [f"AAA-1={20 * most:.0f}"], months=1, ahead=1)
    assert f"times its largest ({most:.0f})" in caplog.text


def test_twice_is_twice_the_baseline_month_by_month(problem: Problem) -> None:
    table = table_of(problem, "AAA-2=2x", "AAA-1=+3", months=8, lasting=8, paths=4000)
    own = table[(table.place == "AAA-2") & (table.month != "all")]
    np.testing.assert_allclose(own.scenario / own.baseline, 2.0, rtol=0.1)
    more = table[(table.place == "AAA-1") & (table.month != "all")]
    np.testing.assert_allclose(more.difference, 3.0, atol=0.3)


def test_the_baseline_is_the_published_forecast(problem: Problem) -> None:
    published = np.full((4, 8), 6.0)
    published[:, 5] = 0.01  # far less than the model simulates
    table = table_of(problem, "AAA-2=2x", lasting=4, paths=4000, published=published)
    own = table_of(problem, "AAA-2=2x", paths=4000)
    rows, before = (t[t.level == "region"].set_index(["place", "month"]) for t in (table, own))
    months = rows[rows.index.get_level_values("month") != "all"]
    np.testing.assert_allclose(months.baseline.unstack().to_numpy(), published.T)
    np.testing.assert_allclose(rows.scenario, rows.baseline + rows.difference)
    np.testing.assert_allclose(months.scenario["AAA-2"], 12.0)
    assert (rows.scenario >= 0).all()
    assert 0 < rows.difference["BBB-2", "all"] <= 0.04
    country = table[(table.level == "country") & (table.month == "all")].set_index("place")
    assert country.baseline["AAA"] == pytest.approx(published[:, :4].sum())
    # as before where nothing is published
    assert (before.baseline != 6).all()


def test_the_picture_is_plain_svg(problem: Problem) -> None:
    import xml.etree.ElementTree as ElementTree

    from harmattan.data.simulation import grid_regions

    unshown = diffusion().pairs.assign(declared=False, p_holm=1.0)
    table = table_of(problem, "AAA-2=3x", pairs=unshown)
    bars = ElementTree.fromstring(scenario_picture(table, None))
    assert bars.tag.endswith("svg")
    regions = grid_regions(("AAA", "BBB"), rows=2, columns=2)
    renamed = table.replace({"place": dict(zip(LADDER, regions.region_ids, strict=True))})
    drawn = scenario_picture(renamed, regions)
    assert drawn.count("<path") == 8
    assert "no evidence shown" in drawn
    assert "stroke-dasharray" in drawn
