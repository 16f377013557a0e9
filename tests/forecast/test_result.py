"""What a notebook shows of a finished run."""

from __future__ import annotations

from dataclasses import replace

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
