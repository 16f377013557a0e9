"""Training from settings to one version in the registry: fit, back-test, record, and judge it against the champion."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError, ModelError, TrackingError
from ...training.registry.store import short_reason
from ..inputs import Inputs, load_inputs, with_targets
from ..settings import Settings
from ..tracking import card_text, children, draw_plots, metrics, part_metrics, profile, seconds, state_of_code

if TYPE_CHECKING:
    from ...training.models import MemberLike
    from ...training.registry.gate import Verdict
    from ...training.registry.runs import RunRecord
    from ...training.registry.versions import LoadedModel
    from ...training.trained_model import TrainedModel
    from ..fitting import Training

Progress = Callable[[str, float], None]
#: Columns of the leaderboard that become metrics; everything else is in the tables.
METRICS = {
    **{name: name for name in ("crps", "skill_vs_conflictology", "skill_vs_best", "ignorance")},
    **{name: name for name in ("coverage_50", "coverage_80", "coverage_90", "brier_1", "ap_1", "ap_onset")},
}
#: Columns of scores by country, at borders and inside, that become metrics.
PLACES = {"crps": "crps", "skill_vs_best": "skill_vs_best"}
#: Columns of the scores of watch lists that become metrics; ``ratio`` is observed over forecast.
LIST_METRICS = {name: name for name in ("auc", "ap", "log_skill", "ratio")}
#: Files of a version's scored record.
SCORES = "origin_scores.csv"


@dataclass(frozen=True)
class TrainOutcome:
    """What came of one training.

    ``training`` is the model and its back-test, ``version`` its number in the registry, ``run_id`` the run in MLflow;
    ``verdict`` what the gate says of it against ``rival``, the champion or the best baselines; ``crowned`` whether it
    became the champion, which only a first one does by itself. ``seconds`` are by stage.
    """

    training: Training
    version: str
    run_id: str
    verdict: Verdict
    rival: str
    crowned: bool
    seconds: Mapping[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The outcome for JSON."""
        trained = self.training.trained
        return {
            "origin": str(trained.origin),
            "version": self.version,
            "digest": trained.digest,
            "run_id": self.run_id,
            "rival": self.rival,
            "passes": self.verdict.ok,
            "reasons": list(self.verdict.reasons),
            "champion": self.crowned,
            "seconds": {stage: round(spent, 2) for stage, spent in self.seconds.items()},
        }


def train(
    settings: Settings,
    progress: Progress | None = None,
    *,
    members: Sequence[MemberLike] | None = None,
) -> TrainOutcome:
    """Fit every member at the origin, back-test them, log one run, and register one version as challenger.

    The same as ``harmattan train``.

    Parameters
    ----------
    settings : Settings
        Source, origin, targets, horizons, seed, and the store (``mlruns`` or ``tracking_uri``).
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    members : sequence, optional
        What the pool is made of: names, objects of your own, ``...`` for the usual ones; these where None.

    Returns
    -------
    TrainOutcome
        The trained model and its back-test, the version's number, and what the gate says of it.

    Raises
    ------
    HarmattanError
        Input that cannot be read, a model that cannot be fitted, a store that cannot be used. A model that was trained
        and could not be registered is kept below ``mlruns/unregistered``. A champion that cannot be read is none of
        these: the new version is registered, and the gate refuses it.

    Examples
    --------
    >>> from harmattan import Settings, train
    >>> outcome = train(Settings.load({"as_of": "2023-08"}))  # doctest: +SKIP
    >>> outcome.version, outcome.verdict.ok  # doctest: +SKIP
    ('1', True)
    """
    from ..run import train_models

    say = progress or (lambda stage, share: None)
    preparing = _open_store(settings)
    clock = [time.perf_counter()]
    inputs = load_inputs(settings)
    settings = with_targets(settings, inputs.panel)
    training = train_models(settings, lambda stage, share: say(stage, 0.9 * share), inputs, members)
    inputs = replace(inputs, panel=inputs.panel.until(training.trained.origin))
    clock.append(time.perf_counter())
    try:
        say("report", 0.91)
        record = _record(training, inputs, settings)
        clock.append(time.perf_counter())
        say("record", 0.95)
        spent = dict(zip(("train", "report"), np.diff(clock).tolist(), strict=True))
        if preparing is not None:
            preparing.wait(timeout=120)
        with tempfile.TemporaryDirectory() as aside:
            saved = Path(aside) / "model"
            outcome = _register(training, record, scored(training), saved, inputs, settings, spent)
    except (HarmattanError, OSError, subprocess.SubprocessError) as failure:
        raise _save_unregistered(failure, training.trained, settings) from failure
    return replace(outcome, seconds={**spent, "record": time.perf_counter() - clock[-1]})


def _open_store(settings: Settings) -> subprocess.Popen[bytes] | None:
    """See that the store can be read and written before minutes of work, not after.

    A new database is made beside the work.
    """
    from ...training import registry

    if registry.is_local(settings.mlruns, settings.tracking_uri):
        registry.check_folder(settings.mlruns)
    preparing = registry.prepare(settings.mlruns, settings.tracking_uri)
    if preparing is not None:
        return preparing
    with registry.connected(settings.mlruns, settings.tracking_uri) as client:
        number = registry.experiment_of(client, settings.mlruns, settings.tracking_uri)
        # A value that is new each time: what stays the same is not written.
        client.set_experiment_tag(number, "training_began", datetime.now(UTC).isoformat())
    return None


def scored(training: Training) -> pd.DataFrame:
    """The back-test of the pool and the baselines month by month: what later challengers are held against."""
    from ...training.registry.gate import origin_scores

    tables = [origin_scores(evaluation.cases) for evaluation in training.evaluation.values()]
    return pd.concat(tables, ignore_index=True)


def judge_challenger(
    challenger: pd.DataFrame,
    trained: TrainedModel,
    champion: LoadedModel | None,
    seed: int,
    better: bool = True,
) -> tuple[Verdict, str]:
    """What the gate says of a challenger, and whom it faced: the champion, or the best baselines.

    ``challenger`` holds the scores of :func:`scored`, ``trained`` is its model, whose watch lists and parts are
    compared with the champion's; ``seed`` draws the blocks of months, ``better`` asks for a gain; see
    :func:`harmattan.training.registry.gate.decide` and ``with_lists`` and ``with_parts`` there.
    """
    from ...training.registry.gate import POOL, best_baselines, decide, with_lists, with_parts

    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    mine = challenger[challenger["member"] == POOL]
    if champion is None:
        verdict = with_parts(decide(best_baselines(challenger), mine, rng), None, trained.past_parts, rng)
        return verdict, "the best baselines"
    theirs = champion.scores
    verdict = decide(theirs[theirs["member"] == POOL], mine, rng, better=better)
    verdict = with_lists(verdict, champion.trained.past_lists, trained.past_lists, rng)
    verdict = with_parts(verdict, champion.trained.past_parts, trained.past_parts, rng)
    return verdict, f"version {champion.version}"


def _register(
    training: Training,
    record: RunRecord,
    scores: pd.DataFrame,
    saved: Path,
    inputs: Inputs,
    settings: Settings,
    spent: Mapping[str, float],
) -> TrainOutcome:
    """Log the run, register the version, judge it at the gate, and set the aliases."""
    from ...training import registry
    from ...training.registry.runs import write_run
    from ..serving import save_model

    trained = training.trained
    verdict, rival, first = _judge(scores, trained, settings)
    save_model(trained, {SCORES: scores.to_csv(index=False, lineterminator="\n")}, inputs.panel, saved)
    gate = {
        "gate": "passes" if verdict.ok else "refuses",
        "gate_reasons": "; ".join(verdict.reasons)[:5000],
    }
    record = replace(record, metrics={**record.metrics, **seconds(spent)}, tags={**record.tags, **gate})
    doing = "the model could not be registered"
    with registry.connected(settings.mlruns, settings.tracking_uri, doing=doing) as client:
        number = registry.experiment_of(client, settings.mlruns, settings.tracking_uri)
        run_id = write_run(client, number, record)
        kept = ("origin", "data_hash", "package_version", "config_hash", "model_digest")
        tags = {key: record.tags[key] for key in kept} | gate
        version = registry.register_version(client, run_id, number, saved, tags)
        client.set_tag(run_id, "model_version", version)
        registry.point_alias(client, registry.CHALLENGER, version)
        if first and verdict.ok:
            registry.make_champion(client, version, {"promoted_because": "; ".join(verdict.reasons)})
    return TrainOutcome(training, version, run_id, verdict, rival, first and verdict.ok)


def _judge(scores: pd.DataFrame, trained: TrainedModel, settings: Settings) -> tuple[Verdict, str, bool]:
    """The gate's verdict, whom the model faced, and whether it would be the first champion.

    A champion that is damaged costs the new model its verdict, never its version.
    """
    from ...training.registry.gate import Verdict

    try:
        champion = champion_of(settings)
        verdict, rival = judge_challenger(scores, trained, champion, settings.seed)
    except ModelError as reason:
        place = f"{reason.where}: " if reason.where else ""
        why = f"the champion cannot be read: {place}{reason.what.rstrip('.')}"
        return Verdict(False, (why,)), "the champion", False
    return verdict, rival, champion is None


def champion_of(settings: Settings) -> LoadedModel | None:
    """The champion; None where there is none yet. A champion that cannot be read is an error, not an absence."""
    from ...training import registry

    doing, place = "the model registry cannot be used", (settings.mlruns, settings.tracking_uri)
    with registry.connected(*place, doing=doing, remedy=registry.REMEDY) as client:
        there = any(registry.CHAMPION in version.aliases for version in registry.list_versions(client))
    if not there:
        return None
    return registry.load_model(registry.CHAMPION, settings.mlruns, settings.tracking_uri)


def _record(training: Training, inputs: Inputs, settings: Settings) -> RunRecord:
    """What the run holds but for the verdict: configuration, scores, data, tables, pictures, report, card."""
    from ...training.registry.runs import RunRecord, environment_lock, flatten
    from ..release import csv_text
    from ..report import render
    from ..run import run_forecast

    trained = training.trained
    asked = replace(settings, backtest_origins=0)
    result = run_forecast(asked, trained=trained, inputs=inputs, model={"name": "challenger"})
    tables = {
        name: pd.concat([e.tables()[name] for e in training.evaluation.values()], ignore_index=True)
        for name in ("leaderboard", "splits", "onsets", "coverage", "reliability", "pit")
    }
    tables["weights"] = pd.concat(
        [e.weights.assign(target=target) for target, e in training.evaluation.items()], ignore_index=True
    )
    for name in ("watch_scores", "part_scores"):
        tables[name] = trained.table(name) if trained.has_table(name) else pd.DataFrame()
    board = tables["leaderboard"]
    pictures = draw_plots({**tables, "scores": board, "contributions": result.contributions})
    recipe_hash = hashlib.sha256(trained.recipe.to_json().encode()).hexdigest()
    lock = environment_lock()
    versions = dict(line.split("==", 1) for line in lock.splitlines())
    libraries = {name: versions[name] for name in LIBRARIES if name in versions}
    configuration = {**settings.published(), "recipe_hash": recipe_hash, "versions": libraries}
    return RunRecord(
        name=f"train {trained.origin}",
        params=configuration,
        metrics={
            **metrics(board[board["member"] == "pool"], METRICS),
            **_places(tables["splits"]),
            **_lists(tables["watch_scores"]),
            **part_metrics(tables["part_scores"]),
        },
        tags=_tags(trained, inputs, settings, recipe_hash),
        profile=profile(inputs.panel),
        digest=trained.data_hash,
        source=inputs.panel.source,
        texts={
            **{f"tables/{name}.csv": csv_text(table) for name, table in tables.items() if len(table.columns)},
            **pictures,
            "report.html": render(result),
            "data_quality.csv": csv_text(result.quality),
            "model_card.md": card_text(trained, board, inputs.panel),
            "environment.txt": lock,
            "configuration.json": json.dumps(flatten(configuration), indent=2, sort_keys=True) + "\n",
        },
        children=children(board, METRICS),
    )


#: Libraries whose versions are parameters of a run; all of them are in its ``environment.txt``.
LIBRARIES = (
    "harmattan",
    "lightgbm",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "statsmodels",
    "scoringrules",
)


def _places(splits: pd.DataFrame) -> dict[str, dict[int, float]]:
    """CRPS and skill of the pool by country, at borders and inside."""
    kept = splits[(splits["member"] == "pool") & splits["split"].isin(["country", "place"])]
    return metrics(kept.assign(member=kept["part"]), PLACES)


def _lists(scores: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Scores of past watch lists as ``auc.onset`` and so on; the step is the months that a list is good for."""
    if scores.empty:
        return {}
    named = scores.rename(columns={"of": "target", "months": "horizon"})
    return metrics(named, LIST_METRICS, member=False)


def _tags(trained: TrainedModel, inputs: Inputs, settings: Settings, recipe_hash: str) -> dict[str, str]:
    """What runs and versions are searched by."""
    return {
        "run_kind": "train",
        "origin": str(trained.origin),
        "data_hash": trained.data_hash,
        "config_hash": settings.digest(),
        "recipe_hash": recipe_hash,
        "model_digest": trained.digest,
        "coverage": inputs.coverage.to_json(orient="records")[:5000],
        "package_version": trained.package_version,
        **state_of_code(),
    }


def _save_unregistered(failure: Exception, trained: TrainedModel, settings: Settings) -> HarmattanError:
    """Save a model that could not be registered; the error that says where it is."""
    error = failure
    if not isinstance(error, HarmattanError):
        error = TrackingError(f"the model could not be registered ({short_reason(failure)}).")
    folder = settings.mlruns / "unregistered" / f"{trained.origin}-{trained.digest[:12]}"
    aside = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        trained.write(aside)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        return error
    remedy = f"The trained model is in {folder}. Mend the cause, and train again."
    return type(error)(error.what, error.where, remedy)
