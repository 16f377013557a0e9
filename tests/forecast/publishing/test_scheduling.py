"""The files for schedulers: systemd accepts them, their commands exist, and the workflow's steps run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from publishing_world import NEW, NEW_DAY

HARMATTAN = Path(sys.executable).with_name("harmattan")
INSTALLED = "/opt/harmattan/.venv/bin/harmattan"


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "docs" / "scheduling"


def commands(text: str) -> list[list[str]]:
    """Every call of the program in a text, as words."""
    program = rf'(?:{INSTALLED}|"\$HARMATTAN"|\{{HARMATTAN\}}|\.venv/bin/harmattan)'
    return [line.split() for line in re.findall(program + r" ([^|&\n]+)", text)]


@pytest.mark.parametrize("name", ["publish", "status"])
def test_systemd_accepts_the_units(folder: Path, tmp_path: Path, name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    units = []
    for kind in ("service", "timer"):
        unit = tmp_path / f"harmattan-{name}.{kind}"
        text = (folder / unit.name).read_text(encoding="utf-8").replace(INSTALLED, str(HARMATTAN))
        unit.write_text(text, encoding="utf-8")
        units.append(str(unit))
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["publish", "status"])
def test_the_times_are_times(folder: Path, name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    text = (folder / f"harmattan-{name}.timer").read_text(encoding="utf-8")
    times = re.findall(r"^OnCalendar=(.+)$", text, flags=re.MULTILINE)
    assert times
    done = subprocess.run([analyze, "calendar", *times], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_and_option_exists(folder: Path) -> None:
    from typer.main import get_command

    from harmattan.forecast.cli.entry import app

    top: Any = get_command(app)
    called = [
        words for path in folder.iterdir() if path.is_file() for words in commands(path.read_text("utf-8"))
    ]
    assert {words[0] for words in called} >= {"publish", "status", "verify", "data"}
    for words in called:
        command = top.commands[words[0]]
        if hasattr(command, "get_command"):
            command = command.get_command(None, words[1])
        known = {option for parameter in command.params for option in parameter.opts}
        asked = {re.match(r"--[a-z-]+", word)[0] for word in words if word.startswith("--")}  # type: ignore[index]
        assert asked <= known, words


def test_the_settings_files_are_such(folder: Path) -> None:
    from harmattan.forecast.settings import Settings

    settings = Settings.load(file=folder / "harmattan.toml", environ={})
    assert settings.source == "store:/var/lib/harmattan/vintages"
    runner = Settings.load(file=folder / "harmattan-actions.toml", environ={})
    assert runner.source == f"store:{folder}/published/vintages"


def test_cron_lines_have_five_times_and_a_command(folder: Path) -> None:
    lines = (folder / "crontab").read_text(encoding="utf-8").splitlines()
    jobs = [line for line in lines if re.match(r"[\d*]", line)]
    assert len(jobs) == 2
    for job in jobs:
        times = job.split()[:5]
        assert all(re.fullmatch(r"\*|\d+(,\d+)*", time) for time in times)
        # In a crontab an unescaped percent sign ends the command.
        assert "%" not in job


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in for Airflow that takes down what a DAG file declares."""
    declared: list[Any] = []

    class Dag:
        def __init__(self, **options: Any) -> None:
            self.options, self.tasks = options, []
            declared.append(self)

        def __enter__(self) -> Dag:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    class Task:
        def __init__(self, **options: Any) -> None:
            self.options, self.after = options, []
            declared[-1].tasks.append(self)

        def __rshift__(self, other: Task) -> Task:
            other.after.append(self.options["task_id"])
            return other

    for name in (
        "airflow",
        "airflow.providers",
        "airflow.providers.standard",
        "airflow.providers.standard.operators",
    ):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    bash: Any = types.ModuleType("bash")
    bash.BashOperator = Task
    monkeypatch.setitem(sys.modules, "airflow.providers.standard.operators.bash", bash)
    top: Any = sys.modules["airflow"]
    top.DAG = Dag
    return declared


def test_the_dag_publishes_after_the_data_once_at_a_time(folder: Path, airflow: list[Any]) -> None:
    exec(compile((folder / "airflow_dag.py").read_text("utf-8"), "airflow_dag.py", "exec"), {})
    publish, status = airflow
    assert [task.options["task_id"] for task in publish.tasks] == ["data", "publish"]
    assert publish.tasks[1].after == ["data"]
    assert publish.options["max_active_runs"] == 1
    assert publish.options["catchup"] is False
    assert publish.tasks[1].options["bash_command"].startswith(f"{INSTALLED} publish --config")
    assert [task.options["task_id"] for task in status.tasks] == ["status"]


def workflow(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / "github-actions.yml").read_text(encoding="utf-8"))
    return read


def test_the_workflow_is_one_job_of_steps_that_exist(folder: Path) -> None:
    flow = workflow(folder)
    assert flow[True]["schedule"] == [{"cron": "0 6 21,23 * *"}]  # YAML reads the key "on" as true
    assert flow["permissions"] == {"contents": "write"}
    steps = flow["jobs"]["publish"]["steps"]
    assert [step["name"] for step in steps if "run" in step] == [
        "Install",
        "Look for the model",
        "Bring the data",
        "Publish",
        "Verify",
        "Keep",
        "Status",
        "Outcome",
    ]


@pytest.fixture
def runner(six: Path, tmp_path: Path) -> Path:
    """A runner after installation: a world, a branch of its own, and new data."""
    shutil.copytree(six, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "harmattan.toml").open("a", encoding="utf-8") as settings:
        settings.write('panel = "new/counts.parquet"\n')
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("harmattan", "python"):
        (tmp_path / ".venv" / "bin" / name).symlink_to(HARMATTAN.with_name(name))
    git = ["git", "-c", "init.defaultBranch=forecasts"]
    subprocess.run([*git, "init", "--quiet", "--bare", str(tmp_path / "origin.git")], check=True)
    clone = [*git, "clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "published")]
    subprocess.run(clone, check=True, capture_output=True)
    (tmp_path / "model").rename(tmp_path / "published" / "model")
    return tmp_path


def run_steps(folder: Path, runner: Path) -> tuple[dict[str, int], str]:
    """The exit codes of the steps that need no network, as GitHub runs them, and what they printed."""
    steps = [step for step in workflow(folder)["jobs"]["publish"]["steps"] if "run" in step]
    codes: dict[str, int] = {}
    printed = ""
    for step in steps:
        if step["name"] in ("Install", "Bring the data"):
            continue
        if any(codes.values()) and step.get("if") != "always()":
            continue
        script = runner / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        # What GitHub starts where a step names no shell: without pipefail.
        done = subprocess.run(
            ["bash", "-e", str(script)], cwd=runner, capture_output=True, text=True, check=False
        )
        codes[step["name"]] = done.returncode
        printed += done.stdout + done.stderr
    return codes, printed


def kept(runner: Path) -> str:
    """What the branch holds, one path a line."""
    tree = ["git", "-C", str(runner / "origin.git"), "ls-tree", "-r", "--name-only", "forecasts"]
    return subprocess.run(tree, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "code"),
    [
        (f'run_date = "{NEW_DAY}"', 0),
        (f'run_date = "{NEW_DAY}"\nnotify = "false"', 14),
    ],
)
def test_a_release_is_kept_and_the_workflow_ends_with_its_code(
    folder: Path, runner: Path, more: str, code: int
) -> None:
    with (runner / "harmattan.toml").open("a", encoding="utf-8") as settings:
        settings.write(more)
    codes, printed = run_steps(folder, runner)
    done = dict.fromkeys(("Look for the model", "Publish", "Verify", "Keep", "Status"), 0)
    assert codes == {**done, "Outcome": code}, printed
    assert re.search(rf"^releases/{NEW}/SHA256SUMS$", kept(runner), flags=re.MULTILINE)


@pytest.mark.slow
def test_the_workflow_fails_at_once_where_nothing_is_released(folder: Path, runner: Path) -> None:
    with (runner / "harmattan.toml").open("a", encoding="utf-8") as settings:
        settings.write('run_date = "2007-01-10"')
    codes, printed = run_steps(folder, runner)
    assert codes["Publish"] == 10, printed
    assert codes.keys() == {"Look for the model", "Publish", "Status"}
    assert "error: " in printed
    assert kept(runner) == ""


def test_the_workflow_stops_where_the_model_is_missing(folder: Path, runner: Path) -> None:
    shutil.rmtree(runner / "published" / "model")
    codes, printed = run_steps(folder, runner)
    assert codes["Look for the model"] == 4
    assert codes.keys() == {"Look for the model", "Status"}
    assert "published/model holds no trained model" in printed
