"""Python is as careful as the command line: one meaning, labels for positions, errors that speak of Python."""

from __future__ import annotations

import dataclasses
import inspect
import logging

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import harmattan
from harmattan import HarmattanError, Panel, Settings
from harmattan.data.errors import OriginError, UsageError
from harmattan.forecast.publishing import Judgement

MONTHS = pd.period_range("2018-01", periods=48, freq="M")
FRAME = pd.DataFrame(
    {
        "month": np.tile(MONTHS.astype(str), 2),
        "region_id": ["MLI-a"] * 48 + ["NER-b"] * 48,
        "events": np.arange(96) % 5,
    }
)
PANEL = Panel.from_frame(FRAME)
INDEXED = FRAME.assign(month=pd.PeriodIndex(FRAME["month"], freq="M"))

ALIKE = {
    "nullable": FRAME.convert_dtypes(),
    "arrow dtypes": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "categorical": FRAME.astype({"region_id": "category", "month": "category"}),
    "unsorted": FRAME.sample(frac=1, random_state=1),
    "periods": INDEXED,
    "timestamps": FRAME.assign(month=pd.to_datetime(FRAME["month"])),
    "a period index": INDEXED.set_index("month"),
    "a bare period index": INDEXED.set_index("month").rename_axis(None),
    "a multi-index": FRAME.set_index(["region_id", "month"]),
    "arrow": pa.Table.from_pandas(FRAME),
    "polars": pl.from_pandas(FRAME),
    "polars categorical": pl.from_pandas(FRAME).with_columns(pl.col("region_id").cast(pl.Categorical)),
}


@pytest.mark.parametrize("how", ALIKE)
def test_a_panel_is_read_alike_from_every_kind_of_table(how: str) -> None:
    assert Panel.from_frame(ALIKE[how]).digest() == PANEL.digest()


REFUSED = {
    "backtest countries": (lambda: harmattan.backtest(PANEL, countries="MLI"), "'MLI' is text, not a list"),
    "backtest horizons": (lambda: harmattan.backtest(PANEL, horizons="3"), "'3' are no horizons"),
    "backtest members": (lambda: harmattan.backtest(PANEL, members=["bosted"]), "Did you mean 'boosted'"),
    "backtest lag": (lambda: harmattan.backtest(PANEL, data_lag=9), "^data_lag: '9' is no data lag"),
    "backtest target": (lambda: harmattan.backtest(PANEL, target="death"), "^target: 'death' is not"),
    "select": (lambda: PANEL.select(countries="MLI"), "'MLI' is text, not a list"),
    "settings": (lambda: Settings.load("mine.toml"), "a str is no table of options"),
    "months of 0": (
        lambda: harmattan.simulate_scenario(Settings(), ["MLI-gao=2x"], months=0),
        "0 is no number",
    ),
    "months of 100": (
        lambda: harmattan.simulate_scenario(Settings(), ["MLI-gao=2x"], months=100),
        "100 is no",
    ),
    "ahead": (lambda: harmattan.simulate_scenario(Settings(), ["MLI-gao=2x"], ahead="3"), "'3' is no number"),
    "a forced promotion": (
        lambda: harmattan.promote(Settings(), force=True),
        "^force: a forced promotion needs a reason. Say why with reason='...'.$",
    ),
    "a version to go back to": (
        lambda: harmattan.promote(Settings(), 7, rollback=True),
        "^rollback takes no version, force or refit.",
    ),
    "an unknown judgement": (
        lambda: harmattan.publish(Settings(), mask_moth="2023-12"),
        "publish has no 'mask_moth'. Did you mean 'mask_month'",
    ),
    "a search of two": (lambda: harmattan.tune(Settings()), "^target: a search has one target"),
    "a short setting": (
        lambda: Settings.load({"spillover_decay": -1}, environ={}),
        "^spillover_decay: ",
    ),
    "incidents alone": (
        lambda: harmattan.run_forecast(Settings(source="ucdp:events.csv")),
        "^regions: incidents need polygons",
    ),
    "one text": (lambda: harmattan.simulate_scenario(Settings(), "MLI-gao=2x"), "is no list of changes"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_meant_is_refused_in_the_words_of_python(how: str) -> None:
    call, words = REFUSED[how]
    with pytest.raises(HarmattanError, match=words) as caught:
        call()
    assert "--" not in caught.value.message


def test_a_scenario_has_the_months_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """``months`` is how long the change lasts, ``ahead`` how far is simulated; as ``--months`` and ``--ahead``."""
    from harmattan.forecast.cli.scenario import scenario

    ours = inspect.signature(harmattan.simulate_scenario).parameters
    theirs = inspect.signature(scenario).parameters
    for name in ("months", "ahead"):
        option = theirs[name]
        default = option.default if isinstance(option.default, int) else option.default.default
        assert ours[name].default == default == 6
        bounds = (
            option.annotation.__metadata__[0]
            if hasattr(option.annotation, "__metadata__")
            else option.default
        )
        assert (bounds.min, bounds.max) == (1, 12)


def test_ids_without_a_country_are_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.concat([FRAME, FRAME.assign(region_id=FRAME["region_id"] + "2")])
    names = {"MLI-a": "Mopti", "NER-b": "Diffa", "MLI-a2": "Gao", "NER-b2": "Zinder"}
    with caplog.at_level(logging.WARNING, logger="harmattan"):
        Panel.from_frame(frame.assign(region_id=frame["region_id"].map(names)))
    assert "each of 4 regions is taken for a country of its own, such as 'Diffa'" in caplog.text


def test_what_a_notebook_prints_is_short() -> None:
    draws = harmattan.Draws(
        np.zeros((500, 2, 89), int), MONTHS[-1], (1, 2), tuple(map(str, range(89))), "events"
    )
    for shown in (PANEL, draws, harmattan.Forecaster(horizons=3), harmattan.load_snapshot()):
        assert len(repr(shown)) < 400
    snapshot = harmattan.load_snapshot()
    for shown in (snapshot.regions, snapshot.ledger, harmattan.Recipe.default()):
        assert len(repr(shown)) < 400
    assert repr(draws) == "Draws(events from 2021-12: 500 draws, horizons [1, 2], 89 regions)"


def test_errors_are_still_errors() -> None:
    with pytest.raises(OriginError, match="origins: 2019-01 cannot be an origin"):
        harmattan.backtest(PANEL, origins=("2019-01", "2019-03"))
    with pytest.raises(UsageError, match="no member is named"):
        harmattan.backtest(PANEL, members=[])


def test_what_a_frozen_object_hands_out_cannot_be_written_to() -> None:
    snapshot = harmattan.load_snapshot()
    cells = snapshot.panel.cells
    assert cells is not None
    for array in (
        PANEL.measure("events"),
        PANEL.observed,
        snapshot.regions.geometry,
        cells.measures["events"],
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_thirty_six_months_are_as_many_as_a_forecast_needs() -> None:
    settings = Settings(
        horizons=(1,),
        targets=("events",),
        workers=1,
        backtest_origins=0,
        draws=50,
        members=("conflictology_12",),
    )
    short = FRAME[FRAME["month"] < "2021-01"]
    assert str(harmattan.run_forecast(settings, panel=short).origin) == "2020-12"
    with pytest.raises(OriginError, match=r"2020-11 cannot be an origin: forecasts need at least 36 months"):
        harmattan.run_forecast(settings, panel=short[short["month"] < "2020-12"])


@pytest.mark.parametrize("name", ["publish", "score", "promote", "tune", "train"])
def test_a_function_has_the_names_and_defaults_of_its_command(name: str) -> None:
    """What a command has beside settings and printing, which are one argument and none."""
    from harmattan.forecast.cli import entry
    from harmattan.forecast.cli.options import SHARED

    (command,) = [c.callback for c in entry.app.registered_commands if c.callback.__name__ == name]
    theirs, ours = (inspect.signature(f).parameters for f in (command, getattr(harmattan, name)))
    assert ours["settings"].default is None
    judged = {f.name: f.default for f in dataclasses.fields(Judgement)} if name == "publish" else {}
    for option in theirs.keys() - SHARED.keys() - {"settings", "output", "log_json"}:
        default = getattr(theirs[option].default, "default", theirs[option].default)
        mine = judged[option] if option in judged else ours[option].default
        assert mine == {"version": "challenger"}.get(option, default), option
