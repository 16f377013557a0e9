"""Bring UCDP's releases: as the files that it offers, or page by page through its API.

Totals and month counts are compared with what the server announced, and ids may not come twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from ..errors import SourceError
from ..sources import read_ucdp, ucdp_months
from .cache import MAX_PAGES, Fetched, fetch_to_cache, incomplete, refuse_repeats, write_to_cache
from .transport import Transport

UCDP_FILES = "https://ucdp.uu.se/downloads"
UCDP_API = "https://ucdpapi.pcr.uu.se/api"
#: The environment variable that holds the API's token.
UCDP_TOKEN = "HARMATTAN_UCDP_TOKEN"


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
    url = ucdp_address(version, base)

    def check(path: Path) -> None:
        incidents = read_ucdp(path, release=version, today=today)
        _refuse_holes(incidents.frame, version, path)

    return fetch_to_cache(url.rsplit("/", 1)[1], Path(cache), url, transport or Transport(), refresh, check)


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
    transport = transport or Transport()
    url, secret = f"{base}/gedevents/{version}", {"x-ucdp-access-token": token}
    rows = _all_pages(transport, url, secret, page_size)
    frame = pd.DataFrame(rows)
    _check_months(transport, url, secret, frame, version)
    name = ucdp_address(version).rsplit("/", 1)[1].replace("-csv.zip", ".csv")
    return write_to_cache(name, Path(cache), url, frame.to_csv(index=False, lineterminator="\n").encode())


def _all_pages(
    transport: Transport, url: str, secret: Mapping[str, str], page_size: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params = {"pagesize": str(page_size)}
    total = pages = None
    for number in range(1, MAX_PAGES + 1):
        answer = transport.json(url, params=params, secret=secret)
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
    refuse_repeats([str(r.get("id")) for r in rows], url)
    if len(rows) != total or (pages and number != pages):
        raise incomplete(
            f"{len(rows)} events on {number} page(s) arrived; {total} on {pages} were announced.", url
        )
    if not rows:
        raise SourceError("the release holds no events.", where=url, remedy="Check the version.")
    return rows


def _check_months(
    transport: Transport, url: str, secret: Mapping[str, str], frame: pd.DataFrame, version: str
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
        announced = int(transport.json(url, params=params, secret=secret).get("TotalCount", -1))
        inside = int(((start >= a) & (end <= b)).sum())
        touching = int(((end >= a) & (start <= b)).sum())
        if not inside <= announced <= touching:
            raise incomplete(
                f"{inside} to {touching} events of {span} arrived; the server counts {announced}.", url
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
