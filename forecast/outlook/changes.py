"""What moved since the last release: the new month, revised past months, or another model.

The same model forecasts again with one thing changed at a time. What each change did depends on which came first; its
share here is the mean over every order (Shapley 1953, doi:10.1515/9781400881970-018), so that the parts add up to the
whole change and none is favoured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .judged import ALL
from .places import SPAN

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ..release import PastRelease
    from ..result import ForecastResult

PARTS = ("new_month", "revisions", "model")
CHANGE_COLUMNS = (
    *("location", "level", "name", "country", "release", "from_month", "to_month"),
    *("before", "after", "change", *PARTS, "order"),
)
#: How the split was made: every order of the three, or the model first, where the older one is not at hand.
EVERY_ORDER, MODEL_FIRST = "every order", "model first"
#: The same model again: means of events by month and region, from the end of a panel.
Again = Callable[["Panel", Sequence[int], "Mapping[str, Any] | None"], "np.ndarray | None"]


def shapley(
    value: Callable[[frozenset[str]], np.ndarray], parts: Sequence[str] = PARTS
) -> dict[str, np.ndarray]:
    """What each part adds, as the mean over every order in which they could have come.

    >>> both = lambda s: np.array([6.0 * ("a" in s) + 2.0 * ("b" in s) + 4.0 * ({"a", "b"} <= s)])
    >>> {name: float(each[0]) for name, each in shapley(both, ("a", "b")).items()}
    {'a': 8.0, 'b': 4.0}
    """
    known = {frozenset(s): value(frozenset(s)) for k in range(len(parts) + 1) for s in combinations(parts, k)}
    n, found = len(parts), {}
    for part in parts:
        without = [s for s in known if part not in s]
        weights = [factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n) for s in without]
        found[part] = sum(w * (known[s | {part}] - known[s]) for w, s in zip(weights, without, strict=True))
    return found


def changes_table(result: ForecastResult, previous: PastRelease | None) -> pd.DataFrame:
    """The expected events of the next months against the release before: :data:`CHANGE_COLUMNS`.

    One row for ``all``, one per country and region that both forecast; ``before`` and ``after`` are sums over the
    months from ``from_month`` to ``to_month`` that both reach, three at most. ``new_month + revisions + model =
    change``; the model's part holds settings and versions too. Empty where there is nothing to compare or no model to
    forecast again.
    """
    nothing = pd.DataFrame(columns=list(CHANGE_COLUMNS))
    new, old = result.draws.get("events"), previous.draws.get("events") if previous else None
    if previous is None or new is None or old is None or result.again is None:
        return nothing
    gone = int(new.origin.ordinal - old.origin.ordinal)
    ahead = [h for h in range(1, SPAN + 1) if h in new.horizons and h + gone in old.horizons]
    ids = [r for r in new.region_ids if r in old.region_ids]
    if gone < 1 or not ahead or not ids:
        return nothing
    now, then = _sums(new, ahead, ids), _sums(old, [h + gone for h in ahead], ids)
    panel = result.panel.until(new.origin)
    older = dict(previous.manifest.get("model") or {})
    same = older.get("digest") is not None and older.get("digest") == result.model.get("digest")
    vintages, ends = _Vintages(panel, previous, gone), (then, now)
    parts, order = _split(result.again, vintages, (ahead, ids), ends, None if same else older)
    months = str(new.origin + ahead[0]), str(new.origin + ahead[-1])
    return _rows(panel, ids, {"before": then, "after": now, **parts}, previous.name, months, order)


def _sums(draws: Any, horizons: Sequence[int], ids: Sequence[str]) -> np.ndarray:
    rows, at = [draws.horizons.index(h) for h in horizons], [draws.region_ids.index(r) for r in ids]
    return np.asarray(draws.mean()[rows][:, at].astype(float).sum(axis=0))


class _Vintages:
    """The panel as it was known then and as it is now, to the end of then and of now."""

    def __init__(self, panel: Panel, previous: PastRelease, gone: int) -> None:
        self.now, self.gone = panel, gone
        self.revised = _as_known_then(panel, previous.history)

    def at(self, parts: frozenset[str]) -> tuple[Panel, int]:
        """The panel after some of the changes, and how many months before its newest one it ends."""
        panel = self.now if "revisions" in parts or self.revised is None else self.revised
        back = 0 if "new_month" in parts else self.gone
        return panel.until(panel.last_month - back) if back else panel, back


def _as_known_then(panel: Panel, history: Panel | None) -> Panel | None:
    """The panel with the counts that the release before had seen in the months it keeps; None where none differs."""
    if history is None:
        return None
    months = panel.months.intersection(history.months)
    both = [r for r in history.region_ids if r in panel.region_ids]
    rows, kept = panel.months.get_indexer(months), history.months.get_indexer(months)
    at, there = (np.array([p.region_ids.index(r) for r in both], dtype=np.intp) for p in (panel, history))
    measures, differs = dict(panel.measures), False
    for name in history.measures.keys() & panel.measures.keys():
        old = np.array(panel.measures[name], copy=True)
        seen = history.measures[name][np.ix_(kept, there)]
        block = np.ix_(rows, at)
        seen = np.where(np.isnan(seen), old[block], seen)
        differs |= not np.array_equal(seen, old[block], equal_nan=True)
        old[block] = seen
        measures[name] = old
    return replace(panel, measures=measures) if differs else None


def _split(
    again: Again,
    vintages: _Vintages,
    cases: tuple[Sequence[int], Sequence[str]],
    ends: tuple[np.ndarray, np.ndarray],
    older: Mapping[str, Any] | None,
) -> tuple[dict[str, np.ndarray], str]:
    """The parts of each region's change, and how they were found; ``older`` is None where the model is the same."""
    # This model on everything that is known now is what is published now.
    made: dict[tuple[bool, int, bool], np.ndarray | None] = {(False, 0, True): ends[1]}

    def forecast(parts: frozenset[str], model: Mapping[str, Any] | None) -> np.ndarray | None:
        panel, back = vintages.at(parts)
        key = (vintages.revised is not None and "revisions" not in parts, back, model is None)
        if key not in made:
            mean = again(panel, [h + back for h in cases[0]], model)
            at = [panel.region_ids.index(r) for r in cases[1]]
            made[key] = None if mean is None else mean.astype(float).sum(axis=0)[at]
        return made[key]

    def mine(parts: frozenset[str]) -> np.ndarray:
        found = forecast(parts, None)
        assert found is not None
        return found

    before, after = ends
    # The older model on the older data is what was published; on newer data it is asked again, where it is at hand.
    probe = forecast(frozenset({"new_month", "revisions"}), older)
    if probe is None:
        data = shapley(mine, PARTS[:2])
        return {**data, "model": after - before - sum(data.values())}, MODEL_FIRST

    def value(parts: frozenset[str]) -> np.ndarray:
        if not parts or parts == frozenset(PARTS):
            return after if parts else before
        found = mine(parts - {"model"}) if "model" in parts else forecast(parts, older)
        assert found is not None
        return found

    return shapley(value), EVERY_ORDER


def _rows(
    panel: Panel,
    ids: Sequence[str],
    values: Mapping[str, np.ndarray],
    release: str,
    months: tuple[str, str],
    order: str,
) -> pd.DataFrame:
    """All places together, countries and regions, with the sums of their regions."""
    at = [panel.region_ids.index(r) for r in ids]
    names, owners = [panel.names[i] for i in at], [panel.countries[i] for i in at]
    frame = pd.DataFrame({**values, "country": owners})
    by = frame.groupby("country").sum()
    whole = frame.drop(columns="country").sum().to_frame().T
    tables = [
        whole.assign(location=ALL, level=ALL, name=ALL, country=""),
        by.reset_index().assign(location=by.index, level="country", name=by.index),
        frame.assign(location=list(ids), level="region", name=names),
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table.assign(
        change=table["after"] - table["before"],
        release=release,
        from_month=months[0],
        to_month=months[1],
        order=order,
    )
    return table[list(CHANGE_COLUMNS)]
