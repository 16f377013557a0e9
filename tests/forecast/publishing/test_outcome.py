"""Word of a job, for people and for machines: whatever fails there is told, and loses nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harmattan.data.errors import HarmattanError, ModelError, NotifyError, ReleaseError
from harmattan.forecast.publishing.job_log import JobLog
from harmattan.forecast.publishing.outcome import notify

TOLD = {"event": "published", "summary": "Published 2023-12."}


def command(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


def test_a_command_reads_the_message(tmp_path: Path) -> None:
    written = tmp_path / "it's told.json"
    code = "import os,sys; open(sys.argv[1],'w').write(sys.stdin.read()+os.environ['HARMATTAN_EVENT'])"
    notify(f'{command(code)} "{written}"', TOLD)
    text = written.read_text(encoding="utf-8")
    assert json.loads(text.removesuffix("published")) == TOLD


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    path.write_text("old", encoding="utf-8")
    notify(f"file:{path}", TOLD)
    assert json.loads(path.read_text(encoding="utf-8")) == TOLD
    assert list(tmp_path.iterdir()) == [path]


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match="cannot be started"):
        notify(f"no-such-command; touch {tmp_path / 'hit'}", TOLD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (command("import sys; sys.exit('no mail server')"), r"failed with code 1 \(no mail server\)"),
        ("no-such-command", "cannot be started"),
        ("'unclosed", "cannot be started"),
        ("file:/no/such/folder/told.json", "cannot be written"),
    ],
)
def test_every_failure_is_told(how: str, says: str) -> None:
    with pytest.raises(NotifyError, match=says) as caught:
        notify(how, TOLD)
    assert caught.value.exit_code == 14


def test_a_command_that_hangs_is_stopped() -> None:
    with pytest.raises(NotifyError, match=r"did not end within 0\.2 seconds"):
        notify(
            command(
                "import sys; sys.stdin.read(); input() if False else __import__('threading').Event().wait()"
            ),
            TOLD,
            0.2,
        )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_log_has_a_line_as_each_stage_begins_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JobLog(str(path)) as log:
        with log.stage("data"):
            pass
        with pytest.raises(ModelError), log.stage("model"):
            raise ModelError("no model.", "here", "Train one.")
        with pytest.raises(ZeroDivisionError), log.stage("forecast"):
            raise ZeroDivisionError("by\nzero")
    found = lines(path)
    assert [(line["stage"], line["state"]) for line in found] == [
        ("data", "begin"),
        ("data", "done"),
        ("model", "begin"),
        ("model", "failed"),
        ("forecast", "begin"),
        ("forecast", "failed"),
    ]
    assert found[3]["message"] == "here: no model. Train one."
    assert (found[5]["error"], found[5]["message"]) == ("ZeroDivisionError", "by zero")
    assert set(log.seconds) == {"data"}


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        with JobLog(str(path)) as log:
            log.write("publish", "done")
    assert len(lines(path)) == 2


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="the log cannot be written"):
        JobLog(str(tmp_path / "no" / "log.jsonl"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_stops_nothing() -> None:
    try:
        with JobLog("/dev/full") as log, log.stage("data"):
            pass
    except HarmattanError:
        pytest.fail("the log stopped the job")
    assert "data" in log.seconds
