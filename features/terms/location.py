"""Where regions lie: distance to the border, to the capital, to the nearest violence in another country."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import ConfigError, RegionError
from ...data.geography import CAPITALS, nearest_km
from ..series import Array, View, border_km, country_codes
from .static import static_column
from .surroundings import recently_active
from .term import SideOfBorder, Term, number, positive, rests_on_gaps, whole

if TYPE_CHECKING:
    from ...data.panel import Panel

EARTH_KM = 6371.0088
#: A dense matrix of distances between more regions than this is too large to hold.
LARGEST = 5000


@dataclass(frozen=True)
class NearestActive(SideOfBorder, Term):
    """Distance to the nearest region of another country with an event in the last ``window`` months.

    In ``unit="steps"``, the number of borders to cross by the panel's links; in ``unit="km"``, along the
    great circle between the static columns ``longitude`` and ``latitude``. Missing where no such region is
    active or within reach. A region that was not observed in the window is not known to be active.
    """

    window: int = whole(3, "the window")
    across_border: bool | None = True
    measured_in: str = "steps"
    of: str = "events"
    at_least: float = number(1.0, "the threshold", positive)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.measured_in not in ("steps", "km"):
            raise ConfigError(f"measured_in is {self.measured_in!r}.", remedy="Give 'steps' or 'km'.")

    @property
    def needs_links(self) -> bool:
        """Steps are counted along links."""
        return self.measured_in == "steps"

    @property
    def name(self) -> str:
        """Name in a cube."""
        tail = "" if self.of == "events" else f"_{self.of}"
        return f"{self.side}_{self.measured_in}_to_active{self.window}{tail}"

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "borders" if self.measured_in == "steps" else "km"

    def check(self, view: View) -> None:
        """Refuse a panel without links, or without coordinates, or with too many regions."""
        super().check(view)
        if self.measured_in == "km":
            static_column(view, "longitude")
            static_column(view, "latitude")
        n = len(view.panel.region_ids)
        if n > LARGEST:
            raise RegionError(
                f"distances between {n} regions do not fit in memory.",
                remedy=f"Use at most {LARGEST} regions, or ActiveBorder in its place.",
            )

    def marks(self, view: View) -> Array:
        """Months in which any region of the panel was unobserved in the window."""
        whole = view.everywhere(self.of).whole()
        partial = rests_on_gaps(whole, 0, self.window - 1).any(axis=1, keepdims=True)
        return np.broadcast_to(partial, view.shape).copy()

    def compute(self, view: View, out: Array) -> None:
        """Write the values."""
        active, _ = recently_active(view, self.of, self.window, self.at_least)
        rows = self._distances(view)[view.columns]
        for t, here in enumerate(active):
            out[t] = rows[:, here].min(axis=1, initial=np.inf)
        np.copyto(out, np.float32(np.nan), where=np.isinf(out))

    def _distances(self, view: View) -> Array:
        """Distance of every pair that counts, inf for the others."""

        def make() -> Array:
            far = _steps(view) if self.measured_in == "steps" else _kilometres(view)
            code = country_codes(view.panel)
            abroad = code[:, None] != code[None, :]
            counts = (
                ~np.eye(len(code), dtype=bool) if self.across_border is None else abroad == self.across_border
            )
            np.fill_diagonal(counts, False)
            return np.where(counts, far, np.inf).astype(np.float32)

        made: Array = view.once(("distances", self.measured_in, self.across_border), make, shared=True)
        return made


def _steps(view: View) -> Array:
    from scipy.sparse.csgraph import shortest_path

    return np.asarray(shortest_path(border_km(view.panel), unweighted=True))


def _kilometres(view: View) -> Array:
    return great_circle(static_column(view, "longitude"), static_column(view, "latitude"))


def great_circle(longitude: Array, latitude: Array) -> Array:
    """Distance of every pair of points on a sphere, km, (points, points).

    >>> import numpy as np
    >>> great_circle(np.array([0.0, 1.0]), np.array([0.0, 0.0])).round(1)[0].tolist()
    [0.0, 111.2]
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def places(region_ids: tuple[str, ...], countries: tuple[str, ...], geometry: Any) -> pd.DataFrame:
    """A static table made of polygons: ``longitude, latitude, km_to_capital, km_to_border, area_km2``.

    Parameters
    ----------
    region_ids, countries : tuple of str
        Per region.
    geometry : array of shapely polygons
        In longitude and latitude, in the same order.

    Returns
    -------
    pandas.DataFrame
        One row per region. Points are inside their polygon; ``km_to_border`` is from that point to the
        nearest region of another country (0.1 degree at most of error through the flat search); NaN where
        there is no such region or the capital is not known.
    """
    import shapely
    from pyproj import Geod

    earth = Geod(ellps="WGS84")
    shapes = np.asarray(geometry, dtype=object)
    points = shapely.point_on_surface(shapes)
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    seats = np.array([CAPITALS.get(c, (np.nan, np.nan)) for c in countries], dtype=float)
    to_capital = np.full(len(shapes), np.nan)
    known = np.isfinite(seats[:, 0])
    if known.any():
        to_capital[known] = earth.inv(lon[known], lat[known], seats[known, 0], seats[known, 1])[2]
    to_border = np.full(len(shapes), np.nan)
    codes = np.asarray(countries)
    for country in np.unique(codes):
        abroad = shapely.union_all(shapes[codes != country])
        if abroad.is_empty:
            continue
        here = np.flatnonzero(codes == country)
        to_border[here] = nearest_km(points[here], abroad)
    area = [abs(earth.geometry_area_perimeter(s)[0]) / 1e6 for s in shapes]
    return pd.DataFrame(
        {
            "region_id": list(region_ids),
            "longitude": lon,
            "latitude": lat,
            "km_to_capital": to_capital / 1000,
            "km_to_border": to_border,
            "area_km2": area,
        }
    )


def with_places(panel: Panel, geometry: Any) -> Panel:
    """The panel with the table of :func:`places` as its static table, beside what was there."""
    from dataclasses import replace

    table = places(panel.region_ids, panel.countries, geometry)
    before = panel.attrs.get("static")
    if isinstance(before, pd.DataFrame):
        spare = [c for c in before.columns if c == "region_id" or c not in table.columns]
        table = table.merge(before[spare], on="region_id", how="left", validate="one_to_one")
    return replace(panel, attrs={**panel.attrs, "static": table})
