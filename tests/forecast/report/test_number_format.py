"""Every number of the headline, derived again from the files of the release and from nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_result import make_result

from harmattan.forecast.release.read import newest_before
from harmattan.forecast.release.write import publish_release
from harmattan.forecast.report import hindsight as hindsights
from harmattan.forecast.report import sentences as words
from harmattan.forecast.report import tables
from harmattan.forecast.report.number_format import chance, count, in_ten, interval, percent, signed
from harmattan.forecast.report.page import render


class Files:
    """A release as anybody reads it: pandas and the published tables."""

    def __init__(self, folder: Path) -> None:
        table = pd.read_parquet(folder / "forecast.parquet").query("target == 'events'")
        self.mean = self._of(table, "mean")
        self.low, self.high = (self._of(table, "quantile", level) for level in (0.1, 0.9))
        self.some = 1 - self._of(table, "cdf", 0)
        history = pd.read_parquet(folder / "history.parquet")
        self.history = history.pivot(index="month", columns="region_id", values="events")
        self.recent = self.history.tail(12).mean()
        self.draws = pd.read_parquet(folder / "draws.parquet").query("target == 'events'")
        self.names = history.drop_duplicates("region_id").set_index("region_id")

    @staticmethod
    def _of(table: pd.DataFrame, kind: str, at: float | None = None) -> pd.DataFrame:
        chosen = table[table.output_type == kind]
        if at is not None:
            chosen = chosen[pd.to_numeric(chosen.output_type_id) == at]
        return chosen.pivot(index="horizon", columns="location", values="value")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    for month in ("2023-11", "2023-12"):
        result = make_result(origin=month)
        before = newest_before(folder, result.origin, result.panel.region_ids)
        publish_release(result, render(result, before), folder)
    return folder


@pytest.fixture(scope="module")
def files(out: Path) -> Files:
    return Files(out / "2023-12")


@pytest.fixture(scope="module")
def said(out: Path) -> dict[str, str]:
    """The headline of the published page, by topic."""
    html = (out / "2023-12" / "report.html").read_text(encoding="utf-8")
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return {topic: text.replace("&lt;", "<").replace("&gt;", ">") for topic, text in found}


def test_overall(files: Files, said: dict[str, str]) -> None:
    sums = np.sort(files.draws.query("horizon == 1").groupby("draw").value.sum())
    low, high = (sums[int(np.ceil(q * len(sums))) - 1] for q in (0.1, 0.9))
    assert f"About {count(files.mean.loc[1].sum())} violent events" in said["Overall"]
    assert f"(80% interval {interval(low, high)})" in said["Overall"]
    assert said["Overall"].endswith(f"twelve months is {count(files.recent.sum())}.")


def test_where_most(files: Files, said: dict[str, str]) -> None:
    top = files.mean.loc[1].sort_values(ascending=False).head(5)
    for region, mean in top.items():
        span = interval(files.low.loc[1, region], files.high.loc[1, region])
        assert f"{files.names.name[region]} (" in said["Where most"]
        assert f", {count(mean)} ({span})" in said["Where most"]
    assert f"Together that is {percent(top.sum() / files.mean.loc[1].sum())} of all" in said["Where most"]


def test_what_rises(files: Files, said: dict[str, str]) -> None:
    change = files.mean.loc[1] - files.recent
    up = change[(change >= 1) & (files.mean.loc[1] >= 1.25 * files.recent)].sort_values(ascending=False)
    if up.empty:
        assert not re.search(r"\d", said["What rises"])
        return
    for region in up.head(3).index:
        told = f"{count(files.mean.loc[1, region])} against a mean of {count(files.recent[region])}"
        assert told in said["What rises"]


def test_what_eases(files: Files, said: dict[str, str]) -> None:
    change = files.mean.loc[1] - files.recent
    down = change[(change <= -1) & (files.mean.loc[1] * 1.25 <= files.recent)].sort_values()
    assert ("What eases" in said) == bool(len(down))
    for region in down.head(3).index:
        assert (
            f"{count(files.mean.loc[1, region])} against {count(files.recent[region])}" in said["What eases"]
        )


def test_where_it_is_quiet(files: Files, said: dict[str, str]) -> None:
    quiet = files.history.columns[files.history.tail(6).sum() == 0]
    assert ("Where it is quiet" in said) == bool(len(quiet))
    for region in files.some.loc[1, quiet].sort_values(ascending=False).head(3).index:
        p = files.some.loc[1, region]
        assert f", {in_ten(p)} ({chance(p)})" in said["Where it is quiet"]


def test_what_changed(files: Files, said: dict[str, str], out: Path) -> None:
    earlier = Files(out / "2023-11")
    moved = files.mean.loc[1] - earlier.mean.loc[2]
    steepest = moved.abs().idxmax()
    assert f"({signed(moved[steepest])}, to {count(files.mean.loc[1, steepest])})" in said["What changed"]


def test_across_borders(out: Path, files: Files, said: dict[str, str]) -> None:
    table = pd.read_csv(out / "2023-12" / "spillover.csv").query(
        "horizon == 3 and threshold == 5 and declared"
    )
    expected = files.mean.loc[:3].sum()
    attributed = (table.target_region.map(expected) * table.share_total).rename("attributed")
    first = table.join(attributed).sort_values("attributed").iloc[-1]
    assert f"bout {percent(first.share_total)} of the events expected in" in said["Across borders"]


def test_a_calm_world_is_told_without_a_number() -> None:
    result = make_result(declared=False)
    outlook = tables.region_outlook(result, "events")
    spill = tables.spillover(result, outlook)
    calm = {s.topic: s.text for s in words.headline(result, outlook, spill)}
    assert not re.search(r"\d", calm["Across borders"])
    assert "What changed" not in calm
    assert hindsights.change_sentence(result, outlook, None) is None
