"""``harmattan data``: incidents in, panel out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ...data.errors import GateError, UsageError
from .data_inputs import (
    about,
    bare_path,
    build_from,
    coverage_of,
    day_of,
    fetched_acled,
    fetched_ucdp,
    names_in,
    panel_from,
    permeability_of,
    quality_of,
    read_any_panel,
    require_folder,
    tell_current,
)
from .options import Silent

app = typer.Typer(
    help="Incidents in, panel out: build, snapshot, check, fetch, diff, simulate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything; write nothing.")]
Source = Annotated[
    list[str],
    typer.Option(
        help="ucdp:FILE, acled:FILE, table:FILE or store:FOLDER; several are combined, annual beats candidate."
    ),
]
Countries = Annotated[str | None, typer.Option(help="ISO3 codes to keep, such as MLI,BFA.")]
Coverage = Annotated[
    str | None, typer.Option(help="What was observed, such as MLI=1989-01:2023-12,NGA=1990-01:2021-12.")
]
RunDate = Annotated[str | None, typer.Option(help="Day against which age counts, such as 2024-01-31; today.")]


@app.command()
def build(
    source: Source,
    regions: Annotated[Path, typer.Option(help="Polygons (GeoJSON).")],
    out: Annotated[Path | None, typer.Option(help="Where the panel goes (parquet).")] = None,
    countries: Countries = None,
    month_rule: Annotated[str, typer.Option(help="end, start or spread.")] = "end",
    place_rule: Annotated[str, typer.Option(help="Vague places: drop, keep or spread.")] = "drop",
    date_rule: Annotated[str, typer.Option(help="Vague dates: drop or keep.")] = "drop",
    unclear: Annotated[str, typer.Option(help="Events not marked Clear: keep or drop.")] = "keep",
    coverage: Coverage = None,
    columns: Annotated[
        str | None, typer.Option(help="For table:FILE, ours=theirs,... or a TOML file.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Count incidents by month and region, and print where each of them went.

    \b
    Examples:
      harmattan data build --source ucdp:ged241.csv --regions admin1.geojson --out panel.parquet
      harmattan data build --source ucdp:ged241.csv --source ucdp:GEDEvent_v24_0_1.csv --regions admin1.geojson
      harmattan data build --source table:mine.csv --columns date=Day,latitude=lat,longitude=lon --regions r.geojson
    """
    from ...data.panel import Rules

    rules = Rules(month_rule=month_rule, place_rule=place_rule, date_rule=date_rule)
    built = build_from(source, regions, rules, countries, unclear, coverage, columns)
    if out is not None and not dry_run:
        require_folder(out)
        built.panel.write_parquet(out)
    ledger = {
        **about(built.panel),
        **built.ledger.to_dict(),
        "out": None if dry_run or out is None else str(out),
    }
    if as_json:
        typer.echo(json.dumps(ledger, indent=2))
        return
    months = built.panel.months
    typer.echo(f"{len(months)} months ({months[0]} to {months[-1]}), {len(built.panel.region_ids)} regions")
    for row in built.ledger.summary().to_dict("records"):
        typer.echo(f"  {row['outcome']:<16} {row['events']:>9g} events {row['deaths_best']:>9g} deaths")
    for repair in built.ledger.repairs:
        typer.echo(f"  repaired: {repair.count} x {repair.name}. {repair.message}")
    if ledger["out"]:
        typer.echo(f"Panel    {out}")


@app.command()
def snapshot(
    source: Annotated[Path, typer.Option(help="An annual UCDP GED file.")],
    regions: Annotated[Path, typer.Option(help="Polygons of the countries and their neighbours (GeoJSON).")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    countries: Countries = None,
    training: Annotated[
        Path | None, typer.Option(help="A UCDP GED file of countries that are only learned from.")
    ] = None,
    training_coverage: Annotated[
        str | None, typer.Option(help="What that file is complete for, such as NGA=1990-01:2021-12.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Make the embedded snapshot; the same input gives the same bytes.

    \b
    Examples:
      harmattan data snapshot --source ged241.csv --regions admin1.geojson --out data/snapshot
      harmattan data snapshot --source ged241.csv --regions admin1.geojson --training ged221.csv --out data/snapshot
    """
    import tempfile

    from ...data.snapshot import COUNTRIES, TRAINING_COVERAGE, make_snapshot

    if training_coverage is not None and training is None:
        raise UsageError(
            "there is a --training-coverage without --training.", remedy="Give the file as well."
        )
    chosen = tuple(names_in(countries)) or COUNTRIES
    with tempfile.TemporaryDirectory() as aside:
        target = Path(aside) if dry_run else out
        files = make_snapshot(
            bare_path(source),
            regions,
            target,
            countries=chosen,
            training=None if training is None else bare_path(training),
            training_coverage=coverage_of(training_coverage) or TRAINING_COVERAGE,
        )
        sizes = {path.name: path.stat().st_size for path in files}
    if as_json:
        typer.echo(json.dumps({"out": None if dry_run else str(out), "files": sizes}, indent=2))
        return
    for name, size in sizes.items():
        typer.echo(f"{'would write' if dry_run else 'wrote'} {name} ({size:,} bytes)")


@app.command()
def delay(
    file: Annotated[Path, typer.Argument(help="Monthly deaths by country, first and final values (CSV).")],
    out: Annotated[Path, typer.Option(help="Folder for reporting_delay.csv.")],
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Work out how much of the final deaths stood in the first release, by country.

    \b
    Examples:
      harmattan data delay country_month_first_vs_final.csv --out data/snapshot
    """
    import tempfile

    from ...data.snapshot import make_delay

    with tempfile.TemporaryDirectory() as aside:
        table = make_delay(file, Path(aside) if dry_run else out)
    if as_json:
        typer.echo(table.to_json(orient="records", indent=2))
        return
    for row in table.to_dict("records"):
        typer.echo(
            f"{row['country']:<4} {row['months']:>3} months  {row['share']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
        )


@app.command()
def check(
    file: Annotated[
        str,
        typer.Argument(help="A panel (parquet or CSV), or ucdp:FILE, acled:FILE, table:FILE, store:FOLDER."),
    ],
    regions: Annotated[
        Path | None, typer.Option(help="Polygons for incidents; the shipped ones where absent.")
    ] = None,
    previous: Annotated[Path | None, typer.Option(help="The panel used last time.")] = None,
    run_date: RunDate = None,
    coverage: Coverage = None,
    columns: Annotated[
        str | None, typer.Option(help="For table:FILE, ours=theirs,... or a TOML file.")
    ] = None,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Run the quality gate; exit code 6 where a check is red (10 for stale data, 13 for a low match rate).

    \b
    Examples:
      harmattan data check panel.parquet --run-date 2024-01-31
      harmattan data check ucdp:GEDEvent_v24_0_1.csv --previous panel.parquet --json
    """
    day = day_of(run_date)
    last = None if previous is None else read_any_panel(previous)
    quality = quality_of(file, regions, last, day, coverage, columns)
    if as_json:
        typer.echo(json.dumps(quality.to_dict(), indent=2))
    else:
        for one in quality.checks:
            typer.echo(f"{one.status:<6} {one.name:<12} {one.message}")
    if quality.status == "red":
        from ...data.quality import ERRORS

        red = [c.name for c in quality.checks if c.status == "red"]
        raise ERRORS.get(red[0], GateError)(
            f"red: {', '.join(red)}.", where=file, remedy="See the messages above; --json lists the rows."
        )


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="ucdp or acled.")],
    version: Annotated[
        str | None, typer.Option(help="Annual or consolidated release: 25.1, 25.01.25.09.")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="Monthly candidate release: 26.0.4.")] = None,
    current: Annotated[
        bool, typer.Option("--current", help="UCDP: the newest annual release and all candidates after it.")
    ] = False,
    api: Annotated[
        bool, typer.Option("--api", help="Through UCDP's API, with HARMATTAN_UCDP_TOKEN.")
    ] = False,
    countries: Annotated[str | None, typer.Option(help="ACLED: names such as 'Mali,Niger'.")] = None,
    first: Annotated[str | None, typer.Option(help="ACLED: first day.")] = None,
    last: Annotated[str | None, typer.Option(help="ACLED: last day.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder for fetched files.")] = Path(".cache/harmattan"),
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch again what is here already.")] = False,
    store: Annotated[
        Path | None, typer.Option(help="UCDP: keep what came as a vintage in this store.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Another server.", hidden=True)] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Bring a source's file, checked against what its server announces.

    Secrets are read from the environment only: HARMATTAN_UCDP_TOKEN, HARMATTAN_ACLED_USER, HARMATTAN_ACLED_PASSWORD.

    \b
    Examples:
      harmattan data fetch ucdp --version 25.1
      harmattan data fetch ucdp --candidate 26.0.4 --store vintages
      harmattan data fetch ucdp --current --store vintages
      harmattan data fetch acled --countries Mali,Niger --first 2023-01-01 --last 2023-12-31
    """
    from ...data import fetch as fetching

    if source not in ("ucdp", "acled"):
        raise UsageError(f"'{source}' cannot be fetched.", remedy="Use ucdp or acled.")
    if current:
        if source != "ucdp" or version or candidate or api:
            raise UsageError("--current stands alone, for ucdp.", remedy="Leave the other options out.")
        tell_current(cache, base_url, refresh, store, dry_run, as_json)
        return
    if source == "ucdp":
        release = version or candidate
        if release is None or (version and candidate):
            raise UsageError("which release?", remedy="Give --version 25.1, --candidate 26.0.4 or --current.")
        plan = {"url": fetching.ucdp_address(release, base_url or fetching.UCDP_FILES), "cache": str(cache)}
        note = plan if dry_run else fetched_ucdp(release, cache, base_url, api, refresh, store)
    else:
        names = names_in(countries)
        if not names or first is None or last is None:
            raise UsageError("which events?", remedy="Give --countries, --first and --last.")
        span = day_of(first), day_of(last)
        plan = {"countries": ", ".join(names), "cache": str(cache)}
        note = plan if dry_run else fetched_acled(names, span, cache, base_url)
    if as_json:
        typer.echo(json.dumps(note, indent=2))
        return
    if dry_run:
        typer.echo(f"Would fetch {plan.get('url') or 'ACLED for ' + plan['countries']} to {cache}.")
        return
    typer.echo(f"{note['status']}: {note['path']}")
    if "older" in note:
        typer.echo(f"The release is not what it was; the earlier file is {note['older']}.")
    if "vintage" in note:
        typer.echo(note["vintage"])


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A panel, or a source such as ucdp:FILE.")],
    now: Annotated[str, typer.Argument(help="The same, later.")],
    regions: Annotated[
        Path | None, typer.Option(help="Polygons for sources; the shipped ones where absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the whole table (CSV).")] = None,
    unclear: Annotated[str, typer.Option(help="Events not marked Clear: keep or drop.")] = "keep",
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Show what a revision changed, by region and month.

    \b
    Examples:
      harmattan data diff old.parquet new.parquet
      harmattan data diff ucdp:GEDEvent_v23_0_10.csv ucdp:ged241.csv --json
    """
    from ...data.vintages import diff_panels
    from ..release.write import csv_text

    a, b = (panel_from(spec, regions, unclear) for spec in (before, now))
    table = diff_panels(a, b)
    if out is not None and not dry_run:
        require_folder(out)
        out.write_text(csv_text(table), encoding="utf-8")
    if as_json:
        typer.echo(
            json.dumps({"rows": len(table), "changes": json.loads(table.to_json(orient="records"))}, indent=2)
        )
        return
    shared = a.months.intersection(b.months)
    typer.echo(f"{len(shared)} months in both; {len(table)} values changed.")
    for row in table.reindex(table["change"].abs().sort_values(ascending=False, kind="stable").index)[
        :20
    ].itertuples():
        typer.echo(f"  {row.month} {row.region_id:<24} {row.measure:<12} {row.before:>6g} -> {row.now:>6g}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for events, polygons and the truth.")],
    months: Annotated[int, typer.Option(help="Length in months, at least 12.")] = 180,
    start: Annotated[str, typer.Option(help="First month.")] = "2009-01",
    seed: Annotated[int, typer.Option(help="Root of the random stream.")] = 1,
    geometry: Annotated[str, typer.Option(help="snapshot, grid, or a GeoJSON file.")] = "snapshot",
    countries: Countries = None,
    permeability: Annotated[
        str | None, typer.Option(help="Open borders, such as MLI>BFA=1.0,BFA>MLI=0.")
    ] = None,
    endemic: Annotated[float, typer.Option(help="Mean events per region and month of its own.")] = 0.4,
    own: Annotated[float, typer.Option(help="Events excited per past event in the region.")] = 0.35,
    spread: Annotated[float, typer.Option(help="Events excited per past event in the neighbours.")] = 0.3,
    delay: Annotated[float, typer.Option(help="Mean months until an event is reported.")] = 0.0,
    imprecise: Annotated[float, typer.Option(help="Share of events with a vague place.")] = 0.0,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Silent = False,
) -> None:
    """Make a world with known truth: events, polygons, expected counts, shares across borders.

    \b
    Examples:
      harmattan data simulate --out world --permeability 'MLI>BFA=1.0'
      harmattan data simulate --out world --geometry grid --countries MLI,BFA --months 60
    """
    import numpy as np

    from ...data.geography import Regions
    from ...data.simulation import World, grid_regions, propagation_matrix
    from ...data.simulation import simulate as make
    from ...data.snapshot import load_snapshot

    chosen = names_in(countries)
    if geometry == "grid":
        regions = grid_regions(chosen or ("MLI", "BFA"))
    elif geometry == "snapshot":
        regions = load_snapshot().regions
        regions = regions.select(chosen) if chosen else regions
    else:
        regions = Regions.read(geometry, chosen or None)
    world = World(
        months=months,
        start=start,
        endemic=endemic,
        own=own,
        spread=spread,
        delay=delay,
        imprecise_share=imprecise,
        permeability=permeability_of(permeability),
    )
    propagation_matrix(world, regions)
    made = make(world, regions, np.random.default_rng(seed))
    files = [] if dry_run else made.write(out)
    summary = {
        "events": int(made.truth.counts.sum()),
        "regions": len(regions),
        "files": [str(p) for p in files],
    }
    typer.echo(
        json.dumps(summary, indent=2)
        if as_json
        else f"{summary['events']} events in {len(regions)} regions: {out}"
    )
