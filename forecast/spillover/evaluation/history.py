"""Had it been run each month: what the method would have said, month by month, as one page with a picture."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ....data.frames import rows_of
from ....data.geography import country_name

#: Countries of the shipped theatre whose spread is asked for, and the years in question.
CASES = {"BFA": ("before 2018-2019", 2015, 2019), "BEN": ("before 2021-2022", 2018, 2022),
         "TGO": ("before 2021-2022", 2018, 2022)}  # fmt: skip
#: Countries that the picture shows of the shipped theatre; of another, so many of the most exposed.
SHOWN, MOST_SHOWN = ("BFA", "NER", "BEN", "TGO"), 4

YEAR_COLUMNS = (
    "country",
    "year",
    "origins",
    "source",
    "largest_share",
    "expected_events",
    "smallest_p",
    "first_signal",
    "signals",
)


def history_table(history: pd.DataFrame) -> pd.DataFrame:
    """One row per country and year: the strongest source, and what was said of its border.

    Parameters
    ----------
    history : pandas.DataFrame
        ``origin, source_country, target_country, events, share, p_holm, declared, distinguishable_from_shock``.

    Returns
    -------
    pandas.DataFrame
        ``country, year, origins, source, largest_share, expected_events`` (at that origin), ``smallest_p``,
        ``first_signal`` (first origin of the year with a declared border, empty where none), ``signals`` (origins).
    """
    rows = []
    by_year = history.assign(year=history["origin"].str[:4].astype(int))
    for (country, year), part in by_year.groupby(["target_country", "year"]):
        best = part.iloc[int(part["share"].to_numpy().argmax())]
        sure = part[part["declared"].astype(bool)]
        rows.append(
            {
                "country": country,
                "year": year,
                "origins": part["origin"].nunique(),
                "source": best["source_country"],
                "largest_share": float(best["share"]),
                "expected_events": float(best["events"]),
                "smallest_p": float(part["p_holm"].min()),
                "first_signal": str(sure["origin"].min()) if len(sure) else "",
                "signals": sure["origin"].nunique(),
            }
        )
    return pd.DataFrame(rows, columns=list(YEAR_COLUMNS))


def first_signals(history: pd.DataFrame) -> pd.DataFrame:
    """First origin at which each border was declared, ``source_country, target_country, origin``."""
    sure = history[history["declared"].astype(bool)]
    return sure.groupby(["source_country", "target_country"])["origin"].min().reset_index()


def shown_countries(history: pd.DataFrame) -> dict[str, str]:
    """Code and name of the countries to show: those of the shipped theatre, else those that most is traced to."""
    share = history.groupby("target_country")["share"].sum().sort_values(ascending=False)
    codes = [c for c in SHOWN if c in share.index] or [str(c) for c in share.index[:MOST_SHOWN]]
    return {c: country_name(c) for c in codes}


def _cases(history: pd.DataFrame) -> dict[str, tuple[str, int, int]]:
    """Countries whose years are told: those in question, else the whole record of those that are shown."""
    there = {c: case for c, case in CASES.items() if c in set(history["target_country"])}
    first, last = (int(str(origin)[:4]) for origin in (history["origin"].min(), history["origin"].max()))
    return there or dict.fromkeys(shown_countries(history), (f"{first}-{last}", first, last))


def history_page(history: pd.DataFrame, entries: pd.DataFrame, picture: str = "timeline.svg") -> str:
    """The page, in Markdown: picture, a table per country, and where each group's first events had been expected.

    Parameters
    ----------
    entries : pandas.DataFrame
        ``origin, group, region_id, country, rank_inflow, rank_next_door``: first events of armed groups.
    picture : str
        Address of the timeline.
    """
    origins = sorted(history["origin"].unique())
    lines = [
        f"# Had it been run each month, {origins[0]} to {origins[-1]}",
        "",
        f"The model refitted at each of {len(origins)} months, each time with the final counts up to then and none "
        "after; live, the newest counts would have been fewer. So many looks are not adjusted for: a verdict that "
        "comes and goes is no verdict.",
        "Shares are of the events expected within six months; p after Holm's adjustment over all borders.",
        "",
        f"![Share of expected events attributed to other countries]({picture})",
        "",
    ]
    for country, (when, first, last) in _cases(history).items():
        lines += [f"## {country_name(country)}, {when}", "", *_country(history, country, first, last)]
        lines += ["", *_arrivals(entries, country, first, last), ""]
    return "\n".join(lines).rstrip() + "\n"


def _country(history: pd.DataFrame, country: str, first: int, last: int) -> Iterator[str]:
    """A table of one country's years."""
    table = history_table(history[history["target_country"] == country])
    yield "| year | strongest source | its largest share | events then expected from it | smallest p | declared |"
    yield "|---|---|---|---|---|---|"
    for row in rows_of(table[table["year"].between(first, last)]):
        declared = (
            f"from {row.first_signal}, {row.signals} of {row.origins} months" if row.signals else "never"
        )
        source = country_name(row.source)
        yield (
            f"| {row.year} | {source} | {row.largest_share:.0%} | {row.expected_events:.1f} | {row.smallest_p:.2g} "
            f"| {declared} |"
        )


def _arrivals(entries: pd.DataFrame, country: str, first: int, last: int) -> Iterator[str]:
    """Where a group's first events in a region had stood in the quarter before."""
    years = entries["origin"].str[:4].astype(int)
    yield "Rank of each region, the quarter before a group first came, among border regions it had not reached:"
    yield ""
    yield "| quarter after | group | region | rank by expected inflow | rank by the group's recent events next door |"
    yield "|---|---|---|---|---|"
    for row in rows_of(entries[(entries["country"] == country) & years.between(first - 1, last)]):
        rank = "none expected" if pd.isna(row.rank_inflow) else _ordinal(int(row.rank_inflow))
        yield f"| {row.origin} | {row.group} | {row.region_id} | {rank} | {_ordinal(int(row.rank_next_door))} |"


def _ordinal(number: int) -> str:
    """A number as a rank.

    >>> [_ordinal(n) for n in (1, 2, 3, 4, 11, 22, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd', '113th']
    """
    tail = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"
