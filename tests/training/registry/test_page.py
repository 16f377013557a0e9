"""MLflow's page as an analyst opens it: on the training runs, and gone with the command that serves it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from servers import free_port

from harmattan.data.errors import UsageError
from harmattan.training.registry import RunRecord, log_run, runs_page
from harmattan.training.registry.page import METRICS

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(store: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = store()
    skill = {name: {0: 0.25} for name in METRICS}
    log_run(RunRecord("train 2023-12", metrics=skill, tags={"run_kind": "train", "gate": "passes"}), place)
    log_run(RunRecord("forecast 2023-12", tags={"run_kind": "forecast"}), place)
    return place


def test_the_link_shows_training_runs_with_their_skill_in_a_real_browser(folder: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("chromium is absent")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1600,1000"):
        options.add_argument(argument)
    with runs_page(folder, port=free_port()) as address:
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        try:
            browser.get(address)
            until, text = time.monotonic() + 120, ""
            while "train 2023-12" not in text and time.monotonic() < until:
                time.sleep(1)
                text = browser.find_element("tag name", "body").text
        finally:
            browser.quit()
    assert "train 2023-12" in text
    assert "forecast 2023-12" not in text
    assert "skill.events.h1" in text
    assert "0.25" in text


def test_nothing_is_left_of_the_page_when_the_command_is_ended(folder: Path) -> None:
    port = free_port()
    command = [str(Path(sys.executable).with_name("harmattan")), "ui", "--no-open", "--mlruns", str(folder)]
    job = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert "workflowType=machine_learning" in job.stdout.readline()
    assert "skill, calibration, map, watch list" in job.stdout.readline()
    with pytest.raises(UsageError, match=f"port {port} already"), runs_page(folder, port=port):
        pass
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 0
    job.stdout.close()
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)
