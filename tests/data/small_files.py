"""Small files made by hand: two countries of two square regions each, and events in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Write = Callable[..., Path]

EVENT: dict[str, Any] = {
    "id": 1,
    "code_status": "Clear",
    "type_of_violence": 1,
    "side_a": "Government of Mali",
    "side_b": "JNIM",
    "where_prec": 1,
    "latitude": 14.5,
    "longitude": -3.5,
    "country": "Mali",
    "country_id": 432,
    "date_prec": 1,
    "date_start": "2020-03-05",
    "date_end": "2020-03-05",
    "deaths_civilians": 0,
    "best": 3,
    "high": 5,
    "low": 2,
}
BURKINA = {
    "country": "Burkina Faso",
    "country_id": 439,
    "latitude": 13.5,
    "side_a": "Government of Burkina Faso",
}


def square(west: float, south: float, size: float = 1.0) -> list[list[list[float]]]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def feature(iso3: str, country: str, name: str, west: float, south: float) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"iso3": iso3, "country": country, "adm1_name": name},
        "geometry": {"type": "Polygon", "coordinates": square(west, south)},
    }


SQUARES = [
    feature("MLI", "Mali", "Mopti", -4, 14),
    feature("MLI", "Mali", "Gao", -3, 14),
    feature("BFA", "Burkina Faso", "Nord", -4, 13),
    feature("BFA", "Burkina Faso", "Sahel", -3, 13),
]
