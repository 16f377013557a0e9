"""``harmattan publish`` as a scheduler runs it: each way to succeed or fail, by an outside process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from publishing_world import IDS, MONTHS, NEW, NEW_DAY, OLD, OLD_DAY, six_regions
from resident import Done, Resident
from small_worlds import panel_of

from harmattan.data.panel import Panel
from harmattan.forecast.release import latest
from harmattan.forecast.release.verify import verify_release
from harmattan.training.trained_model import TrainedModel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
Publish = Callable[..., Done]
DAYS = {"old": OLD_DAY, "new": NEW_DAY}
#: Said of every panel without polygons.
NO_POLYGONS = (
    "What lies beyond foreign borders is not known: there are no polygons; "
    "observed_border_share and partly_blind are empty.\n"
)


@pytest.fixture
def world(six: Path, tmp_path: Path) -> Path:
    """A copy that a test may change, with nothing published."""
    return Path(shutil.copytree(six, tmp_path / "world"))


@pytest.fixture
def publish(jobs: Resident, world: Path) -> Publish:
    """Publish one of the two months, ``old`` or ``new``, with more options."""

    def run(month: str = "old", *more: object, **limits: Any) -> Done:
        words = ["publish", "--panel", f"{month}/counts.parquet", "--run-date", DAYS[month], *more]
        return jobs.run(words, world, **limits)

    return run


def manifest(world: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((world / "out" / name / "manifest.json").read_text(encoding="utf-8")))


def status(world: Path) -> dict[str, Any]:
    return dict(json.loads((world / "out" / "status.json").read_text(encoding="utf-8")))


def visible(world: Path) -> set[str]:
    return {p.name for p in (world / "out").iterdir() if not p.name.startswith(".")}


def told_by(done: Done) -> dict[str, Any]:
    """What a job printed as JSON."""
    assert done.out, done
    return dict(json.loads(done.out))


def check_untouched(world: Path) -> None:
    """The first month is published, whole and the latest; nothing else is there."""
    assert visible(world) == {OLD, "latest", "status.json", "index.html", "feed.xml"}
    assert list((world / "out").glob(".tmp-*")) == []
    assert verify_release(world / "out" / OLD).whole
    assert latest.latest_name(world / "out") == OLD


def test_a_month_is_published_once_and_said_in_one_line(publish: Publish, world: Path) -> None:
    first = publish("old", "--notify", "file:told.json")
    assert (first.code, first.err) == (0, NO_POLYGONS)
    assert first.out == f"Published {OLD} (trained before, green); it is the latest.\n"
    assert json.loads((world / "told.json").read_text(encoding="utf-8"))["event"] == "published"
    check_untouched(world)
    before = {
        p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (world / "out" / OLD).rglob("*") if p.is_file()
    }
    (world / "told.json").unlink()
    again = publish("old", "--json", "--notify", "file:told.json")
    told = told_by(again)
    assert (again.code, told["event"], told["status"], told["level"]) == (
        0,
        "unchanged",
        "identical",
        "green",
    )
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in before} == before
    assert not (world / "told.json").exists()


def test_a_file_that_is_no_secret_key_stops_the_job_before_it_works(publish: Publish, world: Path) -> None:
    (world / "key").write_text("nonsense", encoding="utf-8")
    done = publish("old", "--sign", "key")
    assert (done.code, visible(world)) == (5, {"status.json"})
    assert "key: the secret key cannot be read. Name the secret key that harmattan keygen wrote." in done.err


@pytest.mark.slow
def test_a_new_month_moves_latest_and_a_revision_says_why(publish: Publish, world: Path) -> None:
    publish("old")
    done = told_by(publish("new", "--json"))
    assert (done["latest"], done["latest_moved"], done["status"]) == (NEW, True, "written")
    panel = Panel.read_parquet(world / "new" / "counts.parquet")
    counts = panel.measure("events").copy()
    counts[-2, 0] += 2
    links = panel.links
    panel_of(counts.astype(int), ids=IDS, links=links).write_parquet(world / "new" / "counts.parquet")
    revised = told_by(publish("new", "--json"))
    assert (Path(revised["release"]).name, revised["latest"]) == (f"{NEW}_r2", f"{NEW}_r2")
    assert any(reason.startswith(f"data.recent.AAA.{OLD}: ") for reason in revised["reason"])
    assert any(reason.startswith("data.sha256: ") for reason in revised["reason"])
    earlier = told_by(publish("old", "--json"))
    assert (earlier["latest"], earlier["why_not_latest"]) == (f"{NEW}_r2", f"{NEW}_r2 is newer")


@pytest.mark.slow
def test_what_a_killed_job_left_is_removed_though_nothing_is_new(publish: Publish, world: Path) -> None:
    publish("old")
    (world / "out" / ".tmp-status.json-4711").write_text("{", encoding="utf-8")
    assert publish("old").code == 0
    check_untouched(world)


@pytest.mark.slow
def test_dry_run_writes_nothing(publish: Publish, world: Path) -> None:
    done = publish("old", "--dry-run")
    assert done.code == 0
    assert done.out == f"Would forecast from {OLD} with model, and write {world}/out/{OLD}.\n"
    assert not (world / "out").exists()


def test_stale_data_are_refused_and_remembered(publish: Publish, world: Path) -> None:
    publish("old")
    stale = publish("old", "--run-date", "2006-12-31", "--notify", "file:told.json")
    assert (stale.code, stale.out) == (10, "")
    assert "stale" in stale.err
    assert stale.err.removeprefix(NO_POLYGONS).count("\n") == 1
    check_untouched(world)
    told = status(world)
    assert (told["level"], told["exit_code"], told["last_job"]["exit_code"]) == ("red", 10, 10)
    assert told["good_until"] is None
    assert json.loads((world / "told.json").read_text(encoding="utf-8"))["event"] == "refused"


@pytest.mark.slow
def test_counts_that_have_gone_are_not_published_unless_accepted(publish: Publish, world: Path) -> None:
    publish("old")
    panel = Panel.read_parquet(world / "new" / "counts.parquet")
    counts = panel.measure("events").astype(int)
    counts[-13:-1, :3] //= 3
    panel_of(counts, ids=IDS, links=panel.links).write_parquet(world / "new" / "counts.parquet")
    done = publish("new")
    assert done.code == 6
    assert "Lost since the last vintage: AAA" in done.err
    check_untouched(world)
    assert publish("new", "--accept-losses").code == 0


def test_a_second_job_leaves_with_the_code_of_the_lock(publish: Publish, world: Path) -> None:
    (world / "out").mkdir()
    note = {"process": 4711, "machine": "here", "since": "2006-01-10T05:00:00+00:00"}
    (world / "out" / ".publishing.json").write_text(json.dumps(note), encoding="utf-8")
    with FileLock(world / "out" / ".publishing.lock"):
        done = publish("old")
    assert done.code == 7
    assert "(process 4711 on here, since 2006-01-10T05:00:00+00:00)" in done.err
    assert visible(world) == set()


@pytest.mark.slow
def test_a_lock_that_a_dead_job_left_stops_nobody(publish: Publish, world: Path) -> None:
    (world / "out").mkdir()
    for name in (".publishing.lock", ".publishing.json", ".lock"):
        (world / "out" / name).write_text("left over", encoding="utf-8")
    (world / "out" / ".tmp-2005-11").mkdir()
    (world / "out" / ".tmp-latest").symlink_to("nowhere")
    done = publish("old", "--log-json", "log.jsonl")
    assert done.code == 0
    assert "an earlier job had ended without letting go of its lock" in (world / "log.jsonl").read_text()
    check_untouched(world)
    assert {p.name for p in (world / "out").iterdir()} >= {".lock", ".publishing.lock"}
    assert not (world / "out" / ".publishing.json").exists()


@pytest.mark.slow
def test_a_file_that_grows_too_large_leaves_the_old_state(publish: Publish, world: Path) -> None:
    publish("old")
    done = publish("new", file_size=12_000)
    assert done.code == 5
    assert "the release cannot be written (File too large)" in done.err
    check_untouched(world)
    assert publish("new").code == 0
    assert latest.latest_name(world / "out") == NEW


@pytest.fixture
def small_disk(world: Path) -> Iterator[Path]:
    """A disk of its own under the folder of releases."""
    disk = world / "out"
    disk.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    mount = ["mount", "-t", "tmpfs", "-o", "size=26m", "tmpfs", str(disk)]
    if not mounted or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Write until nothing fits any more."""
    with (disk / "rubbish").open("wb", buffering=0) as rubbish:
        try:
            while rubbish.write(b"x" * 65536):
                pass
        except OSError:
            return


@pytest.mark.slow
def test_a_disk_that_fills_up_while_a_release_is_written(
    publish: Publish, jobs: Resident, world: Path, small_disk: Path
) -> None:
    publish("old")
    words = ["publish", "--panel", "new/counts.parquet", "--run-date", NEW_DAY, "--log-json", "log.jsonl"]
    jobs.start(words, world)
    done = None
    while done is None and "forecast.csv" not in (
        (world / "log.jsonl").read_text() if (world / "log.jsonl").exists() else ""
    ):
        done = jobs.wait(0.002)
    fill(small_disk)
    done = done or jobs.wait()
    assert done is not None
    assert done.code == 5
    assert "No space left on device" in done.err
    (small_disk / "rubbish").unlink()
    check_untouched(world)
    assert publish("new").code == 0


@pytest.mark.slow
def test_a_disk_that_is_full_before_stops_the_job_early(
    publish: Publish, world: Path, small_disk: Path
) -> None:
    fill(small_disk)
    done = publish("old")
    assert done.code == 5
    assert "MB are free, 20 MB are needed" in done.err


def without_model(world: Path) -> None:
    text = (world / "harmattan.toml").read_text(encoding="utf-8")
    (world / "harmattan.toml").write_text(text.replace('model = "model"\n', ""), encoding="utf-8")


@pytest.mark.slow
def test_without_a_champion_the_next_best_is_fitted_and_named(publish: Publish, world: Path) -> None:
    without_model(world)
    done = told_by(publish("old", "--json"))
    tried = ["champion: no model has been trained here", "previous: no model has been trained here"]
    assert (done["level"], done["model"]["name"], done["model"]["tried"]) == (
        "amber",
        "endemic_epidemic",
        tried,
    )
    assert manifest(world, OLD)["model"] == done["model"]
    page = (world / "out" / OLD / "report.html").read_text(encoding="utf-8")
    for said in (manifest(world, OLD)["banner"], status(world)["entries"][0]["message"], page):
        assert "Made by a fallback model, endemic_epidemic, since others could not be used" in said


@pytest.mark.slow
def test_the_last_resort_are_the_last_twelve_months(publish: Publish, world: Path) -> None:
    """A sudden month after a long silence, from which the endemic-epidemic model would leap."""
    without_model(world)
    rng = np.random.default_rng(0)
    counts = rng.poisson(3 * rng.gamma(2, 0.5, (MONTHS, len(IDS))))
    counts[-15:], counts[-1] = 0, 18
    panel = panel_of(counts, ids=IDS, links=six_regions().links)
    panel.until(OLD).write_parquet(world / "old" / "counts.parquet")
    panel.write_parquet(world / "new" / "counts.parquet")
    assert publish("old", "--accept-month", "The silence was confirmed.").code == 0
    done = told_by(publish("new", "--json"))
    assert done["model"]["name"] == "conflictology_12"
    assert "endemic_epidemic: the forecast is not plausible" in done["model"]["tried"][-1]


@pytest.mark.slow
def test_a_stand_in_never_replaces_what_the_champion_said(publish: Publish, world: Path) -> None:
    publish("old")
    shutil.rmtree(world / "model")
    done = told_by(publish("old", "--json"))
    assert (done["status"], done["level"]) == ("identical", "green")
    check_untouched(world)


def change_scores(folder: Path, **values: float) -> None:
    """The same model with another record of its past, hashes and all."""
    trained = TrainedModel.read(folder)
    scores = trained.scores.assign(**values)
    text = json.dumps({"columns": list(scores), "rows": scores.astype(object).to_numpy().tolist()})
    shutil.rmtree(folder)
    TrainedModel(trained.card, {**trained.files, "scores.json": text}).write(folder)


@pytest.mark.slow
def test_intervals_out_of_band_are_held_back(publish: Publish, world: Path) -> None:
    publish("old")
    change_scores(world / "model", cases=500, coverage_90=0.6)
    done = publish("new")
    assert done.code == 12
    assert "the 90 % intervals of events held 60% of what happened" in done.err
    assert visible(world) == {OLD, "latest", "status.json", "index.html", "feed.xml", "held"}
    assert latest.latest_name(world / "out") == OLD
    held = (world / "out" / "held" / NEW / "report.html").read_text(encoding="utf-8")
    assert 'class="banner red"' in held
    assert "Not published: In recent months" in held


@pytest.mark.slow
def test_a_changed_model_file_is_not_used(publish: Publish, world: Path) -> None:
    (world / "model" / "recipe.json").write_text("{}", encoding="utf-8")
    done = told_by(publish("old", "--json"))
    assert done["model"]["tried"][0] == "model: a file of the trained model has changed"


@pytest.mark.slow
def test_a_notify_that_fails_loses_nothing(publish: Publish, world: Path) -> None:
    done = publish("old", "--notify", "no-such-command")
    assert done.code == 14
    assert done.out.startswith(f"Published {OLD}")
    check_untouched(world)
    assert status(world)["last_job"]["exit_code"] == 14
    assert status(world)["level"] == "amber"


@pytest.mark.parametrize("key", ["pending_notification", "owed"], ids=["now", "earlier versions"])
@pytest.mark.slow
def test_a_notification_that_is_pending_is_sent_by_the_next_job(
    publish: Publish, world: Path, key: str
) -> None:
    tell = world / "tell.sh"
    tell.write_text(f"#!/bin/sh\ncat >> {world}/told.json\n", encoding="utf-8")
    tell.chmod(0o755)
    assert [publish("old", "--notify", "no-such-command").code for _ in range(2)] == [14, 14]
    written = (world / "out" / "status.json").read_text(encoding="utf-8")
    (world / "out" / "status.json").write_text(written.replace("pending_notification", key), encoding="utf-8")
    done = publish("old", "--notify", tell)
    assert (done.code, done.out.startswith(f"Already published {OLD}")) == (0, True)
    once = (world / "told.json").read_text(encoding="utf-8")
    assert json.loads(once)["release"].endswith(OLD)
    assert publish("old", "--notify", tell).code == 0
    assert (world / "told.json").read_text(encoding="utf-8") == once
    assert status(world)["last_job"]["exit_code"] == 0


@pytest.mark.slow
def test_a_release_that_a_kill_kept_from_being_announced_is_announced_by_the_next_job(
    publish: Publish, world: Path
) -> None:
    """A job that ends between the release and the notification leaves what one without ``notify`` leaves."""
    tell = world / "tell.sh"
    tell.write_text(f"#!/bin/sh\ncat > {world}/told.json\n", encoding="utf-8")
    tell.chmod(0o755)
    assert publish("old", "--notify", tell).code == 0
    assert status(world)["last_job"]["notified"] == OLD
    assert publish("new").code == 0
    assert status(world)["last_job"]["notified"] == OLD
    assert publish("new", "--notify", tell).code == 0
    assert json.loads((world / "told.json").read_text(encoding="utf-8"))["release"].endswith(NEW)
    (world / "told.json").unlink()
    assert publish("new", "--notify", tell).code == 0
    assert not (world / "told.json").exists()


@pytest.mark.slow
def test_a_record_that_is_missing_is_made_by_the_next_job(publish: Publish, world: Path) -> None:
    done = publish("old", "--track", "--tracking-uri", "http://127.0.0.1:1")
    assert (done.code, status(world)["last_job"]["exit_code"]) == (8, 8)
    note = world / "out" / f"{OLD}.untracked.json"
    assert note.exists()
    done = publish("old", "--track", "--json")
    assert (done.code, note.exists()) == (0, False)
    assert told_by(done)["run_id"]


@pytest.mark.slow
def test_scores_renew_the_status_of_a_published_folder(publish: Publish, jobs: Resident, world: Path) -> None:
    publish("old")
    (world / "out" / "status.json").unlink()
    words = ["score", "--panel", "new/counts.parquet", "--run-date", NEW_DAY, "--no-track", "--json"]
    done = jobs.run(words, world)
    assert done.code == 0, done
    assert status(world)["latest"] == OLD
    assert (world / "out" / "monitoring.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [("history.parquet", b"PAR1x"), ("SHA256SUMS", b"\xff\xfe"), ("scores.csv", b"\xff\x00")],
)
def test_damage_to_the_last_release_stops_no_later_month(
    publish: Publish, jobs: Resident, world: Path, name: str, damage: bytes
) -> None:
    publish("old")
    (world / "out" / OLD / name).write_bytes(damage)
    assert jobs.run(["status", "--run-date", DAYS["old"]], world).code == 5
    (listed,) = json.loads(jobs.run(["releases", "list", "--json"], world).out)
    assert (listed["level"], "damaged" in listed["problem"]) == ("damaged", True)
    done = publish("new")
    assert (done.code, latest.latest_name(world / "out")) == (0, NEW), done
    assert publish("old").code == 0
    assert latest.latest_name(world / "out") == NEW


@pytest.mark.slow
def test_the_newest_whole_release_leads(publish: Publish, world: Path) -> None:
    publish("old")
    publish("new")
    with (world / "out" / NEW / "wide.csv").open("a") as file:
        file.write("X")
    assert publish("old").code == 0
    assert latest.latest_name(world / "out") == OLD


@pytest.mark.slow
def test_withdrawn_numbers_do_not_come_back(publish: Publish, jobs: Resident, world: Path) -> None:
    publish("old")
    publish("new")
    taken = jobs.run(["withdraw", "latest", "--reason", "wrong polygons", "--run-date", NEW_DAY], world)
    assert (taken.code, latest.latest_name(world / "out")) == (0, OLD)
    done = publish("new")
    assert done.code == 9
    assert "wrong polygons" in done.err
    assert latest.latest_name(world / "out") == OLD
    for words in (["verify", NEW], ["releases", "show", NEW], ["releases", "diff", OLD, NEW]):
        refused = jobs.run(words, world)
        assert (refused.code, "wrong polygons" in refused.err) == (9, True)


@pytest.mark.slow
def test_the_folder_is_told_from_outside(publish: Publish, jobs: Resident, world: Path) -> None:
    publish("old")
    seen = jobs.run(["status", "--json", "--run-date", "2006-02-20"], world)
    told = told_by(seen)
    assert (seen.code, told["level"], told["age_days"], told["next_due"]) == (0, "amber", 82, "2006-03-03")
    late = jobs.run(["status", "--run-date", "2006-03-04", "--quiet"], world)
    assert (late.code, late.out) == (11, "")
    listed = json.loads(jobs.run(["releases", "list", "--json"], world).out)
    assert [(r["name"], r["latest"]) for r in listed] == [(OLD, True)]
    pruned = jobs.run(["prune", "--keep-months", "1", "--dry-run", "--json"], world)
    assert json.loads(pruned.out)["removed"] == []


@pytest.mark.slow
def test_counts_of_a_panel_are_only_read(publish: Publish, world: Path) -> None:
    before = (world / "old" / "counts.parquet").read_bytes()
    publish("old")
    assert (world / "old" / "counts.parquet").read_bytes() == before
    assert pd.read_csv(world / "out" / OLD / "wide.csv")["region_id"].nunique() == len(IDS)


@pytest.mark.slow
def test_a_month_that_is_not_believed_is_masked_until_it_comes(publish: Publish, world: Path) -> None:
    publish("old")
    words = ("--mask-month", NEW, "--mask-country", "BBB", "--mask-reason", "half of it is missing", "--json")
    done = told_by(publish("new", *words))
    assert (Path(done["release"]).name, done["level"]) == (f"{OLD}_r2", "amber")
    sentence = (
        f"The data of BBB for {NEW} are masked (half of it is missing): this forecast starts from {OLD}."
    )
    assert sentence in manifest(world, f"{OLD}_r2")["banner"]
    assert told_by(publish("new", *words))["status"] == "identical"
    assert told_by(publish("new", "--json"))["latest"] == NEW


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--mask-month", NEW), "a month is masked for a reason"),
        (("--mask-month", "1999-01", "--mask-reason", "x"), "is not a month of these data"),
        (("--mask-month", NEW, "--mask-reason", "x", "--mask-country", "ZZZ"), "'ZZZ' is not in these data"),
        (("--mask-reason", "x"), "no month is masked"),
    ],
)
def test_a_mask_that_makes_no_sense_is_refused(publish: Publish, words: tuple[str, ...], says: str) -> None:
    done = publish("new", *words)
    assert done.code == 2
    assert says in done.err


@pytest.mark.slow
def test_a_month_that_looks_like_the_one_before_is_refused_until_accepted(
    publish: Publish, world: Path
) -> None:
    panel = Panel.read_parquet(world / "new" / "counts.parquet")
    counts = panel.measure("events").copy()
    counts[-1] = counts[-2] = np.maximum(counts[-2], 2)
    again = panel_of(counts.astype(int), ids=IDS, links=panel.links)
    again.write_parquet(world / "new" / "counts.parquet")
    refused = publish("new")
    assert refused.code == 6
    assert f"has in every region the count of {OLD}" in refused.err
    done = told_by(publish("new", "--accept-month", "the source says so", "--json"))
    assert done["level"] == "amber"
    assert "Accepted: the source says so." in manifest(world, NEW)["banner"]


@pytest.mark.slow
def test_the_folder_comes_back_from_the_store_and_the_record_from_the_folder(
    publish: Publish, world: Path, jobs: Resident
) -> None:
    """The way back after the folder of releases, and then MLflow's folder, are lost."""
    store, out = world / "store", world / "out"

    def content() -> dict[Path, bytes]:
        return {p.relative_to(out): p.read_bytes() for p in (out / OLD).rglob("*") if p.is_file()}

    assert publish("old", "--upload", store.as_uri()).code == 0
    before = content()
    shutil.rmtree(out)
    shutil.copytree(store, out)
    assert content() == before
    again = publish("old", "--json", "--upload", store.as_uri())
    assert (again.code, told_by(again)["status"]) == (0, "identical")
    assert latest.latest_name(world / "out") == OLD
    first = jobs.run(["track", "--from", f"out/{OLD}", "--json"], world)
    shutil.rmtree(world / "mlruns")
    second = jobs.run(["track", "--from", f"out/{OLD}", "--json"], world)
    assert (first.code, second.code) == (0, 0)
    assert told_by(first)["run_id"] != told_by(second)["run_id"]


@pytest.mark.slow
def test_a_model_of_later_months_is_no_reason_for_a_stand_in(publish: Publish, world: Path) -> None:
    """Nothing new came, and the model was trained anew: what is out stays."""
    assert publish("old").code == 0
    card = world / "model" / "model.json"
    told = json.loads(card.read_text(encoding="utf-8"))
    card.write_text(json.dumps({**told, "origin": NEW}), encoding="utf-8")
    again = publish("old", "--json")
    assert (again.code, told_by(again)["status"], told_by(again)["level"]) == (0, "identical", "green")
    check_untouched(world)
