"""The scheduled job: newest data, the champion, a release that was read back, ``latest``, and word of it.

A stage that fails stops everything after it; what stands in the folder of releases is then as it was before, but for
``status.json``, which says what happened. See docs/publishing.md for every stage.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import (
    CoverageError,
    GateError,
    HarmattanError,
    ModelError,
    TrackingError,
    UploadError,
    UsageError,
    nearest,
)
from ..jobs import check_writable
from ..loading import with_targets
from ..release import (
    coverage_of,
    last_job,
    latest_name,
    newest_fit_for_latest,
    point_latest,
    publishing,
    read_release,
    read_secret_key,
    sign_release,
    verify_release,
    write_status,
)
from .checks import Judgement, check_space, problems_of, read_inputs, remove_leftovers
from .fallback import Candidate, chain, reason_of, same_inputs, why
from .job_log import JobLog
from .job_record import job_record, notified_before, notify_release, report_failure
from .metrics import write_metrics
from .outcome import Published
from .upload import upload_releases

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..jobs import SelectedModel
    from ..release import PastRelease, Release
    from ..result import ForecastResult
    from ..settings import Settings

#: Called with a stage and the share of the job that is done.
Progress = Callable[[str, float], None]
#: Where a forecast is put that may not be published, for people to look at.
HELD = "held"


def publish(
    settings: Settings | None = None,
    log: JobLog | None = None,
    progress: Progress | None = None,
    judgement: Judgement | None = None,
    **says: Any,
) -> Published:
    """Publish the newest forecast, or refuse with an error that says why.

    Parameters
    ----------
    settings : Settings, optional
        As for a forecast; ``model`` is the champion where none is named, ``run_date`` today. Those of the settings file
        and the environment where None, as for the command.
    log : JobLog, optional
        Is written every stage.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    judgement : Judgement, optional
        What is said of the data: losses or a newest month that are accepted, a month that is masked.
    **says
        The same by its parts, named as the command's options: ``accept_losses``, ``accept_month``, ``mask_month``,
        ``mask_reason``, ``mask_country``.

    Returns
    -------
    Published
        Also where MLflow or ``notify`` failed, which lose no release: see its errors.

    Raises
    ------
    LockError
        Another publishing job is at work here.
    HarmattanError
        Anything else that stops the job; ``latest`` still points to the release before.
    """
    from ..settings import settings_of

    settings = settings_of(settings)
    judgement = _judgement(judgement, says)
    log, day = log or JobLog(), settings.run_date or date.today()
    settings = replace(settings, run_date=day)
    say = progress or (lambda stage, share: None)
    check_writable(settings.out)
    with publishing(settings.out) as stale:
        if stale:
            log.write("preflight", "note", message="an earlier job had ended without letting go of its lock")
        before = last_job(settings.out)
        notified = notified_before(before)
        try:
            done = _Job(settings, day, log, say, judgement, notified).run()
        except Exception as error:
            report_failure(settings, day, log, error, notified)
            raise
        done = notify_release(settings, day, log, done, before, notified)
        if settings.metrics_file is not None:
            failed = done.tracking_error or done.upload_error or done.notify_error
            write_metrics(settings.metrics_file, done.status, failed.exit_code if failed else 0, done.seconds)
        return done


def plan(settings: Settings, judgement: Judgement | None = None) -> dict[str, Any]:
    """What :func:`publish` would do, having looked at folder, data and models, and written nothing.

    Raises
    ------
    HarmattanError
        What would stop the job before it forecasts.
    """
    day = settings.run_date or date.today()
    check_writable(settings.out)
    if settings.out.is_dir():
        check_space(settings.out)
    inputs = read_inputs(replace(settings, run_date=day), day, judgement)
    tried: list[str] = []
    for candidate in chain(settings):
        try:
            candidate.select(settings)
        except (ModelError, TrackingError) as error:
            tried.append(why(candidate.label, error))
            continue
        origin = str(inputs.panel.last_month)
        return {
            "origin": origin,
            "model": candidate.label,
            "tried": tried,
            "release": str(settings.out / origin),
            "regions": len(inputs.panel.region_ids),
            "run_date": str(day),
            "why_not_latest": "it is a demonstration on the counts that come with the package"
            if inputs.demonstration
            else None,
        }
    raise ModelError("no model can be used.", remedy="Train one: harmattan train.")


def _judgement(given: Judgement | None, says: Mapping[str, Any]) -> Judgement:
    known = [f.name for f in fields(Judgement)]
    for name in says:
        if name not in known:
            raise UsageError(f"publish has no '{name}'.", name, nearest(name, known))
    if given is not None and says:
        raise UsageError("what is said of the data is given twice.", "judgement", "Leave one of them out.")
    return given or Judgement(**says)


@dataclass(frozen=True)
class _Job:
    """One job, its folder locked."""

    settings: Settings
    day: date
    log: JobLog
    say: Progress
    judgement: Judgement
    notified: Mapping[str, Any]

    def run(self) -> Published:
        """Every stage from the checks before to the status after."""
        settings, log = self.settings, self.log
        with log.stage("preflight"):
            self.say("preflight", 0.0)
            remove_leftovers(settings.out)
            check_space(settings.out)
            if settings.sign is not None:
                read_secret_key(settings.sign)
        with log.stage("data"):
            self.say("data", 0.02)
            inputs = read_inputs(settings, self.day, self.judgement)
        job = replace(self, settings=with_targets(settings, inputs.panel))
        release, result, about = job._release(inputs)
        with log.stage("verify"):
            self.say("verify", 0.93)
            # The tables of a new release were read back before it got its name; its bytes are enough now.
            verify_release(release.path, tables=release.status == "identical").require()
        if settings.sign is not None and sign_release(release.path, settings.sign):
            log.write("sign", "note", message=f"{release.path.name} is signed after it was published")
        with log.stage("latest"):
            was, why_not = latest_name(settings.out), self._point_latest(release.path)
            _remove_held(settings.out)
        run_id, failure = job._record(result, release)
        lost = job._upload(release)
        with log.stage("status"):
            info = read_release(release.path)
            record = job_record(self.day, release, failure or lost) | dict(self.notified)
            status = write_status(settings.out, self.day, settings.due_days, record)
        led = latest_name(settings.out)
        banner = str(info.manifest.get("banner", ""))
        outcome = (info.level, banner, about, led, led != was, why_not, status, log.seconds, run_id, failure)
        return Published(release, *outcome, upload_error=lost)

    def _release(self, inputs: Inputs) -> tuple[Release, ForecastResult | None, Mapping[str, Any]]:
        """Make the release with the first model of the chain that serves, unless it is there already."""
        from ..monitoring import with_alarms
        from ..release import newest_before

        origin = inputs.panel.last_month
        before = newest_before(self.settings.out, origin, inputs.panel.region_ids)
        tried: list[str] = []
        held: tuple[ForecastResult, GateError] | None = None
        unreachable = False
        for candidate in chain(self.settings):
            if unreachable and candidate.members is None:
                continue
            try:
                with self.log.stage("model"):
                    self.say("model", 0.05)
                    selected = candidate.select(self.settings)
                given = candidate.inputs(inputs)
                there = self._released_before(given, candidate, selected)
                if there is not None:
                    return there, None, read_release(there.path).manifest.get("model", {})
                result = self._forecast(given, candidate, selected, tried)
            except Exception as error:
                if isinstance(error, HarmattanError) and not isinstance(error, ModelError | TrackingError):
                    # A request or data that are wrong for one model are wrong for all.
                    raise
                unreachable = unreachable or isinstance(error, TrackingError)
                tried.append(why(candidate.label, error))
                self.log.write("model", "note", model=candidate.label, message=tried[-1])
                continue
            problem = self._check(result, before)
            if problem is None:
                result = with_alarms(result, self.settings.out)
                return self._write(result, before), result, result.model
            held = held or (result, problem)
            tried.append(why(candidate.label, problem))
            self.log.write("checks", "note", model=candidate.label, message=tried[-1])
        if held is not None:
            raise self._write_held(*held, before)
        raise ModelError(f"no model can be used: {'; '.join(tried)}.", remedy="Train one: harmattan train.")

    def _released_before(
        self, inputs: Inputs, candidate: Candidate, selected: SelectedModel
    ) -> Release | None:
        """The release that this very job made before, or one that a better model made from the same data."""
        from ..release import Release, revisions

        out, origin = self.settings.out, str(inputs.panel.last_month)
        for folder in reversed(revisions(out, origin) if out.is_dir() else []):
            info = read_release(folder)
            if info.withdrawn or info.problem or inputs.masked not in str(info.manifest.get("banner", "")):
                continue
            same = same_inputs(info, self._settings(inputs, selected), inputs, candidate, selected)
            return (
                Release(folder, "identical") if same and verify_release(folder, tables=False).whole else None
            )
        return None

    def _settings(self, inputs: Inputs, selected: SelectedModel) -> Settings:
        """The settings, with one more month ahead where the newest is masked and the model can tell."""
        horizons = self.settings.horizons
        longer = (*horizons, horizons[-1] + 1)
        serves = selected.trained is None or set(longer) <= set(selected.trained.horizons)
        return replace(self.settings, horizons=longer) if inputs.masked and serves else self.settings

    def _forecast(
        self, inputs: Inputs, candidate: Candidate, selected: SelectedModel, tried: list[str]
    ) -> ForecastResult:
        from ..run import run_forecast

        about = {**selected.about, **reason_of(candidate.label, tried)}
        with self.log.stage("forecast"):
            return run_forecast(
                self._settings(inputs, selected),
                lambda stage, share: self.say(stage, 0.1 + 0.7 * share),
                selected.trained,
                candidate.members,
                about,
                inputs,
            )

    def _check(self, result: ForecastResult, before: PastRelease | None) -> GateError | None:
        """Whether the forecast is complete and plausible."""
        with self.log.stage("checks"):
            found = problems_of(result, before.draws if before else None)
        if not found:
            return None
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        what = f"the forecast is not plausible: {found[0].rstrip('.')}{more}."
        remedy = f"Nothing was published; the page in {HELD}/ shows it."
        return GateError(what, f"forecast from {result.origin}", remedy)

    def _write(self, result: ForecastResult, before: PastRelease | None) -> Release:
        """Render the page and put the release in its place, unless recent intervals were out of band."""
        from ..outlook import with_outlook
        from ..release import publish_release
        from ..report import shared_files
        from ..tracking import leave_note

        coverage = coverage_of(result.scores.to_dict("records"))
        if coverage.level == "red":
            remedy = f"Nothing was published; look at {HELD}/, and train again."
            error = CoverageError(coverage.message, f"forecast from {result.origin}", remedy)
            raise self._write_held(result, error, before)
        result = with_outlook(result, before)
        html = self._page(result, before)
        with self.log.stage("release"):
            self.say("release", 0.88)

            def on_file(name: str) -> None:
                self.log.write("release", "note", file=name)

            def check(folder: Path) -> None:
                self.log.write("release", "note", step="read back")
                verify_release(folder).require()
                if self.settings.sign is not None:
                    self.log.write("release", "note", step="sign")
                    sign_release(folder, self.settings.sign)
                self.log.write("release", "note", step="rename")

            beside = shared_files(result, before)
            on_name = leave_note if self.settings.tracks else None
            return publish_release(result, html, self.settings.out, on_file, check, beside, on_name)

    def _page(self, result: ForecastResult, before: PastRelease | None) -> str:
        from ..report import render

        with self.log.stage("report"):
            self.say("report", 0.82)
            return render(result, before)

    def _write_held(self, result: ForecastResult, error: GateError, before: PastRelease | None) -> GateError:
        """Write what may not be published under ``held/``, with a red banner; the error to be raised."""
        from ..release import publish_release

        out = self.settings.out / HELD
        red = replace(result, level="red", banner=f"Not published: {error.what} {result.banner}".strip())
        try:
            _remove_held(self.settings.out)
            publish_release(red, self._page(red, before), out)
        except Exception as failure:
            self.log.write("checks", "note", message=f"nothing could be held: {failure}")
        return error

    def _point_latest(self, folder: Path) -> str:
        """Let ``latest`` point to the newest release that may lead; why that is not this one."""
        out = self.settings.out
        able = newest_fit_for_latest(out)
        point_latest(out, able.name if able else None)
        self._write_archive(out)
        if latest_name(out) == folder.name:
            return ""
        own = read_release(folder).why_not_latest
        return own or f"{latest_name(out)} is newer"

    def _write_archive(self, out: Path) -> None:
        """Make the folder's own page and feed anew; one that cannot be written loses no release."""
        from ..report import write_archive

        try:
            write_archive(out)
        except HarmattanError as error:
            self.log.write("archive", "note", message=error.message)

    def _upload(self, release: Release) -> UploadError | None:
        """Copy the release to the store that is named; a failure is returned, and loses nothing here."""
        if self.settings.upload is None:
            return None
        try:
            with self.log.stage("upload"):
                sent = upload_releases(self.settings.out, release.path, self.settings.upload)
                self.log.write("upload", "note", files=len(sent))
        except UploadError as error:
            return error
        return None

    def _record(
        self, result: ForecastResult | None, release: Release
    ) -> tuple[str | None, TrackingError | None]:
        """Record the run in MLflow, now or where an earlier job could not; a failure is returned, and loses nothing."""
        from ..jobs import track_forecast
        from ..tracking import track_release, why_untracked

        if not self.settings.tracks or (result is None and why_untracked(release.path) is None):
            return None, None
        try:
            with self.log.stage("record"):
                self.say("record", 0.95)
                if result is None:
                    return track_release(release.path, self.settings), None
                return track_forecast(result, release, self.settings), None
        except TrackingError as error:
            return None, error


def _remove_held(out: Path) -> None:
    shutil.rmtree(out / HELD, ignore_errors=True)
