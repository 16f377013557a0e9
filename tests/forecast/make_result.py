"""A small finished forecast of real shape, from a seeded world: for tests of releases, tables and reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import shapely

from harmattan.data.panel import Panel
from harmattan.forecast.outlook import judge, with_outlook
from harmattan.forecast.parts import choose_parts, draw_parts, record_of
from harmattan.forecast.result import ForecastResult
from harmattan.training.diffusion.border_signal import SHARED, WEAK
from harmattan.training.distribution import Draws
from harmattan.training.evaluation.case_scores import measure
from harmattan.training.evaluation.parts import SHARE_SKILL
from harmattan.training.evaluation.reliability import (
    ForecastRecord,
    rehearsal,
    reliability_table,
    score_forecasts,
)
from harmattan.training.evaluation.scores import escalation_level
from harmattan.training.margins import empirical, negative_binomial, stack

HORIZONS = (1, 2, 3, 4, 5, 6)
FAMILIES = ("own history", "domestic neighbours", "across the border", "country", "calendar", "baseline")
#: Column and row of each region's cell on a grid, by country.
CELLS = {
    "MLI": [("North", 0, 2), ("Centre", 0, 1), ("South", 0, 0), ("Delta", 1, 2), ("Plateau", 1, 1)],
    "BFA": [("Sahel", 1, 0), ("Nord", 2, 1), ("Est", 2, 0)],
    "NER": [("West", 2, 2), ("River", 3, 2), ("East", 4, 2), ("Lake", 4, 1)],
    "BEN": [("Alibori", 3, 1), ("Coast", 3, 0)],
}
HOSTILE = "<img src=x onerror=\"window.hit=1\"></script><script>window.hit=1</script> & 'q' \u2028 =1+1"


@dataclass(frozen=True)
class GridRegions:
    """Square regions on a grid, with what a report asks of real ones."""

    frame: pd.DataFrame
    geometry: np.ndarray
    links: pd.DataFrame


def grid_regions(hostile: bool = False) -> GridRegions:
    """Fourteen cells of 1.5 degrees in four countries; one of them with a hostile name on request."""
    rows = sorted(
        (f"{country}-{name.lower()}", name, country, column, row)
        for country, cells in CELLS.items()
        for name, column, row in cells
    )
    frame = pd.DataFrame(rows, columns=["region_id", "name", "country", "column", "row"])
    if hostile:
        frame.loc[frame.region_id == "MLI-centre", "name"] = HOSTILE
    boxes = np.array(
        [
            shapely.box(1.5 * c - 5, 1.5 * r + 11, 1.5 * c - 3.5, 1.5 * r + 12.5)
            for c, r in zip(frame.column, frame.row, strict=True)
        ],
        dtype=object,
    )
    pairs = [
        (frame.region_id[i], frame.region_id[j], 160.0, frame.country[i] != frame.country[j])
        for i in range(len(frame))
        for j in range(i + 1, len(frame))
        if abs(frame.column[i] - frame.column[j]) + abs(frame.row[i] - frame.row[j]) == 1
    ]
    links = pd.DataFrame(pairs, columns=["region_a", "region_b", "border_km", "crosses_border"])
    frame["layer"], frame["valid_from"], frame["valid_to"] = "grid", None, None
    return GridRegions(frame.drop(columns=["column", "row"]), boxes, links)


def make_panel(regions: GridRegions, origin: str, rng: np.random.Generator) -> Panel:
    """Five years of counts: Mali's centre and Burkina Faso violent, the coast all but quiet."""
    months = pd.period_range(end=origin, periods=60, freq="M")
    level = regions.frame.country.map({"MLI": 4.0, "BFA": 3.0, "NER": 0.8, "BEN": 0.08}).to_numpy()
    level = level * np.exp(rng.normal(0, 0.6, len(level)))
    events = rng.poisson(level * np.linspace(0.4, 1.2, len(months))[:, None])
    deaths = rng.poisson(3.0 * events)
    frame = pd.DataFrame(
        {
            "month": np.repeat(months.astype(str), len(level)),
            "region_id": np.tile(regions.frame.region_id, len(months)),
            "name": np.tile(regions.frame.name, len(months)),
            "country": np.tile(regions.frame.country, len(months)),
            "events": events.ravel(),
            "deaths_best": deaths.ravel(),
        }
    )
    return Panel.from_frame(frame, regions.links, source="a simulated world")


def make_draws(panel: Panel, target: str, rng: np.random.Generator, draws: int = 200) -> Draws:
    """Overdispersed counts around each region's last twelve months, drifting upwards in a few."""
    recent = np.nan_to_num(panel.target(target)[-12:].mean(axis=0)) + 0.05
    drift = 1 + 0.12 * np.arange(len(HORIZONS))[:, None] * (np.arange(len(recent)) % 3 - 0.6)
    mean = recent * np.clip(drift, 0.4, None)
    shared = rng.gamma(8.0, 1 / 8.0, size=(draws, len(HORIZONS), 1))
    values = rng.poisson(mean * shared * rng.gamma(4.0, 0.25, size=(draws, *mean.shape)))
    return Draws(values.astype(np.int32), panel.last_month, HORIZONS, panel.region_ids, target)


def make_pairs(panel: Panel, declared: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Every directed pair of neighbours; Mali to Burkina Faso and to Niger declared on request."""
    assert panel.links is not None
    country = dict(zip(panel.region_ids, panel.countries, strict=True))
    across = panel.links[panel.links.crosses_border]
    pairs = {(country[a], country[b]) for a, b in zip(across.region_a, across.region_b, strict=True)}
    rows = []
    for source, target in sorted(pairs | {(b, a) for a, b in pairs}):
        yes = declared and source == "MLI" and target in ("BFA", "NER")
        p = 0.0004 if yes else float(rng.uniform(0.2, 1.0))
        beta = 0.45 if yes else 0.02
        found = (0.01, SHARED) if yes else (np.nan, WEAK)
        rows.append((source, target, beta, beta / 3, 12.6 if yes else 0.3, p, min(1.0, 10 * p), yes, *found))
    names = [
        "permeability",
        "coefficient",
        "lr_statistic",
        "p_value",
        "p_holm",
        "declared",
        "p_permuted",
        "verdict",
    ]
    return pd.DataFrame(rows, columns=["source_country", "target_country", *names])


def make_spillover(panel: Panel, draws: Draws, pairs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Shares and risk differences per source, region, cumulated months and threshold."""
    country = dict(zip(panel.region_ids, panel.countries, strict=True))
    rows = []
    for pair in pairs.itertuples():
        for b, region in enumerate(panel.region_ids):
            if country[region] != pair.target_country:
                continue
            direct = float(rng.uniform(0.05, 0.3)) if pair.declared else 0.002
            total = min(1.0, direct * 1.3)
            for horizon in (1, 3, 6):
                sums = draws.values[:, :horizon, b].sum(axis=1)
                for threshold in (1, 5, 25):
                    risk = float((sums >= threshold).mean())
                    difference = risk * total * 0.5 if pair.declared else 0.001
                    cut = max(risk - difference, 0.0)
                    statement = "model-attributed" if pair.declared else "no measurable signal"
                    border = (0.41, True, "Nigeria") if pair.target_country == "NER" else (1.0, False, "")
                    what = (pair.source_country, region, pair.target_country, horizon, threshold)
                    risks = (risk, cut, risk - cut, risk)
                    rows.append((*what, direct, total, *risks, pair.declared, statement, *border))
    names = (
        "source_country target_region target_country horizon threshold share_direct share_total "
        "risk_factual risk_cut risk_difference pool_risk declared statement observed_border_share "
        "partly_blind blind_towards"
    )
    return pd.DataFrame(rows, columns=names.split())


def make_scores() -> pd.DataFrame:
    """Scores of four members at three horizons, both targets: the pool ahead, by less as months pass."""
    gains = {"conflictology": 0.0, "endemic-epidemic": 0.05, "boosting": 0.07, "pool": 0.08}
    coverage = (0.51, 0.81, 0.885)
    rows = []
    for target, base, less in (("events", 0.41, 0.0), ("deaths", 2.1, 0.06)):
        for step, horizon in enumerate((1, 3, 6)):
            for member, gain in gains.items():
                skill = gain - (0.015 * step + less) * (gain > 0)
                width = 0.03 * (gain > 0)
                crps = base * (1 + 0.05 * step) * (1 - skill)
                rows.append(
                    (target, member, horizon, 168, crps, skill, skill - width, skill + width, *coverage)
                )
    names = "target member horizon cases crps skill_vs_conflictology skill_low skill_high"
    return pd.DataFrame(rows, columns=[*names.split(), "coverage_50", "coverage_80", "coverage_90"])


def make_told(panel: Panel, target: str, horizon: int, rng: np.random.Generator) -> ForecastRecord:
    """Twelve forecasts of the last months, about as good as a count's own past allows."""
    counts = panel.target(target).astype(float)
    last = len(counts) - 1
    rows = np.arange(last - 11, last + 1) - horizon
    recent = [counts[row - 11 : row + 1] for row in rows]
    origins = [panel.months[row] for row in rows]
    observed = counts[rows + horizon]
    history = np.stack(recent)
    means, grown = history.mean(axis=1), escalation_level(history)
    values = measure(negative_binomial(means + 0.1, np.array(4.0)), observed, grown)
    plain = measure(stack([empirical(window) for window in recent]), observed, grown)["crps_exact"]
    return score_forecasts(
        target, horizon, origins, panel.region_ids, values, plain, observed, rng, history=history
    )


def make_judged(panel: Panel, rng: np.random.Generator) -> pd.DataFrame:
    """The last month against draws around the year before it."""
    mean = panel.target("events")[-13:-1].mean(axis=0)
    values = rng.poisson(mean * rng.gamma(8.0, 1 / 8.0, size=(200, 1)))
    last = panel.last_month
    return judge(
        values, mean, panel.region_ids, panel.countries, panel.target("events")[-1], (last - 1, last)
    )


def make_contributions(draws: Draws, rng: np.random.Generator) -> pd.DataFrame:
    """Each region's mean, split at random into families, own history the largest on the whole."""
    weight = np.array([4.0, 1.5, 1.0, 0.5, 0.2, 0.8])
    shares = rng.dirichlet(weight, size=len(draws.region_ids))
    mean = draws.mean()
    rows = [
        (region, horizon, family, float(mean[h, b] * shares[b, f]))
        for b, region in enumerate(draws.region_ids)
        for h, horizon in enumerate(draws.horizons)
        for f, family in enumerate(FAMILIES)
    ]
    return pd.DataFrame(rows, columns=["region_id", "horizon", "family", "value"])


def make_result(
    seed: int = 7, *, origin: str = "2023-12", declared: bool = True, hostile: bool = False, **changes: Any
) -> ForecastResult:
    """A whole result; ``declared`` switches the border signal, ``hostile`` one region's name."""
    made = _made(seed, origin, declared, hostile)
    own = {name: value.copy() for name, value in vars(made).items() if isinstance(value, pd.DataFrame)}
    return replace(made, **{**own, **changes})


@cache
def _made(seed: int, origin: str, declared: bool, hostile: bool) -> ForecastResult:
    rng = np.random.default_rng(seed)
    regions = grid_regions(hostile)
    panel = make_panel(regions, origin, rng)
    draws = {target: make_draws(panel, target, rng) for target in ("events", "deaths")}
    pairs = make_pairs(panel, declared, rng)
    told = {(t, h): make_told(panel, t, h, rng) for t in draws for h in (1, 3, 6)}
    fields: dict[str, Any] = {
        "origin": panel.last_month,
        "horizons": HORIZONS,
        "panel": panel,
        "regions": regions,
        "draws": draws,
        "countries": {target: d.total(panel.countries) for target, d in draws.items()},
        "spillover": make_spillover(panel, draws["events"], pairs, rng),
        "pairs": pairs,
        "scores": make_scores(),
        "contributions": make_contributions(draws["events"], rng),
        "coverage_note": pd.DataFrame(
            [(c, "2019-01", origin) for c in CELLS], columns=["country", "first_month", "last_month"]
        ),
        "unseen": pd.DataFrame(
            [("BEN", "TGO", 112.0), ("BFA", "GHA", 87.0), ("NER", "NGA", 1421.0)],
            columns=["country", "towards", "km"],
        ),
        "ledger": pd.DataFrame(
            [("placed", 1200, 3600), ("imprecise_place", 40, 90), ("read", 1240, 3690)],
            columns=["outcome", "events", "deaths_best"],
        ),
        "run_date": (panel.last_month + 1).end_time.date(),
        "seed": seed,
        "banner": "Demonstration on data to 2023-12, not current.",
        "level": "amber",
        "settings": {"draws": 200},
        "package_version": "0.1.0",
        "data_hash": panel.digest(),
        "timings": {"fit": 1.0},
        "reliability": reliability_table(told.values()),
        "rehearsal": rehearsal(told["events", 1]),
        "model": {"name": "fitted at the origin", "trained_to": origin},
    }
    fields["judged"] = make_judged(panel, np.random.default_rng(seed))
    return with_outlook(ForecastResult(**fields))


@cache
def make_divided() -> ForecastResult:
    """The same with two types and two groups, of which the second has three events in Benin."""
    plain = make_result()
    events = np.nan_to_num(plain.panel.measure("events"))
    south = np.array([c == "BEN" for c in plain.panel.countries])
    adf, m23 = np.floor(0.6 * events), np.floor(0.3 * events) * ~south
    first = np.flatnonzero(south)[0]
    m23[np.flatnonzero(events[:, first])[:3], first] = 1
    adf = np.minimum(adf, events - m23).clip(0)
    civil = np.floor(0.5 * events)
    more = {"events_one_sided": civil, "events_state_based": events - civil, "events_adf": adf}
    more |= {"events_m23": m23, "against_civilians_adf": np.floor(adf / 4)}
    panel = replace(plain.panel, measures={**plain.panel.measures, **more})
    chosen = choose_parts(panel, ("events",))
    draws = {"events": plain.draws["events"]}
    parts = draw_parts(chosen, panel, plain.origin, draws, 1)
    scores = {"target": "events_adf", "member": "pool", "horizon": 1, "crps": 0.4}
    scores |= {"skill_vs_conflictology": 0.08, "skill_low": 0.01, "skill_high": 0.1}
    scores |= dict(zip(SHARE_SKILL, (0.02, -0.01, 0.05), strict=True))
    result = replace(
        plain,
        panel=panel,
        draws={**plain.draws, **parts},
        settings={**plain.settings, "targets": ["events", "deaths"]},
        part_scores=pd.DataFrame([scores]),
        **record_of(panel),
    )
    return result.of_countries()
