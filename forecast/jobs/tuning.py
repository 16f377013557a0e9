"""A search for better parameters, from settings to one run with a child per trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...data.errors import TrackingError, UsageError
from ..tracking import state_of_code
from .backtest_plan import BacktestSettings, make_plan

if TYPE_CHECKING:
    import pandas as pd

    from ...training.models import MemberLike
    from ...training.models.base import Problem
    from ...training.registry.runs import RunRecord
    from ...training.search_space import Space
    from ...training.tuning import Search, Trial
    from ..settings import Settings

Progress = Callable[[str, float], None]
#: Most trials that one study holds.
MOST = 10_000


@dataclass(frozen=True)
class TuneOutcome:
    """What came of a search: trials, those of earlier calls among them, and the run in MLflow or why there is none."""

    search: Search
    trials: list[Trial]
    run_id: str | None = None
    tracking_error: TrackingError | None = None

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        from ...training.tuning import best_trial

        winner = best_trial(self.trials)
        states = [t.state for t in self.trials]
        return {
            "study": self.search.name,
            "trials": {state: states.count(state) for state in sorted(set(states))},
            "shipped": self.trials[0].score if self.trials else None,
            "best": winner and {"trial": winner.number, "score": winner.score, "params": dict(winner.params)},
            "run_id": self.run_id,
        }


def run_tune_job(
    settings: Settings | None = None,
    member: MemberLike = "boosted",
    trials: int = 20,
    origins: tuple[pd.Period | str, pd.Period | str] | None = None,
    progress: Progress | None = None,
    *,
    space: Space | None = None,
    scheduler: str | None = None,
) -> TuneOutcome:
    """Search the parameters of one member over rolling origins, none of whose outcomes lies in the vault.

    Parameters
    ----------
    settings : Settings, optional
        Source, the one target, horizons, countries, seed, workers, and the store. Those of the settings file and the
        environment where None, with events as the target.
    member : str, or a member of your own
        A key of :data:`harmattan.training.search_space.SEARCH_SPACE`; or a :class:`Regressor`, or any object with
        ``get_params`` and ``set_params``, and ``space``.
    trials : int
        How many the study is to hold, those of earlier calls among them.
    origins : tuple of two months, optional
        First and last; the last 24 where None, of the shipped counts those that stay out of the vault.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    space : mapping, optional
        The lowest and highest value of each parameter of your own member: ``{"estimator__alpha": (0.01, 10.0)}``.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``, whose workers are used.

    Raises
    ------
    UsageError
        A member without a declared space, origins that reach into the vault, optuna not installed.
    TrackingError
        The database of the study cannot be used. A failing MLflow stands in the outcome.
    """
    from ...training.registry.runs import log_monitoring
    from ...training.tuning import search
    from ..settings import settings_of

    settings = settings_of(settings, {"targets": "events"})
    say = progress or (lambda stage, share: None)
    say("data", 0.0)
    problem, plan = plan_search(settings, member, trials, origins, space)
    found = search(
        problem,
        plan,
        trials,
        settings.mlruns,
        workers=settings.workers,
        scheduler=scheduler,
        progress=lambda done, of: say("trials", 0.05 + 0.9 * done / of),
    )
    outcome = TuneOutcome(plan, found)
    if not settings.tracks:
        return outcome
    say("record", 0.97)
    try:
        # One run for the study, to which later calls add their trials.
        record, unique = _record(outcome), ("run_kind", "study")
        return replace(outcome, run_id=log_monitoring(record, settings.mlruns, settings.tracking_uri, unique))
    except TrackingError as failure:
        return replace(outcome, tracking_error=failure)


def plan_search(
    settings: Settings,
    member: MemberLike,
    trials: int,
    origins: tuple[pd.Period | str, pd.Period | str] | None,
    space: Space | None = None,
) -> tuple[Problem, Search]:
    """The data up to the last outcome, and what is searched on them; raises what :func:`run_tune_job` does."""
    from ...data.months import month_of
    from ...training.models import name_of
    from ...training.problems import build_problems
    from ...training.search_space import check_searchable, space_of
    from ...training.tuning import Search

    check_searchable(member, space)
    whole = isinstance(trials, int) and not isinstance(trials, bool)
    if not whole or not 1 <= trials <= MOST:
        raise UsageError(f"{trials} trials are not a search.", "--trials", f"Write 1 to {MOST}.")
    target = settings.targets[0]
    if len(settings.targets) != 1:
        raise UsageError(
            "a search has one target.", "--target", "Write events, deaths or another count of the panel."
        )
    months = None if origins is None else (month_of(origins[0]), month_of(origins[1]))
    # The vault is that of a back-test: closed months of the shipped counts, in whichever file they come.
    try:
        plan = make_plan(BacktestSettings(base=settings, target=target, origins=months))
    except UsageError as error:
        if "the vault" not in error.what:
            raise
        remedy = "Choose origins whose furthest month is earlier: no search opens it."
        raise UsageError(error.what, "--origins", remedy) from None
    problem = build_problems(plan.panel, [target], plan.inputs.training)[target]
    protocol = plan.protocol
    own = None if isinstance(member, str) else member
    return problem, Search(
        member if isinstance(member, str) else name_of(member),
        target,
        protocol.horizons,
        tuple(protocol.origins(max(protocol.horizons))),
        plan.regions,
        protocol.refit_every,
        settings.seed,
        plan.panel.digest(),
        own,
        None if own is None else space_of(own, space),
    )


def _record(outcome: TuneOutcome) -> RunRecord:
    from ...training.registry.runs import RunRecord
    from ...training.tuning import best_trial
    from ..version import package_version

    plan, winner = outcome.search, best_trial(outcome.trials)
    shipped = outcome.trials[0].score
    metrics = {} if shipped is None else {"score_shipped": {0: shipped}}
    if winner and winner.score is not None:
        metrics = {"score_best": {len(outcome.trials): winner.score}, **metrics}
    return RunRecord(
        name=f"tune {plan.member} {plan.target}",
        params={
            "member": plan.member,
            "target": plan.target,
            "first": str(plan.origins[0]),
            "last": str(plan.origins[-1]),
            "horizons": list(plan.horizons),
            "refit_every": plan.refit_every,
            "seed": plan.seed,
            "space": {name: repr(part) for name, part in plan.space.items()},
        },
        metrics=metrics,
        tags={
            "run_kind": "tune",
            "study": plan.name,
            "data_hash": plan.data_hash,
            "package_version": package_version(),
            "best": str(winner and dict(winner.params)),
            **state_of_code(),
        },
        digest=plan.data_hash,
        children=[
            RunRecord(
                name=f"trial {trial.number:04d}",
                params=trial.params,
                metrics={"score": trial.steps},
                tags={"run_kind": "trial", "state": trial.state, "trial": str(trial.number)},
            )
            for trial in outcome.trials
        ],
    )
