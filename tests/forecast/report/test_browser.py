"""The report in a real browser: no error, no request, and everything that moves does."""

from __future__ import annotations

import base64
import csv
import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from make_result import make_draws, make_result

from harmattan.forecast.release.read import PastRelease
from harmattan.forecast.report.page import render
from harmattan.forecast.report.rerender import brief_again, read_result, render_again

pytestmark = pytest.mark.slow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium or chromedriver is not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        "--window-size=1280,900",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    result = make_result(hostile=True)
    earlier = make_draws(result.panel.until("2023-11"), "events", np.random.default_rng(5))
    path.write_text(render(result, PastRelease("2023-11", {"events": earlier})), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shipped_page(shipped_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "report.html"
    path.write_text(render_again(shipped_release), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, file: Path) -> Any:
    browser.get(file.as_uri())
    return browser


def texts(page: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    return list(page.execute_script(script, selector))


def choose(page: Any, element: str, value: str, event: str = "change") -> None:
    page.execute_script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(arguments[2], {bubbles: true}))",
        element,
        value,
        event,
    )


def shown_rows(page: Any) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#rank tbody tr')]"
        ".filter(r => getComputedStyle(r).display !== 'none').map(r => r.dataset.i)"
    )
    return list(page.execute_script(script))


def test_no_console_message_and_no_request(page: Any, file: Path) -> None:
    page.get_log("performance")
    page.get(file.as_uri())
    choose(page, "measure", "4")
    choose(page, "horizon", "3", "input")
    assert page.get_log("browser") == []
    asked = [
        message["params"]["request"]["url"]
        for message in (json.loads(e["message"])["message"] for e in page.get_log("performance"))
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}


def test_hostile_name_is_shown_and_does_nothing(page: Any) -> None:
    assert page.execute_script("return window.hit") is None
    assert any("<img src=x" in text for text in texts(page, "#rank tbody th"))
    choose(page, "find", "onerror", "input")
    assert len(shown_rows(page)) == 1
    choose(page, "pick", shown_rows(page)[0])
    assert page.execute_script("return document.querySelectorAll('img').length") == 0
    assert page.execute_script("return window.hit") is None


def test_a_region_is_found_in_any_spelling(browser: Any, tmp_path: Path) -> None:
    result = make_result()
    names = ["Kasaï", "Bartın", "Омск", "حلب", *result.panel.names[4:]]
    named = dataclasses.replace(result, panel=dataclasses.replace(result.panel, names=tuple(names)))
    (tmp_path / "page.html").write_text(render(named), encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    for typed, meant in [
        ("kasai", 0),
        ("KASAÏ", 0),
        ("bartin", 1),
        ("omsk", 2),
        ("омск", 2),
        ("حلب", 3),
        ("hlb", 3),
    ]:
        choose(browser, "find", typed, "input")
        assert [names[int(i)] for i in shown_rows(browser)] == [names[meant]], typed


def test_slider_recolours_the_map_and_refills_the_table(page: Any) -> None:
    before, table = texts(page, "#card td"), texts(page, "#rank td")
    classes = "return [...document.querySelectorAll('#areas .r')].map(p => p.getAttribute('class'))"
    colours = page.execute_script(classes)
    choose(page, "horizon", "5", "input")
    assert texts(page, "#month") == ["June 2024"]
    assert texts(page, "#card td") != before
    assert texts(page, "#rank td") != table
    assert page.execute_script(classes) != colours
    choose(page, "horizon", "0", "input")
    assert texts(page, "#rank td") == table
    assert page.execute_script(classes) == colours


def test_script_draws_the_same_first_month_as_the_file(page: Any, file: Path) -> None:
    moved = texts(page, "#rank tbody tr")
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.get(file.as_uri())
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert texts(page, "#rank tbody tr") == moved


def test_every_column_moves_with_the_month(page: Any, file: Path) -> None:
    heads = texts(page, "#rank thead th")
    at = heads.index("Since last release")
    data = json.loads(page.execute_script("return document.getElementById('data-json').textContent"))
    measures = {m["key"]: m["text"] for m in data["measures"]}
    choose(page, "tablemonth", "3")
    rows = page.execute_script(
        "return [...document.querySelectorAll('#rank tbody tr')].map(r => r.dataset.i)"
    )
    cells = texts(page, f"#rank tbody tr > :nth-child({at + 1})")
    assert cells == [measures["revision"][3][int(i)] for i in rows]
    assert texts(page, "#rank tbody tr > :last-child") == [data["reasons"][3][int(i)] for i in rows]
    choose(page, "tablemonth", "0")


def test_every_measure_has_its_own_legend(page: Any) -> None:
    seen = set()
    for k in range(7):
        choose(page, "measure", str(k))
        legend = tuple(texts(page, "#legend li"))
        assert legend
        seen.add((texts(page, "#legendtitle")[0], legend))
    assert len(seen) == 7


def test_table_sorts_both_ways_and_says_so(page: Any) -> None:
    button = "document.querySelector('#rank button[data-sort=name]')"
    page.execute_script(f"{button}.click()")
    names = [n.lower() for n in texts(page, "#rank tbody th")]
    assert names == sorted(names)
    assert page.execute_script(f"return {button}.closest('th').getAttribute('aria-sort')") == "ascending"
    page.execute_script(f"{button}.click()")
    assert texts(page, "#rank tbody th")[0].lower() == names[-1]
    assert len(page.execute_script("return [...document.querySelectorAll('th[aria-sort]')]")) == 1


def test_country_filter_keeps_only_that_country(page: Any) -> None:
    choose(page, "only", "BEN")
    assert len(shown_rows(page)) == 2
    choose(page, "only", "")
    assert len(shown_rows(page)) == 14


def test_fan_chart_follows_the_choice(page: Any) -> None:
    first = page.execute_script("return document.querySelector('#chosen svg').getAttribute('aria-label')")
    choose(page, "fanplace", "countries:0")
    second = page.execute_script("return document.querySelector('#chosen svg').getAttribute('aria-label')")
    assert first != second
    assert second.startswith("Benin, events expected in January 2024")
    choose(page, "fantarget", "deaths")
    assert texts(page, "#chosenwords")[0].startswith("Benin, deaths expected")
    low, high = make_result(hostile=True).countries["deaths"].quantile([0.1, 0.9])[:, 0, 0]
    assert texts(page, "#chosentable tr:first-child td")[3] == f"{low:.0f}–{high:.0f}"


def test_controls_work_from_the_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.find_element("id", "horizon").send_keys(Keys.ARROW_RIGHT)
    assert texts(page, "#month") == ["February 2024"]
    spoken = page.execute_script("return document.getElementById('horizon').getAttribute('aria-valuetext')")
    assert spoken == "February 2024"


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser: Any, tmp_path: Path, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(make_result()), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_corridors_are_shown_on_request(browser: Any, shipped_page: Path) -> None:
    browser.get(shipped_page.as_uri())
    page = browser
    hidden = "return document.getElementById('corridors').getAttribute('display')"
    assert page.execute_script(hidden) == "none"
    page.execute_script("document.getElementById('showcorridors').click()")
    assert page.execute_script(hidden) is None
    page.execute_script("document.getElementById('showcorridors').click()")


def test_a_region_has_a_link_and_a_file_of_its_numbers(browser: Any, file: Path) -> None:
    browser.get("about:blank")
    browser.get(f"{file.as_uri()}#region=NER-river")
    assert texts(browser, "#card h3") == ["River (Niger)"]
    links = browser.execute_script(
        "return [...document.querySelectorAll('#card a')].map(a => [a.href, a.download])"
    )
    (numbers, name), (here, _) = links
    assert name == "NER-river.csv"
    assert here.endswith("#region=NER-river")
    rows = list(csv.DictReader(unquote(numbers.partition(",")[2]).splitlines()))
    assert len(rows) == 12
    draws = make_result(hostile=True).draws["deaths"]
    at = draws.region_ids.index("NER-river")
    mine = [row for row in rows if row["target"] == "deaths"]
    assert [float(row["q90"]) for row in mine] == draws.quantile([0.9])[0, :, at].tolist()
    assert {row["region_id"] for row in rows} == {"NER-river"}


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
)
def test_names_can_be_read(browser: Any, shipped_page: Path, width: int, scheme: str) -> None:
    """No name on a map is drawn under 10 px, none is cut off, and the words stand out from the page."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(shipped_page.as_uri())
    script = """
      const found = [];
      for (const svg of document.querySelectorAll('.overview, #map')) {
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        for (const t of svg.querySelectorAll('text.name')) {
          if (!t.getClientRects().length || getComputedStyle(t.parentNode).display === 'none') continue;
          found.push([t.textContent, scale * parseFloat(getComputedStyle(t).fontSize)]);
        }
      }
      return found"""
    names = browser.execute_script(script)
    assert len(names) > 10
    assert [(name, px) for name, px in names if px < 9.95] == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    contrast = """
      const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => { x /= 255;
        return x <= .03928 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4); });
        return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
      const of = (q, p) => lum(getComputedStyle(document.querySelector(q))[p]);
      const paper = of('body', 'backgroundColor');
      return ['body', '.note', '.by dt', '.classes h3', '.dek'].map(q => {
        const a = of(q, 'color'); return (Math.max(a, paper) + .05) / (Math.min(a, paper) + .05); })"""
    assert min(browser.execute_script(contrast)) >= 4.5
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_first_screen_holds_sentences_map_and_list(browser: Any, shipped_page: Path) -> None:
    size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(shipped_page.as_uri())
    for part in (".by", ".overview", ".classes"):
        bottom = browser.execute_script(
            "return document.querySelector(arguments[0]).getBoundingClientRect().bottom", part
        )
        assert bottom <= 900, part
    # On a busy machine the page can be measured before it is painted.
    painted = """const done = arguments[0];
        new PerformanceObserver((list) => done(list.getEntriesByName('first-contentful-paint')[0].startTime))
            .observe({type: 'paint', buffered: true});"""
    print(f"first content after {browser.execute_async_script(painted):.0f} ms")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def pages_of(browser: Any) -> int:
    # A page that has not been laid out and painted once cannot be printed.
    browser.execute_async_script(
        "const done = arguments[0];"
        "document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    )
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return len(re.findall(rb"/Type\s*/Page[^s]", base64.b64decode(pdf["data"])))


def test_it_prints_on_eight_pages_and_a_brief_on_one(
    browser: Any, shipped_page: Path, shipped_release: Path, tmp_path: Path
) -> None:
    browser.get(shipped_page.as_uri())
    assert pages_of(browser) <= 8
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    names = (
        "return [...document.querySelectorAll('#rank tbody th span')].map(e => getComputedStyle(e).display)"
    )
    assert "none" not in browser.execute_script(names)
    rows = "return document.querySelectorAll('#annex tbody td:first-child').length"
    assert browser.execute_script(rows) == len(read_result(shipped_release).panel.region_ids)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    for code in ("BFA", "MLI", "CIV"):
        for language in ("en", "fr"):
            path = tmp_path / f"{code}-{language}.html"
            path.write_text(brief_again(shipped_release, code, language), encoding="utf-8")
            browser.get(path.as_uri())
            assert pages_of(browser) == 1, path.name


def test_a_page_without_map_still_runs(browser: Any, tmp_path: Path) -> None:
    result = make_result()
    bare = dataclasses.replace(
        result.regions, frame=result.regions.frame.iloc[:0], geometry=result.regions.geometry[:0]
    )
    path = tmp_path / "report.html"
    path.write_text(render(dataclasses.replace(result, regions=bare)), encoding="utf-8")
    browser.get(path.as_uri())
    choose(browser, "tablemonth", "2")
    assert texts(browser, ".themonth") == ["March 2024"]
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("origin", "shown"), [("2023-12", True), ("2199-12", False)])
def test_a_page_that_is_out_of_date_says_so_by_itself(
    browser: Any, tmp_path: Path, origin: str, shown: bool
) -> None:
    path = tmp_path / "report.html"
    result = make_result(origin=origin, banner="", level="green", settings={"panel": "mine.csv"})
    path.write_text(render(result), encoding="utf-8")
    browser.get(path.as_uri())
    banner = browser.find_element("id", "outdated")
    assert banner.is_displayed() is shown
    assert ("This page is out of date: the next forecast was due by 2024-04-02." in banner.text) is shown


def test_a_demonstration_is_not_called_out_of_date() -> None:
    assert 'id="outdated"' not in render(make_result(settings={"source": "snapshot"}))
