"""A model that version 0.1.0 stored loads in this one, and forecasts what it did on that day."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from publishing_world import OLD, six_regions

from harmattan.data.errors import ModelError
from harmattan.training.problems import build_problems
from harmattan.training.trained_model import TrainedModel

STORED = Path(__file__).with_name("stored")


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel.read(STORED / "model-0.1.0")


def test_it_forecasts_what_it_did_then(model: TrainedModel) -> None:
    origin = pd.Period(OLD, "M")
    problem = build_problems(six_regions().until(OLD), ("events",), (), model.recipe)["events"]
    then = json.loads((STORED / "means.json").read_text(encoding="utf-8"))
    for horizon, means in then.items():
        now = model.pools["events", int(horizon)].margins(problem, origin)["pool"].mean
        assert now == pytest.approx(means, rel=1e-6)


def test_every_part_of_it_is_read(model: TrainedModel) -> None:
    assert model.package_version == "0.1.0"
    assert model.diffusion(six_regions().until(OLD)) is not None
    assert set(model.scores["member"]) > {"pool", "endemic_epidemic"}


def test_one_of_a_newer_version_is_refused_with_what_to_install(model: TrainedModel) -> None:
    newer = replace(model, card={**model.card, "package_version": "9.0.0"})
    with pytest.raises(ModelError, match=r"version 9\.0\.0 .* Install version 9\.0\.0"):
        TrainedModel.from_files(newer.to_files())
