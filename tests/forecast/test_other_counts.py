"""A table of one count alone, whatever it counts, from forecast and training to what is published."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from harmattan.data.errors import UsageError
from harmattan.forecast.jobs.backtest_plan import BacktestSettings, make_plan
from harmattan.forecast.jobs.forecasting import Outcome, run_main_job
from harmattan.forecast.loading import load_inputs
from harmattan.forecast.release import read_history, verify_release
from harmattan.forecast.settings import Settings

#: What is counted, and how many a month in the busiest region.
COUNTS = {"deaths": 30, "displaced": 2_000_000}
IDS = ("MLI-a", "MLI-b", "MLI-c", "NER-a", "NER-b", "NER-c")


def table(target: str, months: int = 72) -> pd.DataFrame:
    """Counts of six regions, from busy to quiet."""
    rng = np.random.default_rng(5)
    level = COUNTS[target] * np.array([1.0, 0.3, 0.1, 0.03, 0.01, 0.5])
    counts = rng.poisson(level * rng.gamma(3.0, 1 / 3, size=(months, 6)))
    when = pd.period_range("2018-01", periods=months, freq="M").astype(str)
    return pd.DataFrame({"month": when.repeat(6), "region_id": IDS * months, target: counts.ravel()})


def options(folder: Path, target: str, **more: Any) -> dict[str, Any]:
    path = folder / f"{target}.csv"
    table(target).to_csv(path, index=False)
    small: dict[str, Any] = {"horizons": "1:2", "draws": 100, "workers": 1, "backtest_origins": 1}
    places = {"panel": path, "out": folder / "out", "mlruns": folder / "mlruns"}
    # Deaths alone need not be named; another count must be.
    named = {} if target == "deaths" else {"targets": target}
    return {**small, **places, **named, "track": False, "run_date": "2024-01-10", **more}


@pytest.fixture(scope="module", params=list(COUNTS))
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Outcome]:
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, run_main_job(Settings.load(options(folder, request.param)))


def test_a_release_of_one_count_is_whole(released: tuple[str, Outcome]) -> None:
    target, outcome = released
    folder = outcome.release.path
    assert verify_release(folder).whole
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["targets"] == [target]
    assert set(pd.read_parquet(folder / "forecast.parquet")["target"]) == {target}
    assert list(pd.read_csv(folder / "wide.csv")["target"].unique()) == [target]
    for name in (f"cm_{target}", f"harmattan_admin1_{target}"):
        assert pq.read_table(folder / "views" / f"{name}.parquet").num_rows > 0
    tasks = json.loads((folder / "hub" / "hub-config" / "tasks.json").read_text(encoding="utf-8"))
    assert f'"{target}"' in json.dumps(tasks)
    history = read_history(folder)
    assert history is not None
    np.testing.assert_array_equal(history.target(target)[-1], outcome.result.panel.target(target)[-1])


def test_its_page_speaks_of_that_count(released: tuple[str, Outcome]) -> None:
    target, outcome = released
    page = outcome.report.read_text(encoding="utf-8")
    read = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert re.search(rf"About [\d,]+ {target} are expected in January 2024", read)
    assert not re.search(r"\bevents?\b", re.sub(r"<[^>]*>", " ", read), re.IGNORECASE)
    assert f'"label":"Expected {target}"' in page.replace('": "', '":"')


def test_deaths_without_events_are_said_to_stand_alone(
    released: tuple[str, Outcome], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target, outcome = released
    load_inputs(Settings.load(options(tmp_path, target)))
    assert ("count no events, so deaths are forecast alone" in caplog.text) == (target == "deaths")
    page = outcome.report.read_text(encoding="utf-8")
    assert ("Deaths are forecast by themselves" in page) == (target == "deaths")


def test_large_counts_are_read_by_their_separators(released: tuple[str, Outcome]) -> None:
    target, outcome = released
    if target == "deaths":
        pytest.skip("these are small")
    mean = float(outcome.result.draws[target].mean()[0].max())
    assert mean > 1e6
    page = outcome.report.read_text(encoding="utf-8")
    visible = re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL))
    assert re.search(r"\b\d,\d{3},\d{3}\b", visible)
    assert not re.findall(r"(?<![\w.-])\d{7,}(?![\w-])", visible.replace(outcome.result.data_hash, ""))


def test_what_is_not_counted_is_refused_by_name(tmp_path: Path) -> None:
    settings = Settings.load(options(tmp_path, "displaced", targets="events,deaths"))
    with pytest.raises(UsageError, match=r"no events in these data.*write targets displaced"):
        run_main_job(settings)
    with pytest.raises(UsageError, match="there are no deaths in these data"):
        run_main_job(Settings.load(options(tmp_path, "displaced", targets="displaced,deaths")))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("times", "said"), [(1, False), (1_000_000, True)])
def test_a_region_that_dwarfs_the_others_is_named(
    times: int, said: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = table("deaths")
    counts.loc[counts["region_id"] == "MLI-b", "deaths"] *= times
    counts.to_csv(tmp_path / "counts.csv", index=False)
    load_inputs(Settings(panel=tmp_path / "counts.csv"))
    assert ("MLI-b has" in caplog.text and "Forecast it apart" in caplog.text) == said


def test_a_target_with_counts_below_zero_is_said_to_have_been_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    counts = table("displaced").assign(deaths=1)
    counts.loc[7, "displaced"] = -3
    counts.to_csv(path, index=False)
    aside = "'displaced' was left aside: it holds text, places or negative numbers"
    with pytest.raises(UsageError, match=aside):
        run_main_job(Settings.load(options(tmp_path, "displaced", panel=path)))
    with pytest.raises(UsageError, match=aside):
        make_plan(BacktestSettings(base=Settings(panel=path), target="displaced"))


@pytest.mark.slow
@pytest.mark.parametrize("target", list(COUNTS))
def test_one_count_is_trained_promoted_recorded_and_published(target: str, tmp_path: Path) -> None:
    from harmattan.forecast.jobs.promotion import promote
    from harmattan.forecast.jobs.training import train
    from harmattan.forecast.publishing import publish

    settings = Settings.load(options(tmp_path, target, track=True))
    outcome = train(settings)
    assert outcome.training.trained.targets == (target,)
    assert promote(settings, force=True, reason="nothing else is there").version == outcome.version
    published = publish(settings)
    assert verify_release(published.release.path).whole
    assert published.run_id
    assert published.latest == published.release.path.name
    manifest = json.loads((published.release.path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["targets"] == [target]
    assert str(manifest["model"]["version"]) == outcome.version
    # The same month again changes nothing.
    assert publish(settings).release.status == "identical"
