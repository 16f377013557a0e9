"""Past watch lists against what came: by hand, from files, and beside the other scores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run
from front_world import world
from make_result import make_result

from harmattan.data.panel import Panel
from harmattan.forecast.monitoring.job import run_score
from harmattan.forecast.monitoring.lists import COLUMNS, score_lists
from harmattan.forecast.release.write import publish_release
from harmattan.forecast.settings import Settings
from harmattan.training.onset import ANY


@pytest.fixture(scope="module")
def panel() -> Panel:
    return world(1, spread=True).until("2009-12")


def lists(panel: Panel, origin: str, folder: Path, group: str | None) -> pd.DataFrame:
    """A list that gives every region the same chances, the last one no number."""
    table = pd.DataFrame({"region_id": panel.region_ids, "p_1": 0.1, "p_3": 0.2, "p_6": 0.4})
    table.loc[len(table) - 1, ["p_1", "p_3", "p_6"]] = np.nan
    table.insert(0, "origin_date", pd.Period(origin, freq="M").end_time.date().isoformat())
    if group is not None:
        table.insert(1, "group", group)
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / ("onsets.csv" if group is None else "watchlist.csv"), index=False, na_rep="NA")
    return table


def test_lists_are_scored_by_hand(panel: Panel, tmp_path: Path) -> None:
    folder = tmp_path / "2009-08"
    lists(panel, "2009-08", folder, None)
    lists(panel, "2009-08", folder, "jnim")
    found = score_lists([folder], panel).set_index(["of", "months"])
    assert sorted(found.index) == [("entry", 1), ("entry", 3), ("onset", 1), ("onset", 3)]  # six are not over
    n = len(panel.region_ids) - 1
    for of, measure in (("onset", "events"), ("entry", "events_jnim")):
        came = (panel.measure(measure)[-4:-1, :n] > 0).any(axis=0)
        row = found.loc[(of, 3)]
        assert (row["regions"], row["observed"], row["month"]) == (n, came.sum(), "2009-11")
        assert row["expected"] == pytest.approx(0.2 * n)
        by_hand = -(came.sum() * np.log(0.2) + (n - came.sum()) * np.log(0.8)) / n
        assert row["log_score"] == pytest.approx(by_hand)
        assert row["log_score_constant"] <= row["log_score"]


def test_what_cannot_be_judged_gives_no_row(panel: Panel, tmp_path: Path) -> None:
    assert score_lists([tmp_path], panel).empty
    lists(panel, "2009-12", tmp_path / "late", None)
    lists(panel, "2009-08", tmp_path / "unknown", "boko_haram")
    assert score_lists([tmp_path / "late", tmp_path / "unknown"], panel).empty
    observed = panel.observed.copy()
    observed[-3:, 0] = False
    lists(panel, "2009-08", tmp_path / "hole", ANY)
    whole, holed = (
        score_lists([tmp_path / "hole"], p)["regions"].tolist()
        for p in (panel, replace(panel, observed=observed))
    )
    assert whole[1] - holed[1] == 1


def test_scores_of_lists_stand_beside_the_others(tmp_path: Path, run: Run) -> None:
    made = make_result()
    then = made.panel.until("2023-09")
    table = pd.DataFrame({"region_id": then.region_ids, "country": then.countries}).assign(
        origin_date="2023-09-30", p_1=0.1, p_3=0.2, p_6=0.3, rank=range(1, len(then.region_ids) + 1)
    )
    draws = {t: replace(d, origin=then.last_month) for t, d in made.draws.items()}
    early = replace(
        made,
        origin=then.last_month,
        panel=then,
        draws=draws,
        countries={t: d.total(then.countries) for t, d in draws.items()},
        data_hash=then.digest(),
        watch={"onsets.csv": table},
    )
    publish_release(early, "<!doctype html><title>Report</title>", tmp_path / "out")
    path = tmp_path / "panel.parquet"
    made.panel.write_parquet(path)
    given = {"panel": path, "out": tmp_path / "out", "run_date": date(2024, 1, 31), "track": False}
    scored = run_score(replace(Settings.load({}, environ={}, cwd=tmp_path), **given))
    assert scored.lists["months"].tolist() == [1, 3]
    written = pd.read_csv(tmp_path / "out" / "monitoring_watch.csv", keep_default_na=False)
    assert written.columns.tolist() == COLUMNS
    assert written["observed"].tolist() == scored.lists["observed"].tolist()
    told = json.loads((tmp_path / "out" / "monitoring.json").read_text())
    assert [row["months"] for row in told["watch"]] == [1, 3]
    arguments = ["--panel", str(path), "--out", str(tmp_path / "out"), "--no-track"]
    assert "Watch lists (onset), within three months, 1 releases" in run("score", *arguments)[1]
