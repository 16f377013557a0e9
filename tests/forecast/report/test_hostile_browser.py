"""A report in which every text is hostile, opened from a file with a hostile name in a real browser: nothing runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from make_result import make_result

from harmattan.forecast.report.page import render
from harmattan.forecast.result import ForecastResult

pytestmark = pytest.mark.slow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
#: Ways out of text, attribute, script, style, comment and template.
EVIL = (
    '</title></style></script><img src=x onerror="window.hit=1"><svg onload=window.hit=2>'
    '<script>window.hit=3</script>"\'><a href="javascript:window.hit=4" onfocus=window.hit=5 autofocus>'
    "{{7*7}}{% x %}--><iframe srcdoc='<script>parent.hit=6</script>'></iframe>\u2028]]>${window.hit=7}`"
)
EVIL_ID = "MLI-\"'><img src=x onerror=window.hit=8>&lt;"
EVIL_CODE = "<svg onload=window.hit=9>"


def renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with one region id and one country code replaced wherever they stand."""
    return frame.replace({"MLI-delta": EVIL_ID, "BEN": EVIL_CODE})


def hostile_result() -> ForecastResult:
    """A result with hostile ids, names, codes, sources, messages and reasons."""
    result = make_result()
    regions, panel = result.regions, result.panel
    assert regions is not None
    assert panel.links is not None
    ids = tuple(EVIL_ID if r == "MLI-delta" else r for r in panel.region_ids)
    codes = tuple(EVIL_CODE if c == "BEN" else c for c in panel.countries)
    names = tuple(f"{i} {EVIL}" for i in range(len(ids)))
    frame = renamed(regions.frame).assign(name=names, layer=EVIL)
    panel = replace(
        panel, region_ids=ids, countries=codes, names=names, links=renamed(panel.links), source=f"{EVIL}.csv"
    )
    draws = {t: replace(d, region_ids=ids) for t, d in result.draws.items()}
    return replace(
        result,
        panel=panel,
        regions=replace(regions, frame=frame, links=renamed(regions.links)),
        draws=draws,
        countries={t: d.total(codes) for t, d in draws.items()},
        spillover=renamed(result.spillover).assign(statement=EVIL, blind_towards=EVIL, partly_blind=True),
        pairs=renamed(result.pairs),
        contributions=renamed(result.contributions),
        rehearsal=renamed(result.rehearsal),
        coverage_note=renamed(result.coverage_note).assign(name=EVIL),
        ledger=pd.DataFrame({"outcome": ["placed", EVIL, "read"], "events": [1, 2, 3]}),
        quality=pd.DataFrame({"name": [EVIL], "status": ["red"], "message": [EVIL], "rows": [1]}),
        banner=EVIL,
        level="red",
        settings={"panel": EVIL, "draws": 200},
        package_version=EVIL,
        model={"name": EVIL, "version": EVIL, "digest": EVIL, "trained_to": "2023-12", "reason": EVIL},
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium or chromedriver is not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "'\"><img src=x onerror=window.hit=10>.html"
    path.write_text(render(hostile_result()), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.get(path.as_uri())
    yield driver
    driver.quit()


def test_nothing_runs_on_opening(page: Any) -> None:
    assert page.execute_script("return window.hit") is None
    assert page.get_log("browser") == []


def test_no_element_comes_from_a_text(page: Any) -> None:
    found = page.execute_script(
        "return [...document.querySelectorAll('img, iframe, object, embed, base, form[action], link[rel=import]')]"
        ".map(e => e.outerHTML)"
    )
    assert found == []
    handlers = page.execute_script(
        "return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
        ".filter(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value)).map(a => a.name)"
    )
    assert handlers == []


def test_the_texts_are_there_as_texts(page: Any) -> None:
    shown = page.execute_script("return document.body.textContent")
    assert "window.hit=1" in shown
    assert "{{7*7}}" in shown


def test_nothing_runs_while_everything_is_used(page: Any) -> None:
    page.execute_script(
        "for (const e of document.querySelectorAll('select')) for (const o of e.options) {"
        "  e.value = o.value; e.dispatchEvent(new Event('change', {bubbles: true})); }"
        "for (const e of document.querySelectorAll('input')) {"
        "  for (const v of e.type === 'range' ? [e.min, e.max] : ['onerror', '']) {"
        "    e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); } }"
        "for (const e of document.querySelectorAll('button, summary, #areas .r')) {"
        "  for (const kind of ['mouseover', 'mousemove', 'focus', 'click'])"
        "    e.dispatchEvent(new MouseEvent(kind, {bubbles: true})); }"
    )
    assert page.execute_script("return window.hit") is None
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
