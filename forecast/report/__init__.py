"""The HTML report, and the pictures of scenarios and of spillover over time."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .archive import archive_pages, write_archive
    from .page import render
    from .rerender import render_again, write_page
    from .scenario_chart import scenario_picture
    from .timeline_chart import timeline
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "archive_pages",
    "render",
    "render_again",
    "scenario_picture",
    "timeline",
    "write_archive",
    "write_page",
]
