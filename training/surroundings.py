"""What a forecast reads beside the counts by region and month: stored with a model, for those who serve it a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from ..data.errors import SchemaError
from ..data.panel import CELLS, CellCounts, Outlines, Panel, with_covariates_of

#: Notes of a panel that say what a reader did with its file, not what its numbers are.
PASSING = {"unused_columns", "repairs", "carried", "static"}


@dataclass(frozen=True)
class Surroundings:
    """Everything of a training's panels that a table of counts cannot say.

    Attributes
    ----------
    attrs : mapping
        Notes of the panel: its groups and types, its covariates and their lags.
    outlines : Outlines or None
        Polygons of the regions, in the model's order.
    home : numpy.ndarray
        Cell in which that stands whose cell is not known, (regions,).
    placed : bool
        Whether cells of single months were known, which a table then has to give too.
    training : tuple of Panel
        Regions whose events press on these: they are learned from, never forecast.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    outlines: Outlines | None = None
    home: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    placed: bool = False
    training: tuple[Panel, ...] = ()

    @classmethod
    def of(cls, panel: Panel, training: Sequence[Panel]) -> Self:
        """Those of a panel and of what is learned from beside it."""
        attrs = {name: value for name, value in panel.attrs.items() if name not in PASSING}
        cells = panel.cells
        if cells is None or cells.outlines is None:
            return cls(attrs)
        pressing = tuple(p for p in training if p.cells is not None)
        return cls(attrs, cells.outlines, cells.home, bool(len(cells.cell)), pressing)

    def complete(self, panel: Panel, frame: pd.DataFrame) -> Panel:
        """A panel that was made of a table, with what that table says beside the counts.

        Raises
        ------
        SchemaError
            Cells are needed and not given, or cannot be read.
        """
        here = [name for name in self.attrs.get("covariates", ()) if name in frame]
        panel = with_covariates_of(panel, frame, {**self.attrs, "covariates": here})
        if self.outlines is None:
            return panel
        if not self.placed:
            none = np.zeros(0, dtype=np.int64)
            return replace(panel, cells=CellCounts(none, none, none, {}, self.home, self.outlines))
        if CELLS not in frame:
            raise SchemaError(
                "the model reads where inside their regions events lie, and the table does not say it.",
                "panel",
                f"Give the column '{CELLS}', as Panel.to_frame(cells=True) makes it.",
            )
        cells = CellCounts.from_texts(frame[CELLS], frame["month"], frame["region_id"], panel, self.home)
        return replace(panel, cells=replace(cells, outlines=self.outlines))

    def to_text(self) -> str:
        """JSON, from which :meth:`from_text` gives the same again; polygons as hexadecimal WKB."""
        import shapely

        shapes = [] if self.outlines is None else shapely.to_wkb(self.outlines.geometry, hex=True).tolist()
        stored = {
            # The order of groups counts.
            "attrs": dict(self.attrs),
            "outlines": shapes,
            "home": self.home.tolist(),
            "placed": self.placed,
            "training": [_counts_to_json(p) for p in self.training],
        }
        return json.dumps(stored, separators=(",", ":"), allow_nan=False) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The inverse of :meth:`to_text`."""
        import shapely

        stored = json.loads(text)
        shapes = stored["outlines"]
        outlines = Outlines(shapely.from_wkb(np.array(shapes, dtype=object))) if shapes else None
        home = np.asarray(stored["home"], dtype=np.int64)
        training = tuple(_counts_from_json(each) for each in stored["training"])
        return cls(stored["attrs"], outlines, home, bool(stored["placed"]), training)


def _counts_to_json(panel: Panel) -> dict[str, Any]:
    """The events of a panel that press on others: where and when there were any."""
    assert panel.cells is not None
    measures = {n: v for n, v in panel.measures.items() if n.startswith("events")}
    counted = {n: (np.flatnonzero(v > 0), v) for n, v in measures.items()}
    return {
        "first": str(panel.months[0]),
        "months": len(panel.months),
        "region_ids": list(panel.region_ids),
        "countries": list(panel.countries),
        "counts": {n: [at.tolist(), v.ravel()[at].tolist()] for n, (at, v) in counted.items()},
        "cells": panel.cells.to_notes(),
    }


def _counts_from_json(stored: Mapping[str, Any]) -> Panel:
    months = pd.period_range(stored["first"], periods=stored["months"], freq="M")
    ids = tuple(stored["region_ids"])
    measures = {}
    for name, (at, values) in stored["counts"].items():
        flat = np.zeros(len(months) * len(ids), dtype=np.float32)
        flat[at] = values
        measures[name] = flat.reshape(len(months), len(ids))
    cells = CellCounts.from_notes(stored["cells"])
    seen = np.ones((len(months), len(ids)), dtype=bool)
    return Panel(months, ids, ids, tuple(stored["countries"]), measures, seen, cells=cells)
