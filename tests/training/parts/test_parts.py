"""Parts add up to their total in every draw, and their shares are learned from the past alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmattan.data.panel import Panel
from harmattan.training.distribution import Draws
from harmattan.training.margins import draws_with
from harmattan.training.parts import (
    CIVILIANS,
    CivilianShare,
    Division,
    Entries,
    ShareModel,
    divisions_of,
    split_draws,
    with_parts,
)

ORIGIN = pd.Period("2020-12", "M")


def draws_of(values: np.ndarray, mean: np.ndarray | None = None, target: str = "events") -> Draws:
    _n, h, r = values.shape
    return Draws(values, ORIGIN, tuple(range(1, h + 1)), tuple(f"AAA-{i}" for i in range(r)), target, mean)


def division_of(counts: np.ndarray) -> Division:
    names = tuple(f"events_p{k}" for k in range(counts.shape[2]))
    return Division.plain("events", "group", names, counts.astype(float), np.ones(counts.shape[:2], bool))


def panel_of(**measures: np.ndarray) -> Panel:
    months, regions = next(iter(measures.values())).shape
    index = pd.period_range(ORIGIN - months + 1, ORIGIN, freq="M").astype(str)
    frame = pd.DataFrame({"month": np.repeat(index, regions)})
    frame["region_id"] = np.tile([f"AAA-{i}" for i in range(regions)], months)
    for name, values in measures.items():
        frame[name] = values.ravel()
    return Panel.from_frame(frame)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    parts=st.integers(1, 5),
    regions=st.integers(1, 4),
    horizons=st.integers(1, 4),
    largest=st.integers(0, 5000),
)
def test_parts_add_up_everywhere(seed: int, parts: int, regions: int, horizons: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    total = draws_of(
        rng.integers(0, largest + 1, (20, horizons, regions)).astype(np.int32),
        rng.random((horizons, regions)),
    )
    counts = rng.poisson(rng.gamma(0.3, 3, (1, regions, parts)), (30, regions, parts))
    shares = ShareModel().at(division_of(counts), ["A", "B", "A", "B"][:regions], 29)
    found = split_draws(total, shares, rng)
    assert (sum(d.values for d in found.values()) == total.values).all()
    assert all((d.values >= 0).all() for d in found.values())
    groups = ["A", "B", "A", "B"][:regions]
    assert (sum(d.total(groups).values for d in found.values()) == total.total(groups).values).all()
    assert np.allclose(sum(d.mean() for d in found.values()), total.mean())


@pytest.mark.parametrize("least", [0, 1, 2])
def test_groups_enter_as_often_as_is_said(least: int) -> None:
    """Two groups, the events of both, and the others; two regions of three are on a list, the first for both groups.

    A draw of one event can be an entry of both only as their clash; without events enough nobody enters too often.
    """
    n, rng = 200, np.random.default_rng(11)
    values = rng.poisson(0.4 if least == 0 else 1.0, (n, 7, 3)).astype(np.int32) + least
    total = draws_of(values, rng.random((7, 3)) + 1)
    counts = np.tile(np.array([6.0, 3, 1, 5]), (24, 3, 1))
    shares = ShareModel().at(division_of(counts), ["A", "A", "B"], 23)
    within = 1 - np.cumprod(np.full((6, 3), 1 - np.array([0.05, 0.08, np.nan])), axis=0)
    groups = {"a": ("events_p0", "events_p2"), "b": ("events_p1", "events_p2"), "none": ("events_small",)}
    chances = {"a": within, "b": np.where([True, False, False], 1.2 * within, np.nan)}
    entries = Entries.of(shares.names, shares.mean, groups, chances)
    found = split_draws(total, shares, np.random.default_rng(4), entries)
    plain = split_draws(total, shares, np.random.default_rng(4))
    assert (sum(d.values for d in found.values()) == values).all()
    assert all((d.values >= 0).all() for d in found.values())
    assert np.allclose(sum(d.mean() for d in found.values()), total.mean())
    for name, draws in found.items():
        assert (draws.values[:, :, 2] == plain[name].values[:, :, 2]).all()
        assert (draws.mean()[:, 2] == plain[name].mean()[:, 2]).all()
    assert (plain["events_p0"].values[:, :6, 0].any(axis=1).mean()) > 0.5
    for group, region in (("a", 0), ("a", 1), ("b", 0)):
        own = sum(found[name].values[:, :, region] for name in groups[group])
        came = np.array([own[:, : j + 1].any(axis=1).sum() for j in range(6)])
        asked = draws_with(chances[group][:, region], n)
        assert (came <= asked).all()
        assert (came == asked)[0 if least else 2 :].all()
        first = own[:, 0] > 0
        likelier = sum(plain[name].values[:, 0, region] for name in groups[group]) > 0
        assert likelier[first].mean() > likelier.mean() + 0.1
        early = own[:, :3].any(axis=1)
        assert 0.2 < own[early, 3:6].sum() / values[early, 3:6, region].sum() < 0.9


@pytest.mark.parametrize("listed", [True, False])
def test_any_group_enters_as_often_as_is_said(listed: bool) -> None:
    """Of two groups both are on the list, or one of them and the other has no chance of its own."""
    n, ones = 200, np.ones((6, 1))
    values = np.random.default_rng(3).poisson(1.0, (n, 6, 2)).astype(np.int32) + 2
    counts = np.tile(np.array([6.0, 3, 5]), (24, 2, 1))
    shares = ShareModel().at(division_of(counts), ["A", "A"], 23)
    steps = np.arange(1, 7)[:, None]
    chances = {"a": 0.04 * steps * ones, "b": 0.03 * steps * ones if listed else np.full((6, 1), np.nan)}
    chances = {g: np.hstack([c, c]) for g, c in {**chances, "any": 0.05 * steps * ones}.items()}
    groups = {"a": ("events_p0",), "b": ("events_p1",)}
    entries = Entries.of(shares.names, shares.mean, groups, chances, "any")
    drawn = split_draws(draws_of(values), shares, np.random.default_rng(4), entries)
    found = {g: drawn[name].values for g, (name,) in groups.items()}
    for group, own in {**found, "any": found["a"] + found["b"]}.items():
        came = np.stack([own[:, : j + 1].any(axis=1).sum(axis=0) for j in range(6)])
        if not np.isnan(chances[group]).any():
            assert (came == draws_with(chances[group], n)).all(), group
    assert (sum(d.values for d in drawn.values()) == values).all()


def test_no_later_month_changes_a_share() -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(2, (40, 3, 4))
    other = counts.copy()
    other[30:] = rng.poisson(20, (10, 3, 4))
    one, two = (ShareModel().at(division_of(c), ["A", "A", "B"], 29) for c in (counts, other))
    assert one.mean.tobytes() == two.mean.tobytes()
    assert one.size.tobytes() == two.size.tobytes()


def test_shares_that_drift_are_followed() -> None:
    """Truth moves from 20 to 80 % over four years; an average of all months would be 50 % at the end."""
    rng = np.random.default_rng(5)
    truth = np.linspace(0.2, 0.8, 48)
    first = rng.binomial(30, truth[:, None], (48, 6))
    counts = np.stack([first, 30 - first], axis=-1)
    shares = ShareModel().at(division_of(counts), ["A"] * 6, 47)
    assert np.abs(shares.mean[:, 0] - 0.8).max() < 0.2
    drawn = split_draws(
        draws_of(np.full((2000, 6, 6), 40, dtype=np.int32)), shares, np.random.default_rng(7)
    )["events_p0"].values
    later = rng.binomial(40, np.clip(0.8 + 0.0125 * np.arange(1, 7), 0, 1)[:, None], (6, 6))
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    assert ((later >= low) & (later <= high)).mean() > 0.7


def test_sums_over_months_and_countries_are_wide_enough_where_shares_drift() -> None:
    """Worlds whose shares wander together within two countries; months drawn apart would hold far fewer sums."""
    rng, held, apart = np.random.default_rng(9), [], []
    for _ in range(25):
        steps = rng.normal(0, 0.25, (66, 2)) @ np.repeat(np.eye(2), 3, axis=1) + rng.normal(0, 0.15, (66, 6))
        truth = 1 / (1 + np.exp(-np.cumsum(steps, axis=0)))
        first = rng.binomial(8, truth)
        shares = ShareModel().at(division_of(np.stack([first, 8 - first], axis=-1)), list("AAABBB"), 59)
        seen = np.array([first[60:, :3].sum(), first[60:, 3:].sum()])
        total = draws_of(np.full((200, 6, 6), 8, dtype=np.int32))
        for model, into in ((shares.model, held), (ShareModel(persistence=0.0, common=0.0), apart)):
            drawn = split_draws(total, replace(shares, model=model), rng)["events_p0"].total(list("AAABBB"))
            low, high = np.quantile(drawn.values.sum(axis=1), [0.1, 0.9], axis=0)
            into.extend((seen >= low) & (seen <= high))
    assert 0.7 < np.mean(held) < 0.93
    assert np.mean(apart) < np.mean(held) - 0.15


def test_a_region_without_a_past_has_its_countrys_shares() -> None:
    counts = np.zeros((24, 3, 2))
    counts[:, 0] = [9, 1]
    counts[:, 2] = [0, 10]
    shares = ShareModel().at(division_of(counts), ["A", "A", "B"], 23)
    assert shares.mean[1, 0] > 0.8
    assert shares.mean[2, 0] < 0.1


def test_margins_are_those_of_a_dirichlet_and_months_and_neighbours_move_together() -> None:
    counts = np.tile(np.array([3, 1]), (36, 4, 1))
    shares = ShareModel().at(division_of(counts), ["A", "A", "B", "B"], 35)
    n = 4000
    total = draws_of(np.full((n, 3, 4), 1000, dtype=np.int32))
    drawn = split_draws(total, shares, np.random.default_rng(1))["events_p0"].values / 1000
    mean, size = shares.mean[:, 0], shares.size
    spread = mean * (1 - mean) / (1 + size)
    assert np.allclose(drawn.mean(axis=0), mean, atol=0.02)
    assert np.allclose(drawn.var(axis=0), spread, rtol=0.12)
    months = [np.corrcoef(drawn[:, 0, r], drawn[:, 1, r])[0, 1] for r in range(4)]
    assert np.allclose(months, shares.model.persistence, atol=0.05)
    within, apart = (np.corrcoef(drawn[:, 0, 0], drawn[:, 0, r])[0, 1] for r in (1, 2))
    assert 0.25 < within < 0.5
    assert abs(apart) < 0.06


def test_civilian_deaths_follow_the_type() -> None:
    rng = np.random.default_rng(2)
    against, other = rng.poisson(1, (120, 5)), rng.poisson(1, (120, 5))
    deaths_against, deaths_other = rng.poisson(4 * against), rng.poisson(4 * other)
    civil = deaths_against + rng.binomial(deaths_other, 0.1)
    panel = panel_of(
        events=against + other,
        deaths_best=deaths_against + deaths_other,
        deaths_civilians=civil,
        events_one_sided=against,
        events_state_based=other,
    )
    share = CivilianShare.fit(panel, 119)
    assert share is not None
    assert share.against > 0.97
    assert abs(share.otherwise - 0.1) < 0.04
    deaths = draws_of(rng.poisson(20, (500, 2, 2)).astype(np.int32), target="deaths")
    events = np.full((500, 2, 2), 4)
    many, none = (
        share.draw(deaths, np.full_like(events, k), events, np.random.default_rng(1)) for k in (4, 0)
    )
    assert many.target == CIVILIANS
    assert (many.values <= deaths.values).all()
    assert (none.values <= deaths.values).all()
    assert many.values.mean() > 5 * none.values.mean()


def test_what_cannot_be_divided_is_said() -> None:
    events = np.full((12, 2), 9.0)
    plain = divisions_of(panel_of(events=events))
    assert not plain.found
    assert len(plain.notes) == 2
    less = divisions_of(panel_of(events=events, events_state_based=events - 2, events_one_sided=events * 0))
    assert less.found[0].names[-1] == "events_other_types"
    assert "AAA-0 2020-01" in less.notes[0]
    assert "21 more" in less.notes[0]
    assert np.allclose(less.found[0].counts.sum(axis=-1), events)
    more = divisions_of(panel_of(events=events, events_one_sided=events + 1))
    assert not more.found
    assert "more than all events" in more.notes[0]


def test_small_groups_are_one_remainder_and_can_be_scored() -> None:
    events = np.full((12, 2), 9.0)
    panel = panel_of(events=events, events_adf=events * 0 + 6, events_m23=events * 0 + 1)
    found = divisions_of(panel)
    assert found.found[0].names == ("events_adf", "events_other_groups")
    assert found.small == ("events_m23",)
    scored = with_parts(panel, dict.fromkeys(("events_adf", "events_other_groups"), panel.region_ids))
    assert (scored.measure("events_other_groups") == 3).all()


def test_a_type_of_the_last_month_only_is_forecast() -> None:
    events = np.full((24, 2), 5.0)
    late = np.zeros((24, 2))
    late[-1] = 5
    panel = panel_of(events=events, events_battles=events - late, events_riots=late)
    division = divisions_of(panel).found[0]
    shares = ShareModel().at(division, panel.countries, 23)
    assert 0 < shares.mean[0, division.names.index("events_riots")] < 0.4


def test_a_group_below_the_record_has_no_part_of_its_own() -> None:
    events = np.full((12, 2), 3.0)
    found = divisions_of(panel_of(events=events, events_adf=events))
    assert not found.found
    assert "No armed group has 80 events" in found.notes[1]


@pytest.mark.parametrize("gap", [(1, 3, 6), (2,)])
def test_horizons_with_gaps(gap: tuple[int, ...]) -> None:
    counts = np.ones((24, 1, 2))
    total = Draws(np.full((50, len(gap), 1), 7, dtype=np.int32), ORIGIN, gap, ("AAA-0",), "events")
    shares = ShareModel().at(division_of(counts), ["A"], 23)
    found = split_draws(total, shares, np.random.default_rng(0))
    assert (sum(d.values for d in found.values()) == 7).all()


def test_a_group_with_hardly_an_event_in_a_country_is_none_of_its_own_there() -> None:
    """Its events there count for the other groups, in the past and in every draw; the parts still add up."""
    events = np.full((40, 4), 6.0)
    adf = np.zeros((40, 4))
    adf[:, 0] = 4
    adf[:9, 2] = 1
    panel = panel_of(events=events, events_adf=adf)
    panel = replace(panel, countries=("A", "A", "B", "B"))
    division = divisions_of(panel).found[0]
    assert division.known.tolist() == [[True, True], [True, True], [False, True], [False, True]]
    assert (division.counts[:, 2:, 0] == 0).all()
    assert (division.counts.sum(axis=-1) == events).all()
    shares = ShareModel().at(division, panel.countries, 39)
    assert (shares.mean[2:, 0] == 0).all()
    assert np.allclose(shares.mean.sum(axis=1), 1)
    total = draws_of(np.full((100, 3, 4), 8, dtype=np.int32))
    found = split_draws(total, shares, np.random.default_rng(1))
    assert (found["events_adf"].values[..., 2:] == 0).all()
    assert (sum(d.values for d in found.values()) == 8).all()
    scored = with_parts(panel, {"events_adf": panel.region_ids[:2], "events_other_groups": panel.region_ids})
    assert (scored.measure("events_other_groups") == division.counts[..., 1]).all()
