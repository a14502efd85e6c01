"""Countries: their names, and their shapes on a map.

Names are those of ISO 3166-1 (package `iso3166`), the longest of them shortened.
"""

from functools import cache
from typing import Final

import iso3166
import msgspec

from prisme import assets

UNKNOWN: Final = "XX"
_SHORT: Final = {
    "BO": "Bolivia", "BQ": "Caribbean Netherlands", "CD": "DR Congo", "CG": "Congo", "CI": "Ivory Coast",
    "CZ": "Czechia",
    "FK": "Falkland Islands", "FM": "Micronesia", "GB": "United Kingdom", "HK": "Hong Kong", "IR": "Iran",
    "KP": "North Korea", "KR": "South Korea", "LA": "Laos", "MD": "Moldova", "MF": "Saint Martin", "MO": "Macao",
    "NL": "Netherlands", "PS": "Palestine", "RU": "Russia", "SX": "Sint Maarten", "SY": "Syria", "TR": "Türkiye",
    "TW": "Taiwan", "TZ": "Tanzania", "US": "United States", "VA": "Vatican City", "VE": "Venezuela", "VN": "Vietnam",
    "VG": "British Virgin Islands", "VI": "US Virgin Islands", "XK": "Kosovo", UNKNOWN: "Unknown",
}  # fmt: skip


class Shape(msgspec.Struct, frozen=True):
    """One country on the map: an SVG path. `code` is empty where ISO 3166-1 has none."""

    code: str
    path: str


class World(msgspec.Struct, frozen=True):
    """The map: a box in SVG's units, and what is in it."""

    width: int
    height: int
    shapes: list[Shape]


class _Stored(msgspec.Struct):
    width: int
    height: int
    countries: list[tuple[str, str]]


def name(code: str) -> str:
    """A country's name; the code itself where it is none."""
    known = iso3166.countries_by_alpha2.get(code)
    return _SHORT.get(code) or (known.apolitical_name if known else code)


@cache
def world() -> World:
    """The map that is shipped."""
    stored = msgspec.json.decode(assets.WORLD.read_bytes(), type=_Stored)
    by_number = iso3166.countries_by_numeric
    shapes = [Shape(by_number[number].alpha2 if number in by_number else "", path) for number, path in stored.countries]
    return World(stored.width, stored.height, shapes)
