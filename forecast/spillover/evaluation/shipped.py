"""The evaluation that comes with the package: written by ``harmattan spillover --evaluate``, read by the report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from ....data.frames import rows_of
from .first_events import INFLOW, NAIVE

#: The file that holds the tables of one evaluation, beside this module.
FILE = "spillover_evaluation.json"
COLUMNS = ("part", "what", "expected", "found", "low", "high", "cases", "as_expected", "words")


def evaluation_text(tables: Mapping[str, pd.DataFrame]) -> str:
    """The tables of an evaluation as JSON, one row on a line, six significant digits, NaN as null."""
    made = []
    for name, table in sorted(tables.items()):
        rows = ",\n".join(json.dumps(row, sort_keys=True, allow_nan=False) for row in _plain(table))
        made.append(f"{json.dumps(name)}: [\n{rows}\n]")
    return "{" + ",\n".join(made) + "}\n"


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _value(v) for k, v in row.items()} for row in table.to_dict("records")]


def _value(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return None if value is None else str(value)


def stored_tables() -> dict[str, pd.DataFrame] | None:
    """Every table of the evaluation that comes with the package; None where none does."""
    file = resources.files(__package__) / FILE
    if not file.is_file():
        return None
    stored = json.loads(file.read_text(encoding="utf-8"))
    # JSON has no NaN, and a column of nothing else would not be one of numbers.
    filled = {
        n: [{k: np.nan if v is None else v for k, v in r.items()} for r in t] for n, t in stored.items()
    }
    return {name: pd.DataFrame(rows) for name, rows in filled.items()}


def load_evaluation() -> pd.DataFrame | None:
    """What the stored evaluation found, one row per statement, for the report; None where there is none.

    Returns
    -------
    pandas.DataFrame
        ``part, what, expected`` (stated beforehand), ``found, low, high`` (a rate or gain and its 95 % interval,
        missing where there is none), ``cases, as_expected`` (True, False, or None where nothing was claimed), ``words``
        (the row as one sentence). ``attrs["about"]`` holds the last month seen, seed, version and data hash.

    Examples
    --------
    >>> table = load_evaluation()
    >>> table is None or set(table.columns) == set(COLUMNS)
    True
    """
    tables = stored_tables()
    if tables is None:
        return None
    found = summary(tables)
    about = tables.get("about", pd.DataFrame())
    found.attrs["about"] = about.iloc[0].to_dict() if len(about) else {}
    return found


def summary(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """:func:`load_evaluation`'s rows from the tables of an evaluation; parts that were not run are left out."""
    makers = {
        "worlds": _worlds,
        "placebo_borders": _placebos,
        "placebo_time": _time,
        "sensitivity": _sensitivity,
        "gain": _gain,
        "entries": _entries,
        "history": _history,
    }
    rows = [row for name, make in makers.items() if name in tables for row in make(tables[name])]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"as_expected": object})


Row = tuple[str, str, str, float, float, float, int, bool | None, str]


def _worlds(table: pd.DataFrame) -> Iterator[Row]:
    """Rates over simulated worlds."""
    part = "simulated worlds"
    for row in rows_of(table):
        rate, fine = row.exactly_so, None
        if "at least 90" in row.expected:
            fine = rate >= 0.9
        elif "declared in at most" in row.expected:
            fine = 1 - rate <= (0.05 if "5 %" in row.expected else 0.1)
        elif "distinguishable in at most" in row.expected:
            fine = row.distinguishable_either <= 0.1
        elif "both declared, and distinguishable" in row.expected:
            fine = bool(row.exactly_so_distinguishable >= 0.9)
        words = (
            f"{row.setting}: as expected in {rate:.0%} of {row.worlds} worlds; declared one way "
            f"{row.declared_a_to_b:.0%}, the other {row.declared_b_to_a:.0%}; distinguishable from a shock "
            f"{row.distinguishable_a_to_b:.0%} and {row.distinguishable_b_to_a:.0%}; "
            f"90 % intervals hold {row.coefficient_covered:.0%} of coefficients, {row.shares_covered:.0%} of shares."
        )
        yield part, row.setting, row.expected, rate, row.rate_low, row.rate_high, row.worlds, fine, words


def _placebos(table: pd.DataFrame) -> Iterator[Row]:
    expected = (
        "at most 5 % of borders permuted at either end as large; a larger ratio than close non-neighbours"
    )
    for row in rows_of(table):
        what = f"{row.source_country} to {row.target_country}"
        passed = max(row.p_permuted, row.p_permuted_sources, row.p_permuted_targets) <= 0.05
        farther = pd.isna(row.lr_as_close) or row.lr_statistic > row.lr_as_close
        words = (
            f"{what}: as large a coefficient in {row.p_permuted:.1%} of borders permuted at both ends, "
            f"{row.p_permuted_sources:.0%} at the source, {row.p_permuted_targets:.0%} at the target; ratio "
            f"{row.lr_statistic:.1f}, of close non-neighbours {row.lr_as_close:.1f}."
        )
        fine = bool(passed and farther)
        yield "permuted borders", what, expected, row.p_permuted, np.nan, np.nan, 1, fine, words


def _time(table: pd.DataFrame) -> Iterator[Row]:
    for row in rows_of(table[table["lr_statistic_forward"] > 5.4]):
        what = f"{row.source_country} to {row.target_country}"
        weaker = row.lr_statistic_reversed < row.lr_statistic_forward
        turned = row.lr_reversed_opposite > row.lr_statistic_reversed
        words = (
            f"{what}: ratio {row.lr_statistic_forward:.1f} forward; in reversed time {row.lr_statistic_reversed:.1f}, "
            f"and {row.lr_reversed_opposite:.1f} the other way."
        )
        yield (
            "reversed time",
            what,
            "smaller in reversed time, and there the other way is the larger",
            row.lr_statistic_reversed,
            np.nan,
            np.nan,
            1,
            bool(weaker and turned),
            words,
        )


def _sensitivity(table: pd.DataFrame) -> Iterator[Row]:
    from .sensitivity import changed

    counts = changed(table)
    turned, borders = counts["changed"], counts["borders"]
    words = f"With Nigeria's counts {turned} of {borders} verdicts change at the last month both have."
    share = turned / max(borders, 1)
    yield (
        "sensitivity", "with Nigeria", "no verdict changes", share, np.nan, np.nan, borders,
        turned == 0, words,
    )  # fmt: skip


def _gain(table: pd.DataFrame) -> Iterator[Row]:
    for row in rows_of(table):
        fine = bool(row.gain_low > 0)
        words = (
            f"{row.measure} one month ahead in border regions: {row.with_border:.3f} with the border term, "
            f"{row.without_border:.3f} without; gain {row.gain:+.3f} ({row.gain_low:+.3f} to {row.gain_high:+.3f})."
        )
        yield (
            "out of sample",
            row.measure,
            "a gain above zero",
            row.gain,
            row.gain_low,
            row.gain_high,
            row.cases,
            fine,
            words,
        )


def _entries(table: pd.DataFrame) -> Iterator[Row]:
    for (entries, group), part in table.groupby(["of", "group"], sort=False):
        by = {str(r.ranked_by): r for r in rows_of(part)}
        inflow, naive = by[INFLOW], by[NAIVE]
        words = (
            f"{entries} ({group}): {inflow.top5_hit_rate:.0%} of {inflow.entries} among the five most exposed "
            f"({naive.top5_hit_rate:.0%} by the group's own recent events next door, {inflow.top5_by_chance:.0%} by "
            f"chance); area under the curve {inflow.auc:.2f} ({inflow.auc_low:.2f} to {inflow.auc_high:.2f}), "
            f"next door {naive.auc:.2f}."
        )
        yield (
            "first events",
            f"{entries}, {group}",
            "a larger area than recent events next door",
            inflow.auc,
            inflow.auc_low,
            inflow.auc_high,
            int(inflow.entries),
            bool(inflow.auc > naive.auc),
            words,
        )


def _history(table: pd.DataFrame) -> Iterator[Row]:
    from .history import first_signals

    firsts = {(r.source_country, r.target_country): r.origin for r in rows_of(first_signals(table))}
    asked = (("BFA", "2018-01"), ("BEN", "2021-01"), ("TGO", "2021-01"))
    here = set(table["target_country"]) & {target for target, _ in asked}
    for target, before in asked if here else ():
        found = sorted(origin for (_, into), origin in firsts.items() if into == target)
        early = bool(found) and found[0] < before
        words = (
            f"Into {target} a border was first declared at {found[0]}."
            if found
            else f"Into {target} no border was ever declared."
        )
        yield (
            "history",
            target,
            f"a signal before {before}",
            np.nan,
            np.nan,
            np.nan,
            table["origin"].nunique(),
            early,
            words,
        )
