"""Finished releases on the command line: verify, list, compare, prune, withdraw, and how the folder stands."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigFile, DryRun, Json, Out, Quiet, RunDate, tell

if TYPE_CHECKING:
    from ..settings import Settings

Reference = Annotated[str, typer.Argument(help="A name such as 2023-12_r2, latest, or a path.")]

releases = typer.Typer(
    help="Finished releases: list, show, diff.", rich_markup_mode=None, no_args_is_help=True
)


@releases.callback()
def _group() -> None:
    """Finished releases: list, show, diff."""


def _settings(config: Path | None, out: Path | None, run_date: str | None = None) -> Settings:
    from ..settings import Settings

    return Settings.load({"out": out, "run_date": run_date}, config)


def verify(
    release: Reference = "latest",
    config: ConfigFile = None,
    out: Out = None,
    tables: Annotated[
        bool, typer.Option("--tables/--bytes", help="Read the tables as well, or compare checksums only.")
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check that a release is whole: every byte, every table, and that all of it says the same.

    \b
    Examples:
      harmattan verify 2023-12
      harmattan verify /srv/forecasts/2023-12 --json
      harmattan verify latest --bytes
    """
    from ..release.catalogue import find_release
    from ..release.verify import verify as check

    folder = find_release(release, _settings(config, out).out, withdrawn=True)
    found = check(folder, tables=tables)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    elif not quiet:
        for finding in found.findings:
            typer.echo(f"{finding.check:<13} {finding.message}")
        if found.whole and not found.withdrawn:
            typer.echo(f"Whole    {folder}  ({found.files} files, {found.size / 1e6:.1f} MB)")
    found.require()


@releases.command("list")
def list_releases(config: ConfigFile = None, out: Out = None, as_json: Json = False) -> None:
    """List the releases of a folder, oldest first, with what to know about each.

    \b
    Examples:
      harmattan releases list
      harmattan releases list --out /srv/forecasts --json
    """
    from ..release.catalogue import all_releases, with_bytes

    found = [with_bytes(info) for info in all_releases(_settings(config, out).out)]
    if as_json:
        typer.echo(json.dumps([info.to_dict() for info in found], indent=2))
        return
    for info in found:
        said = info.withdrawn.reason if info.withdrawn else info.problem or info.manifest.get("banner", "")
        mark = "latest" if info.is_latest else ""
        typer.echo(f"{info.name:<12} {info.level:<10} {mark:<7} {info.model:<24} {said}".rstrip())


@releases.command("show")
def show(
    release: Reference = "latest", config: ConfigFile = None, out: Out = None, as_json: Json = False
) -> None:
    """Tell what a release was made from, and how far it can be trusted.

    \b
    Examples:
      harmattan releases show latest
      harmattan releases show 2023-12 --json
    """
    from ..release.catalogue import find_release, read_release, with_bytes

    info = with_bytes(read_release(find_release(release, _settings(config, out).out)))
    if as_json:
        document = info.to_dict() | {"manifest": dict(info.manifest), "status": dict(info.status)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
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
    for name, text in lines.items():
        if text.strip():
            typer.echo(f"{name:<8} {text}".rstrip())


@releases.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="The earlier release.")],
    after: Annotated[str, typer.Argument(help="The later release.")] = "latest",
    config: ConfigFile = None,
    out: Out = None,
    top: Annotated[int, typer.Option(min=1, help="Movers that are told, by target.")] = 10,
    as_json: Json = False,
) -> None:
    """Tell what changed from one release to another: where, by how much, and why.

    \b
    Examples:
      harmattan releases diff 2023-11 2023-12
      harmattan releases diff 2023-12 2023-12_r2 --top 3 --json
    """
    from ..release.catalogue import find_release
    from ..release.diff import diff_releases

    folder = _settings(config, out).out
    found = diff_releases(find_release(before, folder), find_release(after, folder))
    if as_json:
        typer.echo(json.dumps(found.to_dict(top), indent=2))
        return
    for reason in found.reasons:
        typer.echo(f"{reason.kind:<14} {reason.message}")
    if not found.reasons:
        typer.echo("Both were made from the same data, model, settings and software.")
    if found.months:
        typer.echo(f"Mean per month from {found.months[0]} to {found.months[-1]}, which both forecast:")
    else:
        typer.echo("There is no month that both forecast.")
    moved = [row for row in found.to_dict(top)["movers"] if abs(row["change"]) >= 0.005]
    for row in moved:
        values = f"{row['before']:>9.2f} -> {row['after']:<9.2f} {row['change']:>+9.2f}"
        typer.echo(f"  {row['target']:<7} {row['location']:<28} {values}")


def withdraw(
    release: Annotated[str, typer.Argument(help="A name such as 2023-12_r2, or latest.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence that everybody will be shown.")],
    config: ConfigFile = None,
    out: Out = None,
    run_date: RunDate = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a release back: its bytes stay, `latest` moves to the one before, every command refuses it.

    \b
    Examples:
      harmattan withdraw 2023-12 --reason "A source counted one attack twice."
      harmattan withdraw latest --reason "Wrong boundaries." --dry-run
    """
    from ..release.catalogue import find_release
    from ..release.status import write_status
    from ..release.withdraw import withdraw as take_back

    settings = _settings(config, out, run_date)
    day = settings.run_date or date.today()
    if dry_run:
        folder = find_release(release, settings.out)
        tell({"would_withdraw": str(folder)}, f"Would withdraw {folder}.", as_json, quiet)
        return
    found = take_back(release, settings.out, reason, day)
    write_status(settings.out, day, settings.due_days)
    name = found.note.release
    said = f"Withdrawn {settings.out / name}\nLatest    {found.latest or 'none is left'}"
    tell({"withdrawn": name, "reason": found.note.reason, "latest": found.latest}, said, as_json, quiet)


def prune(
    config: ConfigFile = None,
    out: Out = None,
    keep_months: Annotated[
        int | None, typer.Option(help="Months whose newest release stays; default 24.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove old releases by a stated policy.

    What stays: the newest release of each of the newest months (--keep-months), whatever `latest` points to, what was
    withdrawn, and what is damaged. Everything else goes.

    \b
    Examples:
      harmattan prune --dry-run
      harmattan prune --keep-months 36 --out /srv/forecasts
    """
    from ..release.withdraw import prune as remove
    from ..settings import Settings

    settings = Settings.load({"out": out, "keep_months": keep_months}, config)
    plan = remove(settings.out, settings.keep_months, dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    lines = [f"{name:<12} stays: {why}" for name, why in plan.kept.items()]
    lines += [f"{info.name:<12} {verb}" for info in plan.removed]
    gone = [info.name for info in plan.removed]
    tell({"kept": plan.kept, "removed": gone, "dry_run": dry_run}, "\n".join(lines), as_json, quiet)


def status(
    config: ConfigFile = None,
    out: Out = None,
    run_date: RunDate = None,
    write: Annotated[
        bool, typer.Option("--write", help="Renew status.json in the folder of releases.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell a monitor how old the latest release is, when the next is due, and what is wrong.

    Leaves with 0 where nothing is red, else with the exit code of the first red entry.

    \b
    Examples:
      harmattan status --out /srv/forecasts
      harmattan status --json --run-date 2024-03-01
      harmattan status --quiet --write
    """
    from ..release.status import folder_status, write_status

    settings = _settings(config, out, run_date)
    look = write_status if write else folder_status
    found = look(settings.out, settings.run_date or date.today(), settings.due_days)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    elif not quiet:
        age = "" if found.age_days is None else f", data {found.age_days} days old"
        due = "" if found.next_due is None else f", next due by {found.next_due}"
        typer.echo(f"{found.level.upper()}  {found.release or 'nothing published'}{age}{due}")
        for entry in found.entries:
            typer.echo(f"{entry.level:<6} {entry.name:<11} {entry.message}")
    found.require()
