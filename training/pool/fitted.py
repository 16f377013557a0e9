"""The pool: a linear mixture of members, horizon by horizon."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ..calibration import PitMap
from ..canonical_json import json_text
from ..margins import Margins, mix
from ..models.base import Member, Problem
from ..models.catalogue import fit_members, roster, starting_weights
from ..models.own import Guarded, MemberLike
from ..models.serialization import member_files, read_members
from .learning import LearnedPool, finished
from .quiet import HISTORY_ALONE, QuietChance, QuietStack, fit_quiet_chance


@dataclass(frozen=True)
class FittedPool:
    """All members fitted at one origin for one horizon.

    Attributes
    ----------
    horizon : int
        Months ahead.
    members : mapping of str to Member
        By name.
    weights : mapping of str to float
        >= 0, summing to 1; equal ones where there are none.
    calibration : PitMap or None
        Map of the pool's cumulative probabilities, learned from past origins.
    quiet : QuietChance or None
        Chance of at least one where it is quiet, from the panel's history; None leaves it to the members.
    stack : QuietStack
        How that chance and the members' own are put together, learned from past origins.
    """

    horizon: int
    members: Mapping[str, Member]
    weights: Mapping[str, float] = field(default_factory=dict)
    calibration: PitMap | None = None
    quiet: QuietChance | None = None
    stack: QuietStack = HISTORY_ALONE

    def margins(self, problem: Problem, origin: pd.Period) -> dict[str, Margins]:
        """Margins of every member and of the pool, (regions,) each.

        A member that has no forecast for this origin is left out; the others share its weight.
        """
        each = margins_of(self.members, problem, origin)
        if not each:
            what = f"{', '.join(self.members)} has no forecast from {origin}."
            raise ModelError(what, remedy="Add a member that has one.")
        weights = {name: weight for name, weight in self.shares.items() if name in each}
        if not sum(weights.values()) > 0:
            weights = dict.fromkeys(each, 1.0)
        share = np.array(list(weights.values()))
        if len(each) < len(self.members):
            share = share / share.sum()
        pool = mix([each[n] for n in weights], share)
        history = None if self.quiet is None else self.quiet.chance(problem, origin)
        return {**each, "pool": finished(pool, self.calibration, self.stack, history)}

    @property
    def shares(self) -> dict[str, float]:
        """Weight of every member, summing to 1."""
        return dict(self.weights) or dict.fromkeys(self.members, 1 / len(self.members))

    def to_files(self) -> dict[str, str]:
        """Text files by name: ``pool.json``, and those of every member."""
        about = {
            "horizon": self.horizon,
            "members": list(self.members),
            # A list, not a mapping: the order of the members is the order of a sum, and text sorts keys.
            "weights": list(self.shares.items()),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "quiet": None if self.quiet is None else self.quiet.to_json(),
            "stack": self.stack.to_json(),
        }
        return {"pool.json": json_text(about), **member_files(self.members)}

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, str],
        trusted: Collection[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> FittedPool:
        """What :meth:`to_files` wrote; a :class:`ModelError` where something is missing or not to be trusted."""
        about = json.loads(files["pool.json"])
        shape, quiet = about["calibration"], about.get("quiet")
        return cls(
            int(about["horizon"]),
            read_members(tuple(about["members"]), files, trusted, functions),
            {str(name): float(weight) for name, weight in about["weights"]},
            None if shape is None else PitMap.from_json(shape),
            None if quiet is None else QuietChance.from_json(quiet),
            QuietStack(**about.get("stack", {})),
        )


def margins_of(members: Mapping[str, Member], problem: Problem, origin: pd.Period) -> dict[str, Margins]:
    """What fitted members forecast, (regions,) each; those that have nothing for this origin are left out."""
    every = {
        name: m.forecast(problem, origin) if isinstance(m, Guarded) else m.margins(problem, origin)
        for name, m in members.items()
    }
    return {name: margins for name, margins in every.items() if margins is not None}


def with_learned_weights(files: Mapping[str, str], learned: LearnedPool) -> dict[str, str]:
    """A stored pool with the weights and the calibration that a back-test has taught it."""
    about = json.loads(files["pool.json"])
    weights = [(name, float(weight)) for name, weight in learned.weights.items()]
    calibration = None if learned.calibration is None else learned.calibration.to_json()
    learned_parts = {"weights": weights, "calibration": calibration, "stack": learned.quiet.to_json()}
    return {**files, "pool.json": json_text({**about, **learned_parts})}


def fit_pool(
    problem: Problem,
    origin: pd.Period,
    horizon: int,
    members: Sequence[MemberLike] | None = None,
    shared: dict[Any, Member] | None = None,
) -> FittedPool:
    """Fit what the pool is made of, or the given members; weights of the start, until a back-test has better ones."""
    given = roster(members, problem.target, problem.panel.measures)
    # One member alone is no pool but a stand-in, and speaks for itself.
    quiet = fit_quiet_chance(problem, origin, horizon) if len(given) > 1 else None
    start = starting_weights(tuple(given), problem.row(origin) + 1)
    weights = dict(zip(given, start.tolist(), strict=True))
    fitted = fit_members(problem, origin, horizon, given.values(), shared)
    return FittedPool(horizon, fitted, weights, quiet=quiet)
