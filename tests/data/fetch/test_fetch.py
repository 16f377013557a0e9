"""Fetching, against a real server on loopback that pages, throttles, truncates, redirects and lies."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from web_server import TOKEN, Answer, Request, Route, Server, csv_of, events

from harmattan.data.errors import SourceError, UsageError
from harmattan.data.fetch import Fetched, fetch_ucdp, fetch_ucdp_api, secret_of
from harmattan.data.fetch.transport import Transport
from harmattan.data.sources import ucdp


def api(rows: list[dict[str, Any]], total: int | None = None, month_total: int | None = None) -> Route:
    """UCDP's API over some rows; ``total`` and ``month_total`` are lies where given."""

    def answer(request: Request) -> Answer:
        if request.headers.get("x-ucdp-access-token") != TOKEN:
            return 401, {}, b"token required"
        size, page = int(request.query["pagesize"]), int(request.query.get("page", 1))
        if "StartDate" in request.query:
            body = {"TotalCount": len(rows) if month_total is None else month_total, "Result": rows[:1]}
            return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()
        chunk = rows[(page - 1) * size : page * size]
        pages = -(-len(rows) // size)
        following = f"http://elsewhere.invalid/gedevents?page={page + 1}" if page < pages else ""
        body = {
            "TotalCount": len(rows) if total is None else total,
            "TotalPages": pages,
            "NextPageUrl": following,
            "Result": chunk,
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    return answer


def by_api(server: Server, cache: Path, transport: Transport, size: int = 10) -> Fetched:
    return fetch_ucdp_api("23.0.10", cache, token=TOKEN, base=server.url, page_size=size, transport=transport)


def test_all_pages_arrive_and_can_be_read(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = api(events(25))
    fetched = by_api(server, tmp_path, transport)
    assert len(ucdp.read(fetched.path)) == 25
    assert fetched.path.name == "GEDEvent_v23_0_10.csv"
    assert [r.query.get("page", "1") for r in server.seen if "StartDate" not in r.query] == ["1", "2", "3"]


def test_a_total_that_does_not_add_up_keeps_nothing(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = api(events(25), total=46)
    with pytest.raises(SourceError, match=r"25 events on 3 page\(s\) arrived; 46 on 3 were announced"):
        by_api(server, tmp_path, transport)
    assert list(tmp_path.iterdir()) == []


def test_a_page_sent_twice_is_seen(server: Server, transport: Transport, tmp_path: Path) -> None:
    rows = events(25)
    server.route = api(rows[:10] + rows[:10] + rows[20:])
    with pytest.raises(SourceError, match="10 of 25 events came twice: the pages overlap"):
        by_api(server, tmp_path, transport)


def test_a_month_that_is_not_whole_is_seen(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = api(events(25), month_total=46)
    with pytest.raises(SourceError, match="25 to 25 events of 2023-10 arrived; the server counts 46"):
        by_api(server, tmp_path, transport)


def test_a_total_that_changes_between_pages_is_seen(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    honest = api(events(25))
    server.route = lambda r: (api(events(25), total=26) if r.query.get("page") == "2" else honest)(r)
    with pytest.raises(SourceError, match="the total changed from 25 to 26"):
        by_api(server, tmp_path, transport)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ((429, {"Retry-After": "7"}, b""), 7.0),
        ((400, {}, b"Too many requests, slow down"), 1.0),
        ((503, {}, b""), 1.0),
        ((429, {"Retry-After": "86400"}, b""), 60.0),
    ],
)
def test_throttling_is_waited_out(
    server: Server, transport: Transport, waits: list[float], tmp_path: Path, first: Answer, expected: float
) -> None:
    honest = api(events(3))
    server.route = lambda r: first if len(server.seen) == 1 else honest(r)
    assert by_api(server, tmp_path, transport).status == "downloaded"
    assert waits == [expected]


def test_patience_ends(server: Server, transport: Transport, waits: list[float], tmp_path: Path) -> None:
    server.route = lambda r: (500, {}, b"")
    with pytest.raises(SourceError, match=r"no answer after 4 tries \(the server answers 500\)"):
        by_api(server, tmp_path, transport)
    assert waits == [1.0, 2.0, 4.0]


def test_a_wrong_request_is_not_repeated(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = lambda r: (400, {}, b"unknown version")
    with pytest.raises(SourceError, match="the server answers 400"):
        by_api(server, tmp_path, transport)
    assert len(server.seen) == 1


def test_a_missing_token_is_named_and_never_shown(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = api(events(3))
    with pytest.raises(SourceError, match="the token is missing or wrong") as caught:
        fetch_ucdp_api("23.0.10", tmp_path, token="wr0ng-secret", base=server.url, transport=transport)
    assert "wr0ng-secret" not in str(caught.value)


def test_redirects_never_carry_the_token_to_another_host(
    server: Server, other: Server, transport: Transport, tmp_path: Path
) -> None:
    other.route = lambda r: (200, {}, json.dumps({"TotalCount": 0, "Result": []}).encode())
    server.route = lambda r: (302, {"Location": f"{other.url}{r.path}"}, b"")
    with pytest.raises(SourceError, match="holds no events"):
        by_api(server, tmp_path, transport)
    assert server.seen[0].headers["x-ucdp-access-token"] == TOKEN
    assert all("x-ucdp-access-token" not in r.headers for r in other.seen)


def test_a_redirect_on_the_same_host_keeps_the_token(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    honest = api(events(3))
    server.route = lambda r: (
        honest(r)
        if r.path.startswith("/new")
        else (307, {"Location": f"/new?{'&'.join(f'{k}={v}' for k, v in r.query.items())}"}, b"")
    )
    assert by_api(server, tmp_path, transport).status == "downloaded"


def test_redirects_in_circles_end(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = lambda r: (302, {"Location": r.path}, b"")
    with pytest.raises(SourceError, match="round in circles"):
        by_api(server, tmp_path, transport)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_a_page_with_status_200_is_no_data(
    server: Server, transport: Transport, tmp_path: Path, kind: str
) -> None:
    server.route = lambda r: (200, {"Content-Type": kind}, b"<!DOCTYPE html><html>Maintenance</html>")
    with pytest.raises(SourceError, match="web page in place of data"):
        by_api(server, tmp_path, transport)
    with pytest.raises(SourceError, match="web page in place of data"):
        fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_fetched_once(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = lambda r: (200, {}, csv_of(events(4)))
    first = fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    again = fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert (first.status, again.status, len(server.seen)) == ("downloaded", "cached", 1)
    assert server.seen[0].path == "/candidateged/GEDEvent_v23_0_10.csv"


def test_a_damaged_cache_is_fetched_again(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = lambda r: (200, {}, csv_of(events(4)))
    path = fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport).path
    path.write_bytes(path.read_bytes()[:-30])
    fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert path.read_bytes() == csv_of(events(4))
    assert len(server.seen) == 2


def test_the_same_version_with_other_content_is_kept_beside(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = lambda r: (200, {}, csv_of(events(4)))
    fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    server.route = lambda r: (200, {}, csv_of(events(5)))
    again = fetch_ucdp("23.0.10", tmp_path, base=server.url, refresh=True, transport=transport)
    assert again.status == "changed"
    assert again.older is not None
    assert (len(ucdp.read(again.path)), len(ucdp.read(again.older))) == (5, 4)


def test_a_download_that_breaks_off_is_gone_on_with(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    body = csv_of(events(50))

    def answer(request: Request) -> Answer:
        tag = {"ETag": '"v1"'}
        if "range" in request.headers:
            at = int(request.headers["range"].removeprefix("bytes=").rstrip("-"))
            return 206, tag | {"Content-Range": f"bytes {at}-{len(body) - 1}/{len(body)}"}, body[at:]
        return 200, tag | {"Content-Length": str(len(body)), "Connection": "close"}, body[:900]

    server.route = answer
    fetched = fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert fetched.path.read_bytes() == body
    assert server.seen[1].headers["range"] == "bytes=900-"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "GEDEvent_v23_0_10.csv",
        "GEDEvent_v23_0_10.csv.json",
    ]


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
@pytest.mark.parametrize("total", [0.2, 1e-06])  # The second is over before the line stands.
def test_a_server_that_drips_is_given_up(after: bytes, total: float, tmp_path: Path) -> None:
    done = threading.Event()

    def drip() -> None:
        line, _ = listener.accept()
        with line, contextlib.suppress(OSError):
            line.sendall(after)
            while not done.wait(0.01):
                line.sendall(b"H" if after else b"X")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/ged251-csv.zip"
        with pytest.raises(SourceError, match=rf"did not finish within {total} seconds"):
            Transport(timeout=5, total=total).download(url, tmp_path / "file.zip")
        done.set()
    assert not (tmp_path / "file.zip").exists()


def test_a_download_that_always_breaks_off_is_refused(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    body = csv_of(events(50))
    server.route = lambda r: (200, {"Content-Length": str(len(body)), "Connection": "close"}, body[:900])
    with pytest.raises(SourceError, match="no answer after 4 tries"):
        fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert not (tmp_path / "GEDEvent_v23_0_10.csv").exists()


def test_a_file_that_is_cut_off_at_its_source_is_not_kept(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = lambda r: (200, {}, csv_of(events(50))[:-25])
    with pytest.raises(Exception, match="row 51"):
        fetch_ucdp("23.0.10", tmp_path, base=server.url, transport=transport)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no answer after 4 tries \(ConnectError\)"):
        fetch_ucdp("23.0.10", tmp_path, base="http://127.0.0.1:9", transport=transport)


def test_versions_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'26' is not a UCDP release\. Write 24\.1, 24\.0\.9"):
        fetch_ucdp("26", tmp_path)


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARMATTAN_UCDP_TOKEN", raising=False)
    with pytest.raises(UsageError, match="HARMATTAN_UCDP_TOKEN is not set"):
        secret_of("HARMATTAN_UCDP_TOKEN")
    monkeypatch.setenv("HARMATTAN_UCDP_TOKEN", "x")
    assert secret_of("HARMATTAN_UCDP_TOKEN") == "x"


def test_the_command_keeps_a_vintage(server: Server, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from harmattan.data.sources import read_source
    from harmattan.forecast.cli.data import app

    server.route = lambda r: (200, {}, csv_of(events(4)))
    arguments = [
        "fetch",
        "ucdp",
        "--candidate",
        "23.0.10",
        "--cache",
        str(tmp_path / "c"),
        "--base-url",
        server.url,
    ]
    arguments += ["--store", str(tmp_path / "s"), "--json"]
    first, again = (json.loads(CliRunner().invoke(app, arguments).stdout) for _ in range(2))
    assert (first["status"], again["status"]) == ("downloaded", "cached")
    assert "is kept as of" in first["vintage"]
    assert "is already in the store" in again["vintage"]
    assert len(read_source(f"store:{tmp_path / 's'}")) == 4
    with pytest.raises(UsageError, match="'soon' is not a day"):
        read_source(f"store:{tmp_path / 's'}@soon")
