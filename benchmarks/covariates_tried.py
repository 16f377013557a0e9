"""What rain and population gave in a back-test: `python benchmarks/covariates_tried.py ../shared/data/covariates`.

Each is a covariate of a scikit-learn member on the shipped counts, beside the same member without it. Target months end
in 2022-12; rain is known from 2021-01 on. Prints skill of the one with it against the one without.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

import harmattan
from harmattan.data.geography import region_slug
from harmattan.features import Ewm, Lag, Mean, Recipe, Sum

ISO3 = {"Burkina Faso": "BFA", "Mali": "MLI", "Niger": "NER", "Senegal": "SEN", "Benin": "BEN", "Togo": "TGO"}


def tables(folder: Path, known: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rain by month and population by region, on the package's regions, as far as names agree."""
    people = pd.read_csv(folder / "ocha_cod_ps_population_adm1.csv")
    people = people[people["country"].isin(ISO3)]
    people["region_id"] = [
        region_slug(ISO3[c], n) for c, n in zip(people["country"], people["adm1_name"], strict=True)
    ]
    people = people[people["region_id"].isin(known)].drop_duplicates("region_id")
    rain = pd.read_parquet(folder / "wfp_chirps_rainfall_dekadal_adm1.parquet")
    rain = rain[rain["version"] != "forecast"].merge(people[["PCODE", "region_id"]], on="PCODE")
    rain["month"] = pd.to_datetime(rain["date"]).dt.to_period("M").astype(str)
    rain = rain.groupby(["month", "region_id"], as_index=False).agg(
        rain=("rfh", "sum"), usual=("rfh_avg", "sum")
    )
    return rain, people[["region_id", "population"]]


def main(folder: Path) -> None:
    panel = harmattan.load_snapshot().panel.until("2022-12")
    rain, people = tables(folder, panel.region_ids)
    first, last = rain["month"].min(), rain["month"].max()
    print(f"rain: {rain['region_id'].nunique()} of {panel.shape[1]} regions, {first} to {last}")
    print(f"population: {len(people)} of {panel.shape[1]} regions, one figure each")
    whole = people.merge(pd.DataFrame({"month": panel.months.astype(str)}), how="cross")
    wet = panel.with_covariates(rain[rain["month"] <= "2022-12"], lag=1).with_covariates(whole, lag=0)
    plain = Recipe([Lag(0), Lag(1), Sum(3), Sum(12), Ewm(6), Ewm(36)])
    newest, usual = Lag(1, of="rain"), Lag(1, of="usual")
    recipes = {
        "plain": plain,
        "with_rain": Recipe([*plain, newest, usual, Mean(3, of=newest)]),
        "with_people": Recipe([*plain, Lag(0, of="population")]),
    }
    estimator = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.05,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=100,
        l2_regularization=20,
    )
    members = [harmattan.Regressor(estimator, features=r, name=n) for n, r in recipes.items()]
    for name, origins in (("rain known", ("2021-12", "2022-11")), ("all of 2018-22", ("2017-12", "2022-11"))):
        found = harmattan.backtest(
            wet,
            origins=origins,
            horizons=[1],
            members=["...", *members],
            workers=1,
            leave_one_out=True,
            countries=["BFA", "MLI", "NER", "SEN"] if name == "rain known" else (),
        )
        board = found.leaderboard.set_index("member")
        print(name, "\n", board[["crps", "skill_vs_best", "best_low", "best_high"]].round(4).to_string())
        for each in ("with_rain", "with_people"):
            print(found.compare(each, "plain").round(4).to_string(index=False))
        weights = found.weights.groupby("member")["weight"].mean()
        print(weights.round(3).to_dict())
        print(
            found.leave_one_out[
                ["left_out", "loss_without", "loss_without_low", "loss_without_high", "verdict"]
            ]
            .round(4)
            .to_string()
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
