"""``harmattan spillover`` and ``harmattan scenario``: the command line's side of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...data.errors import UsageError, nearest
from ..settings import Settings
from .options import options
from .output import Output, Progress, records, write_texts

if TYPE_CHECKING:
    import pandas as pd

    from ...data.panel import Panel
    from ..inputs import Inputs
    from ..spillover.breakdown import ModelAtOrigin
    from ..spillover.job import Spillover
    from ..spillover.scenario import Scenario

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

#: What an option of a path model says.
PATHS = "Simulated paths per world."


@options(
    "config source panel regions links as_of countries view draws seed decay saturation workers out evaluate worlds "
    "only history unseal dry_run as_json quiet",
    countries="Source countries to show, such as MLI,BFA.",
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
      harmattan spillover --as-of 2022-12 --view routes --countries MLI
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
        panel = _until(settings)
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


@options(
    "change paths months ahead config source panel regions links as_of draws seed decay saturation out dry_run as_json "
    "quiet",
    draws=PATHS,
)
def scenario(
    settings: Settings,
    output: Output,
    dry_run: bool,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="REGION=2x, REGION=+20, REGION=12 or REGION=@2012 (its level of that year); repeatable.",
        ),
    ] = None,
    paths: Annotated[Path | None, "Instead: a table of paths (CSV: month, region_id, events)."] = None,
    months: Annotated[int, typer.Option(min=1, max=12, help="Months that the change lasts.")] = 6,
    ahead: Annotated[int, typer.Option(min=1, max=12, help="Months that are simulated.")] = 6,
    out: Annotated[
        Path | None, "Folder for scenario.csv and scenario.svg, the table and the picture."
    ] = None,
) -> None:
    """Simulate what another course of some regions would mean for all others.

    Baseline and scenario share their random numbers; the difference between them is the scenario's.

    \b
    Examples:
      harmattan scenario --set MLI-gao=2x --set MLI-mopti=+20 --months 3
      harmattan scenario --set MLI-kidal,MLI-gao,MLI-timbuktu=@2012 --out north-as-in-2012
      harmattan scenario --set MLI-mopti=0 --json
      harmattan scenario --paths paths.csv
    """
    plan_for, ahead = _asked(change or (), paths), max(ahead, months)
    with output.bar() as progress:
        progress("fit", 0.1)
        panel = _until(settings)
        plan = plan_for(panel, ahead, months)
        if dry_run:
            last, touched = str(panel.months[-1]), int(plan.touched.sum())
            document = {"origin": last, "months": ahead, "regions_set": touched}
            return output.show(document, f"Would simulate {ahead} months from {last}, {touched} regions set.")
        result, read, seen = _simulated(settings, plan, progress)
    files = _write_scenario(result, read, out) if out is not None else []
    document = {"origin": str(read.panel.months[-1]), "files": files, "rows": records(result, 6)}
    output.show(document, _scenario_lines(result, seen, ahead, files), indent=1)


def _asked(change: Sequence[str], paths: Path | None) -> Callable[[Panel, int, int], Scenario]:
    """The plan that was asked for, once the panel is known; its own faults are told before anything is read."""
    from ..spillover.scenario import parse_change, plan_from_table, plan_of, read_paths

    if bool(change) == (paths is not None):
        raise UsageError(
            "a scenario needs --set or --paths, one of the two.", remedy="See --help for examples."
        )
    if paths is not None:
        table = read_paths(paths)
        return lambda panel, ahead, months: plan_from_table(table, panel, ahead, str(paths))
    changes = [c for text in change for c in parse_change(text)]
    return lambda panel, ahead, months: plan_of(changes, panel, ahead, months)


def _simulated(
    settings: Settings, plan: Scenario, progress: Progress
) -> tuple[pd.DataFrame, Inputs, ModelAtOrigin]:
    """Fit the model and simulate both worlds."""
    import numpy as np

    from ..spillover.job import prepare
    from ..spillover.scenario import run_scenario

    read, seen, origin = prepare(settings)
    progress("paths", 0.7)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
    return run_scenario(seen.model, seen.problem, origin, plan, settings.draws, rng), read, seen


def _scenario_lines(
    result: pd.DataFrame, seen: ModelAtOrigin, ahead: int, files: Sequence[str]
) -> Iterator[str]:
    from ..spillover.scenario import effects

    countries = result[(result["level"] == "country") & (result["month"] == "all")]
    shown = "place baseline scenario difference difference_low difference_high statement"
    yield f"Expected events in {ahead} months from {seen.problem.panel.months[-1]}:"
    yield _text(countries, shown)
    yield "\nRegions that the scenario does not set, largest differences first:"
    yield _text(effects(result), shown)
    if seen.model.scaled_by < 1:
        yield (
            f"The path model would explode and is scaled back, by {seen.model.scaled_by:.2f}: read the differences "
            "here, and levels in the forecast."
        )
    yield from (f"Wrote {file}" for file in files)


def _until(settings: Settings) -> Panel:
    """The panel up to the origin."""
    from ..inputs import load_inputs

    panel = load_inputs(settings).panel
    return panel.until(settings.as_of or panel.last_month)


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
            table = table.assign(statement=table["statement"].str.replace(f"; {SHOCK_NOTE}", "", regex=False))
        yield _text(table, VIEWS[view])
        yield (
            f"Evidence some: {SHOCK_NOTE}. Strong: in at most {SHOCK_RATE_DISTINGUISHABLE:.0%}. "
            "Model-attributed is not caused."
        )
    if files:
        yield f"Wrote {len(files)} files: {out}"


def _text(table: pd.DataFrame, columns: str) -> str:
    """Some columns as plain text."""
    shown = table[[c for c in columns.split() if c in table]]
    return str(shown.to_string(index=False, float_format=lambda v: f"{v:.3g}", na_rep=""))


def _write_scenario(result: pd.DataFrame, inputs: Inputs, out: Path) -> list[str]:
    from ..release import csv_text
    from ..report import scenario_picture

    return write_texts(
        {"scenario.csv": csv_text(result), "scenario.svg": scenario_picture(result, inputs.regions)}, out
    )


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
        yield f"\n{name}\n{_text(shown, ' '.join(map(str, shown.columns))) if len(shown) else 'nothing to judge'}"
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
