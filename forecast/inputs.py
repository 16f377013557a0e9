"""What a run has read: the panel, its polygons, what is observed, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from ..data.geography import Regions, unseen_borders, with_gaps_closed
from ..data.panel import Panel
from ..data.quality import NEWEST
from ..data.show import Brief
from .own_features import carried

if TYPE_CHECKING:
    from ..data.panel import BuiltPanel, Ledger
    from ..data.quality import Quality
    from .result import Level
    from .settings import Settings


#: Checks whose doubts a reader has to know first: data that are late or have a hole, and a newest month that is odd.
AT_THE_TOP = {"freshness", "holes", *NEWEST}


@dataclass(frozen=True, repr=False)
class Inputs(Brief):
    """What a run reads.

    Attributes
    ----------
    panel : Panel
    regions : Regions or None
        Polygons in the panel's order; None for a panel without a map.
    borders : pandas.DataFrame or None
        ``region_id, international_km, observed_km, blind_towards``.
    coverage, ledger : pandas.DataFrame
        What is observed per country; where everything read has gone.
    books : Ledger or None
        The same by year, where there are no single events.
    demonstration : bool
        The embedded snapshot, which is never current.
    training : tuple of Panel
        Regions that models learn from and that are never forecast.
    built : BuiltPanel or None
        The build that the panel comes from, where it was built from incidents.
    around : Regions or None
        Places close by without a record of their own, which violence may reach.
    expected : pandas.DataFrame or None
        What the last release expected of the newest month: ``measure, place, low, high``, ``so_few``.
    accepted, masked : str
        Why the newest month is believed whatever the gate says of it; what was masked, and why.
    """

    panel: Panel
    regions: Regions | None
    borders: pd.DataFrame | None
    coverage: pd.DataFrame
    ledger: pd.DataFrame
    books: Ledger | None = None
    demonstration: bool = False
    training: tuple[Panel, ...] = ()
    built: BuiltPanel | None = None
    around: Regions | None = None
    expected: pd.DataFrame | None = None
    accepted: str = ""
    masked: str = ""

    def until(self, origin: pd.Period) -> Inputs:
        """What was known when ``origin`` was the last month: panel, coverage, and where all that was read has gone.

        Of books by year (the embedded snapshot's) the origin's own year counts only what was placed.
        """
        if origin >= self.panel.last_month:
            return replace(self, panel=self.panel.until(origin))
        panel, built, last = self.panel.until(origin), None, str(origin)
        if self.built is not None:
            built = self.built.until(origin)
            ledger = built.ledger.summary()
        elif self.books is not None:
            ledger = self.books.until(origin, panel).summary()
        else:
            ledger = all_placed(panel)
        seen = self.coverage[self.coverage["first_month"] <= last]
        seen = seen.assign(last_month=seen["last_month"].where(seen["last_month"] < last, last)).reset_index(
            drop=True
        )
        return replace(self, panel=panel, built=built, ledger=ledger, coverage=seen)

    def unseen(self) -> pd.DataFrame:
        """Length of the land border with each country without data: ``country, towards`` (ISO3), ``km``.

        From the world's outlines; no rows without polygons.
        """
        if self.regions is None:
            return pd.DataFrame(columns=["country", "towards", "km"])
        frame = self.regions.frame
        found, _ = unseen_borders(frame, with_gaps_closed(self.regions.geometry))
        home = found["region_id"].map(frame.set_index("region_id")["country"])
        found = found.assign(towards=found["country"], country=home)
        found = found[~found["towards"].isin(self.panel.countries)]
        return found.groupby(["country", "towards"])["km"].sum().round().reset_index()

    def run_date(self, settings: Settings, origin: pd.Period) -> date:
        """The day against which age is measured: as asked, else the end of the month after the origin.

        A run on the snapshot, or as of an earlier month, is dated from its data, so that it can be repeated to the
        byte on any day; current data are measured against today only where the user says so.
        """
        return settings.run_date or (origin + 1).end_time.date()

    def quality(
        self, run_date: date, previous: Panel | None = None, so_few: Mapping[str, float] | None = None
    ) -> Quality:
        """Every check of the data gate, on what the run may see; also against what was known before, where given.

        The snapshot is never current and says so: its age is that of the month after its last, on any day. ``so_few``:
        the chance that the forecast of the newest month gave so few events, by country.
        """
        from ..data.quality import check_build, check_panel

        if self.demonstration:
            run_date = (self.panel.last_month + 1).end_time.date()
        if self.built is None:
            found = check_panel(
                self.panel, run_date=run_date, previous=previous, expected=self.expected, so_few=so_few
            )
        else:
            build = replace(self.built, panel=self.panel)
            found = check_build(
                build, run_date=run_date, previous=previous, expected=self.expected, so_few=so_few
            )
        return found.accept(self.accepted)

    def verdict(self, quality: Quality) -> tuple[Level, str]:
        """How far the run can be trusted, and what a reader has to know first."""
        first = f"Demonstration on data to {self.panel.last_month}, not current."
        last = carried(self.panel)
        notes = [text for text in (first if self.demonstration else "", self.masked, last) if text]
        notes += [
            check.message
            for check in quality.checks
            if check.status == "red" or (check.name in AT_THE_TOP and check.status == "amber")
        ]
        if quality.status == "amber" and not notes:
            # Whoever sees the colour has to be told the reason.
            notes = [check.message for check in quality.checks if check.status == "amber"]
        amber = self.demonstration or (quality.status == "green" and bool(self.masked or last))
        return "amber" if amber else quality.status, " ".join(notes)


def all_placed(panel: Panel) -> pd.DataFrame:
    """The ledger of a ready panel: everything that was read is in it."""
    placed = float(pd.Series(panel.measure(panel.main, fill=0).ravel()).sum())
    return pd.DataFrame([("placed", placed), ("read", placed)], columns=["outcome", "events"])
