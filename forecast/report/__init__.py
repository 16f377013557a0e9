"""The HTML report, and the pictures of scenarios and of spillover over time."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .archive import archive_pages, write_archive
    from .brief import HEADLINE, PICTURE, country_brief, shared_files
    from .page import render
    from .pictures import map_picture, scenario_picture, timeline
    from .rerender import brief_again, render_again, write_page
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "HEADLINE",
    "PICTURE",
    "archive_pages",
    "brief_again",
    "country_brief",
    "map_picture",
    "render",
    "render_again",
    "scenario_picture",
    "shared_files",
    "timeline",
    "write_archive",
    "write_page",
]
