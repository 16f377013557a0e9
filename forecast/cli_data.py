"""``harmattan data``: incidents in, panel out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..data.errors import ConfigError, GateError, UsageError

if TYPE_CHECKING:
    from ..data.build import Built, Rules
    from ..data.panel import Panel
    from ..data.quality import Quality

app = typer.Typer(
    help="Incidents in, panel out: build, snapshot, check, fetch, diff, simulate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything; write nothing.")]
Source = Annotated[
    list[str],
    typer.Option(help="ucdp:FILE, acled:FILE or table:FILE; several are combined, annual beats candidate."),
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
    unclear: Annotated[str, typer.Option(help="Events not marked Clear: drop or keep.")] = "drop",
    coverage: Coverage = None,
    columns: Annotated[
        str | None, typer.Option(help="For table:FILE, ours=theirs,... or a TOML file.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Count incidents by month and region, and print where each of them went.

    \b
    Examples:
      harmattan data build --source ucdp:ged241.csv --regions admin1.geojson --out panel.parquet
      harmattan data build --source ucdp:ged241.csv --source ucdp:GEDEvent_v24_0_1.csv --regions admin1.geojson
      harmattan data build --source table:mine.csv --columns date=Day,latitude=lat,longitude=lon --regions r.geojson
    """
    from ..data.build import Rules

    rules = Rules(month_rule=month_rule, place_rule=place_rule, date_rule=date_rule)
    built = _build(source, regions, rules, countries, unclear, coverage, columns)
    if out is not None and not dry_run:
        _writable(out)
        built.panel.write_parquet(out)
    ledger = {
        **_about(built.panel),
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
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make the embedded snapshot; the same input gives the same bytes.

    \b
    Examples:
      harmattan data snapshot --source ged241.csv --regions admin1.geojson --out data/snapshot
    """
    import tempfile

    from ..data.snapshot_maker import COUNTRIES, make_snapshot

    chosen = tuple(_list(countries)) or COUNTRIES
    with tempfile.TemporaryDirectory() as aside:
        target = Path(aside) if dry_run else out
        files = make_snapshot(_path(source), regions, target, countries=chosen)
        sizes = {path.name: path.stat().st_size for path in files}
    if as_json:
        typer.echo(json.dumps({"out": None if dry_run else str(out), "files": sizes}, indent=2))
        return
    for name, size in sizes.items():
        typer.echo(f"{'would write' if dry_run else 'wrote'} {name} ({size:,} bytes)")


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(help="A panel (parquet or CSV), or ucdp:FILE, acled:FILE, table:FILE.")
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
) -> None:
    """Run the quality gate; exit code 6 where a check is red.

    \b
    Examples:
      harmattan data check panel.parquet --run-date 2024-01-31
      harmattan data check ucdp:GEDEvent_v24_0_1.csv --previous panel.parquet --json
    """
    day = _day(run_date)
    last = None if previous is None else _panel(previous)
    quality = _quality(file, regions, last, day, coverage, columns)
    if as_json:
        typer.echo(json.dumps(quality.to_dict(), indent=2))
    else:
        for one in quality.checks:
            typer.echo(f"{one.status:<6} {one.name:<12} {one.message}")
    if quality.status == "red":
        red = ", ".join(c.name for c in quality.checks if c.status == "red")
        raise GateError(f"red: {red}.", where=file, remedy="See the messages above; --json lists the rows.")


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="ucdp or acled.")],
    version: Annotated[
        str | None, typer.Option(help="Annual or consolidated release: 25.1, 25.01.25.09.")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="Monthly candidate release: 26.0.4.")] = None,
    api: Annotated[
        bool, typer.Option("--api", help="Through UCDP's API, with HARMATTAN_UCDP_TOKEN.")
    ] = False,
    countries: Annotated[str | None, typer.Option(help="ACLED: names such as 'Mali,Niger'.")] = None,
    first: Annotated[str | None, typer.Option(help="ACLED: first day.")] = None,
    last: Annotated[str | None, typer.Option(help="ACLED: last day.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder for fetched files.")] = Path(".cache/harmattan"),
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch again what is here already.")] = False,
    base_url: Annotated[str | None, typer.Option(help="Another server.", hidden=True)] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring a source's file, checked against what its server announces.

    Secrets are read from the environment only: HARMATTAN_UCDP_TOKEN, HARMATTAN_ACLED_USER, HARMATTAN_ACLED_PASSWORD.

    \b
    Examples:
      harmattan data fetch ucdp --version 25.1
      harmattan data fetch ucdp --candidate 26.0.4
      harmattan data fetch acled --countries Mali,Niger --first 2023-01-01 --last 2023-12-31
    """
    from ..data import fetch as fetching

    if source not in ("ucdp", "acled"):
        raise UsageError(f"'{source}' cannot be fetched.", remedy="Use ucdp or acled.")
    note: dict[str, Any] = {}
    if source == "ucdp":
        release = version or candidate
        if release is None or (version and candidate):
            raise UsageError("which release?", remedy="Give --version 25.1 or --candidate 26.0.4.")
        files = base_url or fetching.UCDP_FILES
        address = fetching.ucdp_address(release, files)
        if dry_run:
            typer.echo(json.dumps({"url": address}) if as_json else f"Would fetch {address} to {cache}.")
            return
        if api:
            got = fetching.fetch_ucdp_api(
                release, cache, token=fetching.secret_of(fetching.UCDP_TOKEN), **base
            )
        else:
            got = fetching.fetch_ucdp(release, cache, base=files, refresh=refresh)
    else:
        names = _list(countries)
        if not names or first is None or last is None:
            raise UsageError("which events?", remedy="Give --countries, --first and --last.")
        span = _day(first), _day(last)
        if dry_run:
            typer.echo(
                json.dumps({"countries": names}) if as_json else f"Would fetch ACLED for {', '.join(names)}."
            )
            return
        user, word = fetching.secret_of(fetching.ACLED_USER), fetching.secret_of(fetching.ACLED_PASSWORD)
        server = base_url or fetching.ACLED
        got, note["deleted"] = fetching.fetch_acled(
            names, *span, cache, user=user, password=word, base=server
        )
    note |= {"path": str(got.path), "status": got.status, "sha256": got.sha256}
    if got.older:
        note["older"] = str(got.older)
    typer.echo(json.dumps(note, indent=2) if as_json else f"{got.status}: {got.path}")
    if got.status == "changed" and not as_json:
        typer.echo(f"The release is not what it was; the earlier file is {got.older}.")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A panel, or a source such as ucdp:FILE.")],
    now: Annotated[str, typer.Argument(help="The same, later.")],
    regions: Annotated[
        Path | None, typer.Option(help="Polygons for sources; the shipped ones where absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the whole table (CSV).")] = None,
    unclear: Annotated[str, typer.Option(help="Events not marked Clear: drop or keep.")] = "drop",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Show what a revision changed, by region and month.

    \b
    Examples:
      harmattan data diff old.parquet new.parquet
      harmattan data diff ucdp:GEDEvent_v23_0_10.csv ucdp:ged241.csv --json
    """
    from ..data.vintages import diff_panels

    a, b = (_either(spec, regions, unclear) for spec in (before, now))
    table = diff_panels(a, b)
    if out is not None and not dry_run:
        _writable(out)
        table.to_csv(out, index=False, lineterminator="\n")
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
) -> None:
    """Make a world with known truth: events, polygons, expected counts, shares across borders.

    \b
    Examples:
      harmattan data simulate --out world --permeability 'MLI>BFA=1.0'
      harmattan data simulate --out world --geometry grid --countries MLI,BFA --months 60
    """
    import numpy as np

    from ..data.embedded import load_snapshot
    from ..data.regions import Regions
    from ..data.simulate import World, grid_regions, propagation_matrix
    from ..data.simulate_events import simulate as make

    chosen = _list(countries)
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
        permeability=_permeability(permeability),
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


def _build(
    source: list[str],
    regions: Path,
    rules: Rules,
    countries: str | None,
    unclear: str,
    coverage: str | None,
    columns: str | None,
) -> Built:
    from ..data.build import build_panel
    from ..data.incidents import combine
    from ..data.regions import Regions
    from ..data.sources import read_source
    from ..data.sources.tabular import mapping_of

    mapping = mapping_of(columns)
    incidents = combine([read_source(s, unclear=unclear, columns=mapping) for s in source])
    polygons = Regions.read(regions, _list(countries) or None)
    return build_panel(incidents, polygons, coverage=_coverage(coverage), **vars(rules))


def _quality(
    file: str,
    regions: Path | None,
    previous: Panel | None,
    day: date,
    coverage: str | None,
    columns: str | None,
) -> Quality:
    from ..data.build import build_panel
    from ..data.quality import check_build, check_panel
    from ..data.sources import read_source
    from ..data.sources.tabular import mapping_of

    if _is_panel(file):
        return check_panel(_panel(Path(file), columns), run_date=day, previous=previous)
    incidents = read_source(file, columns=mapping_of(columns), today=day)
    built = build_panel(incidents, _regions(regions), coverage=_coverage(coverage))
    return check_build(built, run_date=day, previous=previous)


def _either(spec: str, regions: Path | None, unclear: str) -> Panel:
    from ..data.build import build_panel
    from ..data.sources import read_source

    if _is_panel(spec):
        return _panel(Path(spec))
    return build_panel(read_source(spec, unclear=unclear), _regions(regions)).panel


def _is_panel(spec: str) -> bool:
    from ..data.sources.tabular import is_panel

    return spec.split(":")[0] not in ("ucdp", "acled", "table") and is_panel(spec)


def _panel(path: Path, columns: str | None = None) -> Panel:
    from ..data.panel import Panel
    from ..data.sources.tabular import mapping_of, read_panel

    mapping = mapping_of(columns)
    if path.suffix == ".parquet" and not mapping:
        return Panel.read_parquet(path)
    return read_panel(path, columns=mapping)


def _regions(path: Path | None) -> Any:
    from ..data.embedded import load_snapshot
    from ..data.regions import Regions

    return load_snapshot().regions if path is None else Regions.read(path)


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _path(source: Path) -> Path:
    return Path(str(source).removeprefix("ucdp:"))


def _day(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a day.", remedy="Write it as 2024-01-31.") from None


def _coverage(text: str | None) -> dict[str, tuple[object, object]] | None:
    import pandas as pd

    if text is None:
        return None
    out: dict[str, tuple[object, object]] = {}
    for part in _list(text):
        country, _, span = part.partition("=")
        try:
            first, last = (pd.Period(m, freq="M") for m in span.split(":"))
        except ValueError:
            raise ConfigError(f"'{part}' is not a coverage.", remedy="Write MLI=1989-01:2023-12.") from None
        out[country] = (first, last)
    return out


def _permeability(text: str | None) -> dict[tuple[str, str], float]:
    out = {}
    for part in _list(text):
        pair, _, value = part.partition("=")
        source, _, target = pair.partition(">")
        try:
            out[source.strip(), target.strip()] = float(value)
        except ValueError:
            raise UsageError(f"'{part}' is not a permeability.", remedy="Write MLI>BFA=1.0.") from None
    return out


def _about(panel: Panel) -> dict[str, object]:
    return {
        "months": [str(panel.months[0]), str(panel.months[-1])],
        "regions": len(panel.region_ids),
        "measures": list(panel.measures),
        "data_hash": panel.digest(),
    }


def _writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError("the folder does not exist.", where=str(path.parent), remedy="Make it first.")
