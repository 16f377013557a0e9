"""Fetch, check, publish for the current month, against a server on this machine that offers small files."""

from __future__ import annotations

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run
from small_files import BURKINA, EVENT, SQUARES

from harmattan.data.fetch import fetch_ucdp
from harmattan.data.fetch.current import last_complete_month
from harmattan.data.sources import ucdp
from harmattan.data.vintages import VintageStore
from harmattan.forecast.cli.data_inputs import fetched_current
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.settings import Settings

pytestmark = pytest.mark.slow

#: The month that a forecast of today starts from.
LAST = pd.Period(last_complete_month(date.today()), freq="M")
SETTINGS = """\
source = "store:vintages"
regions = "regions.geojson"
targets = ["events"]
horizons = "1"
draws = 100
workers = 1
backtest_origins = 0
track = false
"""


def events(first: pd.Period, last: pd.Period) -> bytes:
    """Events of every month in all four squares, as UCDP writes them."""
    rng = np.random.default_rng(first.ordinal)
    rows = []
    for month in pd.period_range(first, last, freq="M"):
        for i in range(4):
            place = {"latitude": 14.5 if i < 2 else 13.5, "longitude": -3.5 + i % 2}
            for k in range(1 + rng.poisson(1.5)):
                days = dict.fromkeys(("date_start", "date_end"), f"{month}-{rng.integers(1, 28):02d}")
                names = {} if i < 2 else {k: v for k, v in BURKINA.items() if k not in place}
                number = (month.ordinal * 4 + i) * 50 + k
                rows.append({**EVENT, **names, **place, **days, "id": number})
    return pd.DataFrame(rows).to_csv(index=False).encode()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *given: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server: the last annual release, and the months after it but the newest."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "ged").mkdir()
    (folder / "candidateged").mkdir()
    year = LAST.year
    annual = io.BytesIO()
    with zipfile.ZipFile(annual, "w") as archive:
        archive.writestr("ged.csv", events(pd.Period(f"{year - 5}-01"), pd.Period(f"{year - 1}-12")))
    (folder / "ged" / f"ged{year % 100}1-csv.zip").write_bytes(annual.getvalue())
    for month in pd.period_range(f"{year}-01", LAST, freq="M"):
        name = f"GEDEvent_v{year % 100}_0_{month.month}.csv"
        (folder / "candidateged" / name).write_bytes(events(month, month))
    return folder


@pytest.fixture(scope="module")
def server(offered: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(offered))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture(scope="module")
def fetched(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store into which everything was fetched."""
    folder = tmp_path_factory.mktemp("fetched")
    fetched_current(folder / "cache", server, refresh=False, store=folder / "vintages")
    return folder / "vintages"


@pytest.fixture
def store(fetched: Path, tmp_path: Path) -> Path:
    """That store, where the settings look for it."""
    return Path(shutil.copytree(fetched, tmp_path / "vintages"))


@pytest.fixture
def run(run: Run, tmp_path: Path) -> Run:
    """Run a command in a folder with settings and polygons."""
    (tmp_path / "harmattan.toml").write_text(SETTINGS, encoding="utf-8")
    polygons = {"type": "FeatureCollection", "features": SQUARES}
    (tmp_path / "regions.geojson").write_text(json.dumps(polygons), encoding="utf-8")
    return run


def fetch(run: Run, server: str) -> tuple[int, str, str]:
    return run("data", "fetch", "ucdp", "--current", "--store", "vintages", "--base-url", server)


def test_fetch_brings_everything_up_to_the_newest_month(run: Run, server: str) -> None:
    code, out, err = fetch(run, server)
    assert (code, err) == (0, "")
    assert out.count("downloaded") == 1 + LAST.month
    assert out.count("is kept as of") == 1 + LAST.month


@pytest.mark.slow
def test_fetch_again_brings_nothing_twice(run: Run, server: str) -> None:
    fetch(run, server)
    code, out, _ = fetch(run, server)
    assert code == 0
    assert out.count("cached") == 1 + LAST.month
    assert out.count("already in the store") == 1 + LAST.month


@pytest.mark.slow
def test_a_month_that_is_not_out_yet_is_told(run: Run, server: str, offered: Path) -> None:
    if LAST.month == 1:
        pytest.skip("in February there is one month only, and without it nothing to forecast from")
    newest = offered / "candidateged" / f"GEDEvent_v{LAST.year % 100}_0_{LAST.month}.csv"
    kept = newest.read_bytes()
    newest.unlink()
    try:
        code, out, _ = fetch(run, server)
    finally:
        newest.write_bytes(kept)
    assert code == 0
    assert f"Not published yet: {LAST.year % 100}.0.{LAST.month}." in out


def test_check_finds_the_data_fit(run: Run, store: Path) -> None:
    code, out, _ = run("data", "check", "store:vintages", "--regions", "regions.geojson")
    assert code == 0, out
    assert f"The last month is {LAST}" in out


@pytest.mark.slow
def test_publish_puts_out_the_forecast_of_this_month(run: Run, store: Path, tmp_path: Path) -> None:
    code, out, err = run("publish", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert str(LAST) in json.dumps(told)
    forecast = pd.read_csv(tmp_path / "releases" / str(LAST) / "wide.csv")
    assert sorted(set(forecast["region_id"])) == ["BFA-nord", "BFA-sahel", "MLI-gao", "MLI-mopti"]
    assert set(forecast["month"].astype(str).str[:7]) == {str(LAST + 1)}
    assert run("verify", str(tmp_path / "releases" / str(LAST)))[0] == 0


def test_publish_refuses_data_that_are_old(run: Run, store: Path, tmp_path: Path) -> None:
    far = (LAST + 8).end_time.date().isoformat()
    code, _, err = run("publish", "--run-date", far, "--quiet")
    assert code == 10
    assert "stale" in err
    assert not (tmp_path / "releases" / str(LAST)).exists()


@pytest.mark.slow
def test_real_files_serve_all_fifteen_countries(real_data: Path, tmp_path: Path) -> None:
    offered, cache, store = tmp_path / "server", tmp_path / "cache", VintageStore(tmp_path / "vintages")
    shutil.copytree(real_data / "candidate", offered / "candidateged")
    (offered / "ged").mkdir()
    with zipfile.ZipFile(offered / "ged" / "ged241-csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(real_data / "ged241_west_africa.csv", "GEDEvent_v24_1.csv")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(offered))) as http:
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for release in ("24.1", "26.0.1", "26.0.4"):
            got = fetch_ucdp(release, cache, base=f"http://127.0.0.1:{http.server_port}")
            store.add(ucdp.read(got.path, release=release), date.today())
        http.shutdown()
    regions = real_data / "regions" / "admin1_west_africa.geojson"
    made = load_inputs(Settings(source=f"store:{store.root}", regions=regions))
    assert len(set(made.panel.countries)) == 15
    assert made.panel.shape[1] == 263
    assert str(made.panel.last_month) == "2026-04"
    assert made.panel.observed[-1].all()
    assert not made.panel.observed[made.panel.position("2025-06")].any()
