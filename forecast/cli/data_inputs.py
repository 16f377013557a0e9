"""What the data commands are given: sources, panels, polygons, days and lists."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ...data.errors import UsageError
from ..settings import PARSERS

if TYPE_CHECKING:
    from ...data.fetch import Fetched
    from ...data.geography import Regions
    from ...data.panel import BuiltPanel, Panel, Rules
    from ...data.quality import Quality
    from ..inputs import Inputs


def theatre_inputs(
    theatre: Path, unclear: str = "keep", /, *, rules: Mapping[str, Any] | None = None, **given: Any
) -> Inputs:
    """What a forecast of a theatre would read; what is given beside it wins, as everywhere."""
    from ..loading import load_inputs
    from ..settings import Settings

    return load_inputs(Settings.load({"theatre": theatre, **given}), unclear, **(rules or {}))


def build_from(
    source: list[str],
    regions: Path | None,
    rules: Rules,
    countries: str | None,
    unclear: str,
    coverage: str | None,
    columns: str | None,
    layer: str | None = None,
) -> BuiltPanel:
    """A panel and its ledger from what a command names."""
    from ...data.geography import Regions
    from ...data.panel import build_panel, combine
    from ...data.sources import mapping_of, read_source

    if not source or regions is None:
        option = "--regions" if source else "--source"
        remedy = "Name a source of events and the polygons that they lie in, or a --theatre."
        raise UsageError("a panel is built of events and polygons.", option, remedy)
    mapping = mapping_of(columns)
    incidents = combine([read_source(s, unclear=unclear, columns=mapping) for s in source])
    every, kept = Regions.read(regions), names_in(countries)
    if layer is not None:
        from ...data.layers import on_layer

        every = on_layer(every, layer)
    polygons = every.select(kept) if kept else every
    return build_panel(incidents, polygons, coverage=coverage_of(coverage), around=every, **vars(rules))


def theatre_build(
    theatre: Path, source: Sequence[str], unclear: str, rules: Mapping[str, Any], **given: Any
) -> BuiltPanel:
    """The panel of a theatre, as a forecast would read it, and its ledger."""
    if len(source) > 1:
        remedy = "Name one --source, or leave --theatre out."
        raise UsageError("a theatre has one source.", "--source", remedy)
    if given.pop("countries"):
        what = "the panel of a theatre holds all countries that a forecast reads, not only those that are published."
        raise UsageError(
            what, "--countries", "Leave it out, or name --source and --regions without --theatre."
        )
    inputs = theatre_inputs(theatre, unclear, rules=rules, source=source[0] if source else None, **given)
    if inputs.built is None:
        what = "this theatre names counts, and a panel is built of single events."
        raise UsageError(what, str(theatre), "Name a --source of events, or use its counts as they are.")
    return replace(inputs.built, panel=inputs.panel)


def quality_of(
    file: str | None,
    regions: Path | None,
    previous: Panel | None,
    day: date,
    coverage: str | None,
    columns: str | None,
    theatre: Path | None = None,
) -> Quality:
    """All checks of a panel, of a source, or of what a theatre names."""
    from ...data.panel import build_panel
    from ...data.quality import check_build, check_panel
    from ...data.sources import mapping_of, read_source

    if theatre is not None:
        named = {} if file is None else {"panel" if looks_like_panel(file) else "source": file}
        given: dict[str, Any] = {"regions": regions, "coverage": coverage, "columns": columns, **named}
        return theatre_inputs(theatre, **given).quality(day, previous)
    if file is None:
        raise UsageError(
            "what is to be checked?", remedy="Name a panel, a source such as ucdp:FILE, or a --theatre."
        )
    if looks_like_panel(file):
        return check_panel(read_any_panel(Path(file), columns), run_date=day, previous=previous)
    polygons = regions_or_shipped(regions, file)
    incidents = read_source(file, columns=mapping_of(columns), today=day)
    built = build_panel(incidents, polygons, coverage=coverage_of(coverage))
    return check_build(built, run_date=day, previous=previous)


def panel_from(spec: str, regions: Path | None, unclear: str) -> Panel:
    """A panel, or the panel that a source gives."""
    from ...data.panel import build_panel
    from ...data.sources import read_source

    if looks_like_panel(spec):
        return read_any_panel(Path(spec))
    polygons = regions_or_shipped(regions, spec)
    return build_panel(read_source(spec, unclear=unclear), polygons).panel


def looks_like_panel(spec: str) -> bool:
    """Whether a command names a panel rather than a source."""
    from ...data.sources import SOURCES, is_panel

    return spec.split(":")[0] not in SOURCES and is_panel(spec)


def read_any_panel(path: Path, columns: str | None = None) -> Panel:
    """A panel from parquet or CSV."""
    from ...data.sources import mapping_of
    from ..own_data import read_panel

    return read_panel(path, mapping_of(columns))


def regions_or_shipped(path: Path | None, source: str) -> Regions:
    """Polygons from a file, or for a release of UCDP those of the package, which says so."""
    from ...data.geography import Regions, country_name
    from ...data.snapshot import load_snapshot

    if path is not None:
        return Regions.read(path)
    if source.split(":")[0] in ("table", "acled"):
        what = "incidents need polygons to be placed in."
        raise UsageError(what, "--regions", "Name a file of regions (GeoJSON, GeoPackage, GeoParquet).")
    shipped = load_snapshot().regions
    names = ", ".join(country_name(c) for c in sorted(set(shipped.countries)))
    typer.echo(f"Without --regions these are the package's own, of {names}.", err=True)
    return shipped


def names_in(text: str | None) -> list[str]:
    """The parts of a text between commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def bare_path(source: Path) -> Path:
    """A path without the source before it."""
    return Path(str(source).removeprefix("ucdp:"))


def day_of(text: str | None) -> date:
    """A day, today where none is given."""
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a day.", remedy="Write it as 2024-01-31.") from None


def coverage_of(text: str | None) -> dict[str, tuple[object, object]] | None:
    """What was observed, from ISO3=1989-01:2023-12,..."""
    from ..own_data import spans_of

    return None if text is None else spans_of(PARSERS["coverage"](text))


def permeability_of(text: str | None) -> dict[tuple[str, str], float]:
    """Open borders, from FROM>TO=1.0,..."""
    out = {}
    for part in names_in(text):
        pair, _, value = part.partition("=")
        source, _, target = pair.partition(">")
        try:
            out[source.strip(), target.strip()] = float(value)
        except ValueError:
            raise UsageError(
                f"'{part}' is not a permeability.", remedy="Write FROM>TO=1.0, with ISO3 codes."
            ) from None
    return out


def about(panel: Panel) -> dict[str, object]:
    """What a panel holds, for JSON."""
    return {
        "months": [str(panel.months[0]), str(panel.months[-1])],
        "regions": len(panel.region_ids),
        "measures": list(panel.measures),
        "gaps": panel.gaps,
        "data_hash": panel.digest(),
    }


def require_folder(path: Path) -> None:
    """A :class:`UsageError` where a file would go into no folder."""
    if not path.parent.is_dir():
        raise UsageError("the folder does not exist.", where=str(path.parent), remedy="Make it first.")


@contextmanager
def folder_for(out: Path, dry_run: bool) -> Iterator[Path]:
    """The folder to write to, or one that is thrown away."""
    with tempfile.TemporaryDirectory() as aside:
        yield Path(aside) if dry_run else out


def fetched_ucdp(
    release: str, cache: Path, server: str | None, api: bool, refresh: bool, store: Path | None
) -> dict[str, str]:
    """Fetch a UCDP release, keep it as a vintage where a store is named, and say what came."""
    from ...data import fetch as fetching

    if api:
        token = fetching.secret_of(fetching.UCDP_TOKEN)
        got = fetching.fetch_ucdp_api(release, cache, token=token, base=server or fetching.UCDP_API)
    else:
        got = fetching.fetch_ucdp(release, cache, base=server or fetching.UCDP_FILES, refresh=refresh)
    return _fetched(got) | _kept(got, release, store)


def fetched_current(cache: Path, server: str | None, refresh: bool, store: Path | None) -> dict[str, Any]:
    """Fetch every UCDP release that a forecast from the newest month needs, and say what came."""
    from ...data import fetch as fetching

    base = server or fetching.UCDP_FILES
    got = fetching.bring_current(
        lambda v: fetching.fetch_ucdp(v, cache, base=base, refresh=refresh), date.today()
    )
    notes = [{"release": r, **_fetched(file), **_kept(file, r, store)} for r, file in got.fetched]
    return {"fetched": notes, "absent": list(got.absent)}


def _kept(got: Fetched, release: str, store: Path | None) -> dict[str, str]:
    """A release as a vintage in the store, where one is named."""
    from ...data.sources import read_ucdp
    from ...data.vintages import VintageStore

    if store is None:
        return {}
    return {"vintage": VintageStore(store).add(read_ucdp(got.path, release=release), date.today()).message}


def fetched_acled(
    names: list[str], span: tuple[date, date], cache: Path, server: str | None
) -> dict[str, str]:
    """Fetch ACLED events, and say what came."""
    from ...data import fetch as fetching

    user, word = fetching.secret_of(fetching.ACLED_USER), fetching.secret_of(fetching.ACLED_PASSWORD)
    base = server or fetching.ACLED
    got, deleted = fetching.fetch_acled(names, *span, cache, user=user, password=word, base=base)
    return {**_fetched(got), "deleted": str(deleted)}


def _fetched(got: Fetched) -> dict[str, str]:
    older = {"older": str(got.older)} if got.older else {}
    return {"path": str(got.path), "status": got.status, "sha256": got.sha256, **older}
