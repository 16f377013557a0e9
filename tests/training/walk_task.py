"""A task for worker processes, in a module that they can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np


def walk(steps: np.ndarray, seed: int, marker: str = "") -> np.ndarray:
    """A random walk whose sums would show another order of addition; kills its process once where asked."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(60, len(steps)))
    return np.asarray((matrix @ steps).cumsum())
