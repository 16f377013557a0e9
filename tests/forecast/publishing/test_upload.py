"""Copies in an object store: the pointer is written last, and nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from harmattan.data.errors import UploadError
from harmattan.forecast.publishing.upload import POINTER, upload
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
    sent = upload(out, out / "2023-12", where)
    assert sent[-1] == POINTER
    assert sent[-2] == "2023-12/SHA256SUMS"
    found = stored(where)
    assert found["2023-12/hub/tasks.json"] == b"{}\n"
    assert json.loads(found[POINTER])["release"] == "2023-12"
    assert upload(out, out / "2023-12", where) == []


def test_an_older_release_does_not_take_the_pointer(out: Path, where: str) -> None:
    upload(out, out / "2023-12", where)
    assert POINTER not in upload(out, out / "2023-11", where)
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
            upload(out, out / "2023-12", where)
    assert caught.value.exit_code == 16
    assert POINTER not in stored(where)
    upload(out, out / "2023-12", where)
    assert json.loads(stored(where)[POINTER])["release"] == "2023-12"


def test_what_cannot_be_reached_is_named_without_its_password(out: Path) -> None:
    with pytest.raises(UploadError, match="no address of a store") as caught:
        upload(out, out / "2023-12", "nowhere://me:secret@host/x")
    assert "secret" not in caught.value.message


@pytest.mark.slow
def test_a_real_object_store(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3's protocol over loopback, where moto and s3fs are installed; they are in no lock of the project."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    pytest.importorskip("s3fs")
    server.start()
    host, port = server.get_host_and_port()
    try:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        fs = fsspec.filesystem("s3")
        fs.mkdir("bucket")
        sent = upload(out, out / "2023-12", "s3://bucket/forecasts")
        assert sent[-1] == POINTER
        assert json.loads(fs.cat_file(f"bucket/forecasts/{POINTER}"))["release"] == "2023-12"
        assert upload(out, out / "2023-12", "s3://bucket/forecasts") == []
    finally:
        server.stop()
