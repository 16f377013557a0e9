"""One armed group per event, the first match in the table."""

from __future__ import annotations

import pandas as pd
import pytest

from harmattan.data.sources import GROUPS, armed_groups
from harmattan.data.sources.actors import armed_group


@pytest.mark.parametrize(
    ("side_a", "side_b", "group"),
    [
        ("JNIM", "IS", "jnim_vs_is"),
        ("IS", "Ansaroul Islam", "jnim_vs_is"),
        ("Government of Mali", "MUJAO, Signed-in-Blood Battalion", "jnim"),
        ("AQIM, JAS, MUJAO", "Civilians", "jnim"),
        ("al-Murabitun", "Civilians", "jnim"),
        ("FLM", "Civilians", "jnim"),
        ("Government of Niger", "IS", "islamic_state"),
        ("Islamic State (West Africa)", "Civilians", "islamic_state"),
        ("JAS", "Civilians", "jas"),
        ("Government of Mali", "CSP-PSD", "azawad"),
        ("CM-FPR, GATIA, MAA", "CMA", "azawad"),
        ("Government of Mali", "Civilians", "state_only"),
        ("Government of Mali", "MFDC", "other"),
        ("Dan na Ambassagou", "Civilians", "other"),
        ("ISIM", "Civilians", "other"),
        ('""GATIA, MSA""', "IS", "islamic_state"),
    ],
)
def test_group_of_two_sides(side_a: str, side_b: str, group: str) -> None:
    assert armed_group(side_a, side_b) == group


def test_sides_can_be_swapped() -> None:
    sides = ["JNIM", "IS", "Government of Mali", "Civilians", "CMA", "JAS"]
    assert all(armed_group(a, b) == armed_group(b, a) for a in sides for b in sides)


def test_every_row_gets_one_known_group() -> None:
    a = pd.Series(["JNIM", None, "IS"], index=[5, 6, 9])
    found = armed_groups(a, pd.Series(["IS", "Civilians", "Civilians"], index=a.index))
    assert found.to_dict() == {5: "jnim_vs_is", 6: "other", 9: "islamic_state"}
    assert set(found) <= set(GROUPS)
