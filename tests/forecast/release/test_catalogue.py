"""Folders of releases: which there are, which is the latest, what is withdrawn, pruned, and what changed."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock
from make_result import make_result

from harmattan.data.errors import LockError, ReleaseError, UsageError, WithdrawnError
from harmattan.forecast.release import latest, withdraw
from harmattan.forecast.release.catalogue import (
    all_releases,
    find_release,
    newest,
    note_of,
    read_release,
    refuse_withdrawn,
)
from harmattan.forecast.release.diff import diff_releases
from harmattan.forecast.release.verify import newest_fit_for_latest
from harmattan.forecast.release.write import publish_release, write_release

DAY = date(2024, 2, 1)
DEMONSTRATION = {"settings": {"source": "snapshot"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months, the second with a revision; green but for the revision."""
    out = tmp_path_factory.mktemp("made")
    green = {"level": "green", "banner": "", "settings": {"panel": "mine.csv", "draws": 200}}
    write_release(make_result(7, origin="2023-11", **green), "<p>", out)
    write_release(make_result(7, origin="2023-12", **green), "<p>", out)
    write_release(make_result(8, origin="2023-12", **{**green, "level": "amber"}), "<p>", out)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; ``latest`` points to the revision."""
    folder = Path(shutil.copytree(made, tmp_path / "out", symlinks=True))
    latest.point_latest(folder, "2023-12_r2")
    return folder


def names(out: Path) -> list[str]:
    return sorted(p.name for p in out.iterdir() if not p.name.startswith("."))


def test_releases_are_listed_in_order(out: Path) -> None:
    (out / "notes").mkdir()
    (out / "2023-13").mkdir()
    found = all_releases(out)
    assert [(r.name, r.level, r.is_latest) for r in found] == [
        ("2023-11", "green", False),
        ("2023-12", "green", False),
        ("2023-12_r2", "amber", True),
    ]
    assert newest(out, before="2023-12") == found[0]


def test_a_damaged_release_is_listed_and_never_chosen(out: Path) -> None:
    (out / "2023-12_r2" / "manifest.json").write_text("{", encoding="utf-8")
    assert read_release(out / "2023-12_r2").level == "damaged"
    usable = newest(out)
    assert usable is not None
    assert usable.name == "2023-12"


def test_a_release_under_another_name_has_a_problem(out: Path) -> None:
    (out / "2023-11").rename(out / "2023-10")
    assert read_release(out / "2023-10").problem == "manifest.json is that of 2023-11"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (DEMONSTRATION, "it is a demonstration on the counts that come with the package"),
        ({"level": "red", "settings": {"panel": "mine.csv"}}, "its level is red"),
    ],
)
def test_what_cannot_be_the_latest(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    folder = write_release(make_result(**changes), "<p>", tmp_path)
    assert read_release(folder).why_not_latest == why
    assert newest_fit_for_latest(tmp_path) is None


def test_names_paths_and_latest_mean_a_release(out: Path) -> None:
    assert find_release("2023-11", out) == out / "2023-11"
    assert find_release("latest", out) == out / "2023-12_r2"
    assert find_release(str(out / "2023-12"), out / "elsewhere") == out / "2023-12"
    with pytest.raises(ReleaseError, match=r"there is no release '2023-1'\. Did you mean '2023-1"):
        find_release("2023-1", out)
    with pytest.raises(ReleaseError, match=r"there is no release '\.\./out'"):
        find_release("../out", out / "2023-11")


@pytest.mark.parametrize("nothing", ["", " "])
def test_an_empty_name_is_not_the_current_folder(
    out: Path, monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    monkeypatch.chdir(out / "2023-11")
    with pytest.raises(UsageError, match=r"no release is named\. Give a name such as 2023-12"):
        find_release(nothing, out)


def test_latest_moves_in_one_step_and_says_whether_it_did(out: Path) -> None:
    assert latest.point_latest(out, "2023-11")
    assert not latest.point_latest(out, "2023-11")
    assert latest.latest_target(out) == out / "2023-11"
    assert (out / "latest" / "SHA256SUMS").is_file()
    assert list(out.glob(".tmp-*")) == []


def test_a_pointer_that_leads_nowhere_is_told(out: Path) -> None:
    shutil.rmtree(out / "2023-12_r2")
    with pytest.raises(ReleaseError, match="leads to '2023-12_r2', which is no release here"):
        latest.latest_target(out)


def test_a_pointer_out_of_the_folder_is_refused(out: Path) -> None:
    (out / "latest").unlink()
    (out / "latest").symlink_to("../out/2023-11")
    with pytest.raises(ReleaseError, match="no release here"):
        latest.latest_target(out)


def test_a_folder_called_latest_is_left_alone(out: Path) -> None:
    (out / "latest").unlink()
    (out / "latest").mkdir()
    with pytest.raises(ReleaseError, match="'latest' is no pointer"):
        latest.point_latest(out, "2023-11")


def test_withdrawing_leaves_the_bytes_and_moves_latest_back(out: Path) -> None:
    before = {p: p.read_bytes() for p in (out / "2023-12_r2").rglob("*") if p.is_file()}
    done = withdraw.withdraw_release("latest", out, " Counted one \n attack twice. ", DAY)
    assert (done.latest, done.moved) == ("2023-12", True)
    assert {p: p.read_bytes() for p in before} == before
    note = json.loads(note_of(out / "2023-12_r2").read_text(encoding="utf-8"))
    assert note["reason"] == "Counted one attack twice."
    with pytest.raises(
        WithdrawnError, match=r"withdrawn on 2024-02-01: Counted one attack twice\."
    ) as caught:
        find_release("2023-12_r2", out)
    assert caught.value.exit_code == 9


def test_withdrawing_an_older_one_leaves_latest(out: Path) -> None:
    done = withdraw.withdraw_release("2023-11", out, "wrong", DAY)
    assert (done.latest, done.moved) == ("2023-12_r2", False)


def test_withdrawing_everything_leaves_no_latest(out: Path) -> None:
    for name in ("2023-12_r2", "2023-11", "2023-12"):
        withdraw.withdraw_release(name, out, "wrong", DAY)
    assert latest.latest_name(out) is None
    assert newest(out) is None


def test_latest_never_falls_back_on_a_damaged_release(out: Path) -> None:
    (out / "2023-12" / "wide.csv").write_text("", encoding="utf-8")
    assert withdraw.withdraw_release("latest", out, "wrong", DAY).latest == "2023-11"


def test_a_withdrawal_happens_once_and_needs_a_reason(out: Path) -> None:
    withdraw.withdraw_release("2023-11", out, "wrong", DAY)
    with pytest.raises(WithdrawnError):
        withdraw.withdraw_release("2023-11", out, "again", DAY)
    with pytest.raises(UsageError, match="needs a reason"):
        withdraw.withdraw_release("2023-12", out, " \n", DAY)
    with pytest.raises(UsageError, match="not in this folder"):
        withdraw.withdraw_release(str(out / "2023-12"), out / "2023-11", "wrong", DAY)


def test_a_note_that_cannot_be_read_withdraws_as_well(out: Path) -> None:
    note_of(out / "2023-11").write_text("{", encoding="utf-8")
    with pytest.raises(WithdrawnError, match="gives no reason that can be read"):
        refuse_withdrawn(out / "2023-11")


def test_withdrawn_numbers_are_not_released_again(out: Path) -> None:
    withdraw.withdraw_release("2023-11", out, "wrong boundaries", DAY)
    green = {"level": "green", "banner": "", "settings": {"panel": "mine.csv", "draws": 200}}
    with pytest.raises(WithdrawnError, match="wrong boundaries"):
        publish_release(make_result(7, origin="2023-11", **green), "<p>", out)
    assert publish_release(make_result(9, origin="2023-11", **green), "<p>", out).path.name == "2023-11_r2"


def test_pruning_keeps_what_the_policy_says(out: Path) -> None:
    latest.point_latest(out, "2023-12_r2")
    plan = withdraw.prune_releases(out, 1, dry_run=True)
    assert [r.name for r in plan.removed] == ["2023-11", "2023-12"]
    assert "2023-11" in names(out)
    withdraw.withdraw_release("2023-12", out, "wrong", DAY)
    done = withdraw.prune_releases(out, 1)
    assert [r.name for r in done.removed] == ["2023-11"]
    assert done.kept["2023-12"] == "it was withdrawn, and its bytes stay"
    assert names(out) == ["2023-12", "2023-12.withdrawn.json", "2023-12_r2", "latest"]


def test_pruning_keeps_latest_and_the_damaged(out: Path) -> None:
    latest.point_latest(out, "2023-11")
    (out / "2023-12" / "manifest.json").unlink()
    assert withdraw.prune_releases(out, 1).removed == ()


def test_months_count_by_their_newest_release(out: Path) -> None:
    assert [r.name for r in withdraw.prune_releases(out, 2, dry_run=True).removed] == ["2023-12"]


def test_nothing_is_withdrawn_or_pruned_beside_a_publishing_job(out: Path) -> None:
    with FileLock(out / ".publishing.lock"):
        with pytest.raises(LockError, match="another publishing job"):
            withdraw.withdraw_release("2023-11", out, "wrong", DAY)
        with pytest.raises(LockError, match="another publishing job"):
            withdraw.prune_releases(out, 1)


def test_a_difference_names_causes_and_movers(out: Path) -> None:
    found = diff_releases(out / "2023-12", out / "2023-12_r2")
    assert [r.kind for r in found.reasons] == ["data_revision", "settings"]
    assert "seed 7 -> 8" in found.reasons[1].message
    events = found.movers[found.movers["target"] == "events"]
    assert events["change"].abs().is_monotonic_decreasing
    assert len(found.to_dict(3)["movers"]) == 6
    assert found.months[0] == "2024-01"


def test_a_difference_over_months_names_the_new_one(out: Path) -> None:
    found = diff_releases(out / "2023-11", out / "2023-12")
    assert found.reasons[0].kind == "new_month"
    assert "The data now reach 2023-12 instead of 2023-11. New events: " in found.reasons[0].message
    assert found.months == ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05")


def test_a_release_does_not_differ_from_itself(out: Path) -> None:
    found = diff_releases(out / "2023-12", out / "2023-12")
    assert found.reasons == ()
    assert (found.movers["change"] == 0).all()


def test_a_damaged_release_is_not_compared(out: Path) -> None:
    (out / "2023-12" / "wide.csv").write_text("", encoding="utf-8")
    with pytest.raises(ReleaseError, match="does not verify"):
        diff_releases(out / "2023-11", out / "2023-12")
