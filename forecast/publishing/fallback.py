"""Which model a publishing job uses: the champion, or the best of what is left.

The chain is: the model that is wanted (the champion), the champion before it, the endemic-epidemic model fitted on the
spot, each region's own last twelve months, and at the very end these without any spillover. Whatever stands in is
named, with the reason, in the release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ...data.errors import HarmattanError, TrackingError
from ..release import LIBRARIES, public_settings
from ..version import package_version

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..jobs import SelectedModel
    from ..release import ReleaseInfo
    from ..settings import Settings

#: What is published where nothing else is named.
WANTED = "champion"
#: Pools of one member that are fitted where no trained model can be used, best first.
FITTED = ("endemic_epidemic", "conflictology_12")


@dataclass(frozen=True)
class Candidate:
    """One model of the chain: ``champion``, ``previous``, or members that are fitted at the origin.

    Without ``links`` it knows no neighbours: there is no spillover then, and nothing left that can fail.
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

    def select(self, settings: Settings) -> SelectedModel:
        """The trained model, or what is known of the one to be fitted; errors as :func:`select_model` has them."""
        from ..jobs import SelectedModel, select_model

        if self.members is not None:
            return SelectedModel(None, {"name": self.label})
        return select_model(replace(settings, model=self.name))


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
        reason = re.sub(r"\s*\([^()]*\)", "", error.what).rstrip(". ")
        return f"{name}: {reason}"
    return f"{name}: it failed unexpectedly ({type(error).__name__})"


def reason_of(name: str, tried: list[str]) -> dict[str, Any]:
    """What is recorded of a model that stands in: the reason for people, and every step for machines."""
    if not tried:
        return {}
    return {
        "reason": f"Made by a fallback model, {name}, since others could not be used: {'; '.join(tried)}.",
        "tried": list(tried),
    }


def same_inputs(
    info: ReleaseInfo, settings: Settings, inputs: Inputs, candidate: Candidate, selected: SelectedModel
) -> bool:
    """Whether a release has the job's data, settings and software, and a model no worse than the candidate.

    There is nothing to do then. A release that stands on a model earlier in the chain is not replaced by one of a
    stand-in, which is what an unreachable registry would otherwise do.
    """
    manifest, panel = info.manifest, inputs.panel
    published = panel.select(countries=settings.countries) if settings.countries else panel
    software = {"harmattan": package_version()} | {name: version(name) for name in LIBRARIES}
    same = (
        manifest.get("data", {}).get("sha256") == panel.digest()
        and manifest.get("data", {}).get("regions") == len(published.region_ids)
        and manifest.get("settings")
        == json.loads(json.dumps(public_settings(settings.published()), default=str))
        and manifest.get("versions") == software
    )
    if not same:
        return False
    model = manifest.get("model") or {}
    if selected.trained is not None:
        stands_in = bool(model.get("reason"))
        # A model that was trained on later months can say nothing of this one: what is out stays.
        later = selected.trained.origin > panel.last_month
        return (later or model.get("digest") == selected.trained.digest) and not stands_in
    return not model.get("reason") or model.get("name") == candidate.label
