"""What a notebook shows of a finished run."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from make_result import make_result


def test_a_result_says_what_it_is_and_what_to_expect() -> None:
    result = make_result()
    html = result._repr_html_()
    assert f"Forecast for {result.months[0]} to {result.months[-1]}" in html
    assert f"origin: {result.origin}" in html
    assert all(f">{country}<" in html for country in result.countries["events"].region_ids)


def test_a_hostile_banner_stays_text() -> None:
    html = replace(make_result(), banner="<script>alert(1)</script>")._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_lists_of_some_countries_are_ranked_anew() -> None:
    """A release whose ranks have gaps does not verify, and would never be published."""
    result = make_result()
    regions, countries = result.panel.region_ids, result.panel.countries
    onsets = pd.DataFrame({"region_id": regions, "country": countries, "rank": range(1, len(regions) + 1)})
    entries = pd.concat([onsets.assign(group="a"), onsets.assign(group="b")], ignore_index=True)
    some = replace(result, watch={"onsets.csv": onsets, "watchlist.csv": entries}).of_countries(
        [countries[-1]]
    )
    mine = countries.count(countries[-1])
    assert some.watch["onsets.csv"]["rank"].tolist() == list(range(1, mine + 1))
    assert some.watch["watchlist.csv"]["rank"].tolist() == list(range(1, mine + 1)) * 2
