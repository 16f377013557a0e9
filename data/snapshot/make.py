"""Make the embedded snapshot from a release of single events and a file of polygons; the same bytes every
time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UsageError
from ..geography import Regions, gid_of
from ..panel import BuiltPanel, Incidents, Panel, build_panel
from ..schemas import BORDER_COLUMNS, COUNT_COLUMNS, COVERAGE_COLUMNS, FIGURES, PLACED, validate
from .load import NEIGHBOURS, TRAINING_FILES

#: Countries whose data are complete to the snapshot's last month.
COUNTRIES = ("BEN", "BFA", "CIV", "GNB", "MLI", "NER", "SEN", "TGO")
LAYER = "natural-earth-2014"
TOLERANCE = 0.02
#: Regions of other countries at most this far away (degrees) are shipped as places that violence may reach.
NEAR = 2.0
#: Repairs that change what an event says, unlike those of how a file is written.
EVENT_REPAIRS = ("deaths_", "status_")
#: Countries that are only learned from, and the months their files are complete for.
TRAINING_COVERAGE: Mapping[str, tuple[object, object]] = {"NGA": ("1990-01", "2021-12")}


def make_snapshot(
    ucdp_file: str | Path,
    regions_file: str | Path,
    out: str | Path,
    *,
    countries: Sequence[str] = COUNTRIES,
    layer: str = LAYER,
    today: date | None = None,
    training: str | Path | None = None,
    training_coverage: Mapping[str, tuple[object, object]] = TRAINING_COVERAGE,
) -> list[Path]:
    """Write the snapshot's files.

    Parameters
    ----------
    ucdp_file : path
        An annual UCDP GED file.
    regions_file : path
        GeoJSON of the countries and, for the border exposure, of their neighbours.
    out : path
        Folder; made where it is not there.
    countries : sequence of str
        ISO3 codes whose data are complete.
    layer : str
        Name of the boundary vintage.
    today : datetime.date, optional
        Later dates in the file are errors.
    training : path, optional
        A UCDP GED file of countries that are only learned from.
    training_coverage : mapping of str
        ISO3 of those countries to the first and last month their file is complete for.

    Returns
    -------
    list of pathlib.Path
        The files written, byte for byte the same for the same input.

    Raises
    ------
    UsageError
        A country is both forecast and only learned from, or the folder holds training figures that were not
        asked for.
    """
    from ..sources import read_ucdp

    folder = Path(out)
    _refuse_mixture(folder, countries, training, training_coverage)
    everywhere = Regions.read(regions_file, layer=layer)
    regions = everywhere.select(countries)
    incidents = read_ucdp(ucdp_file, today=today)
    built = build_panel(incidents, regions)
    coarse = regions.simplify(TOLERANCE)
    tables = {
        "monthly_counts.csv": validate("counts", counts_of(_placed(built))),
        "coverage.csv": validate("coverage", _coverage(built, regions)),
        "links.csv": validate("links", regions.links),
        "borders.csv": validate("borders", everywhere.border_exposure(countries)[list(BORDER_COLUMNS)]),
        "ledger.csv": validate("ledger", _whole(built.ledger.entries)),
    }
    release = incidents.releases[0] if incidents.releases else "unknown"
    readme = _readme(built, regions, coarse, release)
    if training is not None:
        source = read_ucdp(training, coverage=training_coverage, today=today)
        extra = everywhere.select(list(training_coverage))
        more, note = _training_tables(source, extra, built.panel)
        tables, readme = tables | more, readme + note
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, lineterminator="\n", encoding="utf-8")
    coarse.to_geojson(folder / "regions.geojson")
    around = _around(everywhere, regions)
    if around is not None:
        around.to_geojson(folder / NEIGHBOURS, digits=3)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    others = ("regions.geojson", "README.md", *(() if around is None else (NEIGHBOURS,)))
    return sorted(folder / name for name in (*tables, *others))


def _around(everywhere: Regions, regions: Regions) -> Regions | None:
    """Simplified regions of other countries that lie near some regions; None where there are none."""
    import shapely

    inside = set(regions.countries)
    others = everywhere.select(sorted(set(everywhere.countries) - inside))
    at = np.unique(shapely.STRtree(regions.geometry).query(others.geometry, "dwithin", NEAR)[0])
    if not len(at):
        return None
    coarse = np.array(shapely.coverage_simplify(others.geometry[at], 2 * TOLERANCE), dtype=object)
    kept = others.frame.iloc[at].reset_index(drop=True)
    names = {c: n for c, n in others.country_names.items() if c in set(kept["country"])}
    return Regions(kept, coarse, others.links.iloc[:0], names)


def _refuse_mixture(
    folder: Path,
    countries: Sequence[str],
    training: str | Path | None,
    training_coverage: Mapping[str, tuple[object, object]],
) -> None:
    both = sorted(set(countries) & set(training_coverage)) if training is not None else []
    if both:
        raise UsageError(
            f"{both[0]} cannot be both forecast and only learned from.",
            remedy="Leave it out of the countries, or out of the training coverage.",
        )
    stale = [name for name in TRAINING_FILES if (folder / name).exists()] if training is None else []
    if stale:
        raise UsageError(
            f"the folder holds '{stale[0]}' of another snapshot.",
            where=str(folder),
            remedy="Give the training file as well, or write to an empty folder.",
        )


def _training_tables(
    incidents: Incidents, regions: Regions, forecast: Panel
) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables of the countries that are only learned from, and their part of the README."""
    built = build_panel(incidents, regions, window=(forecast.months[0], forecast.months[-1]))
    release = incidents.releases[0] if incidents.releases else ""
    coverage = validate("coverage", _coverage(built, regions)).assign(release=release)
    tables = (
        validate("counts", counts_of(_placed(built))),
        coverage,
        validate("regions", regions.frame[["region_id", "name", "country"]]),
        validate("links", regions.links),
        validate("ledger", _whole(built.ledger.entries)),
    )
    spans = zip(coverage["name"], coverage["first_month"], coverage["last_month"], strict=True)
    by_year = built.ledger.by("year").set_index("year")
    flat = by_year[by_year["deaths_low"].eq(by_year["deaths_high"]) & by_year["deaths_best"].gt(0)]
    snapped = built.ledger.snapped
    mended = [r for r in built.ledger.repairs if r.name.startswith(EVENT_REPAIRS)]
    note = _template("readme_template_training.md").format(
        names=", ".join(coverage["name"]),
        n=len(regions),
        coverage=", ".join(f"{name} {first} to {last}" for name, first, last in spans),
        **_outcomes(built),
        snapped=len(snapped),
        farthest=snapped["snap_km"].max() if len(snapped) else 0,
        repairs="\n".join(f"- {r.message} ({r.count} events)" for r in mended) or "- nothing",
        flat=", ".join(map(str, flat.index)) or "none",
        release=release or "unknown",
    )
    return dict(zip(TRAINING_FILES, tables, strict=True)), note


def _template(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _outcomes(built: BuiltPanel) -> dict[str, object]:
    """Events read, placed and excluded, for a README."""
    outcomes = built.ledger.summary().set_index("outcome")["events"].astype(int)
    left_out = [
        f"{n} ({str(reason).replace('_', ' ')})"
        for reason, n in outcomes.items()
        if reason not in (PLACED, "read")
    ]
    return {
        "read": outcomes["read"],
        "placed": outcomes[PLACED],
        "excluded": ", ".join(left_out) or "none",
    }


def _placed(built: BuiltPanel) -> pd.DataFrame:
    return built.incidents[built.incidents["excluded"] == PLACED]


def counts_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Placed events summed by month of the last day, region, cell, type and group."""
    end = frame["date_end"]
    late = (end.dt.days_in_month - end.dt.day < 10).astype(int)
    table = frame.assign(month=end.dt.strftime("%Y-%m"), late_events=late * frame["events"])
    table["cell"] = gid_of(table["longitude"].to_numpy(float), table["latitude"].to_numpy(float))
    keys = list(COUNT_COLUMNS[:5])
    summed = table.groupby(keys, sort=True)[list(COUNT_COLUMNS[5:])].sum().reset_index()
    return _whole(summed[list(COUNT_COLUMNS)])


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(dict.fromkeys([c for c in (*FIGURES, "late_events") if c in table], "int64"))


def _coverage(built: BuiltPanel, regions: Regions) -> pd.DataFrame:
    rows = []
    of_country = np.asarray(built.panel.countries)
    for code in sorted(set(built.panel.countries)):
        seen = np.flatnonzero(built.panel.observed[:, of_country == code].any(axis=1))
        if not len(seen):
            raise UsageError(
                f"no month of {code} is covered between {built.panel.months[0]} and {built.panel.months[-1]}.",
                remedy="Correct its coverage, or leave it out.",
            )
        first, last = str(built.panel.months[seen[0]]), str(built.panel.months[seen[-1]])
        rows.append((code, regions.country_names.get(code, code), first, last))
    return pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))


def _readme(built: BuiltPanel, regions: Regions, coarse: Regions, release: str) -> str:
    import shapely

    from ..geography import links_of

    change = np.abs(shapely.area(coarse.geometry) / shapely.area(regions.geometry) - 1)
    worst = np.argsort(-change)[:3]
    after = links_of(coarse.frame, coarse.geometry)["border_km"].sum()
    snapped = built.ledger.snapped
    precision = built.incidents["where_precision"].astype(float)
    widened = sum(r.count for r in built.ledger.repairs if r.name == "deaths_bounds_widened")
    return _template("readme_template.md").format(
        n=len(set(regions.countries)),
        names=", ".join(regions.country_names[c] for c in sorted(set(regions.countries))),
        first=built.panel.months[0],
        last=built.panel.last_month,
        layer=regions.frame["layer"].iloc[0],
        **_outcomes(built),
        release=release,
        coarse=int(((precision >= 4) & (built.incidents["excluded"] == PLACED)).sum()),
        snapped=len(snapped),
        farthest=snapped["snap_km"].max() if len(snapped) else 0,
        widened=widened,
        tolerance=TOLERANCE,
        links=len(regions.links),
        cross=int(regions.links["crosses_border"].sum()),
        area=", ".join(f"{regions.frame['name'].iloc[i]} by {change[i]:.1%}" for i in worst),
        shorter=1 - after / regions.links["border_km"].sum(),
        unlinked=_unlinked(regions) or "none",
    )


def _unlinked(regions: Regions) -> str:
    """Pairs that share a border once narrow gaps are closed, but are not linked."""
    from ..geography import links_of, with_gaps_closed

    linked = set(zip(regions.links["region_a"], regions.links["region_b"], strict=True))
    found = links_of(regions.frame, with_gaps_closed(regions.geometry))
    names = dict(zip(regions.frame["region_id"], regions.frame["name"], strict=True))
    return ", ".join(
        f"{names[a]} and {names[b]} ({km:.0f} km)"
        for a, b, km in zip(found["region_a"], found["region_b"], found["border_km"], strict=True)
        if (a, b) not in linked
    )
