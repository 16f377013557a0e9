"""Take docs/report.png: the head of the newest release's report in a real browser. `make docs-picture` runs this."""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image  # comes with matplotlib

from harmattan.forecast.release.catalogue import find_release, newest
from harmattan.forecast.settings import Settings

PICTURE = Path(__file__).with_name("report.png")
WIDTH = 1280


def browser(profile: str) -> Any:
    """Headless Chromium with a profile of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"):
        options.add_argument(word)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def take(page: Path, picture: Path) -> None:
    """The page from its head to the end of the map."""
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get(page.resolve().as_uri())
            end = "return document.getElementById('headline').getBoundingClientRect().top + window.scrollY"
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": driver.execute_script(end), "scale": 1}
            asked = {"format": "png", "captureBeyondViewport": True, "clip": clip}
            taken = driver.execute_cdp_cmd("Page.captureScreenshot", asked)
        finally:
            driver.quit()
    # 128 colours are enough for a page, and a third of the bytes.
    with Image.open(io.BytesIO(base64.b64decode(taken["data"]))) as shot:
        shot.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    """The picture of the release that is named, or of the newest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", nargs="?", help="a name such as 2023-12, or a folder")
    given = parser.parse_args().release
    out = Settings.load({}).out
    info = None if given else newest(out)
    folder = info.path if info else find_release(given or "latest", out)
    take(folder / "report.html", PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
