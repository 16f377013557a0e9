"""The quality gate: named checks with a status, a sentence and the offending rows.

Red stops a publication, amber is shown in the report. Thresholds are those of :class:`Limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from ..errors import GateError, MatchError, StaleError
from ..panel import BuiltPanel, Panel
from . import incident_checks, newest, panel_checks
from .panel_checks import Check, Limits, Status

#: Red checks with an error, and so an exit code, of their own.
ERRORS: dict[str, type[GateError]] = {"freshness": StaleError, "match_rate": MatchError}
_ORDER = {"green": 0, "amber": 1, "red": 2}

__all__ = ["Check", "Limits", "Quality", "check_build", "check_panel"]


@dataclass(frozen=True)
class Quality:
    """All checks of one input."""

    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst status of any check."""
        return max((c.status for c in self.checks), key=_ORDER.__getitem__, default="green")

    def __getitem__(self, name: str) -> Check:
        """One check by its name."""
        return next(c for c in self.checks if c.name == name)

    def frame(self) -> pd.DataFrame:
        """``name, status, message, rows`` (how many)."""
        return pd.DataFrame(
            [(c.name, c.status, c.message, len(c.rows)) for c in self.checks],
            columns=["name", "status", "message", "rows"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON."""
        return {"status": self.status, "checks": [c.to_dict() for c in self.checks]}

    def accept(self, reason: str) -> Quality:
        """The same checks; red ones of the newest month are amber, with the reason why it is believed."""
        return Quality(newest.accepted(self.checks, reason.strip().rstrip("."))) if reason.strip() else self

    def require(self) -> Quality:
        """The same object, or a :class:`GateError` naming the red checks."""
        red = [c for c in self.checks if c.status == "red"]
        if red:
            raise ERRORS.get(red[0].name, GateError)(
                " ".join(c.message for c in red),
                where="quality gate, " + ", ".join(c.name for c in red),
                remedy="Run `harmattan data check` to see the rows; nothing is published until they are right.",
            )
        return self


def check_panel(
    panel: Panel,
    *,
    run_date: date,
    previous: Panel | None = None,
    limits: Limits | None = None,
    expected: pd.DataFrame | None = None,
    so_few: Mapping[str, float] | None = None,
) -> Quality:
    """Check a panel, whatever it came from.

    Parameters
    ----------
    panel : Panel
        What is to be used.
    run_date : datetime.date
        The day against which age counts.
    previous : Panel, optional
        What was used last time.
    limits : Limits, optional
        Thresholds.
    expected : pandas.DataFrame, optional
        What the last release expected of the newest month: ``measure, place, low, high``, and ``so_few``.
    so_few : mapping of str to float, optional
        The chance that the forecast of the newest month gave so few events, by country.

    Returns
    -------
    Quality

    Examples
    --------
    >>> from harmattan.data.snapshot import load_snapshot
    >>> check_panel(load_snapshot().panel, run_date=date(2024, 1, 31)).status
    'green'
    """
    given = limits or Limits()
    if so_few is None and expected is not None and "so_few" in expected:
        rows = expected[(expected["measure"] == panel.main) & (expected["place"] != "all")]
        so_few = dict(zip(rows["place"], rows["so_few"], strict=True))
    found: list[Check] = [
        panel_checks.values(panel),
        panel_checks.freshness(panel, run_date, given),
        panel_checks.holes(panel),
        panel_checks.coverage(panel),
        panel_checks.low_month(panel, given, so_few),
        panel_checks.sums(panel),
        panel_checks.jumps(panel, given),
        panel_checks.mix(panel, given),
        panel_checks.links(panel),
        newest.composition(panel),
        newest.repeated_month(panel),
    ]
    if panel.attrs.get("repairs"):
        found.append(panel_checks.repaired(panel))
    if expected is not None:
        found.append(newest.surprise(panel, expected))
    if previous is not None:
        found += [
            panel_checks.missing_countries(panel, previous),
            panel_checks.losses(panel, previous, given),
        ]
    return Quality(newest.together(tuple(found)))


def check_build(
    built: BuiltPanel,
    *,
    run_date: date,
    previous: Panel | None = None,
    limits: Limits | None = None,
    expected: pd.DataFrame | None = None,
    so_few: Mapping[str, float] | None = None,
) -> Quality:
    """Check a build: its panel, and the incidents it was made from.

    Parameters
    ----------
    built : BuiltPanel
        From :func:`harmattan.data.panel.build.build_panel`.
    run_date, previous, limits, expected, so_few
        See :func:`check_panel`.
    """
    given = limits or Limits()
    of_panel = check_panel(
        built.panel, run_date=run_date, previous=previous, limits=limits, expected=expected, so_few=so_few
    ).checks
    rules: tuple[Callable[[BuiltPanel, Limits], Check], ...] = (
        incident_checks.repairs,
        incident_checks.duplicates,
        incident_checks.outside,
        incident_checks.another_country,
        incident_checks.unknown_places,
        incident_checks.matched,
        incident_checks.piled,
        incident_checks.left_out,
    )
    of_delivery = (rule(built) for rule in (newest.delivery, newest.alike, newest.ids, newest.misplaced))
    return Quality(newest.together((*of_panel, *(rule(built, given) for rule in rules), *of_delivery)))
