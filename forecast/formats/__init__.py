"""Layouts of published files (hubverse, VIEWS, maps), each with its checks."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .draws import draws_table, read_draws
    from .hub_config import HUB_FOLDER, check_dates, check_tasks, hub_files, hub_schema, tasks
    from .hub_table import (
        HUB_COLUMNS,
        check_coherent,
        check_hub_table,
        check_monotone,
        checked_hub_table,
        hub_rows,
        wide_table,
        with_sums,
    )
    from .maps import GEOJSON, WEBMAP, check_features, check_webmap, drawn, geo_files
    from .views import check_views, unit_of, views_files
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "GEOJSON",
    "HUB_COLUMNS",
    "HUB_FOLDER",
    "WEBMAP",
    "check_coherent",
    "check_dates",
    "check_features",
    "check_hub_table",
    "check_monotone",
    "check_tasks",
    "check_views",
    "check_webmap",
    "checked_hub_table",
    "drawn",
    "draws_table",
    "geo_files",
    "hub_files",
    "hub_rows",
    "hub_schema",
    "read_draws",
    "tasks",
    "unit_of",
    "views_files",
    "wide_table",
    "with_sums",
]
