"""``harmattan scenario`` and ``harmattan analogues``: what another course would mean, and what like months brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...data.errors import UsageError
from ..settings import Settings
from .options import options
from .output import Output, Progress, records, table_text, write_texts

if TYPE_CHECKING:
    import pandas as pd

    from ...data.panel import Panel
    from ..inputs import Inputs
    from ..spillover.analogues import Analogues
    from ..spillover.breakdown import ModelAtOrigin
    from ..spillover.scenario import Scenario

#: What an option of a path model says.
PATHS = "Simulated paths per world."


def panel_until(settings: Settings) -> Panel:
    """The panel up to the origin."""
    from ..loading import load_inputs

    panel = load_inputs(settings).panel
    return panel.until(settings.as_of or panel.last_month)


@options(
    "change paths months ahead config theatre source panel regions layer month_rule links as_of draws seed "
    "decay saturation out dry_run as_json "
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

    The baseline is the newest release from the same counts, else the path model's own forecast. Both worlds share their
    random numbers; the difference between them is the scenario's. Beside it stands
    what past months with such a change brought next door.

    \b
    Examples:
      harmattan scenario --set REGION=2x --set REGION=+20 --months 3
      harmattan scenario --set REGION,REGION=@2012 --out as-in-2012
      harmattan scenario --set REGION=0 --json
      harmattan scenario --paths paths.csv
    """
    plan_for, ahead = _asked(change or (), paths), max(ahead, months)
    with output.bar() as progress:
        progress("fit", 0.1)
        panel = panel_until(settings)
        plan = plan_for(panel, ahead, months)
        if dry_run:
            last, touched = str(panel.months[-1]), int(plan.touched.sum())
            document = {"origin": last, "months": ahead, "regions_set": touched}
            return output.show(document, f"Would simulate {ahead} months from {last}, {touched} regions set.")
        result, read, seen, release = _simulated(settings, plan, progress)
    warnings, past = _beside(result, read.panel, change or (), months)
    files = _write_scenario(result, past, read, out) if out is not None else []
    document = {
        "origin": str(read.panel.months[-1]),
        "files": files,
        "warnings": warnings,
        "baseline": release or None,
        "rows": records(result, 6),
        "past_changes": records(past, 6),
    }
    lines = (
        _scenario_lines(result, seen, ahead, release),
        _past_lines(past, months),
        (f"Wrote {f}" for f in files),
    )
    output.show(document, chain(warnings, *lines), indent=1)


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
) -> tuple[pd.DataFrame, Inputs, ModelAtOrigin, str]:
    """Fit the model and simulate both worlds; also the name of the release that is the baseline, where there is one."""
    import numpy as np

    from ..spillover.job import prepare, published_means
    from ..spillover.scenario import run_scenario

    read, seen, origin = prepare(settings)
    progress("paths", 0.7)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
    published, release = published_means(settings, read.panel, len(plan.factor))
    table = run_scenario(seen.model, seen.problem, origin, plan, settings.draws, rng, published)
    return table, read, seen, release


def _beside(
    result: pd.DataFrame, panel: Panel, change: Sequence[str], months: int
) -> tuple[list[str], pd.DataFrame]:
    """Warnings, and what past months with such a change brought."""
    from ..spillover.analogues import past_changes, scenario_warnings
    from ..spillover.scenario import parse_change

    years = [(c.region_id, int(c.value)) for t in change for c in parse_change(t) if c.kind == "year"]
    own = result[(result["level"] == "region") & result["set"] & (result["month"] != "all")]
    lasting = own.groupby("place", sort=False).head(months)
    levels = (
        lasting.groupby("place", sort=False)["scenario"]
        .mean()
        .rename_axis("region_id")
        .reset_index(name="level")
    )
    return scenario_warnings(panel, result, years), past_changes(panel, levels, months)


def _past_lines(past: pd.DataFrame, months: int) -> Iterator[str]:
    """What past months with such a change brought next door, a line per region."""
    yield f"\nWhat past changes like these were followed by next door, over {months} months (events a month):"
    for row in past.to_dict("records"):
        change = f"{row['region_id']}, {row['before']:.1f} to {row['level']:.1f}: "
        if not row["cases"]:
            yield f"{change}too few past months with such a change to say."
            continue
        yield (
            f"{change}{row['cases']} past cases ({row['cases_before']:.1f} to {row['cases_level']:.1f} on average); "
            f"next door {row['next_door_before']:.1f} before, {row['next_door_during']:.1f} then, more in "
            f"{row['share_more']:.0%} of them."
        )


def _scenario_lines(result: pd.DataFrame, seen: ModelAtOrigin, ahead: int, release: str) -> Iterator[str]:
    from ..spillover.scenario import effects

    countries = result[(result["level"] == "country") & (result["month"] == "all")]
    shown = "place baseline scenario difference difference_low difference_high statement"
    yield f"Expected events in {ahead} months from {seen.problem.panel.months[-1]}:"
    yield table_text(countries, shown)
    yield "\nRegions that the scenario does not set, largest differences first:"
    yield table_text(effects(result), shown)
    if release:
        yield f"The baseline is the published forecast, {release}."
        return
    yield "The baseline is the path model's own: no release from these counts is as long. harmattan forecast makes one."
    if seen.model.scaled_by < 1:
        yield f"That model would explode and is scaled back, by {seen.model.scaled_by:.2f}: its levels are low."


def _write_scenario(result: pd.DataFrame, past: pd.DataFrame, inputs: Inputs, out: Path) -> list[str]:
    from ..release import csv_text
    from ..report import scenario_picture

    picture = scenario_picture(result, inputs.regions)
    texts = {"scenario.csv": csv_text(result), "past_changes.csv": csv_text(past), "scenario.svg": picture}
    return write_texts(texts, out)


@options("config theatre source panel regions layer month_rule links as_of out as_json quiet")
def analogues(
    settings: Settings,
    output: Output,
    region: Annotated[str, typer.Argument(help="The id of a region: ISO3, a hyphen, its name.")],
    out: Annotated[Path | None, "Folder for the cases and their summary (CSV)."] = None,
) -> None:
    """Show past region-months that looked like a region's last one, and what followed there and next door.

    Alike by its own events of 1, 3 and 12 months and those next door; a record of what happened, not a forecast.

    \b
    Examples:
      harmattan analogues REGION
      harmattan analogues REGION --as-of 2021-12 --json
    """
    from ..release import csv_text
    from ..spillover.analogues import find_analogues

    panel = panel_until(settings)
    found = find_analogues(panel, region)
    texts = {"analogues.csv": csv_text(found.cases), "analogues_summary.csv": csv_text(found.summary)}
    files = write_texts(texts, out) if out is not None else []
    document = {"origin": str(panel.last_month), "files": files, "summary": records(found.summary, 6)}
    document |= {"cases": records(found.cases, 6)}
    output.show(
        document, chain(_analogue_lines(panel, region, found), (f"Wrote {f}" for f in files)), indent=1
    )


def _analogue_lines(panel: Panel, region: str, found: Analogues) -> Iterator[str]:
    name = panel.names[panel.region_ids.index(region)]
    yield f"{len(found.cases)} past months most like {name} in {panel.last_month}, and the {panel.main} that followed:"
    yield table_text(found.summary, " ".join(map(str, found.summary.columns)))
    shown = "region_id month last_1 last_3 last_12 next_door_3 after_1 after_3 after_6 next_door_after_6"
    yield f"\nThe nearest ten:\n{table_text(found.cases.head(10), shown)}"
    if "next door" not in set(found.summary["place"]):
        yield "Nothing is said of next door: the panel has no links, or the region no neighbour."
