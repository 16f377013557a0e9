"""Word of a job, for people and for machines: whatever fails there is told, and loses nothing."""

from __future__ import annotations

import json
import sys
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harmattan.data.errors import HarmattanError, ModelError, NotifyError, ReleaseError
from harmattan.forecast.publishing.job_log import JobLog
from harmattan.forecast.publishing.metrics import write_metrics
from harmattan.forecast.publishing.outcome import notify
from harmattan.forecast.release import FolderStatus, StatusEntry

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


def test_a_webhook_is_tried_again_and_a_refusal_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmattan.forecast.publishing.outcome.WAIT", 0.0)
    got: list[bytes] = []
    answers = [503, 503, 200, 403]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers[len(got) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/secret-token"
        notify(address, {"event": "published"})
        assert [json.loads(text)["event"] for text in got] == ["published"] * 3
        with pytest.raises(NotifyError, match="403") as caught:
            notify(address, {"event": "published"})
        assert len(got) == 4
        assert "secret-token" not in caught.value.message
        server.shutdown()


def test_prometheus_reads_the_metrics(tmp_path: Path) -> None:
    entries = (StatusEntry("data age", "green", "x"), StatusEntry("model", "amber", "x"))
    status = FolderStatus(tmp_path, date(2024, 1, 31), "2023-12", "2023-12", 31, date(2024, 4, 2), entries)
    write_metrics(tmp_path / "harmattan.prom", status, 8, {"data": 1.5})
    lines = (tmp_path / "harmattan.prom").read_text(encoding="utf-8").splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['harmattan_entry_level{entry="model"}'] == "1"
    assert (values["harmattan_level"], values["harmattan_exit_code"]) == ("1", "8")
    assert (values["harmattan_data_age_days"], values['harmattan_stage_seconds{stage="data"}']) == (
        "31",
        "1.5",
    )
    assert values["harmattan_next_due_timestamp_seconds"] == "1712102399"
