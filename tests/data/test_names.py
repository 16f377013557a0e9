"""Names are found in any spelling, and long lists of them are cut."""

from __future__ import annotations

import pytest

from harmattan.data.errors import nearest
from harmattan.data.geography import by_name, country_name, iso3, region_slug

IDS = [f"XXA-place-{i}" for i in range(300)] + [
    "COD-kasai-occidental",
    "COD-kasai-oriental",
    "MLI-mopti",
    "TUR-bartin",
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kasai", "'COD-kasai-occidental' or 'COD-kasai-oriental'"),
        ("Kasaï Oriental", "'COD-kasai-oriental'"),
        ("Bartın", "'TUR-bartin'"),
        ("Мопти", "'MLI-mopti'"),
        ("mli mopty", "'MLI-mopti'"),
    ],
)
def test_a_name_is_found_in_any_spelling(name: str, meant: str) -> None:
    assert nearest(name, IDS) == f"Did you mean {meant}?"


def test_of_many_names_the_nearest_ten_are_listed() -> None:
    remedy = nearest("zzzzzzzz", IDS)
    assert remedy.startswith("Nearest: ")
    assert remedy.endswith(" and 294 more.")
    assert remedy.count(",") == 9


def test_a_dotless_i_and_a_stroke_are_letters() -> None:
    assert region_slug("TUR", "Iğdır") == "TUR-igdir"
    assert region_slug("POL", "Łódzkie") == "POL-lodzkie"
    assert iso3("Türkiye") == iso3("turkiye") == "TUR"


def test_countries_follow_their_names() -> None:
    codes = ["SSD", "CIV", "CAF", "SDN", "DZA", "COD"]
    names = [country_name(code) for code in by_name(codes)]
    assert names == sorted(names)
    assert by_name(codes)[0] == "DZA"
