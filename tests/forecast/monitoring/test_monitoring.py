"""Past releases against what came: scores by vintage, alarms, the record beside the releases and in MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_result import make_divided, make_draws, make_result

from harmattan.data.errors import CoverageError, ReleaseError, SkillError
from harmattan.data.panel import Panel
from harmattan.forecast.monitoring import job as score_job
from harmattan.forecast.monitoring import scores as monitor
from harmattan.forecast.monitoring.drift import input_drift, stability
from harmattan.forecast.release.catalogue import WithdrawalNote, note_of
from harmattan.forecast.release.read import PastRelease, history_table
from harmattan.forecast.release.status import StatusEntry
from harmattan.forecast.release.write import publish_release
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.settings import Settings
from harmattan.training.distribution import Draws
from harmattan.training.registry.store import connected

HTML = "<!doctype html><title>Report</title>"


@pytest.fixture(scope="module")
def world() -> ForecastResult:
    """Five years of counts to 2023-12."""
    return make_result()


def as_of(world: ForecastResult, month: str, factor: float = 1.0) -> ForecastResult:
    """A forecast of the world from an earlier origin; ``factor`` scales what it expects."""
    panel = world.panel.until(month)
    rng = np.random.default_rng(pd.Period(month, "M").ordinal)
    draws = {}
    for target in ("events", "deaths"):
        made = make_draws(panel, target, rng)
        draws[target] = replace(made, values=(made.values * factor).round().astype(np.int32))
    return replace(
        world,
        origin=panel.last_month,
        panel=panel,
        draws=draws,
        countries={t: d.total(panel.countries) for t, d in draws.items()},
        data_hash=panel.digest(),
    )


@pytest.fixture(scope="module")
def shelf(world: ForecastResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases, made once and copied by the tests that need them."""
    folder = tmp_path_factory.mktemp("shelf")
    for month in ("2023-09", "2023-11"):
        publish_release(as_of(world, month), HTML, folder)
    return folder


def published(shelf: Path, out: Path, *months: str) -> Path:
    for month in months or ("2023-09", "2023-11"):
        shutil.copytree(shelf / month, out / month)
    return out


def settings(world: ForecastResult, folder: Path) -> Settings:
    """Settings that read the world from a file, with releases below ``folder``."""
    path = folder / "panel.parquet"
    world.panel.write_parquet(path)
    given = {"panel": path, "out": folder / "out", "mlruns": folder / "mlruns", "run_date": date(2024, 1, 31)}
    return replace(Settings.load({}, environ={}, cwd=folder), **given, track=False)


def test_scores_are_those_of_the_released_draws(world: ForecastResult, shelf: Path) -> None:
    made = as_of(world, "2023-09")
    table = monitor.score_release(PastRelease.read(shelf / "2023-09"), world.panel)
    assert table.month.unique().tolist() == ["2023-10", "2023-11", "2023-12"]
    row = table[(table.target == "events") & (table.horizon == 3)].iloc[0]
    values, observed = made.draws["events"].values[:, 2], world.panel.measure("events")[-1]
    by_hand = np.abs(values - observed).mean(axis=0) - 0.5 * np.abs(values[:, None] - values[None]).mean(
        axis=(0, 1)
    )
    before = made.panel.measure("events")[-12:]
    naive = np.abs(before - observed).mean(axis=0) - 0.5 * np.abs(before[:, None] - before[None]).mean(
        axis=(0, 1)
    )
    assert row.crps == pytest.approx(by_hand.mean())
    assert row.crps_conflictology == pytest.approx(naive.mean(), rel=1e-5)
    assert row.observed == observed.sum()
    assert row.expected == pytest.approx(values.mean(axis=0).sum(), abs=1e-4)


def test_a_month_not_observed_is_not_scored(world: ForecastResult, shelf: Path) -> None:
    past = PastRelease.read(shelf / "2023-11")
    assert monitor.score_release(past, world.panel.until("2023-11")).empty


def test_a_revised_month_is_scored_again_and_the_first_score_is_kept(
    world: ForecastResult, shelf: Path
) -> None:
    past = PastRelease.read(shelf / "2023-11")
    first = monitor.score_releases([past], world.panel)
    again = monitor.score_releases([past], world.panel, first)
    assert len(again) == len(first)
    events = world.panel.measures["events"].copy()
    events[-1, 0] += 7
    revised = replace(world.panel, measures={**world.panel.measures, "events": events})
    both = monitor.score_releases([past], revised, first)
    assert both[both.target == "events"].vintage.nunique() == 2
    assert both[both.target == "deaths"].vintage.nunique() == 1
    newest = monitor.newest_vintage(both.assign(data_to=both.vintage.eq(first.vintage[0]).map(str)))
    assert len(newest) == len(first)


def revised_at(panel: Panel, region: int) -> Panel:
    """The panel after three more events were found in the last month of a region."""
    events = panel.measures["events"].copy()
    events[-1, region] += 3
    return replace(panel, measures={**panel.measures, "events": events})


def test_a_revision_without_a_new_month_is_judged_by_what_is_known_last(
    world: ForecastResult, shelf: Path
) -> None:
    """Several revisions, so that no order of digests can pass by luck; the last one brings the first counts back."""
    past = PastRelease.read(shelf / "2023-11")
    table = monitor.score_releases([past], world.panel)
    for panel in [*(revised_at(world.panel, k) for k in range(6)), world.panel]:
        table = monitor.score_releases([past], panel, table)
        counted = monitor.newest_vintage(table).query("target == 'events'")
        now = monitor.score_release(past, panel).query("target == 'events'")
        assert counted[["vintage", "crps"]].values.tolist() == now[["vintage", "crps"]].values.tolist()
    assert table[table.target == "events"].scoring.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    deaths = table[table.target == "deaths"]
    assert deaths.scoring.tolist() == [1] * len(deaths)


@pytest.mark.slow
def test_a_later_run_knows_which_vintage_came_last(
    world: ForecastResult, shelf: Path, tmp_path: Path
) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    for panel in [*(revised_at(world.panel, k) for k in range(4)), world.panel]:
        panel.write_parquet(tmp_path / "panel.parquet")
        score_job.run_score(chosen)
    score_job.run_score(chosen)
    table = score_job.read_scores(chosen.out / "monitoring.csv")
    last = table[table.month.eq("2023-12") & table.target.eq("events")]
    assert sorted(last.scoring) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    counted = monitor.newest_vintage(last)
    assert counted.observed.unique().tolist() == [world.panel.measure("events")[-1].sum()]


def test_the_baseline_sees_the_counts_as_they_were_known(world: ForecastResult, shelf: Path) -> None:
    past = PastRelease.read(shelf / "2023-11")
    measures = {name: values * 3 for name, values in world.panel.measures.items()}
    measures = {name: np.vstack([v[:-1], world.panel.measures[name][-1:]]) for name, v in measures.items()}
    revised = replace(world.panel, measures=measures)
    kept, lost = (
        monitor.score_release(p, revised).query("target == 'events'").iloc[0]
        for p in (past, replace(past, history=None))
    )
    assert (kept.reference, lost.reference) == ("as known then", "as known now")
    plain = monitor.score_release(past, world.panel).query("target == 'events'").iloc[0]
    assert kept.crps_conflictology == plain.crps_conflictology != lost.crps_conflictology


def months_of(skill: list[float], coverage: float = 0.8, ratio: float = 1.0) -> pd.DataFrame:
    """A record by month with some skill."""
    n = len(skill)
    return pd.DataFrame(
        {
            "target": "events",
            "month": [str(m) for m in pd.period_range("2023-01", periods=n, freq="M")],
            "cases": 80,
            "skill": skill,
            "expected": 50.0 * ratio,
            "observed": 50.0,
            "coverage_50": coverage - 0.3,
            "coverage_80": coverage,
            "coverage_90": min(coverage + 0.1, 1.0),
        }
    )


def levels(months: pd.DataFrame) -> dict[str, str]:
    return {alarm.name: alarm.level for alarm in monitor.alarms(months)}


def test_skill_below_zero_for_three_months_is_red() -> None:
    assert levels(months_of([0.1, -0.1, -0.2, -0.01]))["skill"] == "red"
    assert levels(months_of([-0.1, -0.1, 0.01]))["skill"] == "green"
    assert levels(months_of([-0.1, -0.1]))["skill"] == "green"


def test_parts_are_amber_at_most_and_silent_where_all_is_well() -> None:
    """Ten parts of few events: three bad months of one are chance sooner or later, and stop nobody."""
    good, bad = months_of([0.1] * 4), months_of([-0.1] * 4, coverage=0.5, ratio=2.0)
    part = bad.assign(target="events_jnim")
    found = monitor.alarms(pd.concat([good, part, good.assign(target="events_one_sided")]))
    assert [a.level for a in found] == ["green"] * 3 + ["amber"] * 3
    assert "events_jnim were worse than conflictology" in found[3].message
    assert [a.level for a in monitor.alarms(part)] == ["red", "red", "amber"]


def test_parts_are_held_against_their_own_counts_where_they_were_forecast() -> None:
    world = make_divided()
    origin, panel = world.origin - 1, world.panel
    draws = {t: replace(d, origin=origin) for t, d in world.draws.items()}
    history = Panel.from_frame(history_table(panel.until(origin), draws=draws))
    table = monitor.score_release(PastRelease("2023-11", draws, history, {}), panel)
    first = table[table["horizon"] == 1].set_index("target")
    month = {name: values[-1] for name, values in panel.measures.items()}
    named = {t: np.isin(panel.region_ids, draws[t].region_ids) for t in ("events_adf", "events_m23")}
    assert not named["events_m23"].all()
    for target, there in named.items():
        assert first.loc[target, "observed"] == month[target][there].sum()
        assert first.loc[target, "regions"] == there.sum()
    rest = month["events"].sum() - sum(month[t][there].sum() for t, there in named.items())
    assert first.loc["events_other_groups", "observed"] == rest
    assert set(first["reference"]) == {"as known then"}


def test_months_that_are_not_adjacent_are_not_three_in_a_row() -> None:
    """A month without a forecast, or without a skill, lies between two bad ones."""
    bad = months_of([-0.1, -0.2, -0.3, -0.4], coverage=0.6, ratio=2.0)
    gap = bad.drop(index=2)
    assert levels(gap) == {"skill": "green", "coverage": "red", "bias": "green"}
    assert monitor.alarms(gap)[0].message == (
        "Forecasts of events have been scored in 2 of the last 3 months: too few to judge."
    )
    assert levels(bad.assign(skill=[-0.1, -0.2, np.nan, -0.4]))["skill"] == "green"
    assert levels(bad)["skill"] == "red"


def test_coverage_of_long_ago_is_not_recent() -> None:
    long_ago = months_of([0.1] * 12, coverage=0.6)
    assert levels(long_ago.iloc[[0, 1, 2, 11]])["coverage"] == "green"


def test_coverage_out_of_its_band_is_red() -> None:
    assert levels(months_of([0.1] * 4, coverage=0.8))["coverage"] == "green"
    assert levels(months_of([0.1] * 4, coverage=0.6))["coverage"] == "red"
    assert levels(months_of([0.1] * 2, coverage=0.6))["coverage"] == "green"


def test_expecting_twice_as_much_is_amber() -> None:
    assert levels(months_of([0.1] * 3, ratio=2.0))["bias"] == "amber"
    assert levels(months_of([0.1] * 3, ratio=1.2))["bias"] == "green"


def test_bad_forecasts_raise_the_alarm_and_the_next_banner_says_so(
    world: ForecastResult, tmp_path: Path
) -> None:
    publish_release(as_of(world, "2023-09", factor=4.0), HTML, tmp_path)
    warned = monitor.with_alarms(replace(world, level="green", banner=""), tmp_path)
    assert warned.level == "amber"
    assert "events were worse than conflictology for 3 months in a row" in warned.banner
    assert monitor.with_alarms(world, tmp_path / "elsewhere") is world


def test_fair_forecasts_raise_none(world: ForecastResult, shelf: Path) -> None:
    found = {a.name: a.level for a in monitor.alarms_of_releases(shelf, world.panel, world.origin)}
    assert found["skill"] == "green"


def test_a_withdrawn_release_is_left_out(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    assert set(score_job.run_score(chosen).table.release) == {"2023-09", "2023-11"}
    note_of(chosen.out / "2023-09").write_text(WithdrawalNote("2023-09", "wrong", "2024-01-01").text())
    scored = score_job.run_score(chosen)
    assert set(scored.table.release) == {"2023-11"}


def test_a_damaged_release_is_left_out(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    (chosen.out / "2023-11" / "draws.parquet").write_bytes(b"PAR1")
    assert set(score_job.run_score(chosen).table.release) == {"2023-09"}


def test_a_superseded_revision_no_longer_counts(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    """What was scored before the revision stays in the record; the figures are those of a folder scored afresh."""
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    score_job.run_score(chosen)
    assert publish_release(as_of(world, "2023-11", factor=3.0), HTML, chosen.out).path.name == "2023-11_r2"
    afresh = replace(chosen, out=tmp_path / "afresh")
    shutil.copytree(chosen.out, afresh.out, ignore=shutil.ignore_patterns("monitoring.*"))
    scored = score_job.run_score(chosen)
    assert set(scored.table.release) == {"2023-09", "2023-11", "2023-11_r2"}
    assert set(scored.judged.release) == {"2023-09", "2023-11_r2"}
    other = score_job.run_score(afresh)
    pd.testing.assert_frame_equal(scored.months, other.months)
    assert scored.alarms == other.alarms
    assert [r.metrics for r in score_job.records(scored)] == [r.metrics for r in score_job.records(other)]


def test_months_after_as_of_do_not_count(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    """A look back after a full score finds what a folder that was never scored would show."""
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    back = replace(chosen, as_of="2023-11")
    first = score_job.run_score(back, dry_run=True)
    full = score_job.run_score(chosen)
    scored = score_job.run_score(back)
    assert scored.judged.month.unique().tolist() == ["2023-10", "2023-11"]
    assert scored.alarms == first.alarms
    told = json.loads((chosen.out / "monitoring.json").read_text())
    assert {m["month"] for m in told["months"]} == {"2023-10", "2023-11"}
    assert len(score_job.read_scores(chosen.out / "monitoring.csv")) == len(full.table)


@pytest.mark.slow
def test_a_look_back_leaves_what_a_run_says_of_now(
    world: ForecastResult,
    shelf: Path,
    tmp_path: Path,
    store: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chosen = replace(settings(world, tmp_path), mlruns=store(), track=True)
    published(shelf, chosen.out)
    run_ids = score_job.run_score(chosen).run_ids
    assert score_job.run_score(replace(chosen, as_of="2023-11")).run_ids == run_ids
    with connected(chosen.mlruns) as client:
        tags = client.get_run(run_ids[0]).data.tags
    assert tags["data_to"] == "2023-12"


def test_scoring_again_writes_no_metric_twice(
    world: ForecastResult,
    shelf: Path,
    tmp_path: Path,
    store: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chosen = replace(settings(world, tmp_path), mlruns=store(), track=True)
    published(shelf, chosen.out)
    (run_id,) = score_job.run_score(chosen).run_ids
    told = (chosen.out / "monitoring.json").read_bytes()
    assert score_job.run_score(chosen).run_ids == (run_id,)
    assert (chosen.out / "monitoring.json").read_bytes() == told
    with connected(chosen.mlruns) as client:
        names = client.get_run(run_id).data.metrics
        steps = {name: [m.step for m in client.get_metric_history(run_id, name)] for name in names}
    assert "crps.events.h1" in steps
    assert {name: found for name, found in steps.items() if len(found) != len(set(found))} == {}


def test_scoring_again_adds_nothing_to_the_record(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out)
    first = score_job.run_score(chosen)
    written = (chosen.out / "monitoring.csv").read_bytes()
    again = score_job.run_score(chosen)
    assert (first.fresh, again.fresh) == (len(first.table), 0)
    assert (chosen.out / "monitoring.csv").read_bytes() == written
    told = json.loads((chosen.out / "monitoring.json").read_text())
    assert {e["name"] for e in told["entries"]} >= {"skill", "coverage", "bias"}
    assert told["data_to"] == "2023-12"
    assert told["age_days"] == 31


def test_a_folder_in_which_nothing_can_be_judged_yet(
    world: ForecastResult, shelf: Path, tmp_path: Path
) -> None:
    chosen = replace(settings(world, tmp_path), as_of="2023-09")
    published(shelf, chosen.out)
    scored = score_job.run_score(chosen)
    assert (len(scored.table), scored.fresh, scored.alarms, scored.level) == (0, 0, (), "green")


def test_a_dry_run_writes_nothing(world: ForecastResult, shelf: Path, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out, "2023-11")
    before = sorted(p.name for p in chosen.out.iterdir())
    assert len(score_job.run_score(chosen, dry_run=True).table)
    assert sorted(p.name for p in chosen.out.iterdir()) == before


def test_each_red_alarm_has_its_own_error(world: ForecastResult, tmp_path: Path) -> None:
    blank = pd.DataFrame(columns=monitor.COLUMNS)
    for name, kind in (("skill", SkillError), ("coverage", CoverageError)):
        red = (StatusEntry(name, "red", "Too bad."),)
        error = score_job.ScoredReleases(tmp_path, "2023-12", blank, blank, blank, 0, red, blank, 0).error
        assert type(error) is kind


def test_a_folder_that_is_not_there_is_a_named_error(world: ForecastResult, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no such folder of releases"):
        score_job.run_score(settings(world, tmp_path))


def test_a_record_that_cannot_be_read_is_a_named_error(
    world: ForecastResult, shelf: Path, tmp_path: Path
) -> None:
    chosen = settings(world, tmp_path)
    published(shelf, chosen.out, "2023-11")
    (chosen.out / "monitoring.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReleaseError, match="record of scores cannot be read"):
        score_job.run_score(chosen)


def test_each_model_has_a_record_of_its_own(world: ForecastResult, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    for month, version in (("2023-10", 1), ("2023-11", 2)):
        made = replace(as_of(world, month), model={"name": "champion", "version": version})
        publish_release(made, HTML, chosen.out)
    found = score_job.records(score_job.run_score(chosen))
    assert [r.name for r in found] == ["monitoring harmattan 1", "monitoring harmattan 2"]
    assert set(found[0].metrics["crps.events.h1"]) == {202311}
    assert set(found[0].metrics["crps.events.h2"]) == set(found[1].metrics["crps.events.h1"]) == {202312}
    assert "psi.own_history" in found[1].metrics
    assert "psi.own_history" not in found[0].metrics


def test_a_version_has_one_record_however_it_was_asked_for(world: ForecastResult, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    for month, asked in (("2023-10", "champion"), ("2023-11", "1")):
        made = replace(as_of(world, month), model={"name": asked, "version": "1"})
        publish_release(made, HTML, chosen.out)
    (found,) = score_job.records(score_job.run_score(chosen))
    assert found.name == "monitoring harmattan 1"
    assert found.tags["model_version"] == "1"
    assert set(found.metrics["crps.events.h1"]) == {202311, 202312}


@pytest.mark.slow
def test_only_the_newest_model_carries_the_alarms(world: ForecastResult, tmp_path: Path) -> None:
    chosen = settings(world, tmp_path)
    for month, version in (("2023-09", 1), ("2023-10", 2)):
        made = replace(as_of(world, month, factor=4.0), model={"name": "champion", "version": version})
        publish_release(made, HTML, chosen.out)
    old, new = score_job.records(score_job.run_score(chosen))
    assert "worse than conflictology" in new.tags["alarms"]
    assert (old.tags["alarms"], old.tags["level"]) == ("", "")


def test_stability_is_zero_for_the_same_and_large_for_a_shift() -> None:
    rng = np.random.default_rng(1)
    values = rng.poisson(0.3, 5000).astype(float)
    assert stability(values, rng.poisson(0.3, 500).astype(float)) < 0.05
    assert stability(values, rng.poisson(2.0, 500).astype(float)) > 0.25
    assert np.isnan(stability(values, np.array([np.nan])))


def test_a_jump_in_the_counts_is_seen_in_its_family() -> None:
    from harmattan.features import Ewm, Lag, Recipe

    rng = np.random.default_rng(2)
    events = rng.poisson(1.0, size=(96, 40))

    def drift(counts: np.ndarray) -> pd.Series:
        months = pd.period_range("2016-01", periods=96, freq="M").astype(str)
        ids = [f"AAA-{i:02d}" for i in range(40)]
        frame = pd.DataFrame(
            {"month": np.repeat(months, 40), "region_id": np.tile(ids, 96), "events": counts.ravel()}
        )
        cube = Recipe([Lag(0), Ewm(3.0)]).build(Panel.from_frame(frame))
        return input_drift(cube, pd.Period("2023-09", "M")).iloc[0]

    assert not drift(events).drifted
    grown = events.copy()
    grown[-3:] += 4
    assert drift(grown).drifted


def test_draws_of_an_unusual_order_are_read_all_the_same(world: ForecastResult, tmp_path: Path) -> None:
    draws: Draws = world.draws["events"]
    shuffled = draws.to_frame().sample(frac=1.0, random_state=3)
    shuffled.to_parquet(tmp_path / "draws.parquet", index=False)
    back = PastRelease.read(tmp_path).draws["events"]
    assert np.array_equal(back.values, draws.values)
    assert back.region_ids == draws.region_ids


def test_a_release_of_another_make_never_costs_a_forecast(
    world: ForecastResult, shelf: Path, tmp_path: Path
) -> None:
    from harmattan.forecast.release import files as disk
    from harmattan.forecast.release.read import newest_before

    published(shelf, tmp_path)
    folder = tmp_path / "2023-11"
    pd.DataFrame({"target": ["events"], "number": [1]}).to_parquet(folder / "draws.parquet")
    disk.write_sums(folder)
    before = newest_before(tmp_path, world.origin, world.panel.region_ids)
    assert before is not None
    assert before.name == "2023-09"
    assert monitor.with_alarms(world, tmp_path).origin == world.origin
    with pytest.raises(ReleaseError, match="draws of the previous release"):
        PastRelease.read(folder)


def test_releases_too_old_to_matter_are_not_even_read(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harmattan.forecast.release import read as past

    read: list[str] = []
    check = past.verify_release
    monkeypatch.setattr(
        past, "verify_release", lambda folder, **how: read.append(folder.name) or check(folder, **how)
    )
    found = [info.name for info in past.usable(shelf, pd.Period("2023-12", "M"), pd.Period("2023-10", "M"))]
    assert found == read == ["2023-11"]
