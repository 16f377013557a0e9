"""Which armed group an event belongs to: exactly one, the first match in a table of names.

The two sides of an event are split at commas, quotes are dropped, and case and accents are ignored. A name
matches a whole side, or its beginning up to a hyphen or a space, so that ``MFDC - FN`` is ``MFDC`` but
``ISGS`` is not ``IS``.
"""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

#: Names of each group, as UCDP, ACLED and the press write them.
GROUP_NAMES: dict[str, tuple[str, ...]] = {
    "jnim": (
        "JNIM",
        "Jama'at Nusrat al-Islam wal-Muslimin",
        "Group for Support of Islam and Muslims",
        "AQIM",
        "Al Qaeda in the Islamic Maghreb",
        "Ansar Dine",
        "MUJAO",
        "Movement for Oneness and Jihad in West Africa",
        "FLM",
        "Macina Liberation Front",
        "Katiba Macina",
        "al-Murabitun",
        "Al-Mourabitoun",
        "Signed-in-Blood Battalion",
        "Ansaroul Islam",
    ),
    "islamic_state": (
        "IS",
        "ISGS",
        "ISWAP",
        "ISSP",
        "Islamic State",
        "Islamic State Sahel Province",
        "Islamic State West Africa Province",
        "Islamic State in the Greater Sahara",
    ),
    "jas": (
        "JAS",
        "Boko Haram",
        "Jama'tu Ahlis Sunna Lidda'awati wal-Jihad",
        "Jama'atu Ahlis Sunna Lidda'awati wal-Jihad",
    ),
    "azawad": (
        "MNLA",
        "CMA",
        "CSP",
        "CSP-PSD",
        "CSP-DPA",
        "FLA",
        "HCUA",
        "MAA",
        "Coordination of Movements of Azawad",
        "National Movement for the Liberation of Azawad",
        "High Council for the Unity of Azawad",
        "Arab Movement of Azawad",
        "Permanent Strategic Framework",
    ),
}
#: Every group, in the order in which it is looked for.
GROUPS = ("jnim_vs_is", "jnim", "islamic_state", "jas", "azawad", "state_only", "other")

_GOVERNMENT = re.compile(r"^(government of|military forces of|police forces of)\b")
_CIVILIANS = re.compile(r"^civilians\b")


def plain_name(text: str) -> str:
    """Lower case, no accents, no quotes, single spaces."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[\"'`]|\s+(?=\s)", "", bare).strip()


def side_names(side_a: str, side_b: str) -> list[str]:
    """Every name on both sides of an event, made plain."""
    return [plain_name(part) for side in (side_a, side_b) for part in side.split(",") if part.strip()]


_LOOKUP = {plain_name(name): group for group, names in GROUP_NAMES.items() for name in names}


def _group_of_side(side: str) -> str | None:
    """The named group of one side, or None."""
    if side in _LOOKUP:
        return _LOOKUP[side]
    before_colon = side.split(":")[0].strip()
    head = re.split(r"\s*\(|\s+-\s+", before_colon)[0].strip()
    return _LOOKUP.get(before_colon) or _LOOKUP.get(head)


def armed_group(side_a: str, side_b: str) -> str:
    """The one armed group that an event is counted under.

    Parameters
    ----------
    side_a, side_b : str
        Names of the two sides; several names of one side are separated by commas.

    Returns
    -------
    str
        One of :data:`GROUPS`.

    Examples
    --------
    >>> armed_group("JNIM", "IS")
    'jnim_vs_is'
    >>> armed_group("Government of Mali", "AQIM, JAS, MUJAO")
    'jnim'
    >>> armed_group("Government of Mali", "Civilians")
    'state_only'
    >>> armed_group("Dan na Ambassagou", "Civilians")
    'other'
    """
    sides = side_names(side_a, side_b)
    named = {group for group in map(_group_of_side, sides) if group}
    if {"jnim", "islamic_state"} <= named:
        return "jnim_vs_is"
    for group in GROUP_NAMES:
        if group in named:
            return group
    state = any(_GOVERNMENT.match(s) for s in sides)
    return "state_only" if state and any(_CIVILIANS.match(s) for s in sides) else "other"


def armed_groups(side_a: pd.Series, side_b: pd.Series) -> pd.Series:
    """:func:`armed_group` of every row; each distinct pair of names is looked up once."""
    pairs = side_a.fillna("").astype(str) + "\x1f" + side_b.fillna("").astype(str)
    codes, distinct = pd.factorize(pairs)
    found = pd.Series([armed_group(*pair.split("\x1f")) for pair in distinct], dtype="str")
    return pd.Series(found.to_numpy()[codes], index=side_a.index, dtype="str", name="actor_group")
