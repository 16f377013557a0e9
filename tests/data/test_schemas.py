"""Rules of the tables, all offences at once."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from harmattan.data.errors import SchemaError, UsageError
from harmattan.data.schemas import empty_incidents, validate
from harmattan.data.snapshot import load_snapshot


def test_all_failures_come_with_row_column_and_rule() -> None:
    links = pd.DataFrame(
        {
            "region_a": ["A-a", "A-b", "A-c", "A-b"],
            "region_b": ["A-b", "A-a", "A-c", "A-d"],
            "border_km": [3.0, 4.0, 1.0, 0.0],
            "crosses_border": False,
        }
    )
    with pytest.raises(SchemaError) as caught:
        validate("links", links, "links.csv")
    failures = caught.value.failures
    assert failures is not None
    assert set(failures["rule"]) == {"pair_given_twice", "linked_to_itself", "border_longer_than_zero"}
    assert failures.loc[failures["rule"] == "border_longer_than_zero", "row"].tolist() == [5]
    assert "links.csv" in caught.value.where


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="border_km"):
        validate("links", pd.DataFrame({"region_a": ["a"], "region_b": ["b"], "crosses_border": [True]}))


def test_errors_survive_the_way_back_from_a_worker() -> None:
    with pytest.raises(SchemaError) as caught:
        validate(
            "coverage",
            pd.DataFrame(
                [("MLI", "Mali", "2020-02", "2020-01")],
                columns=["country", "name", "first_month", "last_month"],
            ),
        )
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert again.message == caught.value.message
    assert again.failures.equals(caught.value.failures)


def test_empty_incidents_are_valid_but_for_what_must_be_given() -> None:
    frame = empty_incidents(2).assign(incident_id=["a", "b"], violence_type="state_based")
    frame["date_start"] = frame["date_end"] = pd.Timestamp("2020-01-01").as_unit("us")
    assert validate("incidents", frame) is frame


def test_the_snapshot_panel_is_valid() -> None:
    frame = load_snapshot().panel.to_frame()
    assert validate("panel", frame) is frame
    with pytest.raises(SchemaError, match="not_negative"):
        validate("panel", frame.assign(events=-1.0))


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(UsageError, match=r"there is no table 'link'\. Did you mean 'links'\?"):
        validate("link", pd.DataFrame())
