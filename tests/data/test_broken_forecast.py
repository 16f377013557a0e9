"""Broken files given to the whole ``harmattan forecast`` command: one message, its exit code, nothing written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from broken import BROKEN, FORECAST, Broken, csv, forecast_arguments
from small_files import BURKINA, SQUARES

from harmattan.forecast.cli.entry import main


@pytest.mark.parametrize("case", [c for c in BROKEN if c.name in FORECAST], ids=lambda c: c.name)
def test_nothing_is_written(
    case: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, work = tmp_path / "given", tmp_path / "work"
    given.mkdir()
    work.mkdir()
    polygons = given / "good.geojson"
    polygons.write_text(json.dumps({"type": "FeatureCollection", "features": SQUARES}), encoding="utf-8")
    events = csv({}, {}, BURKINA, name="good.csv")(given)
    path = case.make(given)
    monkeypatch.chdir(work)
    arguments = forecast_arguments(case, path, events, polygons)
    monkeypatch.setattr(sys, "argv", ["harmattan", "forecast", *arguments, "--out", str(work / "releases")])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    assert caught.value.code == case.code
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert path.name in said.err
    assert case.says in said.err
    assert case.remedy in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert list(work.iterdir()) == []
