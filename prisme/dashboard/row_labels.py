"""The labels of a list's rows: keys of the stats as people read them."""

import re
from typing import Final

from prisme.dashboard import countries, display
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.words import mark, translate
from prisme.stats.source_names import DIRECT_REFERRER

_LINKS: Final = ("top-outbound-links", "top-file-downloads")
_PLACES: Final = ("top-regions", "top-cities")
_PLACE: Final = re.compile(r"(.+) \(([A-Z]{2})\)", re.DOTALL)
_STATUSES: Final = {
    "200": mark("OK"), "301": mark("Moved"), "302": mark("Found"), "304": mark("Not modified"),
    "400": mark("Bad request"), "401": mark("Unauthorized"), "403": mark("Forbidden"), "404": mark("Not found"),
    "410": mark("Gone"), "418": mark("Teapot"), "429": mark("Too many requests"), "500": mark("Server error"),
    "502": mark("Bad gateway"), "503": mark("Unavailable"),
}  # fmt: skip
# The types that `visit/device_type.py` knows.
_DEVICE_TYPES: Final = {
    "desktop": mark("Desktop"), "mobile": mark("Mobile"), "tablet": mark("Tablet"), "tv": mark("TV"),
    "console": mark("Console"), "other": mark("Other"),
}  # fmt: skip


def label_row(name: str, key: str) -> str:
    """The label of a key of the list `name`."""
    if name == "top-countries":
        return countries.find_name(key)
    if name in _PLACES and (place := _PLACE.fullmatch(key)):
        return f"{place[1]}, {countries.find_name(place[2])}"
    if name == "top-referrers" and key == DIRECT_REFERRER:
        return translate(mark("Direct"))
    if name == "top-device-types":
        return translate(_DEVICE_TYPES[key]) if key in _DEVICE_TYPES else key
    if name == "top-statuses":
        return f"{key} {translate(_STATUSES[key])}" if key in _STATUSES else key
    return display.decode_link(key) if name in _LINKS else display.decode_value(LIST_TYPES[name].filter, key)
