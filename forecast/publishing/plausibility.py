"""Whether a forecast can be what it claims: complete, finite, and of the size of what went before.

Each check returns sentences about what is wrong; an empty tuple means that nothing was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ...training.distribution import Draws
    from ..result import ForecastResult

#: How far an expected total may lie outside the last twelve observed months, and from the last release's: a factor,
#: and a margin in counts within which small totals may move freely.
BOUNDS: dict[str, tuple[float, float]] = {"events": (4.0, 10.0), "deaths": (6.0, 60.0)}
#: Months that a total is held against.
RECENT = 12


def problems_of(result: ForecastResult, before: Mapping[str, Draws] | None = None) -> tuple[str, ...]:
    """Everything that speaks against publishing a forecast.

    Parameters
    ----------
    result : ForecastResult
        What is to be published.
    before : mapping of str to Draws, optional
        The last release's draws by target.

    Returns
    -------
    tuple of str
        One sentence per problem; empty where there is none.
    """
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
    for target, draws in result.draws.items():
        if tuple(draws.region_ids) != tuple(result.panel.region_ids):
            lost = sorted(set(result.panel.region_ids) ^ set(draws.region_ids))
            yield f"{target.title()} are not forecast for every region: {', '.join(lost[:3]) or 'other order'}."
    asked = tuple(result.settings.get("targets", result.draws))
    if set(asked) != set(result.draws):
        yield f"Forecast were {', '.join(result.draws)}, asked for {', '.join(asked)}."


def _against_history(result: ForecastResult) -> Iterator[str]:
    """Totals are of the size of the last twelve months, for all regions and for each country."""
    countries = np.array(result.panel.countries)
    for target, draws in result.draws.items():
        factor, margin = BOUNDS.get(target, BOUNDS["deaths"])
        counts, mean = result.panel.target(target)[-RECENT:], draws.mean()
        for place in ("all regions", *sorted(set(countries))):
            at = np.ones(len(countries), bool) if place == "all regions" else countries == place
            past = np.nansum(counts[:, at], axis=1)
            low, high = past.min() / factor - margin, past.max() * factor + margin
            for total, month in zip(mean[:, at].sum(axis=1), result.months, strict=True):
                if not low <= total <= high:
                    yield (
                        f"{total:.0f} {target} are expected in {place} in {month}, where the last {len(past)} "
                        f"months had {past.min():.0f} to {past.max():.0f}."
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
                yield f"{now:.0f} {target} are expected in {month}, where the last release expected {then:.0f}."
                break


def _totals(draws: Draws, regions: list[str]) -> dict[pd.Period, float]:
    """Expected totals over some regions, by month."""
    at = [draws.region_ids.index(region) for region in regions]
    totals = draws.mean()[:, at].sum(axis=1)
    return {draws.origin + h: float(t) for h, t in zip(draws.horizons, totals, strict=True)}
