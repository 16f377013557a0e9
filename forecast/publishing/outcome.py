"""What came of one publishing job, for people and for machines, and whom it is sent to."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import NotifyError, TrackingError, UploadError
from ...data.show import Brief
from ..release import FolderStatus, replace_text

if TYPE_CHECKING:
    from ..release import Release

#: Seconds that a command may take.
PATIENCE = 60
#: How often a webhook is tried, and the seconds before it is tried again, doubled each time.
TRIES, WAIT = 4, 1.0
REMEDY = "The release itself is untouched; mend the setting 'notify'."


@dataclass(frozen=True, repr=False)
class Published(Brief):
    """What came of one publishing job.

    ``level`` and ``banner`` say how far the release can be trusted, ``model`` what made its numbers; ``moved`` whether
    ``latest`` pointed elsewhere before, ``why_not_latest`` why it does not point here; ``seconds`` are by stage, and
    the errors are what failed after the release was out.
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
    upload_error: UploadError | None = None

    @property
    def sentence(self) -> str:
        """The whole job in one line."""
        words = {"written": "Published", "identical": "Already published", "revised": "Published a revision,"}
        name, version = str(self.model.get("name", "")), str(self.model.get("version") or "")
        made = f"version {version}" if name == version != "" else f"{name} {version}".strip()
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
            "upload_error": self.upload_error and self.upload_error.message,
            "seconds": {stage: round(seconds, 2) for stage, seconds in self.seconds.items()},
        }


def notify(how: str, message: Mapping[str, Any], patience: float = PATIENCE) -> None:
    """Hand a message over.

    Parameters
    ----------
    how : str
        A command, which is started without a shell, gets the message as JSON on its standard input and the keys
        ``HARMATTAN_EVENT`` and ``HARMATTAN_SUMMARY`` in its environment; ``file:PATH``, which is replaced; or a
        webhook, ``https://…``, which is sent it as a POST, up to four times.
    message : mapping
        ``event`` (``published``, ``unchanged``, ``refused``), ``summary`` and whatever else is known.
    patience : float
        Seconds after which a command is stopped.

    Raises
    ------
    NotifyError
        There is no such command, it fails or hangs, the file cannot be written, or the webhook refuses.
    """
    text = json.dumps(message, indent=2, ensure_ascii=False, sort_keys=True, default=str) + "\n"
    if how.startswith(("http://", "https://")):
        return _post(how, text)
    if how.startswith("file:"):
        path = Path(how.removeprefix("file:")).expanduser()
        try:
            replace_text(text, path)
        except OSError as reason:
            what = f"the message cannot be written ({reason.strerror})."
            raise NotifyError(what, str(path), REMEDY) from reason
        return
    variables = {f"HARMATTAN_{key.upper()}": str(message.get(key, "")) for key in ("event", "summary")}
    try:
        words = shlex.split(how)
        done = subprocess.run(
            words,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=patience,
            env={**os.environ, **variables},
            check=False,
        )
    except (OSError, ValueError) as reason:
        raise NotifyError(f"the command cannot be started ({reason}).", "notify", REMEDY) from reason
    except subprocess.TimeoutExpired:
        raise NotifyError(f"the command did not end within {patience:g} seconds.", "notify", REMEDY) from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        about = f" ({last[0][:200]})" if last else ""
        raise NotifyError(f"the command failed with code {done.returncode}{about}.", "notify", REMEDY)


def _post(address: str, text: str) -> None:
    """Send a message to a webhook; a fault of the network or of the server is tried again, a refusal is not."""
    import httpx
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    def passing(reason: BaseException) -> bool:
        status = reason.response.status_code if isinstance(reason, httpx.HTTPStatusError) else 500
        return isinstance(reason, httpx.HTTPError) and (status >= 500 or status == 429)

    waits = wait_exponential(WAIT, max=30)
    try:
        for attempt in Retrying(
            retry=retry_if_exception(passing), stop=stop_after_attempt(TRIES), wait=waits, reraise=True
        ):
            with attempt:
                headers = {"content-type": "application/json"}
                httpx.post(address, content=text.encode(), headers=headers, timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as reason:
        code = f" {reason.response.status_code}" if isinstance(reason, httpx.HTTPStatusError) else ""
        # The address itself is a secret: whoever knows it can post.
        what = f"the webhook does not take the message ({type(reason).__name__}{code})."
        raise NotifyError(what, "notify", REMEDY) from None
