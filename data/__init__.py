"""Documented incidents in, a dense monthly panel out."""

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        CoverageError,
        GateError,
        HarmattanError,
        InputError,
        LedgerError,
        LockError,
        MatchError,
        ModelError,
        NotifyError,
        OriginError,
        OverdueError,
        RegionError,
        ReleaseError,
        SchemaError,
        SkillError,
        SourceError,
        StaleError,
        TrackingError,
        UploadError,
        UsageError,
        WithdrawnError,
        listed,
        nearest,
        on_the_command_line,
        searchable,
    )
    from .frames import csv_frame, pandas_of, read_only, rows_of
    from .months import MONTHS, month_name, month_of, months_of
    from .show import Brief, card
    from .violence_types import ACLED_TYPES, AGAINST_CIVILIANS, TYPE_LABELS, UCDP_TYPES
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ACLED_TYPES",
    "AGAINST_CIVILIANS",
    "MONTHS",
    "TYPE_LABELS",
    "UCDP_TYPES",
    "Brief",
    "ConfigError",
    "CoverageError",
    "GateError",
    "HarmattanError",
    "InputError",
    "LedgerError",
    "LockError",
    "MatchError",
    "ModelError",
    "NotifyError",
    "OriginError",
    "OverdueError",
    "RegionError",
    "ReleaseError",
    "SchemaError",
    "SkillError",
    "SourceError",
    "StaleError",
    "TrackingError",
    "UploadError",
    "UsageError",
    "WithdrawnError",
    "card",
    "csv_frame",
    "lazy_names",
    "listed",
    "month_name",
    "month_of",
    "months_of",
    "nearest",
    "on_the_command_line",
    "pandas_of",
    "read_only",
    "rows_of",
    "searchable",
]
