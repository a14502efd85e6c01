"""The names of countries: those of ISO 3166-1 (package `iso3166`), the longest ones shortened."""

from typing import Final

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


def find_name(code: str) -> str:
    """The name of a two-letter code; the code itself if there is no such country."""
    import iso3166

    country = iso3166.countries_by_alpha2.get(code)
    return _SHORT.get(code) or (country.apolitical_name if country else code)
