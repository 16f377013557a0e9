"""Draws read and summed from Python: by label, whole, and of one forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import HarmattanError, RegionError, SchemaError, UsageError
from harmattan.training.distribution import Draws

VALUES = np.arange(12).reshape(3, 2, 2)


def draws(target: str = "events", values: np.ndarray = VALUES, origin: str = "2023-12") -> Draws:
    return Draws(values, pd.Period(origin, "M"), (1, 2), ("MLI-a", "NER-b"), target)


def test_a_table_of_two_targets_asks_which() -> None:
    both = pd.concat([draws("deaths", VALUES + 5).to_frame(), draws().to_frame()], ignore_index=True)
    with pytest.raises(UsageError, match=r"deaths, events.*target="):
        Draws.from_frame(both)
    assert np.array_equal(Draws.from_frame(both, target="deaths").values, VALUES + 5)
    with pytest.raises(UsageError, match="'death'"):
        Draws.from_frame(both, target="death")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.concat([draws().to_frame(), draws(origin="2023-11").to_frame()]), "2 origins"),
        (pd.concat([draws().to_frame(), draws().to_frame()]), "more than once"),
        (draws().to_frame().iloc[:-1], "missing"),
        (draws().to_frame().assign(value=0.5), "whole"),
        (draws().to_frame().assign(value=-1), "whole"),
        (draws().to_frame().assign(value=np.nan), "whole"),
        (draws().to_frame().drop(columns="draw"), "'draw'"),
        (draws().to_frame().iloc[:0], "no rows"),
    ],
    ids=["origins", "twice", "gap", "fraction", "negative", "nan", "column", "empty"],
)
def test_a_table_that_is_not_one_whole_forecast_is_refused(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Draws.from_frame(frame)


def test_groups_are_aligned_by_label() -> None:
    one = draws().total(["MLI", "NER"])
    turned = draws().total(pd.Series({"NER-b": "NER", "MLI-a": "MLI"}))
    assert np.array_equal(one.values, turned.values)
    assert np.array_equal(draws().total({"NER-b": "NER", "MLI-a": "MLI"}).values, one.values)


@pytest.mark.parametrize(
    "groups", [["a"], ["a", "b", "c"], {"MLI-a": "x"}, pd.Series(["a", "b"]), "ab", ["a", None]], ids=repr
)
def test_groups_that_fit_no_region_are_refused(groups: Any) -> None:
    with pytest.raises(HarmattanError, match="group"):
        draws().total(groups)


def test_a_selection_keeps_what_it_names() -> None:
    part = draws().select(regions=["NER-b"], horizons=[2])
    assert part.values.ravel().tolist() == [3, 7, 11]
    assert (part.region_ids, part.horizons) == (("NER-b",), (2,))
    with pytest.raises(RegionError, match="NER-c"):
        draws().select(regions=["NER-c"])
    with pytest.raises(UsageError, match="horizon 3"):
        draws().select(horizons=[3])


def test_values_cannot_be_written_to() -> None:
    d = draws()
    with pytest.raises(ValueError, match="read-only"):
        d.values[0] = 1
    VALUES[0, 0, 0] = 0


def test_many_draws_keep_their_numbers() -> None:
    many = Draws(np.zeros((40_000, 1, 1), int), pd.Period("2023-12", "M"), (1,), ("a",), "events")
    assert many.to_frame()["draw"].iloc[-1] == 39_999


def test_pictures_of_large_counts_write_them_out() -> None:
    """Not as 2.5e+06, and with nothing cut from the axis."""
    from shapely import box

    from harmattan.data.geography import Regions
    from harmattan.training.figures import draw_fan

    large = draws("displaced", VALUES * 1_000_000)
    past = pd.Series([9_000_000, 2_000_000], index=pd.period_range("2023-11", periods=2, freq="M"))
    fan = draw_fan(large.select(["NER-b"]), past, "Displaced")
    fan.canvas.draw()
    axis = fan.axes[0]
    words = [label.get_text() for label in axis.get_yticklabels()]
    assert "10,000,000" in words
    assert axis.get_ylim()[1] > 11_000_000
    assert axis.yaxis.get_offset_text().get_text() == ""
    frame = pd.DataFrame({"region_id": ["MLI-a", "NER-b"], "name": ["a", "b"], "country": ["MLI", "NER"]})
    places = Regions(frame, np.array([box(0, 0, 1, 1), box(1, 0, 2, 1)]), pd.DataFrame())
    legend = large.plot_map(places).axes[0].get_legend()
    assert legend is not None
    assert not [t for t in legend.get_texts() if "e+" in t.get_text()]
