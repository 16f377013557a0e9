"""Champion and challenger: only through the gate, or by force with a reason, and back in one command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command_line import Run
from trained_world import World, copy_version, own_store, record_of_version

from harmattan.data.errors import GateError, ModelError, UsageError
from harmattan.forecast.jobs.promotion import promote, roll_back
from harmattan.training.registry import store as stores
from harmattan.training.registry import versions as registry
from harmattan.training.trained_model import TrainedModel

Scores = Callable[[pd.DataFrame], pd.DataFrame]


def gaining(gain: Callable[[pd.Series], float]) -> Scores:
    """Scores of a well calibrated pool whose CRPS is lower by a share of each row's; baselines as they are."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.assign(cases=100, inside_50=50, inside_80=80, inside_90=90)
        share = [gain(row) if row["member"] == "pool" else 0.0 for _, row in table.iterrows()]
        # Twice what it was, so that nothing here depends on how good the small world's pool is.
        level = table.groupby(["horizon", "origin"])["crps"].transform("max") + 0.1
        return table.assign(crps=level * (1 - pd.Series(share, index=table.index)))

    return change


@pytest.fixture(scope="module")
def crowned(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A registry with a champion to be beaten, forced: it gains nothing on anybody. Tests take copies."""
    folder = tmp_path_factory.mktemp("crowned")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        mine = own_store(world, folder / "mlruns")
        version = copy_version(mine, folder, gaining(lambda row: 0.0))
        promote(mine.settings, version, force=True, reason="the first of a test")
    return mine, version


@pytest.fixture
def mine(crowned: tuple[World, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    world, _ = crowned
    shutil.copytree(world.mlruns, tmp_path / "mlruns")
    return replace(world, settings=replace(world.settings, mlruns=tmp_path / "mlruns"))


@pytest.fixture
def first(crowned: tuple[World, str]) -> str:
    return crowned[1]


def champion(world: World) -> registry.Version:
    with registry.open_registry(world.mlruns) as client:
        return registry.find_version(client, "champion")


def test_a_challenger_that_is_not_better_is_refused(mine: World, first: str, tmp_path: Path) -> None:
    """Which are not better is for the gate to say, whose own tests are in ``tests/training/registry``."""
    version = copy_version(mine, tmp_path, gaining(lambda row: -0.1))
    with pytest.raises(GateError, match="loses"):
        promote(mine.settings, version)
    assert champion(mine).number == first


def test_a_better_challenger_becomes_champion_with_its_reasons(
    mine: World, first: str, tmp_path: Path
) -> None:
    version = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    done = promote(mine.settings, version)
    assert (done.version, done.before, done.how) == (version, first, "gate")
    now = champion(mine)
    assert now.number == version
    assert now.tags["promoted_how"] == "gate"
    assert "CRPS of events +10.0%" in now.tags["promoted_because"]
    assert float(now.tags["gate_skill"]) == pytest.approx(0.1)


def change_model(change: Callable[[dict[str, str]], dict[str, str]]) -> Callable[[Path], None]:
    """Rewrite the files of a saved model."""

    def rewrite(saved: Path) -> None:
        folder = saved / registry.TRAINED
        trained = TrainedModel.read(folder)
        shutil.rmtree(folder)
        replace(trained, files=change(dict(trained.files))).write(folder)

    return rewrite


def worse_onsets(files: dict[str, str]) -> dict[str, str]:
    table = json.loads(files["watch_origins.json"])
    at = table["columns"].index("log_score")
    rows = [[v * 1.5 if i == at else v for i, v in enumerate(row)] for row in table["rows"]]
    return {**files, "watch_origins.json": json.dumps({**table, "rows": rows})}


def worse_parts(files: dict[str, str]) -> dict[str, str]:
    table = json.loads(files["part_origins.json"])
    at = table["columns"].index("crps")
    rows = [[v * 1.5 if i == at else v for i, v in enumerate(row)] for row in table["rows"]]
    return {**files, "part_origins.json": json.dumps({**table, "rows": rows})}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (worse_parts, r"CRPS of events_jnim is 50\.0% worse"),
        (lambda f: {n: t for n, t in f.items() if n != "onset.json"}, "does not forecast onsets"),
        (worse_onsets, r"log score of onsets within 3 months is 50\.0% worse"),
    ],
    ids=["worse parts", "left out", "worse"],
)
def test_a_better_pool_without_good_onsets_or_parts_is_refused(
    mine: World, first: str, tmp_path: Path, change: Callable[[dict[str, str]], dict[str, str]], why: str
) -> None:
    version = copy_version(mine, tmp_path, gaining(lambda row: 0.1), rewrite=change_model(change))
    with pytest.raises(GateError, match=why):
        promote(mine.settings, version)
    assert champion(mine).number == first


def test_a_champion_from_before_lists_were_scored_is_not_compared(mine: World, tmp_path: Path) -> None:
    before = change_model(lambda f: {n: t for n, t in f.items() if not n.startswith(("watch_s", "watch_o"))})
    old = copy_version(mine, tmp_path, gaining(lambda row: 0.0), rewrite=before)
    promote(mine.settings, old, force=True, reason="the first of a test")
    done = promote(mine.settings, copy_version(mine, tmp_path, gaining(lambda row: 0.1)))
    assert done.how == "gate"
    assert "onsets are not compared: the champion has no record of them" in done.reasons


def test_force_needs_a_reason_and_keeps_it(mine: World, tmp_path: Path) -> None:
    version = copy_version(mine, tmp_path, gaining(lambda row: -0.1))
    with pytest.raises(UsageError, match="needs a reason"):
        promote(mine.settings, version, force=True, reason=" ")
    promote(mine.settings, version, force=True, reason="new boundaries")
    tags = champion(mine).tags
    assert (tags["promoted_how"], tags["promoted_because"], tags["gate"]) == (
        "forced",
        "new boundaries",
        "refuses",
    )
    assert "loses" in tags["gate_reasons"]


def test_roll_back_and_forth(mine: World, first: str, tmp_path: Path) -> None:
    second = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    with pytest.raises(ModelError, match="is the previous"):
        roll_back(mine.settings)
    promote(mine.settings, second)
    done = roll_back(mine.settings, "too many false alarms")
    assert (done.version, done.before) == (first, second)
    assert champion(mine).tags["promoted_because"] == "too many false alarms"
    assert roll_back(mine.settings).version == second


@pytest.mark.slow
def test_a_refit_only_has_to_be_no_worse(mine: World, first: str, tmp_path: Path) -> None:
    same = copy_version(mine, tmp_path, gaining(lambda row: 0.0))
    with pytest.raises(UsageError, match="not newer"):
        promote(mine.settings, same, refit=True)
    newer = copy_version(mine, tmp_path, gaining(lambda row: 0.0), card={"origin": "2012-01"})
    with pytest.raises(GateError, match="not better"):
        promote(mine.settings, newer)
    worse = copy_version(mine, tmp_path, gaining(lambda row: -0.1), card={"origin": "2012-02"})
    with pytest.raises(GateError, match=f"is worse than version {first}"):
        promote(mine.settings, worse, refit=True)
    assert promote(mine.settings, newer, refit=True).how == "refit"
    assert champion(mine).tags["promoted_how"] == "refit"


def test_a_dry_run_changes_nothing(mine: World, first: str, tmp_path: Path) -> None:
    version = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    assert promote(mine.settings, version, dry_run=True).how == "would"
    assert champion(mine).number == first
    assert promote(mine.settings, first).how == "nothing"


@pytest.mark.slow
def test_the_champion_before_is_never_the_champion_itself(mine: World, first: str, tmp_path: Path) -> None:
    again = promote(mine.settings, first)
    assert (again.how, again.before) == ("nothing", None)
    second = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    assert promote(mine.settings, second, dry_run=True).before == first
    promote(mine.settings, second)
    again = promote(mine.settings, second)
    assert (again.how, again.before) == ("nothing", first)
    assert roll_back(mine.settings, dry_run=True).before == second


def test_a_broken_champion_stands_in_nobodys_way_but_by_force(mine: World, tmp_path: Path) -> None:
    def wreck(model: Path) -> None:
        (model / registry.TRAINED / "recipe.json").unlink()

    broken = copy_version(mine, tmp_path, change=wreck)
    with registry.open_registry(mine.mlruns) as client:
        registry.make_champion(client, broken, {})
    better = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    with pytest.raises(ModelError, match="missing"):
        promote(mine.settings, better)
    promote(mine.settings, better, force=True, reason="the champion is broken")
    assert champion(mine).number == better


DAMAGES: dict[str, Callable[[str], str | None]] = {
    "has changed since it was registered": lambda text: text.replace(",pool,", ",poolx,"),
    "cannot be read": lambda text: "garbage\n",
    "lacks scores of the pool": lambda text: text.replace(",pool,", ",poolx,"),
    "are missing": lambda text: None,
}


@pytest.mark.parametrize("said", DAMAGES)
def test_a_damaged_record_stops_the_gate_and_no_forecast(
    mine: World, first: str, tmp_path: Path, said: str
) -> None:
    """Versions registered before records had a SHA-256 are compared as they are, if they can be read."""
    version = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    if said != "has changed since it was registered":
        with stores.connected(mine.mlruns) as client:
            client.delete_model_version_tag(registry.MODEL, version, registry.RECORD_DIGEST)
    path = record_of_version(mine, version)
    changed = DAMAGES[said](path.read_text(encoding="utf-8"))
    if changed is None:
        shutil.rmtree(path.parent)
    else:
        path.write_text(changed, encoding="utf-8")
    assert registry.load_model(version, mine.mlruns).version == version
    with pytest.raises(ModelError, match=said):
        promote(mine.settings, version)
    assert champion(mine).number == first


def test_a_version_without_a_hash_of_its_record_is_compared_as_it_is(mine: World, tmp_path: Path) -> None:
    version = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    with stores.connected(mine.mlruns) as client:
        client.delete_model_version_tag(registry.MODEL, version, registry.RECORD_DIGEST)
    assert promote(mine.settings, version).how == "gate"


def test_a_champion_with_a_damaged_record_only_gives_way_to_force(
    mine: World, first: str, tmp_path: Path
) -> None:
    record_of_version(mine, first).write_text("garbage\n", encoding="utf-8")
    better = copy_version(mine, tmp_path, gaining(lambda row: 0.1))
    with pytest.raises(ModelError, match=f"record of scores of version {first} of the model has changed"):
        promote(mine.settings, better)
    done = promote(mine.settings, better, force=True, reason="the champion's record is broken")
    assert (done.before, champion(mine).number) == (first, better)


@pytest.mark.slow
def test_promote_on_the_command_line(mine: World, first: str, tmp_path: Path, run: Run) -> None:
    where = ["--mlruns", str(mine.mlruns)]
    worse = copy_version(mine, tmp_path, gaining(lambda row: -0.1))
    code, _, err = run("promote", worse, *where)
    assert code == 6
    assert f"error: version {worse} is not better than version {first}:" in err
    code, out, _ = run("promote", worse, "--force", "--reason", "a test", "--json", *where)
    assert (code, json.loads(out)["how"]) == (0, "forced")
    code, out, _ = run("promote", "--rollback", *where)
    assert code == 0
    assert f"Version {first} is back" in out
    assert run("promote", "challenger", *where)[0] == 4
    assert run("promote", "--rollback", "--force", *where)[0] == 2
