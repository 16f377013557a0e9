"""The model that a run is asked to use: fitted on the spot, from a folder, or from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

#: What a folder has that holds a trained model.
CARD = "model.json"

if TYPE_CHECKING:
    from ...training.trained_model import TrainedModel
    from ..settings import Settings


@dataclass(frozen=True)
class Chosen:
    """A trained model, and what is told of it.

    Attributes
    ----------
    trained : TrainedModel or None
        None: everything is fitted at the origin.
    about : mapping
        ``name``, and ``version`` where it is registered.
    """

    trained: TrainedModel | None
    about: Mapping[str, Any]


def choose(settings: Settings) -> Chosen:
    """What ``settings.model`` names: a folder that a trained model was written to, else a version of the registry.

    Raises
    ------
    ModelError
        No such model, or one whose files have changed.
    TrackingError
        The registry cannot be reached.
    """
    if settings.model is None:
        return Chosen(None, {"name": "fitted at the origin"})
    if (Path(settings.model) / CARD).is_file():
        from ...training.trained_model import TrainedModel

        return Chosen(TrainedModel.read(Path(settings.model)), {"name": "trained before"})
    from ...training.registry.versions import load_model

    found = load_model(settings.model, settings.mlruns, settings.tracking_uri)
    return Chosen(found.trained, {"name": found.name, "version": found.version})
