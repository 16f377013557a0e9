"""``harmattan publish`` with a real registry: the champion, the champion before it, and a registry that is gone."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from resident import Done, Resident
from trained_world import World, copy_version, own_store

from harmattan.forecast.jobs.promotion import promote
from harmattan.forecast.release import latest
from harmattan.training.registry import store as stores
from harmattan.training.registry import versions as registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork"),
]
Publish = Callable[..., Done]


@pytest.fixture
def mine(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A registry in which version 3 is champion and version 2 was it before; both files of their own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    own = own_store(world, tmp_path / "mlruns")
    for _ in range(2):
        promote(own.settings, copy_version(own, tmp_path), force=True, reason="a test")
    return own


@pytest.fixture
def publish(jobs: Resident, mine: World, tmp_path: Path) -> Publish:
    """Publish the world's last month with the champion."""

    def run(*more: object, track: bool = False) -> Done:
        given: dict[str, Any] = {
            "targets": ["events"],
            "horizons": "1:2",
            "draws": 200,
            "seed": 5,
            "workers": 1,
            "backtest_origins": 0,
            "track": track,
        }
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in given.items()]
        (tmp_path / "harmattan.toml").write_text("".join(lines), encoding="utf-8")
        words = [
            "publish",
            "--panel",
            mine.panel,
            "--run-date",
            "2012-01-20",
            "--out",
            tmp_path / "out",
            "--json",
        ]
        return jobs.run([*words, "--mlruns", mine.mlruns, *more], tmp_path)

    return run


def told_by(done: Done) -> dict[str, Any]:
    """What a job printed as JSON."""
    assert done.out, done
    return dict(json.loads(done.out))


def files_of(world: World, name: str) -> Path:
    """Where the trained model of a version lies."""
    with stores.connected(world.mlruns) as client:
        number = registry.find_version(client, name).number
        place = client.get_model_version_download_uri(registry.MODEL, number)
    return Path(place.removeprefix("file://")) / registry.TRAINED


def test_the_champion_makes_the_release_and_is_named(publish: Publish, tmp_path: Path) -> None:
    done = publish()
    told = told_by(done)
    assert (done.code, told["level"], told["model"]["name"], told["model"]["version"]) == (
        0,
        "green",
        "champion",
        "3",
    )
    assert latest.latest_name(tmp_path / "out") == "2011-12"
    assert told_by(publish())["status"] == "identical"


def test_a_damaged_champion_gives_way_to_the_one_before(
    publish: Publish, mine: World, tmp_path: Path
) -> None:
    (files_of(mine, "champion") / "recipe.json").write_text("{}", encoding="utf-8")
    told = told_by(publish())
    assert (told["level"], told["model"]["name"], told["model"]["version"]) == ("amber", "previous", "2")
    assert told["model"]["tried"] == ["champion: a file of the trained model has changed"]
    assert "Made by a fallback model, previous" in told["banner"]


def test_without_any_usable_version_a_model_is_fitted(publish: Publish, mine: World) -> None:
    for name in ("champion", "previous"):
        shutil.rmtree(files_of(mine, name))
    told = told_by(publish())
    assert told["model"]["name"] == "endemic_epidemic"
    assert [tried.split(":")[0] for tried in told["model"]["tried"]] == ["champion", "previous"]


def test_a_registry_that_is_gone_loses_no_release(publish: Publish, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    done = publish("--tracking-uri", f"http://127.0.0.1:{port}", track=True)
    told = told_by(done)
    assert done.code == 8
    assert told["model"]["tried"] == ["champion: the registry could not be reached"]
    assert (told["latest"], told["level"]) == ("2011-12", "amber")
    assert told["tracking_error"]
