"""How a folder of releases stands: old, overdue, damaged, out of band; each with a code of its own."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from make_result import make_result

from harmattan.data.errors import HarmattanError, ReleaseError
from harmattan.forecast.release import latest
from harmattan.forecast.release.catalogue import WithdrawalNote, note_of
from harmattan.forecast.release.files import write_sums
from harmattan.forecast.release.status import FolderStatus, coverage_of, folder_status, next_due, write_status
from harmattan.forecast.release.write import write_release

FRESH = date(2024, 1, 25)
GREEN: dict[str, Any] = {"level": "green", "banner": "", "settings": {"panel": "mine.csv"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made")
    quality = pd.DataFrame(
        [("match_rate", "green", "98.0% of 900 events could be placed in a region.", 0)],
        columns=["name", "status", "message", "rows"],
    )
    write_release(make_result(**GREEN, quality=quality), "<p>", out)
    latest.point_latest(out, "2023-12")
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out", symlinks=True))


def reds(status: FolderStatus) -> list[tuple[str, int]]:
    return [(e.name, e.exit_code) for e in status.entries if e.level == "red"]


def code_of(status: FolderStatus) -> int:
    with pytest.raises(HarmattanError) as caught:
        status.require()
    assert caught.value.exit_code == status.exit_code
    return status.exit_code


def test_a_fresh_release_is_green(made: Path) -> None:
    found = folder_status(made, FRESH)
    assert (found.level, found.exit_code, found.age_days) == ("green", 0, 25)
    assert found.next_due == date(2024, 4, 2)
    assert found.to_dict()["good_until"] == "2024-04-02"
    assert found.require() is found


@pytest.mark.parametrize(
    ("day", "level", "expected"),
    [
        (date(2024, 3, 2), "green", []),
        (date(2024, 3, 3), "amber", []),
        (date(2024, 4, 2), "amber", []),
        (date(2024, 4, 3), "red", [("schedule", 11)]),
        (date(2024, 5, 3), "red", [("schedule", 11)]),
        (date(2024, 5, 4), "red", [("data age", 10), ("schedule", 11)]),
    ],
)
def test_age_and_schedule(made: Path, day: date, level: str, expected: list[tuple[str, int]]) -> None:
    found = folder_status(made, day)
    assert (found.level, reds(found)) == (level, expected)
    assert found.exit_code == (expected[0][1] if expected else 0)


def test_the_schedule_can_be_stricter(made: Path) -> None:
    assert next_due("2023-12", 25) == date(2024, 2, 25)
    assert reds(folder_status(made, date(2024, 2, 26), 25)) == [("schedule", 11)]


def test_what_stands_on_an_old_release_is_never_shown_as_good(made: Path) -> None:
    assert folder_status(made, date(2024, 5, 4)).to_dict()["good_until"] is None


def test_damage_is_red(out: Path) -> None:
    (out / "2023-12" / "wide.csv").write_text("", encoding="utf-8")
    assert code_of(folder_status(out, FRESH)) == 5


def test_a_missing_manifest_is_red(out: Path) -> None:
    (out / "2023-12" / "manifest.json").unlink()
    assert code_of(folder_status(out, FRESH)) == 5


def test_a_pointer_to_nothing_is_red(out: Path) -> None:
    shutil.rmtree(out / "2023-12")
    assert code_of(folder_status(out, FRESH)) == 5


def test_a_withdrawn_release_that_still_leads_is_red(out: Path) -> None:
    note_of(out / "2023-12").write_text(
        WithdrawalNote("2023-12", "wrong", "2024-01-20").text(), encoding="utf-8"
    )
    found = folder_status(out, FRESH)
    assert reds(found) == [("withdrawn", 9)]


def test_a_demonstration_must_not_lead(tmp_path: Path) -> None:
    write_release(make_result(settings={"source": "snapshot"}), "<p>", tmp_path)
    latest.point_latest(tmp_path, "2023-12")
    assert code_of(folder_status(tmp_path, FRESH)) == 5


def test_nothing_published_is_overdue(tmp_path: Path) -> None:
    assert code_of(folder_status(tmp_path, FRESH)) == 11
    with pytest.raises(ReleaseError, match="no such folder"):
        folder_status(tmp_path / "absent", FRESH)


def scores(coverage: tuple[float, float, float], cases: int = 300) -> list[dict[str, Any]]:
    shares = dict(zip(("coverage_50", "coverage_80", "coverage_90"), coverage, strict=True))
    others = {"target": "events", "member": "conflictology", "cases": 300}
    return [
        {"target": "events", "member": "pool", "cases": cases, **shares},
        {**others, "coverage_50": 0.1, "coverage_80": 0.1, "coverage_90": 0.1},
    ]


@pytest.mark.parametrize(
    ("coverage", "cases", "level"),
    [
        ((0.50, 0.80, 0.90), 300, "green"),
        ((0.41, 0.71, 0.81), 300, "green"),
        ((0.50, 0.69, 0.90), 300, "red"),
        ((0.62, 0.80, 0.90), 300, "red"),
        ((0.10, 0.10, 0.10), 99, "green"),
    ],
)
def test_coverage_is_held_against_a_band(
    coverage: tuple[float, float, float], cases: int, level: str
) -> None:
    assert coverage_of(scores(coverage, cases)).level == level


def test_coverage_counts_all_horizons_together() -> None:
    both = [*scores((0.5, 0.6, 0.9))[:1], *scores((0.5, 0.95, 0.9))[:1]]
    assert coverage_of(both).level == "green"


def test_coverage_out_of_band_is_red_in_the_folder(out: Path) -> None:
    folder = out / "2023-12"
    table = pd.read_csv(folder / "scores.csv")
    table.loc[table["member"] == "pool", "coverage_90"] = 0.7
    table.to_csv(folder / "scores.csv", index=False)
    write_sums(folder)
    found = folder_status(out, FRESH)
    assert reds(found) == [("coverage", 12)]
    assert "the 90 % intervals of events held 70% of what happened" in found.entries[-2].message


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_match_rate_under_its_threshold_is_red(out: Path) -> None:
    check = {"name": "match_rate", "status": "red", "message": "60.0% could be placed.", "rows": 3}
    change_json(out / "2023-12" / "status.json", checks=[check])
    write_sums(out / "2023-12")
    assert reds(folder_status(out, FRESH)) == [("match rate", 13)]


def test_a_fallback_model_is_amber(out: Path) -> None:
    change_json(
        out / "2023-12" / "manifest.json", model={"name": "conflictology_12", "reason": "no champion"}
    )
    write_sums(out / "2023-12")
    found = folder_status(out, FRESH)
    assert (found.level, found.exit_code) == ("amber", 0)
    assert any(e.name == "model" and "conflictology_12" in e.message for e in found.entries)


def test_what_monitoring_found_counts(out: Path) -> None:
    entry = {"name": "skill", "level": "red", "message": "Worse than conflictology for three months."}
    (out / "monitoring.json").write_text(json.dumps({"entries": [entry]}), encoding="utf-8")
    assert reds(folder_status(out, FRESH)) == [("skill", 15)]


@pytest.mark.parametrize("text", ['{"entries": 5}', '{"entries": [5, {"level": "grefn"}]}', "[1]", "no json"])
def test_a_monitoring_file_of_another_make_says_nothing(out: Path, text: str) -> None:
    (out / "monitoring.json").write_text(text, encoding="utf-8")
    assert folder_status(out, FRESH).level == "green"


def test_a_failed_job_is_remembered_until_the_next(out: Path) -> None:
    failed = {"day": "2024-01-26", "exit_code": 10, "message": "stale"}
    assert write_status(out, FRESH, 62, failed).level == "amber"
    told = json.loads((out / "status.json").read_text(encoding="utf-8"))
    assert (told["level"], told["last_job"], told["latest"]) == ("amber", failed, "2023-12")
    assert write_status(out, FRESH, 62).level == "amber"
    assert (
        write_status(out, FRESH, 62, {"day": "2024-01-27", "exit_code": 0, "message": "done"}).level
        == "green"
    )


def test_a_status_that_cannot_be_written_is_told(out: Path) -> None:
    (out / "status.json").mkdir()
    with pytest.raises(ReleaseError, match="the status cannot be written"):
        write_status(out, FRESH, 62)
    assert list(out.glob(".tmp-*")) == []
