"""The main job: forecast, report, release, and last the record in MLflow, which can fail alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import ReleaseError, TrackingError
from ..loading import load_inputs, with_targets
from ..memory import give_back
from ..own_features import functions_of
from ..settings import Settings

if TYPE_CHECKING:
    from ...training.trained_model import TrainedModel
    from ..release import Release
    from ..result import ForecastResult


#: What a folder has that holds a trained model.
CARD = "model.json"


@dataclass(frozen=True)
class SelectedModel:
    """The model that a run uses: ``trained``, None where everything is fitted at the origin, and what is known of it.

    ``about`` has its ``name``, and its ``version`` where it is registered.
    """

    trained: TrainedModel | None
    about: Mapping[str, Any]


def select_model(settings: Settings) -> SelectedModel:
    """What ``settings.model`` names: a folder that a trained model was written to, else a version of the registry.

    Raises
    ------
    ModelError
        No such model, or one whose files have changed.
    TrackingError
        The registry cannot be reached.
    """
    if settings.model is None:
        return SelectedModel(None, {"name": "fitted at the origin"})
    if (Path(settings.model) / CARD).is_file():
        from ...training.trained_model import TrainedModel

        read = TrainedModel.read(Path(settings.model)).trusting(settings.trusted, functions_of(settings))
        return SelectedModel(read, {"name": "trained before"})
    from ...training.registry.versions import load_model

    found = load_model(settings.model, settings.mlruns, settings.tracking_uri)
    return SelectedModel(
        found.trained.trusting(settings.trusted, functions_of(settings)),
        {"name": found.name, "version": found.version},
    )


@dataclass(frozen=True)
class Outcome:
    """What came of one job: the forecast, where it was written, its run in MLflow, or why there is none."""

    result: ForecastResult
    release: Release
    run_id: str | None = None
    tracking_error: TrackingError | None = None

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.release.path / "report.html"

    def summary(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "origin": str(self.result.origin),
            "level": self.result.level,
            "banner": self.result.banner,
            "release": str(self.release.path),
            "status": self.release.status,
            "reason": list(self.release.reason),
            "report": str(self.report),
            "run_id": self.run_id,
            "tracking_error": self.tracking_error and self.tracking_error.message,
            "seconds": {stage: round(seconds, 2) for stage, seconds in self.result.timings.items()},
        }


def run_main_job(settings: Settings, progress: Callable[[str, float], None] | None = None) -> Outcome:
    """Forecast, and write the release and its run.

    Parameters
    ----------
    settings : Settings
        What to compute and where to put it.
    progress : callable, optional
        Called with a stage and the share done, 0..1.

    Raises
    ------
    HarmattanError
        Anything but a failing MLflow: nothing is written then.
    """
    result, settings = make_forecast(settings, progress)
    return release_forecast(result, settings, progress)


def make_forecast(
    settings: Settings, progress: Callable[[str, float], None] | None = None
) -> tuple[ForecastResult, Settings]:
    """The forecast of the main job, and the settings with the targets that the data have; nothing is written."""
    from ..release import check_level, read_secret_key
    from ..run import run_forecast

    check_writable(settings.out)
    if settings.sign is not None:
        read_secret_key(settings.sign)
    inputs = load_inputs(settings)
    # Before the work, and not when everything is done.
    check_level(inputs.panel, inputs.regions, settings.allow_grid, settings.level)
    settings = with_targets(settings, inputs.panel)
    selected = select_model(settings)
    say = progress or (lambda stage, share: None)
    return run_forecast(settings, say, selected.trained, model=selected.about, inputs=inputs), settings


def release_forecast(
    result: ForecastResult, settings: Settings, progress: Callable[[str, float], None] | None = None
) -> Outcome:
    """Render the page of a forecast, beside the release before it; write its release, signed, and its run."""
    from ..monitoring import with_alarms
    from ..outlook import with_outlook
    from ..release import newest_before, publish_release, sign_release
    from ..report import render, shared_files
    from ..tracking import leave_note

    say = progress or (lambda stage, share: None)
    say("report", 0.92)
    result = with_alarms(result, settings.out)
    before = newest_before(settings.out, result.origin, result.panel.region_ids)
    result = with_outlook(result, before)
    html = render(result, before)
    say("release", 0.95)
    beside, on_name = shared_files(result, before), leave_note if settings.tracks else None

    def sign(folder: Path) -> None:
        if settings.sign is not None:
            sign_release(folder, settings.sign)

    release = publish_release(result, html, settings.out, check=sign, beside=beside, on_name=on_name)
    # One that was there already has been compared, not written.
    sign(release.path)
    give_back()
    run_id, error = None, None
    if settings.tracks:
        say("record", 0.97)
        try:
            run_id = track_forecast(result, release, settings)
        except TrackingError as failure:
            error = failure
    return Outcome(result, release, run_id, error)


def track_forecast(result: ForecastResult, release: Release, settings: Settings) -> str:
    """Record a finished forecast in MLflow, once; the run's id, or a :class:`TrackingError` and a note beside it."""
    from ...training.registry.runs import log_run
    from ..tracking import leave_note, record_of, remove_note

    record = record_of(result, release.path, settings)
    again = ("release", "forecast_hash") if release.status == "identical" else ()
    try:
        run_id = log_run(record, settings.mlruns, settings.tracking_uri, once_by=again)
    except TrackingError as failure:
        leave_note(release.path, failure)
        raise
    remove_note(release.path)
    return run_id


def check_writable(out: Path) -> None:
    """A :class:`ReleaseError` before the work, not after it, where ``out`` could not be written."""
    there = out
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ReleaseError("releases cannot be written here.", str(there), "Choose another --out.")
