"""A trained model as text files: what was fitted comes back to the bit, and nothing else passes for it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel

from harmattan.data.errors import ModelError, OriginError
from harmattan.data.panel import Panel
from harmattan.forecast.fitting import Training
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.run import run_forecast, train_models
from harmattan.forecast.settings import Settings
from harmattan.training.models.catalogue import MEMBERS, fit_members
from harmattan.training.models.serialization import member_files, read_members
from harmattan.training.problems import build_problems
from harmattan.training.trained_model import CARD, TrainedModel


@pytest.fixture(scope="module")
def panel() -> Panel:
    return ladder_panel(6, 84)


@pytest.fixture(scope="module")
def settings(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("panel") / "panel.parquet"
    panel.write_parquet(path)
    return Settings(
        panel=path,
        draws=200,
        horizons=(1, 2),
        backtest_origins=2,
        workers=1,
        targets=("events",),
        track=False,
    )


@pytest.fixture(scope="module")
def fitted(settings: Settings) -> ForecastResult:
    return run_forecast(settings)


@pytest.fixture(scope="module")
def trained(fitted: ForecastResult) -> TrainedModel:
    return TrainedModel.from_files(fitted.models)


@pytest.fixture(scope="module")
def earlier(settings: Settings, panel: Panel) -> Settings:
    return replace(settings, as_of=str(panel.last_month - 3))


@pytest.fixture(scope="module")
def training(earlier: Settings) -> Training:
    """With three months known that it must not see."""
    return train_models(earlier)


def panel_from(panel: Panel, months: int) -> Panel:
    """Only its last months."""
    late = {name: values[-months:] for name, values in panel.measures.items()}
    return replace(panel, months=panel.months[-months:], measures=late, observed=panel.observed[-months:])


@pytest.mark.parametrize("target", ["events", "deaths"])
def test_every_member_says_the_same_after_it_was_stored(panel: Panel, target: str) -> None:
    problem = build_problems(panel, [target])[target]
    origin = panel.last_month
    names = (*MEMBERS, *(["events_times_deaths"] if target == "deaths" else []))
    members = fit_members(problem, origin, 2, names)
    again = read_members(names, member_files(members))
    for name in names:
        said, stored = members[name].margins(problem, origin), again[name].margins(problem, origin)
        np.testing.assert_array_equal(said.cdf, stored.cdf, err_msg=name)
        np.testing.assert_array_equal(said.mean, stored.mean, err_msg=name)
    assert member_files(again) == member_files(members)


def test_a_stored_model_forecasts_what_the_fitted_one_did(
    settings: Settings, fitted: ForecastResult, trained: TrainedModel
) -> None:
    stored = run_forecast(settings, trained=trained)
    assert fitted.draws["events"].values.tobytes() == stored.draws["events"].values.tobytes()
    pd.testing.assert_frame_equal(fitted.spillover, stored.spillover)
    pd.testing.assert_frame_equal(fitted.contributions, stored.contributions)
    pd.testing.assert_frame_equal(fitted.scores, stored.scores)
    assert fitted.model["digest"] == stored.model["digest"] == trained.digest


def test_it_is_written_and_read_back_whole(trained: TrainedModel, tmp_path: Path) -> None:
    trained.write(tmp_path / "model")
    again = TrainedModel.read(tmp_path / "model")
    assert again.to_files() == trained.to_files()
    assert again.digest == trained.digest
    assert not [p for p in tmp_path.rglob("*") if p.suffix in {".pkl", ".pickle", ".joblib"}]


def test_training_learns_weights_that_a_forecast_uses(earlier: Settings, training: Training) -> None:
    pool = training.trained.pools["events", 1]
    assert sum(pool.weights.values()) == pytest.approx(1)
    assert len(set(np.round(list(pool.weights.values()), 9))) > 1
    assert pool.calibration is not None
    assert {"pool", "pool_uncalibrated"} <= set(training.trained.scores.member)
    result = run_forecast(earlier, trained=training.trained)
    whole = result.contributions.groupby(["horizon", "region_id"])["value"].sum()
    mean = result.draws["events"].mean()
    expected = [mean[h - 1, result.panel.region_ids.index(r)] for h, r in whole.index]
    np.testing.assert_allclose(whole, expected, rtol=1e-6)


def test_months_after_the_training_origin_do_not_change_a_training(
    earlier: Settings, training: Training, panel: Panel
) -> None:
    future = dict(panel.measures)
    rng = np.random.default_rng(3)
    for name, values in future.items():
        changed = values.copy()
        changed[-3:] = rng.poisson(9.0, changed[-3:].shape)
        future[name] = changed
    other = Path(str(earlier.panel)).with_name("future.parquet")
    replace(panel, measures=future).write_parquet(other)
    assert train_models(replace(earlier, panel=other)).trained.files == training.trained.files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: {k: v for k, v in files.items() if not k.endswith("trees.txt")}, "is missing"),
        (lambda files: {**files, "events/h01/pool.json": "{}"}, "has changed"),
        (lambda files: {**files, "more.json": "{}"}, "is unknown"),
        (lambda files: {**files, CARD: "no card"}, "cannot be read"),
        (lambda files: {k: v for k, v in files.items() if k != CARD}, "no trained model"),
    ],
)
def test_what_was_changed_is_refused(trained: TrainedModel, change: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        TrainedModel.from_files(change(trained.to_files()))


def test_a_model_of_a_newer_version_is_refused(trained: TrainedModel) -> None:
    files = trained.to_files()
    card = json.loads(files[CARD]) | {"package_version": "99.0"}
    with pytest.raises(ModelError, match=r"version 99\.0"):
        TrainedModel.from_files({**files, CARD: json.dumps(card)})


def test_a_model_never_forecasts_from_before_its_training(settings: Settings, trained: TrainedModel) -> None:
    with pytest.raises(ModelError, match="must not forecast from"):
        run_forecast(replace(settings, as_of=str(trained.origin - 1)), trained=trained)


def test_a_model_refuses_horizons_and_regions_that_it_does_not_know(
    settings: Settings, trained: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="was not trained for 3"):
        run_forecast(replace(settings, horizons=(1, 3)), trained=trained)
    path = tmp_path / "other.parquet"
    panel = ladder_panel(6, 84)
    panel.select(regions=panel.region_ids[:-1]).write_parquet(path)
    with pytest.raises(ModelError, match="other regions"):
        run_forecast(replace(settings, panel=path), trained=trained)


def test_a_history_too_short_for_the_features_is_refused(
    settings: Settings, trained: TrainedModel, panel: Panel
) -> None:
    with pytest.raises(OriginError, match="too short"):
        trained.check_serves(panel_from(panel, 60), panel.last_month, (1,), ("events",))


@pytest.mark.slow
def test_a_later_origin_needs_no_new_training(settings: Settings, panel: Panel) -> None:
    earlier = TrainedModel.from_files(run_forecast(replace(settings, as_of=str(panel.last_month - 2))).models)
    later = run_forecast(settings, trained=earlier)
    assert later.origin == panel.last_month
    assert later.model["trained_to"] == str(panel.last_month - 2)
    assert set(later.rehearsal.origin) == {str(panel.last_month - 1)}
    assert set(later.rehearsal.fitted) == {str(panel.last_month - 2)}
    # What it says of the last month is what it would have published, where it is quiet too.
    published = run_forecast(replace(settings, as_of=str(panel.last_month - 1)), trained=earlier)
    mean = dict(zip(panel.region_ids, published.draws["events"].mean()[0], strict=True))
    expected = later.rehearsal.set_index("region_id").expected
    assert expected.to_dict() == pytest.approx({region: mean[region] for region in expected.index})
    judged = later.judged[later.judged.level == "region"].set_index("location").expected
    assert judged.to_dict() == pytest.approx({region: mean[region] for region in judged.index})


def test_a_fallback_names_itself_and_is_never_green(settings: Settings) -> None:
    told = {"name": "conflictology", "reason": "The champion cannot be loaded."}
    result = run_forecast(settings, members=("conflictology_12",), model=told)
    assert result.level != "green"
    assert "champion cannot be loaded" in result.banner
    assert set(result.scores.member) == {"conflictology", "pool"}


def test_models_served_by_the_first_version_find_what_they_ask_for() -> None:
    """MLflow keeps a copy of the code that serves a model beside it, and that names modules of the package."""
    assert import_module("harmattan.training.trained").Trained is TrainedModel
    assert callable(import_module("harmattan.forecast.serving").serve)
