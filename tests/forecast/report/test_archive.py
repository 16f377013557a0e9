"""The pages of a folder of releases: every release, how it did, and those that must not be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from make_result import make_draws, make_result

from harmattan.forecast.outlook import with_outlook
from harmattan.forecast.release import PastRelease, publish_release
from harmattan.forecast.report.archive import archive_pages, write_archive
from harmattan.forecast.report.number_format import signed_percent


def test_every_release_stands_with_what_came_and_withdrawn_ones_without_a_link(tmp_path: Path) -> None:
    result = make_result()
    before = result.panel.until("2023-11")
    earlier = make_draws(before, "events", np.random.default_rng(5))
    first = with_outlook(
        dataclasses.replace(
            result,
            origin=before.last_month,
            panel=before,
            draws={"events": earlier},
            countries={"events": earlier.total(before.countries)},
            spillover=result.spillover.head(0),
            judged=result.judged.head(0),
        )
    )
    publish_release(first, "<p>first</p>", tmp_path)
    again = with_outlook(result, PastRelease("2023-11", {"events": earlier}))
    publish_release(again, "<p>second</p>", tmp_path)
    (tmp_path / "2023-11_r2").mkdir()
    write_archive(tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    total = again.judged.iloc[0]
    assert total["release"] == "2023-11"
    assert f"December 2023: {total['observed']:.0f} events" in page
    assert page.index("2023-12/report.html") < page.index("2023-11/report.html")
    assert "2023-11_r2/report.html" not in page
    assert "damaged" in page
    scores = again.scores
    first_month = scores[
        (scores["target"] == "events") & (scores["member"] == "pool") & (scores["horizon"] == 1)
    ]
    skill = signed_percent(float(first_month["skill_vs_conflictology"].iloc[0]))
    track = page[page.index("The track record over time") :]
    assert f'<td>2023-12</td><td class="n">{skill}</td>' in track
    assert "2023-11_r2" not in track
    entries = ElementTree.fromstring((tmp_path / "feed.xml").read_text(encoding="utf-8"))
    links = [link.get("href") for link in entries.iter("{http://www.w3.org/2005/Atom}link")]
    assert links[:2] == ["2023-12/report.html", "2023-11/report.html"]


def test_the_same_folder_gives_the_same_pages_and_an_empty_one_says_so(tmp_path: Path) -> None:
    write_archive(tmp_path)
    kept = (tmp_path / "index.html").stat().st_mtime_ns
    write_archive(tmp_path)
    assert (tmp_path / "index.html").stat().st_mtime_ns == kept
    assert "No release here may be used" in archive_pages(tmp_path)["index.html"]
