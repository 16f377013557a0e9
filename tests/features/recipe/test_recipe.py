"""A recipe prints, hashes, travels through files, and refuses what it cannot do by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import (
    ConfigError,
    HarmattanError,
    RegionError,
    SchemaError,
    SourceError,
    UsageError,
)
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.features import (
    Active,
    Calendar,
    Country,
    Ewm,
    Lag,
    MonthsSince,
    NearestActive,
    Neighbours,
    Recipe,
    Share,
    Spells,
    Static,
    Sum,
    Trend,
)
from harmattan.features.recipe.file import TERMS


@pytest.fixture(scope="module")
def panel(make_panel: Callable[..., Panel]) -> Panel:
    return make_panel(3, months=80)


def raised(make: Callable[[], object]) -> HarmattanError:
    with pytest.raises(HarmattanError) as caught:
        make()
    return caught.value


def test_a_recipe_prints_as_a_table() -> None:
    text = str(Recipe([Lag(3), Neighbours(of=Sum(6), across_border=True), Calendar("month")]))
    assert text.splitlines() == [
        "name                 unit                     family             latest month",
        "events_lag3          events                   own history        t-3",
        "abroad1_events_sum6  events                   across the border  t",
        "month_of_year        month of the year, 1-12  calendar           none",
    ]


def test_names_of_the_default_recipe_are_stable() -> None:
    names = Recipe.default().names
    assert len(names) == len(set(names))
    assert 40 <= len(names) <= 60
    assert {"events_lag0", "events_sum12", "events_ewm3", "months_since_events"} <= set(names)


EVERY = Recipe([("mine", TERMS[name]()) if name != "Function" else Lag(2) for name in ["Lag"]]) + [
    TERMS[name]() for name in TERMS if name not in ("Lag", "Function")
]


@pytest.mark.parametrize("recipe", [Recipe.default(), EVERY], ids=["default", "every term"])
def test_a_recipe_survives_toml_and_json(recipe: Recipe) -> None:
    for back in (Recipe.from_toml(recipe.to_toml()), Recipe.from_json(recipe.to_json())):
        assert back == recipe
        assert back.digest() == recipe.digest()


def test_the_digest_tells_recipes_apart_and_is_the_same_everywhere() -> None:
    one = Recipe([Lag(1), Neighbours(of=Ewm(3.0), across_border=True)])
    assert one.digest() == "e28a2e41cbf5d2532d3298a47aca4e60c58680069933285a1b929d0f404fbc48"
    others = [
        Recipe([Lag(2), Neighbours(of=Ewm(3.0), across_border=True)]),
        Recipe([Lag(1), Neighbours(of=Ewm(3.0), across_border=False)]),
        Recipe([Neighbours(of=Ewm(3.0), across_border=True), Lag(1)]),
        Recipe([("other", Lag(1)), Neighbours(of=Ewm(3.0), across_border=True)]),
    ]
    assert len({one.digest(), *(r.digest() for r in others)}) == 5


def test_whole_and_broken_half_lives_are_one(tmp_path: Path) -> None:
    assert Recipe([Ewm(3)]) == Recipe([Ewm(3.0)])
    assert Recipe([Ewm(3)]).digest() == Recipe([Ewm(3.0)]).digest()


def test_a_feature_of_ones_own_is_a_function_and_a_line(panel: Panel) -> None:
    recipe = Recipe([Lag(0)]).add("squared", lambda p: p.measure("events") ** 2, unit="events^2")
    cube = recipe.build(panel)
    np.testing.assert_array_equal(cube.feature("squared"), cube.feature("events_lag0") ** 2)
    assert recipe.table().loc[1, "unit"] == "events^2"


def test_a_feature_of_ones_own_comes_back_with_its_function() -> None:
    def squared(p: Panel) -> np.ndarray:
        return p.measure("events") ** 2

    for latest in (0, 2, None):
        recipe = Recipe([Lag(0)]).add("squared", squared, latest=latest)
        assert Recipe.from_toml(recipe.to_toml(), {"squared": squared}) == recipe
    error = raised(lambda: Recipe.from_toml(recipe.to_toml()))
    assert "'squared' is a function of one's own" in error.message


def test_select_and_without() -> None:
    recipe = Recipe([Lag(0), Lag(1), Sum(3)])
    assert recipe.select(["events_sum3", "events_lag0"]).names == ("events_sum3", "events_lag0")
    assert recipe.without(["events_lag0"]).names == ("events_lag1", "events_sum3")
    assert "Did you mean 'events_lag0'?" in raised(lambda: recipe.without(["event_lag0"])).message


def test_two_features_of_one_name_are_refused() -> None:
    assert "called 'events_lag1'" in raised(lambda: Recipe([Lag(1), Lag(1)])).message


def test_names_of_the_long_table_are_taken() -> None:
    assert "can be called 'month'" in raised(lambda: Recipe([("month", Lag(1))])).message


BAD_SETTINGS = {
    "half-life of 0": (lambda: Ewm(0), "the half-life is 0. Give a number above 0."),
    "half-life of NaN": (lambda: Ewm(float("nan")), "the half-life is nan."),
    "window of 0": (lambda: Sum(0), "the window is 0. Give a whole number of months, 1 or more."),
    "window of 1.5": (lambda: Sum(1.5), "the window is 1.5."),
    "lag of -1": (lambda: Lag(-1), "the lag is -1. Give a whole number of months, 0 or more."),
    "trend": (lambda: Trend(12, 3), "the long window is 3."),
    "order": (lambda: Neighbours(order=3), "the order of neighbours is 3. Give 1 or 2."),
    "side": (lambda: Neighbours(across_border="yes"), "across_border is 'yes'."),
    "inner": (lambda: Neighbours(of="events"), "Neighbours is made of 'events'. Give a term"),
    "calendar": (lambda: Calendar("mnth"), "no calendar feature 'mnth'. Did you mean 'month'?"),
    "threshold": (lambda: MonthsSince(at_least=-1), "the threshold is -1. Give a number above 0."),
    "threshold of a share": (lambda: Active(at_least="x"), "the threshold is 'x'."),
    "spells": (lambda: Spells(quiet=0), "the quiet time before a spell is 0."),
    "distance": (lambda: NearestActive(measured_in="miles"), "measured_in is 'miles'."),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_bad_setting_is_named(case: str) -> None:
    make, text = BAD_SETTINGS[case]
    error = raised(make)
    assert isinstance(error, ConfigError)
    assert text in error.message


BAD_FILES = {
    "misspelled key": (
        "[[feature]]\nterm = 'Sum'\nwindw = 3",
        "feature 1: unknown key 'windw' for Sum. Did you mean 'window'?",
    ),
    "misspelled term": ("[[feature]]\nterm = 'Sun'", "unknown term 'Sun'. Did you mean 'Sum'?"),
    "no term": ("[[feature]]\ntrem = 'Sum'", "no 'term' among ['trem']. Did you mean 'term'?"),
    "misspelled table": ("[[featur]]\nterm = 'Sum'", "unknown key 'featur'. Did you mean 'feature'?"),
    "not a list": ("feature = 3", "'feature' is not a list of tables."),
    "text for a number": ("[[feature]]\nterm = 'Sum'\nwindow = 'three'", "window is 'three'."),
    "truth for a number": ("[[feature]]\nterm = 'Sum'\nwindow = true", "window is True."),
    "bad value": ("[[feature]]\nterm = 'Ewm'\nhalf_life = 0", "feature 1: the half-life is 0."),
    "inner key": (
        "[[feature]]\nterm = 'Neighbours'\nof = { term = 'Ewm', halflife = 3 }",
        "feature 1, of: unknown key 'halflife' for Ewm. Did you mean 'half_life'?",
    ),
    "optional": ("[[feature]]\nterm = 'Sum'\noptional = 1", "optional is 1."),
    "name": ("[[feature]]\nterm = 'Sum'\nname = 1", "the name is 1."),
    "not TOML": ("[[feature", "this is not TOML"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_named(case: str, tmp_path: Path) -> None:
    text, message = BAD_FILES[case]
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    error = raised(lambda: Recipe.read(path))
    assert isinstance(error, ConfigError)
    assert error.message.startswith(str(path))
    assert message in error.message


def test_files_that_are_not_there_or_not_recipes(tmp_path: Path) -> None:
    assert isinstance(raised(lambda: Recipe.read(tmp_path / "none.toml")), SourceError)
    assert "Give a .toml or .json file." in raised(lambda: Recipe.read(tmp_path / "recipe.yaml")).message
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert "this is not JSON" in raised(lambda: Recipe.read(tmp_path / "broken.json")).message
    (tmp_path / "list.json").write_text(json.dumps([1]), encoding="utf-8")
    assert "a recipe is a table" in raised(lambda: Recipe.read(tmp_path / "list.json")).message


def test_an_unknown_measure_is_named_with_the_nearest(panel: Panel) -> None:
    error = raised(lambda: Recipe([Lag(0, of="deaths_bst")]).build(panel))
    assert isinstance(error, SchemaError)
    assert error.where == "feature 'deaths_bst_lag0'"
    assert error.message.endswith("Did you mean 'deaths_best'?")
    inner = raised(lambda: Recipe([Neighbours(of=Sum(3, of=Ewm(2.0, of="evnts")))]).build(panel))
    assert "Did you mean 'events'?" in inner.message


def test_a_short_name_finds_its_type_or_group(panel: Panel) -> None:
    cube = Recipe([Share("jnim", 6), Share("events_jnim", 6)]).build(panel)
    np.testing.assert_array_equal(cube.values[:, :, 0], cube.values[:, :, 1])


def test_a_window_longer_than_the_history_is_refused(panel: Panel) -> None:
    error = raised(lambda: Recipe([Sum(81)]).build(panel))
    assert error.message == (
        "feature 'events_sum81': looks back 81 months, but the panel has 80. Shorten it, or bring a longer history."
    )
    assert Recipe([Sum(80)]).build(panel).shape[2] == 1


def test_neighbours_without_links_are_refused(panel: Panel) -> None:
    alone = replace(panel, links=None)
    error = raised(lambda: Recipe([Neighbours(of=Ewm(3.0))]).build(alone))
    assert isinstance(error, UsageError)
    assert "this panel has no links" in error.message
    assert Recipe([Country(of=Ewm(3.0))]).build(alone).shape[2] == 1


def test_a_link_to_a_stranger_is_named(panel: Panel) -> None:
    links = panel.links.assign(region_b=panel.links["region_b"].replace("AAA-2", "AAA-22"))
    error = raised(lambda: Recipe([Neighbours()]).build(replace(panel, links=links)))
    assert isinstance(error, RegionError)
    assert "'AAA-22', which is not in the panel. Did you mean 'AAA-2'?" in error.message


def test_the_default_goes_without_what_a_panel_lacks_and_says_so(panel: Panel) -> None:
    bare = replace(panel, links=None, measures={"events": panel.measures["events"]})
    cube = Recipe.default().build(bare)
    reasons = dict(cube.dropped)
    assert "no measure 'late_events'" in reasons["late_events_lag0"]
    assert "no links" in reasons["abroad1_events_ewm3"]
    assert set(cube.names) | set(reasons) == set(Recipe.default().names)
    assert Recipe.default().served(bare)[0].names == cube.names
    assert raised(lambda: Recipe.default().build(bare, missing="raise")).where.startswith("feature ")


def test_groups_of_the_shipped_theatre_are_features_of_no_other(panel: Panel) -> None:
    here = load_snapshot().panel
    assert Recipe.default(panel=here).digest() == Recipe.default().digest()
    assert Recipe.usual(here).digest() == Recipe.default().served(here)[0].digest()
    theirs = {"events": panel.measures["events"], "events_lra": panel.measures["events"]}
    elsewhere = replace(panel, measures=theirs)
    told = [
        *Recipe.usual(elsewhere).names,
        *(f"{n} {why}" for n, why in Recipe.default(panel=elsewhere).build(elsewhere).dropped),
    ]
    assert not [text for text in told if "jnim" in text or "islamic_state" in text]
    assert not [name for name in Recipe.usual(elsewhere).names if "lra" in name]


def test_missing_drop_and_raise_overrule_each_feature(panel: Panel) -> None:
    cube = Recipe([Lag(0), Lag(0, of="nothing")]).build(panel, missing="drop")
    assert cube.names == ("events_lag0",)
    assert [name for name, _ in cube.dropped] == ["nothing_lag0"]
    assert "missing='skip'" in raised(lambda: Recipe([Lag(0)]).build(panel, missing="skip")).message


def test_static_tables_are_checked(panel: Panel) -> None:
    table = panel.attrs["static"]
    bare = replace(panel, attrs={})
    recipe = Recipe([Static("population")])
    assert "none was given" in raised(lambda: recipe.build(bare)).message
    assert recipe.build(bare, static=table).shape[2] == 1
    assert "Did you mean 'population'?" in raised(lambda: Recipe([Static("popluation")]).build(panel)).message
    renamed = table.replace({"AAA-2": "AAA-02"})
    error = raised(lambda: recipe.build(bare, static=renamed))
    assert isinstance(error, RegionError)
    assert "misses 1 regions of 9: AAA-2." in error.message
    assert "Did you mean 'AAA-02'?" in error.message
    assert "twice" in raised(lambda: recipe.build(bare, static=pd.concat([table, table.iloc[:1]]))).message
    assert "'region_id'" in raised(lambda: recipe.build(bare, static=table.drop(columns="region_id"))).message


def test_a_function_that_fails_is_named(panel: Panel) -> None:
    error = raised(lambda: Recipe([]).add("mine", lambda p: 1 / 0).build(panel))
    assert error.message.startswith("feature 'mine': the function raised ZeroDivisionError")
    shape = raised(lambda: Recipe([]).add("mine", lambda p: np.zeros(3)).build(panel))
    assert "returned an array of shape (3,), the panel has (80, 9)" in shape.message


def test_what_is_not_a_panel_is_refused() -> None:
    assert "a dict is no table" in raised(lambda: Recipe([Lag(0)]).build({"events": 1})).message
