"""A region's own history: lags, windows, exponential means, time since, trend.

One rule for gaps: a window stands for all its months, so it is scaled by the share that was observed, and
missing (NaN) where none was. Months before the panel's first are months that were not observed. Sums run
month by month in float64, so that no value can depend on a later month, not even in its last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..series import Array, Series, View, exponential_means, months_since, reached, window_means, write_window
from .term import RECENCY, Term, number, positive, whole, whole_number


@dataclass(frozen=True)
class Lag(Term):
    """The value some months ago; ``Lag(0)`` is the row's own month."""

    NAME: ClassVar[str] = "{of}_lag{months}"

    months: int = whole(0, "the lag", least=0)
    of: str | Term = "events"

    def months_read(self) -> tuple[int, int]:
        """One month."""
        return self.months, self.months

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        n, k = out.shape[0], self.months
        out[:k] = np.nan
        if k < n:
            out[k:] = series.values[: n - k]
            if series.observed is not None:
                np.copyto(out[k:], np.float32(np.nan), where=~series.observed[: n - k])


@dataclass(frozen=True)
class _Window(Term):
    """Something about the last ``window`` months."""

    UNIT: ClassVar[str] = "{of_unit} per month"

    window: int = whole(12, "the window")
    of: str | Term = "events"


@dataclass(frozen=True)
class Sum(_Window):
    """Sum over the last ``window`` months, scaled up by the share of them that was observed."""

    NAME: ClassVar[str] = "{of}_sum{window}"
    UNIT: ClassVar[str] = "{of_unit}"

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        write_window(view.series(self.of), self.window, out, scale=float(self.window))


@dataclass(frozen=True)
class Mean(_Window):
    """Mean of the observed months among the last ``window``."""

    NAME: ClassVar[str] = "{of}_mean{window}"

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        write_window(view.series(self.of), self.window, out, scale=1.0)


@dataclass(frozen=True)
class Active(_Window):
    """Share of the observed months among the last ``window`` with any event, or at least ``at_least``."""

    NAME: ClassVar[str] = "{of}_active{window}{least}"
    UNIT: ClassVar[str] = "share of months"

    at_least: float = number(0.0, "the threshold")

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        hit = reached(series.values, self.at_least).astype(np.float32)
        write_window(Series(hit, series.observed), self.window, out, scale=1.0)


@dataclass(frozen=True)
class Max(_Window):
    """Largest value of the observed months among the last ``window``."""

    NAME: ClassVar[str] = "{of}_max{window}"

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        out[:] = series.values
        if series.observed is not None:
            np.copyto(out, np.float32(-np.inf), where=~series.observed)
        span = 1
        while span < self.window:
            step = min(span, self.window - span)
            if step < len(out):
                # numpy buffers overlapping operands, so this reads the values as they were
                np.maximum(out[step:], out[:-step], out=out[step:])
            span += step
        np.copyto(out, np.float32(np.nan), where=np.isneginf(out))


@dataclass(frozen=True)
class Ewm(Term):
    """Exponentially weighted mean: a month ``half_life`` back counts half as much as the row's own.

    Unobserved months have no weight; where none was observed yet the value is missing. On one series this is
    ``pandas.Series.ewm(halflife=half_life).mean()`` with gaps left as they are.
    """

    NAME: ClassVar[str] = "{of}_ewm{half_life:g}"
    UNIT: ClassVar[str] = "{of_unit} per month"

    half_life: float = number(3.0, "the half-life", positive)
    of: str | Term = "events"

    def months_read(self) -> tuple[int, None]:
        """No bound."""
        return 0, None

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        exponential_means(view.series(self.of), self.half_life, out)


@dataclass(frozen=True)
class MonthsSince(Term):
    """Months since the last one with any event, or at least ``at_least``; 0 in such a month.

    Missing before the first, and after an unobserved month until the next: something may have happened in it.
    """

    group: ClassVar[str] = RECENCY
    NAME: ClassVar[str] = "months_since_{of}{least}"
    UNIT: ClassVar[str] = "months"

    of: str | Term = "events"
    at_least: float = number(0.0, "the threshold")

    def months_read(self) -> tuple[int, None]:
        """No bound."""
        return 0, None

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        months_since(reached(series.values, self.at_least), series.observed, out)


@dataclass(frozen=True)
class Trend(Term):
    """``log1p`` of the mean of the last ``short`` months minus ``log1p`` of that of the last ``long``."""

    NAME: ClassVar[str] = "{of}_trend{short}_{long}"
    UNIT: ClassVar[str] = "log ratio"

    short: int = whole(3, "the short window")
    long: int = 12
    of: str | Term = "events"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.long, "the long window", least=self.short + 1)

    def months_read(self) -> tuple[int, int]:
        """The long window."""
        return 0, self.long - 1

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        series = view.series(self.of)
        pairs = zip(window_means(series, self.short), window_means(series, self.long), strict=True)
        for t, (short, long) in enumerate(pairs):
            out[t] = np.log1p(short) - np.log1p(long)


@dataclass(frozen=True)
class Log1p(Term):
    """``log(1 + x)`` of another term or a measure, for models that are linear in it."""

    NAME: ClassVar[str] = "log1p_{of}"
    UNIT: ClassVar[str] = "log(1 + {of_unit})"

    of: str | Term = "events"

    @property
    def _inner(self) -> Term:
        return Lag(0, self.of) if isinstance(self.of, str) else self.of

    @property
    def latest(self) -> int | None:
        """Last month read."""
        return self._inner.latest

    @property
    def earliest(self) -> int | None:
        """First month read."""
        return self._inner.earliest

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        self._inner.compute(view, out)
        np.log1p(out, out=out)

    def marks(self, view: View) -> Array:
        """Where the values rest on unobserved months."""
        return self._inner.marks(view)
