"""Bring ACLED's events (for licence holders) through its API, without those that ACLED has deleted since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import SourceError
from .cache import MAX_PAGES, Fetched, incomplete, refuse_repeats, write_to_cache
from .transport import Transport

ACLED = "https://acleddata.com"
#: Environment variables that hold the account.
ACLED_USER, ACLED_PASSWORD = "HARMATTAN_ACLED_USER", "HARMATTAN_ACLED_PASSWORD"


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
    transport = transport or Transport()
    form = {"username": user, "password": password, "grant_type": "password", "client_id": "acled"}
    answer = transport.json(f"{base}/oauth/token", form=form)
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
    rows = _pages(transport, url, secret, query, page_size)
    withdrawn = _pages(transport, f"{base}/api/deleted/read", secret, {"_format": "json"}, page_size)
    deleted = {str(r.get("event_id_cnty")) for r in withdrawn}
    kept = [r for r in rows if str(r["event_id_cnty"]) not in deleted]
    if not kept:
        raise SourceError(
            "ACLED sent no events.", where=url, remedy="Check countries, dates and your access."
        )
    label = f"acled_{first:%Y%m%d}_{last:%Y%m%d}.csv"
    body = pd.DataFrame(kept).to_csv(index=False, lineterminator="\n").encode()
    return write_to_cache(label, Path(cache), url, body), len(rows) - len(kept)


def _pages(
    transport: Transport, url: str, secret: Mapping[str, str], query: Mapping[str, str], page_size: int
) -> list[dict[str, Any]]:
    """ACLED announces the rows of each page; the last page is the one that is not full."""
    rows: list[dict[str, Any]] = []
    for page in range(1, MAX_PAGES + 1):
        answer = transport.json(
            url, params={**query, "limit": str(page_size), "page": str(page)}, secret=secret
        )
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or answer.get("success") is False:
            raise SourceError(
                "ACLED refuses the request.", where=url, remedy="Check your access and the query."
            )
        if int(answer.get("count", len(data))) != len(data):
            raise incomplete(
                f"{len(data)} rows arrived; {answer['count']} were announced.", f"{url}, page {page}"
            )
        rows += data
        if len(data) < page_size:
            break
    refuse_repeats([str(r.get("event_id_cnty")) for r in rows], url)
    return rows
