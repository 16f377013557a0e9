"""Bring the sources' files: UCDP's downloads and API, ACLED's API; cached, checked, never half.

Nothing is taken on trust: totals and month counts are compared with what the server announced, ids may not come twice,
a file that was fetched before is compared with its own checksum, and another content under the same name is kept beside
the old one and reported.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from ..errors import SourceError, UsageError
from ..sources import ucdp_months
from .transport import Transport

UCDP_FILES = "https://ucdp.uu.se/downloads"
UCDP_API = "https://ucdpapi.pcr.uu.se/api"
ACLED = "https://acleddata.com"
#: Environment variables that hold secrets.
UCDP_TOKEN, ACLED_USER, ACLED_PASSWORD = (
    "HARMATTAN_UCDP_TOKEN",
    "HARMATTAN_ACLED_USER",
    "HARMATTAN_ACLED_PASSWORD",
)
_MAX_PAGES = 2000


@dataclass(frozen=True)
class Fetched:
    """A file that is here now.

    Attributes
    ----------
    status : {"downloaded", "cached", "changed"}
        ``changed``: fetched again, and not what it was; the older file is kept under ``older``.
    """

    path: Path
    status: str
    sha256: str
    older: Path | None = None


def ucdp_address(version: str, base: str = UCDP_FILES) -> str:
    """Where UCDP offers a release as a file.

    >>> ucdp_address("25.1"), ucdp_address("26.0.4").rsplit("/", 1)[1]
    ('https://ucdp.uu.se/downloads/ged/ged251-csv.zip', 'GEDEvent_v26_0_4.csv')
    """
    ucdp_months(version)
    parts = version.split(".")
    if len(parts) == 2:
        return f"{base}/ged/ged{parts[0]}{parts[1]}-csv.zip"
    return f"{base}/candidateged/GEDEvent_v{'_'.join(parts)}.csv"


def fetch_ucdp(
    version: str,
    cache: str | Path,
    *,
    base: str = UCDP_FILES,
    refresh: bool = False,
    transport: Transport | None = None,
    today: date | None = None,
) -> Fetched:
    """A UCDP release as the file that UCDP offers.

    Parameters
    ----------
    version : str
        ``25.1``, ``26.0.4`` or ``25.01.25.09``.
    cache : path
        Folder of fetched files.
    base : str
        Address of the downloads.
    refresh : bool
        Fetch again what is here already.
    transport : Transport, optional
        How to ask.
    today : datetime.date, optional
        Later dates in the file are errors.

    Returns
    -------
    Fetched

    Raises
    ------
    SourceError, SchemaError
        The server fails, or what it sends is not a whole UCDP file.
    """
    from ..sources import read_ucdp

    url = ucdp_address(version, base)

    def check(path: Path) -> None:
        incidents = read_ucdp(path, release=version, today=today)
        _refuse_holes(incidents.frame, version, path)

    return _cached(url.rsplit("/", 1)[1], Path(cache), url, transport or Transport(), refresh, check)


def fetch_ucdp_api(
    version: str,
    cache: str | Path,
    *,
    token: str,
    base: str = UCDP_API,
    page_size: int = 1000,
    transport: Transport | None = None,
) -> Fetched:
    """A UCDP release through its API, page by page, counted against what the server announced.

    Parameters
    ----------
    version : str
        As in :func:`fetch_ucdp`.
    token : str
        Sent in the header ``x-ucdp-access-token``, to this host only; it appears in no message and no file.
    page_size : int
        Rows per page, 1-1000.

    Returns
    -------
    Fetched

    Raises
    ------
    SourceError
        The totals, pages or months do not add up, or an id comes twice.
    """
    asking = transport or Transport()
    url, secret = f"{base}/gedevents/{version}", {"x-ucdp-access-token": token}
    rows = _all_pages(asking, url, secret, page_size)
    frame = pd.DataFrame(rows)
    _check_months(asking, url, secret, frame, version)
    name = ucdp_address(version).rsplit("/", 1)[1].replace("-csv.zip", ".csv")
    return _keep(name, Path(cache), url, frame.to_csv(index=False, lineterminator="\n").encode())


def fetch_acled(
    countries: Sequence[str],
    first: date,
    last: date,
    cache: str | Path,
    *,
    user: str,
    password: str,
    base: str = ACLED,
    page_size: int = 5000,
    transport: Transport | None = None,
) -> tuple[Fetched, int]:
    """ACLED events of some countries (for licence holders), without those that ACLED has deleted since.

    Parameters
    ----------
    countries : sequence of str
        Names as ACLED writes them.
    first, last : datetime.date
        Event dates.
    user, password : str
        Of the myACLED account; exchanged for a token, and kept nowhere.

    Returns
    -------
    Fetched, int
        The CSV, and how many deleted events were taken out.
    """
    asking = transport or Transport()
    form = {"username": user, "password": password, "grant_type": "password", "client_id": "acled"}
    answer = asking.json(f"{base}/oauth/token", form=form)
    if not isinstance(answer, dict) or not answer.get("access_token"):
        raise SourceError(
            "ACLED gave no token.", where=f"{base}/oauth/token", remedy="Check user and password."
        )
    secret = {"Authorization": f"Bearer {answer['access_token']}"}
    url = f"{base}/api/acled/read"
    query = {
        "_format": "json",
        "country": "|".join(countries),
        "event_date": f"{first}|{last}",
        "event_date_where": "BETWEEN",
    }
    rows = _acled_pages(asking, url, secret, query, page_size)
    gone = _acled_pages(asking, f"{base}/api/deleted/read", secret, {"_format": "json"}, page_size)
    deleted = {str(r.get("event_id_cnty")) for r in gone}
    kept = [r for r in rows if str(r["event_id_cnty"]) not in deleted]
    if not kept:
        raise SourceError(
            "ACLED sent no events.", where=url, remedy="Check countries, dates and your access."
        )
    label = f"acled_{first:%Y%m%d}_{last:%Y%m%d}.csv"
    body = pd.DataFrame(kept).to_csv(index=False, lineterminator="\n").encode()
    return _keep(label, Path(cache), url, body), len(rows) - len(kept)


def secret_of(name: str) -> str:
    """A secret from the environment; a :class:`UsageError` where it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"{name} is not set.", remedy=f"export {name}=... (never on the command line).")
    return value


def _all_pages(
    asking: Transport, url: str, secret: Mapping[str, str], page_size: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params = {"pagesize": str(page_size)}
    total = pages = None
    for number in range(1, _MAX_PAGES + 1):
        answer = asking.json(url, params=params, secret=secret)
        if (
            not isinstance(answer, dict)
            or not isinstance(answer.get("Result"), list)
            or "TotalCount" not in answer
        ):
            raise SourceError("the answer is not a page of events.", where=url, remedy="Check the version.")
        if total is None:
            total, pages = int(answer["TotalCount"]), int(answer.get("TotalPages", 0))
        elif int(answer["TotalCount"]) != total:
            raise SourceError(
                f"the total changed from {total} to {answer['TotalCount']} between pages.",
                where=f"{url}, page {number}",
                remedy="The release is being replaced: fetch it again later.",
            )
        rows += answer["Result"]
        following = str(answer.get("NextPageUrl") or "")
        if not following:
            break
        # only the query is taken over: the address of the next page may name another host
        params = dict(parse_qsl(urlsplit(following).query)) | {"pagesize": str(page_size)}
        if len(rows) > total:
            break
    _refuse_repeats([str(r.get("id")) for r in rows], url)
    if len(rows) != total or (pages and number != pages):
        raise SourceError(
            f"{len(rows)} events on {number} page(s) arrived; {total} on {pages} were announced.",
            where=url,
            remedy="Fetch it again; nothing was kept.",
        )
    if not rows:
        raise SourceError("the release holds no events.", where=url, remedy="Check the version.")
    return rows


def _acled_pages(
    asking: Transport, url: str, secret: Mapping[str, str], query: Mapping[str, str], page_size: int
) -> list[dict[str, Any]]:
    """ACLED announces the rows of each page; the last page is the one that is not full."""
    rows: list[dict[str, Any]] = []
    for page in range(1, _MAX_PAGES + 1):
        answer = asking.json(url, params={**query, "limit": str(page_size), "page": str(page)}, secret=secret)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or answer.get("success") is False:
            raise SourceError(
                "ACLED refuses the request.", where=url, remedy="Check your access and the query."
            )
        if int(answer.get("count", len(data))) != len(data):
            raise SourceError(
                f"{len(data)} rows arrived; {answer['count']} were announced.",
                where=f"{url}, page {page}",
                remedy="Fetch it again; nothing was kept.",
            )
        rows += data
        if len(data) < page_size:
            break
    _refuse_repeats([str(r.get("event_id_cnty")) for r in rows], url)
    return rows


def _refuse_repeats(ids: Sequence[str], url: str) -> None:
    again = len(ids) - len(set(ids))
    if again:
        raise SourceError(
            f"{again} of {len(ids)} events came twice: the pages overlap.",
            where=url,
            remedy="Fetch it again; nothing was kept.",
        )


def _check_months(
    asking: Transport, url: str, secret: Mapping[str, str], frame: pd.DataFrame, version: str
) -> None:
    """Compare events per month (per year for long releases) with what the server counts.

    Servers differ in whether an event that crosses the edge of a month counts, so anything between the events that lie
    inside and those that touch it is right.
    """
    first, last = ucdp_months(version)
    start, end = (pd.to_datetime(frame[c].astype(str).str.slice(0, 10)) for c in ("date_start", "date_end"))
    spans = pd.period_range(first, last, freq="M" if last.ordinal - first.ordinal < 24 else "Y")
    for span in spans:
        a, b = span.start_time.normalize(), span.end_time.normalize()
        params = {"pagesize": "1", "StartDate": f"{a:%Y-%m-%d}", "EndDate": f"{b:%Y-%m-%d}"}
        announced = int(asking.json(url, params=params, secret=secret).get("TotalCount", -1))
        inside = int(((start >= a) & (end <= b)).sum())
        touching = int(((end >= a) & (start <= b)).sum())
        if not inside <= announced <= touching:
            raise SourceError(
                f"{inside} to {touching} events of {span} arrived; the server counts {announced}.",
                where=url,
                remedy="Fetch it again; nothing was kept.",
            )


def _refuse_holes(frame: pd.DataFrame, version: str, path: Path) -> None:
    """A release of the whole world has events in every month it covers."""
    first, last = ucdp_months(version)
    if frame["country"].nunique() < 30:
        return
    present = set(pd.PeriodIndex(frame["date_end"], freq="M"))
    empty = [str(m) for m in pd.period_range(first, last, freq="M") if m not in present]
    if empty:
        raise SourceError(
            f"{len(empty)} month(s) without any event, the first {empty[0]}.",
            where=str(path),
            remedy="The file is not whole: fetch it again with --refresh.",
        )


def _cached(name: str, cache: Path, url: str, asking: Transport, refresh: bool, check: Any) -> Fetched:
    path, note = cache / name, cache / f"{name}.json"
    if path.exists() and note.exists() and not refresh:
        digest = _sha256(path)
        if digest == json.loads(note.read_text())["sha256"]:
            return Fetched(path, "cached", digest)
    fresh = cache / f"{name}.new"
    asking.download(url, fresh)
    try:
        check(fresh)
    except Exception:
        fresh.unlink(missing_ok=True)
        raise
    return _settle(fresh, path, note, url)


def _keep(name: str, cache: Path, url: str, body: bytes) -> Fetched:
    cache.mkdir(parents=True, exist_ok=True)
    fresh = cache / f"{name}.new"
    fresh.write_bytes(body)
    return _settle(fresh, cache / name, cache / f"{name}.json", url)


def _settle(fresh: Path, path: Path, note: Path, url: str) -> Fetched:
    """Put a checked file in its place; another content under the same name is kept beside it."""
    digest, older = _sha256(fresh), None
    status = "downloaded"
    if path.exists():
        old = _sha256(path)
        if old == digest:
            status = "cached"
        else:
            older = path.with_name(f"{path.stem}.{old[:8]}{path.suffix}")
            path.replace(older)
            status = "changed"
    fresh.replace(path)
    note.write_text(json.dumps({"url": url, "sha256": digest, "bytes": path.stat().st_size}, indent=2) + "\n")
    return Fetched(path, status, digest, older)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
