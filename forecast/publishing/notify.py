"""Tell somebody what a publishing job did: a command that reads JSON, or a file that is replaced."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...data.errors import NotifyError
from ..release import replace_text

#: Seconds that a command may take.
PATIENCE = 60
REMEDY = "The release itself is untouched; mend the setting 'notify'."


def notify(how: str, told: Mapping[str, Any], patience: float = PATIENCE) -> None:
    """Hand a message over.

    Parameters
    ----------
    how : str
        A command, which is started without a shell, gets the message as JSON on its standard input and the keys
        ``HARMATTAN_EVENT`` and ``HARMATTAN_SUMMARY`` in its environment; or ``file:PATH``, which is replaced.
    told : mapping
        ``event`` (``published``, ``unchanged``, ``refused``), ``summary`` and whatever else is known.
    patience : float
        Seconds after which a command is stopped.

    Raises
    ------
    NotifyError
        There is no such command, it fails or hangs, or the file cannot be written.
    """
    text = json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True, default=str) + "\n"
    if how.startswith("file:"):
        path = Path(how.removeprefix("file:")).expanduser()
        try:
            replace_text(text, path)
        except OSError as reason:
            raise NotifyError(
                f"the message cannot be written ({reason.strerror}).", str(path), REMEDY
            ) from reason
        return
    told_in = {
        "HARMATTAN_EVENT": str(told.get("event", "")),
        "HARMATTAN_SUMMARY": str(told.get("summary", "")),
    }
    try:
        words = shlex.split(how)
        done = subprocess.run(
            words,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=patience,
            env={**os.environ, **told_in},
            check=False,
        )
    except (OSError, ValueError) as reason:
        raise NotifyError(f"the command cannot be started ({reason}).", "notify", REMEDY) from reason
    except subprocess.TimeoutExpired:
        raise NotifyError(f"the command did not end within {patience:g} seconds.", "notify", REMEDY) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        about = f" ({said[0][:200]})" if said else ""
        raise NotifyError(f"the command failed with code {done.returncode}{about}.", "notify", REMEDY)
