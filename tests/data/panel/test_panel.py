"""The panel object: in and out of tables and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import OriginError, RegionError, SchemaError, SourceError
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot


def long(**columns: object) -> pd.DataFrame:
    base = {"month": ["2020-01", "2020-03"], "region_id": "MLI-gao", "events": [1, 2]}
    return pd.DataFrame({**base, **columns})


def test_parquet_round_trip_keeps_everything(tmp_path: Path) -> None:
    panel = replace(load_snapshot().panel.select(countries=["MLI"]), attrs={"release": "24.1"})
    panel.write_parquet(tmp_path / "p.parquet")
    again = Panel.read_parquet(tmp_path / "p.parquet")
    assert again.digest() == panel.digest()
    assert (again.source, again.attrs, again.names) == (panel.source, panel.attrs, panel.names)


def test_digest_does_not_depend_on_how_texts_are_stored() -> None:
    panel = load_snapshot().panel
    other = replace(
        panel, region_ids=tuple(np.array(panel.region_ids)), countries=tuple(np.array(panel.countries))
    )
    assert other.digest() == panel.digest()


def test_digest_depends_on_values_mask_and_links() -> None:
    panel = load_snapshot().panel
    assert panel.links is not None
    events = panel.measures["events"].copy()
    events[0, 0] += 1
    mask = panel.observed.copy()
    mask[0, 0] = False
    others = [
        replace(panel, measures={**panel.measures, "events": events}),
        replace(panel, observed=mask),
        replace(panel, links=panel.links.iloc[1:]),
        panel.until("2023-11"),
    ]
    assert len({panel.digest(), *(o.digest() for o in others)}) == 5


def test_a_month_that_is_not_given_was_not_observed() -> None:
    panel = Panel.from_frame(long())
    assert panel.observed.ravel().tolist() == [True, False, True]
    assert np.isnan(panel.measure("events")[1, 0])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (long(events=[1, -2]), r"row 3: '-2' in column 'events' breaks the rule negative"),
        (long(events=["1", "many"]), r"row 3: 'many' in column 'events' breaks the rule not_a_number"),
        (long(month=["2020-01", "spring"]), r"row 3: 'spring' is not a month"),
        (long(month=["2020-01", "2020-01"]), "MLI-gao has more than one row for 2020-01"),
        (long().drop(columns="events"), "the column 'events' is missing"),
        (long().iloc[:0], "the panel has no rows"),
    ],
)
def test_broken_tables_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Panel.from_frame(frame)


def test_links_to_unknown_regions_are_refused() -> None:
    links = pd.DataFrame({"region_a": ["MLI-gao"], "region_b": ["MLI-goa"], "border_km": [1.0]})
    with pytest.raises(RegionError, match="links, row 2: 'MLI-goa' is not a known region"):
        Panel.from_frame(long(), links)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        Panel.read_parquet(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(SourceError, match="not a readable parquet"):
        Panel.read_parquet(tmp_path / "bad.parquet")


def test_months_outside_are_refused() -> None:
    with pytest.raises(OriginError, match="outside the data, which run from 2020-01 to 2020-03"):
        Panel.from_frame(long()).until("2020-04")
