"""Write docs/replay.md: what the package says from August 2023, beside what followed. `make docs-replay` runs this."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from harmattan.data.geography import country_name
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.outlook import with_outlook
from harmattan.forecast.report import HEADLINE, shared_files
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings
from harmattan.forecast.watch.words import in_words

PAGE = Path(__file__).with_name("replay.md")
ORIGIN = pd.Period("2023-08", freq="M")
#: September to December 2023: all that is known of what followed.
AHEAD = (1, 2, 3, 4)
NAMED = ("MLI-timbuktu", "MLI-gao", "MLI-kidal", "MLI-mopti", "MLI-koulikoro", "MLI-bamako")
#: Whose border with which countries: the ring around Mali, then the way to the coast.
RING = {"BFA": ("MLI", "NER"), "NER": ("MLI", "BFA"), "BEN": ("BFA", "NER"), "TGO": ("BFA",)}


def border_regions(panel: Panel) -> list[str]:
    """Regions of the ring that share a border with the country that violence comes from."""
    assert panel.links is not None
    found = set()
    for row in panel.links.itertuples():
        for here, there in ((row.region_a, row.region_b), (row.region_b, row.region_a)):
            if str(there)[:3] in RING.get(str(here)[:3], ()):
                found.add(str(here))
    order = list(RING)
    return sorted(found, key=lambda r: (order.index(r[:3]), r))


def number(value: float) -> str:
    """Whole numbers from ten on, one digit below."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


class Table:
    """Forecast and outcome of some regions: events, or deaths."""

    def __init__(self, result: ForecastResult, truth: Panel, target: str = "events") -> None:
        self.truth, self.draws = truth, result.draws[target]
        self.rows = [truth.position(ORIGIN + h) for h in AHEAD]
        self.names = dict(zip(truth.region_ids, truth.names, strict=True))
        self.counts = truth.measure({"deaths": "deaths_best"}.get(target, target), fill=0)

    def at(self, regions: list[str]) -> list[int]:
        """Where regions stand in the draws."""
        return [self.draws.region_ids.index(r) for r in regions]

    def line(self, label: str, regions: list[str]) -> tuple[str, str]:
        """Four months together for one region, or for several as one, and where the outcome lay."""
        values = self.draws.values[:, :, self.at(regions)][:, : len(AHEAD)].sum(axis=(1, 2))
        low, high = np.quantile(values, [0.1, 0.9], method="inverted_cdf")
        columns = [self.truth.region_ids.index(r) for r in regions]
        came = self.counts[self.rows][:, columns].sum()
        last = self.truth.position(ORIGIN)
        before = self.counts[last - 3 : last + 1, columns].sum()
        year_ago = self.counts[last - 11 : last + 1, columns].sum() / 3
        mean = self.draws.mean()[: len(AHEAD)][:, self.at(regions)].sum()
        where = "yes" if low <= came <= high else ("above" if came > high else "below")
        cells = (
            label,
            number(before),
            number(year_ago),
            number(mean),
            f"{low:.0f} to {high:.0f}",
            f"**{came:.0f}**",
            where,
        )
        return "| " + " | ".join(cells) + " |", where

    def four_months(self, regions: list[str], country: bool = False) -> tuple[str, dict[str, list[str]]]:
        """One row per region, and the names of those inside, above and below."""
        found: dict[str, list[str]] = {"yes": [], "above": [], "below": []}
        lines = [HEAD_SUM, RULE_SUM]
        for region in regions:
            label = f"{self.names[region]} ({country_name(region[:3])})" if country else self.names[region]
            text, where = self.line(label, [region])
            lines.append(text)
            found[where].append(self.names[region])
        return "\n".join(lines), found

    def by_month(self, regions: list[str]) -> str:
        """Mean, interval and outcome, month by month."""
        mean, (low, high) = self.draws.mean(), self.draws.quantile([0.1, 0.9])
        months = [str(ORIGIN + h) for h in AHEAD]
        lines = ["| region | " + " | ".join(months) + " |", "|---|" + "---|" * len(months)]
        for region, i in zip(regions, self.at(regions), strict=True):
            column = self.truth.region_ids.index(region)
            cells = [
                f"{number(mean[h, i])} ({low[h, i]} to {high[h, i]}), came **{self.counts[r, column]:.0f}**"
                for h, r in enumerate(self.rows)
            ]
            lines.append(f"| {self.names[region]} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


HEAD_SUM = (
    "| region | May to Aug 2023 | a third of the year before | expected Sep to Dec | 80 % interval "
    "| came | inside |"
)
RULE_SUM = "|---|---|---|---|---|---|---|"


def missed(found: dict[str, list[str]]) -> str:
    """Which outcomes lay outside, in words."""
    said = [f"{', '.join(found[w])} lay {w}" for w in ("above", "below") if found[w]]
    return f"{'; '.join(said)}." if said else "None lay outside."


def borders(result: ForecastResult) -> str:
    """Borders with some evidence or more."""
    pairs = result.pairs
    said = pairs[pairs["grade"].isin(["strong", "some"])]
    lines = ["| from | to | evidence | permeability | p after Holm |", "|---|---|---|---|---|"]
    for row in said.itertuples():
        source, target = country_name(str(row.source_country)), country_name(str(row.target_country))
        lines.append(f"| {source} | {target} | {row.grade} | {row.permeability:.1f} | {row.p_holm:.4f} |")
    return "\n".join(lines) if len(said) else "No border showed evidence at this origin."


def first_screen(result: ForecastResult) -> str:
    """The report's own sentences, quoted."""
    text = shared_files(result)[HEADLINE]
    assert isinstance(text, str)
    lines = [
        line.replace("## ", "**", 1) + "**" if line.startswith("## ") else line for line in text.splitlines()
    ]
    return "\n".join(f"> {line}".rstrip() for line in [f"**{lines[0][2:]}**", *lines[1:]])


def came_in(truth: Panel, region: str, measure: str = "events") -> float:
    """What came in one region from September to December."""
    rows = [truth.position(ORIGIN + h) for h in AHEAD]
    return float(truth.measure(measure, fill=0)[rows, truth.region_ids.index(region)].sum())


def warned(result: ForecastResult, truth: Panel) -> str:
    """The places of the first screen, and what came there."""
    lines = [
        "| rank | list | place | a third of the year before | came Sep to Dec |",
        "|---|---|---|---|---|",
    ]
    for row in result.warnings.to_dict("records"):
        year = float(row["year"]) * len(AHEAD) / 3  # ``year`` is a quarter of it.
        place = f"{row['name']} ({country_name(row['country'])})"
        came = came_in(truth, row["region_id"])
        lines.append(f"| {row['rank']} | {row['class']} | {place} | {number(year)} | **{came:.0f}** |")
    return "\n".join(lines)


def watched(result: ForecastResult, truth: Panel) -> str:
    """The five highest of every group's list, and whether the group came within the four months that are known."""
    rows = result.watch["watchlist.csv"]
    rows = rows[rows["p_6"].notna()].sort_values(["group", "rank"]).groupby("group").head(5)
    lines = ["| group | rank | region | within 6 months | came Sep to Dec |", "|---|---|---|---|---|"]
    labels = result.actors.drop_duplicates("group").set_index("group")["label"]
    for row in rows.to_dict("records"):
        group, region = str(row["group"]), str(row["region_id"])
        measure = "events" if group == "any" else f"events_{group}"
        came = came_in(truth, region, measure) if measure in truth.measures else float("nan")
        name = f"{truth.names[truth.region_ids.index(region)]} ({country_name(region[:3])})"
        said, label = in_words(float(row["p_6"])), "any group" if group == "any" else labels.get(group, group)
        lines.append(f"| {label} | {row['rank']} | {name} | {said} | **{came:.0f}** |")
    return "\n".join(lines)


def groups(result: ForecastResult, truth: Panel, regions: list[str]) -> str:
    """Who was recorded in the regions of this page, before and after."""
    rows = result.actors[result.actors["region_id"].isin(regions) & (result.actors["events_12"] > 0)]
    lines = [
        "| group | region | 12 months to August | a third of them | came Sep to Dec |",
        "|---|---|---|---|---|",
    ]
    for row in rows.sort_values("events_12", ascending=False).head(15).to_dict("records"):
        place = f"{row['name']} ({country_name(row['country'])})"
        came = came_in(truth, row["region_id"], f"events_{row['group']}")
        third = number(row["events_12"] / 3)
        lines.append(f"| {row['label']} | {place} | {row['events_12']} | {third} | **{came:.0f}** |")
    return "\n".join(lines)


def counts_of_2023(truth: Panel) -> dict[str, float]:
    """What UCDP counts for Mali in 2023."""
    at = [i for i, c in enumerate(truth.countries) if c == "MLI"]
    year = slice(truth.position("2023-01"), truth.position("2023-12") + 1)
    return {n: float(truth.measure(n, fill=0)[year][:, at].sum()) for n in truth.measures}


def page(result: ForecastResult, truth: Panel) -> str:
    """The whole page."""
    table, ring = Table(result, truth), border_regions(truth)
    named, inside_named = table.four_months(list(NAMED))
    around, inside_ring = table.four_months(ring, country=True)
    mali = [r for r, c in zip(truth.region_ids, truth.countries, strict=True) if c == "MLI"]
    dead, (dead_named, _) = (
        Table(result, truth, "deaths"),
        Table(result, truth, "deaths").four_months([*NAMED]),
    )
    countries, deaths = (
        [
            each.line(name, [r for r, c in zip(truth.region_ids, truth.countries, strict=True) if c == code])[
                0
            ]
            for code, name in (
                ("MLI", "Mali"),
                ("BFA", "Burkina Faso"),
                ("NER", "Niger"),
                ("BEN", "Benin"),
                ("TGO", "Togo"),
            )
        ]
        for each in (table, dead)
    )
    year = counts_of_2023(truth)
    assert len(mali) == 9
    return TEXT.format(
        named=named,
        inside_named=len(inside_named["yes"]),
        missed=missed(inside_named),
        all_named=len(NAMED),
        monthly=table.by_month(list(NAMED)),
        around=around,
        inside_ring=len(inside_ring["yes"]),
        missed_ring=missed(inside_ring),
        all_ring=len(ring),
        countries="\n".join([HEAD_SUM.replace("region", "country", 1), RULE_SUM, *countries]),
        dead_countries="\n".join([HEAD_SUM.replace("region", "country", 1), RULE_SUM, *deaths]),
        dead_named=dead_named,
        first_screen=first_screen(result),
        warned=warned(result, truth),
        watched=watched(result, truth),
        groups=groups(result, truth, [*NAMED, *ring]),
        facts="\n".join(
            f"- {row.text}"
            for row in result.facts.itertuples()
            if row.level == "country" or row.kind != "civilians"
        ),
        borders=borders(result),
        events=f"{year['events']:.0f}",
        deaths=f"{year['deaths_best']:,.0f}",
        islamist=f"{sum(year.get(f'events_{g}', 0.0) for g in ('jnim', 'islamic_state', 'jnim_vs_is')):.0f}",
    )


TEXT = (Path(__file__).with_name("replay.template.txt")).read_text(encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=0, help="processes; changes no number")
    chosen = parser.parse_args()
    settings = Settings.load({"as_of": str(ORIGIN), "workers": chosen.workers}, environ={})
    PAGE.write_text(page(with_outlook(run_forecast(settings)), load_snapshot().panel), encoding="utf-8")
