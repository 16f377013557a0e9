"""Read what the settings name: the embedded snapshot, a file of incidents, or a ready panel."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ConfigError, UsageError, listed
from ..data.geography import Regions
from ..data.panel import TARGETS, Panel
from .inputs import Inputs, all_placed
from .own_data import (
    column_mapping,
    coverage_of_panel,
    in_order,
    only_country,
    read_links,
    read_panel,
    refuse_idle_release,
    spans_of,
    with_known_groups,
    with_quiet_countries,
)
from .own_features import with_tables
from .theatre import theatre_in, theatre_words

if TYPE_CHECKING:
    from .settings import Settings

#: A region with so many times the counts of the usual one is said to dwarf the others.
GIANT = 100_000


def load_inputs(settings: Settings, unclear: str = "keep", **rules: Any) -> Inputs:
    """Read whatever the settings name.

    Parameters
    ----------
    settings : Settings
    unclear : {"keep", "drop"}
        What becomes of events that are not marked clear.
    rules : str
        ``place_rule`` and ``date_rule`` of :class:`harmattan.data.panel.Rules`, where they are not the usual ones.

    Raises
    ------
    ConfigError
        A source without polygons, or a panel named together with a source.
    InputError
        Files that are missing or broken.
    """
    inputs: Inputs = with_tables(settings, _load(settings, unclear, rules))
    if settings.layer is not None:
        from ..data.layers import BOUNDARIES

        named = f"{inputs.panel.source}; {BOUNDARIES[settings.layer]}"
        inputs = replace(inputs, panel=replace(inputs.panel, source=named))
    inputs = replace(inputs, panel=with_words(inputs.panel, settings))
    if inputs.panel.gaps:
        logging.getLogger("harmattan").warning(f"Not observed inside the record: {inputs.panel.gaps}.")
    return inputs


def with_words(panel: Panel, settings: Settings) -> Panel:
    """The panel with what releases say of its theatre, and with the names of its groups where it has counts of them."""
    words = theatre_words(panel) | theatre_in(settings).words()
    if settings.layer is not None:
        from ..data.layers import BOUNDARIES

        licences = words.get("licences", {})
        both = [licences["regions"]] if "regions" in licences else []
        words["licences"] = {**licences, "regions": "; ".join([*both, BOUNDARIES[settings.layer]])}
    attrs = {**panel.attrs, **({"theatre": words} if words else {})}
    if _counted_by_theatre(settings):
        from ..data.sources import GroupTable

        table = GroupTable.read(settings.groups or Path())
        there = [m.removeprefix("events_") for m in panel.measures]
        watched = {g: parts for g, parts in table.watched(there).items() if parts}
        attrs |= {"watched": watched, "labels": dict(table.labels)}
    return replace(panel, attrs=attrs)


def _counted_by_theatre(settings: Settings) -> bool:
    """Whether the groups of a theatre's file are those that a table of its own counts by already."""
    counts = settings.panel is not None or settings.source == "snapshot"
    return bool(counts and settings.groups is not None and "groups" in theatre_in(settings).given)


def _load(settings: Settings, unclear: str, rules: Mapping[str, Any]) -> Inputs:
    counts = settings.panel is not None or settings.source == "snapshot"
    if settings.groups is not None and counts and not _counted_by_theatre(settings):
        what = (
            "groups are distinguished by the sides of single events, which a table of counts does not name."
        )
        raise ConfigError(what, "--groups", "Name a --source of events.")
    if settings.month_rule != "end" and counts:
        what = "the months of a table of counts are given; a rule for them needs single events."
        raise ConfigError(what, "--month-rule", "Name a --source of events.")
    if settings.layer is not None and settings.panel is not None:
        what = "a ready panel has regions of its own."
        raise ConfigError(what, "--layer", "Build the panel on the layer, or name a --source.")
    if settings.panel is not None:
        return _from_panel(settings, settings.panel)
    if settings.source == "snapshot":
        theatre = theatre_in(settings)
        if theatre.path is not None and not {"source", "panel"} & set(theatre.given):
            what = "the theatre names no source of events and no panel."
            raise ConfigError(what, str(theatre), 'Write source = "table:FILE", or give --source.')
        return _from_snapshot(settings)
    if settings.regions is None:
        what = "incidents need polygons to be placed in."
        raise ConfigError(what, "--regions", "Name a GeoJSON file of regions.")
    return _from_incidents(settings, settings.regions, unclear, rules)


def _from_snapshot(settings: Settings) -> Inputs:
    """The figures that come with the package."""
    from ..data.snapshot import load_snapshot

    if settings.regions is not None or settings.links is not None:
        raise ConfigError(
            "the embedded snapshot has its own regions and links.",
            "--regions" if settings.regions is not None else "--links",
            "Leave it out, or name a --source or --panel of your own.",
        )
    snapshot = load_snapshot()
    if settings.layer is not None:
        from ..data.layers import snapshot_on

        snapshot = snapshot_on(snapshot, settings.layer)
    panel, training = snapshot.panel, snapshot.training
    if training is not None and snapshot.training_coverage is not None:
        names = ", ".join(snapshot.training_coverage["name"])
        cited = f"{training.source}, {names} to {training.last_month}: Davies, Pettersson & Öberg 2022"
        learned = f"models also learn from {cited}"
        panel = replace(panel, source=f"{panel.source} ({learned})")
    return Inputs(
        panel,
        snapshot.regions,
        snapshot.borders,
        snapshot.coverage,
        snapshot.ledger.summary(),
        snapshot.ledger,
        demonstration=True,
        training=() if training is None else (training,),
        around=snapshot.neighbours,
    )


def _from_incidents(settings: Settings, regions: Path, unclear: str, rules: Mapping[str, Any]) -> Inputs:
    """A file of incidents and polygons."""
    from ..data.panel import after_splits, build_panel, coverage_of
    from ..data.sources import GroupTable, read_source, with_groups

    polygons = Regions.read(regions)
    if settings.layer is not None:
        from ..data.layers import on_layer

        polygons = on_layer(polygons, settings.layer)
    polygons.select(settings.countries)  # A country that is not there is named before the work.
    incidents = read_source(
        settings.source,
        unclear=unclear,
        columns=column_mapping(settings),
        only=only_country(polygons.countries),
    )
    about: dict[str, Any] = {}
    if settings.groups is not None:
        table = GroupTable.read(settings.groups)
        incidents = with_groups(incidents, table)
        about = {"watched": table.watched(incidents.groups), "labels": dict(table.labels)}
    elif incidents.groups:
        incidents = with_known_groups(incidents)
    if settings.coverage:
        incidents = replace(incidents, coverage=coverage_of(spans_of(settings.coverage)))
    incidents = with_quiet_countries(after_splits(incidents, polygons), polygons, settings)
    unseen = set(theatre_in(settings).neighbours)
    inside = tuple(c for c in incidents.covers(polygons.countries) if c not in unseen)
    if not inside:
        source, there = (listed(sorted(set(c))) for c in (incidents.coverage["country"], polygons.countries))
        what = "none of the countries in the source has regions in the polygons."
        raise UsageError(what, str(regions), f"The source has {source}; the polygons have {there}.")
    borders = _exposure(polygons, inside)
    covered = polygons.select(inside)
    built = build_panel(incidents, covered, month_rule=settings.month_rule, around=polygons, **rules)
    if not settings.coverage:
        refuse_idle_release(incidents, built.panel)
    panel = replace(built.panel, attrs={**built.panel.attrs, **about})
    if settings.links is not None:
        panel = replace(panel, links=read_links(settings.links, panel))
    coverage = coverage_of_panel(panel)
    others = sorted(set(polygons.countries) - set(inside))
    around = polygons.select(others) if others else None
    return Inputs(panel, covered, borders, coverage, built.ledger.summary(), built=built, around=around)


def _exposure(polygons: Regions | None, observed: Collection[str]) -> pd.DataFrame | None:
    """How much of each region's foreign border looks at countries with data; a warning where that cannot be known."""
    borders = None if polygons is None else polygons.border_exposure(observed)
    unknown = 0 if borders is None else int(borders["international_km"].isna().sum())
    if unknown or (borders is None and len(set(observed)) > 1):
        why = (
            "there are no polygons"
            if borders is None
            else f"{unknown} regions do not lie on the world's land"
        )
        empty = "observed_border_share and partly_blind are empty"
        logging.getLogger("harmattan").warning(
            f"What lies beyond foreign borders is not known: {why}; {empty}."
        )
    return borders


def _from_panel(settings: Settings, path: Path) -> Inputs:
    """A ready panel, with polygons or links where the user has them."""
    if settings.source != "snapshot":
        what = "a ready panel and a source of incidents exclude each other."
        raise ConfigError(what, "--panel", "Name one of them.")
    polygons = None if settings.regions is None else Regions.read(settings.regions)
    only = "" if polygons is None else only_country(polygons.countries)
    panel = read_panel(path, column_mapping(settings), only)
    if settings.links is not None:
        panel = replace(panel, links=read_links(settings.links, panel))
    return inputs_from(panel, polygons, str(settings.regions))


def inputs_from(panel: Panel, polygons: Regions | None, where: str) -> Inputs:
    """A ready panel, with polygons where the user has them; its links come from them where it has none.

    Raises
    ------
    UsageError
        A region of the panel has no polygon.
    """
    from ..data.geography import links_of
    from ..data.panel import with_outlines

    regions = None
    if polygons is not None:
        missing = sorted(set(panel.region_ids) - set(polygons.region_ids))
        if missing:
            what = f"{len(missing)} regions of the panel have no polygon, the first is '{missing[0]}'."
            remedy = "Bring polygons for every region, or leave --regions out."
            raise UsageError(what, where, remedy)
        regions = in_order(polygons, panel.region_ids)
        if panel.links is None:
            panel = replace(panel, links=links_of(regions.frame, regions.geometry))
        panel = with_outlines(panel, regions.geometry)
    ledger = all_placed(panel)
    _warn_of_a_giant(panel)
    if "deaths_best" in panel.measures and "events" not in panel.measures:
        logging.getLogger("harmattan").warning(
            "These data count no events, so deaths are forecast alone: nothing ties them to the chance of an event, "
            "where it is quiet their chance comes from this table's own past, and there is no watch list or spillover."
        )
    return Inputs(panel, regions, _exposure(polygons, set(panel.countries)), coverage_of_panel(panel), ledger)


def _warn_of_a_giant(panel: Panel) -> None:
    """Say that a region dwarfs the others: models that pull regions to a common level are wrong for these then."""
    counts = panel.measure(panel.main, fill=0)
    mean = np.nan_to_num(counts).sum(axis=0, dtype=float) / np.maximum(panel.observed.sum(axis=0), 1)
    usual = float(np.median(mean[mean > 0])) if (mean > 0).any() else 0.0
    if usual and mean.max() > GIANT * usual:
        logging.getLogger("harmattan").warning(
            f"{panel.region_ids[int(mean.argmax())]} has {mean.max() / usual:,.0f} times the {panel.main} of the usual "
            "region: beside it the models expect far too many in small ones. Forecast it apart."
        )


def with_targets(settings: Settings, panel: Panel) -> Settings:
    """The settings with the targets that a panel has counts for: of the usual ones, those that are there.

    Raises
    ------
    UsageError
        A target is asked for by name and not in the data, or the data have neither events nor deaths and none is named.
    """
    from ..training.parts import divisions_of

    absent = [t for t in settings.targets if TARGETS.get(t, t) not in panel.measures]
    # The other groups are counted by no column of their own.
    if not absent or set(absent) <= set(divisions_of(panel).names):
        return settings
    there = tuple(t for t in settings.targets if t not in absent)
    if there and settings.targets == type(settings).targets:
        return replace(settings, targets=there)
    names = {measure: target for target, measure in TARGETS.items()}
    counts = [names.get(m, m) for m in panel.measures]
    remedy = f"They count {', '.join(counts)}: write --targets {counts[0]}, or bring a column {absent[0]}."
    what = f"there are no {absent[0]} in these data.{panel.aside(absent[0])}"
    raise UsageError(what, "--targets", remedy)
