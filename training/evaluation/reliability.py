"""What the pool forecast before the recent outcomes, held against them: reliability, PIT, coverage, last month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .diagnostics import MEAN_EDGES, MEAN_NAMES
from .quiet_places import ALL, QUIET_MONTHS, quiet_cases
from .scores import escalation_level, reliability

#: Counts whose exceedance is judged, and central intervals whose coverage is.
THRESHOLDS, LEVELS = (1, 5, 10), (0.5, 0.8, 0.9)
#: Bins of the PIT histogram.
PIT_BINS = 10
#: Columns of the table of a record.
RELIABILITY_COLUMNS = [
    "target",
    "question",
    "predicted_mean",
    "low",
    "high",
    "cases",
    "forecast",
    "frequency",
]
#: Columns of the last month's forecast, made again.
REHEARSAL_COLUMNS = [
    "origin",
    "month",
    "horizon",
    "fitted",
    "region_id",
    "expected",
    "low",
    "high",
    "observed",
    "crps",
    "crps_conflictology",
]


@dataclass(frozen=True)
class ForecastRecord:
    """What one model forecast of past months at one horizon, and what was observed.

    Attributes
    ----------
    target : str
        ``events`` or ``deaths``.
    horizon : int
        Months ahead.
    origins : tuple of pandas.Period
        In order.
    region_ids : tuple of str
    observed, mean, low, high, pit, crps, crps_reference : numpy.ndarray
        (origins, regions): counts, NaN where not observed; expected counts; ends of the 80 % interval; the randomised
        PIT in 0..1; scores of this model and of the reference, counts.
    chance : mapping of int to numpy.ndarray
        Probability of at least k, (origins, regions), by k.
    fitted : pandas.Period or None
        The last month that the parameters of the last forecast have seen; None where that is its origin.
    escalation : numpy.ndarray or None
        Probability of at least twice the mean of the last 12 months, (origins, regions).
    history : numpy.ndarray or None
        Counts of the 12 months up to the last one published, (origins, 12, regions); None where they are not known, and
        nothing is asked of escalations and quiet regions.
    """

    target: str
    horizon: int
    origins: tuple[pd.Period, ...]
    region_ids: tuple[str, ...]
    observed: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pit: np.ndarray
    crps: np.ndarray
    crps_reference: np.ndarray
    chance: Mapping[int, np.ndarray]
    fitted: pd.Period | None = None
    escalation: np.ndarray | None = None
    history: np.ndarray | None = None


def score_forecasts(
    target: str,
    horizon: int,
    origins: Sequence[pd.Period],
    region_ids: Sequence[str],
    values: Mapping[str, np.ndarray],
    crps_reference: np.ndarray,
    observed: np.ndarray,
    rng: np.random.Generator,
    fitted: pd.Period | None = None,
    history: np.ndarray | None = None,
) -> ForecastRecord:
    """What a model's forecasts from some origins come to, once the outcomes are known.

    Parameters
    ----------
    target, horizon, origins, region_ids, fitted, history
        See :class:`ForecastRecord`.
    values : mapping of str to numpy.ndarray
        (origins, regions): what :func:`harmattan.training.evaluation.case_scores.measure` gives of the model.
    crps_reference : numpy.ndarray
        (origins, regions): exact scores of the baseline that it is held against.
    observed : numpy.ndarray
        (origins, regions), counts; NaN where not observed.
    rng : numpy.random.Generator
        Randomises the PIT.

    Examples
    --------
    >>> from harmattan.training.evaluation.case_scores import measure
    >>> from harmattan.training.margins import empirical
    >>> observed = np.array([[2.0]])
    >>> even = measure(empirical(np.array([[[0]], [[1]], [[2]], [[3]]])), observed, observed)
    >>> july = pd.Period("2023-07", "M")
    >>> record = score_forecasts(
    ...     "events", 1, [july], ["a"], even, np.zeros((1, 1)), observed, np.random.default_rng(0)
    ... )
    >>> record.chance[1].tolist(), record.low.tolist()
    ([[0.75]], [[0.0]])
    """
    seen = np.isfinite(observed)
    pit = values["pit_low"] + rng.random(observed.shape) * (values["pit_high"] - values["pit_low"])
    return ForecastRecord(
        target,
        horizon,
        tuple(origins),
        tuple(region_ids),
        np.asarray(observed, float),
        mean=values["mean"],
        low=values["low"],
        high=values["high"],
        pit=np.where(seen, pit, np.nan),
        crps=np.where(seen, values["crps_exact"], np.nan),
        crps_reference=np.where(seen, crps_reference, np.nan),
        chance={k: values[f"p{k}"] for k in THRESHOLDS},
        fitted=fitted,
        escalation=values["p_escalation"],
        history=history,
    )


def reliability_table(records: Iterable[ForecastRecord]) -> pd.DataFrame:
    """How often what was forecast came true, by target, pooled over horizons.

    Parameters
    ----------
    records : iterable of ForecastRecord
        Any targets and horizons.

    Returns
    -------
    pandas.DataFrame
        ``target, question, predicted_mean, low, high, cases, forecast, frequency``. Questions ``p1, p5, p10``: of the
        cases whose chance of at least k events lay in [low, high), the mean chance and the share in which it came.
        ``escalation``: the same of at least twice the mean of the last 12 months, where that had any count.
        ``quiet_6, quiet_12``: the same of at least one where there was none for so many months, by year of the target
        month, which stands under ``predicted_mean``.
        ``pit``: the share of PIT values in [low, high), and the share that a reliable forecast has there.
        ``interval``: the share of outcomes inside the central interval from quantile ``low`` to ``high``, overall
        and by bins of the predicted mean.
    """
    by_target: dict[str, list[ForecastRecord]] = {}
    for each in records:
        by_target.setdefault(each.target, []).append(each)
    tables = [_of_target(target, parts) for target, parts in by_target.items()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=RELIABILITY_COLUMNS)


def _of_target(target: str, parts: Sequence[ForecastRecord]) -> pd.DataFrame:
    seen = [np.isfinite(t.observed) for t in parts]

    def cases(of: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([values[rows] for values, rows in zip(of, seen, strict=True)])

    observed, pit, mean = (cases([getattr(t, name) for t in parts]) for name in ("observed", "pit", "mean"))
    rows = [
        _chances(f"p{k}", observed >= k, np.clip(cases([t.chance[k] for t in parts]), 0, 1))
        for k in THRESHOLDS
    ]
    rows += [*_after_history(parts), _pit(pit), _coverage(pit, mean)]
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "target", target)
    return table[RELIABILITY_COLUMNS]


def _chances(question: str, happened: np.ndarray, chance: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(reliability(happened, chance))
    table = table[table["cases"] > 0]
    return table.assign(question=question, predicted_mean="all")


def _after_history(parts: Sequence[ForecastRecord]) -> list[pd.DataFrame]:
    """What is asked where the months before are known: escalations, and quiet regions by year."""
    grown: list[tuple[np.ndarray, np.ndarray]] = []
    quiet: dict[tuple[int, str], list[np.ndarray]] = {}
    for t in parts:
        if t.history is None or t.escalation is None:
            continue
        level = escalation_level(t.history)
        asked = np.isfinite(level) & np.isfinite(t.observed)
        grown.append((t.observed[asked] >= level[asked], np.clip(t.escalation[asked], 0, 1)))
        years = np.array([str((origin + t.horizon).year) for origin in t.origins])
        for months in QUIET_MONTHS:
            some = quiet_cases(t.history, t.observed, months)
            for year in (ALL, *np.unique(years)):
                rows = some if year == ALL else some & (years == year)[:, None]
                each = np.array([rows.sum(), t.chance[1][rows].sum(), (t.observed[rows] >= 1).sum()], float)
                quiet.setdefault((months, year), []).append(each)
    if not grown:
        return []
    happened, chance = (np.concatenate(each) for each in zip(*grown, strict=True))
    counted = [(months, year, *np.sum(each, axis=0)) for (months, year), each in sorted(quiet.items())]
    table = pd.DataFrame(
        [
            (f"quiet_{months}", year, 0.0, 1.0, int(cases), predicted / cases, came / cases)
            for months, year, cases, predicted, came in counted
            if cases
        ],
        columns=RELIABILITY_COLUMNS[1:],
    )
    return [each for each in (_chances("escalation", happened, chance), table) if len(each)]


def _pit(pit: np.ndarray) -> pd.DataFrame:
    counts, edges = np.histogram(pit, bins=PIT_BINS, range=(0.0, 1.0))
    edges = edges.round(6)
    return pd.DataFrame(
        {
            "question": "pit",
            "predicted_mean": "all",
            "low": edges[:-1],
            "high": edges[1:],
            "cases": counts,
            "forecast": 1 / PIT_BINS,
            "frequency": counts / max(len(pit), 1),
        }
    )


def _coverage(pit: np.ndarray, mean: np.ndarray) -> pd.DataFrame:
    at = np.searchsorted(np.array(MEAN_EDGES[1:]), mean, side="right")
    rows = []
    for number, name in enumerate(("all", *MEAN_NAMES)):
        chosen = pit if name == "all" else pit[at == number - 1]
        for level in LEVELS:
            inside = float(np.mean(np.abs(chosen - 0.5) <= level / 2)) if len(chosen) else np.nan
            low, high = round((1 - level) / 2, 6), round((1 + level) / 2, 6)
            rows.append(("interval", name, low, high, len(chosen), level, inside))
    table = pd.DataFrame(rows, columns=RELIABILITY_COLUMNS[1:])
    return table[table["cases"] > 0]


def rehearsal(record: ForecastRecord) -> pd.DataFrame:
    """The last month with an outcome, as it would have been forecast; one row per region observed.

    Returns
    -------
    pandas.DataFrame
        ``origin, month, horizon, fitted, region_id, expected, low, high, observed, crps, crps_conflictology``: counts
        a month, the ends of the 80 % interval, and scores in counts. Empty where nothing was observed.
    """
    last = len(record.origins) - 1
    keep = np.flatnonzero(np.isfinite(record.observed[last])) if last >= 0 else np.zeros(0, dtype=int)
    if not len(keep):
        return pd.DataFrame(columns=REHEARSAL_COLUMNS)
    origin = record.origins[last]
    return pd.DataFrame(
        {
            "origin": str(origin),
            "month": str(origin + record.horizon),
            "horizon": record.horizon,
            "fitted": str(record.fitted or origin),
            "region_id": [record.region_ids[i] for i in keep],
            "expected": record.mean[last, keep],
            "low": record.low[last, keep],
            "high": record.high[last, keep],
            "observed": record.observed[last, keep],
            "crps": record.crps[last, keep],
            "crps_conflictology": record.crps_reference[last, keep],
        }
    )
