"""Events close by, wherever borders run: kernels of distance and age, the nearest events, and how they come closer.

Events lie in PRIO-GRID cells where the panel knows them; distances are from the middle of a cell to the edge of a
region, 0 inside. A panel without cells falls back to the points of its regions (static ``longitude, latitude``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.panel import located
from ..series import Array, View, resolve
from .static import static_column
from .term import NEIGHBOURS, Term, positive, rests_on_gaps, whole_number

#: A kernel is cut where it has fallen to this share of its height.
SMALLEST = 1e-3
EARTH_KM = 6371.0088
_CHUNK = 500


def kernel_weights(km: Array, scale: float) -> Any:
    """``exp(-km / scale)``, cut below :data:`SMALLEST`, as CSR of the same shape."""
    from scipy import sparse

    weights = np.exp(-km / scale)
    return sparse.csr_array(np.where(weights >= SMALLEST, weights, 0.0))


def decayed(counts: Array, half_life: float) -> Array:
    """Sums over the past in which a month counts half every ``half_life`` months, (months, sources)."""
    out = np.array(counts, dtype=np.float64)
    keep = 0.5 ** (1 / half_life)
    for t in range(1, len(out)):
        out[t] += keep * out[t - 1]
    return out


@dataclass(frozen=True)
class _Near(Term):
    """Reads where events lie around a region."""

    of: str = "events"

    group = NEIGHBOURS

    @property
    def latest(self) -> int:
        """Last month read."""
        return 0

    def check(self, view: View) -> None:
        """Refuse a panel that knows neither cells with polygons nor the points of its regions."""
        super().check(view)
        if not _has_cells(view):
            static_column(view, "longitude")
            static_column(view, "latitude")

    def marks(self, view: View) -> Array:
        """Months in which any region of the panel was unobserved."""
        whole = view.everywhere(self.of).whole()
        endless = self.earliest is None
        partial = rests_on_gaps(whole, 0, self.earliest or 0, endless=endless).any(axis=1, keepdims=True)
        return np.broadcast_to(partial, view.shape).copy()

    def _counts(self, view: View) -> Array:
        """Counts by month and source, float64."""
        if _has_cells(view):
            return _located(view, self.of)[1]
        series = view.everywhere(self.of)
        return np.where(series.mask(), series.values, 0.0).astype(np.float64)

    def _near(self, view: View, reach: float) -> Any:
        """Distances up to ``reach`` km, plus one, of the regions of the view and the sources, CSR."""

        def make() -> Any:
            if _has_cells(view):
                return _of_cells(view, self.of, reach)
            lon, lat = static_column(view, "longitude"), static_column(view, "latitude")
            return _of_points(lon, lat, reach)

        return view.once(("near", resolve(view.panel, self.of), reach), make, shared=True)[view.columns]


def _has_cells(view: View) -> bool:
    return view.panel.cells is not None and view.panel.cells.outlines is not None


def _located(view: View, of: str) -> tuple[Array, Array]:
    """Cells, and counts by month and cell."""
    name = resolve(view.panel, of)
    return view.once(("located", name), lambda: located(view.panel, name), shared=True)


def _of_cells(view: View, of: str, reach: float) -> Any:
    from scipy import sparse

    known = view.panel.cells
    assert known is not None
    assert known.outlines is not None
    cells = _located(view, of)[0]
    region, cell, km = known.outlines.within(cells, reach)
    found = sparse.coo_array((km + 1, (region, cell)), shape=(len(known.home), len(cells))).tocsr()
    found.sort_indices()
    return found


def _of_points(longitude: Array, latitude: Array, reach: float) -> Any:
    """Great-circle distances plus one of points no farther apart than ``reach``, CSR (points, points)."""
    from scipy import sparse
    from scipy.spatial import cKDTree

    lon, lat = np.radians(longitude), np.radians(latitude)
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    tree = cKDTree(xyz)
    chord = 2 * np.sin(min(reach / EARTH_KM, np.pi) / 2)
    blocks = []
    for start in range(0, len(xyz), _CHUNK):
        part = cKDTree(xyz[start : start + _CHUNK])
        pairs = part.sparse_distance_matrix(tree, chord, output_type="coo_matrix")
        km = 2 * EARTH_KM * np.arcsin(np.clip(pairs.data / 2, 0, 1)) + 1
        blocks.append(sparse.coo_array((km, (pairs.row, pairs.col)), shape=pairs.shape).tocsr())
    whole = sparse.vstack(blocks, format="csr")
    whole.sort_indices()
    return whole


@dataclass(frozen=True)
class Kernel(_Near):
    """Events around a region, each weighted by ``exp(-distance / km)`` and halved every ``half_life`` months.

    Examples
    --------
    >>> Kernel(of="events_jnim", km=30, half_life=6).name
    'events_jnim_near30km_hl6'
    """

    km: float = 30.0
    half_life: float = 6.0

    def __post_init__(self) -> None:
        positive(self.km, "km")
        positive(self.half_life, "the half-life")

    @property
    def name(self) -> str:
        """Name in a cube."""
        return f"{self.of}_near{self.km:g}km_hl{self.half_life:g}"

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "weighted events"

    @property
    def earliest(self) -> None:
        """There is no first month."""
        return None

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        near = self._near(view, float(-self.km * np.log(SMALLEST))).copy()
        near.data = np.exp(-(near.data - 1) / self.km)
        state = decayed(self._counts(view), self.half_life)
        for t, row in enumerate(state):
            out[t] = near @ row


@dataclass(frozen=True)
class Nearest(_Near):
    """Kilometres to the nearest event of the last ``months`` months; missing where there is none within ``reach``.

    Examples
    --------
    >>> Nearest(of="events_jnim", months=3).name
    'events_jnim_km_to_nearest3'
    """

    months: int = 3
    reach: float = 500.0

    def __post_init__(self) -> None:
        whole_number(self.months, "the window")
        positive(self.reach, "the reach")

    @property
    def name(self) -> str:
        """Name in a cube."""
        return f"{self.of}_km_to_nearest{self.months}" + ("" if self.reach == 500 else f"_in{self.reach:g}")

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "km"

    @property
    def earliest(self) -> int | None:
        """First month read."""
        return self.months - 1

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        near = self._near(view, self.reach)
        counts = self._counts(view) > 0
        last = np.full(counts.shape[1], -self.months)
        some = np.flatnonzero(np.diff(near.indptr))
        for t, here in enumerate(counts):
            last[here] = t
            out[t] = np.nan
            if len(some):
                active = (last > t - self.months)[near.indices]
                least = np.minimum.reduceat(np.where(active, near.data, np.inf), near.indptr[some]) - 1
                out[t, some] = np.where(np.isinf(least), np.nan, least)


@dataclass(frozen=True)
class Approach(_Near):
    """How many km closer the nearest events of ``window`` months are than ``months`` before; none counts as ``reach``.

    Examples
    --------
    >>> Approach(of="events_jnim", months=6).name
    'events_jnim_closer6_of3'
    """

    months: int = 6
    window: int = 3
    reach: float = 500.0

    def __post_init__(self) -> None:
        whole_number(self.months, "the months between")
        whole_number(self.window, "the window")
        positive(self.reach, "the reach")

    @property
    def name(self) -> str:
        """Name in a cube."""
        tail = "" if self.reach == 500 else f"_in{self.reach:g}"
        return f"{self.of}_closer{self.months}_of{self.window}{tail}"

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "km"

    @property
    def earliest(self) -> int | None:
        """First month read."""
        return self.months + self.window - 1

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        now = np.empty(view.shape, dtype=np.float32)
        Nearest(self.of, self.window, self.reach).compute(view, now)
        now[np.isnan(now)] = self.reach
        out[: self.months] = np.nan
        out[self.months :] = now[: -self.months] - now[self.months :]
