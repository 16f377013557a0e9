"""How much of the final figures stands in the first release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import SchemaError, SourceError
from harmattan.data.snapshot import (
    load_delay,
    make_delay,
    reporting_delay,
    share_of,
)


def test_share_of_first_release_ignores_late_and_unfinished_months() -> None:
    rows = [
        ("Mali", "2024-01", 60, "2024-02-20", 100.0),
        ("Mali", "2024-02", 40, "2024-03-20", 100.0),
        ("Mali", "2023-05", 1, "2024-01-20", 900.0),
        ("Mali", "2025-05", 70, "2025-06-20", np.nan),
        ("Togo", "2024-01", 0, "2024-02-20", 0.0),
    ]
    table = pd.DataFrame(rows, columns=["country", "month", "first_value", "first_vintage", "final_25_1"])
    found = reporting_delay(table, np.random.default_rng(1)).set_index("country")
    assert found.loc["Mali", ["months", "share", "low", "high"]].tolist() == [2, 0.5, 0.4, 0.6]
    assert np.isnan(found.loc["Togo", "share"])
    assert found.loc["all", "share"] == 0.5


def test_real_reporting_delay(real_data: Path) -> None:
    table = pd.read_csv(real_data / "vintages" / "country_month_first_vs_final.csv")
    found = reporting_delay(table, np.random.default_rng(1)).set_index("country")
    assert found.loc["Mali", "months"] == 14
    assert 0.6 < found.loc["Mali", "low"] < found.loc["Mali", "share"] < found.loc["Mali", "high"] < 1.0


def test_shipped_table_is_that_of_the_real_data(real_data: Path, root: Path, tmp_path: Path) -> None:
    make_delay(real_data / "vintages" / "country_month_first_vs_final.csv", tmp_path)
    shipped = root / "data" / "snapshot" / "reporting_delay.csv"
    assert (tmp_path / "reporting_delay.csv").read_bytes() == shipped.read_bytes()


def test_countries_with_few_deaths_take_the_share_of_all() -> None:
    delay = load_delay()
    of_all = delay.set_index("country")["share"]["all"]
    assert share_of(delay, "GNB") == of_all
    assert share_of(delay, "XXX") == of_all
    assert share_of(delay, "MLI") != of_all


def test_missing_file_and_missing_column(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there"):
        load_delay(tmp_path)
    path = tmp_path / "v.csv"
    path.write_text("country,month,first_value,first_vintage\nMali,2024-01,3,2024-02-20\n")
    with pytest.raises(SchemaError, match="'final_25_1' is missing"):
        make_delay(path, tmp_path)
