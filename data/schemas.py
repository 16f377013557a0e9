"""The tables that pass between the parts: their columns, and the rules they are checked against once.

This is the only place that knows the names of columns. pandera takes more than a second to import, so the
schemas are made when a table is validated, not when this module is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import SchemaError, UsageError, nearest
from .violence_types import UCDP_TYPES

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

_DAY, _COUNT, _NUMBER, _TEXT = "datetime64[us]", "int64", "float64", "str"
#: Incidents, one row per event or aggregate: column, type, and what "not known" means in it.
_INCIDENTS: dict[str, tuple[str, object]] = {
    "incident_id": (_TEXT, ""),
    **dict.fromkeys(("date_start", "date_end"), (_DAY, pd.NaT)),
    **dict.fromkeys(("date_precision", "latitude", "longitude", "where_precision"), (_NUMBER, float("nan"))),
    **dict.fromkeys(
        ("country", "region_id", "violence_type", "actor_a", "actor_b", "actor_group"), (_TEXT, "")
    ),
    "events": (_COUNT, 1),
    **dict.fromkeys(("late_events", "deaths_best", "deaths_low"), (_NUMBER, float("nan"))),
    **dict.fromkeys(("deaths_high", "deaths_civilians"), (_NUMBER, float("nan"))),
    **dict.fromkeys(("source", "release", "office"), (_TEXT, "")),
    "record": (_TEXT, "event"),
    "row": (_COUNT, 0),
    "excluded": (_TEXT, ""),
}
INCIDENT_COLUMNS = tuple(_INCIDENTS)
#: Figures of an incident that add up.
FIGURES = ("events", "deaths_best", "deaths_low", "deaths_high", "deaths_civilians")
#: Figures that the ledger balances.
LEDGER_FIGURES = ("events", "deaths_best", "deaths_low", "deaths_high")
LINK_COLUMNS = ("region_a", "region_b", "border_km", "crosses_border")
LEDGER_COLUMNS = ("country", "year", "violence_type", "outcome", *LEDGER_FIGURES)
BORDER_COLUMNS = ("region_id", "international_km", "observed_km", "blind_towards")
COUNT_COLUMNS = (
    "month",
    "region_id",
    "cell",
    "violence_type",
    "actor_group",
    "events",
    "late_events",
    *FIGURES[1:],
)
COVERAGE_COLUMNS = ("country", "name", "first_month", "last_month")
#: Columns of a long panel that are not measures.
PANEL_KEYS = ("month", "region_id", "name", "country", "observed")

#: Why an incident that was read is not in the panel.
REASONS = {
    "outside_regions": "its country has no polygon, or its code is unknown",
    "outside_country": "its coordinates are farther from its country than the snapping limit",
    "outside_window": "its month is not covered by the source, or lies outside the window asked for",
    "imprecise_place": "its place is known no better than the country or an area larger than a region",
    "imprecise_date": "its date is known no better than the year",
    "no_coordinates": "it has no coordinates",
    "unclear": "the source itself marks it as not clear yet",
    "duplicate": "the same row stands in the file more than once",
    "superseded": "a stronger or later release holds the same event",
    "deleted": "a later release dropped it",
    "other_kind": "it is of a kind that was not asked for (protests, for instance)",
}
PLACED = "placed"


def empty_incidents(rows: int = 0) -> pd.DataFrame:
    """A frame with every incident column, filled with what "not known" means in each; rows count as in a file."""
    index = pd.RangeIndex(rows)
    columns = {n: pd.Series(value, index=index, dtype=kind) for n, (kind, value) in _INCIDENTS.items()}
    return pd.DataFrame(columns).assign(row=range(2, rows + 2))


def validate(table: str, frame: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """The frame itself, when it keeps every rule of its table.

    Parameters
    ----------
    table : str
        ``incidents``, ``regions``, ``links``, ``panel``, ``counts``, ``coverage``, ``ledger`` or ``borders``.
    frame : pandas.DataFrame
        The table.
    where : str
        File, for the message.

    Returns
    -------
    pandas.DataFrame
        The same object.

    Raises
    ------
    SchemaError
        A rule is broken; ``failures`` holds ``row, column, value, rule`` of each offence, all rules at once.
    UsageError
        There is no such table.

    Examples
    --------
    >>> import pandas as pd
    >>> links = {"region_a": ["A-a"], "region_b": ["A-b"], "border_km": [12.0], "crosses_border": [False]}
    >>> len(validate("links", pd.DataFrame(links)))
    1
    """
    from pandera.errors import SchemaErrors

    if table not in _SCHEMAS:
        raise UsageError(f"there is no table '{table}'.", remedy=nearest(table, _SCHEMAS))
    try:
        schema(table).validate(frame, lazy=True)
    except SchemaErrors as error:
        failures = _failures(error.failure_cases, frame)
        first = failures.iloc[0]
        spot = f", row {first['row']}" if pd.notna(first["row"]) else ""
        raise SchemaError(
            f"{len(failures)} value(s) break a rule of the {table} table; the first: "
            f"column '{first['column']}', value '{first['value']}', rule {first['rule']}.",
            where=f"{where or table}{spot}",
            remedy="Correct the rows listed in the failures table.",
            failures=failures,
        ) from None
    return frame


def _failures(cases: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """pandera's failure cases in our columns; rows count as in a file whose header is row 1."""
    positions = {label: i for i, label in enumerate(frame.index)} if len(frame) < 1_000_000 else {}
    at = [positions.get(i, i) for i in cases["index"]]
    column = cases["column"].where(cases["column"].notna(), cases["failure_case"])
    return pd.DataFrame(
        {
            "row": pd.array([None if pd.isna(i) else int(i) + 2 for i in at], dtype="Int64"),
            "column": column.astype(str).to_numpy(),
            "value": cases["failure_case"].astype(str).to_numpy(),
            "rule": cases["check"].astype(str).to_numpy(),
        }
    )


@cache
def schema(table: str) -> DataFrameSchema:
    """The pandera schema of a table."""
    import pandera.pandas as pa

    return _SCHEMAS[table](pa)


def _incidents(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    deaths = col(float, check.ge(0, error="deaths_not_negative"), nullable=True, coerce=True)
    return pa.DataFrameSchema(
        {
            "incident_id": col(checks=check(lambda s: s != "", name="id_given")),
            "date_start": col("datetime64[us]", coerce=True),
            "date_end": col("datetime64[us]", coerce=True),
            "date_precision": col(float, check.in_range(1, 5), nullable=True, coerce=True),
            "latitude": col(float, check.in_range(-90, 90), nullable=True, coerce=True),
            "longitude": col(float, check.in_range(-180, 180), nullable=True, coerce=True),
            "where_precision": col(float, check.in_range(1, 7), nullable=True, coerce=True),
            "violence_type": col(checks=check(lambda s: s != "", name="type_given")),
            "events": col(int, check.ge(1, error="events_at_least_one"), coerce=True),
            "deaths_best": deaths,
            "deaths_low": deaths,
            "deaths_high": deaths,
            "deaths_civilians": deaths,
            "record": col(checks=check.isin(["event", "aggregate"])),
        },
        checks=[
            check(lambda f: f["date_end"] >= f["date_start"], name="ends_before_it_starts"),
            check(
                lambda f: ~(f["deaths_low"] > f["deaths_best"]) & ~(f["deaths_best"] > f["deaths_high"]),
                name="deaths_outside_bounds",
            ),
            check(
                lambda f: (f["record"] != "aggregate") | (f["region_id"] != ""),
                name="aggregate_without_region",
            ),
        ],
    )


def _regions(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    return pa.DataFrameSchema(
        {
            "region_id": col(checks=check.str_matches(r"^[A-Za-z0-9][A-Za-z0-9_-]*$"), unique=True),
            "name": col(checks=check(lambda s: s != "", name="name_given")),
            "country": col(checks=check.str_matches(r"^[A-Z]{3}$")),
        }
    )


def _links(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    return pa.DataFrameSchema(
        {
            "region_a": col(),
            "region_b": col(),
            "border_km": col(float, check.gt(0, error="border_longer_than_zero"), coerce=True),
            "crosses_border": col(bool, coerce=True),
        },
        checks=[
            check(lambda f: f["region_a"] != f["region_b"], name="linked_to_itself"),
            check(
                lambda f: (
                    ~pd.Series(
                        [tuple(sorted(p)) for p in zip(f["region_a"], f["region_b"], strict=True)],
                        index=f.index,
                        dtype=object,
                    ).duplicated()
                ),
                name="pair_given_twice",
            ),
        ],
    )


def _panel(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    names = check(lambda s: s.notna(), name="region_given")
    counts = {
        name: col(
            float, check(lambda s: ~(s < 0), name="not_negative"), nullable=True, coerce=True, required=False
        )
        for name in (*FIGURES[1:], "late_events")
    }
    return pa.DataFrameSchema(
        {
            "month": col(checks=check(lambda s: s.notna(), name="month_given")),
            "region_id": col(checks=names),
            "events": col(float, check(lambda s: ~(s < 0), name="not_negative"), nullable=True, coerce=True),
            **counts,
        }
    )


def _counts(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    figure = col(int, check.ge(0), coerce=True)
    return pa.DataFrameSchema(
        {
            "month": col(checks=check.str_matches(r"^\d{4}-(0[1-9]|1[0-2])$")),
            "region_id": col(checks=check.str_matches(r"^[A-Z]{3}-[a-z0-9-]+$")),
            "cell": col(int, check.in_range(1, 259_200), coerce=True),
            "violence_type": col(checks=check.isin(list(UCDP_TYPES.values()))),
            "actor_group": col(),
            "events": col(int, check.ge(1), coerce=True),
            **dict.fromkeys(COUNT_COLUMNS[6:], figure),
        },
        unique=["month", "region_id", "cell", "violence_type", "actor_group"],
    )


def _coverage(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    month = col(checks=check.str_matches(r"^\d{4}-(0[1-9]|1[0-2])$"))
    return pa.DataFrameSchema(
        {"country": col(unique=True), "name": col(), "first_month": month, "last_month": month},
        checks=check(lambda f: f["first_month"] <= f["last_month"], name="ends_before_it_starts"),
    )


def _ledger(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    return pa.DataFrameSchema(
        {
            "country": col(),
            "violence_type": col(),
            "outcome": col(checks=check.isin([PLACED, *REASONS])),
            **{name: col(float, check.ge(0), coerce=True) for name in LEDGER_FIGURES},
        },
        unique=["country", "year", "violence_type", "outcome"],
    )


def _borders(pa: Any) -> DataFrameSchema:
    col, check = pa.Column, pa.Check
    km = col(float, check.ge(0), coerce=True)
    return pa.DataFrameSchema(
        {
            "region_id": col(unique=True),
            "international_km": km,
            "observed_km": km,
            "blind_towards": col(nullable=True),
        },
        checks=check(lambda f: f["observed_km"] <= f["international_km"], name="more_observed_than_border"),
    )


_SCHEMAS: dict[str, Callable[[Any], DataFrameSchema]] = {
    "incidents": _incidents,
    "regions": _regions,
    "links": _links,
    "panel": _panel,
    "counts": _counts,
    "coverage": _coverage,
    "ledger": _ledger,
    "borders": _borders,
}
