"""Where things are: regions and their borders, GeoJSON, PRIO-GRID cells, countries and their codes."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .countries import (
        CAPITAL_NAMES,
        CAPITALS,
        COUNTRY_ID,
        COUNTRY_NAMES,
        GW_TO_ISO3,
        ISO_NUMBER,
        SPLITS,
        by_name,
        country_name,
        iso3,
        timezone_of,
    )
    from .geojson import region_slug
    from .links import joined_at_date_line, links_of, nearest_km, with_gaps_closed
    from .prio_grid import LAST_CELL, PrioGrid, cell_polygons, cells_of, centre_of, gid_of, priogrid
    from .regions import Regions, checked_links
    from .views_ids import country_ids, month_id
    from .world import lands_around, unseen_borders, world_outlines
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "CAPITALS",
    "CAPITAL_NAMES",
    "COUNTRY_ID",
    "COUNTRY_NAMES",
    "GW_TO_ISO3",
    "ISO_NUMBER",
    "LAST_CELL",
    "SPLITS",
    "PrioGrid",
    "Regions",
    "by_name",
    "cell_polygons",
    "cells_of",
    "centre_of",
    "checked_links",
    "country_ids",
    "country_name",
    "gid_of",
    "iso3",
    "joined_at_date_line",
    "lands_around",
    "links_of",
    "month_id",
    "nearest_km",
    "priogrid",
    "region_slug",
    "timezone_of",
    "unseen_borders",
    "with_gaps_closed",
    "world_outlines",
]
