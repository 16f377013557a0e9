"""ACLED's export, with rows made up here."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harmattan.data.errors import UsageError
from harmattan.data.geography import Regions
from harmattan.data.panel import build_panel, coverage_rows
from harmattan.data.schemas import validate
from harmattan.data.sources import acled

ROW: dict[str, Any] = {
    "event_id_cnty": "MLI1",
    "event_date": "2020-03-05",
    "disorder_type": "Political violence",
    "event_type": "Battles",
    "sub_event_type": "Armed clash",
    "actor1": "JNIM: Group for Support of Islam and Muslims",
    "actor2": "Military Forces of Mali (2012-2020)",
    "iso": 466,
    "country": "Mali",
    "admin1": "Mopti",
    "latitude": 14.5,
    "longitude": -3.5,
    "geo_precision": 1,
    "time_precision": 1,
    "fatalities": 2,
    "timestamp": 1_700_000_000,
}
TODAY = date(2024, 1, 1)


def write(folder: Path, *changes: dict[str, Any]) -> Path:
    path = folder / "acled.csv"
    rows = [{**ROW, "event_id_cnty": f"MLI{i}", **c} for i, c in enumerate(changes)]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_violent_events_count_and_others_are_booked(tmp_path: Path, regions: Regions) -> None:
    path = write(tmp_path, {}, {"event_type": "Violence against civilians"}, {"event_type": "Protests"})
    incidents = acled.read(path, today=TODAY)
    validate("incidents", incidents.frame)
    built = build_panel(incidents, regions)
    assert built.ledger.by("outcome").set_index("outcome")["events"].to_dict() == {
        "placed": 2,
        "other_kind": 1,
    }
    assert "events_battles" in built.panel.measures
    assert "events_protests" not in built.panel.measures


def test_other_kinds_can_be_asked_for(tmp_path: Path, regions: Regions) -> None:
    path = write(tmp_path, {}, {"event_type": "Protests"})
    panel = build_panel(acled.read(path, event_types=["protests"], today=TODAY), regions).panel
    assert panel.measures["events"][0, panel.region_ids.index("MLI-mopti")] == 1
    with pytest.raises(UsageError, match=r"'Protest' is not an ACLED event type\. Did you mean 'Protests'\?"):
        acled.read(path, event_types=["Protest"], today=TODAY)


def test_groups_dates_and_precision(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {},
        {"event_date": "05 March 2020", "actor1": "IS: Islamic State Sahel Province", "geo_precision": 3},
        {"time_precision": 3},
    )
    frame = acled.read(path, today=TODAY).frame
    assert frame["actor_group"].tolist() == ["jnim", "islamic_state", "jnim"]
    assert set(frame["date_end"]) == {pd.Timestamp("2020-03-05")}
    assert frame["where_precision"].tolist() == [1, 4, 1]
    assert frame["date_precision"].tolist() == [1, 1, 4]


def test_state_violence_against_civilians(tmp_path: Path) -> None:
    path = write(tmp_path, {"actor1": "Military Forces of Mali (2021-)", "actor2": "Civilians (Mali)"})
    assert acled.read(path, today=TODAY).frame["actor_group"].tolist() == ["state_only"]


def test_a_last_month_that_is_not_over_is_not_covered(tmp_path: Path) -> None:
    path = write(tmp_path, {}, {"event_date": "2020-04-12"})
    spans = [(c, str(a), str(b)) for c, a, b in coverage_rows(acled.read(path, today=TODAY).coverage)]
    assert spans == [("MLI", "2020-03", "2020-03")]
    path = write(tmp_path, {}, {"event_date": "2020-04-29"})
    assert str(acled.read(path, today=TODAY).last_month) == "2020-04"


def test_country_by_number_or_name(tmp_path: Path) -> None:
    path = write(tmp_path, {}, {"iso": 854, "country": ""}, {"iso": "", "country": "Ivory Coast"})
    assert acled.read(path, today=TODAY).frame["country"].tolist() == ["MLI", "BFA", "CIV"]
