"""Whether a release was made from the very inputs that a job has before it, so that there is nothing to do."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from ..release import LIBRARIES, public_settings
from ..version import version as own_version

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..jobs.model_choice import Chosen
    from ..release import ReleaseInfo
    from ..settings import Settings
    from .fallback import Candidate


def same_inputs(
    info: ReleaseInfo, settings: Settings, inputs: Inputs, candidate: Candidate, chosen: Chosen
) -> bool:
    """Whether a release has the same data, settings and software, and a model no worse than the candidate.

    Parameters
    ----------
    info : ReleaseInfo
        A release of the same month.
    settings, inputs
        What the job has.
    candidate, chosen
        The model that it is about to use. A release that stands on a model earlier in the chain is not replaced by
        one of a stand-in, which is what an unreachable registry would otherwise do.
    """
    told = info.manifest
    panel = inputs.panel
    published = panel.select(countries=settings.countries) if settings.countries else panel
    software = {"harmattan": own_version()} | {name: version(name) for name in LIBRARIES}
    same = (
        told.get("data", {}).get("sha256") == panel.digest()
        and told.get("data", {}).get("regions") == len(published.region_ids)
        and told.get("settings") == _as_json(public_settings(settings.published()))
        and told.get("versions") == software
    )
    if not same:
        return False
    model = told.get("model") or {}
    if chosen.trained is not None:
        stands_in = bool(model.get("reason"))
        return model.get("digest") == chosen.trained.digest and not stands_in
    return not model.get("reason") or model.get("name") == candidate.label


def _as_json(settings: dict[str, object]) -> dict[str, object]:
    """Settings as they come back from JSON."""
    import json

    back: dict[str, object] = json.loads(json.dumps(settings, default=str))
    return back
