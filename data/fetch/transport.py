"""HTTP for data: retries with waits, redirects that never carry a secret abroad, downloads that can be resumed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ..errors import SourceError

if TYPE_CHECKING:
    import httpx

#: Answers that are worth another try.
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Words of a 400 that mean "too often", not "wrong".
_THROTTLED = ("too many", "rate limit", "throttl", "quota")
_MAX_REDIRECTS = 5
#: No file of incidents is larger, in bytes.
MAX_BYTES = 2_000_000_000
#: What an error says of an address where there is nothing; all other failures have other words.
ABSENT = "there is no such file"


class _Retryable(Exception):
    """A failure that may pass; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(why)


class _Deadline:
    """Hangs up on a server that has not finished after some seconds, however it drips."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.passed, self._lines = seconds, False, list[socket.socket]()
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep every line that is opened, as the HTTP library reports it."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._lines.append(info["return_value"].get_extra_info("socket"))
            if self.passed:  # Time was over before the line stood.
                self._hang_up()

    def _hang_up(self) -> None:
        self.passed = True
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class Transport:
    """Requests with patience and caution.

    Parameters
    ----------
    attempts : int
        Tries per request.
    timeout : float
        Seconds for connecting, and between two pieces of an answer.
    total : float
        Seconds for a whole answer, with all tries; what has come of a file stays, and the next call goes on from there.
    max_wait : float
        Longest wait between two tries, in seconds.
    sleep : callable
        How to wait; replaced in tests.
    """

    def __init__(
        self,
        *,
        attempts: int = 5,
        timeout: float = 30.0,
        total: float = 300.0,
        max_wait: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.attempts, self.timeout, self.total = attempts, timeout, total
        self.max_wait, self.sleep = max_wait, sleep

    def json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON at a URL; ``secret`` headers go to this host only; with ``form`` it is posted.

        Raises
        ------
        SourceError
            The server refuses, keeps failing, or answers with something else than JSON.
        """

        def attempt(deadline: _Deadline) -> Any:
            with self._client() as client:
                response = self._send(client, url, deadline, params=params, secret=secret, form=form)
                body = response.read()
            refuse_page(body, response.headers.get("content-type", ""), url)
            try:
                return response.json()
            except ValueError:
                raise _Retryable("the answer is cut off or is no JSON") from None

        return self._with_retries(attempt, url)

    def download(self, url: str, path: Path, *, secret: Mapping[str, str] | None = None) -> str:
        """Fetch a file to ``path``, going on from ``path.part`` where an earlier try broke off; returns its ETag.

        Raises
        ------
        SourceError
            The server refuses, keeps failing, or sends a page or fewer bytes than announced.
        """
        part, tag = path.with_name(path.name + ".part"), path.with_name(path.name + ".etag")
        path.parent.mkdir(parents=True, exist_ok=True)

        def attempt(deadline: _Deadline) -> str:
            with self._client() as client:
                return self._stream(client, url, deadline, part, tag, secret)

        etag = str(self._with_retries(attempt, url))
        try:
            refuse_page(_head(part), "", url)
        except SourceError:
            part.unlink()
            tag.unlink(missing_ok=True)
            raise
        part.replace(path)
        tag.unlink(missing_ok=True)
        return etag

    def _stream(
        self,
        client: httpx.Client,
        url: str,
        deadline: _Deadline,
        part: Path,
        tag: Path,
        secret: Mapping[str, str] | None,
    ) -> str:
        have = part.stat().st_size if part.exists() else 0
        known = tag.read_text() if tag.exists() else ""
        extra = {"Range": f"bytes={have}-", "If-Range": known} if have and known else {}
        response = self._send(client, url, deadline, secret=secret, extra=extra, stream=True)
        try:
            if response.status_code != 206:
                have = 0
            announced = response.headers.get("content-length")
            etag = str(response.headers.get("etag", ""))
            tag.write_text(etag)
            got = have
            with part.open("ab" if have else "wb") as stream:
                for block in response.iter_raw():
                    got += len(block)
                    if got > MAX_BYTES:
                        raise _refused("the file is larger than any file of incidents", url)
                    stream.write(block)
            if announced is not None and got - have != int(announced):
                raise _Retryable(f"{got - have} of {announced} bytes arrived")
            return etag
        finally:
            response.close()

    def _client(self) -> httpx.Client:
        import httpx

        return httpx.Client(timeout=self.timeout, follow_redirects=False, headers={"User-Agent": "harmattan"})

    def _send(
        self,
        client: httpx.Client,
        url: str,
        deadline: _Deadline,
        *,
        params: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        """One request with its redirects; a form or a secret never leaves the host it was meant for."""
        at, home = url, _origin(url)
        for _ in range(_MAX_REDIRECTS + 1):
            abroad = _origin(at) != home
            headers = {"Accept-Encoding": "identity", **(extra or {}), **({} if abroad else secret or {})}
            method = "POST" if form is not None else "GET"
            query = dict(params) if params and at == url else None
            request = client.build_request(
                method, at, params=query, data=form, headers=headers, extensions={"trace": deadline.watch}
            )
            response = client.send(request, stream=True)
            if response.status_code not in (301, 302, 303, 307, 308):
                self._refuse_failure(response, at)
                if not stream:
                    response.read()
                return response
            response.close()
            at = urljoin(str(request.url), response.headers.get("location", ""))
            if form is not None and _origin(at) != home:
                raise _refused("the server sends a sign-in on to another host", url)
            if urlsplit(at).scheme not in ("http", "https") or (
                url.startswith("https") and at.startswith("http:")
            ):
                raise _refused("the server sends the request on to an insecure address", url)
        raise _refused("the server sends the request round in circles", url)

    def _refuse_failure(self, response: httpx.Response, url: str) -> None:
        code = response.status_code
        if code < 400:
            return
        body = response.read()[:2000].decode("utf-8", "replace").lower()
        response.close()
        if code in _RETRIED or (code == 400 and any(word in body for word in _THROTTLED)):
            asked = response.headers.get("retry-after", "")
            raise _Retryable(f"the server answers {code}", float(asked) if asked.isdigit() else None)
        reasons = {401: "the token is missing or wrong", 403: "access is refused", 404: ABSENT}
        raise _refused(reasons.get(code, f"the server answers {code}"), url)

    def _with_retries(self, attempt: Callable[[_Deadline], Any], url: str) -> Any:
        import httpx
        import tenacity

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _Retryable) else None
            return float(min(2.0 ** (state.attempt_number - 1) if asked is None else asked, self.max_wait))

        passing = (_Retryable, httpx.TransportError)
        with _Deadline(self.total) as deadline:
            try:
                return tenacity.Retrying(
                    stop=tenacity.stop_after_attempt(self.attempts),
                    wait=wait,
                    sleep=self.sleep,
                    retry=tenacity.retry_if_exception(
                        lambda e: isinstance(e, passing) and not deadline.passed
                    ),
                    reraise=True,
                )(attempt, deadline)
            except passing as error:
                why = str(error) if isinstance(error, _Retryable) else type(error).__name__
                what = f"no answer after {self.attempts} tries ({why})."
                if deadline.passed:
                    what = f"the server did not finish within {self.total:g} seconds."
                raise SourceError(what, where=_shown(url), remedy="Try again later.") from None


def refuse_page(body: bytes, content_type: str, url: str) -> None:
    """A :class:`SourceError` where a web page came in place of data, whatever its status says."""
    head = body[:2000].lstrip().lower()
    if "html" in content_type.lower() or head.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        raise SourceError(
            "the server answered with a web page in place of data.",
            where=_shown(url),
            remedy="Open the address in a browser: it may want a sign-in, or be out of order.",
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(2000)


def _refused(why: str, url: str) -> SourceError:
    return SourceError(f"{why}.", where=_shown(url), remedy="Check the version and the token.")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _shown(url: str) -> str:
    """A URL without its query and user, fit for a message."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
