"""JSON that has one text for one content: what files of a trained model are written as, and hashed."""

from __future__ import annotations

import json
from typing import Any


def json_text(content: Any) -> str:
    """Canonical JSON: sorted, without spaces, refusing NaN; floats come back to the last bit."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
