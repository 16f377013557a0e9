"""What a publishing job checks: folder, disk and data before any work, the forecast before it is released."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data import month_of
from ...data.errors import ReleaseError, UsageError, listed, nearest
from ..release import clear_leftovers, newest, newest_before, writing
from .expected import expected_of

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...training.distribution import Draws
    from ..inputs import Inputs
    from ..result import ForecastResult
    from ..settings import Settings

#: Bytes that have to be free: so many, and so many times the size of the last release.
FREE, TIMES = 20_000_000, 3


@dataclass(frozen=True)
class Judgement:
    """What whoever runs the job says of the data.

    Attributes
    ----------
    accept_losses : bool
        Counts may have gone that the last release had seen.
    accept_month : str
        Why the newest month is believed, whatever the gate says of it; empty where the gate decides.
    mask_month, mask_reason, mask_country : str
        A month that is not believed, from which on data are left out; why; and whose, where it is one country's.
    """

    accept_losses: bool = False
    accept_month: str = ""
    mask_month: str = ""
    mask_reason: str = ""
    mask_country: str = ""

    def masks(self) -> tuple[pd.Period, str] | None:
        """The last month to use, and the sentence that says so; None where nothing is masked."""
        if not self.mask_month:
            if self.mask_reason or self.mask_country:
                raise UsageError("no month is masked.", "--mask-month", "Name it: --mask-month 2023-12.")
            return None
        if not self.mask_reason.strip():
            raise UsageError(
                "a month is masked for a reason.", "--mask-month", "Give it: --mask-reason TEXT."
            )
        month = month_of(self.mask_month)
        whose = f" of {self.mask_country}" if self.mask_country else ""
        why = self.mask_reason.strip().rstrip(".")
        return (
            month - 1,
            f"The data{whose} for {month} are masked ({why}): this forecast starts from {month - 1}.",
        )


def read_inputs(settings: Settings, day: date, judgement: Judgement | None = None) -> Inputs:
    """The newest data, which have passed the gate on this day, and hold what the last release had seen.

    A masked month, and all after it, are left out. A check that is red is a :class:`GateError`: :class:`StaleError`,
    :class:`MatchError`, or the gate's own.
    """
    from ..loading import load_inputs
    from ..release import check_level

    inputs = load_inputs(settings)
    check_level(inputs.panel, inputs.regions, settings.allow_grid, settings.level)
    judged = judgement or Judgement()
    masks, last = judged.masks(), pd.Period(settings.as_of or inputs.panel.last_month, freq="M")
    if masks is not None:
        if masks[0] not in inputs.panel.months[:-1] or masks[0] >= last:
            raise UsageError(
                f"{masks[0] + 1} is not a month of these data.", "--mask-month", f"They end in {last}."
            )
        if judged.mask_country and judged.mask_country not in inputs.panel.countries:
            raise UsageError(
                f"'{judged.mask_country}' is not in these data.",
                "--mask-country",
                nearest(judged.mask_country, set(inputs.panel.countries)),
            )
        last, inputs = masks[0], replace(inputs, masked=masks[1])
    inputs = replace(inputs, panel=inputs.panel.until(last), accepted=judged.accept_month)
    inputs = replace(inputs, expected=_expected(settings.out, inputs.panel))
    known = _known(settings.out)
    if known is not None and masks is not None and known.last_month > last:
        known = known.until(last)
    inputs.quality(day, None if judged.accept_losses else known).require()
    return inputs


def _expected(out: Path, panel: Panel) -> pd.DataFrame | None:
    """What the newest usable release before the newest month expected of it; None where there is none."""
    past = newest_before(out, panel.last_month, panel.region_ids) if out.is_dir() else None
    return None if past is None else expected_of(past, panel)


def _known(out: Path) -> Panel | None:
    """The last months as the newest usable release had seen them."""
    from ..release import read_history, usable

    last = next(usable(out), None)
    return None if last is None else read_history(last.path)


def remove_leftovers(out: Path) -> None:
    """Remove what earlier jobs left half-written; a :class:`ReleaseError` where that cannot be done."""
    try:
        with writing(out):
            clear_leftovers(out)
    except OSError as reason:
        raise ReleaseError(
            f"what an earlier job left cannot be removed ({reason.strerror or reason}).",
            str(reason.filename or out),
            "Remove it by hand, or choose another --out.",
        ) from reason


def check_space(out: Path) -> None:
    """A :class:`ReleaseError` before the work where the disk is all but full."""
    last = newest(out)
    size = sum(p.stat().st_size for p in last.path.rglob("*") if p.is_file()) if last else 0
    free, needed = shutil.disk_usage(out).free, FREE + TIMES * size
    if free < needed:
        raise ReleaseError(
            f"only {free / 1e6:.1f} MB are free, {needed / 1e6:.0f} MB are needed.",
            str(out),
            "Free some, for example with harmattan prune, or choose another --out.",
        )


#: How far an expected total may lie outside the last twelve observed months, and from the last release's: a factor,
#: and a margin in counts within which small totals may move freely.
BOUNDS: dict[str, tuple[float, float]] = {"events": (4.0, 10.0), "deaths": (6.0, 60.0)}
#: Months that a total is held against.
RECENT = 12


def problems_of(result: ForecastResult, before: Mapping[str, Draws] | None = None) -> tuple[str, ...]:
    """Everything that speaks against publishing, a sentence each; ``before`` are the last release's draws."""
    found = tuple(_incomplete(result))
    return found or (*_against_history(result), *_against(result, before or {}))


def _incomplete(result: ForecastResult) -> Iterator[str]:
    """Every target, region and horizon is there, finite and not negative."""
    for name, of in (("regions", result.draws), ("countries", result.countries)):
        for target, draws in of.items():
            mean = np.asarray(draws.mean(), dtype=float)
            if not np.isfinite(mean).all():
                yield f"{int((~np.isfinite(mean)).sum())} expected {target} of {name} are no numbers."
            if (mean[np.isfinite(mean)] < 0).any():
                yield f"Some expected {target} of {name} are negative."
            if draws.horizons != result.horizons:
                yield f"{target.title()} of {name} are forecast for other months than asked for."
    for target in result.main_targets:
        # A part is left out where a group has hardly been.
        draws = result.draws[target]
        if tuple(draws.region_ids) != tuple(result.panel.region_ids):
            lost = sorted(set(result.panel.region_ids) ^ set(draws.region_ids))
            yield f"{target.title()} are not forecast for every region: {listed(lost) or 'other order'}."
    asked = tuple(result.settings.get("targets", result.draws))
    if not set(asked) <= set(result.draws):
        yield f"Forecast were {', '.join(result.draws)}, asked for {', '.join(asked)}."


def _against_history(result: ForecastResult) -> Iterator[str]:
    """Totals are of the size of the last twelve months, for all regions and for each country."""
    countries = np.array(result.panel.countries)
    for target in result.main_targets:
        draws = result.draws[target]
        factor, margin = BOUNDS.get(target, BOUNDS["deaths"])
        counts, mean = result.panel.target(target)[-RECENT:], draws.mean()
        for place in ("all regions", *sorted(set(countries))):
            at = np.ones(len(countries), bool) if place == "all regions" else countries == place
            past = np.nansum(counts[:, at], axis=1)
            low, high = past.min() / factor - margin, past.max() * factor + margin
            for total, month in zip(mean[:, at].sum(axis=1), result.months, strict=True):
                if not low <= total <= high:
                    yield (
                        f"{total:,.0f} {target} are expected in {place} in {month}, where the last {len(past)} "
                        f"months had {past.min():,.0f} to {past.max():,.0f}."
                    )
                    break


def _against(result: ForecastResult, before: Mapping[str, Draws]) -> Iterator[str]:
    """Totals are of the size that the last release gave for the same months and regions."""
    for target, draws in result.draws.items():
        earlier = before.get(target)
        if earlier is None:
            continue
        shared = [r for r in draws.region_ids if r in set(earlier.region_ids)]
        factor, margin = BOUNDS.get(target, BOUNDS["deaths"])
        ours, theirs = _totals(draws, shared), _totals(earlier, shared)
        for month in sorted(ours.keys() & theirs.keys()):
            now, then = ours[month], theirs[month]
            if not then / factor - margin <= now <= then * factor + margin:
                yield f"{now:,.0f} {target} are expected in {month}, where the last release expected {then:,.0f}."
                break


def _totals(draws: Draws, regions: list[str]) -> dict[pd.Period, float]:
    """Expected totals over some regions, by month."""
    at = [draws.region_ids.index(region) for region in regions]
    totals = draws.mean()[:, at].sum(axis=1)
    return {draws.origin + h: float(t) for h, t in zip(draws.horizons, totals, strict=True)}
