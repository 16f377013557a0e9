"""A model of a small world, trained once and registered in a store, and copies of it with other scores."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from small_worlds import ladder_panel

from harmattan.forecast.jobs.training import TrainOutcome, train
from harmattan.forecast.settings import Settings
from harmattan.training.registry import store as stores
from harmattan.training.registry import versions as registry
from harmattan.training.trained_model import TrainedModel


@dataclass(frozen=True)
class World:
    """What was trained, on what, and where it is kept."""

    outcome: TrainOutcome
    settings: Settings
    panel: Path

    @property
    def mlruns(self) -> Path:
        return self.settings.mlruns


def train_world(folder: Path, mlruns: Path, tracking_uri: str | None = None) -> World:
    """One training run on the ladder: two horizons, one target."""
    panel = folder / "panel.parquet"
    ladder_panel(months=132).write_parquet(panel)
    settings = Settings(
        panel=panel,
        horizons=(1, 2),
        targets=("events",),
        draws=200,
        workers=1,
        seed=5,
        mlruns=mlruns,
        tracking_uri=tracking_uri,
    )
    return World(train(settings), settings, panel)


def own_store(world: World, folder: Path) -> World:
    """The world with a registry of its own, in which nothing is named yet."""
    shutil.copytree(world.mlruns, folder, dirs_exist_ok=True)
    with stores.connected(folder) as client:
        for version in registry.list_versions(client):
            for alias in version.aliases:
                client.delete_registered_model_alias(registry.MODEL, alias)
            if version.number != "1":
                client.delete_model_version(registry.MODEL, version.number)
    return replace(world, settings=replace(world.settings, mlruns=folder))


def copy_version(
    world: World,
    folder: Path,
    scores: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    change: Callable[[Path], None] = lambda model: None,
    card: dict[str, object] | None = None,
    rewrite: Callable[[Path], None] = lambda model: None,
) -> str:
    """Register the world's first version again, its scores, files or card changed; the new number.

    ``rewrite`` changes the model before its digest is taken, ``change`` after.
    """
    with stores.connected(world.mlruns) as client:
        first = client.get_model_version(registry.MODEL, "1")
        model = Path(first.source.removeprefix("file://"))
        saved = folder / f"copy-{len(registry.list_versions(client))}"
        shutil.copytree(model, saved)
        if card:
            trained = TrainedModel.read(saved / registry.TRAINED)
            shutil.rmtree(saved / registry.TRAINED)
            trained = replace(trained, card={**trained.card, **card})
            trained.write(saved / registry.TRAINED)
        rewrite(saved)
        digest = _digest(saved / registry.TRAINED)
        record = saved / registry.RECORD / registry.SCORES
        scores(pd.read_csv(record)).to_csv(record, index=False)
        change(saved)
        number = stores.experiment_of(client, world.mlruns)
        return registry.register_version(client, first.run_id, number, saved, {"model_digest": digest})


def record_of_version(world: World, number: str) -> Path:
    """Where the scores of a version lie."""
    with stores.connected(world.mlruns) as client:
        place = client.get_model_version_download_uri(registry.MODEL, number)
    return Path(place.removeprefix("file://")) / registry.RECORD / registry.SCORES


def _digest(folder: Path) -> str:
    import hashlib

    return hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()
