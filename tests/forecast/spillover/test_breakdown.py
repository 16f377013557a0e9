"""Answers about spillover: they add up, chains pass both borders, groups share what their country exports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_worlds import diffusion, ladder_panel, panel_of, problem_of

from harmattan.data.errors import SchemaError
from harmattan.forecast.spillover.breakdown import (
    ModelAtOrigin,
    by_group,
    by_region,
    chains,
    exact_answers,
    routes,
)
from harmattan.forecast.spillover.stress import COLUMNS, stress_response
from harmattan.forecast.spillover.words import SHOCK_NOTE, share_statement
from harmattan.training.diffusion.border_signal import GRADES
from harmattan.training.diffusion.model import Alternatives, Diffusion
from harmattan.training.diffusion.simulation import mean_paths
from harmattan.training.models.excitation import border_weights

IDS = ("AAA-1", "AAA-2", "BBB-1", "BBB-2", "CCC-1", "CCC-2")


@pytest.fixture(scope="module")
def view() -> ModelAtOrigin:
    problem = problem_of(ladder_panel(2, 60))
    return ModelAtOrigin.at(diffusion(a_to_b=0.6, b_to_a=0.2), problem, problem.panel.months[-1])


def three_countries(a_to_b: float = 0.5, b_to_c: float = 0.5) -> ModelAtOrigin:
    """A chain of countries: A2 - B1 and B2 - C1 across borders."""
    steps = [(0, 1), (2, 3), (4, 5), (1, 2), (3, 4)]
    links = pd.DataFrame(
        {
            "region_a": [IDS[a] for a, _ in steps],
            "region_b": [IDS[b] for _, b in steps],
            "border_km": 100.0,
            "crosses_border": [IDS[a][:3] != IDS[b][:3] for a, b in steps],
        }
    )
    events = np.random.default_rng(4).poisson([4, 4, 1, 1, 0.2, 0.2], size=(60, 6))
    panel = panel_of(events, ids=IDS, links=links)
    of, gamma = np.array(panel.countries), np.zeros((6, 6))
    gamma[np.ix_(of == "BBB", of == "AAA")] = a_to_b
    gamma[np.ix_(of == "CCC", of == "BBB")] = b_to_c
    far = border_weights(panel, crossing=True)
    pairs = pd.DataFrame(
        {
            "source_country": ["AAA", "BBB", "BBB", "CCC"],
            "target_country": ["BBB", "CCC", "AAA", "BBB"],
            "coefficient": [a_to_b, b_to_c, 0.0, 0.0],
            "declared": [True, True, False, False],
        }
    )
    around = np.random.default_rng(6).uniform(0.5, 1.5, size=(40, 2))
    model = replace(
        diffusion(),
        endemic=np.full(6, 0.2),
        own=np.full(6, 0.3),
        domestic=0.2 * border_weights(panel, crossing=False),
        across=gamma * far,
        pairs=pairs,
        countries=panel.countries,
        border=far,
        phi=0.2,
        alternatives=Alternatives(
            endemic=0.2 * around[:, [0] * 6],
            own=0.3 * around[:, [0, 1, 1]],
            phi=0.2 * around[:, 1],
            across=np.hstack([around * [a_to_b, b_to_c], np.zeros((40, 2))]),
        ),
    )
    problem = problem_of(panel)
    return ModelAtOrigin.at(model, problem, panel.months[-1])


def test_direct_flows_along_routes_add_up_to_what_crosses(view: ModelAtOrigin) -> None:
    table = routes(view, [3])
    _, lags = mean_paths(view.model, view.states, 3)
    crossing = (view.model.across * lags.sum(axis=0)).sum()
    assert table.events.sum() == pytest.approx(crossing)
    np.testing.assert_allclose(table.groupby(["source_country", "target_country"]).share_of_border.sum(), 1.0)
    linked = {frozenset(p) for p in view.problem.panel.links[["region_a", "region_b"]].to_numpy().tolist()}
    assert {frozenset(p) for p in table[["source_region", "target_region"]].to_numpy().tolist()} <= linked


def test_one_month_ahead_single_regions_add_up_to_their_country(view: ModelAtOrigin) -> None:
    """Over one month nothing passes two borders, so cutting regions one by one is cutting the country."""
    single = by_region(view, [1]).groupby(["source_country", "target_region"]).events.sum()
    for source in ("AAA", "BBB"):
        whole = view.expected(view.model, 1) - view.expected(view.model.cut(source), 1)
        for region, value in single[source].items():
            assert value == pytest.approx(whole[list(view.ids).index(region)])


def test_groups_add_up_to_what_their_country_exports(view: ModelAtOrigin) -> None:
    table = by_group(view, [3])
    crossing = view.expected(view.model, 3) - view.expected(view.model.cut("AAA"), 3)
    found = table[table.source_country == "AAA"].groupby("target_region").events.sum()
    for region, value in found.items():
        assert value == pytest.approx(crossing[list(view.ids).index(region)])
    assert {"JNIM", "other", "new events"} <= set(table.group)


def test_without_armed_groups_there_is_no_answer_by_group() -> None:
    seen = three_countries()
    with pytest.raises(SchemaError, match="no counts by armed group"):
        by_group(seen)
    assert set(exact_answers(seen, [1])) == {"regions", "routes", "chains"}


def test_a_chain_holds_what_passes_both_borders() -> None:
    """By a plain sum over all paths of three steps: A to B, anything, B to C."""
    seen = three_countries()
    table = chains(seen, [3])
    assert set(zip(table.source_country, table.via_country, table.target_country, strict=True)) == {
        ("AAA", "BBB", "CCC")
    }
    only_first = three_countries(b_to_c=0.0)
    for region in ("CCC-1", "CCC-2"):
        found = table[table.target_region == region].events.sum()
        at = IDS.index(region)
        # All that A ever sends to C passes B.
        cut = seen.expected(seen.model, 3) - seen.expected(seen.model.cut("AAA"), 3)
        assert found == pytest.approx(cut[at])
    assert chains(only_first, [3]).empty
    assert chains(seen, [1]).empty


def test_intervals_hold_their_estimate_and_words_follow_the_verdict() -> None:
    seen = three_countries()
    for table in exact_answers(seen, [1, 3]).values():
        assert (table.share_low <= table.share).all()
        assert (table.share_high >= table.share).all()
        assert (table.share_low < table.share_high).all()
        assert table.statement[table.declared].str.contains("model-attributed").all()
    closed = seen.model.pairs.assign(declared=False, p_holm=1.0)
    quiet = replace(seen, model=replace(seen.model, pairs=closed))
    for table in exact_answers(quiet, [1, 3]).values():
        assert table.statement.str.contains("evidence: none shown", regex=False).all()


def test_without_alternatives_an_interval_is_missing_and_not_in_words(view: ModelAtOrigin) -> None:
    table = by_region(view, [3])
    assert table.share_low.isna().all()
    assert not table.statement.str.contains("nan").any()


def test_words_tell_a_signal_that_a_shock_would_pass_for(view: ModelAtOrigin) -> None:
    pairs = view.model.pairs
    for told, grade in ((True, "strong"), (False, "some")):
        seen = replace(view, model=replace(view.model, pairs=pairs.assign(distinguishable_from_shock=told)))
        said = by_region(seen, [1]).query("source_country == 'AAA'").statement
        assert len(said)
        assert said.str.contains(f"evidence: {grade}", regex=False).all()
        assert (said.str.contains(SHOCK_NOTE, regex=False) == (grade == "some")).all()


def test_words_name_the_part_of_a_country_that_a_row_speaks_of() -> None:
    """A share of one route, region, group or chain is not that of the whole country."""
    seen = three_countries()
    panel = replace(
        seen.problem.panel, names=("Ay One", "Ay Two", "Bee One", "Bee Two", "Cee One", "Cee Two")
    )
    seen = replace(seen, problem=replace(seen.problem, panel=panel))
    said = {
        "regions": by_region(seen, [3]).set_index("source_region").statement["AAA-2"],
        "routes": routes(seen, [3]).set_index("source_region").statement["AAA-2"],
        "chains": chains(seen, [3]).set_index("source_country").statement["AAA"],
    }
    for table, words in (
        ("regions", "cross anew from Ay Two in AAA (model"),
        ("routes", "cross anew from Ay Two in AAA in one step (model"),
        ("chains", "cross anew from AAA through BBB (model"),
    ):
        assert all(words in text for text in np.atleast_1d(said[table])), table
    part = replace(panel, measures={**panel.measures, "events_jnim": panel.measure("events") / 2})
    seen = replace(seen, problem=replace(seen.problem, panel=part))
    found = (
        by_group(seen, [3], {"JNIM": "events_jnim"})
        .query("source_country == 'AAA'")
        .set_index("group")
        .statement
    )
    assert "cross anew from JNIM in AAA (model" in found["JNIM"].iloc[0]
    assert "cross anew from others in AAA (model" in found["other"].iloc[0]
    assert "cross anew from new events in AAA (model" in found["new events"].iloc[0]


def test_no_sentence_of_a_row_is_longer_than_thirty_words() -> None:
    longest = "Boucle du Mouhoun in Burkina Faso in one step"
    for grade in GRADES:
        for high in (0.004, 0.3, 0.95):
            text = share_statement(grade, longest, 0.1, high, disagree=True)
            assert max(len(part.split()) for part in text.split(". ")) <= 30, text


def test_stress_at_the_source_never_lowers_a_risk_abroad(view: ModelAtOrigin) -> None:
    table = stress_response(view, np.random.default_rng(1).random((200, 6, 8)))
    assert tuple(table.columns) == COLUMNS
    assert (table.stress_response >= 0).all()
    assert table.stress_response.max() > 0.02
    assert (table.risk_stress - table.risk_calm).to_numpy() == pytest.approx(table.stress_response.to_numpy())
    assert (table.source_country != table.target_country).all()


def test_the_interval_of_a_stress_response_holds_it() -> None:
    table = stress_response(three_countries(), np.random.default_rng(1).random((200, 6, 6)))
    assert (table.response_low <= table.stress_response).all()
    assert (table.response_high >= table.stress_response).all()
    assert (table.response_low < table.response_high).any()


def test_closed_borders_answer_nothing() -> None:
    problem = problem_of(ladder_panel(2, 60))
    model: Diffusion = diffusion(a_to_b=0.0, b_to_a=0.0)
    seen = ModelAtOrigin.at(model, problem, problem.panel.months[-1])
    assert all(table.empty for table in exact_answers(seen).values())
