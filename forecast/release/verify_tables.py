"""The tables of a release, read back: columns and rows as the manifest promises, numbers that agree with each other.

What a hub, VIEWS, a spreadsheet and a map get has to say the same as ``forecast.parquet`` and ``draws.parquet``,
which stand for themselves. Each check has a name and gives the rows that break it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError
from ...training.distribution import Draws
from ...training.parts import part_of
from ..formats import (
    GEOJSON,
    HUB_COLUMNS,
    HUB_FOLDER,
    WEBMAP,
    check_coherent,
    check_dates,
    check_features,
    check_hub_table,
    check_monotone,
    check_tasks,
    check_views,
    check_webmap,
    hub_rows,
    hub_schema,
    read_draws,
    tasks,
    unit_of,
    views_files,
    wide_table,
)
from .csv_files import check_formulas, csv_shape, csv_table

if TYPE_CHECKING:
    import pyarrow as pa

#: Quantiles, probabilities and other figures are published with six decimals.
ROUNDING = 1.5e-6
#: What reading a file that is not as it was written raises.
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    NotImplementedError,
    csv.Error,
    HarmattanError,
)
#: What is wrong: the file, the name of the check, the offending rows.
Broken = tuple[str, str, pd.DataFrame]
#: Gives the offending rows of one file by check.
Checks = Callable[[], Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    check: str  # The rule that is broken, such as ``checksum``.
    file: str  # Path inside the release; empty where it is the whole.
    message: str  # What is wrong, one clause.
    rows: int = 0  # How many rows of a table break the rule; 0 where it is no matter of rows.

    def to_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return asdict(self)


def check_tables(folder: Path) -> list[Finding]:
    """Everything that is wrong with the tables of a release whose bytes are in order."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    findings = list(_check_shapes(folder, manifest.get("tables", {})))
    if findings:
        return findings
    try:
        table = pd.read_parquet(folder / "forecast.parquet")
        draws = read_draws(folder / "draws.parquet")
    except UNREADABLE as reason:
        return [Finding("schema", "forecast.parquet", f"forecast or draws cannot be read ({reason})")]
    if list(table.columns) != list(HUB_COLUMNS) or not pd.api.types.is_numeric_dtype(table["value"]):
        return [Finding("schema", "forecast.parquet", "the columns are not those of a hub table")]
    findings += _check_manifest(manifest, draws)
    for name, rows in check_hub_table(table, draws).items():
        if len(rows):
            findings.append(_of_rows(name, "forecast.parquet", rows))
    if not findings:
        try:
            findings += _check_agreement(folder, table, draws)
        except UNREADABLE as reason:
            findings.append(Finding("schema", "forecast.csv", f"forecast.csv cannot be read ({reason})"))
        findings += [_of_rows(check, name, rows) for name, check, rows in read_back(folder, draws)]
    return findings


def _of_rows(check: str, file: str, rows: pd.DataFrame) -> Finding:
    """A finding about rows: how many, and the first."""
    first = ", ".join(f"{name} {value}" for name, value in rows.iloc[0].items())
    return Finding(check, file, f"{len(rows)} rows break '{check}', the first is {first}", len(rows))


def _check_shapes(folder: Path, promised: Mapping[str, Any]) -> Iterator[Finding]:
    """Every table has the columns and rows that the manifest promises."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, shape in promised.items():
        path = folder / name
        try:
            if path.suffix == ".parquet":
                about = pq.ParquetFile(path)
                columns, rows = about.schema_arrow.names, about.metadata.num_rows
            else:
                columns, rows = csv_shape(path)
        except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as reason:
            yield Finding("schema", name, f"{name} cannot be read ({reason})")
            continue
        if columns != shape["columns"]:
            yield Finding("schema", name, f"the columns of {name} are not those of manifest.json")
        elif rows != shape["rows"]:
            yield Finding("schema", name, f"{name} has {rows} rows, manifest.json says {shape['rows']}")


def _check_manifest(manifest: Mapping[str, Any], draws: Mapping[str, Draws]) -> Iterator[Finding]:
    """The manifest describes these draws."""
    pairs: dict[str, tuple[Any, Any]] = {"targets": (manifest.get("targets"), list(draws))}
    for target, d in draws.items():
        pairs[f"origin of {target}"] = (manifest.get("origin"), str(d.origin))
        pairs[f"horizons of {target}"] = (manifest.get("horizons"), list(d.horizons))
        pairs[f"draws of {target}"] = (manifest.get("draws"), d.values.shape[0])
        if part_of(target) != "events" or "events" not in draws:
            # A group has no regions of countries where it has hardly been.
            pairs[f"regions of {target}"] = (manifest.get("data", {}).get("regions"), d.values.shape[2])
    for what, (stated, found) in pairs.items():
        if stated != found:
            yield Finding("manifest", "manifest.json", f"{what}: it says {stated}, the draws have {found}")


def _check_agreement(folder: Path, table: pd.DataFrame, draws: Mapping[str, Draws]) -> Iterator[Finding]:
    """CSV and parquet hold one table, whose quantiles and probabilities are those of the draws."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    texts = arrow_csv.ConvertOptions(column_types=dict.fromkeys(HUB_COLUMNS, pa.string()))
    sheet = arrow_csv.read_csv(folder / "forecast.csv", convert_options=texts)
    mine = pa.Table.from_pandas(table, preserve_index=False)
    # A horizon of 1.0 would be put into text as 1.
    whole = pa.types.is_integer(mine["horizon"].type)
    same = (
        whole
        and sheet.num_rows == len(table)
        and all(
            sheet[name].equals(pc.fill_null(pc.cast(mine[name], pa.string()), "NA"))
            for name in HUB_COLUMNS
            if name != "value"
        )
    )
    if not same or not np.allclose(
        pc.cast(sheet["value"], pa.float64()), table["value"], rtol=1e-9, atol=1e-9
    ):
        yield Finding("agreement", "forecast.csv", "forecast.csv and forecast.parquet hold different numbers")
    again = hub_rows(draws)
    order = ["target", "location", "horizon", "output_type", "output_type_id"]
    if not table[order].equals(again[order]):
        table, again = (each.sort_values(order, ignore_index=True) for each in (table, again))
    # Means are the models' own where there are such, which draws repeat only nearly.
    differ = table[(table["output_type"] != "mean") & (np.abs(table["value"] - again["value"]) > ROUNDING)]
    if len(differ):
        yield _of_rows("as drawn", "forecast.parquet", differ)


def read_back(folder: Path, draws: Mapping[str, Draws]) -> Iterator[Broken]:
    """Every check of the tables made for others that finds something: file, check, offending rows.

    A file that cannot be read yields ``readable`` and the reason. Countries and maps are held against the wide table,
    and only where that is right.
    """
    wrong = list(_run("wide.csv", lambda: {"wide agrees": check_wide(csv_table(folder / "wide.csv"), draws)}))
    yield from wrong
    if wrong:
        return
    wide = csv_table(folder / "wide.csv")
    groups = dict(zip(wide["region_id"], wide["country"], strict=True))
    countries = {t: d.total([groups[r] for r in d.region_ids]) for t, d in draws.items()}
    for name, checks in _checks(folder, wide, draws, countries).items():
        yield from _run(name, checks)


def _run(name: str, checks: Checks) -> Iterator[Broken]:
    """What the checks of one file find; a file that they cannot even read is found, too."""
    try:
        found = checks()
    except UNREADABLE as reason:
        found = {"readable": pd.DataFrame({"reason": [f"{type(reason).__name__}: {reason}"]})}
    yield from ((name, check, rows) for check, rows in found.items() if len(rows))


def _checks(
    folder: Path, wide: pd.DataFrame, draws: Mapping[str, Draws], countries: Mapping[str, Draws]
) -> dict[str, Checks]:
    """What is to be done with each file, by name; nothing is read yet."""
    checks: dict[str, Checks] = {p.name: partial(_check_sheet, p) for p in sorted(folder.glob("*.csv"))}
    for name in ("watchlist.csv", "onsets.csv"):
        if name in checks:
            checks[name] = partial(_check_watch, folder / name)
    if "watch_routes.csv" in checks:
        checks["watch_routes.csv"] = partial(_check_routes, folder / "watch_routes.csv")
    checks["countries.csv"] = partial(_check_sheet, folder / "countries.csv", countries)
    if (folder / HUB_FOLDER).is_dir():
        output = next(folder.glob(f"{HUB_FOLDER}/model-output/*/*.parquet"))
        checks[output.relative_to(folder).as_posix()] = partial(_check_hub, folder, output)
    wanted = views_files(draws, countries)
    for path in sorted(folder.glob("views/*.parquet")):
        name = path.relative_to(folder).as_posix()
        checks[name] = partial(check_challenge, path, wanted.get(name))
    for name, check in ((GEOJSON, check_features), (WEBMAP, check_webmap)):
        if (folder / name).is_file():
            checks[name] = partial(_check_map, check, folder / name, wide)
    return checks


def _check_map(
    check: Callable[[str, pd.DataFrame], pd.DataFrame], path: Path, wide: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    return {"map agrees": check(path.read_text(encoding="utf-8"), wide)}


def _check_watch(path: Path) -> dict[str, pd.DataFrame]:
    """What is wrong with a watch list: chances outside 0..1 or falling with the months, ranks out of their order."""
    spans = ["p_1", "p_3", "p_6"]
    table = pd.read_csv(path, keep_default_na=False, na_values=dict.fromkeys(spans, "NA"))
    chances = table[spans].to_numpy(float)
    outside = ((chances < 0) | (chances > 1)).any(axis=1)
    falling = (np.diff(chances, axis=1) < -ROUNDING).any(axis=1)
    ranked = table.assign(group=table.get("group", ""))
    fallen = ranked.groupby("group")["p_6"].transform(lambda p: p.ffill().diff()) > ROUNDING
    order = ranked.groupby("group").cumcount() + 1 != table["rank"]
    wrong = {"chances": outside, "months agree": falling, "ranks": (fallen | order).to_numpy(bool)}
    if "any" in set(ranked["group"]):
        anybody = ranked[ranked["group"] == "any"].drop_duplicates("region_id").set_index("region_id")["p_6"]
        wrong["groups agree"] = (ranked["p_6"] > ranked["region_id"].map(anybody) + ROUNDING).to_numpy(bool)
    return {**_check_sheet(path), **{name: table.iloc[np.flatnonzero(rows)] for name, rows in wrong.items()}}


def _check_routes(path: Path) -> dict[str, pd.DataFrame]:
    """Shares of the pressure on a region that are outside 0..1 or come to more than the whole."""
    table = csv_table(path)
    whole = table.groupby(["group", "region_id"])["share"].transform("sum")
    wrong = ~table["share"].between(0, 1) | (whole > 1 + 0.01)
    return {**_check_sheet(path), "shares": table[wrong.to_numpy(bool)]}


def _check_sheet(path: Path, draws: Mapping[str, Draws] | None = None) -> dict[str, pd.DataFrame]:
    """A CSV has no formulas; one in hub layout, whose draws are given, passes the checks of a hub table."""
    found = {} if draws is None else check_hub_table(csv_table(path), draws)
    return {**found, "no formula": check_formulas(path)}


def _check_hub(folder: Path, output: Path) -> dict[str, pd.DataFrame]:
    import pyarrow.parquet as pq

    there = pq.read_table(output)
    table = there.to_pandas()
    asked = folder / HUB_FOLDER / "hub-config" / "tasks.json"
    config = json.loads(asked.read_text(encoding="utf-8"))
    dates = {"hub dates": check_dates(there.to_pandas(date_as_object=False))}
    # As text: True equals 1 in Python, and nowhere else.
    written = there.schema.equals(hub_schema()) and json.dumps(config) == json.dumps(tasks(table))
    if written and there.equals(_hub_output(folder, there.schema)):
        # What holds nothing but tables that are checked needs no second look.
        return dates
    return {
        "hub tasks": check_tasks(table, config),
        **dates,
        "monotone": check_monotone(table),
        "coherent": check_coherent(table),
        "hub agrees": _unlike(table, pd.read_parquet(folder / "forecast.parquet")),
    }


def _unlike(table: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """Rows of a hub's output that are no numbers, or not what the release's own table says of the place and month."""

    def named(rows: pd.DataFrame) -> pd.MultiIndex:
        keys = ("target", "location", "horizon", "output_type", "output_type_id")
        return pd.MultiIndex.from_arrays(
            [rows[k].astype(object).where(rows[k].notna(), "").astype(str) for k in keys]
        )

    own = pd.Series(regions["value"].to_numpy(float), named(regions)).reindex(named(table)).to_numpy()
    value = table["value"].to_numpy(float)
    with np.errstate(invalid="ignore"):
        same = np.isnan(own) | (np.abs(value - own) <= ROUNDING)
    wrong: pd.DataFrame = table[~(same & np.isfinite(value))]
    return wrong


def _hub_output(folder: Path, schema: pa.Schema) -> pa.Table:
    """What the hub holds by the release's own tables: regions, and countries that are none of these."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import csv as arrow_csv

    regions = pq.read_table(folder / "forecast.parquet").cast(schema)
    own = pa.schema([schema.field(name) for name in HUB_COLUMNS])
    as_hub = arrow_csv.ConvertOptions(
        column_types=own, include_columns=own.names, null_values=["NA"], strings_can_be_null=True
    )
    countries = arrow_csv.read_csv(folder / "countries.csv", convert_options=as_hub)
    both = pc.is_in(countries["location"], value_set=pc.unique(regions["location"]))
    return pa.concat_tables([regions, countries.filter(pc.invert(both))])


def check_challenge(path: Path, wanted: Any) -> dict[str, pd.DataFrame]:
    """The checks of a VIEWS file, and whether its outcomes are those of the joint draws."""
    import pyarrow.parquet as pq

    unit, there = unit_of(path.name), pq.read_table(path)
    if wanted is not None and there.equals(wanted):
        # What is made from draws that were checked needs no second look.
        return {}
    table = there.to_pandas()
    found = check_views(table, unit)
    if any(len(rows) for rows in found.values()):
        return found
    if wanted is None:
        return {**found, "views agree": table.head(1)}
    keys = ["month_id", unit, "draw"]
    pair = [t.sort_values(keys, ignore_index=True) for t in (table, wanted.to_pandas())]
    if len(pair[0]) != len(pair[1]):
        return {**found, "views agree": pair[0].head(1)}
    differ = np.zeros(len(pair[0]), dtype=bool)
    for name in (*keys, "outcome"):
        differ |= pair[0][name].to_numpy() != pair[1][name].to_numpy()
    return {**found, "views agree": pair[0][differ]}


def check_wide(wide: pd.DataFrame, draws: Mapping[str, Draws]) -> pd.DataFrame:
    """Rows of the wide table that are missing, twice there, or at odds with the joint draws.

    The mean is taken from the models' own mean where there is one, which draws repeat only nearly; it is not compared.

    ``target, region_id, month, problem``.
    """
    keys = ["target", "region_id", "month"]
    sums = [f"sum_{months}{end}" for months in (3, 6) for end in ("_p10", "_p90")]
    # Releases of an earlier make have no sums and no escalations.
    later = [name for name in (*sums, "escalation_from", "p_escalation") if name in wide]
    figures = ["p10", "p50", "p90", "p_ge_1", "p_ge_5", "p_ge_10", *later]
    names = pd.DataFrame({"region_id": wide["region_id"], "name": wide["name"], "country": wide["country"]})
    again = wide_table(draws, names.drop_duplicates("region_id"), _levels(wide, draws))
    joined = wide[[*keys, *figures]].merge(
        again[[*keys, *figures]], on=keys, how="outer", suffixes=("", "_drawn"), indicator="side"
    )
    here, drawn = joined[figures].to_numpy(float), joined[[f"{f}_drawn" for f in figures]].to_numpy(float)
    with np.errstate(invalid="ignore"):
        differ = (np.abs(here - drawn) > ROUNDING).any(axis=1) | (np.isnan(here) != np.isnan(drawn)).any(
            axis=1
        )
    problem = np.select(
        [joined["side"] == "right_only", joined["side"] == "left_only", joined.duplicated(keys), differ],
        ["missing", "unknown", "more than once", "not as drawn"],
        "",
    )
    wrong: pd.DataFrame = joined.assign(problem=problem).loc[problem != "", [*keys, "problem"]]
    return wrong


def _levels(wide: pd.DataFrame, draws: Mapping[str, Draws]) -> dict[str, np.ndarray]:
    """The counts from which on a wide table calls a month an escalation, by target, (regions,)."""
    if "escalation_from" not in wide:
        return {}
    first = wide.drop_duplicates(["target", "region_id"]).set_index(["target", "region_id"])[
        "escalation_from"
    ]
    return {
        target: first.reindex([(target, r) for r in d.region_ids]).to_numpy(float)
        for target, d in draws.items()
    }
