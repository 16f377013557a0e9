"""A search for better parameters of one member, inside rolling origins, resumable; it changes nothing by itself."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ModelError, TrackingError, UsageError
from .search_space import SEARCH_SPACE, FloatRange, IntRange, check_searchable

if TYPE_CHECKING:
    from .models import MemberLike
    from .models.base import Member, Problem


@dataclass(frozen=True)
class Search:
    """What is tried, on which past.

    Attributes
    ----------
    member : str
        A key of :data:`SEARCH_SPACE`, or what one's own is called.
    target : str
    horizons : tuple of int
        Months ahead; each counts the same.
    origins : tuple of pandas.Period
        In order; whoever plans a search leaves out those whose outcomes lie in the vault.
    region_ids : tuple of str
        Scored regions.
    refit_every : int
        Months between refits.
    seed : int
        Of the search.
    data_hash : str
        SHA-256 of the data.
    own : object, optional
        The member where it is a user's own, and ``given``, what it is searched over.
    """

    member: str
    target: str
    horizons: tuple[int, ...]
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    refit_every: int
    seed: int
    data_hash: str
    own: Any = None
    given: Mapping[str, IntRange | FloatRange] | None = None

    @property
    def space(self) -> Mapping[str, IntRange | FloatRange]:
        """What is searched."""
        return SEARCH_SPACE[self.member] if self.given is None else self.given

    @property
    def defaults(self) -> dict[str, float]:
        """The parameters as they are."""
        made = _make(self.member, {}) if self.own is None else self.own
        params = made.get_params(deep=self.own is not None)
        return {name: params[name] for name in self.space}

    @property
    def name(self) -> str:
        """The same for the same search, so that it can be taken up again."""
        identity = [
            self.target,
            self.horizons,
            [str(o) for o in self.origins],
            self.region_ids,
            self.refit_every,
        ]
        whole = json.dumps(
            [*identity, self.seed, self.data_hash, repr(self.space), *self._described()]
        ).encode()
        return f"{self.member}-{self.target}-{hashlib.sha256(whole).hexdigest()[:12]}"

    def _described(self) -> list[str]:
        """What one's own member is beside what is searched, so that another one is another study."""
        if self.own is None:
            return []
        kept = {n: v for n, v in self.own.get_params(deep=True).items() if n not in self.space}
        return [f"{n}={v.to_json() if hasattr(v, 'to_json') else v!r}" for n, v in sorted(kept.items())]

    @property
    def blocks(self) -> list[tuple[pd.Period, ...]]:
        """Origins that share a fit; after each the search may give a trial up."""
        step = self.refit_every
        return [self.origins[i : i + step] for i in range(0, len(self.origins), step)]


@dataclass(frozen=True)
class Trial:
    """One set of parameters, and what it was worth.

    Attributes
    ----------
    number : int
        From 0; the first are the parameters as they are shipped.
    params : mapping of str to float
    state : {"complete", "pruned"}
    score : float or None
        Mean over horizons of CRPS over that of conflictology: below 1 is better; None where it was given up.
    steps : mapping of int to float
        The score after each block of origins.
    """

    number: int
    params: Mapping[str, float]
    state: str
    score: float | None
    steps: Mapping[int, float]


def search(
    problem: Problem,
    plan: Search,
    trials: int,
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trial]:
    """Try parameters until the study holds ``trials`` of them, from where an earlier call stopped.

    Parameters
    ----------
    problem : Problem
        Counts and features; nothing after the last target month.
    plan : Search
    trials : int
        How many there are to be in all, those of earlier calls among them.
    folder : Path
        Holds ``tuning.db``, which remembers every trial.
    workers : int
        Processes within a trial; change no number.
    scheduler : str, optional
        Address of a Dask scheduler, which is used in their place.
    progress : callable, optional
        Called with how many trials are done, and of how many.

    Returns
    -------
    list of Trial
        All of the study, in order.

    Raises
    ------
    UsageError
        See :func:`check_searchable`.
    TrackingError
        The database cannot be read or written.
    """
    check_searchable(plan.own or plan.member, plan.given)
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    where = folder / "tuning.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        study = _open(plan, where)
        usual = _reference_scores(problem, plan)

        def objective(trial: Any) -> float:
            return _try(problem, plan, usual, trial, workers, scheduler)

        while (done := len(study.trials_done)) < trials:
            study.run_next(objective, done)
            if progress:
                progress(done + 1, trials)
        return [_trial(i, t) for i, t in enumerate(study.trials_done)]
    except (OSError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as reason:
        raise TrackingError(
            f"the search cannot be remembered ({type(reason).__name__}).",
            str(where),
            "Choose another --mlruns.",
        ) from reason


@dataclass(frozen=True)
class _Study:
    """An optuna study whose sampler depends on the number of the trial alone, so that a pause changes nothing."""

    plan: Search
    storage: Any
    pruner: Any

    @property
    def trials_done(self) -> list[Any]:
        """Trials that came to an end; one that was interrupted, or that a killed process left, is forgotten."""
        return [t for t in self._load(0).trials if t.state.name in STATES]

    def run_next(self, objective: Callable[[Any], float], number: int) -> None:
        study = self._load(number)
        # One that waits was left by a process that ended before it began; one that a killed process left running
        # is in nobody's hands, and does not count.
        if number == 0 and not any(t.state.name == "WAITING" for t in study.trials):
            study.enqueue_trial(self.plan.defaults)
        study.optimize(objective, n_trials=1)

    def _load(self, number: int) -> Any:
        import optuna

        sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([self.plan.seed, number]).generate_state(1)[0]),
            n_startup_trials=8,
        )
        return optuna.create_study(
            storage=self.storage,
            study_name=self.plan.name,
            sampler=sampler,
            pruner=self.pruner,
            direction="minimize",
            load_if_exists=True,
        )


def _open(plan: Search, where: Path) -> _Study:
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{where.resolve()}")
    return _Study(plan, storage, optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0))


def _try(
    problem: Problem, plan: Search, usual: np.ndarray, trial: Any, workers: int, scheduler: str | None
) -> float:
    """The score of one set of parameters, block by block; given up where it is behind half of the others."""
    import optuna

    from .parallel import run_tasks

    params = {
        name: trial.suggest_int(name, part.low, part.high, log=part.low > 0)
        if isinstance(part, IntRange)
        else trial.suggest_float(name, part.low, part.high, log=part.log)
        for name, part in plan.space.items()
    }
    member = plan.member if plan.own is None else plan.own
    keep = _scored(problem, plan)
    total = np.zeros(len(plan.horizons))
    score = float("nan")
    for step, block in enumerate(plan.blocks):
        tasks = [(member, params, h, block, keep) for h in plan.horizons]
        try:
            total += run_tasks(block_score, problem, tasks, workers=workers, scheduler=scheduler)
        except ModelError:
            # With the parameters of now a member of one's own has to work: else nothing is searched.
            if plan.own is not None and params == plan.defaults:
                raise
            raise optuna.TrialPruned from None
        score = float(np.mean(total / usual[: step + 1].sum(axis=0)))
        trial.report(score, step)
        if step + 1 < len(plan.blocks) and trial.should_prune():
            raise optuna.TrialPruned
    return score


def block_score(
    problem: Problem,
    member: MemberLike,
    params: Mapping[str, float],
    horizon: int,
    origins: Sequence[pd.Period],
    keep: np.ndarray,
) -> float:
    """Sum over origins and regions of the exact CRPS of a member that is fitted at the first origin.

    Parameters
    ----------
    problem : Problem
    member, params
        Name, or an object of one's own, and parameters.
    horizon : int
        Months ahead.
    origins : sequence of pandas.Period
        In order.
    keep : numpy.ndarray
        bool, (regions,): which are scored.
    """
    fitted = _fitted(problem, member, params, horizon, origins[0])
    total = 0.0
    for origin in origins:
        row = problem.row(origin) + horizon
        scores = fitted.margins(problem, origin).crps(np.rint(problem.counts[row]).astype(np.int64))
        total += float(scores[keep & problem.observed[row]].sum())
    return total


def _reference_scores(problem: Problem, plan: Search) -> np.ndarray:
    """The same sum for conflictology over 12 months, (blocks, horizons)."""
    keep = _scored(problem, plan)
    sums = [
        [block_score(problem, "conflictology_12", {}, h, block, keep) for h in plan.horizons]
        for block in plan.blocks
    ]
    if not (np.array(sums)[0] > 0).all():
        raise UsageError(
            "nothing happens in the first block of origins, so that nothing can be compared.",
            "--origins",
            "Choose months with events.",
        )
    return np.array(sums)


def _scored(problem: Problem, plan: Search) -> np.ndarray:
    return np.array([region in set(plan.region_ids) for region in problem.panel.region_ids])


def _fitted(
    problem: Problem, member: MemberLike, params: Mapping[str, float], horizon: int, origin: pd.Period
) -> Member:
    """A member with some of its parameters, fitted; one's own sees nothing after the origin."""
    from .models.catalogue import fit_members

    if isinstance(member, str):
        return _make(member, params).fit(problem, origin, horizon)
    made: Any = copy.deepcopy(member)
    (fitted,) = fit_members(problem, origin, horizon, [made.set_params(**params)]).values()
    return fitted


def _make(member: str, params: Mapping[str, float]) -> Member:
    """A member by name with some of its parameters."""
    from .models.baselines import Conflictology
    from .models.boosted import BoostedEndemicEpidemic
    from .models.endemic_epidemic import EndemicEpidemic
    from .models.exponential_nb import ExponentialNB
    from .models.smoothed_conflictology import SmoothedConflictology

    kinds: dict[str, Callable[..., Member]] = {
        "boosted": BoostedEndemicEpidemic,
        "endemic_epidemic": EndemicEpidemic,
        "exponential_nb": ExponentialNB,
        "smoothed_conflictology": SmoothedConflictology,
        "conflictology_12": lambda: Conflictology(12),
    }
    return kinds[member](**params)


#: States of a trial that came to an end, and what they are called here.
STATES = {"COMPLETE": "complete", "PRUNED": "pruned"}


def _trial(number: int, found: Any) -> Trial:
    score = float(found.value) if found.state.name == "COMPLETE" else None
    steps = {int(step): float(value) for step, value in found.intermediate_values.items()}
    return Trial(number, dict(found.params), STATES[found.state.name], score, steps)


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the lowest score; None where none came to its end."""
    whole = [t for t in trials if t.score is not None]
    return min(whole, key=lambda t: (t.score, t.number)) if whole else None
