"""Countries of the world: codes, numbers and names, from the table ``countries.csv`` beside this file.

ISO 3166-1 codes of two and three letters and numbers; names in English and other names that sources use; the numbers of
Gleditsch and Ward, which UCDP uses (1999, doi:10.1080/03050629908434958); VIEWS' ``country_id`` (country table of the
VIEWS prediction challenge 2023/24 and the package views-reporting 0.3.4, which agree; where both know several numbers
for one country over time, it is the one that owns the country's grid cells now). Time zones are in ``timezones.csv``
(from zone.tab of the tz database, public domain). Capitals are Natural Earth's populated places (1:110m, version 2.0,
public domain); there is none where it is disputed which town is one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib.resources import files

from ..errors import searchable

_ROWS = list(csv.DictReader((files(__package__) / "countries.csv").read_text(encoding="utf-8").splitlines()))

#: The name that is shown, by code of three letters.
COUNTRY_NAMES: dict[str, str] = {row["iso3"]: row["name"] for row in _ROWS}
#: Codes of two letters, ISO's numbers, and numbers of Gleditsch and Ward, each to codes of three letters.
ISO2_TO_ISO3: dict[str, str] = {row["iso2"]: row["iso3"] for row in _ROWS}
ISO_NUMBER: dict[int, str] = {int(row["iso_number"]): row["iso3"] for row in _ROWS}
GW_TO_ISO3: dict[int, str] = {
    int(number): row["iso3"] for row in _ROWS for number in row["gleditsch_ward"].split("|") if number
}
#: VIEWS' number of a country of today, by code of three letters.
COUNTRY_ID: dict[str, int] = {row["iso3"]: int(row["views_id"]) for row in _ROWS if row["views_id"]}

#: Longitude and latitude of the seat of government, degrees, where it is given.
CAPITALS: dict[str, tuple[float, float]] = {
    row["iso3"]: (float(row["capital_longitude"]), float(row["capital_latitude"]))
    for row in _ROWS
    if row["capital_longitude"]
}

#: Names of these towns, and names of countries in French, where they are given.
CAPITAL_NAMES: dict[str, str] = {row["iso3"]: row["capital"] for row in _ROWS if row["capital"]}
FRENCH_NAMES: dict[str, str] = {row["iso3"]: row["name_fr"] for row in _ROWS if row["name_fr"]}

#: Countries that were a part of another on the days before: code of the newer one to the older one's and the day.
SPLITS: dict[str, tuple[str, str]] = {
    **{"SSD": ("SDN", "2011-07-09"), "ERI": ("ETH", "1993-05-24"), "TLS": ("IDN", "2002-05-20")},
    **{"NAM": ("ZAF", "1990-03-21"), "SVK": ("CZE", "1993-01-01"), "MNE": ("SRB", "2006-06-03")},
    **{"XKX": ("SRB", "2008-02-17"), "BIH": ("SRB", "1992-03-03"), "MKD": ("SRB", "1991-09-08")},
    **dict.fromkeys(("HRV", "SVN"), ("SRB", "1991-06-25")),
    **dict.fromkeys(("ARM", "AZE", "BLR", "EST", "GEO", "KAZ", "KGZ"), ("RUS", "1991-12-26")),
    **dict.fromkeys(("LTU", "LVA", "MDA", "TJK", "TKM", "UKR", "UZB"), ("RUS", "1991-12-26")),
}


def timezone_of(country: str) -> str:
    """A time zone of a country, that of its capital where there are several; empty where it is not known.

    >>> timezone_of("KEN"), timezone_of("RUS"), timezone_of("XXA")
    ('Africa/Nairobi', 'Europe/Moscow', '')
    """
    text = (files(__package__) / "timezones.csv").read_text(encoding="utf-8")
    return {row["iso3"]: row["timezone"] for row in csv.DictReader(text.splitlines())}.get(country, "")


#: Codes that Natural Earth has for countries beside those of ISO 3166-1.
_NATURAL_EARTH = {"CYN": "CYP", "KOS": "XKX", "PSX": "PSE", "SAH": "ESH", "SDS": "SSD", "SOL": "SOM"}
_BY_NAME = {
    searchable(name): row["iso3"]
    for row in _ROWS
    for name in (row["name"], *row["other_names"].split("|"))
    if name
}


def country_code(text: str) -> str:
    """The code of three letters for a name, or a code of two or three; empty where it is not known.

    >>> country_code("Colombia"), country_code("co"), country_code("Viet Nam"), country_code("Atlantis")
    ('COL', 'COL', 'VNM', '')
    """
    short = text.strip().upper()
    if short in COUNTRY_NAMES:
        return short
    return _BY_NAME.get(searchable(text)) or ISO2_TO_ISO3.get(short) or _NATURAL_EARTH.get(short, "")


def iso3(value: object) -> str:
    """ISO3 of a Gleditsch-Ward number, a name or an ISO code; empty where it is not known.

    >>> iso3(432), iso3("Burkina Faso"), iso3("ner"), iso3("Atlantis")
    ('MLI', 'BFA', 'NER', '')
    """
    text = str(value).strip()
    return GW_TO_ISO3.get(int(text), "") if text.isdigit() else country_code(text)


def by_name(codes: Iterable[str]) -> list[str]:
    """Codes of countries, each once, in the order of the countries' names.

    >>> by_name(["CIV", "BEN", "DZA", "CIV"])
    ['DZA', 'BEN', 'CIV']
    """
    return sorted(set(codes), key=lambda code: (searchable(country_name(code)), code))


def country_name(code: str, language: str = "en") -> str:
    """The name of a country; the code itself where it is none of ISO 3166-1.

    Parameters
    ----------
    language : str
        ``en``, or ``fr`` where there is a French name (Africa); in English else.

    >>> country_name("CIV"), country_name("COL"), country_name("XXA"), country_name("CIV", "fr")
    ('Ivory Coast', 'Colombia', 'XXA', 'Côte d’Ivoire')
    """
    french = FRENCH_NAMES.get(code, "") if language == "fr" else ""
    return french or COUNTRY_NAMES.get(code, code)
