"""What came of one publishing job, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...data.errors import NotifyError, TrackingError
from ..release import FolderStatus

if TYPE_CHECKING:
    from ..release import Release


@dataclass(frozen=True)
class Published:
    """What came of one publishing job.

    Attributes
    ----------
    release : Release
        Where it is, and how it came about.
    level, banner : str
        How far it can be trusted.
    model : mapping
        What made the numbers; ``reason`` and ``tried`` where it stands in for another.
    latest : str or None
        What ``latest`` points to now.
    moved : bool
        Whether it pointed elsewhere before.
    why_not_latest : str
        Why this release is not the latest; empty where it is.
    status : FolderStatus
        How the folder stands.
    seconds : mapping of str to float
        By stage.
    run_id : str or None
        The run in MLflow.
    tracking_error, notify_error : HarmattanError or None
        What failed after the release was out.
    """

    release: Release
    level: str
    banner: str
    model: Mapping[str, Any]
    latest: str | None
    moved: bool
    why_not_latest: str
    status: FolderStatus
    seconds: Mapping[str, float]
    run_id: str | None = None
    tracking_error: TrackingError | None = None
    notify_error: NotifyError | None = None

    @property
    def sentence(self) -> str:
        """The whole job in one line."""
        words = {"written": "Published", "identical": "Already published", "revised": "Published a revision,"}
        version = f" {self.model['version']}" if self.model.get("version") else ""
        made = f"{self.model.get('name', '')}{version}"
        lead = "is the latest" if not self.why_not_latest else f"is not the latest: {self.why_not_latest}"
        return f"{words[self.release.status]} {self.release.path.name} ({made}, {self.level}); it {lead}."

    def to_dict(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "event": "unchanged" if self.release.status == "identical" else "published",
            "summary": self.sentence,
            "release": str(self.release.path),
            "status": self.release.status,
            "reason": list(self.release.reason),
            "level": self.level,
            "banner": self.banner,
            "model": dict(self.model),
            "latest": self.latest,
            "latest_moved": self.moved,
            "why_not_latest": self.why_not_latest or None,
            "age_days": self.status.age_days,
            "next_due": self.status.next_due and str(self.status.next_due),
            "report": str(self.release.path / "report.html"),
            "run_id": self.run_id,
            "tracking_error": self.tracking_error and self.tracking_error.message,
            "notify_error": self.notify_error and self.notify_error.message,
            "seconds": {stage: round(seconds, 2) for stage, seconds in self.seconds.items()},
        }
