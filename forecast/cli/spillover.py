"""``harmattan spillover``: the command line's side of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...data.errors import UsageError, nearest
from ..settings import Settings
from .options import options
from .output import Output, records, table_text, write_texts
from .scenario import PATHS, panel_until

if TYPE_CHECKING:
    import pandas as pd

    from ..spillover.job import Spillover

#: What can be printed, and the columns that are shown of it.
VIEWS = {
    "pairs": "source_country target_country permeability permeability_low permeability_high p_holm p_permuted grade",
    "countries": "source_country target_region horizon threshold share_total risk_difference statement",
    "regions": "source_region target_region horizon share statement",
    "groups": "group source_country target_region horizon share statement",
    "routes": "source_region target_region horizon events share_of_border statement",
    "chains": "source_country via_country target_region horizon events statement",
    "stress": "source_country target_region horizon threshold stress_response statement",
}
#: Columns that hold a number about a border: the first that a table has puts its rows in order.
_NUMBERS = ("share", "share_total", "risk_difference", "events", "share_of_border", "stress_response")


@options(
    "config theatre source panel regions layer month_rule links as_of countries view draws seed decay saturation "
    "workers out evaluate worlds "
    "only history unseal dry_run as_json quiet",
    countries="Source countries to show, ISO3 codes.",
    draws=PATHS,
)
def spillover(
    settings: Settings,
    output: Output,
    dry_run: bool,
    view: Annotated[str, f"What to print: {', '.join(VIEWS)}."] = "pairs",
    out: Annotated[Path | None, "Folder for all tables (CSV) and the model."] = None,
    evaluate: Annotated[bool, "Judge the method instead: simulated worlds, placebos, the record."] = False,
    worlds: Annotated[int, typer.Option(min=1, help="Simulated worlds per setting, with --evaluate.")] = 100,
    only: Annotated[str | None, "With --evaluate: worlds, placebos, sensitivity or record alone."] = None,
    history: Annotated[bool, "What it would have said each month since 2015: --evaluate's record."] = False,
    unseal: Annotated[bool, "Open the vault: let --evaluate see months after 2022. Recorded."] = False,
) -> None:
    """Tell how much of each region's risk the model attributes to another country.

    Every border has a grade of evidence and the robust end of its interval. Model-attributed is not caused.

    \b
    Examples:
      harmattan spillover
      harmattan spillover --as-of 2022-12 --view routes --countries ISO3
      harmattan spillover --decay 2 --saturation 20 --view routes
      harmattan spillover --out spillover --json
      harmattan spillover --history --out history
      harmattan spillover --evaluate --worlds 100 --out evaluation
    """
    if view not in VIEWS:
        raise UsageError(f"there is no view '{view}'.", "--view", nearest(view, VIEWS))
    evaluating = evaluate or history
    for name, value in {"only": only, "unseal": unseal}.items():
        if value and not evaluating:
            raise UsageError(f"--{name} does nothing by itself.", f"--{name}", "Give --evaluate as well.")
    if dry_run:
        panel = panel_until(settings)
        origin, regions = str(panel.months[-1]), panel.shape[1]
        plan = {"origin": origin, "regions": regions, "out": None if out is None else str(out)}
        verb = "judge" if evaluating else "trace"
        return output.show(plan, f"Would {verb} spillover between {regions} regions from {origin}.")
    if evaluating:
        return _evaluate(settings, worlds, "record" if history else only, unseal, out, output)
    from ..spillover.job import run_spillover

    with output.bar() as progress:
        found = run_spillover(settings, progress)
    if view not in found.tables:
        raise UsageError(f"this panel has no counts for the view '{view}'.", "--view", "Choose another view.")
    files = [str(file) for file in found.write(out)] if out is not None else []
    tables = {name: records(table, 6) for name, table in found.tables.items()}
    output.show(
        {"origin": str(found.origin), "files": files, **tables}, _lines(found, view, out, files), indent=1
    )


def _lines(found: Spillover, view: str, out: Path | None, files: Sequence[str]) -> Iterator[str]:
    """One table: every border, or the most important rows of those with some evidence or more."""
    from ...training.diffusion import GRADES
    from ..spillover.words import SHOCK_NOTE, SHOCK_RATE_DISTINGUISHABLE

    table, pairs = found.tables[view], found.tables["pairs"]
    graded = int(pairs["grade"].isin(GRADES[:2]).sum())
    yield f"Origin {found.origin}: {graded} of {len(pairs)} borders show some evidence or more that violence crosses."
    if "horizon" in table:
        table = table[(table["horizon"] == table["horizon"].max()) & table["grade"].isin(GRADES[:2])]
        if "threshold" in table:
            table = table[table["threshold"] == 5]
        by = next((c for c in _NUMBERS if c in table), None)
        table = table.sort_values(by, ascending=False).head(20) if by else table
    if "horizon" in table and not len(table):
        yield "No evidence shown that anything crosses."
    else:
        if "statement" in table:
            # Beside every number in the files; here once is enough.
            told = table["statement"].str.replace(f" But {SHOCK_NOTE}.", "", regex=False)
            table = table.assign(statement=told)
        yield table_text(table, VIEWS[view])
        yield (
            f"Evidence some: {SHOCK_NOTE}. Strong: in at most {SHOCK_RATE_DISTINGUISHABLE:.0%}. "
            "Model-attributed is not caused."
        )
    if files:
        yield f"Wrote {len(files)} files: {out}"


def _evaluate(
    settings: Settings, worlds: int, only: str | None, unseal: bool, out: Path | None, output: Output
) -> None:
    from ..spillover.evaluation.run import PARTS, run_evaluation

    if only is not None and only not in PARTS:
        raise UsageError(f"--only {only} is no part of the evaluation.", remedy=nearest(only, PARTS))
    with output.bar() as progress:
        tables = run_evaluation(settings, worlds, (only,) if only else PARTS, unseal, progress)
    files = _write_evaluation(tables, out) if out is not None else []
    output.show(
        {name: records(t, 6) for name, t in tables.items()}, _evaluation_lines(tables, files), indent=1
    )


def _evaluation_lines(tables: Mapping[str, pd.DataFrame], files: Sequence[str]) -> Iterator[str]:
    """Every table, the history by country and year, not by month and border."""
    from ..spillover.evaluation.history import history_table

    for name, table in tables.items():
        shown = history_table(table) if name == "history" else table
        yield f"\n{name}\n{table_text(shown, ' '.join(map(str, shown.columns))) if len(shown) else 'nothing to judge'}"
    yield from (f"Wrote {file}" for file in files)


def _write_evaluation(tables: Mapping[str, pd.DataFrame], out: Path) -> list[str]:
    """One CSV per table, all of them as ``evaluation.json``, and the history's page and picture."""
    from ..release import csv_text
    from ..report import timeline
    from ..spillover.evaluation.history import history_page
    from ..spillover.evaluation.shipped import evaluation_text

    texts = {f"{name}.csv": csv_text(table) for name, table in tables.items()}
    texts["evaluation.json"] = evaluation_text(tables)
    if "history" in tables:
        texts["timeline.svg"] = timeline(tables["history"])
        texts["history.md"] = history_page(tables["history"], tables["entry_list"])
    return write_texts(dict(sorted(texts.items())), out)
