"""Whether a spillover signal can be trusted: simulated worlds, placebos, hindcasts."""

from typing import TYPE_CHECKING

from ....data.lazy import lazy_names

if TYPE_CHECKING:
    from .history import history_page, history_table, shown_countries
    from .run import PARTS, run_evaluation
    from .shipped import evaluation_text, load_evaluation
    from .simulated_worlds import PAIR
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "PAIR",
    "PARTS",
    "evaluation_text",
    "history_page",
    "history_table",
    "load_evaluation",
    "run_evaluation",
    "shown_countries",
]
