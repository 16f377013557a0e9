"""Rolling origins, scores, and tests of who is better."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .backtest import WARM_UP, outcomes, recent_origins, run_backtest
    from .case_scores import REFERENCE, measure, score_board
    from .comparison import BAND, ENOUGH_MONTHS, diebold_mariano, month_blocks, skill_from_blocks
    from .leaderboard import Evaluation, border_regions, evaluate
    from .parts import PartJudge, PartScore, part_board, part_origins, part_scores, parts_table
    from .protocol import (
        EARLIER,
        HOUSE,
        LAST_OPEN,
        LIVE,
        VAULT,
        Protocol,
        as_published,
        check_vault,
        scored_regions,
    )
    from .published import Publication, events_first
    from .quiet_places import quiet_by_year
    from .reliability import (
        REHEARSAL_COLUMNS,
        RELIABILITY_COLUMNS,
        ForecastRecord,
        rehearsal,
        reliability_table,
        score_forecasts,
    )
    from .scores import escalation_level, interval_coverage, randomised_pit
    from .triggers import TRIGGER_CHANCES, TRIGGER_COLUMNS, monthly_triggers, trigger_table
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "BAND",
    "EARLIER",
    "ENOUGH_MONTHS",
    "HOUSE",
    "LAST_OPEN",
    "LIVE",
    "REFERENCE",
    "REHEARSAL_COLUMNS",
    "RELIABILITY_COLUMNS",
    "TRIGGER_CHANCES",
    "TRIGGER_COLUMNS",
    "VAULT",
    "WARM_UP",
    "Evaluation",
    "ForecastRecord",
    "PartJudge",
    "PartScore",
    "Protocol",
    "Publication",
    "as_published",
    "border_regions",
    "check_vault",
    "diebold_mariano",
    "escalation_level",
    "evaluate",
    "events_first",
    "interval_coverage",
    "measure",
    "month_blocks",
    "monthly_triggers",
    "outcomes",
    "part_board",
    "part_origins",
    "part_scores",
    "parts_table",
    "quiet_by_year",
    "randomised_pit",
    "recent_origins",
    "rehearsal",
    "reliability_table",
    "run_backtest",
    "score_board",
    "score_forecasts",
    "scored_regions",
    "skill_from_blocks",
    "trigger_table",
]
