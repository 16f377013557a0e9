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

from harmattan.data.errors import ModelError
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

    def run(*more: object, track: bool = False, day: str = "2012-01-20") -> Done:
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
            day,
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


def change_code(model: Path) -> None:
    with (model / "served_model.py").open("a", encoding="utf-8") as code:
        code.write("import os\n")


@pytest.mark.parametrize(
    ("card", "change", "why"),
    [
        ({"package_version": "99.0"}, lambda model: None, "comes from version 99.0 of this package"),
        (None, change_code, "is not the package's own"),
    ],
    ids=["newer version", "changed code"],
)
def test_a_champion_that_may_not_be_used_gives_way_and_says_why(
    publish: Publish,
    mine: World,
    tmp_path: Path,
    card: dict[str, object] | None,
    change: Callable[[Path], None],
    why: str,
) -> None:
    odd = copy_version(mine, tmp_path, change=change, card=card)
    with registry.open_registry(mine.mlruns) as client:
        registry.make_champion(client, odd, {})
    told = told_by(publish())
    assert (told["level"], told["model"]["version"]) == ("amber", "3")
    assert why in told["banner"]
    # Asked for by its number it is a named error.
    done = publish("--model", odd, "--dry-run")
    assert why in told_by(done)["tried"][0]
    refused = jobs_error(mine, odd)
    assert (refused.exit_code, why in refused.message) == (4, True)


def jobs_error(mine: World, number: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        promote(mine.settings, number)
    return caught.value


def test_a_clock_that_went_back_publishes_nothing_and_harms_nothing(publish: Publish, tmp_path: Path) -> None:
    assert publish().code == 0
    before = (tmp_path / "out" / "2011-12" / "SHA256SUMS").read_bytes()
    done = publish(day="2011-12-20")
    assert done.code == 10
    assert "The data reach 2011-12, which had not ended on 2011-12-20" in done.err
    assert latest.latest_name(tmp_path / "out") == "2011-12"
    assert (tmp_path / "out" / "2011-12" / "SHA256SUMS").read_bytes() == before
    assert told_by(publish())["status"] == "identical"


def test_the_way_back_from_the_loss_of_the_store(publish: Publish, mine: World, tmp_path: Path) -> None:
    """Without ``mlruns/`` a stand-in publishes, amber; a copy of it brought back to another place is used again."""
    shutil.copytree(mine.mlruns, tmp_path / "copy")
    shutil.rmtree(mine.mlruns)
    told = told_by(publish())
    assert (told["level"], told["model"]["name"]) == ("amber", "endemic_epidemic")
    assert "no model has been trained here" in told["banner"]
    again = told_by(publish("--mlruns", tmp_path / "copy", track=True))
    assert (again["level"], again["model"]["version"], again["latest"]) == ("green", "3", "2011-12_r2")
    assert again["run_id"]


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
