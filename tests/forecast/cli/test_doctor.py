"""Doctor: each thing that a run needs, there and missing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harmattan.data.errors import HarmattanError, TrackingError
from harmattan.forecast.cli import doctor
from harmattan.forecast.cli.doctor import Finding, examine, existing, first_error, openmp_remedy, summary
from harmattan.forecast.settings import Settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Settings.load({}, environ={}, cwd=tmp_path)


def one(name: str, settings: Settings) -> Finding:
    (found,) = (f for f in examine(settings) if f.name == name)
    return found


def test_all_is_well_and_nothing_is_left_behind(settings: Settings, tmp_path: Path) -> None:
    findings = examine(settings)
    assert {f.name: f.status for f in findings} == dict.fromkeys(doctor._ERRORS, "ok")
    assert first_error(findings) is None
    assert summary(findings)["status"] == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_missing_names_the_package_that_brings_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_loads", lambda library: False)
    monkeypatch.setattr(doctor, "openmp_remedy", lambda: "Run: apt-get install libgomp1.")
    error = first_error(examine(settings))
    assert error is not None
    assert error.exit_code == 4
    assert "libgomp.so.1" in error.message
    assert "apt-get install libgomp1" in error.message


def test_a_library_that_no_system_has_does_not_load() -> None:
    assert not doctor._loads("libharmattan-that-is-not-there.so.1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ID=debian\nVERSION="13"\n', "apt-get install libgomp1"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install libgomp1"),
        ("ID=alpine\n", "apk add libgomp"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install libgomp"),
        ('ID="opensuse-leap"\n', "zypper install libgomp1"),
        ("ID=other\n", "libgomp1 (Debian, Ubuntu)"),
    ],
)
def test_the_remedy_fits_the_system(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "os-release").write_text(text, encoding="utf-8")
    assert words in openmp_remedy(tmp_path / "os-release")


def test_a_system_that_does_not_describe_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert "libgomp" in openmp_remedy(tmp_path / "absent")


def test_a_package_of_another_version(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["numpy>=99", "nothing-like-it", "x; extra == 'y'"]
    )
    found = one("packages", settings)
    assert found.status == "failed"
    assert "needed is >=99" in found.message
    assert "nothing-like-it is absent" in found.message


def test_data_that_are_missing(tmp_path: Path) -> None:
    settings = Settings.load({"panel": "absent.csv"}, environ={}, cwd=tmp_path)
    found = one("data", settings)
    assert found.status == "failed"
    assert "absent.csv" in found.message


@pytest.mark.parametrize(("free", "status"), [(50, "failed"), (200, "warning"), (5000, "ok")])
def test_space(free: int, status: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, free * 2**20))
    found = one("disk", settings)
    assert (found.status, bool(found.remedy)) == (status, status != "ok")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "releases").write_text("", encoding="utf-8")
    settings = Settings.load({}, environ={}, cwd=tmp_path)
    error = first_error(examine(settings))
    assert error is not None
    assert error.exit_code == 5
    assert "no folder" in error.message


def test_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path


def test_a_database_that_is_none(settings: Settings) -> None:
    settings.mlruns.mkdir()
    (settings.mlruns / "mlflow.db").write_text(
        "this is no database, and long enough to tell", encoding="utf-8"
    )
    found = one("store", settings)
    assert found.status == "failed"
    assert "no readable database" in found.message


def test_a_database_that_answers(settings: Settings) -> None:
    settings.mlruns.mkdir()
    with sqlite3.connect(settings.mlruns / "mlflow.db") as connection:
        connection.execute("create table runs (id text)")
    connection.close()
    assert one("store", settings).status == "ok"


def test_no_store_is_asked_for(tmp_path: Path) -> None:
    settings = Settings.load({"track": False, "tracking_uri": "http://127.0.0.1:1"}, environ={}, cwd=tmp_path)
    assert one("store", settings).status == "ok"


def test_a_server_that_is_not_there_keeps_the_password(tmp_path: Path) -> None:
    address = "http://me:hunter2@127.0.0.1:1"
    settings = Settings.load({"tracking_uri": address}, environ={}, cwd=tmp_path)
    error = first_error(examine(settings))
    assert isinstance(error, TrackingError)
    assert "does not answer" in error.message
    assert "hunter2" not in error.message


@pytest.mark.parametrize(("status", "found"), [(200, "ok"), (500, "failed")])
def test_a_server_that_answers(status: int, found: str, tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        settings = Settings.load({"tracking_uri": address}, environ={}, cwd=tmp_path)
        assert doctor._store(settings).status == found
        server.shutdown()


@pytest.mark.parametrize("kind", sorted(doctor._ERRORS))
def test_every_check_that_fails_has_an_exit_code(kind: str) -> None:
    error = first_error([Finding(kind, "failed", "something.", "Do this.")])
    assert isinstance(error, HarmattanError)
    assert error.exit_code in {3, 4, 5, 8}
