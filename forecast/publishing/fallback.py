"""Which model a publishing job uses: the champion, or the best of what is left.

The chain is: the model that is wanted (the champion), the champion before it, the endemic-epidemic model fitted on the
spot, each region's own last twelve months, and at the very end these without any spillover. Whatever stands in is
named, with the reason, in the release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ...data.errors import HarmattanError, TrackingError

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..jobs.model_choice import Chosen
    from ..settings import Settings

#: What is published where nothing else is named.
WANTED = "champion"
#: Pools of one member that are fitted where no trained model can be used, best first.
FITTED = ("endemic_epidemic", "conflictology_12")


@dataclass(frozen=True)
class Candidate:
    """One model of the chain.

    Attributes
    ----------
    name : str
        ``champion``, ``previous``, or the member that is fitted.
    members : tuple of str or None
        What is fitted at the origin; None for a trained model.
    links : bool
        Whether neighbours are known to it; without them there is no spillover, and nothing left that can fail.
    """

    name: str
    members: tuple[str, ...] | None = None
    links: bool = True

    @property
    def label(self) -> str:
        """The name as it may be published: of a folder only its last part."""
        return PurePath(self.name).name + ("" if self.links else " without spillover")

    def inputs(self, read: Inputs) -> Inputs:
        """What the model is given of the data."""
        return read if self.links else replace(read, panel=replace(read.panel, links=None))

    def choose(self, settings: Settings) -> Chosen:
        """The trained model, or what is told of the one to be fitted.

        Raises
        ------
        ModelError
            No such model, or one whose files have changed.
        TrackingError
            The registry cannot be reached.
        """
        from ..jobs.model_choice import Chosen, choose

        if self.members is not None:
            return Chosen(None, {"name": self.label})
        return choose(replace(settings, model=self.name))


def chain(settings: Settings) -> Iterator[Candidate]:
    """The models to be tried, in order."""
    wanted = settings.model or WANTED
    yield Candidate(wanted)
    if wanted != "previous":
        yield Candidate("previous")
    for name in FITTED:
        yield Candidate(name, (name,))
    yield Candidate(FITTED[-1], FITTED[-1:], links=False)


def why(name: str, error: Exception) -> str:
    """Why a model could not be used, in words that are the same on every machine and day.

    >>> why("champion", TrackingError("connection refused (port 5000)."))
    'champion: the registry could not be reached'
    """
    if isinstance(error, TrackingError):
        return f"{name}: the registry could not be reached"
    if isinstance(error, HarmattanError):
        # Brackets hold paths and the words of other libraries.
        said = re.sub(r"\s*\([^()]*\)", "", error.what).rstrip(". ")
        return f"{name}: {said}"
    return f"{name}: it failed unexpectedly ({type(error).__name__})"


def reason_of(name: str, tried: list[str]) -> dict[str, Any]:
    """What is told of a model that stands in: the reason for people, and every step for machines."""
    if not tried:
        return {}
    return {
        "reason": f"Made by a fallback model, {name}, since others could not be used: {'; '.join(tried)}.",
        "tried": list(tried),
    }
