"""One training: a run that says everything, a version that serves, and files that cannot be changed unseen."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from servers import failing_server, mlflow_server
from trained_world import World, copy_version, own_store, train_world

from harmattan.data.errors import ModelError, TrackingError
from harmattan.data.panel import Panel
from harmattan.forecast.jobs.promotion import promote
from harmattan.forecast.jobs.training import train
from harmattan.forecast.settings import Settings
from harmattan.training.registry import store as stores
from harmattan.training.registry import versions as registry
from harmattan.training.registry.export import export_run
from harmattan.training.registry.versions import load_model
from harmattan.training.trained_model import TrainedModel


@pytest.fixture(autouse=True, scope="module")
def no_other_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def run(world: World) -> Any:
    with stores.connected(world.mlruns) as client:
        return client.get_run(world.outcome.run_id)


@pytest.fixture(scope="module")
def artifacts(run: Any) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def test_the_whole_configuration_is_a_parameter(run: Any, world: World) -> None:
    params = run.data.params
    assert {
        "seed",
        "draws",
        "horizons",
        "targets",
        "recipe_hash",
        "versions.numpy",
        "versions.harmattan",
    } <= set(params)
    assert params["panel"] == "panel.parquet"
    assert len(params["recipe_hash"]) == 64


def test_tags_name_code_data_settings_and_kind(run: Any, world: World) -> None:
    tags = run.data.tags
    assert (tags["run_kind"], tags["origin"], tags["model_version"]) == ("train", "2011-12", "1")
    assert tags["data_hash"] == world.outcome.training.trained.data_hash
    assert {"git_sha", "git_dirty", "coverage", "config_hash", "package_version", "gate"} <= set(tags)


def test_metrics_have_horizons_as_steps_and_parts(run: Any, world: World) -> None:
    with stores.connected(world.mlruns) as client:
        history = client.get_metric_history(run.info.run_id, "crps.events.pool")
    board = world.outcome.training.evaluation["events"].leaderboard
    pool = board[board["member"] == "pool"].set_index("horizon")["crps"]
    assert {m.step: m.value for m in history} == pool.to_dict()
    wanted = {
        "skill_vs_best.events.pool",
        "ignorance.events.pool",
        "coverage_80.events.pool",
        "brier_1.events.pool",
    }
    assert wanted | {"crps.events.AAA", "crps.events.border", "ap_onset.events.pool"} <= set(run.data.metrics)
    assert len(run.data.metrics) < 50


def test_scores_of_watch_lists_are_metrics(run: Any, world: World) -> None:
    trained = world.outcome.training.trained
    scores = trained.table("watch_scores").set_index(["of", "months"])
    with stores.connected(world.mlruns) as client:
        for name in ("auc", "ap", "log_skill", "ratio"):
            history = client.get_metric_history(run.info.run_id, f"{name}.onset")
            assert {m.step: m.value for m in history} == scores.loc["onset", name].to_dict()
    assert 3 in scores.loc["onset"].index
    past = trained.past_lists
    assert past is not None
    late = past[past["months"] == 3]
    assert late["origin"].max() == str(trained.origin - 3)
    assert late["happened"].sum() == scores.loc[("onset", 3), "happened"]


def test_scores_of_parts_are_metrics_and_kept_by_month(run: Any, world: World) -> None:
    trained = world.outcome.training.trained
    pool = trained.table("part_scores").query("member == 'pool' and target == 'events_jnim'")
    with stores.connected(world.mlruns) as client:
        for name, column in (("crps", "crps"), ("skill_vs_last_year", "skill_vs_last_year")):
            history = client.get_metric_history(run.info.run_id, f"{name}.events_jnim.pool")
            assert {m.step: m.value for m in history} == pool.set_index("horizon")[column].to_dict()
    assert set(trained.past_parts["target"]) == {"events_jnim", "events_other_groups"}
    first = trained.past_parts.query("target == 'events_jnim' and horizon == 1")
    board = pool.set_index("horizon").loc[1]
    assert first["cases"].sum() == board["cases"]
    assert first["crps"].sum() == pytest.approx(board["crps"] * board["cases"])
    panel = Panel.read_parquet(world.panel)
    seen = panel.measure("events_jnim")[[panel.position(pd.Period(o, "M") + 1) for o in first["origin"]]]
    assert first["observed"].tolist() == seen.sum(axis=1).tolist()


def test_each_member_has_a_child_and_no_region_has(run: Any, world: World) -> None:
    with stores.connected(world.mlruns) as client:
        found = client.search_runs(
            [run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'", max_results=100
        )
    names = {child.info.run_name for child in found}
    assert {"pool", "boosted", "conflictology_12", "zero"} <= names
    assert len(names) == len(found) < 20
    assert all(child.data.metrics["crps.events"] > 0 for child in found)


def test_the_data_are_an_input_with_their_whole_hash(run: Any) -> None:
    data = run.inputs.dataset_inputs[0]
    assert {t.key: t.value for t in data.tags}["sha256"] == run.data.tags["data_hash"]
    assert {row["country"] for row in json.loads(data.dataset.profile)} == {"AAA", "BBB"}


@pytest.mark.parametrize(
    "name",
    [
        "report.html",
        "model_card.md",
        "environment.txt",
        "configuration.json",
        "data_quality.csv",
        *(f"tables/{t}.csv" for t in ("leaderboard", "splits", "onsets", "coverage", "weights")),
        *(f"plots/{p}.png" for p in ("reliability", "pit", "skill_by_horizon", "pool_weights")),
        "plots/feature_contributions.png",
    ],
)
def test_an_analyst_finds(artifacts: Path, name: str) -> None:
    assert (artifacts / name).stat().st_size > 20


def test_the_card_says_what_it_is_for_and_what_not(artifacts: Path) -> None:
    card = (artifacts / "model_card.md").read_text(encoding="utf-8")
    for title in ("Purpose", "Data", "Models", "Skill", "Limits", "What it must not be used for", "Identity"):
        assert f"## {title}" in card
    assert "| events | 1 |" in card
    assert "Not for targeting" in card


def test_nothing_of_a_run_or_model_is_pickled(world: World) -> None:
    files = [p for p in (world.mlruns / "artifacts").rglob("*") if p.is_file()]
    assert len(files) > 30
    assert [p for p in files if p.suffix in {".pkl", ".pickle", ".joblib", ".skops", ".npy"}] == []
    # Every pickle of protocol 2 or newer begins with this byte and its number.
    assert [p for p in files if p.read_bytes()[:1] == b"\x80"] == []


def test_a_new_version_is_challenger_and_champion_only_through_the_gate(world: World) -> None:
    with registry.open_registry(world.mlruns) as client:
        (version,) = [v for v in registry.list_versions(client) if v.number == "1"]
    assert "challenger" in version.aliases
    assert ("champion" in version.aliases) == world.outcome.crowned == world.outcome.verdict.ok
    assert version.run_id == world.outcome.run_id
    assert world.outcome.rival == "the best baselines"


def test_what_is_loaded_is_what_was_trained(world: World) -> None:
    loaded = load_model("challenger", world.mlruns)
    assert loaded.trained == world.outcome.training.trained
    assert (loaded.name, loaded.version) == ("challenger", "1")
    assert set(loaded.scores["horizon"]) == {1, 2}


def test_no_model_at_all(tmp_path: Path, store: Callable[[], Path]) -> None:
    with pytest.raises(ModelError, match="no model has been trained here") as caught:
        load_model("champion", tmp_path / "nowhere")
    assert "harmattan train" in caught.value.remedy
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ModelError, match="no model has been trained here"):
        load_model("champion", store())


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("previous", "no version of the model is the previous"),
        ("99", "there is no version 99 of the model"),
        ("campion", "Did you mean 'champion'"),
        ("1; drop table runs", "is no version of the model"),
    ],
)
def test_a_reference_that_means_nothing(world: World, reference: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_model(reference, world.mlruns)


def test_a_model_file_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    def change(model: Path) -> None:
        path = next((model / registry.TRAINED).rglob("boosted.trees.txt"))
        path.write_text(
            path.read_text(encoding="utf-8").replace("leaf_value=", "leaf_value=1"), encoding="utf-8"
        )

    version = copy_version(world, tmp_path, change=change)
    with pytest.raises(ModelError, match=r"boosted\.trees\.txt.*has changed") as caught:
        load_model(version, world.mlruns)
    assert caught.value.exit_code == 4
    (saved,) = tmp_path.glob("copy-*")
    with stores.quiet_mlflow(), pytest.raises(ModelError, match="has changed"):
        import_module("mlflow").pyfunc.load_model(str(saved))


def test_a_version_whose_code_was_changed_is_refused_before_anything_is_run(
    world: World, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"

    def change(model: Path) -> None:
        code = model / "served_model.py"
        touch = f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n"
        code.write_text(code.read_text(encoding="utf-8") + touch, encoding="utf-8")

    version = copy_version(world, tmp_path, change=change)
    with pytest.raises(
        ModelError, match=f"the code of version {version} of the model is not the package's own"
    ):
        load_model(version, world.mlruns)
    assert not ran.exists()


def test_a_model_changed_together_with_its_own_hashes_is_refused(world: World, tmp_path: Path) -> None:
    def change(model: Path) -> None:
        card = model / registry.TRAINED / "model.json"
        card.write_text(card.read_text(encoding="utf-8").replace('"seed":5', '"seed":6'), encoding="utf-8")

    with pytest.raises(ModelError, match="has changed since it was registered"):
        load_model(copy_version(world, tmp_path, change=change), world.mlruns)


def test_a_model_whose_files_are_gone(world: World, tmp_path: Path) -> None:
    def some(model: Path) -> None:
        for path in (model / registry.TRAINED).rglob("*.json"):
            path.unlink()

    def every(model: Path) -> None:
        shutil.rmtree(model / registry.TRAINED)

    for change in (some, every):
        with pytest.raises(ModelError, match="missing"):
            load_model(copy_version(world, tmp_path, change=change), world.mlruns)


def test_a_model_of_a_newer_package(world: World, tmp_path: Path) -> None:
    version = copy_version(world, tmp_path, card={"package_version": "99.0"})
    with pytest.raises(ModelError, match=r"version 99\.0 of this package"):
        load_model(version, world.mlruns)


@pytest.mark.slow
def test_a_tracking_server_holds_it_all(tmp_path: Path) -> None:
    """A real server on loopback: train, promote, load, forecast from the champion; nothing lands in mlruns."""
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as uri:
        there = train_world(tmp_path, tmp_path / "unused", uri)
        promote(there.settings, "challenger", force=True, reason="the first of a test")
        loaded = load_model("champion", there.mlruns, uri)
        assert loaded.trained == there.outcome.training.trained
        assert not loaded.scores.empty
        with pytest.raises(ModelError, match="no version of the model is the previous"):
            load_model("previous", there.mlruns, uri)
        out = export_run(there.outcome.run_id, tmp_path / "run", there.mlruns, uri)
        assert (out / "artifacts" / "tables" / "leaderboard.csv").is_file()
    assert not (tmp_path / "unused").exists()
    with pytest.raises(TrackingError, match="no answer"):
        load_model("champion", there.mlruns, uri)


@pytest.mark.slow
def test_a_model_that_could_not_be_registered_is_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is well before the work and fails after it."""

    def fails(*given: Any) -> str:
        raise TrackingError("the disk is full.", "here", "Free space.")

    monkeypatch.setattr("harmattan.forecast.run.train_models", lambda *given: world.outcome.training)
    monkeypatch.setattr("harmattan.training.registry.register_version", fails)
    settings = replace(own_store(world, tmp_path / "mlruns").settings)
    with pytest.raises(TrackingError, match="the disk is full") as caught:
        train(settings)
    (kept,) = (tmp_path / "mlruns" / "unregistered").iterdir()
    assert str(kept) in caught.value.remedy
    assert TrainedModel.read(kept) == world.outcome.training.trained


@pytest.mark.slow
def test_a_damaged_champion_does_not_cost_the_new_model(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(model: Path) -> None:
        path = model / registry.TRAINED / "recipe.json"
        path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")

    mine = own_store(world, tmp_path / "mlruns")
    damaged = copy_version(mine, tmp_path, change=change)
    with registry.open_registry(mine.mlruns) as client:
        registry.make_champion(client, damaged, {})
    monkeypatch.setattr("harmattan.forecast.run.train_models", lambda *given: world.outcome.training)
    outcome = train(mine.settings)
    assert not outcome.verdict.ok
    assert outcome.verdict.reasons == (
        "the champion cannot be read: recipe.json: a file of the trained model has changed",
    )
    assert not outcome.crowned
    with registry.open_registry(mine.mlruns) as client:
        assert registry.find_version(client, "challenger").number == outcome.version
        assert registry.find_version(client, "champion").number == damaged


@pytest.mark.parametrize(
    ("where", "failure", "kind"),
    [
        ("harmattan.forecast.jobs.training._record", ModelError("the report cannot be made."), ModelError),
        ("harmattan.forecast.serving.save_model", OSError(28, "No space left on device"), TrackingError),
    ],
    ids=["an error of ours", "a full disk"],
)
@pytest.mark.slow
def test_a_model_is_kept_whatever_fails_after_the_work(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    failure: Exception,
    kind: type[Exception],
) -> None:
    def fails(*given: Any) -> None:
        raise failure

    monkeypatch.setattr("harmattan.forecast.run.train_models", lambda *given: world.outcome.training)
    monkeypatch.setattr(where, fails)
    with pytest.raises(kind, match="The trained model is in"):
        train(own_store(world, tmp_path / "mlruns").settings)
    (kept,) = (tmp_path / "mlruns" / "unregistered").iterdir()
    assert TrainedModel.read(kept) == world.outcome.training.trained


@pytest.mark.slow
def test_nothing_half_written_is_kept_on_a_full_disk(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: TrainedModel, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "model.json").write_text("{", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harmattan.forecast.run.train_models", lambda *given: world.outcome.training)
    monkeypatch.setattr(TrainedModel, "write", full)
    with pytest.raises(TrackingError, match="No space left") as caught:
        train(own_store(world, tmp_path / "mlruns").settings)
    assert "unregistered" not in caught.value.message
    assert list((tmp_path / "mlruns" / "unregistered").iterdir()) == []


def test_a_server_that_only_says_it_is_well_is_found_out_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(
        "harmattan.forecast.jobs.training.load_inputs", lambda settings: pytest.fail("it worked")
    )
    with (
        failing_server(503, healthy=True) as uri,
        pytest.raises(TrackingError, match="too many 503 error responses"),
    ):
        train(Settings(mlruns=tmp_path, tracking_uri=uri))


def test_a_store_that_may_only_be_read_is_found_out_before_the_work(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = own_store(world, tmp_path / "mlruns")
    with sqlite3.connect(mine.mlruns / "mlflow.db") as base:
        for what in ("insert", "update"):
            base.execute(
                f"create trigger no_{what} before {what} on experiment_tags "
                "begin select raise(abort, 'attempt to write a readonly database'); end"
            )
    base.close()
    monkeypatch.setattr(
        "harmattan.forecast.jobs.training.load_inputs", lambda settings: pytest.fail("it worked")
    )
    with pytest.raises(TrackingError, match="attempt to write a readonly database"):
        train(mine.settings)


def test_a_store_that_cannot_be_used_is_told_before_the_work(tmp_path: Path, world: World) -> None:
    (tmp_path / "mlruns").write_text("a file in the folder's place", encoding="utf-8")
    told: list[str] = []
    settings = Settings(panel=world.panel, mlruns=tmp_path / "mlruns", workers=1)
    with pytest.raises(TrackingError, match="cannot be recorded here"):
        train(settings, lambda stage, share: told.append(stage))
    assert told == []
