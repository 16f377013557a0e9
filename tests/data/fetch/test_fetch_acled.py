"""Fetching from ACLED: sign-in, pages, deleted events, counts that lie."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from web_server import TOKEN, Answer, Request, Route, Server

from harmattan.data.errors import SourceError
from harmattan.data.fetch import Fetched, fetch_acled
from harmattan.data.fetch.transport import Transport


def acled(rows: list[dict[str, Any]], gone: list[str], count: int | None = None) -> Route:
    def answer(request: Request) -> Answer:
        if request.path == "/oauth/token":
            fine = "password=pa55" in request.body and "client_id=acled" in request.body
            return (200, {}, json.dumps({"access_token": TOKEN}).encode()) if fine else (401, {}, b"")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, {}, b""
        pool = [{"event_id_cnty": i} for i in gone] if "deleted" in request.path else rows
        size, page = int(request.query["limit"]), int(request.query["page"])
        data = pool[(page - 1) * size : page * size]
        said = len(data) if count is None or "deleted" in request.path else count
        return 200, {}, json.dumps({"success": True, "count": said, "data": data}).encode()

    return answer


def bring_acled(
    server: Server, transport: Transport, cache: Path, password: str = "pa55"
) -> tuple[Fetched, int]:
    return fetch_acled(
        ["Mali"], date(2023, 1, 1), date(2023, 1, 31), cache,
        user="me", password=password, base=server.url, page_size=3, transport=transport,
    )  # fmt: skip


def test_acled_signs_in_pages_and_takes_out_deleted_events(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = acled(
        [{"event_id_cnty": f"MLI{i}", "fatalities": i} for i in range(7)], gone=["MLI2", "XXX9"]
    )
    fetched, deleted = bring_acled(server, transport, tmp_path)
    assert deleted == 1
    assert len(fetched.path.read_text().splitlines()) == 7
    kept = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"pa55" not in kept
    assert TOKEN.encode() not in kept


def test_acled_count_that_lies_keeps_nothing(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = acled([{"event_id_cnty": "MLI1"}], gone=[], count=3)
    with pytest.raises(SourceError, match="1 rows arrived; 3 were announced"):
        bring_acled(server, transport, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_acled_wrong_password(server: Server, transport: Transport, tmp_path: Path) -> None:
    server.route = acled([], gone=[])
    with pytest.raises(SourceError, match="token is missing or wrong") as caught:
        bring_acled(server, transport, tmp_path, password="0ther")
    assert "0ther" not in str(caught.value)


def test_a_sign_in_is_not_sent_on(
    server: Server, other: Server, transport: Transport, tmp_path: Path
) -> None:
    server.route = lambda r: (307, {"Location": f"{other.url}/oauth/token"}, b"")
    with pytest.raises(SourceError, match="sign-in on to another host"):
        bring_acled(server, transport, tmp_path)
    assert other.seen == []
