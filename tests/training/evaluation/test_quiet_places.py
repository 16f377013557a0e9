"""Quiet places: predicted and observed, as counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from make_records import make_record

from harmattan.training.evaluation.quiet_places import ALL, COLUMNS, quiet_by_year, quiet_table


def test_it_is_what_one_counts_by_hand() -> None:
    record = make_record(months=80, regions=12)
    table = quiet_table([record])
    assert list(table) == COLUMNS
    history = np.asarray(record.history)
    for months in (6, 12):
        quiet = history[:, -months:].sum(axis=1) == 0
        row = table.query(f"quiet_months == {months} and member == 'pool' and year == '{ALL}'").iloc[0]
        assert row["cases"] == quiet.sum() > 0
        assert row["predicted"] == pytest.approx(record.of("pool", "p1")[quiet].sum())
        assert row["observed"] == (record.observed[quiet] >= 1).sum()
        years = table.query(f"quiet_months == {months} and member == 'pool' and year != '{ALL}'")
        assert years["cases"].sum() == row["cases"]
        assert years["observed"].sum() == row["observed"]


def test_what_was_not_observed_is_not_counted() -> None:
    whole, holed = make_record(months=80, regions=12), make_record(months=80, regions=12, missing=True)
    cases = [
        quiet_table([r]).query(f"year == '{ALL}' and member == 'pool'")["cases"].sum() for r in (whole, holed)
    ]
    assert cases[1] <= cases[0]
    assert np.isfinite(quiet_table([holed])[["log_score", "log_skill", "brier"]].to_numpy()).all()


def test_a_record_without_quiet_places_has_no_row() -> None:
    record = make_record(months=20)
    record.history[:] = 3
    assert quiet_table([record]).empty


def test_two_windows_make_one_table_by_year() -> None:
    early, late = (quiet_table([make_record(h, months=30, regions=12, seed=h, draws=20)]) for h in (1, 2))
    late["year"] = [year if year == ALL else str(int(year) + 9) for year in late["year"]]
    table = quiet_by_year([early, late])
    for months in (6, 12):
        rows = table[table["quiet_months"] == months].set_index("year")
        each = rows.drop(index=ALL)
        assert rows.loc[ALL, "cases"] == each["cases"].sum()
        assert rows.loc[ALL, "ratio"] == pytest.approx(each["observed"].sum() / each["predicted"].sum())
        assert {"2020", "2028"} <= set(each.index)
