"""A web server on loopback that answers as it is told, and the events it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from small_files import EVENT

TOKEN = "s3cret-token"
Answer = tuple[int, dict[str, str], bytes]
Route = Callable[["Request"], Answer]


class Request:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.path = parts.path
        self.query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        length = int(self.headers.get("content-length", 0))
        self.body = handler.rfile.read(length).decode()


class Server:
    """Answers by a list of routes, the first that has one; keeps every request."""

    def __init__(self) -> None:
        self.route: Route = lambda request: (404, {}, b"")
        self.seen: list[Request] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                request = Request(self)
                outer.seen.append(request)
                code, headers, body = outer.route(request)
                self.send_response(code)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def events(n: int, month: str = "2023-10") -> list[dict[str, Any]]:
    return [{**EVENT, "id": i + 1, "date_start": f"{month}-02", "date_end": f"{month}-03"} for i in range(n)]


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(EVENT)] + [",".join(str(r[k]) for k in EVENT) for r in rows]
    return ("\n".join(lines) + "\n").encode()
