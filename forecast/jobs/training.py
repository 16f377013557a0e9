"""Training from settings to one version in the registry: fit, back-test, record, and judge it against the champion."""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError, TrackingError
from ...data.show import Brief
from ...training.registry.store import short_reason
from ..inputs import Inputs
from ..loading import load_inputs, with_targets
from ..memory import give_back
from ..settings import Settings, settings_of
from ..tracking import (
    card_text,
    children,
    describe,
    draw_plots,
    headline_metrics,
    metrics,
    part_metrics,
    profile,
    quiet_metrics,
    seconds,
    state_of_code,
    watch_table,
    year_metrics,
)
from ..values import require_flags
from .judging import judged, promotion_tags

if TYPE_CHECKING:
    from ...features.recipe import Recipe
    from ...training.models import MemberLike
    from ...training.registry.gate import Verdict
    from ...training.registry.runs import RunRecord
    from ...training.trained_model import TrainedModel
    from ..fitting import Training

Progress = Callable[[str, float], None]
#: Columns of the leaderboard that become metrics; everything else is in the tables.
METRICS = {
    **{name: name for name in ("crps", "skill_vs_conflictology", "skill_vs_best", "ignorance")},
    **{name: name for name in ("coverage_50", "coverage_80", "coverage_90", "brier_1", "ap_1", "ap_onset")},
    **{name: name for name in ("ap_escalation", "brier_escalation")},
}
#: Columns of scores by country, at borders and inside, that become metrics.
PLACES = {"crps": "crps", "skill_vs_best": "skill_vs_best"}
#: Columns of the scores of watch lists that become metrics; ``ratio`` is observed over forecast.
LIST_METRICS = {name: name for name in ("auc", "ap", "log_skill", "ratio")}


#: What the description of a training points to.
FILES = {
    "Report": "report.html",
    "skill": "plots/skill_by_horizon.png",
    "calibration": "plots/reliability.png",
    "map": "map.png",
    "watch list": "watch_list.json",
    "model card": "model_card.md",
}


@dataclass(frozen=True, repr=False)
class TrainOutcome(Brief):
    """What came of one training.

    ``training`` is the model and its back-test, ``version`` its number in the registry, ``run_id`` the run in MLflow;
    ``verdict`` what the gate says of it against ``rival``, the champion or the best baselines; ``crowned`` whether it
    became the champion, which only a first one does unless that was asked for. ``seconds`` are by stage.
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
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    members: Sequence[MemberLike] | None = None,
    promote_if_better: bool = False,
    refit: Recipe | None = None,
) -> TrainOutcome:
    """Fit every member at the origin, back-test them, log one run, and register one version as challenger.

    The same as ``harmattan train``.

    Parameters
    ----------
    settings : Settings, optional
        Source, origin, targets, horizons, seed, and the store (``mlruns`` or ``tracking_uri``). Those of the settings
        file and the environment where None, as for the command.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    members : sequence, optional
        What the pool is made of: names, objects of your own, ``...`` for the usual ones; these where None.
    promote_if_better : bool
        Whether a version that passes the gate becomes the champion at once.
    refit : Recipe, optional
        The champion's features: the version has to be no worse than it, not better.

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

    settings = settings_of(settings)
    require_flags(promote_if_better=promote_if_better)
    say = progress or (lambda stage, share: None)
    _open_store(settings)
    clock = [time.perf_counter()]
    inputs = load_inputs(settings)
    settings = with_targets(settings, inputs.panel)
    training = train_models(settings, lambda stage, share: say(stage, 0.9 * share), inputs, members, refit)
    inputs = inputs.until(training.trained.origin)
    gc.collect()  # Problems and the fits that they keep refer to each other.
    give_back()
    clock.append(time.perf_counter())
    try:
        say("report", 0.91)
        scores = scored(training)
        record = _record(training, scores, inputs, settings)
        clock.append(time.perf_counter())
        say("record", 0.95)
        spent = dict(zip(("train", "report"), np.diff(clock).tolist(), strict=True))
        with tempfile.TemporaryDirectory() as aside:
            saved = Path(aside) / "model"
            crown = promote_if_better or refit is not None
            outcome = _register(
                training, scores, record, saved, inputs, settings, spent, crown, refit is None
            )
    except (HarmattanError, OSError) as failure:
        raise _save_unregistered(failure, training.trained, settings) from failure
    return replace(outcome, seconds={**spent, "record": time.perf_counter() - clock[-1]})


def _open_store(settings: Settings) -> None:
    """See that the store can be read and written before minutes of work, not after; a new one is made at the end."""
    from ...training import registry

    if registry.is_local(settings.mlruns, settings.tracking_uri):
        registry.check_folder(settings.mlruns)
        if not (settings.mlruns / "mlflow.db").is_file():
            return
    with registry.connected(settings.mlruns, settings.tracking_uri) as client:
        number = registry.experiment_of(client, settings.mlruns, settings.tracking_uri)
        # A value that is new each time: what stays the same is not written.
        client.set_experiment_tag(number, "training_began", datetime.now(UTC).isoformat())


def scored(training: Training) -> pd.DataFrame:
    """The back-test of the pool and the baselines month by month: what later challengers are held against."""
    from ...training.registry.gate import origin_scores

    tables = [origin_scores(evaluation.cases) for evaluation in training.evaluation.values()]
    return pd.concat(tables, ignore_index=True)


def _register(
    training: Training,
    scores: pd.DataFrame,
    record: RunRecord,
    saved: Path,
    inputs: Inputs,
    settings: Settings,
    spent: Mapping[str, float],
    crown: bool,
    better: bool,
) -> TrainOutcome:
    """Log the run, register the version, judge it at the gate, and set the aliases."""
    from ...training import registry
    from ..serving import save_model

    trained = training.trained
    found = judged(scores, trained, inputs.panel, settings, better, inputs.training)
    tables = {registry.SCORES: scores, **(found.theirs.tables() if found.theirs else {})}
    save_model(
        trained,
        {n: t.to_csv(index=False, lineterminator="\n") for n, t in tables.items()},
        inputs.panel,
        saved,
    )
    gate = found.tags()
    record = replace(
        record,
        metrics={**record.metrics, **seconds(spent)},
        tags={**record.tags, **gate},
        description=f"{record.description}\n\n{found.sentence}",
    )
    doing = "the model could not be registered"
    with registry.connected(settings.mlruns, settings.tracking_uri, doing=doing) as client:
        number = registry.experiment_of(client, settings.mlruns, settings.tracking_uri)
        # The run is finished when the version has its names: a job that is killed before leaves it open, and it fails.
        with registry.open_run(client, number, record) as run_id:
            kept = ("origin", "data_hash", "package_version", "config_hash", "model_digest")
            tags = {key: record.tags[key] for key in kept} | gate
            note = client.get_run(run_id).data.tags["mlflow.note.content"]
            version = registry.register_version(client, run_id, number, saved, tags, note)
            client.set_tag(run_id, "model_version", version)
            registry.point_alias(client, registry.CHALLENGER, version)
            crowned = found.verdict.ok and (found.first or crown)
            if crowned:
                how = "gate" if better else "refit"
                registry.make_champion(client, version, promotion_tags(how, found.verdict, found.rival))
    return TrainOutcome(training, version, run_id, found.verdict, found.rival, crowned)


def _record(training: Training, scores: pd.DataFrame, inputs: Inputs, settings: Settings) -> RunRecord:
    """What the run holds but for the verdict: configuration, scores, data, tables, pictures, report, card."""
    from ...training.registry.runs import RunRecord, environment_lock, flatten
    from ..release import csv_text
    from ..report import render, shared_files
    from ..run import run_forecast

    trained = training.trained
    asked = replace(settings, backtest_origins=0)
    result = run_forecast(asked, trained=trained, inputs=inputs, model={"name": "challenger"})
    tables = {
        name: pd.concat([e.tables()[name] for e in training.evaluation.values()], ignore_index=True)
        for name in ("leaderboard", "splits", "onsets", "coverage", "reliability", "pit", "quiet_years")
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
    texts = {
        **{f"tables/{name}.csv": csv_text(table) for name, table in tables.items() if len(table.columns)},
        **pictures,
        **shared_files(result),
        "report.html": render(result),
        "data_quality.csv": csv_text(result.quality),
        "model_card.md": card_text(trained, board, inputs.panel),
        "environment.txt": lock,
        "configuration.json": json.dumps(flatten(configuration), indent=2, sort_keys=True) + "\n",
    }
    watch = watch_table(result.watch.get("watchlist.csv", pd.DataFrame()))
    there = {*texts, *(f"{name}.json" for name in watch)}
    return RunRecord(
        name=f"train {trained.origin}",
        params=configuration,
        metrics={
            **metrics(board[board["member"] == "pool"], METRICS),
            **_places(tables["splits"]),
            **_lists(tables["watch_scores"]),
            **part_metrics(tables["part_scores"]),
            **headline_metrics(board),
            **quiet_metrics(tables["quiet_years"]),
            **year_metrics(scores),
        },
        tags=_tags(trained, inputs, settings, recipe_hash),
        profile=profile(inputs.panel),
        digest=trained.data_hash,
        source=inputs.panel.source,
        texts=texts,
        children=children(board, METRICS),
        tables=watch,
        description=describe(
            f"# Model trained on months to {trained.origin}",
            result.banner,
            headline_metrics(board),
            {words: name for words, name in FILES.items() if name in there},
        ),
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
