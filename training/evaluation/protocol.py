"""The house benchmark: one fixed protocol, the same for every model and every year, and the vault it stays out of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import RegionError, UsageError

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..models.base import Problem

#: The last target month that research may see; later ones are the vault.
LAST_OPEN = pd.Period("2022-12", freq="M")
#: Share of what is finally counted in a month that its first release holds, by country, at most 1: where a first
#: release counts too many, nothing is taken away. From ``harmattan.data.snapshot.delay.reporting_delay`` for 2023-11 to
#: 2024-12: UCDP Candidate as first released, against UCDP GED 24.1 and 25.1. Deaths stand in for events, which have
#: no vintages.
FIRST_RELEASE = {"BEN": 1.0, "BFA": 0.79, "MLI": 0.84, "NER": 1.0, "TGO": 1.0}


@dataclass(frozen=True)
class Protocol:
    """What a benchmark holds fixed.

    Attributes
    ----------
    name : str
        ``house``, ``earlier``, ``live`` or ``vault``.
    first, last : pandas.Period
        Origins, or target months where ``by_target``.
    by_target : bool
        The months are those that are forecast, so that every horizon is judged on the same ones.
    horizons : tuple of int
        Months ahead.
    countries : tuple of str
        Whose regions are scored; models may learn from every month and region up to the origin.
    data_lag : int
        Months between the last published month and the origin.
    first_release : mapping of str to float
        By country, the share of its newest month that was published at the time; empty: final counts.
    refit_every : int
        Months between refits.
    seed : int
        Root of every random stream.
    """

    name: str
    first: pd.Period
    last: pd.Period
    by_target: bool = False
    horizons: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    countries: tuple[str, ...] = ("MLI", "BFA", "NER", "BEN", "TGO")
    data_lag: int = 0
    first_release: Mapping[str, float] = field(default_factory=dict)
    refit_every: int = 12
    seed: int = 20231

    def origins(self, horizon: int) -> tuple[pd.Period, ...]:
        """Every monthly origin of one horizon, in order.

        Examples
        --------
        >>> len(HOUSE.origins(1)), str(VAULT.origins(6)[0])
        (55, '2022-07')
        """
        months = pd.period_range(self.first, self.last, freq="M")
        return tuple(months - horizon) if self.by_target else tuple(months)

    @property
    def last_target(self) -> pd.Period:
        """The last month that is forecast."""
        return self.last if self.by_target else self.last + max(self.horizons)

    @property
    def target_months(self) -> str:
        """The months that are forecast, from the first of the shortest horizon to the last of the longest.

        Examples
        --------
        >>> EARLIER.target_months, HOUSE.target_months
        ('2012-01 to 2017-12', '2018-01 to 2022-12')
        """
        first = self.first if self.by_target else self.first + min(self.horizons)
        return f"{first} to {self.last_target}"

    def published(self) -> dict[str, object]:
        """The protocol for JSON."""
        return {
            "name": self.name,
            "first": str(self.first),
            "last": str(self.last),
            "months_are": "targets" if self.by_target else "origins",
            "horizons": list(self.horizons),
            "countries": list(self.countries),
            "data_lag": self.data_lag,
            "first_release": dict(self.first_release),
            "refit_every": self.refit_every,
            "seed": self.seed,
        }


HOUSE = Protocol("house", pd.Period("2017-12", freq="M"), pd.Period("2022-06", freq="M"))
#: The window before: every horizon is judged on the same target months. Choices are made on both windows together.
EARLIER = replace(
    HOUSE,
    name="earlier",
    first=pd.Period("2012-01", freq="M"),
    last=pd.Period("2017-12", freq="M"),
    by_target=True,
)
#: What live use loses: the newest month is one old, and not all of it is known yet.
LIVE = replace(HOUSE, name="live", data_lag=1, first_release=FIRST_RELEASE)
#: The months that no choice has seen.
VAULT = Protocol("vault", pd.Period("2023-01", freq="M"), pd.Period("2023-12", freq="M"), by_target=True)


def check_vault(last_target: pd.Period, unseal: bool) -> bool:
    """Whether a back-test opens the vault; an error where it would without saying so.

    Parameters
    ----------
    last_target : pandas.Period
        The last month that is to be scored.
    unseal : bool
        The user knows, and it will be recorded.

    Raises
    ------
    UsageError
        The month lies in the vault, and ``unseal`` is false.

    Examples
    --------
    >>> check_vault(pd.Period("2022-12", "M"), unseal=False), check_vault(pd.Period("2023-01", "M"), unseal=True)
    (False, True)
    """
    if last_target <= LAST_OPEN:
        return False
    if not unseal:
        raise UsageError(
            f"scoring {last_target} opens the vault: target months after {LAST_OPEN} are kept from research.",
            "--origins",
            "Choose earlier origins, or open it with --unseal, which is recorded.",
        )
    return True


def scored_regions(panel: Panel, protocol: Protocol) -> tuple[str, ...]:
    """Ids of the regions that a protocol scores.

    Raises
    ------
    RegionError
        The panel lacks one of its countries.
    """
    missing = sorted(set(protocol.countries) - set(panel.countries))
    if missing:
        raise RegionError(
            f"the panel has no region of {missing[0]}, which the benchmark scores.",
            panel.source,
            "Run the benchmark on the shipped snapshot.",
        )
    pairs = zip(panel.region_ids, panel.countries, strict=True)
    return tuple(region for region, country in pairs if country in protocol.countries)


def first_released(
    panel: Panel, month: pd.Period, shares: Mapping[str, float], rng: np.random.Generator
) -> Panel:
    """A panel in which one month is only known as far as its first release.

    Parameters
    ----------
    panel : Panel
        Final counts.
    month : pandas.Period
        The newest published month.
    shares : mapping of str to float
        By country, the probability that an event was in the first release, 0..1; other countries stay whole.
    rng : numpy.random.Generator
        Decides which events were.

    Returns
    -------
    Panel
        Events thinned binomially; counts by type and group, and late ones, are a random part of them
        (hypergeometric), so that parts still add up; deaths fall in proportion, rounded down.

    Examples
    --------
    >>> from harmattan.data.panel import Panel
    >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [40, 40]})
    >>> first_released(Panel.from_frame(frame), pd.Period("2023-02", "M"), {"MLI": 0.5},
    ...                np.random.default_rng(7)).measure("events").ravel().tolist()
    [40.0, 21.0]
    """
    row = panel.position(month)
    share = np.array([shares.get(country, 1.0) for country in panel.countries])
    events = np.nan_to_num(panel.measure("events")[row]).astype(np.int64)
    kept = rng.binomial(events, share)
    measures = {name: values.copy() for name, values in panel.measures.items()}
    parts = [n for n in measures if n.startswith("events_")]
    groups = [[n for n in parts if n in TYPES], [n for n in parts if n not in TYPES]]
    groups += [["late_events"]] if "late_events" in measures else []
    for names in groups:
        _thin_parts(measures, names, row, events, kept, rng)
    left = np.divide(kept, events, out=np.ones(len(events)), where=events > 0)
    for name in (n for n in measures if n.startswith("deaths")):
        measures[name][row] = np.floor(measures[name][row] * left + 1e-6)
    measures["events"][row] = np.where(panel.observed[row], kept, np.nan)
    return replace(panel, measures=measures, source=f"{panel.source}; {month} as first released")


#: Measures that split events by type of violence; the other ``events_`` measures split them by armed group.
TYPES = ("events_state_based", "events_non_state", "events_one_sided")


def _thin_parts(
    measures: dict[str, np.ndarray],
    names: list[str],
    row: int,
    events: np.ndarray,
    kept: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Spread the events that are left over the parts, as if each had been left out by chance."""
    for region in np.flatnonzero(kept < events):
        whole = np.array([measures[n][row, region] for n in names], dtype=np.int64)
        rest = max(int(events[region] - whole.sum()), 0)
        drawn = rng.multivariate_hypergeometric([*whole, rest], int(kept[region]))
        for name, number in zip(names, drawn, strict=False):
            measures[name][row, region] = number


def as_published(problem: Problem, origin: pd.Period, protocol: Protocol) -> Problem:
    """The problem as it stood at an origin, its newest published month being only a first release.

    Parameters
    ----------
    problem : Problem
        Final counts and their features.
    origin : pandas.Period
        The month from which horizons count; the newest published one lies ``data_lag`` before.
    protocol : Protocol
        Gives the lag, the shares and the seed; the same origin always loses the same events.
    """
    from ...features.recipe import Recipe

    if not protocol.first_release:
        return problem
    newest = origin - protocol.data_lag
    rng = np.random.default_rng([protocol.seed, newest.ordinal])
    panel = first_released(problem.panel.until(newest), newest, protocol.first_release, rng)
    return replace(problem, panel=panel, cube=Recipe.default().build(panel))
