"""A publishing job that is killed from outside: there is always a whole release, and the next job clears up."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from publishing_world import NEW, NEW_DAY, OLD, OLD_DAY
from resident import Resident

from harmattan.forecast.release import check_signature, latest, make_keys
from harmattan.forecast.release.catalogue import NAME, all_releases
from harmattan.forecast.release.files import read_sums, sums_of
from harmattan.forecast.release.verify import verify_release

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


@dataclass(frozen=True)
class Yard:
    """A world with its first month published, and what its second month comes to undisturbed."""

    world: Path
    place: Path
    jobs: Resident
    sums: dict[str, str]
    seconds: float

    def words(self, out: Path, log: Path) -> list[object]:
        """The command that publishes the second month."""
        return [
            *("publish", "--panel", "new/counts.parquet", "--run-date", NEW_DAY, "--quiet"),
            *("--out", out, "--log-json", log),
            *("--sign", self.place / "key", "--upload", store_of(out).as_uri()),
        ]


def store_of(out: Path) -> Path:
    """The object store that a folder of releases is copied to."""
    return out.with_suffix(".store")


@pytest.fixture(scope="module")
def yard(six: Path, jobs: Resident, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    place = tmp_path_factory.mktemp("yard")
    make_keys(place / "key")
    first = ["publish", "--panel", "old/counts.parquet", "--run-date", OLD_DAY, "--out", place / "before"]
    assert jobs.run(first, six).code == 0
    shutil.copytree(place / "before", place / "whole", symlinks=True)
    start = Yard(six, place, jobs, {}, 0.0)
    assert jobs.run(start.words(place / "whole", place / "whole.jsonl"), six).code == 0
    return Yard(six, place, jobs, sums_of(place / "whole" / NEW), writing_seconds(place / "whole.jsonl"))


def lines(log: Path) -> list[dict[str, Any]]:
    """What a job has logged; its last line may be torn."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def writing_seconds(log: Path) -> float:
    """From the first file of a release to the last byte of the folder's status."""
    told = lines(log)
    begun = next(line["time"] for line in told if "file" in line)
    return (datetime.fromisoformat(told[-1]["time"]) - datetime.fromisoformat(begun)).total_seconds()


def has_begun(log: Path) -> bool:
    return any("file" in line for line in lines(log))


def phase(log: Path) -> str:
    """What the job was at: the last line that it could write."""
    last = lines(log)[-1]
    if last["stage"] == "publish":
        return "all done"
    return "writing files" if "file" in last else str(last.get("step") or last["stage"])


def kill_at(yard: Yard, moment: float, out: Path) -> str:
    """Publish, and kill that long after the first byte; what the job was at."""
    shutil.copytree(yard.place / "before", out, symlinks=True)
    log = out.with_suffix(".jsonl")
    yard.jobs.start(yard.words(out, log), yard.world)
    done = None
    while done is None and not has_begun(log):
        done = yard.jobs.wait(0.002)
    if done is None:
        done = yard.jobs.wait(moment) or yard.jobs.kill()
    assert done.code in (0, -9), done
    return phase(log)


def check_store(yard: Yard, out: Path) -> str | None:
    """Whatever the pointer of the store names is whole and signed; its name, None where there is no pointer."""
    pointer = store_of(out) / "latest.json"
    if not pointer.exists():
        return None
    name = str(json.loads(pointer.read_text(encoding="utf-8"))["release"])
    assert verify_release(store_of(out) / name).whole
    check_signature(store_of(out) / name, yard.place / "key.pub")
    return name


def check(yard: Yard, out: Path) -> None:
    """Every release there is whole, and ``latest`` leads to one of them."""
    check_store(yard, out)
    found = {info.name for info in all_releases(out)}
    assert {OLD} <= found <= {OLD, NEW}
    assert [f.message for name in found for f in verify_release(out / name).findings] == []
    if NEW in found:
        check_signature(out / NEW, yard.place / "key.pub")
    assert read_sums(out / OLD) == read_sums(yard.place / "before" / OLD)
    led = latest.latest_target(out)
    assert led is not None
    assert led.name in found
    strange = {p.name for p in out.iterdir() if not NAME.fullmatch(p.name) and not p.name.startswith(".")}
    assert strange == {"latest", "status.json", "index.html", "feed.xml"}
    assert json.loads((out / "status.json").read_text(encoding="utf-8"))["exit_code"] == 0


def check_recovery(yard: Yard, out: Path) -> None:
    """The next job needs nobody's help, and ends as if nothing had been."""
    done = yard.jobs.run(yard.words(out, out.with_suffix(".again")), yard.world)
    assert (done.code, done.err) == (0, "")
    assert sums_of(out / NEW) == yard.sums
    assert latest.latest_name(out) == NEW
    assert verify_release(out / NEW).whole
    assert check_store(yard, out) == NEW
    assert {p.name for p in out.iterdir() if p.name.startswith(".")} == {".lock", ".publishing.lock"}


def kill_many(yard: Yard, tmp_path: Path, times: int, seed: int) -> Counter[str]:
    """One kill in each of so many equal parts of the writing phase, at a random moment of it."""
    moments = (np.arange(times) + np.random.default_rng(seed).random(times)) / times * yard.seconds
    at: Counter[str] = Counter()
    for number, moment in enumerate(moments):
        out, hit = tmp_path / f"out-{number}", "all done"
        while hit == "all done":
            # A job that was faster than the first one had ended before: an earlier moment then.
            shutil.rmtree(out, ignore_errors=True)
            shutil.rmtree(store_of(out), ignore_errors=True)
            out.with_suffix(".jsonl").unlink(missing_ok=True)
            hit = kill_at(yard, float(moment), out)
            moment *= 0.7
        at[hit] += 1
        check(yard, out)
        check_recovery(yard, out)
        shutil.rmtree(out)
        shutil.rmtree(store_of(out))
    return at


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_release(yard: Yard, tmp_path: Path) -> None:
    assert sum(kill_many(yard, tmp_path, 3, seed=1).values()) == 3


@pytest.mark.slow
def test_a_hundred_kills(
    yard: Yard, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[..., None]
) -> None:
    at = kill_many(yard, tmp_path, 100, seed=2)
    record_property("kills", dict(at))
    with capsys.disabled():
        told = ", ".join(f"{n} {name}" for name, n in at.most_common())
        print(f"\n100 kills over {yard.seconds:.2f} s of writing: {told}")
    assert at["writing files"] >= 10
    assert len(at) >= 3


@pytest.mark.slow
def test_kills_of_the_installed_command(yard: Yard, tmp_path: Path) -> None:
    harmattan = str(Path(sys.executable).parent / "harmattan")
    for number, share in enumerate((0.1, 0.5, 0.9)):
        out = tmp_path / f"out-{number}"
        shutil.copytree(yard.place / "before", out, symlinks=True)
        log = out.with_suffix(".jsonl")
        job = subprocess.Popen([harmattan, *map(str, yard.words(out, log))], cwd=yard.world)
        while not has_begun(log):
            assert job.poll() is None
        stop = time.monotonic() + share * yard.seconds
        while time.monotonic() < stop and job.poll() is None:
            pass
        job.kill()
        job.wait()
        check(yard, out)
        check_recovery(yard, out)
