"""Tables made for others, read back from a folder: what each check finds when a file is wrong."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_result import make_result

from harmattan.forecast.formats import read_draws
from harmattan.forecast.release import write as publish
from harmattan.forecast.release.csv_files import check_formulas, csv_shape
from harmattan.forecast.release.verify_tables import check_tables, read_back

OUTPUT = "hub/model-output/harmattan-pool/2023-12-31-harmattan-pool.parquet"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("NA", "null", "=x", 'O\'Brien, "q"', *("n" * k for k in range(1, 11)))
    result = make_result()
    panel = result.panel
    assert len(names) == len(panel.names)
    changed = replace(result, panel=replace(panel, names=names))
    return publish.write_release(changed, "<html>", tmp_path_factory.mktemp("releases"))


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / whole.name)
    return tmp_path / whole.name


def found(folder: Path) -> list[tuple[str, str, int]]:
    return [(n, c, len(rows)) for n, c, rows in read_back(folder, read_draws(folder / "draws.parquet"))]


def test_a_finished_release_has_nothing_wrong_with_it(whole: Path) -> None:
    assert found(whole) == []


def csv_change(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        change(table).to_csv(path, index=False)

    return apply


def parquet_change(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return apply


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def put(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.copy()
        table.loc[row, column] = value
        return table

    return change


Damage = tuple[str, str, Callable[[Path], object]]
WIDE: list[Damage] = [
    ("wide.csv", "wide agrees", csv_change(put("p_ge_1", 4, "0.123"))),
    ("wide.csv", "wide agrees", csv_change(put("p_escalation", 4, "0.123"))),
    ("wide.csv", "wide agrees", csv_change(lambda t: t.drop(index=3))),
    ("wide.csv", "wide agrees", csv_change(lambda t: pd.concat([t, t.tail(1)]))),
    ("wide.csv", "wide agrees", csv_change(lambda t: t[t["region_id"] != "MLI-north"])),
    ("wide.csv", "readable", csv_change(lambda t: t.drop(columns="p50"))),
]
OTHERS: list[Damage] = [
    ("countries.csv", "complete", csv_change(lambda t: t.drop(index=3))),
    ("countries.csv", "not negative", csv_change(put("value", 0, "-1"))),
    ("scores.csv", "no formula", csv_change(put("member", 2, "=HYPERLINK(1)"))),
    ("pairs.csv", "no formula", csv_change(lambda t: t.rename(columns={"declared": "@SUM(1)"}))),
    (OUTPUT, "hub tasks", parquet_change(lambda t: t.drop(index=9))),
    (OUTPUT, "hub dates", parquet_change(put("target_end_date", 5, pd.Timestamp("2024-02-01").date()))),
    (OUTPUT, "hub agrees", parquet_change(put("value", 0, 77.5))),
    (OUTPUT, "hub agrees", parquet_change(put("value", 0, float("inf")))),
    (OUTPUT, "readable", cut_off),
    ("views/cm_events.parquet", "views draws", parquet_change(lambda t: t.drop(index=9))),
    ("views/cm_events.parquet", "views agree", parquet_change(put("outcome", 7, 10_000))),
    ("views/harmattan_admin1_deaths.parquet", "views agree", parquet_change(put("outcome", 7, 10_000))),
    ("views/cm_deaths.parquet", "readable", cut_off),
    ("forecast.geojson", "readable", cut_off),
]


def one_at_a_time(damages: list[Damage]) -> list[list[Damage]]:
    """Damages in as few groups as there can be, with no file twice in a group."""
    groups: list[list[Damage]] = []
    for damage in damages:
        free = [g for g in groups if damage[0] not in [name for name, _, _ in g]]
        (free[0] if free else groups.append([]) or groups[-1]).append(damage)
    return groups


@pytest.mark.parametrize("damages", [[damage] for damage in WIDE] + one_at_a_time(OTHERS))
def test_damage_is_found_by_name(release: Path, damages: list[Damage]) -> None:
    for name, _, damage in damages:
        damage(release / name)
    reported = [(n, c) for n, c, _ in found(release)]
    assert sorted(reported) == sorted((name, check) for name, check, _ in damages)


def test_a_hub_without_readable_tasks_is_reported_with_its_output(release: Path) -> None:
    cut_off(release / "hub" / "hub-config" / "tasks.json")
    assert (OUTPUT, "readable", 1) in found(release)


def test_verifying_a_release_reports_the_same(release: Path) -> None:
    path = release / "views" / "cm_events.parquet"
    parquet_change(put("outcome", 7, 10_000))(path)
    (finding,) = check_tables(release)
    assert (finding.check, finding.file, finding.rows) == ("views agree", "views/cm_events.parquet", 1)


def typed(column: str, kind: str) -> Callable[[Path], object]:
    def apply(path: Path) -> None:
        table = pq.read_table(path)
        at = table.schema.get_field_index(column)
        pq.write_table(table.set_column(at, column, table[column].cast(kind)), path)

    return apply


def with_true(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    config["rounds"][0]["model_tasks"][0]["task_ids"]["horizon"]["required"][0] = True
    path.write_text(json.dumps(config), encoding="utf-8")


TASKS = "hub/hub-config/tasks.json"
FORECAST = "forecast.parquet"


@pytest.mark.filterwarnings("ignore:'str' is not supported as a fill value")
@pytest.mark.parametrize(
    ("name", "damage", "file", "check"),
    [
        (OUTPUT, typed("horizon", "double"), OUTPUT, "hub tasks"),
        (OUTPUT, typed("output_type_id", "double"), OUTPUT, "hub tasks"),
        (OUTPUT, typed("value", "string"), OUTPUT, "readable"),
        (TASKS, with_true, OUTPUT, "hub tasks"),
        (FORECAST, typed("horizon", "double"), "forecast.csv", "agreement"),
        (FORECAST, typed("location", "binary"), FORECAST, "complete"),
        (FORECAST, typed("value", "string"), FORECAST, "schema"),
        ("forecast.csv", csv_change(put("value", 4, " 1")), "forecast.csv", "schema"),
        ("forecast.csv", csv_change(put("value", 4, "=1+1")), "forecast.csv", "schema"),
        ("draws.parquet", parquet_change(lambda t: t.drop(index=3)), FORECAST, "schema"),
        ("draws.parquet", parquet_change(put("value", 3, -1)), FORECAST, "schema"),
    ],
)
def test_other_types_and_what_cannot_be_read_are_findings(
    release: Path, name: str, damage: Callable[[Path], object], file: str, check: str
) -> None:
    damage(release / name)
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    manifest["tables"].pop("draws.parquet")
    (release / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert (file, check) in [(finding.file, finding.check) for finding in check_tables(release)]


def test_cells_beyond_the_header_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,=x\n", encoding="utf-8")
    assert check_formulas(path).values.tolist() == [[2, "", "=x"]]


def test_cells_that_only_look_like_formulas_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n-1.5,'=1\n+3,x-y\n-inf,-x\n", encoding="utf-8")
    assert check_formulas(path).values.tolist() == [[4, "b", "-x"]]


def runs(cell: str) -> bool:
    number = re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", cell)
    return cell[:1] in tuple("=+-@\t\r") and not number


@settings(max_examples=60)
@given(st.text(alphabet=',"\n\r\t=+-@1.e a', max_size=30))
def test_formulas_are_those_that_reading_every_cell_finds(content: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(content, encoding="utf-8", newline="")
        rows = list(csv.reader(StringIO(content, newline="")))
        header = rows[0] if rows else []
        cells = [
            (n, c, v) for n, row in enumerate(rows[1:], 2) for c, v in zip_longest(header, row, fillvalue="")
        ]
        expected = [cell for cell in [*((1, name, name) for name in header), *cells] if runs(cell[2])]
        assert [tuple(row) for row in check_formulas(path).values.tolist()] == expected
        assert csv_shape(path) == (header, max(len(rows) - 1, 0))


def test_about_lists_the_files_that_are_there(whole: Path) -> None:
    about = json.loads((whole / "views" / "about.json").read_text(encoding="utf-8"))
    assert about["left_out"] == []
    assert sorted(p.name for p in (whole / "views").glob("*.parquet")) == [
        "cm_deaths.parquet",
        "cm_events.parquet",
        "harmattan_admin1_deaths.parquet",
        "harmattan_admin1_events.parquet",
    ]


def test_sums_that_are_not_forecast_are_missing_and_still_verify(tmp_path: Path) -> None:
    result = make_result()
    draws = {t: d.select(horizons=[1, 2]) for t, d in result.draws.items()}
    short = replace(
        result,
        horizons=(1, 2),
        draws=draws,
        countries={t: d.total(result.panel.countries) for t, d in draws.items()},
        contributions=result.contributions[result.contributions["horizon"] <= 2],
    )
    folder = publish.write_release(short, "<p></p>", tmp_path)
    assert list(read_back(folder, read_draws(folder / "draws.parquet"))) == []
    wide = pd.read_csv(folder / "wide.csv")
    assert wide["sum_3"].isna().all()
    assert pd.read_csv(folder / "countries.csv")["sum_6"].isna().all()
