"""A panel is read alike from Python and from a file, and what cannot be read rightly is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import HarmattanError, OriginError, RegionError, SchemaError
from harmattan.data.panel import Panel
from harmattan.forecast.own_data import read_panel


def table(months: list[Any], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"month": months, "region_id": "MLI-a", "events": range(1, len(months) + 1), **columns}
    )


def through(door: str, frame: pd.DataFrame, tmp_path: Path) -> Panel:
    """The panel as Python, a csv or a parquet file brings it."""
    if door == "python":
        return Panel.from_frame(frame)
    path = tmp_path / f"p.{door}"
    if door == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return read_panel(path)


DOORS = pytest.mark.parametrize("door", ["python", "csv", "parquet"])


@DOORS
@pytest.mark.parametrize(
    ("months", "words"),
    [
        ([2023.08, 2023.09, 2023.1], r"2023\.08.*a number"),
        (["2023Q1", "2023Q2"], "'2023Q1' is a quarter"),
        ([2021, 2022], "'2021' is a year"),
        (["2021", "2022"], "'2021' is a year"),
        (["01/02/2023", "01/03/2023"], "'01/02/2023' is not a month"),
        (["January 2023", "February 2023"], "'January 2023' is not a month"),
        (["Jan-23", "Feb-23"], "'Jan-23' is not a month"),
        (["2022-13"], "'2022-13' is not a month"),
        (["2022-01", ""], "the month is empty"),
        (["2020-01", "2021-01", "2022-01"], "12 months apart"),
        (["2020-01-01", "2020-04-01", "2020-07-01"], "3 months apart"),
    ],
    ids=str,
)
def test_what_is_no_month_is_refused_by_what_it_is(
    door: str, months: list[Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SchemaError, match=words):
        through(door, table(months), tmp_path)


@DOORS
@pytest.mark.parametrize(
    "months",
    [
        ["2023-10", "2023-11"],
        ["2023-10-01", "2023-11-30"],
        [pd.Timestamp("2023-10-05"), pd.Timestamp("2023-11-01")],
        [pd.Timestamp("2023-10-05").date(), pd.Timestamp("2023-11-01").date()],
    ],
    ids=str,
)
def test_months_and_days_are_read(door: str, months: list[Any], tmp_path: Path) -> None:
    panel = through(door, table(months), tmp_path)
    assert [str(m) for m in panel.months] == ["2023-10", "2023-11"]


def test_periods_of_months_are_read_and_others_are_not() -> None:
    assert Panel.from_frame(table(list(pd.period_range("2023-01", periods=2, freq="M")))).shape == (2, 1)
    with pytest.raises(SchemaError, match="quarter"):
        Panel.from_frame(table(list(pd.period_range("2023Q1", periods=2, freq="Q"))))


@pytest.mark.parametrize("month", ["2022", 2022, "2022-13", "2022Q1", "01/02/2022", 2022.1, None])
def test_a_month_asked_for_is_a_month(month: Any) -> None:
    panel = Panel.from_frame(table(["2022-01", "2022-02"]))
    with pytest.raises(OriginError, match=r"month|year|quarter|number"):
        panel.until(month)


@DOORS
def test_observed_is_read_as_it_is_written(door: str, tmp_path: Path) -> None:
    panel = through(door, table(["2022-01", "2022-02", "2022-03"], observed=["yes", "no", "TRUE"]), tmp_path)
    assert panel.observed.ravel().tolist() == [True, False, True]


@DOORS
def test_observed_that_says_neither_is_refused(door: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="'maybe' in column 'observed'"):
        through(door, table(["2022-01", "2022-02"], observed=["yes", "maybe"]), tmp_path)


@DOORS
@pytest.mark.parametrize("bad", [-1.0, np.inf, 1.5])
def test_events_are_whole_and_not_negative(door: str, bad: float, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="events"):
        through(door, table(["2022-01", "2022-02"]).assign(events=[1.0, bad]), tmp_path)


@DOORS
def test_events_that_are_missing_everywhere_are_no_panel(door: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no month is observed"):
        through(door, table(["2022-01", "2022-02"]).assign(events=np.nan), tmp_path)


@DOORS
def test_an_id_that_is_missing_is_refused(door: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="region_id"):
        through(door, table(["2022-01", "2022-02"]).assign(region_id=["MLI-a", None]), tmp_path)


@DOORS
def test_a_code_that_looks_like_missing_is_a_code(door: str, tmp_path: Path) -> None:
    frame = pd.concat(
        [table(["2022-01", "2022-02"]).assign(region_id=r, country="ITA") for r in ("NA", "SA")]
    )
    assert through(door, frame, tmp_path).region_ids == ("NA", "SA")


def test_a_code_that_looks_like_missing_survives_the_package_s_own_file(tmp_path: Path) -> None:
    frame = pd.concat(
        [table(["2022-01", "2022-02"]).assign(region_id=r, country="ITA") for r in ("NA", "SA")]
    )
    links = pd.DataFrame({"region_a": ["NA"], "region_b": ["SA"], "border_km": [3.0]})
    panel = Panel.from_frame(frame, links)
    panel.write_parquet(tmp_path / "p.parquet")
    back = Panel.read_parquet(tmp_path / "p.parquet")
    assert back.links is not None
    assert back.links.region_a.tolist() == ["NA"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"border_km": [-3.0]}, "not a length"),
        ({"border_km": [0.0]}, "not a length"),
        ({"border_km": [np.nan]}, "not a length"),
        ({"region_b": ["MLI-a"]}, "linked to itself"),
        ({"region_b": ["MLI-c"]}, "MLI-c"),
    ],
    ids=str,
)
def test_links_from_python_are_checked_like_a_file(change: dict[str, Any], words: str) -> None:
    frame = pd.concat([table(["2022-01", "2022-02"]).assign(region_id=r) for r in ("MLI-a", "MLI-b")])
    links = pd.DataFrame({"region_a": ["MLI-a"], "region_b": ["MLI-b"], "border_km": [5.0]}).assign(**change)
    with pytest.raises(RegionError, match=words):
        Panel.from_frame(frame, links)


def test_links_given_twice_are_refused() -> None:
    frame = pd.concat([table(["2022-01", "2022-02"]).assign(region_id=r) for r in ("MLI-a", "MLI-b")])
    links = pd.DataFrame(
        {"region_a": ["MLI-a", "MLI-b"], "region_b": ["MLI-b", "MLI-a"], "border_km": [5.0, 5.0]}
    )
    with pytest.raises(RegionError, match="twice"):
        Panel.from_frame(frame, links)


@DOORS
def test_text_and_coordinates_are_left_aside(door: str, tmp_path: Path) -> None:
    frame = table(
        ["2022-01", "2022-02"], iso3="MLI", longitude=-3.5, note="x", latitude=14.0, events_b=[1, 2]
    )
    panel = through(door, frame, tmp_path)
    assert sorted(panel.measures) == ["events", "events_b"]
    assert panel.attrs["unused_columns"] == ["iso3", "longitude", "note", "latitude"]


@DOORS
def test_countries_are_codes_whichever_the_door(door: str, tmp_path: Path) -> None:
    frame = pd.concat(
        [
            table(["2022-01", "2022-02"]).assign(region_id=r, country=c)
            for r, c in (("a", "Mali"), ("b", "Burkina Faso"))
        ]
    )
    assert through(door, frame, tmp_path).countries == ("MLI", "BFA")


@DOORS
def test_one_name_in_two_countries_is_two_regions(door: str, tmp_path: Path) -> None:
    frame = pd.concat(
        [
            table(["2022-01", "2022-02"]).assign(region_id="Central", country=c)
            for c in ("Mali", "Burkina Faso")
        ]
    )
    with pytest.raises(SchemaError, match="'Central' is in two countries"):
        through(door, frame, tmp_path)


@DOORS
def test_names_in_another_script_stay_apart(door: str, tmp_path: Path) -> None:
    frame = pd.concat(
        [
            table(["2022-01", "2022-02"]).assign(name=n, country="Yemen").drop(columns="region_id")
            for n in ("صنعاء", "عدن")
        ]
    )
    panel = through(door, frame, tmp_path)
    assert len(set(panel.region_ids)) == 2
    assert all(len(r) > len("YEM-") for r in panel.region_ids)


@pytest.mark.parametrize("text", ["1.000", "1,000"])
def test_thousands_are_not_read_as_something_else(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        f"month;region_id;events\n2023-01;MLI-a;{text}\n2023-02;MLI-a;1.500\n2023-03;MLI-a;2.000\n",
        encoding="utf-8",
    )
    with pytest.raises(SchemaError, match="two ways"):
        read_panel(tmp_path / "p.csv")


@DOORS
@pytest.mark.parametrize("column", [["a"], ["month", "month"]], ids=["other", "twice"])
def test_a_column_that_is_missing_or_there_twice(door: str, column: list[str], tmp_path: Path) -> None:
    frame = table(["2022-01", "2022-02"])
    if column == ["a"]:
        frame = frame.rename(columns={"month": "a"})
        words = "month"
    else:
        frame = pd.concat([frame, frame[["events"]]], axis=1)
        words = "stands there twice"
        if door == "parquet":
            pytest.skip("pandas writes no such file")
    with pytest.raises(HarmattanError, match=words):
        through(door, frame, tmp_path)


def test_a_panel_hands_out_arrays_that_cannot_be_written_to() -> None:
    panel = Panel.from_frame(table(["2022-01", "2022-02"]))
    for values in (panel.measure("events"), panel.observed, panel.measures["events"]):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


@DOORS
@pytest.mark.parametrize("target", ["events", "deaths_best"])
@pytest.mark.parametrize(
    ("count", "words"),
    [(-1.0, "negative"), (1.5, "not_whole"), (np.inf, "not_a_number"), (2.0**53, "too_large")],
)
def test_a_count_that_is_none_is_refused_by_name(
    door: str, target: str, count: float, words: str, tmp_path: Path
) -> None:
    frame = table(["2022-01", "2022-02"]).drop(columns="events").assign(**{target: [3.0, count]})
    with pytest.raises(SchemaError, match=f"(?s)row.*breaks the rule {words}"):
        through(door, frame, tmp_path)


def test_the_largest_count_that_a_float_holds_is_kept() -> None:
    frame = table(["2022-01", "2022-02"]).assign(events=[0, 2**53 - 1])
    assert int(Panel.from_frame(frame).measure("events").max()) == 2**53 - 1
