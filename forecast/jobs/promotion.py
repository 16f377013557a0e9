"""Who is champion: promotion through the gate or by force, and the way back; each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data.errors import GateError, ModelError, UsageError
from ..settings import Settings, settings_of
from ..values import require_flags
from ..version import package_version
from .judging import Rival, champion_of, differences, judge_challenger, promotion_tags

if TYPE_CHECKING:
    from ...training.registry.gate import Verdict
    from ...training.registry.versions import LoadedModel


@dataclass(frozen=True)
class Promotion:
    """Who is champion now, the ``version``, and who was ``before`` it (in a dry run: is), None where there was none.

    ``how`` is ``gate``, ``refit``, ``forced`` or ``rollback``; ``nothing`` where it was champion already, ``would`` in
    a dry run, ``refused`` where a refit was worse. ``reasons`` are recorded; ``rival`` is whom it faced.
    """

    version: str
    before: str | None
    how: str
    reasons: tuple[str, ...]
    rival: str = ""

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "champion": self.version,
            "previous": self.before,
            "how": self.how,
            "reasons": list(self.reasons),
            "rival": self.rival,
        }


def promote(
    settings: Settings | None = None,
    version: str | int = "challenger",
    force: bool = False,
    reason: str = "",
    dry_run: bool = False,
    refit: bool = False,
    rollback: bool = False,
) -> Promotion:
    """Make a version the champion, where the gate lets it through or force is used with a reason.

    Parameters
    ----------
    settings : Settings, optional
        Name the store; those of the settings file and the environment where None, as for the command.
    version : str or int
        Its number, or an alias.
    force : bool
        Go past a gate that refuses.
    reason : str
        Why; needed with ``force``, recorded in any case.
    dry_run : bool
        Ask the gate, and change nothing.
    refit : bool
        The version is the champion's own recipe, fitted on newer months: it has to be no worse, not better.
    rollback : bool
        The champion before the champion comes back, whichever the version.

    Raises
    ------
    UsageError
        Force without a reason; a refit that is none.
    GateError
        The gate refuses.
    ModelError
        No such version, or one whose files or record of scores have changed.
    TrackingError
        The store cannot be used.
    """
    from ...training import registry

    settings = settings_of(settings)
    require_flags(force=force, dry_run=dry_run, refit=refit, rollback=rollback)
    if rollback:
        if str(version) != "challenger" or force or refit:
            raise UsageError("--rollback takes no version, --force or --refit.", remedy="Leave them out.")
        return roll_back(settings, reason, dry_run)
    if force and not reason.strip():
        raise UsageError("a forced promotion needs a reason.", "--force", "Say why with --reason '...'.")
    challenger = registry.load_model(str(version), settings.mlruns, settings.tracking_uri)
    champion = _standing(settings, force)
    if champion is not None and champion.version == challenger.version:
        before = _pointed_at(settings, registry.PREVIOUS)
        return Promotion(challenger.version, before, "nothing", ("it is the champion already",))
    if refit:
        _check_refit(challenger, champion)
    verdict, rival = _judged(challenger, champion, settings, force, refit)
    if not verdict.ok and not force:
        worse, reasons = "worse" if refit else "not better", "; ".join(verdict.reasons)
        what = f"version {challenger.version} is {worse} than {rival}: {reasons}."
        raise GateError(what, remedy="Train a better one, or go past the gate with --force --reason '...'.")
    if dry_run:
        before = _pointed_at(settings, registry.CHAMPION)
        return Promotion(challenger.version, before, "would", verdict.reasons, rival)
    how = ("refit" if refit else "gate") if verdict.ok else "forced"
    tags = promotion_tags(how, verdict, rival, reason)
    with registry.open_registry(settings.mlruns, settings.tracking_uri) as client:
        before = registry.make_champion(client, challenger.version, tags)
    return Promotion(challenger.version, before, how, verdict.reasons, rival)


def _pointed_at(settings: Settings, alias: str) -> str | None:
    """The number of the version that an alias points at; None where there is none."""
    from ...training import registry

    with registry.open_registry(settings.mlruns, settings.tracking_uri) as client:
        return next((v.number for v in registry.list_versions(client) if alias in v.aliases), None)


def _standing(settings: Settings, force: bool) -> LoadedModel | None:
    """The champion; one whose files are broken only counts as none where force is used."""
    try:
        return champion_of(settings)
    except ModelError:
        if not force:
            raise
        return None


def _judged(
    challenger: LoadedModel, champion: LoadedModel | None, settings: Settings, force: bool, refit: bool
) -> tuple[Verdict, str]:
    """What the gate says; a champion whose record is broken only counts as none where force is used."""
    scores, trained = challenger.scores, challenger.trained
    try:
        theirs = None if champion is None else Rival.stored(champion, challenger)
        return judge_challenger(scores, trained, champion, settings.seed, not refit, theirs)
    except ModelError:
        if not force:
            raise
        return judge_challenger(scores, trained, None, settings.seed)


def _check_refit(challenger: LoadedModel, champion: LoadedModel | None) -> None:
    """An error unless a version is the champion's own recipe, members and package, fitted on newer months."""
    if champion is None:
        raise UsageError("there is no champion to be refitted.", "--refit", "Leave it out.")
    for what in differences(challenger.trained, champion.trained):
        pair = f"version {challenger.version} is no refit of version {champion.version}"
        remedy = "Leave it out: the version then has to be better."
        raise UsageError(f"{pair}: it differs in {what}.", "--refit", remedy)


def roll_back(settings: Settings, reason: str = "", dry_run: bool = False) -> Promotion:
    """Make the champion before the champion again; the two change places.

    Raises
    ------
    ModelError
        There was no champion before, or its files have changed.
    TrackingError
        The store cannot be used.
    """
    from ...training import registry

    earlier = registry.load_model(registry.PREVIOUS, settings.mlruns, settings.tracking_uri)
    why = reason.strip() or "rolled back"
    if dry_run:
        return Promotion(earlier.version, _pointed_at(settings, registry.CHAMPION), "would", (why,))
    with registry.open_registry(settings.mlruns, settings.tracking_uri) as client:
        tags = {"promoted_how": "rollback", "promoted_because": why}
        before = registry.make_champion(client, earlier.version, tags)
    return Promotion(earlier.version, before, "rollback", (why,))


def refit(settings: Settings, progress: Callable[[str, float], None] | None = None) -> Promotion:
    """Fit the champion's recipe on newer months, register it, and make it champion where it is no worse.

    Returns
    -------
    Promotion
        ``how`` is ``refit``; ``nothing`` where the champion has seen every month; ``refused`` where it is worse, which
        is no error: the champion stays.

    Raises
    ------
    UsageError
        There is no champion, or it comes from another version of the package.
    HarmattanError
        What :func:`train` raises.
    """
    from ..loading import load_inputs
    from .training import train

    champion = champion_of(settings)
    if champion is None:
        raise UsageError("there is no champion to be refitted.", remedy="Train one with: harmattan train.")
    old = champion.trained
    if old.package_version != package_version():
        what = (
            f"the champion was trained by version {old.package_version}, whose recipe may mean another model."
        )
        raise UsageError(what, remedy="Train anew with: harmattan train --promote-if-better.")
    last = pd.Period(settings.as_of or load_inputs(settings).panel.last_month, freq="M")
    if last <= old.origin:
        why = f"the champion was trained on months up to {old.origin}, the data end in {last}"
        return Promotion(champion.version, _pointed_at(settings, "previous"), "nothing", (why,))
    done = train(settings, progress, refit=old.recipe)
    rival, how = f"version {champion.version}", "refit" if done.crowned else "refused"
    return Promotion(done.version, champion.version, how, done.verdict.reasons, rival)
