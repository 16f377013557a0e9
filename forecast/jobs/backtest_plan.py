"""What a back-test is asked for, and what that means on the data there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.errors import OriginError, UsageError, nearest
from ..settings import Settings

if TYPE_CHECKING:
    from ...data.geography import Regions
    from ...data.panel import Panel
    from ...data.vintages import VintageStore
    from ...training.evaluation.protocol import Protocol
    from ...training.models import MemberLike
    from ..inputs import Inputs

#: Months of history that the first origin needs.
SHORTEST = 36
#: Origins of a back-test that names none.
USUAL_ORIGINS = 24


@dataclass(frozen=True)
class BacktestSettings:
    """What one back-test is asked for.

    Attributes
    ----------
    base : Settings
        Source, panel, links, regions, horizons, countries, workers, seed, and where runs are recorded.
    target : str
        ``events`` or ``deaths``.
    origins : tuple of pandas.Period or None
        First and last origin; None for the last ones there are.
    members : tuple or None
        Which members are tried, by name or as objects of a user's own; None for the usual ones.
    refit_every : int
        Months between refits, 1 or 12.
    data_lag : int
        Months between the last published month and the origin, 0..3.
    scheduler : str or None
        Address of a Dask scheduler.
    benchmark : bool
        The house benchmark; with ``data_lag`` 1 the live table, with ``unseal`` the vault.
    unseal : bool
        Months in the vault may be scored.
    vintages : Path, VintageStore or None
        A store of releases: models see what it knew at each origin, and outcomes are final. None: final counts.
    leave_one_out : bool
        Whether the pool is also tried without each of its members.
    out : Path
        Folder that is written.
    """

    base: Settings
    target: str = "events"
    origins: tuple[pd.Period, pd.Period] | None = None
    members: tuple[MemberLike, ...] | None = None
    refit_every: int = 12
    data_lag: int = 0
    scheduler: str | None = None
    benchmark: bool = False
    unseal: bool = False
    vintages: Path | VintageStore | None = None
    leave_one_out: bool = False
    out: Path = Path("backtests")

    def __post_init__(self) -> None:
        """An error for every option that is out of range, whoever gives it."""
        for option in ("benchmark", "unseal", "leave_one_out"):
            if not isinstance(given := getattr(self, option), bool):
                what = f"{given!r} is neither True nor False."
                raise UsageError(what, f"--{option.replace('_', '-')}", "Write one of them.")
        if not isinstance(self.target, str):
            raise UsageError(f"{self.target!r} is no target.", "--target", "Name one, such as events.")
        if self.refit_every not in (1, 12):
            raise UsageError(f"'{self.refit_every}' is no refit interval.", "--refit", "Write 1 or 12.")
        if isinstance(self.data_lag, bool) or self.data_lag not in range(4):
            raise UsageError(f"'{self.data_lag}' is no data lag.", "--data-lag", "Write 0, 1, 2 or 3.")
        if self.members is not None and not self.members:
            raise UsageError("no member is named.", "--members", "Leave it out for all of them.")
        named = [m for m in self.members or () if isinstance(m, str)]
        if len(set(named)) < len(named):
            raise UsageError("a member is named twice.", "--members", "Name each once.")
        if self.origins is not None and self.origins[0] > self.origins[1]:
            first, last = self.origins
            raise UsageError(f"'{first}:{last}' runs backwards.", "--origins", f"Write {last}:{first}.")


@dataclass(frozen=True)
class BacktestPlan:
    """What will be computed, everything having been checked.

    ``regions`` are those that are scored, ``panel`` holds counts up to the last target month and nothing later;
    ``unsealed`` says whether the vault is opened, ``final`` whether models see final counts although the source is a
    store that knows what came when.
    """

    protocol: Protocol
    regions: tuple[str, ...]
    panel: Panel
    unsealed: bool
    inputs: Inputs
    final: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about what the models saw, and what they could not see."""
        notes = []
        if self.panel.links is None:
            notes.append("The panel has no links between regions: no model sees neighbours.")
        elif not self.panel.links["crosses_border"].any():
            notes.append("No link crosses a border: no model sees across one.")
        if self.final:
            notes.append(
                "Models saw final counts; --vintages shows them what had been released at each origin."
            )
        return tuple(notes)


def make_plan(settings: BacktestSettings, inputs: Inputs | None = None) -> BacktestPlan:
    """Read the data, unless ``inputs`` are there already, and decide on origins, regions and the vault.

    Raises
    ------
    UsageError
        Options that exclude each other, origins outside the data, a month in the vault.
    InputError
        Files that are missing or broken.
    """
    from ...data.panel import require_covariates
    from ...training.evaluation.protocol import check_vault, scored_regions
    from ..loading import load_inputs

    if settings.vintages is not None and (settings.base.recipe or settings.base.covariates):
        what = "a store of releases knows no features or covariates of your own."
        raise UsageError(what, "--vintages", "Leave one of them out.")
    if settings.benchmark:
        protocol = _benchmark(settings)
        inputs = load_inputs(replace(settings.base, source="snapshot"))
    else:
        inputs = inputs or load_inputs(settings.base)
        # The vault holds months, not a file: the same counts by another way are the same months.
        inputs = replace(inputs, demonstration=inputs.demonstration or _shipped(inputs.panel))
        protocol = _custom(settings, inputs)
    _check_target(settings.target, inputs.panel)
    unsealed = False
    if settings.benchmark or inputs.demonstration:
        unsealed = check_vault(protocol.last_target, settings.unseal)
    _check_origins(protocol, inputs.panel)
    require_covariates(inputs.panel, protocol.origins(min(protocol.horizons))[-1] - protocol.data_lag)
    panel = inputs.panel.until(protocol.last_target)
    final = settings.vintages is None and not settings.benchmark and settings.base.source.startswith("store:")
    return BacktestPlan(protocol, scored_regions(panel, protocol), panel, unsealed, inputs, final)


def _check_target(target: str, panel: Panel) -> None:
    """A :class:`UsageError` where the panel counts nothing of that name."""
    from ...data.panel import TARGETS

    if TARGETS.get(target, target) not in panel.measures:
        known = {*panel.measures} | {name for name, measure in TARGETS.items() if measure in panel.measures}
        what = f"'{target}' is not a target of these data.{panel.aside(target)}"
        raise UsageError(what, "--target", nearest(target, known))


def _shipped(panel: Panel) -> bool:
    """Whether a panel holds the counts that come with the package, in the months that are closed, on any layer."""
    from ...data.layers import LAYERS, layer_crosswalk

    older = []
    for walk in map(layer_crosswalk, LAYERS):
        there = walk.table["source_id"].isin(panel.region_ids)
        whole = there.groupby(walk.table["target_id"]).transform("all")
        if whole.any():
            parts = panel.select(regions=walk.table.loc[whole, "source_id"].tolist())
            older.append(walk.carry(replace(parts, cells=None)))
    return any(map(_are_shipped, (panel, *older)))


def _are_shipped(panel: Panel) -> bool:
    from ...data.snapshot import load_snapshot
    from ...training.evaluation.protocol import LAST_OPEN

    ours = load_snapshot().panel
    if "events" not in panel.measures:
        return False
    regions = [r for r in panel.region_ids if r in set(ours.region_ids)]
    months = [m for m in panel.months if m > LAST_OPEN and m <= ours.last_month]
    if not regions or not months:
        return False
    theirs, shipped = (_events(p, months, regions) for p in (panel, ours))
    # Later releases revise single counts; a simulated world would share zeros alone.
    violent = shipped > 0
    return bool(violent.any()) and float((theirs == shipped)[violent].mean()) > 0.5


def _events(panel: Panel, months: Sequence[pd.Period], regions: Sequence[str]) -> np.ndarray:
    """Events of some months and regions, (months, regions)."""
    rows = np.array([(m - panel.months[0]).n for m in months])
    columns = np.array([panel.region_ids.index(r) for r in regions])
    return np.asarray(panel.measure("events")[rows[:, None], columns])


def inputs_of(panel: Panel, regions: Regions | None = None) -> Inputs:
    """A panel in memory, and polygons of its regions, as if they had been read."""
    from ..inputs import Inputs
    from ..own_data import coverage_of_panel

    return Inputs(panel, regions, None, coverage_of_panel(panel), pd.DataFrame({"outcome": [], "events": []}))


def _benchmark(settings: BacktestSettings) -> Protocol:
    """The fixed protocol; an error for every option that would change it."""
    from ...training.evaluation.protocol import HOUSE, LIVE, VAULT

    base, usual = settings.base, Settings()
    fixed = {
        "--panel": base.panel is not None,
        "--regions": base.regions is not None,
        "--links": base.links is not None,
        "--layer": base.layer is not None,
        "--month-rule": base.month_rule != usual.month_rule,
        "--origins": settings.origins is not None,
        "--horizons": base.horizons != usual.horizons,
        "--countries": base.countries != usual.countries,
        "--refit": settings.refit_every != HOUSE.refit_every,
        "--seed": base.seed != usual.seed,
        "--vintages": settings.vintages is not None,
        "--recipe": base.recipe is not None,
        "--covariates": bool(base.covariates),
    }
    for option, given in fixed.items():
        if given:
            raise UsageError("the benchmark's protocol is fixed.", option, "Leave out this or --benchmark.")
    if settings.data_lag > 1 or (settings.unseal and settings.data_lag):
        what = "the benchmark has one table without a data lag and one with a lag of 1."
        raise UsageError(what, "--data-lag", "Write 0 or 1, and 0 with --unseal.")
    if settings.unseal:
        return VAULT
    return LIVE if settings.data_lag else HOUSE


def _custom(settings: BacktestSettings, inputs: Inputs) -> Protocol:
    """The user's own origins on whatever data there are."""
    from ...training.evaluation.protocol import LAST_OPEN, Protocol

    base, panel = settings.base, inputs.panel
    unknown = sorted(set(base.countries) - set(panel.countries))
    if unknown:
        remedy = nearest(unknown[0], set(panel.countries))
        raise UsageError(f"the panel has no region of {unknown[0]}.", "--countries", remedy)
    if settings.origins is not None:
        first, last = settings.origins
    else:
        end = panel.last_month
        if inputs.demonstration and not settings.unseal:
            end = min(end, LAST_OPEN)
        last = end - max(base.horizons)
        earliest = panel.months[0] + SHORTEST - 1
        first = min(max(last - USUAL_ORIGINS + 1, earliest), last)
    return Protocol(
        "own",
        first,
        last,
        horizons=base.horizons,
        countries=base.countries or tuple(sorted(set(panel.countries))),
        data_lag=settings.data_lag,
        refit_every=settings.refit_every,
        seed=base.seed,
    )


def _check_origins(protocol: Protocol, panel: Panel) -> None:
    """An error where an origin has too little before it, or nothing known after it."""
    first = min(protocol.origins(h)[0] for h in protocol.horizons)
    earliest = panel.months[0] + SHORTEST - 1 + protocol.data_lag
    latest = panel.last_month - max(protocol.horizons)
    room = f"Choose origins from {earliest} to {latest}." if earliest <= latest else "Bring a longer history."
    if first < earliest:
        what = f"{first} cannot be an origin: forecasts need at least {SHORTEST} months of data up to it."
        raise OriginError(what, "--origins", room)
    if protocol.last_target > panel.last_month:
        what = f"{protocol.last_target} cannot be scored: the data end in {panel.last_month}."
        raise OriginError(what, "--origins", room)
