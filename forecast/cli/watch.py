"""``harmattan watch``: where violence may begin next, and who may bring it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...data.errors import UsageError, nearest
from ..settings import Settings
from .options import options
from .output import Output, records, write_texts

if TYPE_CHECKING:
    import pandas as pd

    from ..watch import WatchList

#: Rows that are printed of each list.
_SHOWN = 10


@options(
    "config theatre source panel regions "
    "layer month_rule links groups as_of group country out evaluate unseal dry_run as_json quiet"
)
def watch(
    settings: Settings,
    output: Output,
    dry_run: bool,
    group: Annotated[
        str | None, typer.Option(help="One armed group, by its key; any of them if left out.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Regions of one country, by its ISO3 code.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for all tables (CSV).")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Judge the method instead: rolling origins against its rivals.")
    ] = False,
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the vault: let --evaluate see months after 2022. Recorded.")
    ] = False,
) -> None:
    """Tell where violence may begin next, and which armed group may enter a region where it is not.

    For preparing and protecting, never for targeting: docs/do_no_harm.md says how to use a list.

    \b
    Examples:
      harmattan watch
      harmattan watch --group GROUP --country ISO3
      harmattan watch --as-of 2021-12 --json
      harmattan watch --evaluate --out evaluation
    """
    from ..watch import run_watch

    if unseal and not evaluate:
        raise UsageError("--unseal does nothing by itself.", "--unseal", "Give --evaluate as well.")
    if dry_run:
        plan = {"as_of": settings.as_of, "out": None if out is None else str(out)}
        return output.show(plan, f"Would {'judge' if evaluate else 'make'} watch lists.")
    if evaluate:
        return _evaluate(settings, unseal, out, output)
    with output.bar() as progress:
        found = run_watch(settings, progress=progress)
    lists, onsets = _chosen(found, group, country)
    files = [] if out is None else write_texts(_texts(found.tables), out)
    keys = zip(found.routes["group"], found.routes["region_id"], strict=True)
    asked = {*zip(lists["group"], lists["region_id"], strict=True), *(("", r) for r in onsets["region_id"])}
    document = {
        "origin": str(found.origin),
        "files": files,
        "watchlist": records(lists),
        "onsets": records(onsets),
        "routes": records(found.routes[[key in asked for key in keys]]),
        "notes": list(found.sentences),
    }
    output.show(document, _lines(found, lists, onsets), indent=1)


def _chosen(found: WatchList, group: str | None, country: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows asked for; a group or country that is not there is an error."""
    lists, onsets = found.watchlist, found.onsets
    known = sorted(set(lists["group"]))
    if group is not None and group not in known:
        raise UsageError(
            f"no list names '{group}'.", "--group", nearest(group, known) if known else "Leave it out."
        )
    here = sorted({*lists["country"], *onsets["country"]})
    if country is not None and country not in here:
        raise UsageError(f"no region of '{country}' is on a list.", "--country", nearest(country, here))
    if group is not None:
        lists = lists[lists["group"] == group]
    if country is not None:
        lists, onsets = lists[lists["country"] == country], onsets[onsets["country"] == country]
    return lists, onsets


def _lines(found: WatchList, lists: pd.DataFrame, onsets: pd.DataFrame) -> Iterator[str]:
    """Both lists in words."""
    from ...data.frames import rows_of
    from ..watch import in_words, numbers_supported, pressing_words

    entries, routes = numbers_supported(found.record, "entry"), found.routes
    yield f"Seen from {found.origin}; chances within six months."
    for name in dict.fromkeys(map(str, lists["group"])):
        table = lists[lists["group"] == name]
        yield ""
        yield f"Where {'any of the groups' if name == 'any' else name} may enter:"
        for row in rows_of(table.head(_SHOWN)):
            here = routes[(routes["group"] == name) & (routes["region_id"] == row.region_id)]
            away = f", pressed from {pressing_words(here)}" if len(here) else ""
            yield f"{row.rank:>4}. {row.region_id}: {in_words(row.p_6, entries)} ({row.record}{away})"
    yield ""
    yield "Where violence of any kind may begin after six quiet months:"
    for row in rows_of(onsets.head(_SHOWN)):
        yield f"{row.rank:>4}. {row.region_id}: {in_words(row.p_6, numbers_supported(found.record, 'onset'))}"
    if onsets.empty:
        yield "      none has been quiet for so long."
    if found.sentences:
        yield ""
        yield from found.sentences


def _evaluate(settings: Settings, unseal: bool, out: Path | None, output: Output) -> None:
    from ..watch import LAST_OPEN, evaluate, fits_of, lists_page

    with output.bar() as progress:
        fits = fits_of(settings, last=None if unseal else LAST_OPEN)
        first = max(fits.history.months[0] + 132, fits.history.months[-1] - 83)
        found = evaluate(fits, first, seed=settings.seed, progress=progress)
    texts = _texts({f"{n}.csv": t for n, t in found.tables.items()})
    files = [] if out is None else write_texts({**texts, "lists.md": lists_page(found.record)}, out)
    document = {
        "first_target": str(first),
        "last_target": str(fits.history.months[-1]),
        "unsealed": unseal,
        "files": files,
        **{name: records(table, 6) for name, table in found.tables.items()},
    }
    output.show(document, _score_lines(found.tables, document), indent=1)


def _score_lines(tables: dict[str, pd.DataFrame], document: dict[str, object]) -> Iterator[str]:
    opened = " (the vault was opened)" if document["unsealed"] else ""
    yield f"Targets {document['first_target']} to {document['last_target']}{opened}."
    columns = ["of", "group", "kind", "data_lag", "months", "forecast", "cases", "happened"]
    columns += ["auc", "ap", "log_skill", "ratio", "ratio_low", "ratio_high"]
    shown = {
        "Scores": tables["scores"][columns],
        "First entries at borders, by quarter": tables["quarters"],
        "Hits of lists": tables["lists"],
        "Said and came, by class": tables["classes"],
        "Expected and came, by year": tables["years"],
    }
    for title, table in shown.items():
        yield f"\n{title}:"
        yield table.to_string(index=False, float_format=lambda x: f"{x:.3f}", na_rep="")


def _texts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    return {name: table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()}
