"""Models of onset and entry: a front is recovered, a world without spread gives chance, and no future is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from front_world import SIDE, regions_frame, world

from harmattan.data.errors import ModelError
from harmattan.data.geography import Regions, links_of
from harmattan.data.panel import Panel
from harmattan.training.distribution import independent_ranks
from harmattan.training.margins import draws_with
from harmattan.training.onset import AHEAD, Hazard, OnsetFits, OnsetModel, OnsetModels, at_risk, history_of
from harmattan.training.onset.hazard import cumulative, landmarks
from harmattan.training.pool import Template
from harmattan.training.pool.onsets import onset_chances
from harmattan.training.problems import build_problems


def fits(panel: Panel) -> OnsetFits:
    return OnsetFits(history_of(panel), build_problems(panel, ["events"])["events"])


def entries(panel: Panel, years: range) -> tuple[np.ndarray, np.ndarray]:
    """Chances of entry within three months, and what came."""
    found, chances, came = fits(panel), [], []
    history = found.history
    for year in years:
        model = found.entry_from(pd.Period(f"{year}-12", freq="M"))
        assert model is not None
        for month in pd.period_range(f"{year}-12", periods=9, freq="M"):
            row = history.row(month)
            regions = np.flatnonzero(at_risk(history, "jnim")[row])
            chances.append(model.within(history, "jnim", row, regions)[2])
            came.append(history.events["jnim"][row + 1 : row + 4, regions].any(axis=0))
    return np.concatenate(chances), np.concatenate(came)


def area(score: np.ndarray, happened: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(happened, score))


def test_a_front_that_crosses_a_border_is_recovered() -> None:
    chance, came = entries(world(1, spread=True), range(2008, 2016))
    assert came.sum() > 15
    assert area(chance, came) > 0.75
    assert 0.6 < came.sum() / chance.sum() < 1.6


def test_a_world_without_spread_gives_no_more_than_chance() -> None:
    chance, came = entries(world(2, spread=False), range(2008, 2016))
    assert came.sum() > 50
    assert area(chance, came) < 0.6
    assert 0.7 < came.sum() / chance.sum() < 1.4


@pytest.mark.parametrize("cut", [83, 92])
def test_no_later_month_changes_a_bit(cut: int) -> None:
    panel = world(3, spread=True).until("2009-06")
    month = panel.months[cut]
    rng = np.random.default_rng(0)
    other = {k: v.copy() for k, v in panel.measures.items()}
    for values in other.values():
        values[cut + 1 :] = rng.poisson(3, values[cut + 1 :].shape)
    answers = []
    for each in (panel, replace(panel, measures=other), panel.until(month)):
        found = fits(each)
        model, history = found.at(month), found.history
        assert model.entry is not None
        everywhere = np.arange(each.shape[1])
        entry = model.entry.within(history, "jnim", cut, everywhere)
        answers.append((model.onset_within(history, found.problem, month), entry, model.onset.after))
    for onset, entry, after in answers[1:]:
        assert after == answers[0][2]
        np.testing.assert_array_equal(onset, answers[0][0])
        np.testing.assert_array_equal(entry, answers[0][1])


def test_where_a_cell_lies_knows_no_later_month() -> None:
    """A cell on a border belongs to the region that most of its months were seen in so far, else to the nearest."""
    panel = world(1, spread=True)
    assert panel.cells is not None
    shared = int(panel.cells.home[0])
    rows = {"month": [10, 11, 20, 21, 22], "region": [0, 0, 6, 6, 6], "cell": [shared] * 5}
    counts = np.ones(5, np.float32)
    cells = replace(panel.cells, **{k: np.array(v) for k, v in rows.items()}, measures={"events": counts})
    history = history_of(replace(panel, cells=cells, measures={"events": panel.measures["events"]}))
    at = [history.whereabouts(row)[0][history.km[0].argmin()] for row in (9, 19, 21, 22)]  # type: ignore[index]
    assert at == [panel.region_ids[0]] * 3 + [panel.region_ids[6]]


def test_months_ahead_add_up_and_text_keeps_every_bit() -> None:
    panel = world(4, spread=True).until("2006-12")
    found = fits(panel)
    model = found.at(panel.months[-1])
    within = model.onset_within(found.history, found.problem, panel.months[-1])
    assert within.shape == (AHEAD, panel.shape[1])
    assert (np.diff(within, axis=0) >= 0).all()
    monthly = model.onset.monthly(within)
    np.testing.assert_allclose(monthly[0], within[0])
    assert (monthly >= np.diff(within, axis=0, prepend=0.0) - 1e-12).all()
    assert ((monthly >= 0) & (monthly <= 1)).all()
    again = OnsetModels.from_text(model.to_text())
    np.testing.assert_array_equal(again.onset_within(found.history, found.problem, panel.months[-1]), within)
    assert again.entry == model.entry
    with pytest.raises(ModelError, match="incomplete"):
        OnsetModels.from_text("{}")


def test_what_follows_a_first_event_is_recovered() -> None:
    """A world in which it is known how often violence comes back; months after the last known one teach nothing."""
    rng, truth = np.random.default_rng(9), np.array([0.6, 0.5, 0.4, 0.3, 0.2])
    panel = world(9, spread=False)
    events = np.zeros(panel.shape)
    for region in range(panel.shape[1]):
        month = 6
        while (month := month + int(rng.geometric(0.04))) < len(events) - 6:
            events[month, region] = 1
            events[month + 1 : month + 6, region] = rng.random(5) < truth
            month += 11
    history = history_of(replace(panel, measures={"events": events.astype(np.float32)}))
    link = np.zeros((AHEAD, *panel.shape))
    model = OnsetModel.fit(history, link, 12, 150)
    np.testing.assert_allclose(model.after, [1, *truth], atol=0.12)
    history.events["all"][151:] = 1
    assert OnsetModel.fit(replace(history, _kept={}), link, 12, 150).after == model.after


@pytest.mark.parametrize("draws", [37, 400])
def test_draws_begin_as_often_as_first_events_do(draws: int) -> None:
    rng = np.random.default_rng(10)
    model = OnsetModel(Hazard((), (-3.0,), 0, 0), (1.0, 0.5, 0.4, 0.35, 0.3, 0.3))
    within = np.sort(rng.random((AHEAD, 30)) ** 3, axis=0)
    template = Template(tuple(range(1, 7)), (0.5,) * 6, (0.1,) * 6)
    ranks = template.ranks(draws, ["A"] * 30, rng)
    found = model.in_order(ranks, within)
    assert (np.sort(found, axis=0) == np.arange(draws)[:, None, None]).all()
    monthly = model.monthly(within)
    active = found >= draws - draws_with(monthly, draws)
    for months in range(1, AHEAD + 1):
        began = active[:, :months].any(axis=1).mean(axis=0)
        np.testing.assert_allclose(began, within[months - 1], atol=1 / draws)
    np.testing.assert_allclose(active.mean(axis=0), monthly, atol=1 / draws)
    np.testing.assert_array_equal(found[:, 0], ranks[:, 0])
    if draws > 100:
        sums = active.sum(axis=1)
        near = np.corrcoef(sums.T)[np.triu_indices(30, 1)].mean()
        assert near > 0.15  # regions of a country still begin together
        alone = model.in_order(independent_ranks(draws, (6, 30), rng), within) >= draws - draws_with(
            monthly, draws
        )
        assert abs(np.corrcoef(alone.sum(axis=1).T)[np.triu_indices(30, 1)].mean()) < 0.05


@pytest.mark.slow
def test_what_is_missing_is_said_or_done_without() -> None:
    panel = world(5, spread=True).until("2006-12")
    plain = replace(panel, cells=None)
    model = fits(plain).at(plain.months[-1])
    assert model.entry is None
    bare = replace(panel, measures={"events": panel.measures["events"]}, links=None)
    assert fits(bare).at(bare.months[-1]).entry is None
    short = panel.until(panel.months[30])
    with pytest.raises(ModelError, match="31 months of history are too few"):
        fits(short).at(short.months[-1])
    silent = {k: v * 0 for k, v in panel.measures.items()}
    calm = fits(replace(panel, measures=silent))
    within = calm.at(panel.months[-1]).onset_within(calm.history, calm.problem, panel.months[-1])
    assert 0 <= within.max() < 0.01


def test_hazard_against_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(6)
    columns = rng.normal(size=(4000, 2))
    happened = rng.random(4000) < -np.expm1(-np.exp(-3 + columns @ [0.7, -0.4]))
    ours = Hazard.fit(("a", "b"), columns, happened, ridge=0)
    family = sm.families.Binomial(sm.families.links.CLogLog())
    theirs = sm.GLM(happened.astype(float), sm.add_constant(columns), family=family).fit(tol=1e-12)
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-5)
    assert Hazard.from_json(ours.to_json()) == ours
    pulled = [Hazard.fit(("a", "b"), columns, happened, ridge, (0.5, 0.5)).coefficients for ridge in (0, 1e6)]
    np.testing.assert_allclose(pulled[0], ours.coefficients, rtol=1e-6)
    np.testing.assert_allclose(pulled[1][1:], 0.5, atol=1e-4)
    fixed = sm.GLM(happened.astype(float), np.ones(4000), family=family, offset=columns @ [0.5, 0.5]).fit(
        tol=1e-12
    )
    np.testing.assert_allclose(pulled[1][0], fixed.params[0], rtol=1e-4)
    assert Hazard.fit(("a",), columns[:, :1], happened & False, 1e-2, (0.5,)).coefficients[1] == 0


def test_rows_end_at_the_first_event_and_at_what_is_known() -> None:
    rng = np.random.default_rng(7)
    events = rng.poisson(0.1, size=(40, 5))
    observed = rng.random((40, 5)) < 0.95
    risk = rng.random((40, 5)) < 0.5
    found = landmarks(risk, events, observed, 5, 30)
    expected = []
    for t in range(5, 31):
        for r in range(5):
            for ahead in range(1, AHEAD + 1):
                between = slice(t + 1, t + ahead)
                known = t + ahead <= 30 and observed[between, r].all() and observed[min(t + ahead, 39), r]
                if risk[t, r] and known and not events[between, r].any():
                    expected.append((t, ahead, r, bool(events[t + ahead, r])))
    got = zip(
        found.row.tolist(), found.ahead.tolist(), found.region.tolist(), found.happened.tolist(), strict=True
    )
    assert sorted(got) == sorted(expected)


def test_a_lag_passes_over_months_that_are_not_published() -> None:
    rates = {j: np.array([np.log(0.01 * j)]) for j in range(1, 7)}
    np.testing.assert_allclose(-np.log1p(-cumulative(lambda j: rates[j], 1)[0]), [0.02])
    assert (np.diff(cumulative(lambda j: rates[j], 2), axis=0) > 0).all()


def test_places_around_are_at_risk_without_a_record() -> None:
    panel = world(8, spread=True).until("2006-12")
    shapes = np.array([shapely.box(SIDE, 6, SIDE + 1, 8)])
    frame = regions_frame(["CCC-a"], ["CCC"])
    around = Regions(frame, shapes, links_of(frame, shapes))
    history = history_of(panel, (), around)
    assert history.region_ids[-1] == "CCC-a"
    assert not history.recorded[-1]
    assert history.adjoining[-1].sum() == 4 or history.adjoining[-1].sum() == 2
    assert at_risk(history, "jnim")[-1, -1]
    found = OnsetFits(history, build_problems(panel, ["events"])["events"])
    entry = found.entry_from(panel.months[-1])
    assert entry is not None
    assert 0 < entry.within(history, "jnim", 83, np.array([36]))[5, 0] < 1


def test_a_first_fit_has_no_earlier_ones_to_learn_levels_from() -> None:
    found = fits(world(1, spread=True))
    model = found.entry_from(pd.Period("2008-12", freq="M"))
    assert model is not None
    row = found.history.row(pd.Period("2008-12", freq="M"))
    assert set(model.levelled(("jnim",), [], found.history, row).level.values()) == {1.0}


def test_a_group_that_has_just_come_gets_no_chance_out_of_thin_air() -> None:
    """No region had been at risk when it was fitted: .39 a month came out, wherever the group was near."""
    panel = world(2, spread=False)
    came = panel.months.get_loc(pd.Period("2009-03", freq="M"))
    assert panel.cells is not None
    kept = panel.cells.month >= came
    jnim = panel.cells.measures["events_jnim"] * kept
    cells = replace(panel.cells, measures={**panel.cells.measures, "events_jnim": jnim})
    counts = panel.measures["events_jnim"] * (np.arange(len(panel.months)) >= came)[:, None]
    found = fits(replace(panel, measures={**panel.measures, "events_jnim": counts}, cells=cells))
    month = pd.Period("2009-09", freq="M")
    model, row = found.at(month), found.history.row(month)
    assert at_risk(found.history, "jnim")[row].sum() > 10
    assert model.entry is None
    quiet = found.history.quiet("all", 6)[row]
    assert model.onset_within(found.history, found.problem, month)[0, quiet].max() < 0.1
    later = found.at(pd.Period("2012-12", freq="M")).entry
    assert later is not None
    assert 0.5 < later.level["jnim"] < 2


@pytest.mark.parametrize("months", [36, 46])
def test_a_record_that_has_followed_no_quiet_month_gives_no_chance_out_of_thin_air(months: int) -> None:
    """A hazard learned from no row was a half: .39 a month in every quiet region of a short record."""
    panel = world(2, spread=False)
    short = panel.until(panel.months[months - 1])
    found = fits(short)
    assert found.history.quiet("all", 6)[-1].sum() > 10
    with pytest.raises(ModelError, match="too few months have followed quiet ones"):
        found.at(short.last_month)
    assert onset_chances(found, [short.last_month]) == {}
    longer = fits(panel.until(panel.months[59])).at(panel.months[59])
    assert longer.onset.hazard.rows > 500
