"""A model that is served: it says what its release publishes, and refuses what it cannot serve."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from trained_world import World

from harmattan.data.errors import ModelError, OriginError, RegionError, SchemaError
from harmattan.data.panel import Panel
from harmattan.features import Lag, Mean, Recipe
from harmattan.forecast.release.write import write_release
from harmattan.forecast.run import run_forecast
from harmattan.forecast.serving.save import example_of, measures_read, save_model, serve
from harmattan.training.registry.versions import load_model


@pytest.fixture(autouse=True, scope="module")
def no_other_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


SERVE = """
import sys, warnings, mlflow, pandas as pd
warnings.simplefilter("ignore")
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
model = mlflow.pyfunc.load_model("models:/harmattan@" + sys.argv[2])
model.predict(pd.read_csv(sys.argv[3])).to_parquet(sys.argv[4], index=False)
"""


@pytest.fixture(scope="module")
def published(world: World, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What the challenger's release publishes."""
    result = run_forecast(world.settings, trained=load_model("challenger", world.mlruns).trained)
    return pd.read_parquet(write_release(result, "<p>", tmp_path_factory.mktemp("out")) / "forecast.parquet")


def test_served_it_says_what_was_published(world: World, published: pd.DataFrame) -> None:
    served = serve(world.outcome.training.trained, Panel.read_parquet(world.panel).to_frame())
    pd.testing.assert_frame_equal(served, published)


@pytest.mark.slow
def test_a_fresh_process_serves_what_was_published(
    world: World, published: pd.DataFrame, tmp_path: Path
) -> None:
    """No training data, no settings, no working folder: the registry and a table of counts are enough."""
    whole = Panel.read_parquet(world.panel).to_frame()
    # Whole numbers, as a file of counts holds them; MLflow itself would ask for doubles.
    counts = whole.select_dtypes("number").columns
    whole.astype(dict.fromkeys(counts, "int64")).to_csv(tmp_path / "counts.csv", index=False)
    arguments = [str(world.mlruns / "mlflow.db"), "challenger", "counts.csv", "served.parquet"]
    code = [sys.executable, "-c", SERVE, *arguments]
    done = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "served.parquet"), published)


def test_the_example_of_a_model_can_be_forecast(world: World) -> None:
    trained, panel = world.outcome.training.trained, Panel.read_parquet(world.panel)
    assert (
        len(serve(trained, example_of(panel))) == 8 * 2 * 29 * 3
    )  # events, and the two parts that divide them


def test_serving_refuses_what_it_cannot_serve(world: World) -> None:
    trained, frame = world.outcome.training.trained, Panel.read_parquet(world.panel).to_frame()
    with pytest.raises(RegionError, match="not trained for the region 'CCC-1'"):
        serve(trained, frame.replace({"region_id": {"AAA-1": "CCC-1"}}))
    with pytest.raises(RegionError, match="'BBB-2', which the model was trained for, has no row"):
        serve(trained, frame[frame["region_id"] != "BBB-2"])
    with pytest.raises(OriginError, match="too short"):
        serve(trained, frame[frame["month"] > "2008-11"])
    with pytest.raises(ModelError, match="must not forecast from 2011-11"):
        serve(trained, frame[frame["month"] < "2011-12"])


def test_a_column_that_the_model_reads_is_required_and_named(world: World, tmp_path: Path) -> None:
    trained, panel = world.outcome.training.trained, Panel.read_parquet(world.panel)
    split = {"events_one_sided": panel.measures["events"], "events_other": panel.measures["events"]}
    panel = replace(panel, measures={**panel.measures, **split})
    recipe = Recipe([Lag(0), Lag(0, of="deaths_best"), Mean(3, of="one_sided")])
    reading = replace(trained, files={**trained.files, "recipe.json": recipe.to_json()})
    assert measures_read(reading) == {"events", "deaths_best", "one_sided"}
    save_model(reading, {"origin_scores.csv": ""}, panel, tmp_path / "model")
    signature = import_module("mlflow").models.get_model_info(str(tmp_path / "model")).signature
    required = {column.name for column in signature.inputs.inputs if column.required}
    assert required == {"month", "region_id", "events", "deaths_best", "events_one_sided"}
    without = panel.to_frame().drop(columns=["deaths_best", "events_one_sided"])
    with pytest.raises(
        SchemaError, match="the model reads deaths_best, one_sided, of which the table has no"
    ):
        serve(reading, without)
