"""What a served model says of a table is what it publishes from the files, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from harmattan import Recipe, Regressor, load_snapshot
from harmattan.data.errors import ModelError, SchemaError
from harmattan.data.panel import CellCounts, Panel
from harmattan.features import Lag, Mean, Sum
from harmattan.forecast.formats import checked_hub_table
from harmattan.forecast.inputs import Inputs
from harmattan.forecast.run import run_forecast
from harmattan.forecast.serving import save
from harmattan.forecast.settings import Settings
from harmattan.training.surroundings import Surroundings
from harmattan.training.trained_model import SURROUNDINGS, TrainedModel

TRUSTED = ("sklearn.ensemble.HistGradientBoostingRegressor",)
WET = Lag(1, of="rain")
RAIN = pd.DataFrame(
    {
        "month": pd.period_range("1989-01", "2023-11", freq="M").astype(str),
        "country": "NER",
        "rain": np.random.default_rng(8).gamma(2, 30, 419).round(1),
    }
)


def placed_panel() -> tuple[Panel, Panel]:
    """Regions of four countries with their cells and rain, some months of them unobserved, and one to learn from."""
    snapshot = load_snapshot()
    panel = snapshot.panel.select(countries=["BEN", "BFA", "NER", "TGO"])
    seen = np.array(panel.observed)
    seen[:60, ::3] = False
    panel = replace(
        panel, observed=seen, measures={n: np.where(seen, v, np.nan) for n, v in panel.measures.items()}
    )
    assert snapshot.training is not None
    elsewhere = snapshot.training.with_covariates(RAIN.assign(country="NGA"), lag={"rain": 1}, carry=True)
    return panel.with_covariates(RAIN, lag={"rain": 1}), elsewhere


def test_cells_are_read_from_a_table_as_they_were() -> None:
    panel, _ = placed_panel()
    assert panel.cells is not None
    table = panel.to_frame(cells=True).sample(frac=1, random_state=1)
    columns = table["cells"], table["month"], table["region_id"]
    again = CellCounts.from_texts(*columns, panel, panel.cells.home)
    for name in ("month", "region", "cell"):
        np.testing.assert_array_equal(getattr(again, name), getattr(panel.cells, name))
    for name, counts in again.measures.items():
        np.testing.assert_array_equal(counts, panel.cells.measures[name], name)
    assert all(not panel.cells.measures[n].any() for n in panel.cells.measures.keys() - again.measures.keys())
    with pytest.raises(SchemaError, match="'2 events' names no cells"):
        CellCounts.from_texts(["2 events"], ["2023-01"], [panel.region_ids[0]], panel, panel.cells.home)


def test_covariates_are_kept_where_nothing_was_observed(tmp_path: Path) -> None:
    panel, _ = placed_panel()
    panel.write_parquet(tmp_path / "panel.parquet")
    again = Panel.read_parquet(tmp_path / "panel.parquet")
    np.testing.assert_array_equal(again.measures["rain"], panel.measures["rain"])
    assert again.attrs["delays"] == {"rain": 1}


@pytest.mark.slow
@pytest.mark.parametrize("parts", [True, False])
def test_a_model_with_rain_and_cells_serves_what_it_publishes(parts: bool, tmp_path: Path) -> None:
    panel, training = placed_panel()
    trees = HistGradientBoostingRegressor(loss="poisson", max_iter=20, min_samples_leaf=60)
    mine = Regressor(trees, features=Recipe([Lag(0), Sum(12), WET, Mean(12, of=WET)]), name="mine")
    settings = Settings(
        horizons=(1,),
        targets=("events",),
        draws=100,
        workers=1,
        backtest_origins=0,
        parts=parts,
        trusted=TRUSTED,
        track=False,
    )
    inputs = Inputs(panel, None, None, pd.DataFrame(), pd.DataFrame(), training=(training,))
    fitted = run_forecast(settings, inputs=inputs, members=["boosted", "conflictology_12", mine])
    trained = TrainedModel.from_files(fitted.models).trusting(TRUSTED)
    assert trained.surroundings.training[0].region_ids == training.region_ids
    published = checked_hub_table(run_forecast(settings, trained=trained, inputs=inputs).draws)
    table = panel.to_frame(cells=True)
    pd.testing.assert_frame_equal(save.serve(trained, table), published)
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(save.serve(trained, shuffled), published)
    with pytest.raises(SchemaError, match=r"where inside their regions events lie.*to_frame\(cells=True\)"):
        save.serve(trained, panel.to_frame())
    newest = table["month"] >= "2023-11"
    with pytest.raises(SchemaError, match=r"rain of NER-agadez.* ends in 2023-10"):
        save.serve(trained, table.assign(rain=table["rain"].mask(newest)))
    earlier = replace(trained, files={n: t for n, t in trained.files.items() if n != SURROUNDINGS})
    with pytest.raises(ModelError, match="was trained before that was kept"):
        save.serve(earlier, table)


def test_surroundings_come_back_from_their_text() -> None:
    panel, training = placed_panel()
    text = Surroundings.of(panel, [training]).to_text()
    again = Surroundings.from_text(text)
    assert again.to_text() == text
    assert again.outlines is not None
    assert panel.cells is not None
    assert panel.cells.outlines is not None
    assert (again.outlines.geometry == panel.cells.outlines.geometry).all()
