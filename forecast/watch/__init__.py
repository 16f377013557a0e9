"""The watch list: where violence may begin next, which group may enter, in tables and words, and how lists did."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .evaluation import LAST_OPEN, Evaluated, evaluate
    from .past import score_stored
    from .record import RECORD_COLUMNS, lists_page, record_table
    from .run import WatchList, fit_watch, fits_of, list_of, run_watch, served_fits, watch_list
    from .tables import ONSET_COLUMNS, ROUTE_COLUMNS, WATCHLIST_COLUMNS
    from .words import HALF_CELL, in_words, numbers_supported, pressing_words, record_sentences
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "HALF_CELL",
    "LAST_OPEN",
    "ONSET_COLUMNS",
    "RECORD_COLUMNS",
    "ROUTE_COLUMNS",
    "WATCHLIST_COLUMNS",
    "Evaluated",
    "WatchList",
    "evaluate",
    "fit_watch",
    "fits_of",
    "in_words",
    "list_of",
    "lists_page",
    "numbers_supported",
    "pressing_words",
    "record_sentences",
    "record_table",
    "run_watch",
    "score_stored",
    "served_fits",
    "watch_list",
]
