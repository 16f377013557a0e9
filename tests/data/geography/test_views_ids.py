"""VIEWS' numbers of months and countries."""

from __future__ import annotations

import pytest

from harmattan.data.errors import RegionError
from harmattan.data.geography import COUNTRY_ID, GW_TO_ISO3, country_ids, month_id
from harmattan.data.geography.views_ids import month_of

#: Numbers of VIEWS' country table with the Gleditsch-Ward number in the same row.
ROWS = {
    47: 439,
    50: 432,
    78: 436,
    74: 434,
    81: 461,
    41: 437,
    52: 433,
    49: 404,
    48: 438,
    42: 452,
    79: 475,
    67: 615,
}
#: Countries that VIEWS numbers more than once, with the number of today.
CHANGED = {
    "SDN": 245,
    "ETH": 57,
    "TZA": 242,
    "YEM": 124,
    "SRB": 233,
    "IDN": 209,
    "ZAF": 163,
    "SAU": 131,
    "DEU": 184,
}


def test_months_count_from_january_1980() -> None:
    assert [month_id(m) for m in ("1980-01", "1980-12", "1990-01", "2018-01", "2024-01")] == [
        1,
        12,
        121,
        457,
        529,
    ]
    assert str(month_of(457)) == "2018-01"
    assert all(month_id(month_of(n)) == n for n in range(1, 700))


def test_ids_agree_with_the_gleditsch_ward_numbers_of_the_same_table() -> None:
    assert {number: GW_TO_ISO3[gw] for number, gw in ROWS.items()} == {
        number: code for code, number in COUNTRY_ID.items() if number in ROWS
    }


def test_each_country_has_one_number_and_each_number_one_country() -> None:
    assert len(set(COUNTRY_ID.values())) == len(COUNTRY_ID) == 191
    assert set(COUNTRY_ID) <= set(GW_TO_ISO3.values())
    assert {c: COUNTRY_ID[c] for c in CHANGED} == CHANGED


@pytest.mark.parametrize("code", ["ZZZ", "PSE", "Mali", "SUN"])
def test_a_code_without_a_number_is_named(code: str) -> None:
    with pytest.raises(RegionError, match=f"no country_id for '{code}'") as caught:
        country_ids(["MLI", code])
    assert "ISO3" in caught.value.remedy
