"""Verification: whatever is done to a finished release is found, and named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from make_result import make_result

from harmattan.data.errors import ReleaseError
from harmattan.forecast.release.catalogue import WithdrawalNote, note_of
from harmattan.forecast.release.files import SUMS, files_of, write_sums
from harmattan.forecast.release.verify import Verification, verify_release
from harmattan.forecast.release.write import write_release

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(make_result(), "<!doctype html>", tmp_path_factory.mktemp("releases"))


@pytest.fixture
def release(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def found(release: Path) -> set[tuple[str, str]]:
    return {(finding.check, finding.file) for finding in verify_release(release).findings}


def test_a_finished_release_is_whole(finished: Path) -> None:
    checked = verify_release(finished)
    assert checked.whole
    assert checked.files == len(files_of(finished)) + 1
    assert checked.size == sum(p.stat().st_size for p in finished.rglob("*") if p.is_file())
    assert checked.require() is checked


def flips(finished: Path) -> Iterator[tuple[Path, int, int]]:
    """A few bits of every file: the first, the last, and two somewhere; many of the checksums themselves."""
    rng = np.random.default_rng(5)
    for path in [*files_of(finished).values(), finished / SUMS]:
        size = path.stat().st_size
        more = 150 if path.name == SUMS else 2
        for at in {0, size - 1, *rng.integers(size, size=more).tolist()}:
            yield path.relative_to(finished), int(at), int(rng.integers(8))


def test_any_flipped_bit_is_found(finished: Path, release: Path) -> None:
    missed = []
    for name, at, bit in flips(finished):
        path = release / name
        kept = path.read_bytes()
        changed = bytearray(kept)
        changed[at] ^= 1 << bit
        path.write_bytes(changed)
        if verify_release(release, tables=False).whole:
            missed.append((name, at, bit))
        path.write_bytes(kept)
    assert missed == []
    assert verify_release(release).whole


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def add(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")

    return change


def write(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8") and None


def link(folder: Path) -> None:
    kept = (folder / "wide.csv").rename(folder.parent / "elsewhere.csv")
    (folder / "wide.csv").symlink_to(kept)


def link_a_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent)


def shuffle_sums(folder: Path) -> None:
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / SUMS).write_text("".join(reversed(lines)), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove("wide.csv"), {("missing file", "wide.csv")}),
        (remove(SUMS), {("checksums", SUMS)}),
        (add("notes.txt"), {("extra file", "notes.txt")}),
        (add(".hidden"), {("extra file", ".hidden")}),
        (add("sub/deep.csv"), {("extra file", "sub/deep.csv")}),
        (lambda folder: (folder / "empty").mkdir(), {("extra file", "empty")}),
        (write("scores.csv", ""), {("checksum", "scores.csv")}),
        (write(SUMS, ""), {("checksums", SUMS)}),
        (shuffle_sums, {("checksums", SUMS)}),
        (link, {("extra file", "wide.csv"), ("missing file", "wide.csv")}),
        (link_a_folder, {("extra file", "more")}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_other_files_than_were_released(release: Path, change: Change, expected: set[Any]) -> None:
    change(release)
    assert found(release) >= expected
    with pytest.raises(ReleaseError, match="does not verify"):
        verify_release(release).require()


def test_a_promise_of_a_file_elsewhere_reads_nothing(release: Path) -> None:
    with (release / SUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  ../../etc/passwd\n")
    assert ("missing file", "../../etc/passwd") in found(release)


def rewrite(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file, and the checksums with it, as somebody would who wants to hide it."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    change(content)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    write_sums(folder)


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("manifest.json", "origin", "2023-11", "its origin"),
        ("manifest.json", "level", "green", "its level is not that of manifest.json"),
        ("status.json", "banner", "", "its banner is not that of manifest.json"),
        ("manifest.json", "level", "perfect", "the level 'perfect' is unknown"),
        ("manifest.json", "draws", 999, "draws of events: it says 999, the draws have 200"),
        ("manifest.json", "horizons", [1, 2], "horizons of events"),
        ("manifest.json", "targets", ["events"], "targets"),
    ],
)
def test_a_manifest_that_does_not_match(release: Path, name: str, key: str, value: Any, says: str) -> None:
    rewrite(release, name, lambda content: content.update({key: value}))
    assert any(says in finding.message for finding in verify_release(release).findings)


def test_a_table_of_another_shape_than_promised(release: Path) -> None:
    path = release / "wide.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    write_sums(release)
    assert found(release) == {("schema", "wide.csv")}
    path.write_text("".join([lines[0].replace("p50", "median"), *lines[1:]]), encoding="utf-8")
    write_sums(release)
    assert found(release) == {("schema", "wide.csv")}


def change_values(folder: Path, change: Callable[[pd.DataFrame], None]) -> set[tuple[str, str]]:
    """Change the forecast in both of its files, checksums and all; what is found then."""
    table = pd.read_parquet(folder / "forecast.parquet")
    change(table)
    table.to_parquet(folder / "forecast.parquet", index=False)
    table.to_csv(folder / "forecast.csv", index=False, na_rep="NA", lineterminator="\n")
    write_sums(folder)
    return found(folder)


def row_of(table: pd.DataFrame, output_type: str, output_type_id: str) -> int:
    at = (table["output_type"] == output_type) & (table["output_type_id"] == output_type_id)
    return int(np.flatnonzero(at)[0])


def test_numbers_that_were_changed_with_their_checksums(release: Path) -> None:
    def lift(table: pd.DataFrame) -> None:
        # A top quantile that is no published threshold can rise by one and contradict nothing but the draws.
        top = table[(table["output_type_id"] == "0.99") & ~table["value"].isin([0, 4, 9, 24, 99])]
        table.loc[top.index[0], "value"] += 1

    assert ("as drawn", "forecast.parquet") in change_values(release, lift)


def test_a_probability_above_one(release: Path) -> None:
    def lift(table: pd.DataFrame) -> None:
        table.loc[row_of(table, "cdf", "99"), "value"] = 1.5

    assert ("not negative", "forecast.parquet") in change_values(release, lift)


def test_a_missing_number(release: Path) -> None:
    def drop(table: pd.DataFrame) -> None:
        table.loc[row_of(table, "quantile", "0.5"), "value"] = np.nan

    assert ("no missing", "forecast.parquet") in change_values(release, drop)


def test_csv_and_parquet_that_differ(release: Path) -> None:
    table = pd.read_parquet(release / "forecast.parquet")
    table.loc[row_of(table, "quantile", "0.5"), "value"] += 1
    table.to_csv(release / "forecast.csv", index=False, na_rep="NA", lineterminator="\n")
    write_sums(release)
    assert ("agreement", "forecast.csv") in found(release)


def test_draws_that_are_no_table(release: Path) -> None:
    (release / "draws.parquet").write_bytes(b"PAR1")
    write_sums(release)
    assert ("schema", "draws.parquet") in found(release)


def test_a_withdrawn_release_is_whole_and_refused(release: Path) -> None:
    note_of(release).write_text(
        WithdrawalNote("2023-12", "wrong data", "2024-02-01").text(), encoding="utf-8"
    )
    checked: Verification = verify_release(release)
    assert checked.whole
    assert checked.to_dict()["withdrawn"] == "wrong data"
    with pytest.raises(ReleaseError, match="was withdrawn on 2024-02-01: wrong data") as caught:
        checked.require()
    assert caught.value.exit_code == 9


def test_no_release_there(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no such release"):
        verify_release(tmp_path / "2023-12")


def test_a_release_given_by_a_link_is_that_of_its_own_name(release: Path) -> None:
    pointer = release.parent / "latest"
    os.symlink(release.name, pointer)
    assert verify_release(pointer).whole
