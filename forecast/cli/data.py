"""``harmattan data``: incidents in, panel out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...data.errors import GateError, UsageError, listed
from .data_inputs import (
    about,
    bare_path,
    build_from,
    coverage_of,
    day_of,
    fetched_acled,
    fetched_current,
    fetched_ucdp,
    folder_for,
    names_in,
    panel_from,
    permeability_of,
    quality_of,
    read_any_panel,
    require_folder,
    theatre_build,
)
from .options import options
from .output import Output, records

app = typer.Typer(
    help="Incidents in, panel out: build, snapshot, check, fetch, diff, simulate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Countries = Annotated[str | None, "ISO3 codes to keep, separated by commas."]
Coverage = Annotated[str | None, "What was observed, ISO3=1989-01:2023-12,..."]
Columns = Annotated[str | None, "For table:FILE, ours=theirs,... or a TOML file."]
Unclear = Annotated[str, "Events not marked Clear: keep or drop."]
#: What --dry-run says here.
CHECKED = "Check everything; write nothing."


@app.command()
@options(
    "theatre source regions layer out countries month_rule place_rule date_rule unclear coverage columns dry_run "
    "as_json quiet",
    dry_run=CHECKED,
)
def build(
    output: Output,
    dry_run: bool,
    theatre: Path | None,
    source: Annotated[
        list[str] | None,
        "ucdp:FILE, acled:FILE, table:FILE or store:FOLDER; several are combined, annual beats candidate.",
    ] = None,
    regions: Annotated[Path | None, "Polygons (GeoJSON, GeoPackage or GeoParquet)."] = None,
    layer: Annotated[
        str | None, "Newer boundaries of the shipped regions: burkina-2025 or mali-2016."
    ] = None,
    out: Annotated[Path | None, "Where the panel goes (parquet)."] = None,
    countries: Countries = None,
    month_rule: Annotated[
        str | None, "end, start, spread (by days) or even (over months); default end."
    ] = None,
    place_rule: Annotated[str, "Vague places: drop, keep or spread."] = "drop",
    date_rule: Annotated[str, "Vague dates: drop or keep."] = "drop",
    unclear: Unclear = "keep",
    coverage: Coverage = None,
    columns: Columns = None,
) -> None:
    """Count incidents by month and region, and print where each of them went.

    \b
    Examples:
      harmattan data build --source ucdp:ged241.csv --regions admin1.geojson --out panel.parquet
      harmattan data build --source ucdp:ged241.csv --source ucdp:GEDEvent_v24_0_1.csv --regions admin1.geojson
      harmattan data build --source table:mine.csv --columns date=Day,latitude=lat,longitude=lon --regions r.geojson
      harmattan data build --theatre theatre.toml --out panel.parquet
    """
    from ...data.panel import Rules

    vague: dict[str, Any] = {"place_rule": place_rule, "date_rule": date_rule}
    if theatre is None:
        rules = Rules(month_rule=month_rule or "end", **vague)
        built = build_from(source or [], regions, rules, countries, unclear, coverage, columns, layer)
    else:
        given = {"regions": regions, "layer": layer, "countries": countries, "month_rule": month_rule}
        given |= {"coverage": coverage, "columns": columns}
        built = theatre_build(theatre, source or [], unclear, vague, **given)
    written = out if out is not None and not dry_run else None
    if written is not None:
        require_folder(written)
        built.panel.write_parquet(written)
    months, ledger = built.panel.months, built.ledger
    words = [f"{len(months)} months ({months[0]} to {months[-1]}), {len(built.panel.region_ids)} regions"]
    words += [
        f"  {row['outcome']:<22} {row['events']:>9.12g} events {row['deaths_best']:>9.12g} deaths"
        for row in ledger.summary().to_dict("records")
    ]
    words += [f"  not observed inside the record: {built.panel.gaps}"] if built.panel.gaps else []
    words += [f"  repaired: {r.count} x {r.name}. {r.message}" for r in ledger.repairs]
    words += [] if written is None else [f"Panel    {written}"]
    output.show({**about(built.panel), **ledger.to_dict(), "out": written and str(written)}, words)


@app.command()
@options(
    "source regions out countries training training_coverage dry_run as_json quiet",
    dry_run=CHECKED,
)
def snapshot(
    output: Output,
    dry_run: bool,
    source: Annotated[Path, "An annual UCDP GED file."],
    regions: Annotated[Path, "Polygons of the countries and their neighbours (GeoJSON)."],
    out: Annotated[Path, "Folder for the files."],
    countries: Countries = None,
    training: Annotated[Path | None, "A UCDP GED file of countries that are only learned from."] = None,
    training_coverage: Annotated[
        str | None, "What that file is complete for, ISO3=1990-01:2021-12,..."
    ] = None,
) -> None:
    """Make the embedded snapshot; the same input gives the same bytes.

    \b
    Examples:
      harmattan data snapshot --source ged241.csv --regions admin1.geojson --out data/snapshot
      harmattan data snapshot --source ged241.csv --regions admin1.geojson --training ged221.csv --out data/snapshot
    """
    from ...data.snapshot import COUNTRIES, TRAINING_COVERAGE, make_snapshot

    if training_coverage is not None and training is None:
        raise UsageError(
            "there is a --training-coverage without --training.", remedy="Give the file as well."
        )
    with folder_for(out, dry_run) as target:
        files = make_snapshot(
            bare_path(source),
            regions,
            target,
            countries=tuple(names_in(countries)) or COUNTRIES,
            training=None if training is None else bare_path(training),
            training_coverage=coverage_of(training_coverage) or TRAINING_COVERAGE,
        )
        sizes = {path.name: path.stat().st_size for path in files}
    verb = "would write" if dry_run else "wrote"
    words = (f"{verb} {name} ({size:,} bytes)" for name, size in sizes.items())
    output.show({"out": None if dry_run else str(out), "files": sizes}, words)


@app.command()
@options("file out dry_run as_json quiet", dry_run=CHECKED)
def delay(
    output: Output,
    dry_run: bool,
    file: Annotated[Path, typer.Argument(help="Monthly deaths by country, first and final values (CSV).")],
    out: Annotated[Path, "Folder for reporting_delay.csv."],
) -> None:
    """Work out how much of the final deaths stood in the first release, by country.

    \b
    Examples:
      harmattan data delay country_month_first_vs_final.csv --out data/snapshot
    """
    from ...data.snapshot import make_delay

    with folder_for(out, dry_run) as target:
        table = make_delay(file, target)
    words = "{country:<4} {months:>3} months  {share:.2f} ({low:.2f}-{high:.2f})"
    output.show(records(table), (words.format_map(row) for row in table.to_dict("records")))


@app.command()
@options("file theatre regions previous run_date coverage columns as_json quiet")
def check(
    output: Output,
    theatre: Path | None,
    file: Annotated[
        str | None,
        typer.Argument(help="A panel (parquet or CSV), or ucdp:FILE, acled:FILE, table:FILE, store:FOLDER."),
    ] = None,
    regions: Annotated[Path | None, "Polygons for incidents; the shipped ones where absent."] = None,
    previous: Annotated[Path | None, "The panel used last time."] = None,
    run_date: Annotated[str | None, "Day against which age counts, such as 2024-01-31; today."] = None,
    coverage: Coverage = None,
    columns: Columns = None,
) -> None:
    """Run the quality gate; exit code 6 where a check is red (10 for stale data, 13 for a low match rate).

    \b
    Examples:
      harmattan data check panel.parquet --run-date 2024-01-31
      harmattan data check ucdp:GEDEvent_v24_0_1.csv --previous panel.parquet --json
      harmattan data check --theatre theatre.toml
    """
    day = day_of(run_date)
    last = None if previous is None else read_any_panel(previous)
    quality = quality_of(file, regions, last, day, coverage, columns, theatre)
    words = (f"{one.status:<6} {one.name:<12} {one.message}" for one in quality.checks)
    output.show(quality.to_dict(), words)
    if quality.status == "red":
        from ...data.quality import ERRORS

        red = [c.name for c in quality.checks if c.status == "red"]
        raise ERRORS.get(red[0], GateError)(
            f"red: {', '.join(red)}.",
            where=file or str(theatre),
            remedy="See the messages above; --json lists the rows.",
        )


@app.command()
@options(
    "source version candidate current api countries first last cache refresh store base_url dry_run as_json quiet",
    dry_run=CHECKED,
)
def fetch(
    output: Output,
    dry_run: bool,
    source: Annotated[str, typer.Argument(help="ucdp or acled.")],
    version: Annotated[str | None, "Annual or consolidated release: 25.1, 25.01.25.09."] = None,
    candidate: Annotated[str | None, "Monthly candidate release: 26.0.4."] = None,
    current: Annotated[bool, "UCDP: the newest annual release and all candidates after it."] = False,
    api: Annotated[bool, "Through UCDP's API, with HARMATTAN_UCDP_TOKEN."] = False,
    countries: Annotated[str | None, "ACLED: names, separated by commas."] = None,
    first: Annotated[str | None, "ACLED: first day."] = None,
    last: Annotated[str | None, "ACLED: last day."] = None,
    cache: Annotated[Path, "Folder for fetched files."] = Path(".cache/harmattan"),
    refresh: Annotated[bool, "Fetch again what is here already."] = False,
    store: Annotated[Path | None, "UCDP: keep what came as a vintage in this store."] = None,
    base_url: Annotated[str | None, typer.Option(help="Another server.", hidden=True)] = None,
) -> None:
    """Bring a source's file, checked against what its server announces.

    Secrets are read from the environment only: HARMATTAN_UCDP_TOKEN, HARMATTAN_ACLED_USER, HARMATTAN_ACLED_PASSWORD.

    \b
    Examples:
      harmattan data fetch ucdp --version 25.1
      harmattan data fetch ucdp --candidate 26.0.4 --store vintages
      harmattan data fetch ucdp --current --store vintages
      harmattan data fetch acled --countries NAME,NAME --first 2023-01-01 --last 2023-12-31
    """
    from ...data.fetch import UCDP_FILES, ucdp_address

    plan: dict[str, Any] = {"cache": str(cache)}
    if source not in ("ucdp", "acled"):
        raise UsageError(f"'{source}' cannot be fetched.", remedy="Use ucdp or acled.")
    if current:
        if source != "ucdp" or version or candidate or api:
            raise UsageError("--current stands alone, for ucdp.", remedy="Leave the other options out.")
        what = "the newest annual release and the candidates after it"
        note = None if dry_run else fetched_current(cache, base_url, refresh, store)
    elif source == "ucdp":
        release = version or candidate
        if release is None or (version and candidate):
            raise UsageError("which release?", remedy="Give --version 25.1, --candidate 26.0.4 or --current.")
        what = ucdp_address(release, base_url or UCDP_FILES)
        plan = {"url": what, **plan}
        note = None if dry_run else fetched_ucdp(release, cache, base_url, api, refresh, store)
    else:
        names = names_in(countries)
        if not names or first is None or last is None:
            raise UsageError("which events?", remedy="Give --countries, --first and --last.")
        what, span = f"ACLED for {', '.join(names)}", (day_of(first), day_of(last))
        plan = {"countries": ", ".join(names), **plan}
        note = None if dry_run else fetched_acled(names, span, cache, base_url)
    if note is None:
        return output.show(plan, f"Would fetch {what} to {cache}.")
    output.show(note, _fetched_lines(note))


def _fetched_lines(note: dict[str, Any]) -> list[str]:
    """What came, a line each."""
    if "fetched" not in note:
        older = f"The release is not what it was; the earlier file is {note.get('older')}."
        vintage = [note["vintage"]] if "vintage" in note else []
        return [f"{note['status']}: {note['path']}", *([older] if "older" in note else []), *vintage]
    words = []
    for one in note["fetched"]:
        words.append(f"{one['release']:<8} {one['status']}: {one['path']}")
        words += [f"{'':<8} {one['vintage']}"] if one.get("vintage") else []
    return words + ([f"Not published yet: {', '.join(note['absent'])}."] if note["absent"] else [])


@app.command()
@options("before now regions out unclear dry_run as_json quiet", dry_run=CHECKED)
def diff(
    output: Output,
    dry_run: bool,
    before: Annotated[str, typer.Argument(help="A panel, or a source such as ucdp:FILE.")],
    now: Annotated[str, typer.Argument(help="The same, later.")],
    regions: Annotated[Path | None, "Polygons for sources; the shipped ones where absent."] = None,
    out: Annotated[Path | None, "Write the whole table (CSV)."] = None,
    unclear: Unclear = "keep",
) -> None:
    """Show what a revision changed, by region and month.

    \b
    Examples:
      harmattan data diff old.parquet new.parquet
      harmattan data diff ucdp:GEDEvent_v23_0_10.csv ucdp:ged241.csv --json
    """
    from ...data.vintages import diff_panels
    from ..release import csv_text

    a, b = (panel_from(spec, regions, unclear) for spec in (before, now))
    table = diff_panels(a, b)
    if out is not None and not dry_run:
        require_folder(out)
        out.write_text(csv_text(table), encoding="utf-8")
    words = [f"{len(a.months.intersection(b.months))} months in both; {len(table)} values changed."]
    alone = {
        "months": [str(m) for m in a.months.symmetric_difference(b.months)],
        "regions": sorted(set(a.region_ids) ^ set(b.region_ids)),
        "measures": sorted(set(a.measures) ^ set(b.measures)),
    }
    words += [f"  {len(v)} {k} in one only: {listed(v)}" for k, v in alone.items() if v]
    largest = table["change"].abs().sort_values(ascending=False, kind="stable").index[:20]
    words += [
        f"  {row.month} {row.region_id:<24} {row.measure:<12} {row.before:>6g} -> {row.now:>6g}"
        for row in table.loc[largest].itertuples()
    ]
    output.show({"rows": len(table), "in_one_only": alone, "changes": records(table)}, words)


@app.command()
@options(
    "out months start seed geometry countries permeability endemic own spread delay imprecise dry_run as_json quiet",
    dry_run=CHECKED,
)
def simulate(
    output: Output,
    dry_run: bool,
    out: Annotated[Path, "Folder for events, polygons and the truth."],
    months: Annotated[int, "Length in months, at least 12."] = 180,
    start: Annotated[str, "First month."] = "2009-01",
    seed: Annotated[int, "Root of the random stream."] = 1,
    geometry: Annotated[str, "snapshot, grid, or a GeoJSON file."] = "snapshot",
    countries: Countries = None,
    permeability: Annotated[str | None, "Open borders, FROM>TO=1.0,... by ISO3 codes."] = None,
    endemic: Annotated[float, "Mean events per region and month of its own."] = 0.4,
    own: Annotated[float, "Events excited per past event in the region."] = 0.35,
    spread: Annotated[float, "Events excited per past event in the neighbours."] = 0.3,
    delay: Annotated[float, "Mean months until an event is reported."] = 0.0,
    imprecise: Annotated[float, "Share of events with a vague place."] = 0.0,
) -> None:
    """Make a world with known truth: events, polygons, expected counts, shares across borders.

    \b
    Examples:
      harmattan data simulate --out world --months 120
      harmattan data simulate --out world --geometry grid --countries KEN,UGA --permeability 'KEN>UGA=1.0'
    """
    import numpy as np

    from ...data.geography import Regions
    from ...data.simulation import World, grid_regions, propagation_matrix
    from ...data.simulation import simulate as make
    from ...data.snapshot import load_snapshot

    kept = names_in(countries)
    if geometry == "grid":
        regions = grid_regions(kept or ("MLI", "BFA"))
    elif geometry == "snapshot":
        regions = load_snapshot().regions
        regions = regions.select(kept) if kept else regions
    else:
        regions = Regions.read(geometry, kept or None)
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
    events = int(made.truth.counts.sum())
    document = {"events": events, "regions": len(regions), "files": [str(p) for p in files]}
    output.show(document, f"{events} events in {len(regions)} regions: {out}")
