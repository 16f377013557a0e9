"""The gate over years: monthly trainings, an old champion, revised counts; each verdict for the right reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_worlds import diffusion, ladder_links, ladder_panel, panel_of, world_of
from trained_world import World, copy_version, own_store

from harmattan.data.errors import GateError
from harmattan.data.panel import Panel
from harmattan.forecast.jobs import champion_entries, refit, train
from harmattan.forecast.jobs.judging import champion_record, judge_challenger
from harmattan.forecast.publishing import publish
from harmattan.forecast.release import latest_name
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch import fit_watch
from harmattan.forecast.watch.tables import chances_of
from harmattan.training.onset import OnsetFits, history_of
from harmattan.training.pool import OnsetsAhead
from harmattan.training.problems import build_problems
from harmattan.training.registry import (
    POOL,
    list_versions,
    load_model,
    make_champion,
    open_registry,
    origin_scores,
    point_alias,
)
from harmattan.training.registry.gate import common_origins
from harmattan.training.trained_model import TrainedModel

KEYS = ["target", "horizon", "origin"]


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def record_on(panel: Panel, last: pd.Period, horizons: tuple[int, ...] = (1, 2)) -> pd.DataFrame:
    """Rows of the newest 30 origins as a challenger would hold them, with the outcomes of a panel."""
    counts = panel.measure("events")
    rows = [
        {
            "target": "events",
            "horizon": h,
            "origin": str(o),
            "region_id": r,
            "member": POOL,
            "crps": 1.0,
            "pit": 0.5,
        }
        | {"observed": int(counts[panel.position(o + h), i])}
        for h in horizons
        for o in pd.period_range(last - h - 29, last - h, freq="M")
        for i, r in enumerate(panel.region_ids)
    ]
    return origin_scores(pd.DataFrame(rows))


def test_an_old_champion_is_scored_on_every_origin_of_a_challenger(world: World) -> None:
    """Fourteen months after its training the two records share 16 origins; it faces 30 all the same."""
    champion = load_model("1", world.mlruns)
    panel = ladder_panel(months=146)
    asked = record_on(panel, panel.last_month)
    found = champion_record(champion, asked, champion.trained, panel, seed=5).scores
    both = common_origins(found, asked)
    assert both.groupby("horizon")["origin"].nunique().tolist() == [30, 30]
    scored = found.merge(asked[KEYS], on=KEYS).groupby("scored")["origin"].agg(["min", "max"])
    assert scored.loc["again", "min"] >= str(champion.trained.origin)
    assert np.isfinite(found["crps"]).all()


def test_what_is_scored_again_is_what_the_stored_model_forecasts(world: World) -> None:
    """An oracle: the CRPS of the pool's own distribution, region by region, at one origin after the training."""
    champion = load_model("1", world.mlruns)
    panel = ladder_panel(months=146)
    found = champion_record(
        champion, record_on(panel, panel.last_month), champion.trained, panel, seed=5
    ).scores
    origin = champion.trained.origin + 3
    problem = build_problems(panel, ("events",), (), champion.trained.recipe)["events"]
    law = champion.trained.pools["events", 2].margins(problem, origin)["pool"]
    # Where it has been quiet a release says what the model of onsets does.
    ahead = OnsetsAhead.of(champion.trained.onset, OnsetFits.of(problem), origin)
    law = ahead.margins(law, 2).rounded(1000)
    came = panel.measure("events")[panel.position(origin + 2)].astype(int)
    row = found[(found["origin"] == str(origin)) & (found["horizon"] == 2)]
    assert row["observed"].tolist() == [came.sum()]
    assert row["crps"].item() == pytest.approx(law.crps(came).sum())


def test_revised_outcomes_do_not_shrink_the_common_record(world: World) -> None:
    champion = load_model("1", world.mlruns)
    panel = Panel.read_parquet(world.panel)
    events = panel.measures["events"].copy()
    events[-30:, 0] += 1
    revised = replace(panel, measures={**panel.measures, "events": events})
    asked = record_on(revised, revised.last_month)
    stored = champion.scores[champion.scores["member"] == POOL]
    assert common_origins(stored, asked).empty
    found = champion_record(champion, asked, champion.trained, revised, seed=5)
    both = common_origins(found.scores, asked)
    assert both.groupby("horizon")["origin"].nunique().tolist() == [30, 30]


def newer(old: TrainedModel, panel: Panel) -> TrainedModel:
    """The same model with the record of parts and of watch lists that a training on a longer panel has."""
    problem = build_problems(panel, ("events",), ())["events"]
    lists = fit_watch(problem, panel.last_month, 36)[1]["watch_origins"]
    counts, part = panel.measure("events_jnim"), "events_jnim"
    parts = pd.DataFrame(
        [
            (part, h, str(o), counts.shape[1], int(counts[panel.position(o + h)].sum()), 1.0, 1.0)
            for h in (1, 2)
            for o in pd.period_range(panel.last_month - h - 29, panel.last_month - h, freq="M")
        ],
        columns=[*KEYS, "cases", "observed", "crps", "crps_conflictology"],
    )
    made = {
        f"{name}.json": json.dumps({"columns": list(table), "rows": table.to_numpy(object).tolist()})
        for name, table in {"watch_origins": lists, "part_origins": parts}.items()
    }
    return replace(old, files={**old.files, **made})


@pytest.mark.slow
def test_watch_lists_and_parts_are_compared_after_years_too(world: World) -> None:
    """Three years after its training the champion shares no month with a challenger, and is compared on all."""
    champion = load_model("1", world.mlruns)
    old, panel = champion.trained, ladder_panel(months=132 + 40)
    challenger = newer(old, panel)
    asked = record_on(panel, panel.last_month)
    bare = judge_challenger(asked, challenger, champion, seed=5)[0]
    assert "events_jnim" not in " ".join(bare.figures)
    theirs = champion_record(champion, asked, challenger, panel, seed=5)
    found = judge_challenger(asked, challenger, champion, 5, True, theirs)[0]
    assert {"skill_events_jnim", "onsets_skill"} <= set(found.figures)
    assert set(theirs.parts["scored"]) == {"stored", "again"}
    # An oracle: the chances of the trained model itself at one month.
    month = old.origin + 20
    problem = build_problems(panel, ("events",), ())["events"]
    history = history_of(panel)
    chance = chances_of(old.onset, history, problem, month).onset[2]
    quiet = np.flatnonzero(~np.isnan(chance))
    at = panel.position(month)
    came = panel.measure("events")[at + 1 : at + 4][:, quiet].any(axis=0)
    row = theirs.lists.query("of == 'onset' and months == 3 and origin == @month.strftime('%Y-%m')")
    assert row["cases"].tolist() == [len(quiet)]
    assert row["log_score"].item() == pytest.approx(
        -np.log(np.where(came, chance[quiet], 1 - chance[quiet])).sum()
    )


def test_a_later_month_changes_no_score_of_an_earlier_one(world: World) -> None:
    champion = load_model("1", world.mlruns)
    long = ladder_panel(months=146)
    short = long.until(long.months[-4])
    first, second = (
        champion_record(champion, record_on(p, p.last_month), champion.trained, p, seed=5).scores
        for p in (short, long)
    )
    both = first.merge(second, on=[*KEYS, "cases", "observed", "scored"])
    both = both[both["scored"] == "again"]
    assert len(both) > 10
    assert both["crps_x"].tolist() == both["crps_y"].tolist()


@pytest.mark.slow
def test_eighteen_months_run_unattended(tmp_path: Path) -> None:
    """A month at a time: a refit each quarter, a training in between, and a forecast from the champion.

    Counts are revised, a front opens, one month has three times the events of any other and one has none.
    """
    model = diffusion(a_to_b=0.35, own=0.55, endemic=0.3)
    whole = panel_of(world_of(model, 150, np.random.default_rng(3)), links=ladder_links())
    events = whole.measures["events"].copy()
    events[141:, 4] += 6  # A front opens, nine months before the end.
    events[137] = 0
    events[145] = 3 * events[100:].max(axis=0)
    whole = replace(whole, measures={**whole.measures, "events": events})
    file, mlruns = tmp_path / "panel.parquet", tmp_path / "mlruns"
    given = {
        "targets": ("events",),
        "horizons": (1, 2),
        "draws": 200,
        "workers": 1,
        "seed": 5,
        "parts": False,
    }
    given["members"] = ("endemic_epidemic", "exponential_nb", "conflictology_24")
    settings = Settings(panel=file, mlruns=mlruns, out=tmp_path / "out", **given)
    did, reasons, published = [], [], {}
    for i, month in enumerate(whole.months[-18:]):
        known = whole.until(month)
        late = known.measures["events"].copy()
        late[-1] = np.floor(late[-1] * 0.8)  # What comes in late, and is a revision a month later.
        replace(known, measures={**known.measures, "events": late}).write_parquet(file)
        if i and i % 3 == 0:
            done = refit(settings)
            did.append(done.how)
            reasons.append(done.reasons)
        else:
            outcome = train(settings, promote_if_better=True)
            did.append(
                "first" if outcome.rival == "the best baselines" and outcome.crowned else outcome.crowned
            )
            reasons.append(outcome.verdict.reasons)
        try:
            published[str(month)] = publish(
                replace(settings, run_date=date((month + 1).year, (month + 1).month, 20))
            )
        except GateError as refusal:
            published[str(month)] = refusal
    said = "\n".join(f"{d}: {'; '.join(r)}" for d, r in zip(did, reasons, strict=True))
    out = {month: getattr(done, "message", None) or done.sentence for month, done in published.items()}
    said += f"\n{json.dumps(out, indent=1)}"
    refused = {month for month, done in published.items() if isinstance(done, GateError)}
    # A month without events is none that surprises where few are usual; one with three times the most is.
    surprising = {str(whole.months[145])}
    assert refused <= surprising, said
    levels = {month: done.level for month, done in published.items() if month not in refused}
    assert surprising <= refused | {month for month, level in levels.items() if level == "amber"}, said
    assert latest_name(settings.out) == str(whole.last_month), said
    assert did[0] == "first", said
    assert "refit" in did, said
    few = [r for each in reasons for r in each if "common origins" in r and "not compared" not in r]
    assert few == [], said
    assert not any("cannot be read" in reason for each in reasons for reason in each), said
    with open_registry(mlruns) as client:
        versions = list_versions(client)
        judged = [int(v.tags["judged_origins"]) for v in versions]
        runs = client.search_runs(
            [client.get_experiment_by_name("harmattan").experiment_id], max_results=5000
        )
    assert len(versions) == 18
    assert min(judged) >= 24, said
    assert {run.info.status for run in runs} == {"FINISHED"}
    promoted = [v for v in versions if v.tags.get("promoted_how") == "refit"]
    assert all("CRPS of events" in v.tags["promoted_because"] for v in promoted)


def test_status_says_how_old_the_champion_is_and_why_the_last_challenger_failed(
    world: World, tmp_path: Path
) -> None:
    mine = own_store(world, tmp_path / "mlruns")
    with open_registry(mine.mlruns) as client:
        make_champion(client, "1", {})
        second = copy_version(mine, tmp_path)
        point_alias(client, "challenger", second)
        for key, value in {"gate": "refuses", "gate_reasons": "CRPS gains -1.0%"}.items():
            client.set_model_version_tag("harmattan", second, key, value)
    young, refused = champion_entries(mine.settings, date(2012, 4, 10))
    assert (
        young.message == "The champion, version 1, has learned from months to 2011-12, and is 3 months old."
    )
    assert (
        refused.message == f"The last challenger, version {second}, does not pass the gate: CRPS gains -1.0%."
    )
    assert champion_entries(mine.settings, date(2014, 1, 1))[0].level == "amber"
    assert champion_entries(replace(mine.settings, mlruns=tmp_path / "none"), date(2014, 1, 1)) == ()
