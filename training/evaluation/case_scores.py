"""Every score of every case: one array per score, members x origins x regions; and what they come to by member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from . import scores

if TYPE_CHECKING:
    from ..margins import Margins
    from ..record import Record

#: Skill is stated against this baseline, and against the best of all at each horizon.
REFERENCE = "conflictology_12"
#: Everybody is scored on this many draws: the ignorance score depends on it.
DRAWS = 1000
#: Counts whose exceedance is asked.
THRESHOLDS = (1, 5, 10)
SCORES = ("crps", "crps_log", "ignorance", "interval_90")
PROBABILITIES = (*(f"p{k}" for k in THRESHOLDS), "p_escalation")


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
        interval_90`` (lower is better), the parts of the CRPS ``crps_dispersion, crps_over, crps_under``, ``pit``, and
        the probabilities ``p1, p5, p10, p_escalation``.
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

    def seen_of(self, *members: str | None) -> np.ndarray:
        """bool, (origins, regions): where an outcome was observed and all of these members had a forecast."""
        found = self.seen
        for member in members:
            if member in self.members:
                found = found & np.isfinite(self.of(str(member), "crps"))
        return np.asarray(found)

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
        values = self.of(member, measure)[self.seen_of(member)]
        return float(values.mean()) if len(values) else float("nan")

    def questions(self, member: str) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """Each yes-no question: its name, the cases it is asked of, what happened, the probability given."""
        seen = self.seen_of(member)
        for k in THRESHOLDS:
            yield str(k), seen, self.observed >= k, self.of(member, f"p{k}")
        yield "onset", self.onset & seen, self.observed >= 1, self.of(member, "p1")
        grown = seen & np.isfinite(self.escalation)
        yield "escalation", grown, self.observed >= self.escalation, self.of(member, "p_escalation")

    def to_frame(self) -> pd.DataFrame:
        """Long table, one row per member, origin and region that was observed and forecast."""
        member, origin, region = np.nonzero(np.stack([self.seen_of(m) for m in self.members]))

        def named(codes: np.ndarray, names: tuple[str, ...]) -> pd.Categorical[str]:
            return pd.Categorical.from_codes(codes.astype(np.int32), categories=pd.Index(names))

        frame = pd.DataFrame(
            {
                "target": named(np.zeros(len(member)), (self.target,)),
                "member": named(member, self.members),
                "horizon": np.int8(self.horizon),
                "origin": named(origin, tuple(str(o) for o in self.origins)),
                "region_id": named(region, self.region_ids),
                "observed": self.observed[origin, region].astype(np.int64),
            }
        )
        for name, values in self.values.items():
            frame[name] = values[member, origin, region].astype(np.float32)
        return frame


def measure(
    margins: Margins, observed: np.ndarray, escalation: np.ndarray, draws: int = DRAWS
) -> dict[str, np.ndarray]:
    """Everything about a forecast that scores, reliability and leaderboards ask for.

    Parameters
    ----------
    margins : Margins
        Shape (..., regions).
    observed : numpy.ndarray
        Outcomes, (regions,), counts; NaN where not observed, where nothing that needs them means anything.
    escalation : numpy.ndarray
        The count from which on a month is an escalation, (regions,); NaN where there is none.
    draws : int
        Scores are those of so many quantile-spaced draws: the ignorance score depends on it.

    Returns
    -------
    dict of str to numpy.ndarray
        (..., regions) each. Of the draws: ``crps, crps_log, ignorance, interval_90``, and two parts of the CRPS
        (:func:`crps_parts`). Of the distribution itself:
        ``mean``, ``crps_exact``, ``pit_low`` and ``pit_high`` (the step of its distribution function that the outcome
        falls on), ``low`` and ``high`` (of the 80 % interval), ``p1, p5, p10, p_escalation``.
    """
    shape = margins.mean.shape
    y = np.broadcast_to(np.where(np.isfinite(observed), observed, 0).astype(np.int64), shape)
    drawn = margins.rounded(draws)
    ends = [drawn.quantile([(rank + 0.5 - 1e-9) / draws])[0] for rank in _ranks(draws)]
    threshold = np.broadcast_to(np.nan_to_num(escalation, nan=1.0).astype(np.int64), shape)
    low, high = margins.quantile([0.1, 0.9])
    crps = drawn.crps(y)
    return {
        "mean": margins.mean,
        "crps": crps,
        **crps_parts(drawn, y, crps),
        "crps_log": drawn.crps(y, log=True),
        "ignorance": _ignorance(drawn, y, draws),
        "interval_90": _interval_score(y, ends, draws),
        "crps_exact": margins.crps(y),
        "pit_low": margins.at(y - 1),
        "pit_high": margins.at(y),
        "low": low.astype(float),
        "high": high.astype(float),
        **{f"p{k}": margins.prob_at_least(k) for k in THRESHOLDS},
        "p_escalation": np.where(np.isfinite(escalation), margins.prob_at_least(threshold), np.nan),
    }


#: The parts of the CRPS, which sum to it.
CRPS_PARTS = ("crps_dispersion", "crps_over", "crps_under")


def crps_parts(margins: Margins, observed: np.ndarray, crps: np.ndarray) -> dict[str, np.ndarray]:
    """Two of the three parts of the CRPS: what spread alone costs, and what was forecast too high beyond that.

    Dispersion is the score of an outcome at the median, where no forecast can do better; the rest is over-forecast
    where the outcome lies below the median, and under-forecast where it lies above.

    Parameters
    ----------
    margins : Margins
        Shape (...).
    observed, crps : numpy.ndarray
        Outcomes, counts, and the score of the same distributions, (...).

    Returns
    -------
    dict of str to numpy.ndarray
        ``crps_dispersion, crps_over``, (...) each, counts, >= 0; what is left of ``crps`` was forecast too low.

    Notes
    -----
    The decomposition of the R package scoringutils (Bosse et al. 2022, doi:10.48550/arXiv.2205.07090).

    Examples
    --------
    >>> from harmattan.training.margins import empirical
    >>> law, came = empirical(np.array([[2], [3], [4], [5], [6]])), np.array([0])
    >>> {name: v.round(2).tolist() for name, v in crps_parts(law, came, law.crps(came)).items()}
    {'crps_dispersion': [0.4], 'crps_over': [2.8]}
    """
    median = margins.quantile([0.5])[0]
    dispersion = np.minimum(margins.crps(median), crps)
    return {
        "crps_dispersion": dispersion,
        "crps_over": np.where(observed < median, crps - dispersion, 0.0),
    }


def _ignorance(drawn: Margins, y: np.ndarray, draws: int) -> np.ndarray:
    """:func:`harmattan.training.evaluation.scores.ignorance` of the draws, from their distribution function."""
    lows = np.array(scores.IGNORANCE_EDGES)
    at = np.searchsorted(lows, y, side="right") - 1
    below = drawn.at(lows[at] - 1)
    upto = np.where(at + 1 < len(lows), drawn.at(np.append(lows[1:], 1)[at] - 1), 1.0)
    return np.asarray(-np.log2((np.rint((upto - below) * draws) + 1) / (draws + len(lows))))


def _ranks(draws: int, alpha: float = 0.1) -> list[int]:
    """Ranks of the draws between which the ends of the central interval are interpolated, in pairs."""
    return [
        int(np.clip(f(p * (draws - 1)), 0, draws - 1)) for p in (alpha / 2, 1 - alpha / 2) for f in _AROUND
    ]


_AROUND = (np.floor, lambda at: np.floor(at) + 1)


def _interval_score(y: np.ndarray, ends: list[np.ndarray], draws: int, alpha: float = 0.1) -> np.ndarray:
    """:func:`harmattan.training.evaluation.scores.interval_score` of the draws, from those of :func:`_ranks`."""
    low, high = (
        a + (b - a) * (p * (draws - 1) % 1)
        for (a, b), p in ((ends[:2], alpha / 2), (ends[2:], 1 - alpha / 2))
    )
    return np.asarray(high - low + 2 / alpha * (np.maximum(low - y, 0) + np.maximum(y - high, 0)))


def score_record(record: Record, rng: np.random.Generator) -> CaseScores:
    """The scores of every member of a record.

    Parameters
    ----------
    record : Record
        The members' forecasts at one horizon, and the outcomes.
    rng : numpy.random.Generator
        Randomises the PIT, with the same numbers for every member.

    Raises
    ------
    ModelError
        A score is not a number.
    """
    seen, draws = np.isfinite(record.observed), record.draws
    uniform = rng.random(record.observed.shape)
    history = np.asarray(record.history, float)
    low, high = (_held(record.values[name], draws) / draws for name in ("pit_low", "pit_high"))
    values = {
        **{name: record.values[name] for name in (*SCORES, *CRPS_PARTS[:2])},
        "crps_under": record.values["crps"] - sum(record.values[name] for name in CRPS_PARTS[:2]),
        "pit": low + uniform * (high - low),
        **{name: (draws - _held(1 - record.values[name], draws)) / draws for name in PROBABILITIES},
        "mean": record.values["mean"],
    }
    values = {name: np.where(seen, each, np.nan) for name, each in values.items()}
    # A member without a forecast from an origin has no number there at all.
    absent = np.logical_and.reduce([np.isnan(each).all(axis=2) for each in record.values.values()])
    for name, each in values.items():
        wrong = (np.isnan(each) & seen & ~absent[..., None]).any(axis=(1, 2))
        if wrong.any() and name != "p_escalation":
            where = f"{record.members[int(wrong.argmax())]}, horizon {record.horizon}"
            raise ModelError(
                f"the {name} of a forecast is not a number.", where, "Report this: a model failed."
            )
    return CaseScores(
        target=record.target,
        horizon=record.horizon,
        origins=tuple(record.origins),
        region_ids=tuple(record.region_ids),
        countries=tuple(record.countries),
        members=tuple(record.members),
        observed=np.asarray(record.observed, float),
        onset=scores.is_onset_case(history) & seen,
        escalation=scores.escalation_level(history),
        values=values,
    )


def _held(probability: np.ndarray, draws: int) -> np.ndarray:
    """How many quantile-spaced draws do not exceed a count of some cumulative probability."""
    return np.asarray(np.minimum(np.floor(probability * draws + 0.5 + 1e-9), draws))


def score_board(record: Record, rng: np.random.Generator, pit: np.ndarray) -> pd.DataFrame:
    """One row per member: CRPS, skill against conflictology with its interval, coverage by randomised PIT.

    Parameters
    ----------
    record : Record
    rng : numpy.random.Generator
        Draws the bootstrap samples of months.
    pit : numpy.ndarray
        Random numbers in 0..1 that randomise the transform, (origins, regions).
    """
    rows = []
    observed = np.isfinite(record.observed)

    def monthly(name: str, seen: np.ndarray) -> np.ndarray:
        scored = seen.any(axis=1)
        return np.asarray(np.nanmean(np.where(seen, record.of(name, "crps"), np.nan)[scored], axis=1))

    for name in record.members:
        if name == "pool_uncalibrated":
            continue
        seen = observed & np.isfinite(record.of(name, "crps"))
        skill, low, high = scores.block_bootstrap_skill(monthly(name, seen), monthly(REFERENCE, seen), rng)
        lower = record.of(name, "pit_low")
        transform = lower + pit * (record.of(name, "pit_high") - lower)
        covered = scores.interval_coverage(transform[seen])
        rows.append(
            {
                "target": record.target,
                "member": name,
                "horizon": record.horizon,
                "cases": int(seen.sum()),
                "crps": float(record.of(name, "crps")[seen].mean()),
                "skill_vs_conflictology": skill,
                "skill_low": low,
                "skill_high": high,
                **{f"coverage_{int(level * 100)}": share for level, share in covered.items()},
            }
        )
    return pd.DataFrame(rows)
