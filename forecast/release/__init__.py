"""The release: a dated folder that is complete or absent; written, read, verified, compared, withdrawn."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .catalogue import (
        ReleaseInfo,
        WithdrawalNote,
        all_releases,
        find_release,
        newest,
        read_release,
    )
    from .diff import ReleaseDiff, diff_releases
    from .disclosure import (
        FEWEST_EVENTS,
        check_level,
        enough_events,
        finer_than_admin1,
        grid_warning,
        with_past_events,
    )
    from .files import (
        SIGNATURE,
        SUMS,
        UNTRACKED,
        clear_leftovers,
        disk_errors,
        files_of,
        publishing,
        read_sums,
        replace_text,
        sum_of,
        writing,
    )
    from .latest import latest_name, latest_target, point_latest
    from .manifest import LIBRARIES, json_text, public_settings
    from .read import (
        HISTORY,
        HISTORY_MONTHS,
        RECENT,
        Outcome,
        PastRelease,
        newest_before,
        outcome_of,
        read_history,
        readable,
        usable,
    )
    from .sign import check_signature, make_keys, read_secret_key, sign_release
    from .status import (
        AMBER_DAYS,
        LEVEL_ORDER,
        MONITORING,
        STATUS,
        FolderStatus,
        StatusEntry,
        coverage_of,
        folder_status,
        last_job,
        month_end,
        next_due,
        write_status,
    )
    from .verify import Verification, newest_fit_for_latest, verify_release, with_bytes
    from .withdraw import prune_releases, withdraw_release
    from .write import Release, csv_text, publish_release, revisions, write_release
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "AMBER_DAYS",
    "FEWEST_EVENTS",
    "HISTORY",
    "HISTORY_MONTHS",
    "LEVEL_ORDER",
    "LIBRARIES",
    "MONITORING",
    "RECENT",
    "SIGNATURE",
    "STATUS",
    "SUMS",
    "UNTRACKED",
    "FolderStatus",
    "Outcome",
    "PastRelease",
    "Release",
    "ReleaseDiff",
    "ReleaseInfo",
    "StatusEntry",
    "Verification",
    "WithdrawalNote",
    "all_releases",
    "check_level",
    "check_signature",
    "clear_leftovers",
    "coverage_of",
    "csv_text",
    "diff_releases",
    "disk_errors",
    "enough_events",
    "files_of",
    "find_release",
    "finer_than_admin1",
    "folder_status",
    "grid_warning",
    "json_text",
    "last_job",
    "latest_name",
    "latest_target",
    "make_keys",
    "month_end",
    "newest",
    "newest_before",
    "newest_fit_for_latest",
    "next_due",
    "outcome_of",
    "point_latest",
    "prune_releases",
    "public_settings",
    "publish_release",
    "publishing",
    "read_history",
    "read_release",
    "read_secret_key",
    "read_sums",
    "readable",
    "replace_text",
    "revisions",
    "sign_release",
    "sum_of",
    "usable",
    "verify_release",
    "with_bytes",
    "with_past_events",
    "withdraw_release",
    "write_release",
    "write_status",
    "writing",
]
