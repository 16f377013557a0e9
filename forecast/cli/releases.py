"""Finished releases on the command line: verify, list, compare, prune, withdraw, and how the folder stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings import Settings
from .options import Reference, options
from .output import Output

if TYPE_CHECKING:
    import pandas as pd

    from ..release import FolderStatus, ReleaseDiff, ReleaseInfo

releases = typer.Typer(
    help="Finished releases: list, show, diff.", rich_markup_mode=None, no_args_is_help=True
)


@releases.callback()
def _group() -> None:
    """Finished releases: list, show, diff."""


@options("path as_json quiet")
def keygen(
    output: Output,
    path: Annotated[Path, typer.Argument(help="A file that is not there yet.")] = Path("harmattan.key"),
) -> None:
    """Make a pair of Ed25519 keys: a secret one that signs releases, and a public one that verifies them.

    \b
    Examples:
      harmattan keygen
      harmattan keygen /etc/harmattan/harmattan.key
    """
    from ..release import make_keys

    public = make_keys(path)
    output.show(
        {"secret": str(path), "public": str(public)},
        (
            f"Secret   {path}  (keep it; only its owner can read it)",
            f"Public   {public}  (give it to readers)",
        ),
    )


@options("release config out tables key as_json quiet")
def verify(
    settings: Settings,
    output: Output,
    release: Reference = "latest",
    key: Annotated[
        Path | None, typer.Option(help="Public key: the release has to be signed with its other half.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables/--bytes", help="Read the tables as well, or compare checksums only.")
    ] = True,
) -> None:
    """Check that a release is whole: every byte, every table, and that all of it says the same.

    \b
    Examples:
      harmattan verify 2023-12
      harmattan verify /srv/forecasts/2023-12 --json
      harmattan verify latest --bytes
      harmattan verify latest --key harmattan.key.pub
    """
    from ..release import check_signature, find_release, verify_release

    folder = find_release(release, settings.out, withdrawn=True)
    found = verify_release(folder, tables=tables)
    if key is not None and found.whole:
        check_signature(folder, key)
    lines = [f"{finding.check:<13} {finding.message}" for finding in found.findings]
    if found.whole and not found.withdrawn:
        lines.append(f"Whole    {folder}  ({found.files} files, {found.size / 1e6:.1f} MB)")
    output.show(found.to_dict(), lines)
    found.require()


@releases.command("list")
@options("config out as_json")
def list_releases(settings: Settings, output: Output) -> None:
    """List the releases of a folder, oldest first, with what to know about each.

    \b
    Examples:
      harmattan releases list
      harmattan releases list --out /srv/forecasts --json
    """
    from ..release import all_releases, with_bytes

    found = [with_bytes(info) for info in all_releases(settings.out)]
    output.show([info.to_dict() for info in found], map(_line, found))


def _line(info: ReleaseInfo) -> str:
    note = info.withdrawn.reason if info.withdrawn else info.problem or info.manifest.get("banner", "")
    mark = "latest" if info.is_latest else ""
    return f"{info.name:<12} {info.level:<10} {mark:<7} {info.model:<24} {note}".rstrip()


@releases.command("show")
@options("release config out as_json")
def show(settings: Settings, output: Output, release: Reference = "latest") -> None:
    """Tell what a release was made from, and how far it can be trusted.

    \b
    Examples:
      harmattan releases show latest
      harmattan releases show 2023-12 --json
    """
    from ..release import find_release, read_release, with_bytes

    info = with_bytes(read_release(find_release(release, settings.out)))
    document = info.to_dict() | {"manifest": dict(info.manifest), "status": dict(info.status)}
    data = info.manifest.get("data", {})
    lines = {
        "Release": f"{info.path}{'  (latest)' if info.is_latest else ''}",
        "Level": f"{info.level}  {info.manifest.get('banner', '')}",
        "Model": info.model,
        "Data": f"{data.get('source', '')}, to {data.get('last_month', '')}, {data.get('regions', '')} regions",
        "Run": f"{info.status.get('run_date', '')}",
        "Revises": "; ".join(map(str, info.status.get("revision_reason", []))),
        "Problem": info.problem,
    }
    words = (f"{name:<8} {text}".rstrip() for name, text in lines.items() if text.strip())
    output.show(document, words, ensure_ascii=False)


@releases.command("diff")
@options("before after config out top as_json")
def diff(
    settings: Settings,
    output: Output,
    before: Annotated[str, typer.Argument(help="The earlier release.")],
    after: Annotated[str, typer.Argument(help="The later release.")] = "latest",
    top: Annotated[int, typer.Option(min=1, help="Movers that are told, by target.")] = 10,
) -> None:
    """Tell what changed from one release to another: where, by how much, and why.

    \b
    Examples:
      harmattan releases diff 2023-11 2023-12
      harmattan releases diff 2023-12 2023-12_r2 --top 3 --json
    """
    from ..release import diff_releases, find_release

    found = diff_releases(find_release(before, settings.out), find_release(after, settings.out))
    document = found.to_dict(top)
    output.show(document, _changes(found, document["movers"]))


def _changes(found: ReleaseDiff, movers: list[dict[str, Any]]) -> Iterator[str]:
    """Why two releases differ, and what moved most."""
    yield from (f"{reason.kind:<14} {reason.message}" for reason in found.reasons)
    if not found.reasons:
        yield "Both were made from the same data, model, settings and software."
    if found.parts is not None:
        yield from _parts(found.parts)
    if found.months:
        yield f"Mean per month from {found.months[0]} to {found.months[-1]}, which both forecast:"
    else:
        yield "There is no month that both forecast."
    for row in movers:
        if abs(row["change"]) >= 0.005:
            values = f"{row['before']:>9.2f} -> {row['after']:<9.2f} {row['change']:>+9.2f}"
            yield f"  {row['target']:<7} {row['location']:<28} {values}"


def _parts(parts: pd.DataFrame) -> Iterator[str]:
    """The change of all and of each country, taken apart."""
    first = parts.iloc[0]
    yield f"Events expected from {first['from_month']} to {first['to_month']}, and what changed them:"
    for row in parts[parts["level"] != "region"].itertuples():
        yield (
            f"  {row.location:<8} {row.before:>8.1f} -> {row.after:<8.1f} {row.change:>+7.1f}: new month "
            f"{row.new_month:+.1f}, revised months {row.revisions:+.1f}, model or settings {row.model:+.1f}"
        )


@options("release reason config out upload run_date dry_run as_json quiet")
def withdraw(
    settings: Settings,
    output: Output,
    dry_run: bool,
    release: Annotated[str, typer.Argument(help="A name such as 2023-12_r2, or latest.")],
    reason: Annotated[str, "Why, in a sentence that everybody will be shown."],
) -> None:
    """Take a release back: its bytes stay, `latest` moves to the one before, every command refuses it.

    With --upload the store's note and pointer follow; where that failed, the same command sends them once more.

    \b
    Examples:
      harmattan withdraw 2023-12 --reason "A source counted one attack twice."
      harmattan withdraw latest --reason "Wrong boundaries." --dry-run
    """
    from ...data.errors import WithdrawnError
    from ..release import find_release, withdraw_release, write_status

    day = settings.run_date or date.today()
    if dry_run:
        folder = find_release(release, settings.out)
        return output.show({"would_withdraw": str(folder)}, f"Would withdraw {folder}.")
    try:
        found = withdraw_release(release, settings.out, reason, day)
    except WithdrawnError:
        _send_notes(settings)
        raise
    write_status(settings.out, day, settings.due_days)
    _send_notes(settings)
    name = found.note.release
    words = f"Withdrawn {settings.out / name}\nLatest    {found.latest or 'none is left'}"
    output.show({"withdrawn": name, "reason": found.note.reason, "latest": found.latest}, words)


def _send_notes(settings: Settings) -> None:
    """Let notes and pointer of the store follow those of the folder."""
    if settings.upload is not None:
        from ..publishing import upload_releases
        from ..release import publishing

        with publishing(settings.out):
            upload_releases(settings.out, None, settings.upload)


@options("config out keep_months dry_run as_json quiet")
def prune(settings: Settings, output: Output, dry_run: bool) -> None:
    """Remove old releases by a stated policy.

    What stays: the newest release of each of the newest months (--keep-months), whatever `latest` points to, what was
    withdrawn, and what is damaged. Everything else goes.

    \b
    Examples:
      harmattan prune --dry-run
      harmattan prune --keep-months 36 --out /srv/forecasts
    """
    from ..release import prune_releases

    plan = prune_releases(settings.out, settings.keep_months, dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    lines = [f"{name:<12} stays: {why}" for name, why in plan.kept.items()]
    lines += [f"{info.name:<12} {verb}" for info in plan.removed]
    output.show({"kept": plan.kept, "removed": [i.name for i in plan.removed], "dry_run": dry_run}, lines)


@options("config out run_date mlruns tracking_uri write as_json quiet")
def status(
    settings: Settings,
    output: Output,
    write: Annotated[bool, "Renew status.json in the folder of releases."] = False,
) -> None:
    """Tell a monitor how old release and champion are, when the next is due, and what is wrong.

    Leaves with 0 where nothing is red, else with the exit code of the first red entry.

    \b
    Examples:
      harmattan status --out /srv/forecasts
      harmattan status --json --run-date 2024-03-01
      harmattan status --quiet --write
    """
    from ..jobs import champion_entries
    from ..release import folder_status, write_status

    look, day = write_status if write else folder_status, settings.run_date or date.today()
    found = look(settings.out, day, settings.due_days, more=champion_entries(settings, day))
    output.show(found.to_dict(), _status_lines(found), ensure_ascii=False)
    found.require()


def _status_lines(found: FolderStatus) -> Iterator[str]:
    age = "" if found.age_days is None else f", data {found.age_days} days old"
    due = "" if found.next_due is None else f", next due by {found.next_due}"
    yield f"{found.level.upper()}  {found.release or 'nothing published'}{age}{due}"
    yield from (f"{entry.level:<6} {entry.name:<11} {entry.message}" for entry in found.entries)
