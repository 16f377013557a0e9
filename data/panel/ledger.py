"""The ledger: where every incident and every death that was read has gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import LedgerError
from ..schemas import LEDGER_COLUMNS, LEDGER_FIGURES, PLACED
from ..show import Brief
from .incidents import Repair, repairs_frame

if TYPE_CHECKING:
    from .panel import Panel


@dataclass(frozen=True, repr=False)
class Ledger(Brief):
    """Read = placed + excluded, for events and deaths, by country, year and type of violence.

    Attributes
    ----------
    entries : pandas.DataFrame
        ``country, year, violence_type, outcome, events, deaths_best, deaths_low, deaths_high``; ``outcome``
        is ``placed`` or the reason of exclusion.
    repairs : tuple of Repair
        Counted changes made on the way.
    snapped : pandas.DataFrame
        Incidents outside their country's polygons that were placed in its nearest region:
        ``incident_id, country, region_id, snap_km``, and the region of another country that they lie ``inside``.

    Examples
    --------
    >>> row = ("MLI", 2020, "state_based", "placed", 3.0, 5.0, 4.0, 9.0)
    >>> entries = pd.DataFrame([row], columns=list(LEDGER_COLUMNS))
    >>> Ledger(entries).summary().to_dict("records")[0]["events"]
    3.0
    """

    entries: pd.DataFrame
    repairs: tuple[Repair, ...] = ()
    snapped: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            columns=["incident_id", "country", "region_id", "snap_km", "inside"]
        )
    )

    def by(self, *keys: str) -> pd.DataFrame:
        """Sums of the figures by some of ``country, year, violence_type, outcome``."""
        return (
            self.entries.groupby(list(keys), sort=True, observed=True)[list(LEDGER_FIGURES)]
            .sum()
            .reset_index()
        )

    def summary(self) -> pd.DataFrame:
        """One row per outcome, ``placed`` first, with a row ``read`` for the total."""
        table = self.by("outcome")
        table = table.assign(_first=table["outcome"] != PLACED).sort_values(["_first", "outcome"])
        total = {"outcome": "read", **table[list(LEDGER_FIGURES)].sum().to_dict()}
        return pd.concat([table.drop(columns="_first"), pd.DataFrame([total])], ignore_index=True)

    def until(self, month: pd.Period, panel: Panel) -> Ledger:
        """The books of whole years up to ``month``, and what the panel holds of the year that it cuts."""
        kept = self.entries[self.entries["year"] < month.year + (month.month == 12)]
        if month.month < 12:
            year = panel.months.year == month.year
            rest = {n: np.nansum(panel.measures[n][year], dtype=float) for n in LEDGER_FIGURES}
            rest |= {"country": "", "year": month.year, "violence_type": "", "outcome": PLACED}
            kept = pd.concat([kept, pd.DataFrame([rest])[list(LEDGER_COLUMNS)]], ignore_index=True)
        return Ledger(kept, self.repairs, self.snapped)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ..show import card

        facts = {
            "repairs": sum(repair.count for repair in self.repairs),
            "moved to the nearest region": len(self.snapped),
        }
        return card("Ledger: where everything that was read has gone", facts, self.summary(), rows=20)

    def to_dict(self) -> dict[str, object]:
        """The ledger for JSON: totals by outcome, by country and outcome, and the repairs."""
        repairs = repairs_frame(self.repairs)
        return {
            "outcomes": self.summary().to_dict("records"),
            "countries": self.by("country", "outcome").to_dict("records"),
            "types": self.by("violence_type", "outcome").to_dict("records"),
            "repairs": repairs.to_dict("records"),
            "snapped": len(self.snapped),
            "snapped_farthest_km": float(self.snapped["snap_km"].max()) if len(self.snapped) else 0.0,
        }

    def check(self, read: pd.DataFrame, placed: Mapping[str, float], *, whole: bool = True) -> None:
        """Raise a :class:`LedgerError` unless the books balance.

        Parameters
        ----------
        read : pandas.DataFrame
            ``violence_type`` and the figures, summed from the source before anything was decided.
        placed : mapping of str to float
            Figures summed over the finished panel; ``events_<type>`` per type of violence as well.
        whole : bool
            Every cell of the panel is a whole number; shares are rounded to float32 there, and compared as such.
        """
        ours = self.by("violence_type").set_index("violence_type")
        theirs = read.set_index("violence_type")[list(LEDGER_FIGURES)]
        for kind in theirs.index.union(ours.index):
            for figure in LEDGER_FIGURES:
                a = float(theirs[figure].get(kind, 0.0))
                b = float(ours[figure].get(kind, 0.0))
                _balance(f"{figure} of type {kind}", a, "read", b, "accounted for")
        kept = self.entries[self.entries["outcome"] == PLACED]
        for name, total in placed.items():
            if name in LEDGER_FIGURES:
                booked = float(kept[name].sum())
            else:
                booked = float(
                    kept.loc[kept["violence_type"] == name.removeprefix("events_"), "events"].sum()
                )
            _balance(name, booked, "booked as placed", total, "in the panel", 1e-9 if whole else 1e-6)


def _balance(what: str, a: float, a_is: str, b: float, b_is: str, rtol: float = 1e-9) -> None:
    if not np.isclose(a, b, rtol=rtol, atol=1e-6):
        raise LedgerError(
            f"{what}: {a:.12g} {a_is} but {b:.12g} {b_is}.",
            where="ledger",
            remedy="This is a fault of the program; please report it with the input.",
        )


def entries_of(
    country: np.ndarray,
    year: np.ndarray,
    kind: np.ndarray,
    outcome: np.ndarray,
    figures: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Ledger entries from one row per incident (or part of one)."""
    frame = pd.DataFrame({"country": country, "year": year, "violence_type": kind, "outcome": outcome})
    for name in LEDGER_FIGURES:
        frame[name] = figures[name]
    keys = ["country", "year", "violence_type", "outcome"]
    summed = frame.groupby(keys, sort=True, observed=True).sum().reset_index()
    return summed[list(LEDGER_COLUMNS)]
