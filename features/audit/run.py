"""An audit that anybody can run on features of their own: does one know what it cannot know yet?

Four questions are put to every feature, by computing it again in other worlds.

*future*: everything after a month is changed, taken away or made unobserved. No earlier row may change by a bit.
*latest month*: a single month is changed. The first row that changes tells the latest month that is read; it must be
the one that the feature declares, and a measure published late may be read no earlier than that.
*names*: regions are shuffled and renamed, and all months moved by 28 years. The values must move along: what does not
was remembered from elsewhere, or was in the order of the regions.
*fixed values*: a column that never changes must not be a summary of months that include the future.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError, UsageError, nearest
from ...data.panel import Panel
from ..recipe import Recipe, month_label
from ..series import Array
from ..terms import Feature
from .worlds import futures, quietened, renamed, single_months, summaries, with_gaps

#: Month and weekday repeat after 28 years (until 2099), so nothing but the year tells two such months apart.
SHIFT = 28 * 12


@dataclass(frozen=True)
class AuditReport:
    """What the audit found.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per feature: ``feature, passed, declared, found, reason`` (latest month declared and really read).
    """

    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every feature passed."""
        return bool(self.table["passed"].all())

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the features that did not."""
        return tuple(self.table.loc[~self.table["passed"], "feature"])

    def __str__(self) -> str:
        bad = self.table[~self.table["passed"]]
        lines = [f"{len(self.table) - len(bad)} of {len(self.table)} features passed"]
        lines += [f"  {row.feature}: {row.reason}" for row in bad.itertuples()]
        return "\n".join(lines)


@dataclass
class _Seen:
    """What was seen of one feature, while the audit runs."""

    lead: int | None = None
    last: int | None = None
    reasons: dict[str, None] = field(default_factory=dict)

    def fail(self, reason: str) -> None:
        self.reasons[reason] = None

    def saw(self, rows: Array, month: int) -> None:
        if rows.size:
            first = int(rows[0]) - month
            self.lead = first if self.lead is None else min(self.lead, first)
            reach = int(rows[-1]) - month
            self.last = reach if self.last is None else max(self.last, reach)


def audit(
    recipe: Recipe,
    panel: Panel,
    *,
    static: pd.DataFrame | None = None,
    delays: Mapping[str, int] | None = None,
    rng: np.random.Generator | None = None,
    origins: int = 4,
) -> AuditReport:
    """Look for features that know what they cannot know yet.

    Parameters
    ----------
    recipe : Recipe
        The features; those of one's own come in by ``Recipe.add``.
    panel : Panel
        At least 24 months and 2 regions. Copies with random gaps, and with long quiet times, are audited too.
    static : pandas.DataFrame, optional
        The static table, as for ``Recipe.build``.
    delays : mapping of str to int, optional
        Months until a measure is published, beyond the data lag of all (a count as finally revised, say); default
        ``panel.attrs["delays"]``.
    rng : numpy.random.Generator, optional
        Source of the other worlds; default a fixed one.
    origins : int
        How many months are tried.

    Returns
    -------
    AuditReport

    Raises
    ------
    UsageError
        If the panel is too small to tell.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from harmattan.data.panel import Panel
    >>> from harmattan.features import Recipe, Sum
    >>> frame = pd.DataFrame({"month": np.repeat(pd.period_range("2001-01", periods=48, freq="M").astype(str), 3)})
    >>> frame["region_id"], frame["events"] = ["AAA-1", "AAA-2", "BBB-1"] * 48, np.arange(144) % 5
    >>> recipe = Recipe([Sum(3)]).add("centred", lambda p: np.roll(p.measure("events"), -1, axis=0))
    >>> print(audit(recipe, Panel.from_frame(frame)))
    1 of 2 features passed
      centred: row t changes with month t+1
    """
    rng = np.random.default_rng(20230601) if rng is None else rng
    n_months, n_regions = panel.shape
    if n_months < 24 or n_regions < 2:
        raise UsageError(
            f"a panel of {n_months} months and {n_regions} regions is too small for an audit.",
            remedy="Bring at least 24 months and 2 regions.",
        )
    table = static if static is not None else panel.attrs.get("static")
    late = dict(delays if delays is not None else panel.attrs.get("delays", {}))
    for name in late:
        if name not in panel.measures:
            raise UsageError(f"delays names '{name}'.", remedy=nearest(name, panel.measures))
    notes = {f.name: _Seen() for f in recipe}
    for world in (panel, with_gaps(panel, rng), quietened(panel, rng)):
        _compare_with_other_worlds(recipe, world, table, late, rng, origins, notes)
    _fixed_values(recipe, panel, table, notes)
    return AuditReport(pd.DataFrame([_row(f, notes[f.name]) for f in recipe]))


def _compare_with_other_worlds(
    recipe: Recipe,
    panel: Panel,
    static: Any,
    delays: Mapping[str, int],
    rng: np.random.Generator,
    origins: int,
    notes: dict[str, _Seen],
) -> None:
    """The first three questions, in one world."""
    base = recipe.build(panel, static=static, missing="raise").values
    n = len(panel.months)
    for origin in rng.choice(np.arange(n // 3, n - 3), size=min(origins, n - 3 - n // 3), replace=False):
        for other in futures(panel, int(origin), delays, rng):
            for name, rows in _changed(recipe, base[: origin + 1], other, static, notes):
                if rows.size:
                    back = int(origin) - int(rows[0])
                    notes[name].fail(f"a row changes with what comes later (by {back + 1} months or more)")
    for month in rng.choice(np.arange(n // 4, 3 * n // 4), size=max(origins, 3), replace=False):
        for other, delay in single_months(panel, int(month), delays, rng):
            for name, rows in _changed(recipe, base, other, static, notes):
                notes[name].saw(rows, int(month))
                if rows.size and 0 <= int(rows[0]) - month < delay:
                    early = delay - (int(rows[0]) - int(month))
                    notes[name].fail(f"reads a measure {early} months before it is published")
    _compare_renamed(recipe, panel, static, base, rng, notes)


def _changed(
    recipe: Recipe, base: Array, other: Panel, static: Any, notes: dict[str, _Seen]
) -> Iterator[tuple[str, Array]]:
    """Per feature, the rows of ``base`` that differ in any bit in another world."""
    for k, feature, values in _each(recipe, other, static):
        if isinstance(values, str):
            notes[feature.name].fail(values)
            continue
        before = np.ascontiguousarray(base[:, :, k]).view(np.uint32)
        now = np.ascontiguousarray(values[: len(base)]).view(np.uint32)
        rows = np.flatnonzero((before[: len(now)] != now).any(axis=1))
        yield feature.name, rows


def _each(recipe: Recipe, panel: Panel, static: Any) -> Iterator[tuple[int, Feature, Array | str]]:
    """Every feature's place and values, or why they cannot be computed."""
    try:
        cube = recipe.build(panel, static=static, missing="raise").values
        yield from ((k, f, cube[:, :, k]) for k, f in enumerate(recipe))
        return
    except HarmattanError:
        alone = [Recipe([f]) for f in recipe]
    for k, one in enumerate(alone):
        feature = one.features[0]
        try:
            yield k, feature, one.build(panel, static=static, missing="raise").values[:, :, 0]
        except HarmattanError as error:
            # a window longer than a shortened panel is no fault
            if feature.term.earliest is None or feature.term.earliest < len(panel.months):
                yield k, feature, f"fails in another world: {error.what}"


def _compare_renamed(
    recipe: Recipe,
    panel: Panel,
    static: Any,
    base: Array,
    rng: np.random.Generator,
    notes: dict[str, _Seen],
) -> None:
    """The third question: shuffled, renamed and moved in time, the values are the same."""
    order = rng.permutation(panel.shape[1])
    for shift in (0, SHIFT):
        other, table = renamed(panel, static, order, shift)
        for k, feature, values in _each(recipe, other, table):
            if shift and feature.term.latest is None:
                continue
            if isinstance(values, str):
                why = values.replace("in another world", "when regions and months have other names")
                notes[feature.name].fail(why)
            elif not np.allclose(values, base[:, order, k], rtol=1e-4, atol=1e-5, equal_nan=True):
                notes[feature.name].fail(
                    f"depends on {'the year' if shift else 'the order or the names of regions'}"
                )


def _fixed_values(recipe: Recipe, panel: Panel, static: Any, notes: dict[str, _Seen]) -> None:
    """The fourth question, for features that say they read no month and do not change."""
    fixed = [f for f in recipe if f.term.latest is None]
    if not fixed or panel.shape[1] < 5:
        return
    cube = Recipe(fixed).build(panel, static=static, missing="raise").values
    for k, feature in enumerate(fixed):
        values = cube[:, :, k]
        constant = (np.nanmax(values, axis=0) == np.nanmin(values, axis=0)).all() if values.size else False
        if not constant or len(np.unique(values[0][np.isfinite(values[0])])) < 4:
            continue
        for name, summary, whole, past in summaries(panel):
            with_future, of_past = _rank_correlation(values[0], whole), _rank_correlation(values[0], past)
            if with_future > 0.995 and with_future > of_past:
                why = f"is the {summary} of '{name}' over months that include the future"
                notes[feature.name].fail(why)


def _rank_correlation(a: Array, b: Array) -> float:
    """Absolute rank correlation, 0 where it is undefined."""
    from scipy.stats import rankdata

    keep = np.isfinite(a) & np.isfinite(b)
    x, y = rankdata(a[keep]), rankdata(b[keep])
    if keep.sum() < 5 or x.std() == 0 or y.std() == 0 or len(np.unique(y)) < 4:
        return 0.0
    return float(abs(np.corrcoef(x, y)[0, 1]))


def _row(feature: Feature, notes: _Seen) -> dict[str, Any]:
    """The verdict on one feature."""
    declared, found = feature.term.latest, notes.lead
    reasons = dict(notes.reasons)
    if found is not None and found < 0:
        reasons = {f"row t changes with month t+{-found}": None}
    elif declared is None and found is not None:
        reasons[f"declares that no month is read, but reads {month_label(found, found)}"] = None
    elif declared is not None and found is None:
        reasons["declares months, but reads none of this panel"] = None
    elif declared is not None and found is not None and found != declared:
        stated, read = month_label(declared, declared), month_label(found, found)
        reasons[f"declares {stated} as its latest month, but reads {read}"] = None
    earliest = feature.term.earliest
    if declared is not None and earliest is not None and notes.last is not None and notes.last > earliest:
        reasons[
            f"declares {month_label(earliest, declared)} as its first month, but reads t-{notes.last}"
        ] = None
    return {
        "feature": feature.name,
        "passed": not reasons,
        "declared": month_label(declared, declared),
        "found": "none" if found is None else month_label(found, found) if found >= 0 else f"t+{-found}",
        "reason": "; ".join(reasons),
    }
