"""Runs and versions in MLflow, and the gate in front of the champion."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .export import export_run, import_run, read_export
    from .gate import (
        POOL,
        Verdict,
        best_baselines,
        common_origins,
        decide,
        origin_scores,
        with_lists,
        with_parts,
    )
    from .page import runs_address, runs_page
    from .runs import (
        RunRecord,
        environment_lock,
        flatten,
        git_state,
        log_monitoring,
        log_run,
        open_run,
        stage,
        write_run,
    )
    from .served_code import SERVED_CODE
    from .store import (
        check_folder,
        check_server,
        connected,
        experiment_of,
        is_local,
        quiet_mlflow,
        short_reason,
        store_uri,
        without_secrets,
    )
    from .versions import (
        AGAINST,
        CHALLENGER,
        CHAMPION,
        MODEL,
        PREVIOUS,
        REMEDY,
        RIVAL,
        RIVAL_LISTS,
        RIVAL_PARTS,
        SCORES,
        LoadedModel,
        list_versions,
        load_model,
        make_champion,
        open_registry,
        point_alias,
        register_version,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "AGAINST",
    "CHALLENGER",
    "CHAMPION",
    "MODEL",
    "POOL",
    "PREVIOUS",
    "REMEDY",
    "RIVAL",
    "RIVAL_LISTS",
    "RIVAL_PARTS",
    "SCORES",
    "SERVED_CODE",
    "LoadedModel",
    "RunRecord",
    "Verdict",
    "best_baselines",
    "check_folder",
    "check_server",
    "common_origins",
    "connected",
    "decide",
    "environment_lock",
    "experiment_of",
    "export_run",
    "flatten",
    "git_state",
    "import_run",
    "is_local",
    "list_versions",
    "load_model",
    "log_monitoring",
    "log_run",
    "make_champion",
    "open_registry",
    "open_run",
    "origin_scores",
    "point_alias",
    "quiet_mlflow",
    "read_export",
    "register_version",
    "runs_address",
    "runs_page",
    "short_reason",
    "stage",
    "store_uri",
    "with_lists",
    "with_parts",
    "without_secrets",
    "write_run",
]
