"""The tables of a release, read back: columns and rows as the manifest promises, numbers that agree with each other."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...training.distribution import Draws
from ..formats import hub_table as hub
from .finding import Finding
from .verify_exports import read_back

#: Quantiles and probabilities are published with six decimals.
ROUNDING = 1.5e-6


def check_tables(folder: Path) -> list[Finding]:
    """Everything that is wrong with the tables of a release whose bytes are in order."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    findings = list(_check_shapes(folder, manifest.get("tables", {})))
    if findings:
        return findings
    try:
        table = pd.read_parquet(folder / "forecast.parquet")
        draws = read_draws(folder / "draws.parquet")
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, IndexError) as reason:
        return [Finding("schema", "forecast.parquet", f"forecast or draws cannot be read ({reason})")]
    if list(table.columns) != list(hub.COLUMNS):
        return [Finding("schema", "forecast.parquet", "the columns are not those of a hub table")]
    findings += _check_manifest(manifest, draws)
    for name, rows in hub.check_all(table, draws).items():
        if len(rows):
            findings.append(_of_rows(name, "forecast.parquet", rows))
    if not findings:
        findings += _check_agreement(folder, table, draws)
        findings += [_of_rows(check, name, rows) for name, check, rows in read_back(folder, draws)]
    return findings


def read_draws(path: Path) -> dict[str, Draws]:
    """The joint draws of a release by target."""
    table = pd.read_parquet(path)
    return {str(t): Draws.from_frame(part) for t, part in table.groupby("target", observed=True, sort=False)}


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
                with path.open(encoding="utf-8", newline="") as lines:
                    cells = csv.reader(lines)
                    columns, rows = next(cells, []), sum(1 for _ in cells)
        except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as reason:
            yield Finding("schema", name, f"{name} cannot be read ({reason})")
            continue
        if columns != shape["columns"]:
            yield Finding("schema", name, f"the columns of {name} are not those of manifest.json")
        elif rows != shape["rows"]:
            yield Finding("schema", name, f"{name} has {rows} rows, manifest.json says {shape['rows']}")


def _check_manifest(manifest: Mapping[str, Any], draws: Mapping[str, Draws]) -> Iterator[Finding]:
    """The manifest describes these draws."""
    told: dict[str, tuple[Any, Any]] = {"targets": (manifest.get("targets"), list(draws))}
    for target, d in draws.items():
        told[f"origin of {target}"] = (manifest.get("origin"), str(d.origin))
        told[f"horizons of {target}"] = (manifest.get("horizons"), list(d.horizons))
        told[f"draws of {target}"] = (manifest.get("draws"), d.values.shape[0])
        told[f"regions of {target}"] = (manifest.get("data", {}).get("regions"), d.values.shape[2])
    for what, (said, found) in told.items():
        if said != found:
            yield Finding("manifest", "manifest.json", f"{what}: it says {said}, the draws have {found}")


def _check_agreement(folder: Path, table: pd.DataFrame, draws: Mapping[str, Draws]) -> Iterator[Finding]:
    """CSV and parquet hold one table, whose quantiles and probabilities are those of the draws."""
    sheet = pd.read_csv(folder / "forecast.csv", dtype={"output_type_id": str}, keep_default_na=False)
    keys = [c for c in hub.COLUMNS if c != "value"]
    same = len(sheet) == len(table) and all(
        (sheet[c].astype(str).to_numpy() == table[c].astype(str).replace("nan", "NA").to_numpy()).all()
        for c in keys
        if c != "output_type_id"
    )
    if not same or not np.allclose(sheet["value"].astype(float), table["value"], rtol=1e-9, atol=1e-9):
        yield Finding("agreement", "forecast.csv", "forecast.csv and forecast.parquet hold different numbers")
    again = hub.hub_table(draws)
    order = ["target", "location", "horizon", "output_type", "output_type_id"]
    pair = [t[t["output_type"] != "mean"].sort_values(order, ignore_index=True) for t in (table, again)]
    differ = pair[0][np.abs(pair[0]["value"] - pair[1]["value"]) > ROUNDING]
    if len(differ):
        yield _of_rows("as drawn", "forecast.parquet", differ)
