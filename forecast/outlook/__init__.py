"""What the months ahead mean beside the months behind: totals judged, every place's outlook, and the warnings."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .changes import CHANGE_COLUMNS, changes_table, shapley
    from .groups import group_label, group_name
    from .judged import (
        JUDGED_COLUMNS,
        chances_of_so_few,
        judge,
        judge_margins,
        judged_totals,
        totals_check,
    )
    from .places import ABOVE, OUTLOOK_COLUMNS, direction, sums_of, within
    from .warnings import CLASSES, WARNING_COLUMNS
    from .whole import with_outlook
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ABOVE",
    "CHANGE_COLUMNS",
    "CLASSES",
    "JUDGED_COLUMNS",
    "OUTLOOK_COLUMNS",
    "WARNING_COLUMNS",
    "chances_of_so_few",
    "changes_table",
    "direction",
    "group_label",
    "group_name",
    "judge",
    "judge_margins",
    "judged_totals",
    "shapley",
    "sums_of",
    "totals_check",
    "with_outlook",
    "within",
]
