"""The report as a file: what it holds, in which order, and what it may never do."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from make_result import HOSTILE, make_draws, make_result

from harmattan.data.errors import ModelError, ReleaseError
from harmattan.data.geography import country_name
from harmattan.forecast.outlook import CHANGE_COLUMNS, with_outlook
from harmattan.forecast.release.manifest import manifest
from harmattan.forecast.release.read import PastRelease
from harmattan.forecast.report.first_page import group_labels
from harmattan.forecast.report.page import MISUSE, render
from harmattan.forecast.report.sections import pairs_by_name
from harmattan.training.evaluation import TRIGGER_COLUMNS

VOID = {"meta", "link", "input", "br", "path", "use", "line", "circle", "img"}
SECTIONS = [
    "first",
    "place",
    "headline",
    "ranking",
    "fans",
    "spillover",
    "past",
    "skill",
    "misuse",
    "data",
    "annex",
]


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails on an element closed out of turn."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data-json">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found.group(1)))


@pytest.fixture(scope="module")
def html() -> str:
    return render(make_result())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_sections_stand_in_order(page: Page) -> None:
    assert [s["id"] for s in page.all("section")] == SECTIONS
    assert page.open == []


def test_banner_comes_before_everything_else(html: str) -> None:
    assert html.index("Demonstration on data to 2023-12") < html.index('id="first"')
    assert 'class="banner amber"' in html


def test_page_makes_no_request(html: str, page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "srcset"):
            value = attributes.get(name)
            link = tag == "a" and value in ("wide.csv", "countries.csv")
            assert value is None or value.startswith("#") or value == "data:," or link, (tag, value)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)", html)


def test_only_the_scripts_own_hash_may_run(html: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_same_input_gives_the_same_bytes(html: str) -> None:
    assert render(make_result()) == html
    assert render(dataclasses.replace(make_result(), timings={"fit": 99.0})) == html


def test_a_change_in_one_draw_changes_the_page(html: str) -> None:
    result = make_result()
    events = result.draws["events"]
    values = events.values.copy()
    values[:, 0, 0] += 50
    changed = dataclasses.replace(events, values=values)
    assert render(dataclasses.replace(result, draws={**result.draws, "events": changed})) != html


def test_hostile_names_stay_text() -> None:
    html = render(make_result(hostile=True))
    page = Page(html)
    assert page.open == []
    assert not page.all("img")
    assert len(page.all("script")) == 2
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    names = [row[1] for row in data_of(html)["regions"]]  # type: ignore[attr-defined]
    assert HOSTILE in names
    assert "\u2028" not in re.findall(r'id="data-json">(.*?)</script>', html, re.DOTALL)[0]
    assert any(HOSTILE in text for text in page.text)


def test_what_is_prohibited_stands_in_the_page_and_in_the_docs(page: Page, root: Path) -> None:
    docs = " ".join((root / "docs" / "do_no_harm.md").read_text(encoding="utf-8").split())
    text = " ".join(page.text)
    for what, said in MISUSE:
        assert f"- **{what}**{said}" in docs
        assert said in text
    assert "visa, asylum" in text


@pytest.mark.parametrize("contact", ["Early Warning Desk, desk@example.org", HOSTILE])
def test_the_publishers_contact_is_text_at_the_foot(contact: str) -> None:
    html = render(make_result(settings={"draws": 200, "contact": contact}))
    page = Page(html)
    assert any(f"Published by {contact}" in text for text in page.text)
    assert not page.all("img")
    assert len(page.all("script")) == 2


def test_without_a_contact_the_foot_names_nobody(html: str) -> None:
    assert "Published by" not in html


def test_ranking_holds_every_region_in_order(html: str, page: Page) -> None:
    result = make_result()
    mean = result.draws["events"].mean()[0]
    order = [int(str(row["data-i"])) for row in page.all("tr") if "data-i" in row]
    assert sorted(order) == list(range(14))
    assert order == sorted(order, key=lambda i: (-mean[i], result.panel.region_ids[i]))


def test_map_colours_follow_the_embedded_values(html: str, page: Page) -> None:
    measure = data_of(html)["measures"][0]  # type: ignore[index]
    areas = {int(str(p["data-i"])): str(p["class"]) for p in page.all("path") if "data-i" in p}
    assert len(areas) == 14
    for i, value in enumerate(make_result().draws["events"].mean()[0]):
        assert areas[i] == f"r q{sum(value >= edge for edge in measure['edges'])}"


def test_embedded_words_match_the_draws(html: str) -> None:
    data, result = data_of(html), make_result()
    by_key = {m["key"]: m for m in data["measures"]}  # type: ignore[attr-defined]
    chance = (result.draws["events"].values >= 5).mean(axis=0)
    assert np.allclose(by_key["p5"]["values"], chance, atol=6e-4)
    recent = result.panel.measure("events")[-12:].mean(axis=0)
    change = result.draws["events"].mean() - recent
    assert np.allclose(by_key["change"]["values"], change, rtol=6e-3, atol=1e-6)
    assert len(data["months"]) == 6  # type: ignore[arg-type]


def test_every_picture_is_told_in_words(page: Page) -> None:
    pictures = page.all("svg")
    assert len(pictures) > 20
    assert all(p.get("role") == "img" and p.get("aria-label") for p in pictures)


def test_ids_are_unique_and_references_resolve(page: Page) -> None:
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    links = {str(a["href"])[1:] for _, a in page.elements if str(a.get("href", "")).startswith("#")}
    assert links <= set(ids)
    described = {str(a["aria-labelledby"]) for _, a in page.elements if a.get("aria-labelledby")}
    assert described <= set(ids)


def with_routes(made: Any, grade: str) -> Any:
    ids, of = made.panel.region_ids, made.panel.countries
    here, there = ids[of.index("MLI")], ids[of.index("BFA")]
    row = {"source_region": here, "target_region": there, "horizon": 3, "events": 2.0, "grade": grade}
    return dataclasses.replace(made, answers={"routes": pd.DataFrame([row])})


def test_corridors_are_drawn_and_dashed_where_no_evidence_is_shown() -> None:
    made = make_result()
    assert "No corridor to draw" in render(made)
    names = dict(zip(made.panel.region_ids, made.panel.names, strict=True))
    ids, of = made.panel.region_ids, made.panel.countries
    here, there = (names[ids[of.index(country)]] for country in ("MLI", "BFA"))
    html = render(with_routes(made, "some"))
    assert 'class="arrow"' in html
    assert f"Corridors to watch: {here} to {there}." in html
    html = render(with_routes(made, "none shown"))
    assert "Corridors to watch" not in html
    assert 'class="arrow unshown"' in html
    assert 'class="arrow"' not in html


def test_the_page_says_how_many_corridors_it_leaves_out() -> None:
    made = make_result()
    ids, of = made.panel.region_ids, made.panel.countries
    pairs = [(a, b) for a, x in zip(ids, of, strict=True) for b, y in zip(ids, of, strict=True) if x != y][
        :14
    ]
    rows = [
        {"source_region": a, "target_region": b, "horizon": 3, "events": 2.0 + i, "grade": "some"}
        for i, (a, b) in enumerate(pairs)
    ]
    for few, told in ((12, False), (14, True)):
        html = render(dataclasses.replace(made, answers={"routes": pd.DataFrame(rows[:few])}))
        assert ("The 12 widest of 14; spillover_routes.csv holds them all." in html) == told


def test_risks_are_called_published_only_where_they_are() -> None:
    made = make_result()
    assert "or more events, as published." in render(made)
    lacking = dataclasses.replace(made, spillover=made.spillover.assign(pool_risk=np.nan))
    assert "or more events, as published." not in render(lacking)
    assert "as the path model has it, because the forecast leaves out months." in render(lacking)


def test_tests_of_borders_follow_names_of_countries() -> None:
    pairs = pd.DataFrame(
        {"source_country": ["CAF", "CMR", "COD", "COD"], "target_country": ["TCD", "TCD", "UGA", "CAF"]}
    )
    found = pairs_by_name(pairs)
    assert found["source_country"].tolist() == ["CMR", "CAF", "COD", "COD"]
    assert found["target_country"].tolist() == ["TCD", "TCD", "CAF", "UGA"]


def test_a_group_that_was_never_in_the_published_countries_has_its_name() -> None:
    made = make_result()
    panel = dataclasses.replace(made.panel, attrs={**made.panel.attrs, "labels": {"jok": "Կարմիր Ջոկատ"}})
    result = dataclasses.replace(made, panel=panel, actors=pd.DataFrame())
    assert group_labels(result)["jok"] == "Կարմիր Ջոկատ"
    kept = manifest(result)["theatre"]
    again = dataclasses.replace(panel, attrs={"theatre": kept})
    assert group_labels(dataclasses.replace(result, panel=again)) == group_labels(result)
    assert "labels" not in manifest(made)["theatre"]


def test_every_border_has_its_row_and_its_grade() -> None:
    made = make_result()
    for distinguishable, grade in ((False, "some"), (True, "strong")):
        told = dataclasses.replace(made, pairs=made.pairs.assign(distinguishable_from_shock=distinguishable))
        table = render(told).split("What presses on each country")[1].split("</table>")[0]
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
        assert rows[0][:2] == ["On", "With evidence"]
        assert [row[0] for row in rows[1:]] == sorted({country_name(c) for c in made.pairs.target_country})
        named = {
            (re.split(r" \(", text)[0], row[0], rows[0][i])
            for row in rows[1:]
            for i in range(1, len(row))
            for text in re.split(r", (?=[A-Z])", row[i])
            if text != "–" and rows[0][i] != "No data for"
        }
        pairs = zip(made.pairs.source_country, made.pairs.target_country, made.pairs.declared, strict=True)
        assert {(a, b) for a, b, _ in named} == {
            (country_name(s), country_name(t))
            for s, t in zip(made.pairs.source_country, made.pairs.target_country, strict=True)
        }
        shown = {(country_name(s), country_name(t)) for s, t, declared in pairs if declared}
        assert {(a, b) for a, b, column in named if column == "With evidence"} == shown
        assert table.count(f"({grade}") == len(shown) > 0


def test_false_alarms_of_grades_stand_in_one_footnote() -> None:
    section = render(make_result()).split('<section id="spillover"')[1].split("</section>")[0]
    assert section.count("simulated worlds") == 1
    assert section.count('href="#grades"') == section.count('id="grades"') == 1


def test_partly_blind_regions_are_named(page: Page, html: str) -> None:
    text = " ".join(page.text)
    assert "4 regions partly blind" in text
    assert "partly blind: less than 60% of the foreign border lies towards countries with data" in text
    assert "partly blind: no data for Nigeria" in text
    table = html.split("What presses on each country")[1].split("</table>")[0]
    assert '<td data-c="No data for">Nigeria (about 1,420 km)</td>' in table
    assert "Not in these counts" not in html


def test_neighbours_without_data_are_named_where_spillover_was_not_estimated() -> None:
    result = dataclasses.replace(make_result(), spillover=pd.DataFrame(), pairs=pd.DataFrame())
    page = " ".join(Page(render(with_outlook(result))).text)
    assert "There are no data for the neighbours: Ghana, Nigeria, Togo." in page


def test_where_blindness_is_unknown_the_page_says_so() -> None:
    result = make_result()
    unknown = pd.array([pd.NA] * len(result.spillover), dtype="boolean")
    page = render(dataclasses.replace(result, spillover=result.spillover.assign(partly_blind=unknown)))
    assert "it is not known how much of the foreign border is observed" in page
    assert "partly blind:" not in page


def test_previous_release_is_judged_and_gives_a_revision(html: str) -> None:
    result = make_result()
    earlier = make_draws(result.panel.until("2023-11"), "events", np.random.default_rng(5))
    with_past = render(result, PastRelease("2023-11", {"events": earlier}))
    assert with_past.index('id="past"') < with_past.index("the release of 2023-11 expected")
    measure = {m["key"]: m for m in data_of(with_past)["measures"]}["revision"]  # type: ignore[attr-defined]
    expected = result.draws["events"].mean()[:5] - earlier.mean()[1:]
    assert np.allclose(np.array(measure["values"][:5], dtype=float), expected, rtol=6e-3, atol=1e-6)
    assert measure["values"][5] == [None] * 14
    assert "revision" not in {m["key"] for m in data_of(html)["measures"]}  # type: ignore[attr-defined]


def test_previous_release_is_read_from_its_folder(tmp_path: Path) -> None:
    result = make_result()
    pd.concat([d.to_frame() for d in result.draws.values()]).to_parquet(tmp_path / "draws.parquet")
    back = PastRelease.read(tmp_path)
    assert back.name == tmp_path.name
    assert np.array_equal(back.draws["events"].values, result.draws["events"].values)


def test_unreadable_previous_release_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "draws.parquet").write_text("not parquet")
    with pytest.raises(ReleaseError, match="draws of the previous release cannot be read"):
        PastRelease.read(tmp_path)


@pytest.mark.parametrize("name", ["scores", "spillover", "contributions", "coverage_note", "ledger", "pairs"])
def test_page_lives_without_one_table(name: str) -> None:
    changes: dict[str, pd.DataFrame] = {name: pd.DataFrame()}
    page = Page(render(make_result(**changes)))
    assert [s["id"] for s in page.all("section")] == SECTIONS


def test_one_target_is_enough() -> None:
    result = make_result()
    only = dataclasses.replace(
        result, draws={"events": result.draws["events"]}, countries={"events": result.countries["events"]}
    )
    assert "deaths" not in {m["key"] for m in data_of(render(only))["measures"]}  # type: ignore[attr-defined]
    assert ">Expected deaths<" not in render(only)


def test_without_events_the_page_is_about_the_first_target() -> None:
    result = make_result()
    only = dataclasses.replace(
        result, draws={"deaths": result.draws["deaths"]}, countries={"deaths": result.countries["deaths"]}
    )
    page = render(only)
    assert "<title>Forecast of deaths, " in page
    assert data_of(page)["measures"][0]["label"] == "Expected deaths"  # type: ignore[index]


def test_without_any_draws_there_is_no_page() -> None:
    with pytest.raises(ModelError, match="no draws to report"):
        render(dataclasses.replace(make_result(), draws={}))


def test_regions_without_polygons_leave_the_tables() -> None:
    result = make_result()
    bare = dataclasses.replace(
        result.regions, frame=result.regions.frame.iloc[:0], geometry=result.regions.geometry[:0]
    )
    page = Page(render(dataclasses.replace(result, regions=bare)))
    assert "no map is drawn" in " ".join(page.text)
    assert len([row for row in page.all("tr") if "data-i" in row]) == 14


def test_months_not_observed_are_a_dash_not_a_zero() -> None:
    result = make_result()
    panel = result.panel
    at = panel.region_ids.index("BEN-coast")
    observed = panel.observed.copy()
    observed[-14:, at] = False
    measures = {k: np.where(observed, v, np.float32(np.nan)) for k, v in panel.measures.items()}
    blind = dataclasses.replace(
        result, panel=dataclasses.replace(panel, observed=observed, measures=measures)
    )
    data = data_of(render(blind))
    assert data["recent"][at] == "–"  # type: ignore[index]
    change = {m["key"]: m for m in data["measures"]}["change"]  # type: ignore[attr-defined]
    assert change["text"][0][at] == "–"
    assert change["values"][0][at] is None


def test_attribution_follows_the_source() -> None:
    result = make_result()
    ucdp = dataclasses.replace(result, panel=dataclasses.replace(result.panel, source="UCDP GED 24.1"))
    assert "Sundberg" in render(ucdp)
    assert "CC BY 4.0" in render(ucdp)
    assert "Sundberg" not in render(result)
    words = {"attribution": "The Desk (2020)", "licences": {"forecasts": "for partners"}}
    told = render(dataclasses.replace(ucdp, panel=dataclasses.replace(ucdp.panel, attrs={"theatre": words})))
    assert "The Desk (2020) Forecasts: for partners." in told
    assert "a simulated world" in render(result)


def test_small_world_is_a_small_file(html: str) -> None:
    assert len(html.encode()) < 250_000


def test_no_text_says_nan(page: Page) -> None:
    assert not [text for text in page.text if re.search(r"\b(nan|NaT|None)\b", text)]


def test_reliability_is_drawn_and_tabled_for_each_target(page: Page, html: str) -> None:
    text = " ".join(page.text)
    for target in ("Events", "Deaths"):
        assert f"{target} in a month: chance given, and how often it happened" in text
        assert f"Reliability of {target.lower()} as tables" in text
    table = make_result().reliability
    row = table[(table.target == "events") & (table.question == "p1") & (table.cases > 20)].iloc[-1]
    band = f"{100 * row.low:.0f}–{100 * row.high:.0f}%"
    assert re.search(rf"<td>1 or more</td><td class=\"n\">{band}</td><td class=\"n\">{row.cases}</td>", html)


def test_quiet_regions_are_forecast_against_observed_by_year(html: str) -> None:
    table = make_result().reliability.query("question == 'quiet_6' and target == 'events'")
    rows = re.findall(r"<td>6 months</td><td>(\w+)</td>(.*?)</tr>", html)
    assert [year for year, _ in rows[: len(table)]] == sorted(table.predicted_mean)
    assert "all" in set(table.predicted_mean)
    for (_, cells), row in zip(rows, table.sort_values("predicted_mean").itertuples(), strict=False):
        numbers = re.findall(r">([\d.,]+)</td>", cells)
        came = round(row.cases * row.frequency)
        assert numbers == [f"{row.cases:,}", f"{row.cases * row.forecast:.1f}", str(came)]


def test_a_run_without_reliability_says_nothing_of_it() -> None:
    bare = render(make_result(reliability=pd.DataFrame(), rehearsal=pd.DataFrame()))
    assert "chance given" not in bare
    assert "First, how past forecasts did" in bare


def test_a_trained_model_is_named_with_its_version() -> None:
    result = make_result(model={"name": "harmattan", "version": 3, "trained_to": "2023-10"})
    html = render(result)
    assert "harmattan, version 3, trained on months to October 2023" in html
    assert "an equal mixture" not in html


@pytest.mark.parametrize(
    ("weights", "calibrated", "said"),
    [
        (
            "learned",
            True,
            "a mixture of models, weighted by their past forecasts, for each month ahead, calibrated on",
        ),
        ("equal", False, "an equal mixture of models for each month ahead (fitted at the origin"),
    ],
)
def test_the_mixture_is_told_as_it_is(weights: str, calibrated: bool, said: str) -> None:
    model = {"name": "fitted at the origin", "weights": weights, "calibrated": calibrated}
    assert said in render(make_result(model=model))


def test_a_stand_in_is_told_with_its_reason() -> None:
    result = make_result(model={"name": "endemic-epidemic", "reason": "champion could not be loaded."})
    assert "champion could not be loaded." in render(result)


def test_countries_anywhere_are_named() -> None:
    result = make_result()
    far = {"MLI": "COL", "BFA": "IDN", "NER": "UKR", "BEN": "PHL"}
    panel = dataclasses.replace(result.panel, countries=tuple(far[c] for c in result.panel.countries))
    moved = dataclasses.replace(
        result,
        panel=panel,
        countries={t: d.total(panel.countries) for t, d in result.draws.items()},
        spillover=pd.DataFrame(),
        pairs=pd.DataFrame(),
        coverage_note=pd.DataFrame(),
    )
    blank = dataclasses.replace(moved, judged=pd.DataFrame())
    text = " ".join(Page(render(with_outlook(blank))).text)
    for name in ("Colombia", "Indonesia", "Ukraine", "Philippines"):
        assert name in text
    assert "Mali" not in text


JARGON = re.compile(r"\b(pools?|pooled|origins?|CRPS|PIT|permeability|conflictology)\b")


def test_jargon_stands_only_where_methods_are_told() -> None:
    html = render(make_result())
    body = html[html.index("<body") : html.index('<script type="application/json"')]
    told = re.sub(r'<section id="(skill|data)".*?</section>', "", body, flags=re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", told)
    assert JARGON.findall(words) == []
    data = html[
        html.index('<script type="application/json"') : html.index("</script>", html.index("data-json"))
    ]
    assert JARGON.findall(data.replace('"origin"', "")) == []


def test_why_a_run_is_marked_stands_beside_its_checks() -> None:
    checks = pd.DataFrame(
        [("values", "green", "", 0), ("ages", "green", "", 0)], columns=["name", "status", "message", "rows"]
    )
    old = make_result(level="amber", banner="Demonstration.", quality=checks)
    assert "Marked amber for that reason, not for its data. Of 2 checks, 2 are green." in render(
        dataclasses.replace(old, quality=checks)
    )
    doubted = checks.assign(status=["amber", "green"])
    told = render(dataclasses.replace(old, banner="", quality=doubted))
    assert "Marked amber by its checks. Of 2 checks, 1 is green; not green: values." in told


def test_what_moved_and_what_acting_would_have_meant_stand_on_the_page() -> None:
    result = make_result()
    rows = [
        (
            "all",
            "all",
            "all",
            "",
            "2023-11",
            "2024-01",
            "2024-03",
            50.0,
            54.0,
            4.0,
            3.0,
            1.5,
            -0.5,
            "every order",
        ),
        (
            "MLI",
            "country",
            "MLI",
            "MLI",
            "2023-11",
            "2024-01",
            "2024-03",
            20.0,
            23.0,
            3.0,
            2.0,
            1.0,
            0.0,
            "every order",
        ),
        (
            "MLI-north",
            "region",
            "North",
            "MLI",
            "2023-11",
            "2024-01",
            "2024-03",
            6.0,
            8.0,
            2.0,
            2.0,
            0.0,
            0.0,
            "every order",
        ),
    ]
    changes = pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))
    acted = [("events", 5, 1, 1, "regions", "any", 0.3, 800, 41, 12, 9, 1.0, 0.02, 0.77)]
    triggers = pd.DataFrame(acted, columns=list(TRIGGER_COLUMNS))
    html = render(dataclasses.replace(result, changes=changes, triggers=triggers))
    page = Page(html)
    text = " ".join(" ".join(page.text).split())
    assert (
        "The release of 2023-11 expected 50 events for January to March 2024, this one 54 (+4.0): the new month did "
        "+3.0, revised past months +1.5 and another model or other settings −0.5." in text
    )
    assert any("the new month +2.0" in word for word in data_of(html)["reasons"][0])  # type: ignore[index]
    assert "5 or more events next month 30% 41 12 9 2% to 77%" in text
