"""The published tables: draws as a hubverse table and as a wide one, and their checks.

A check is a function ``check_*(table, ...)`` that returns the offending rows; :func:`raise_on` turns rows
into an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import ReleaseError

if TYPE_CHECKING:
    from ...training.distribution import Draws

_TASK = ("origin_date", "target", "horizon", "target_end_date", "location")
HUB_COLUMNS = (*_TASK, "output_type", "output_type_id", "value")
#: The 23 levels that forecast hubs agree on.
LEVELS = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)
#: Counts k at which P(Y <= k) is published, so that P(Y >= 1, 5, 10, 25, 100) can be read off.
THRESHOLDS = (0, 4, 9, 24, 99)
#: What is published of every place and month: type and id of the output.
OUTPUTS = (("mean", ""), *(("quantile", str(p)) for p in LEVELS), *(("cdf", str(k)) for k in THRESHOLDS))
#: Decimals of published means and probabilities.
DECIMALS = 6


def hub_rows(draws: Mapping[str, Draws]) -> pd.DataFrame:
    """Every target's draws as one hubverse table (https://docs.hubverse.io).

    Parameters
    ----------
    draws : mapping of str to Draws
        By target; values (draws, horizons, regions), counts >= 0.

    Returns
    -------
    pandas.DataFrame
        ``origin_date, target, horizon, target_end_date, location, output_type, output_type_id, value``;
        types ``mean`` (no id), ``quantile`` (23 levels) and ``cdf`` (``P(Y <= k)`` at k = 0, 4, 9, 24, 99).
        ``origin_date`` is the last day of the origin month.

    >>> from harmattan.training.distribution import Draws
    >>> d = Draws(np.array([[[0]], [[3]]]), pd.Period("2023-12", "M"), (1,), ("MLI-gao",), "events")
    >>> table = hub_rows({"events": d})
    >>> str(table["target_end_date"][0]), str(table["output_type"][0]), float(table["value"][0])
    ('2024-01-31', 'mean', 1.5)
    >>> table.query("output_type == 'cdf' and output_type_id == '0'")["value"].item()
    0.5
    """
    return pd.concat([_one_target(target, d) for target, d in draws.items()], ignore_index=True)


def _one_target(target: str, draws: Draws) -> pd.DataFrame:
    """The hub rows of one target, by location, horizon and output."""
    cdf = np.stack([1 - draws.prob_at_least(k + 1) for k in THRESHOLDS])
    values = np.concatenate([draws.mean()[None], draws.quantile(LEVELS), cdf])
    keys = _keys(target, draws)
    ends = [(draws.origin + h).end_time.date() for h in draws.horizons]
    each = np.repeat(np.array(ends, dtype=object), len(OUTPUTS))
    return pd.DataFrame(
        {
            "origin_date": draws.origin.end_time.date(),
            "target": keys["target"],
            "horizon": keys["horizon"],
            "target_end_date": np.tile(each, len(draws.region_ids)),
            **{name: keys[name] for name in ("location", "output_type", "output_type_id")},
            "value": values.transpose(2, 1, 0).ravel().round(DECIMALS),
        }
    )


def _keys(target: str, draws: Draws) -> dict[str, Any]:
    """What names the rows of one target: every output of every horizon of every location."""
    n_r, n_h, n_out = len(draws.region_ids), len(draws.horizons), len(OUTPUTS)
    case = np.repeat(np.arange(n_r * n_h), n_out)
    output = np.tile(np.arange(n_out), n_r * n_h)

    def text(values: Sequence[str | None], rows: np.ndarray) -> Any:
        return pd.array(list(values), dtype="str").take(rows)

    return {
        "target": text([target], np.zeros(len(case), dtype=int)),
        "location": text(draws.region_ids, case // n_h),
        "horizon": np.array(draws.horizons, dtype=np.int64)[case % n_h],
        "output_type": text([kind for kind, _ in OUTPUTS], output),
        "output_type_id": text([at or None for _, at in OUTPUTS], output),
    }


def wide_table(
    draws: Mapping[str, Draws], names: pd.DataFrame, levels: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """One row per target, region and month, for spreadsheets.

    Parameters
    ----------
    draws : mapping of str to Draws
        By target.
    names : pandas.DataFrame
        ``region_id, name, country``.
    levels : mapping of str to numpy.ndarray, optional
        By target, the count from which on a month is an escalation, (regions,), NaN where there is none
        (:func:`harmattan.training.evaluation.scores.escalation_level`).

    Returns
    -------
    pandas.DataFrame
        ``target, region_id, name, country, month, horizon, mean, p10, p50, p90, p_ge_1, p_ge_5, p_ge_10``;
        ``escalation_from, p_escalation``, the smallest count that is at least twice the mean of the last 12 months, and
        the probability of reaching it, NaN where these had none; and of the sums over the next 3 and 6 months, the same
        on every row of a region, ``sum_3, sum_3_p10, sum_3_p90, sum_6, sum_6_p10, sum_6_p90``, NaN where not every one
        of these months is forecast.
    """
    known = names.set_index("region_id")
    parts = []
    for target, d in draws.items():
        n_h, n_r = len(d.horizons), len(d.region_ids)
        figures = dict(zip(("p10", "p50", "p90"), d.quantile([0.1, 0.5, 0.9]), strict=True))
        figures = {"mean": d.mean(), **figures, **{f"p_ge_{k}": d.prob_at_least(k) for k in (1, 5, 10)}}
        regions = np.repeat(np.array(d.region_ids, dtype=object), n_h)
        months = [str(d.origin + h) for h in d.horizons] * n_r
        case = {"target": target, "region_id": regions, "month": months, "horizon": list(d.horizons) * n_r}
        values = {name: v.T.ravel().round(DECIMALS) for name, v in figures.items()}
        level = np.asarray((levels or {}).get(target, np.full(n_r, np.nan)), float)
        reached = np.where(np.isfinite(level), (d.values >= np.nan_to_num(level)).mean(axis=0), np.nan)
        values |= {
            "escalation_from": np.repeat(level, n_h),
            "p_escalation": reached.T.ravel().round(DECIMALS),
        }
        values |= {name: np.repeat(v, n_h) for name, v in _sums(d).items()}
        parts.append(pd.DataFrame(case | values))
    wide = pd.concat(parts, ignore_index=True)
    wide.insert(2, "name", known["name"].reindex(wide["region_id"]).to_numpy())
    wide.insert(3, "country", known["country"].reindex(wide["region_id"]).to_numpy())
    return wide


#: Months that sums are published over.
SUMS = (3, 6)


def sum_draws(draws: Draws, months: int) -> np.ndarray | None:
    """Joint draws of the sum over the next months, (draws, regions); None where one of them is not forecast."""
    if not set(range(1, months + 1)) <= set(draws.horizons):
        return None
    rows = [draws.horizons.index(h) for h in range(1, months + 1)]
    return np.asarray(draws.values[:, rows].sum(axis=1, dtype=np.int64))


def _sum_mean(draws: Draws, months: int) -> np.ndarray:
    rows = [draws.horizons.index(h) for h in range(1, months + 1)]
    return np.asarray(draws.mean()[rows].sum(axis=0).round(DECIMALS))


def _sums(draws: Draws) -> dict[str, np.ndarray]:
    """Means and 80 % intervals of the sums, each (regions,)."""
    found: dict[str, np.ndarray] = {}
    for months in SUMS:
        drawn, name = sum_draws(draws, months), f"sum_{months}"
        nothing = np.full(len(draws.region_ids), np.nan)
        low, high = (
            (nothing, nothing) if drawn is None else np.quantile(drawn, [0.1, 0.9], 0, method="inverted_cdf")
        )
        mean = nothing if drawn is None else _sum_mean(draws, months)
        found |= {name: mean, f"{name}_p10": low, f"{name}_p90": high}
    return found


def with_sums(table: pd.DataFrame, draws: Mapping[str, Draws]) -> pd.DataFrame:
    """A hub table with the columns ``sum_3`` and ``sum_6``: each row's mean, quantile or probability, of these sums.

    The same for every month of a place; NaN where not every one of the months is forecast.

    >>> from harmattan.training.distribution import Draws
    >>> values = np.array([[[0], [1], [2]], [[3], [0], [1]]])
    >>> d = {"events": Draws(values, pd.Period("2023-12", "M"), (1, 2, 3), ("MLI",), "events")}
    >>> table = with_sums(hub_rows(d), d)
    >>> table.query("output_type == 'mean'")["sum_3"].tolist(), bool(table["sum_6"].isna().all())
    ([3.5, 3.5, 3.5], True)
    """
    keys = ["target", "location", "output_type", "output_type_id"]
    rows = list(zip(*(table[name].fillna("").to_numpy(object) for name in keys), strict=True))
    for months in SUMS:
        values: dict[tuple[str, str, str, str], float] = {}
        for target, d in draws.items():
            drawn = sum_draws(d, months)
            if drawn is None:
                continue
            quantiles = np.quantile(drawn, LEVELS, axis=0, method="inverted_cdf")
            below = np.stack([(drawn <= k).mean(axis=0) for k in THRESHOLDS]).round(DECIMALS)
            for i, (region, mean) in enumerate(zip(d.region_ids, _sum_mean(d, months), strict=True)):
                values[target, region, "mean", ""] = float(mean)
                values |= {
                    (target, region, "quantile", str(p)): float(quantiles[j, i]) for j, p in enumerate(LEVELS)
                }
                values |= {
                    (target, region, "cdf", str(k)): float(below[j, i]) for j, k in enumerate(THRESHOLDS)
                }
        table = table.assign(**{f"sum_{months}": [values.get(row, np.nan) for row in rows]})
    return table


def check_no_missing(table: pd.DataFrame) -> pd.DataFrame:
    """Rows without a finite value."""
    missing: pd.DataFrame = table[~np.isfinite(table["value"].to_numpy(float))]
    return missing


def check_not_negative(table: pd.DataFrame) -> pd.DataFrame:
    """Rows below zero, and probabilities above one."""
    above = (table["output_type"] == "cdf") & (table["value"] > 1)
    return table[(table["value"] < 0) | above]


_CASE = ["target", "location", "horizon"]


def _ordered(table: pd.DataFrame, output_type: str) -> pd.DataFrame:
    """Rows of one output type, by case and numeric id (column ``at``)."""
    rows = table[table["output_type"] == output_type]
    rows = rows.assign(at=rows["output_type_id"].astype(float))
    return rows.sort_values([*_CASE, "at"], kind="stable")


def check_monotone(table: pd.DataFrame) -> pd.DataFrame:
    """Quantiles below a lower level's quantile, and probabilities below a lower count's."""
    falling = []
    for output_type in ("quantile", "cdf"):
        rows = _ordered(table, output_type)
        step = rows.groupby(_CASE, sort=False)["value"].diff()
        falling.append(rows[step < -1e-9])
    return pd.concat(falling).drop(columns="at")


def check_complete(table: pd.DataFrame, draws: Mapping[str, Draws]) -> pd.DataFrame:
    """What is missing, or there twice: ``target, location, horizon, output_type, output_type_id, rows``."""
    keys = [*_CASE, "output_type", "output_type_id"]
    cases = [(target, r, h) for target, d in draws.items() for r in d.region_ids for h in d.horizons]
    wanted = pd.DataFrame([(*case, *output) for case in cases for output in OUTPUTS], columns=keys)
    there = table.assign(output_type_id=table["output_type_id"].fillna(""))[keys]
    counted = pd.concat([wanted.assign(wanted=1, rows=0), there.assign(wanted=0, rows=1)])
    counted = counted.groupby(keys, as_index=False, sort=False)[["wanted", "rows"]].sum()
    return counted.loc[counted["wanted"] != counted["rows"], [*keys, "rows"]].reset_index(drop=True)


def _in_order(table: pd.DataFrame, draws: Mapping[str, Draws]) -> bool:
    """Whether the rows are those of :func:`hub_rows`, in its order."""
    keys = {target: _keys(target, d) for target, d in draws.items()}
    if len(table) != sum(len(each["horizon"]) for each in keys.values()):
        return False
    first = 0
    for wanted in keys.values():
        rows = slice(first, first + len(wanted["horizon"]))
        first = rows.stop
        for name, values in wanted.items():
            found = pd.Series(table[name].array[rows])
            # Bytes equal the same text, and 1.0 equals 1: neither is what was written.
            kind = pd.api.types.is_integer_dtype if name == "horizon" else pd.api.types.is_string_dtype
            if not kind(found):
                return False
            if not ((found == values) | (found.isna() & pd.isna(values))).all():
                return False
    return True


def _sound(values: np.ndarray) -> bool:
    """Whether values in the order of :func:`hub_rows` pass every check of them."""
    rows = values.reshape(-1, len(OUTPUTS))
    if not np.isfinite(rows).all() or (rows < 0).any():
        return False
    quantiles, below = rows[:, 1 : 1 + len(LEVELS)], rows[:, 1 + len(LEVELS) :]
    falling = any((np.diff(each) < -1e-9).any() for each in (quantiles, below))
    contradict = (
        _contradict(np.array(LEVELS), quantiles, below[:, [i]], k).any() for i, k in enumerate(THRESHOLDS)
    )
    return not falling and not (below > 1).any() and not any(contradict)


def check_coherent(table: pd.DataFrame) -> pd.DataFrame:
    """Quantiles that contradict a probability: ``Q(p) <= k`` must hold exactly where ``P(Y <= k) >= p``."""
    quantiles = _ordered(table, "quantile")
    wrong = np.zeros(len(quantiles), dtype=bool)
    cdf = _ordered(table, "cdf").set_index(_CASE)
    at = pd.MultiIndex.from_frame(quantiles[_CASE])
    level, value = quantiles["at"].to_numpy(), quantiles["value"].to_numpy()
    for k in sorted(cdf["at"].unique()):
        probability = cdf.loc[cdf["at"] == k, "value"].reindex(at).to_numpy()
        wrong |= _contradict(level, value, probability, k)
    return quantiles[wrong].drop(columns="at")


def _contradict(level: np.ndarray, quantile: np.ndarray, probability: np.ndarray, k: float) -> np.ndarray:
    """Where quantiles of these levels contradict the probability of at most ``k``."""
    # A probability that equals a level up to rounding may stand on either side of it.
    above, below = probability > level + 1e-5, probability < level - 1e-5
    return np.asarray((above & (quantile > k)) | (below & (quantile <= k)))


def raise_on(check: str, rows: pd.DataFrame) -> None:
    """Stop where a check returned rows."""
    if len(rows):
        first = ", ".join(f"{name} {value}" for name, value in rows.iloc[0].items())
        raise ReleaseError(
            f"{len(rows)} rows of the forecast break the check '{check}'.",
            where=f"first: {first}",
            remedy="Nothing was published; look at the model that made them.",
        )


def check_hub_table(table: pd.DataFrame, draws: Mapping[str, Draws]) -> dict[str, pd.DataFrame]:
    """Every check's offending rows, by name; all empty where the table can be published."""
    # Rows that are in order need no sorting, which takes most of the time, to be found right.
    if _in_order(table, draws) and _sound(table["value"].to_numpy(float)):
        return dict.fromkeys(
            ("complete", "no missing", "not negative", "monotone", "coherent"), table.iloc[:0]
        )
    return {
        "complete": check_complete(table, draws),
        "no missing": check_no_missing(table),
        "not negative": check_not_negative(table),
        "monotone": check_monotone(table),
        "coherent": check_coherent(table),
    }


def checked_hub_table(draws: Mapping[str, Draws]) -> pd.DataFrame:
    """The hub table, or a :class:`ReleaseError` for the first check that it breaks."""
    table = hub_rows(draws)
    for name, rows in check_hub_table(table, draws).items():
        raise_on(name, rows)
    return table
