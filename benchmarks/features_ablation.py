"""What each group of features is worth: mean CRPS without it, or with it added.

Run by hand:  python benchmarks/features_ablation.py [--trees 80] [--seeds 5 6] [--only GROUP ...]

Snapshot, target ``events``, the 55 monthly origins 2017-12 to 2022-06, horizons 1, 3 and 6, regions of Mali, Burkina
Faso, Niger, Benin and Togo; no target after 2022-12. LightGBM (Poisson, the mean of some seeds) on an offset, the log
of the region's exponential mean with a half-life of six months, refitted every December on what was known; then a
negative binomial whose dispersion by level is fitted to the last two years of training. Not the package's best model,
but the same for every row. ``+-`` is the standard error of the mean difference to the first row, over blocks of six
months.
"""

from __future__ import annotations

import argparse

import lightgbm as lgb
import numpy as np
import pandas as pd
import scoringrules as sr

from harmattan.data.snapshot import load_snapshot
from harmattan.features import (
    Calendar,
    Ewm,
    FeatureCube,
    Lag,
    Log1p,
    Max,
    Mean,
    NearestActive,
    Neighbours,
    Recipe,
    Share,
    Static,
    Sum,
    Term,
    Trend,
)
from harmattan.features.terms import with_places

COUNTRIES = ("MLI", "BFA", "NER", "BEN", "TGO")
ORIGINS = pd.period_range("2017-12", "2022-06", freq="M")
HORIZONS = (1, 3, 6)
OFFSET = "events_ewm6"
EDGES = (0.2, 0.5, 2.0, 5.0)

TRIED: dict[str, list[Term]] = {
    "+ rainy season and Ramadan": [Calendar("rainy_season"), Calendar("ramadan"), Calendar("month_sin")],
    "+ steps to the nearest activity abroad": [NearestActive(3), NearestActive(12)],
    "+ km to the nearest activity abroad": [NearestActive(3, measured_in="km")],
    "+ place (km to border, to capital, km2)": [
        Static("km_to_border"),
        Static("km_to_capital"),
        Static("area_km2"),
    ],
    "+ coordinates": [Static("longitude"), Static("latitude")],
    "+ more lags (6-10, 12, 23)": [Lag(k) for k in (6, 7, 8, 9, 10, 12, 23)],
    "+ more windows (2, 4, 9, 18, 36)": [Sum(w) for w in (2, 4, 9, 18, 36)],
    "+ logs of means": [Log1p(of=Ewm(h)) for h in (1.5, 24.0)] + [Log1p(of=Mean(36))],
    "+ trends (1:6, 6:24)": [Trend(1, 6), Trend(6, 24), Max(3)],
    "+ late events of neighbours": [
        Neighbours(of=Lag(0, of="late_events"), across_border=s) for s in (True, False)
    ],
    "+ groups across the border": [
        Neighbours(of=Ewm(6.0, of=f"events_{g}"), across_border=s)
        for g in ("jnim", "islamic_state")
        for s in (True, False)
    ],
    "+ deaths of neighbours": [
        Neighbours(of=Ewm(3.0, of="deaths_best"), across_border=s) for s in (True, False)
    ],
    "+ shares over 3 months": [Share(s, 3) for s in ("one_sided", "state_based", "jnim", "islamic_state")],
}


def groups(cube: FeatureCube) -> dict[str, list[str]]:
    """Names to leave out, by what they have in common."""
    made: dict[str, list[str]] = {}
    for name, family in zip(cube.names, cube.families, strict=True):
        made.setdefault(f"- {family}", []).append(name)
    own = made["- own history"]
    made["- lags"] = [n for n in own if "_lag" in n]
    made["- windows"] = [n for n in own if "_sum" in n or "_max" in n or "_active" in n or "_trend" in n]
    made["- exponential means"] = [n for n in own if "_ewm" in n]
    made["- deaths"] = [n for n in cube.names if n.startswith("deaths")]
    made["- second order"] = [n for n in cube.names if n.startswith(("home2", "abroad2"))]
    made["- active border"] = [n for n in cube.names if "border_active" in n or n == "border_abroad"]
    made["- all neighbours"] = made["- across the border"] + made["- domestic neighbours"]
    del made["- own history"]
    return made


def scores(
    cube: FeatureCube, names: list[str], regions: list[str], trees: int, seeds: list[int]
) -> np.ndarray:
    """CRPS, (horizons, origins, regions)."""
    out = np.empty((len(HORIZONS), len(ORIGINS), len(regions)))
    part = cube.select(names)
    for k, horizon in enumerate(HORIZONS):
        for year in sorted(set(ORIGINS.year)):
            refit = pd.Period(f"{year - 1}-12", "M") if year > 2017 else ORIGINS[0]
            now = [o for o in ORIGINS if o.year == year]
            past = cube.training_origins(refit, horizon, first="2008-12")
            out[k, [ORIGINS.get_loc(o) for o in now]] = one_year(
                cube, part, past, now, horizon, regions, trees, seeds
            )
    return out


def one_year(cube, part, past, now, horizon, regions, trees, seeds) -> np.ndarray:
    """CRPS of one year's origins, (origins, regions)."""
    train, test = part.design(past, horizon, known=True), part.design(now, horizon, regions=regions)
    level = [
        np.log(0.05 + cube.select([OFFSET]).design(o, horizon, known=f, regions=r).X.to_numpy()[:, 0])
        for o, f, r in ((past, True, None), (now, False, regions))
    ]
    settings = {
        "objective": "poisson", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 60,
        "feature_fraction": 0.6, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0,
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    data = lgb.Dataset(train.X.to_numpy(), train.y.to_numpy(), init_score=level[0], free_raw_data=False)
    boosters = [lgb.train({**settings, "seed": seed}, data, num_boost_round=trees) for seed in seeds]
    fitted, mean = (
        np.exp(level[i] + np.mean([b.predict(x.to_numpy(), raw_score=True) for b in boosters], axis=0))
        for i, x in enumerate((train.X, test.X))
    )
    recent = train.index.get_level_values("origin") >= past[-24]
    size = dispersion(train.y.to_numpy()[recent], fitted[recent])[np.digitize(mean, EDGES)]
    crps = sr.crps_negbinom(test.y.to_numpy(), size, size / (size + mean))
    return np.asarray(crps).reshape(len(now), len(regions))


def dispersion(events: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Size of the negative binomial per level, by moments, shrunk to all."""

    def size(y: np.ndarray, m: np.ndarray) -> float:
        excess = ((y - m) ** 2 - m).sum() / (m**2).sum()
        return 1 / min(max(excess, 0.02), 20.0)

    at, every = np.digitize(mean, EDGES), size(events, mean)
    return np.array(
        [
            size(events[at == b], mean[at == b]) if (at == b).sum() > 50 else every
            for b in range(len(EDGES) + 1)
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", type=int, default=80)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6])
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    snapshot = load_snapshot()
    panel = with_places(snapshot.panel, snapshot.regions.geometry)
    extra = [t for terms in TRIED.values() for t in terms]
    base = Recipe.default()
    cube = (base + [t for t in extra if t.name not in base.names]).build(panel)
    regions = [r for r, c in zip(panel.region_ids, panel.countries, strict=True) if c in COUNTRIES]
    names = list(base.names)
    cases = {"default recipe": names}
    default = cube.select(names)
    cases |= {g: [n for n in names if n not in out] for g, out in groups(default).items()}
    cases |= {g: names + [t.name for t in terms if t.name not in names] for g, terms in TRIED.items()}
    if args.only:
        cases = {k: v for k, v in cases.items() if k == "default recipe" or any(w in k for w in args.only)}
    print(f"{'features':42s}  n   " + "   ".join(f"h={h} CRPS  change %      " for h in HORIZONS))
    reference = None
    for label, chosen in cases.items():
        found = scores(cube, chosen, regions, args.trees, args.seeds)
        reference = found if reference is None else reference
        cells = []
        for k in range(len(HORIZONS)):
            change = 100 * (found[k] - reference[k]).mean(axis=1) / reference[k].mean()
            blocks = np.array([b.mean() for b in np.array_split(change, len(ORIGINS) // 6)])
            cells.append(
                f"{found[k].mean():.4f}  {change.mean():+6.2f} +-{blocks.std() / len(blocks) ** 0.5:.2f}"
            )
        print(f"{label:42s} {len(chosen):3d}  " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    main()
