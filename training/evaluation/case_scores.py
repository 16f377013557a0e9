"""Every score of every case: one array per score, members x origins x regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from . import scores
from .nb12_rival import RIVAL, rival_margins

if TYPE_CHECKING:
    from ..record import Record

#: Everybody is scored on this many draws: the ignorance score depends on it.
DRAWS = 1000
#: Counts whose exceedance is asked.
THRESHOLDS = (1, 5, 10)


@dataclass(frozen=True)
class CaseScores:
    """What each forecast of one horizon was worth.

    Attributes
    ----------
    target : str
        ``events`` or ``deaths``.
    horizon : int
        Months ahead.
    origins : tuple of pandas.Period
        In order.
    region_ids, countries, members : tuple of str
        Regions, their countries, and the members in the order of the first axis of ``values``.
    observed : numpy.ndarray
        Counts, (origins, regions); NaN where not observed.
    onset : numpy.ndarray
        bool, (origins, regions): no event in the six months up to the origin.
    escalation : numpy.ndarray
        (origins, regions): the count from which on a month is an escalation; NaN where there was no event in 12 months.
    values : mapping of str to numpy.ndarray
        (members, origins, regions), NaN where not observed: ``mean`` (counts), ``crps, crps_log, ignorance,
        interval_90`` (lower is better), ``pit``, and the probabilities ``p1, p5, p10, p_escalation``.
    """

    target: str
    horizon: int
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    countries: tuple[str, ...]
    members: tuple[str, ...]
    observed: np.ndarray
    onset: np.ndarray
    escalation: np.ndarray
    values: Mapping[str, np.ndarray]

    @property
    def seen(self) -> np.ndarray:
        """bool, (origins, regions): where an outcome was observed."""
        return np.asarray(np.isfinite(self.observed))

    @property
    def months(self) -> tuple[pd.Period, ...]:
        """Target months, one per origin."""
        return tuple(origin + self.horizon for origin in self.origins)

    def of(self, member: str, measure: str) -> np.ndarray:
        """One measure of one member, (origins, regions)."""
        values: np.ndarray = self.values[measure][self.members.index(member)]
        return values

    def mean(self, member: str, measure: str) -> float:
        """Mean of one measure over what was observed; NaN where nothing was."""
        values = self.of(member, measure)[self.seen]
        return float(values.mean()) if len(values) else float("nan")

    def questions(self, member: str) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """Each yes-no question: its name, the cases it is asked of, what happened, the probability given."""
        for k in THRESHOLDS:
            yield str(k), self.seen, self.observed >= k, self.of(member, f"p{k}")
        yield "onset", self.onset, self.observed >= 1, self.of(member, "p1")
        grown = self.seen & np.isfinite(self.escalation)
        yield "escalation", grown, self.observed >= self.escalation, self.of(member, "p_escalation")

    def to_frame(self) -> pd.DataFrame:
        """Long table, one row per member, origin and region that was observed."""
        member, origin, region = np.nonzero(np.broadcast_to(self.seen, (len(self.members), *self.seen.shape)))

        def named(codes: np.ndarray, names: tuple[str, ...]) -> pd.Categorical[str]:
            return pd.Categorical.from_codes(codes.astype(np.int32), categories=pd.Index(names))

        frame = pd.DataFrame(
            {
                "target": named(np.zeros(len(member)), (self.target,)),
                "member": named(member, self.members),
                "horizon": np.int8(self.horizon),
                "origin": named(origin, tuple(str(o) for o in self.origins)),
                "region_id": named(region, self.region_ids),
                "observed": self.observed[origin, region].astype(np.int32),
            }
        )
        for name, values in self.values.items():
            frame[name] = values[member, origin, region].astype(np.float32)
        return frame


def score_record(record: Record, rng: np.random.Generator, draws: int = DRAWS) -> CaseScores:
    """Score every member of a record, and a negative binomial of the last months, on equally many draws.

    Parameters
    ----------
    record : Record
        What the members said at one horizon, and what came.
    rng : numpy.random.Generator
        Randomises the PIT, with the same numbers for every member.
    draws : int
        Draws per forecast.

    Returns
    -------
    CaseScores

    Raises
    ------
    ModelError
        A member gives another number of forecasts than there are origins, or a score is not a number.
    """
    seen = np.isfinite(record.observed)
    uniform = rng.random(record.observed.shape)
    history = np.asarray(record.history, float)
    escalation = scores.escalation_level(history)
    predicted = {**record.margins}
    predicted.setdefault(RIVAL, rival_margins(history))
    members = tuple(predicted)
    values: dict[str, np.ndarray] = {}
    for at, name in enumerate(members):
        given = predicted[name]
        where = f"{name}, horizon {record.horizon}"
        if len(given) != len(record.origins):
            raise ModelError(
                f"{len(given)} forecasts for {len(record.origins)} origins.",
                where,
                "Run the back-test again.",
            )
        x = np.concatenate(
            [margins.stratified(draws)[:, row] for margins, row in zip(given, seen, strict=True)], axis=1
        )
        found = _measures(record.observed[seen].astype(np.int64), x, uniform[seen], escalation[seen])
        found["mean"] = np.concatenate([m.mean[row] for m, row in zip(given, seen, strict=True)])
        for measure, numbers in found.items():
            if np.isnan(numbers).any() and measure != "p_escalation":
                raise ModelError(
                    f"the {measure} of a forecast is not a number.", where, "Report this: a model failed."
                )
            table = values.setdefault(measure, np.full((len(members), *seen.shape), np.nan))
            table[at][seen] = numbers
    return CaseScores(
        target=record.target,
        horizon=record.horizon,
        origins=tuple(record.origins),
        region_ids=tuple(record.region_ids),
        countries=tuple(record.countries),
        members=members,
        observed=np.asarray(record.observed, float),
        onset=scores.is_onset_case(history) & seen,
        escalation=escalation,
        values=values,
    )


def _measures(
    y: np.ndarray, x: np.ndarray, uniform: np.ndarray, escalation: np.ndarray
) -> dict[str, np.ndarray]:
    """All scores of one member; ``x`` rises along its first axis, shape (draws, cases)."""
    return {
        "crps": scores.crps(y, x, ordered=True),
        "crps_log": scores.crps(y, x, log=True, ordered=True),
        "ignorance": scores.ignorance(y, x),
        "interval_90": scores.interval_score(y, x),
        "pit": scores.randomised_pit(y, x, uniform),
        **{f"p{k}": scores.prob_at_least(x, k) for k in THRESHOLDS},
        "p_escalation": np.where(
            np.isfinite(escalation), scores.prob_at_least(x, np.nan_to_num(escalation)), np.nan
        ),
    }
