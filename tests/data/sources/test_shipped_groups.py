"""Tables of armed groups are data: the shipped one, and one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harmattan.data.errors import ConfigError
from harmattan.data.sources import GROUPS, GroupTable


def test_the_shipped_table_is_a_file() -> None:
    table = GroupTable.shipped()
    assert table.groups == GROUPS
    assert table.labels["azawad"] == "Azawad movements"
    assert table.group_of("AQIM", "IS") == "jnim_vs_is"


def test_own_groups(tmp_path: Path) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(
        '[al_shabaab]\nlabel = "al-Shabaab"\nnames = ["Al-Shabaab"]\n[lra]\nnames = ["LRA"]\n[adf]\nnames = ["ADF"]\n'
    )
    table = GroupTable.read(path)
    assert table.group_of("Government of Kenya", "Al-Shabaab") == "al_shabaab"
    assert table.group_of("LRA", "ADF") == "lra_vs_adf"
    assert table.watched(["lra_vs_adf", "lra", "other"])["lra"] == ("lra_vs_adf", "lra")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no group"),
        ("[adf]\nnames = []", "has no names"),
        ('[ADF]\nnames = ["ADF"]', "is not a name of a group"),
        ('[other]\nnames = ["x"]', "is not a name of a group"),
        ('[a]\nnames = ["A"]\n[a_vs_b]\nbetween = ["a", "b"]', "groups that are not there"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        GroupTable.read(path)
