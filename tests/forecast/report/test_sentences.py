"""Every sentence of the report against numbers derived again from the draws and the panel."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest
from make_result import make_draws, make_result

from harmattan.data.panel import Panel
from harmattan.forecast.release.read import PastRelease, history_table
from harmattan.forecast.report import hindsight as hindsights
from harmattan.forecast.report import sentences as words
from harmattan.forecast.report import tables
from harmattan.forecast.report.hindsight import hindsight, rehearsed, revisions
from harmattan.forecast.report.number_format import count, month_name, percent, signed
from harmattan.forecast.result import ForecastResult
from harmattan.training.distribution import Draws


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result()


def with_events(result: ForecastResult, values: np.ndarray) -> ForecastResult:
    old = result.draws["events"]
    draws = Draws(values.astype(np.int32), old.origin, old.horizons, old.region_ids, "events")
    return dataclasses.replace(
        result,
        draws={"events": draws},
        countries={"events": draws.total(result.panel.countries)},
    )


def constant(result: ForecastResult, by_region: np.ndarray) -> ForecastResult:
    """Draws that are the same whole number in every draw and month."""
    shape = (10, len(result.horizons), 1)
    return with_events(result, np.tile(by_region, shape))


def test_total_is_the_sum_over_regions_draw_by_draw(result: ForecastResult) -> None:
    sums = result.draws["events"].values[:, 0, :].sum(axis=1)
    outlook = tables.region_outlook(result, "events")
    sentence = words.total_sentence(result, outlook)
    ordered = np.sort(sums)
    low, high = ordered[int(np.ceil(0.1 * len(sums))) - 1], ordered[int(np.ceil(0.9 * len(sums))) - 1]
    recent = result.panel.measure("events")[-12:].sum() / 12
    assert f"About {count(sums.mean())} violent events" in sentence.text
    assert f"(80% interval {low}–{high})" in sentence.text
    assert sentence.text.endswith(f"twelve months is {count(recent)}.")
    assert "January 2024" in sentence.text


def test_leading_regions_are_those_with_the_largest_means(result: ForecastResult) -> None:
    mean = pd.Series(result.draws["events"].values[:, 0, :].mean(axis=0), result.draws["events"].region_ids)
    top = mean.sort_values(ascending=False).head(5)
    sentence = words.leading_sentence(tables.region_outlook(result, "events"))
    assert sentence.facts["region_ids"] == top.index.tolist()
    assert f"Together that is {percent(top.sum() / mean.sum())} of all." in sentence.text
    name = dict(zip(result.panel.region_ids, result.panel.names, strict=True))
    positions = [sentence.text.index(f"{name[region]} (") for region in top.index]
    assert positions == sorted(positions)
    for value in top:
        assert f", {count(value)} (" in sentence.text


def test_rise_is_told_only_above_both_pasts_by_a_tenth_and_one_event(result: ForecastResult) -> None:
    counts = result.panel.measure("events")
    recent, lately = counts[-12:].mean(axis=0), counts[-3:].mean(axis=0)
    level = np.floor(np.minimum(recent, lately))
    level[3] = np.ceil(max(recent[3], lately[3]) * 1.1 + 1)
    # Above the year alone, or the last months alone, is no rise.
    apart = int(np.argmax(np.abs(recent - lately)))
    level[apart] = np.floor((recent[apart] + lately[apart]) / 2)
    sentence = words.rise_sentence(
        constant(result, level), tables.region_outlook(constant(result, level), "events")
    )
    assert sentence.facts["region_ids"] == [result.panel.region_ids[3]]
    assert f"{count(level[3])} against {count(lately[3])} and {count(recent[3])}" in sentence.text
    assert "more than 9 in 10 to exceed both: >99%" in sentence.text


def test_no_rise_says_so_without_a_number(result: ForecastResult) -> None:
    quiet = constant(result, np.zeros(14))
    sentence = words.rise_sentence(quiet, tables.region_outlook(quiet, "events"))
    assert sentence.text.startswith("No region is expected to rise")
    assert not re.search(r"\d", sentence.text)


def test_fall_is_told_against_both_pasts(result: ForecastResult) -> None:
    quiet = constant(result, np.zeros(14))
    recent = result.panel.measure("events")[-12:].mean(axis=0)
    sentence = words.fall_sentence(tables.region_outlook(quiet, "events"))
    assert sentence is not None
    lately = result.panel.measure("events")[-3:].mean(axis=0)
    steepest = int(np.argmax(np.minimum(recent, lately)))
    assert sentence.facts["region_ids"][0] == result.panel.region_ids[steepest]  # type: ignore[index]
    assert f"0.0 against {count(lately[steepest])} and {count(recent[steepest])}" in sentence.text


def test_onset_names_quiet_regions_only(result: ForecastResult) -> None:
    sentence = words.onset_sentence(result, tables.region_outlook(result, "events"))
    past = result.panel.measure("events")[-6:].sum(axis=0)
    quiet = {r for r, total in zip(result.panel.region_ids, past, strict=True) if total == 0}
    assert sentence is not None
    assert quiet
    assert set(sentence.facts["region_ids"]) <= quiet  # type: ignore[call-overload]
    assert f"Of {words.plural(len(quiet), 'region')}" in sentence.text


def test_onset_is_silent_where_every_region_had_events(result: ForecastResult) -> None:
    outlook = tables.region_outlook(result, "events")
    busy = dataclasses.replace(outlook, history=outlook.history + 1)
    assert words.onset_sentence(result, busy) is None


def test_border_sentence_gives_the_declared_shares(result: ForecastResult) -> None:
    outlook = tables.region_outlook(result, "events")
    spill = tables.spillover(result, outlook)
    table = result.spillover
    table = table[(table.horizon == 3) & (table.threshold == 5) & table.declared].copy()
    expected = dict(
        zip(outlook.ids, result.draws["events"].values[:, :3].sum(axis=1).mean(axis=0), strict=True)
    )
    table["events"] = table.target_region.map(expected) * table.share_total
    first = table.sort_values("events").iloc[-1]
    sentence = words.border_sentence(spill)
    assert sentence.facts["targets"][0] == first.target_region  # type: ignore[index]
    assert sentence.text.startswith(f"About {percent(first.share_total)} of the events expected in")
    assert "model-attributed" in sentence.text
    assert "caused" not in sentence.text


def bounded(result: ForecastResult, low: float, high: float) -> tables.SpilloverSummary:
    table = result.spillover
    table = table.assign(share_low=low * table.share_total, share_high=high * table.share_total)
    changed = dataclasses.replace(result, spillover=table)
    spill = tables.spillover(changed, tables.region_outlook(changed, "events"))
    assert spill is not None
    return spill


def test_border_sentence_says_at_most_always_and_at_least_only_where_strong(result: ForecastResult) -> None:
    strong = result.pairs.assign(distinguishable_from_shock=result.pairs.declared)
    for changed, grade in ((result, "some"), (dataclasses.replace(result, pairs=strong), "strong")):
        spill = bounded(changed, 0.8, 1.2)
        sentence, first = words.border_sentence(spill), spill.shown.iloc[0]
        assert f"at most {math.ceil(120 * first.share_total)}% of the events" in sentence.text.lower()
        assert ("at least" in sentence.text.lower()) == (grade == "strong")
        assert sentence.facts["grades"] == [grade, grade]
        assert sentence.text.count(f"evidence: {grade})") == 2


def test_no_sentence_about_a_border_is_longer_than_thirty_words(result: ForecastResult) -> None:
    text = words.border_sentence(bounded(result, 0.8, 1.2), top=3).text
    assert max(len(part.split()) for part in text.split(". ")) <= 30


def test_border_sentence_without_evidence_has_no_number() -> None:
    result = make_result(declared=False)
    result = dataclasses.replace(result, pairs=result.pairs.assign(p_holm=1.0))
    spill = tables.spillover(result, tables.region_outlook(result, "events"))
    sentence = words.border_sentence(spill)
    assert sentence.text.startswith("No border between these countries shows evidence")
    assert not re.search(r"\d", sentence.text)


def test_a_border_that_carries_next_to_nothing_is_called_that(result: ForecastResult) -> None:
    table = result.spillover.assign(share_total=1e-6)
    tiny = dataclasses.replace(result, spillover=table)
    spill = tables.spillover(tiny, tables.region_outlook(tiny, "events"))
    sentence = words.border_sentence(spill)
    assert "holds for 2 borders, but over 3 months less than a tenth of an event" in sentence.text


def test_borders_add_up_attributed_events(result: ForecastResult) -> None:
    outlook = tables.region_outlook(result, "events")
    spill = tables.spillover(result, outlook)
    assert spill is not None
    of_pair = spill.rows[(spill.rows.source_country == "MLI") & (spill.rows.target_country == "BFA")]
    expected = result.draws["events"].values[:, :3].sum(axis=1).mean(axis=0)
    country = np.array(result.panel.countries) == "BFA"
    share = (
        expected[country]
        * of_pair.set_index("target_region").share_total.reindex(np.array(result.panel.region_ids)[country])
    ).sum() / expected[country].sum()
    got = spill.borders.set_index(["source_country", "target_country"]).share
    assert got["MLI", "BFA"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.02, 0.1, "better by 6% at 1 month ahead"), (-0.02, 0.1, "not measurably different at 1 month ahead")],
)
def test_skill_is_called_better_only_where_the_interval_excludes_zero(
    low: float, high: float, told: str
) -> None:
    rows = pd.DataFrame(
        [("events", "pool", 1, 0.06, low, high)],
        columns=["target", "member", "horizon", "skill_vs_conflictology", "skill_low", "skill_high"],
    )
    sentence = words.skill_sentence(rows, "events")
    assert sentence is not None
    assert told in sentence.text


def test_worse_skill_is_called_worse(result: ForecastResult) -> None:
    rows = result.scores.copy()
    rows[["skill_vs_conflictology", "skill_low", "skill_high"]] = [-0.2, -0.3, -0.1]
    sentence = words.skill_sentence(rows, "events")
    assert sentence is not None
    assert "worse by 20% at 1 month, 20% at 3 months and 20% at 6 months ahead" in sentence.text


def test_title_names_the_two_leading_regions(result: ForecastResult) -> None:
    level = np.zeros(14)
    level[[result.panel.region_ids.index("MLI-north"), result.panel.region_ids.index("BFA-nord")]] = [9, 7]
    outlook = tables.region_outlook(constant(result, level), "events")
    assert words.title(result, outlook).endswith("expected in North (Mali) and Nord (Burkina Faso)")


def test_title_of_a_quiet_month_promises_no_violence(result: ForecastResult) -> None:
    outlook = tables.region_outlook(constant(result, np.zeros(14)), "events")
    assert words.title(result, outlook) == "Little violence is expected in January 2024"


@pytest.fixture(scope="module")
def previous(result: ForecastResult) -> PastRelease:
    earlier = result.panel.until("2023-11")
    return PastRelease("2023-11", {"events": make_draws(earlier, "events", np.random.default_rng(5))})


def test_hindsight_holds_the_last_forecast_against_what_came(
    result: ForecastResult, previous: PastRelease
) -> None:
    past = hindsight(result, previous)
    assert past is not None
    observed = result.panel.measure("events")[-1]
    values = previous.draws["events"].values[:, 0, :]
    assert past.month == pd.Period("2023-12", "M")
    assert past.observed == observed.sum()
    assert past.expected == pytest.approx(values.mean(axis=0).sum())
    # CRPS of a sample, written out: mean |x - y| - half the mean |x - x'|.
    by_hand = np.abs(values - observed).mean(axis=0) - 0.5 * np.abs(values[:, None] - values[None]).mean(
        axis=(0, 1)
    )
    assert past.crps == pytest.approx(by_hand.mean())
    record = result.panel.measure("events")[-13:-1]
    naive = np.abs(record - observed).mean(axis=0) - 0.5 * np.abs(record[:, None] - record[None]).mean(
        axis=(0, 1)
    )
    assert past.crps_conflictology == pytest.approx(naive.mean(), rel=1e-5)
    total, hits, verdict = hindsights.hindsight_sentences(past)
    ordered = np.sort(values, axis=0)
    low, high = (ordered[int(np.ceil(q * len(values))) - 1] for q in (0.1, 0.9))
    inside = (observed >= low) & (observed <= high)
    busy = values.mean(axis=0) >= 1
    told = f"and in {(inside & busy).sum()} of the {busy.sum()} where an event or more was expected."
    assert f"In {inside.sum()} of 14 regions the count lay inside the 80% interval, {told}" in hits.text
    assert set(past.missed.region_id) == {
        r for r, i in zip(result.panel.region_ids, inside, strict=True) if not i
    }
    assert total.text.startswith(f"For {month_name(past.month)}, the release of 2023-11 expected")
    assert f"{observed.sum():.0f} were recorded, " in total.text
    better = 100 * (1 - past.crps / past.crps_conflictology)
    assert f"{abs(better):.0f}% {'better' if better >= 0 else 'worse'}" in verdict.text


def test_the_farthest_miss_is_named_first(result: ForecastResult, previous: PastRelease) -> None:
    old = previous.draws["events"]
    values = np.full_like(old.values, 3)
    at = int(np.argmax(np.abs(result.panel.measure("events")[-1] - 3)))
    flat = PastRelease("2023-11", {"events": dataclasses.replace(old, values=values)})
    past = hindsight(result, flat)
    assert past is not None
    hits = hindsights.hindsight_sentences(past)[1]
    assert hits.facts["missed"][0] == result.panel.region_ids[at]  # type: ignore[index]
    assert f"{result.panel.measure('events')[-1, at]:.0f} against 3–3" in hits.text


def test_without_a_release_the_last_month_is_forecast_again(result: ForecastResult) -> None:
    past = rehearsed(result)
    assert past is not None
    table, observed = result.rehearsal, result.panel.measure("events")[-1]
    total, _, verdict = hindsights.hindsight_sentences(past)
    assert total.text.startswith("No earlier release stands beside this one")
    assert f"{count(table.expected.sum())} events were to be expected in December 2023" in total.text
    assert f"{observed.sum():.0f} were recorded" in total.text
    assert (
        f"({table.crps.mean():.2f} against {table.crps_conflictology.mean():.2f}; lower is better)"
        in verdict.text
    )
    assert "as they are known today" in hindsights.hindsight_note(past)


def test_a_rehearsal_of_another_month_is_not_shown(result: ForecastResult) -> None:
    other = dataclasses.replace(result, rehearsal=result.rehearsal.assign(month="2023-10"))
    assert rehearsed(other) is None


def test_change_since_the_last_release_names_the_steepest(
    result: ForecastResult, previous: PastRelease
) -> None:
    outlook = tables.region_outlook(result, "events")
    moved = result.draws["events"].values[:, 0].mean(axis=0) - previous.draws["events"].values[:, 1].mean(
        axis=0
    )
    sentence = hindsights.change_sentence(result, outlook, previous)
    assert sentence is not None
    up = int(np.argmax(moved))
    assert sentence.facts["region_ids"][0] == outlook.ids[up]  # type: ignore[index]
    assert f"({signed(moved[up])}, to {count(outlook.mean[0, up])})" in sentence.text
    assert hindsights.change_sentence(result, outlook, None) is None


def test_an_unmoved_expectation_says_so(result: ForecastResult) -> None:
    outlook = tables.region_outlook(result, "events")
    old = result.draws["events"]
    same = dataclasses.replace(old, origin=old.origin - 1, values=np.roll(old.values, 1, axis=1))
    sentence = hindsights.change_sentence(result, outlook, PastRelease("2023-11", {"events": same}))
    assert sentence is not None
    assert sentence.text.startswith("No region’s expectation for January 2024 has moved")


def test_revisions_are_counted_by_country(result: ForecastResult, previous: PastRelease) -> None:
    seen = history_table(result.panel.until("2023-11"))
    at = seen.index[(seen.region_id == "MLI-north") & (seen.month == "2023-10")][0]
    now = float(seen.events[at])
    seen.loc[at, "events"] = now + 4
    kept = dataclasses.replace(previous, history=Panel.from_frame(seen))
    table = revisions(result, kept)
    assert table is not None
    assert table[["country", "change", "region_months"]].to_numpy().tolist() == [["MLI", -4.0, 1]]
    same = dataclasses.replace(
        previous, history=Panel.from_frame(history_table(result.panel.until("2023-11")))
    )
    untouched = revisions(result, same)
    assert untouched is not None
    assert untouched.empty
    assert revisions(result, previous) is None


def test_hindsight_needs_a_forecast_of_this_very_month(result: ForecastResult, previous: PastRelease) -> None:
    same = PastRelease("2023-12", {"events": result.draws["events"]})
    assert hindsight(result, None) is None
    assert hindsight(result, same) is None
    assert hindsight(make_result(origin="2025-06"), previous) is None
