"""Fitted members as text files, and back: plain JSON, and LightGBM's own format for trees."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...data.errors import ModelError
from ..canonical_json import json_text
from .base import Member
from .baselines import Conflictology, LastValue, NeighbourConflictology, WindowNB, Zero
from .boosted import BoostedEndemicEpidemic
from .endemic_epidemic import EndemicEpidemic
from .events_times_deaths import EventsTimesDeaths
from .exponential_nb import ExponentialNB
from .leaf_calibrated import LeafCalibrated
from .log_linear_nb import LogLinearNB
from .own import Guarded
from .smoothed_conflictology import SmoothedConflictology

#: Members that are whole with their JSON alone.
PLAIN: dict[str, type[Member]] = {
    "zero": Zero,
    "last_value": LastValue,
    "conflictology_3": Conflictology,
    "conflictology_6": Conflictology,
    "conflictology_12": Conflictology,
    "conflictology_24": Conflictology,
    "neighbour_conflictology": NeighbourConflictology,
    "smoothed_conflictology": SmoothedConflictology,
    "negative_binomial_12": WindowNB,
    "exponential_nb": ExponentialNB,
    "exponential_nb_long": ExponentialNB,
    "endemic_epidemic": EndemicEpidemic,
    "log_linear_nb": LogLinearNB,
}
#: Members that hold trees, in a text file of their own.
WITH_TREES: dict[str, type[BoostedEndemicEpidemic] | type[EventsTimesDeaths]] = {
    "boosted": BoostedEndemicEpidemic,
    "events_times_deaths": EventsTimesDeaths,
}


def member_files(members: Mapping[str, Member]) -> dict[str, str]:
    """Text files of some members, by name.

    Parameters
    ----------
    members : mapping of str to Member
        Fitted, by their names in the catalogue.

    Returns
    -------
    dict of str to str
        ``NAME.json``, and ``NAME.trees.txt`` of those that hold trees; members that users bring have a folder each.
    """
    files: dict[str, str] = {}
    every = dict(members)
    for member in members.values():
        if isinstance(member, LeafCalibrated):
            every.setdefault("boosted", member.boosted_)
    for name, member in every.items():
        if isinstance(member, Guarded):
            files |= {f"{name}/{file}": text for file, text in member.to_files().items()}
            continue
        files[f"{name}.json"] = json_text(member.to_json())
        if isinstance(member, (BoostedEndemicEpidemic, EventsTimesDeaths)):
            files[f"{name}.trees.txt"] = member.to_text()
    return files


def read_members(
    names: tuple[str, ...],
    files: Mapping[str, str],
    trusted: Collection[str] = (),
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> dict[str, Member]:
    """The members that :func:`member_files` wrote; classes that users bring are imported only where trusted.

    Raises
    ------
    ModelError
        A file that is missing or cannot be read, a member that this version does not know, or a class that nobody
        declared.
    """
    found: dict[str, Member] = {}
    for name in names:
        try:
            found[name] = _member(name, files, found, trusted, functions)
        except KeyError as missing:
            raise ModelError(
                f"the stored model lacks {missing}.", name, "Fetch the model again, or train it again."
            ) from None
        except (ValueError, TypeError, IndexError) as reason:
            raise ModelError(f"the stored model cannot be read ({reason}).", name) from reason
    return found


def _member(
    name: str,
    files: Mapping[str, str],
    found: Mapping[str, Member],
    trusted: Collection[str] = (),
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Member:
    if f"{name}/member.json" in files:
        mine = {k.removeprefix(f"{name}/"): v for k, v in files.items() if k.startswith(f"{name}/")}
        return Guarded.from_files(name, mine, trusted, functions)
    if name == "leaf_calibrated":
        boosted = found.get("boosted") or _member("boosted", files, found)
        assert isinstance(boosted, BoostedEndemicEpidemic)
        return LeafCalibrated.from_json(json.loads(files[f"{name}.json"]), boosted)
    if name in WITH_TREES:
        return WITH_TREES[name].from_json(json.loads(files[f"{name}.json"]), files[f"{name}.trees.txt"])
    if name not in PLAIN:
        raise ModelError(
            f"this version has no member '{name}'.",
            remedy="Install the version that the model was trained with.",
        )
    return PLAIN[name].from_json(json.loads(files[f"{name}.json"]))
