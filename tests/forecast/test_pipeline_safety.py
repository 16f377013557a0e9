"""The real commands on hostile input, with unpickling forbidden and secrets planted: nothing runs, nothing leaks."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from make_result import grid_regions, make_panel

from harmattan.forecast.formats import read_draws
from harmattan.forecast.release.csv_files import check_formulas
from harmattan.forecast.release.verify_tables import read_back

GUARD = Path(__file__).parent / "guard"
PLANTED = "Xq7PLANTEDsecret"
#: Every variable from which the program or its libraries read something that nobody may see.
SECRETS = (
    "HARMATTAN_UCDP_TOKEN",
    "HARMATTAN_ACLED_USER",
    "HARMATTAN_ACLED_PASSWORD",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
)
NAMES = {
    "BEN-alibori": "=HYPERLINK(1)",
    "BEN-coast": "+1",
    "BFA-est": "-x",
    "BFA-nord": "@SUM(A1)",
    "NER-east": "=1+1",
}
SETTINGS = """\
panel = "counts.csv"
regions = "regions.geojson"
targets = ["events"]
horizons = "1"
draws = 100
backtest_origins = 1
workers = 1
out = "out"
mlruns = "mlruns"
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    folder: Path
    code: int
    said: str

    @property
    def release(self) -> Path:
        return self.folder / "out" / "2023-12"


def write_world(folder: Path) -> None:
    """Fourteen regions with names that would run in a spreadsheet or a page."""
    regions = grid_regions(hostile=True)
    names = [NAMES.get(r, n) for r, n in zip(regions.frame.region_id, regions.frame.name, strict=True)]
    frame = make_panel(regions, "2023-12", np.random.default_rng(1)).to_frame()
    frame["name"] = frame.region_id.map(dict(zip(regions.frame.region_id, names, strict=True)))
    frame["events_jnim"] = (frame.events // 3).where(frame.country != "NER", 0)
    frame.to_csv(folder / "counts.csv", index=False)
    features = [
        {
            "type": "Feature",
            "properties": {"region_id": region, "name": name, "country": country},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for region, name, country, shape in zip(
            regions.frame.region_id, names, regions.frame.country, regions.geometry, strict=True
        )
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    (folder / "regions.geojson").write_text(text, encoding="utf-8")
    (folder / "harmattan.toml").write_text(SETTINGS, encoding="utf-8")


def run(folder: Path, *arguments: str, umask: int = 0, **variables: str) -> Ran:
    """Run the command in a process of its own, guarded, with every secret set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HARMATTAN_", "MLFLOW_"))}
    environ = {
        **kept,
        **dict.fromkeys(SECRETS, PLANTED),
        "PYTHONPATH": str(GUARD),
        "GUARD_MARK": str(folder / "unpickled.txt"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        **variables,
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("harmattan"), *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )
    return Ran(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The main job, recorded in MLflow, by a user who lets everybody write."""
    folder = tmp_path_factory.mktemp("hostile")
    write_world(folder)
    return run(folder, "forecast", umask=0)


def files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.slow
def test_the_main_job_unpickles_nothing(forecast: Ran) -> None:
    assert forecast.code == 0, forecast.said
    assert not (forecast.folder / "unpickled.txt").exists()
    assert forecast.release.is_dir()
    assert "MLflow   run" in forecast.said


@pytest.mark.parametrize(
    "code",
    [
        "import pickle; pickle.loads(pickle.dumps([1]))",
        "from _pickle import Unpickler; import io, pickle; Unpickler(io.BytesIO(pickle.dumps(1))).load()",
        "import pickle, pandas; open('x', 'wb').write(pickle.dumps(1)); pandas.read_pickle('x')",
        "import joblib; joblib.dump([1], 'x'); joblib.load('x')",
        "import numpy; numpy.save('x.npy', numpy.array([{}])); numpy.load('x.npy', allow_pickle=True)",
    ],
)
def test_the_guard_notices_unpickling(tmp_path: Path, code: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(GUARD), "GUARD_MARK": str(tmp_path / "mark")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert "Unpickled" in done.stderr
    assert (tmp_path / "mark").exists()


@pytest.mark.slow
def test_a_planted_secret_is_nowhere(forecast: Ran) -> None:
    assert PLANTED not in forecast.said
    holders = [p.name for p in files(forecast.folder) if PLANTED.encode() in p.read_bytes()]
    assert holders == []
    base = sqlite3.connect(forecast.folder / "mlruns" / "mlflow.db")
    names = [row[0] for row in base.execute("select name from sqlite_master where type = 'table'")]
    cells = [str(cell) for name in names for row in base.execute(f'select * from "{name}"') for cell in row]
    base.close()
    assert len(cells) > 100
    assert not [cell for cell in cells if PLANTED in cell]


@pytest.mark.slow
def test_no_cell_of_any_csv_is_a_formula(forecast: Ran) -> None:
    sheets = [p for p in files(forecast.folder) if p.suffix == ".csv" and p.name != "counts.csv"]
    assert len(sheets) >= 12
    for path in sheets:
        assert check_formulas(path).empty, path.name
    with (forecast.release / "wide.csv").open(encoding="utf-8", newline="") as lines:
        names = {row["region_id"]: row["name"] for row in csv.DictReader(lines)}
    assert {r: n.removeprefix("'") for r, n in names.items() if r in NAMES} == NAMES
    assert all(names[r].startswith("'") for r in NAMES)


@pytest.mark.slow
def test_a_hostile_name_is_no_element_of_the_page(forecast: Ran) -> None:
    html = (forecast.release / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in html
    assert html.count("</script>") == len(re.findall(r"<script\b", html))
    assert "window.hit" in html


@pytest.mark.slow
def test_nobody_else_may_change_what_was_written(forecast: Ran) -> None:
    written = [forecast.folder / "out", forecast.folder / "mlruns"]
    for top in written:
        for path in (top, *top.rglob("*")):
            mode = path.lstat().st_mode
            assert not mode & (stat.S_IWGRP | stat.S_IWOTH) or stat.S_ISLNK(mode), path
    for path in files(forecast.release):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path


@pytest.mark.slow
def test_every_file_is_inside_the_folders_it_was_asked_for(forecast: Ran) -> None:
    there = {path.name for path in forecast.folder.iterdir()}
    assert there == {"counts.csv", "regions.geojson", "harmattan.toml", "out", "mlruns"}


@pytest.mark.slow
def test_the_tables_of_a_hostile_world_read_back_whole(forecast: Ran) -> None:
    draws = read_draws(forecast.release / "draws.parquet")
    assert [(name, check) for name, check, _ in read_back(forecast.release, draws)] == []


@pytest.mark.slow
def test_a_group_without_events_in_a_country_is_withheld(forecast: Ran) -> None:
    groups = pd.read_csv(forecast.release / "spillover_groups.csv")
    withheld = pd.read_csv(forecast.release / "withheld.csv")
    jnim = groups[groups["group"] == "JNIM"]
    assert (jnim["past_events"] >= 10).all()
    assert "NER" not in set(jnim["source_country"])
    assert (withheld["past_events"] < 10).all()


#: An address with a password in it, at which nobody answers.
ADDRESS = f"http://user:{PLANTED}@127.0.0.1:9"


@pytest.mark.slow
def test_settings_are_shown_without_the_stores_password(forecast: Ran) -> None:
    said = run(forecast.folder, "config", "show", "--json", HARMATTAN_TRACKING_URI=ADDRESS)
    assert "127.0.0.1:9" in said.said
    assert PLANTED not in said.said


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_named_without_its_password(forecast: Ran) -> None:
    said = run(forecast.folder, "--debug", "promote", "1", "--tracking-uri", ADDRESS)
    assert said.code != 0
    assert "Traceback" in said.said
    assert "127.0.0.1:9" in said.said
    assert PLANTED not in said.said


@pytest.mark.slow
def test_training_and_serving_unpickle_nothing(forecast: Ran) -> None:
    for arguments in (
        ("train",),
        ("forecast", "--model", "1", "--out", "served"),
        ("verify", "out/2023-12"),
        ("publish", "--out", "served", "--run-date", "2024-01-31"),
        ("releases", "list", "--out", "served"),
    ):
        done = run(forecast.folder, *arguments)
        assert done.code == 0, done.said
        assert PLANTED not in done.said
    assert not (forecast.folder / "unpickled.txt").exists()
    suffixes = {path.suffix for path in files(forecast.folder)}
    assert not suffixes & {".pkl", ".pickle", ".joblib", ".skops", ".dill"}
    assert not [p for p in files(forecast.folder) if PLANTED.encode() in p.read_bytes()]


def test_what_a_publishing_machine_installs_is_pinned_with_hashes(root: Path) -> None:
    lines = (root / "requirements-publish.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9_.-]+)==([^ ;\\]+)", lines, flags=re.MULTILINE)
    blocks = re.split(r"\n(?=[a-z0-9])", lines)
    assert len(pins) > 50
    assert all("--hash=sha256:" in block for block in blocks)
    tested = re.findall(
        r"^([a-z0-9_.-]+)==([^ ;\\]+)", (root / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE
    )
    assert set(pins) <= set(tested)
    assert not {"pytest", "ruff", "mypy", "hypothesis", "selenium"} & {name for name, _ in pins}


@pytest.mark.parametrize("name", ["security.md", "scheduling.md", "scheduling/github-actions.yml"])
def test_what_builds_the_package_is_pinned_too(root: Path, name: str) -> None:
    lock = (root / "requirements-publish.lock").read_text(encoding="utf-8")
    assert re.search(r"^setuptools==\d", lock, flags=re.MULTILINE)
    installs = re.findall(r"pip install .*--no-deps.*", (root / "docs" / name).read_text(encoding="utf-8"))
    assert installs
    assert all("--no-build-isolation" in line for line in installs)
