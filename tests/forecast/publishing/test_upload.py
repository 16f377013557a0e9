"""Copies in an object store: the pointer is written last, and nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from command_line import Run

from harmattan.data.errors import UploadError
from harmattan.forecast.publishing import upload as uploads
from harmattan.forecast.publishing.upload import POINTER, upload_releases
from harmattan.forecast.release import point_latest
from harmattan.forecast.release.files import write_sums


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two releases, the second of which leads."""
    folder = tmp_path / "out"
    for name in ("2023-11", "2023-12"):
        (folder / name / "hub").mkdir(parents=True)
        (folder / name / "forecast.csv").write_text(f"{name}\n", encoding="utf-8")
        (folder / name / "hub" / "tasks.json").write_text("{}\n", encoding="utf-8")
        write_sums(folder / name)
    (folder / "latest").symlink_to("2023-12")
    return folder


@pytest.fixture(params=["memory", "file"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield "memory://bucket/forecasts" if request.param == "memory" else (tmp_path / "store").as_uri()
    fs.store.clear()


def stored(where: str) -> dict[str, bytes]:
    fs, root = fsspec.core.url_to_fs(where)
    return {path.removeprefix(root).lstrip("/"): fs.cat_file(path) for path in fs.find(root)}


def test_every_byte_arrives_and_the_pointer_leads_to_it(out: Path, where: str) -> None:
    sent = upload_releases(out, out / "2023-12", where)
    assert sent[-1] == POINTER
    assert sent[-2] == "2023-12/SHA256SUMS"
    found = stored(where)
    assert found["2023-12/hub/tasks.json"] == b"{}\n"
    assert json.loads(found[POINTER])["release"] == "2023-12"
    assert upload_releases(out, out / "2023-12", where) == []


def test_an_older_release_does_not_take_the_pointer(out: Path, where: str) -> None:
    upload_releases(out, out / "2023-12", where)
    assert POINTER not in upload_releases(out, out / "2023-11", where)
    assert json.loads(stored(where)[POINTER])["release"] == "2023-12"


@pytest.mark.parametrize("after", range(4))
def test_a_store_that_fails_on_the_way_has_no_pointer_and_the_next_job_makes_up(
    out: Path, where: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, _ = fsspec.core.url_to_fs(where)
    whole, count = type(fs).pipe_file, []

    def failing(self: Any, *arguments: Any, **options: Any) -> Any:
        count.append(1)
        if len(count) > after:
            raise ConnectionResetError("the store went away")
        return whole(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(fs), "pipe_file", failing)
        with pytest.raises(UploadError, match="the store went away") as caught:
            upload_releases(out, out / "2023-12", where)
    assert caught.value.exit_code == 16
    assert POINTER not in stored(where)
    upload_releases(out, out / "2023-12", where)
    assert json.loads(stored(where)[POINTER])["release"] == "2023-12"


def test_after_a_failure_only_what_is_missing_is_sent(
    out: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, sent = uploads._put, []

    def failing(fs: Any, path: str, content: bytes) -> None:
        if sent:
            raise ConnectionResetError("the store went away")
        sent.append(path.rpartition("/2023-12/")[2])
        put(fs, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_put", failing)
        with pytest.raises(UploadError, match="what is there is not sent twice"):
            upload_releases(out, out / "2023-12", where)
    rest = {"forecast.csv", "hub/tasks.json"} - set(sent)
    again = [f"2023-12/{name}" for name in (*rest, "SHA256SUMS")]
    assert upload_releases(out, out / "2023-12", where) == [*again, POINTER]


def test_the_pointer_leaves_a_withdrawn_release(out: Path, where: str) -> None:
    """It goes back to the release before, which was never copied, and then away: as `latest` does."""
    upload_releases(out, out / "2023-12", where)
    point_latest(out, "2023-11")
    (out / "2023-12.withdrawn.json").write_text("{}\n", encoding="utf-8")
    sent = upload_releases(out, None, where)
    assert sent[-2:] == ["2023-12.withdrawn.json", POINTER]
    assert json.loads(stored(where)[POINTER])["release"] == "2023-11"
    assert "2023-11/SHA256SUMS" in stored(where)
    point_latest(out, None)
    assert upload_releases(out, None, where) == []
    assert POINTER not in stored(where)


def test_what_cannot_be_reached_is_named_without_its_password(out: Path) -> None:
    with pytest.raises(UploadError, match="no address of a store") as caught:
        upload_releases(out, out / "2023-12", "nowhere://me:secret@host/x")
    assert "secret" not in caught.value.message


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3's protocol over loopback: the server, with a bucket of the name ``bucket``."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    # Instances remember the address of an earlier server.
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    fsspec.filesystem("s3").makedirs("bucket", exist_ok=True)
    yield server
    server.stop()


@pytest.mark.slow
def test_a_real_object_store(out: Path, s3: Any) -> None:
    where = "s3://bucket/forecasts"
    sent = upload_releases(out, out / "2023-12", where)
    assert sent[-1] == POINTER
    assert json.loads(stored(where)[POINTER])["release"] == "2023-12"
    assert upload_releases(out, out / "2023-12", where) == []


@pytest.mark.slow
def test_a_real_object_store_that_goes_away_half_way(
    out: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is stopped after two files: the old pointer stays; once it is back, the next job sends the rest."""
    where, (host, port) = "s3://bucket/away", s3.get_host_and_port()
    point_latest(out, "2023-11")
    upload_releases(out, out / "2023-11", where)
    point_latest(out, "2023-12")
    put, sent = uploads._put, []

    def stopping(*arguments: Any) -> None:
        if len(sent) == 2:
            s3.stop()
        sent.append(arguments)
        put(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_put", stopping)
        with pytest.raises(UploadError, match="could not be copied") as caught:
            upload_releases(out, out / "2023-12", where)
    assert caught.value.exit_code == 16
    again = type(s3)(ip_address=host, port=port)
    again.start()
    try:
        assert json.loads(stored(where)[POINTER])["release"] == "2023-11"
        assert upload_releases(out, out / "2023-12", where)[-1] == POINTER
        assert json.loads(stored(where)[POINTER])["release"] == "2023-12"
    finally:
        again.stop()


def test_a_withdrawal_reaches_the_store_and_is_sent_again_where_that_failed(
    out: Path, where: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_releases(out, out / "2023-12", where)
    words = ["withdraw", "2023-12", "--reason", "wrong", "--out", str(out), "--upload", where]

    def failing(*arguments: Any) -> None:
        raise ConnectionResetError("the store went away")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_put", failing)
        code, _, said = run(*words)
    assert (code, "the store went away" in said) == (16, True)
    assert json.loads(stored(where)[POINTER])["release"] == "2023-12"
    assert run(*words)[0] == 9
    assert {"2023-12.withdrawn.json"} == {name for name in stored(where) if "/" not in name}
