"""The labels of a list's rows: keys of the stats as people read them."""

from typing import Final

from prisme.dashboard import countries, display
from prisme.dashboard.list_types import LIST_TYPES
from prisme.stats.source_names import DIRECT, DIRECT_REFERRER

_LINKS: Final = ("top-outbound-links", "top-file-downloads")
_STATUSES: Final = {
    "200": "OK", "301": "Moved", "302": "Found", "304": "Not modified", "400": "Bad request", "401": "Unauthorized",
    "403": "Forbidden", "404": "Not found", "410": "Gone", "418": "Teapot", "429": "Too many requests",
    "500": "Server error", "502": "Bad gateway", "503": "Unavailable",
}  # fmt: skip


def label_row(name: str, key: str) -> str:
    """The label of a key of the list `name`."""
    if name == "top-countries":
        return countries.find_name(key)
    if name == "top-referrers" and key == DIRECT_REFERRER:
        return DIRECT
    if name == "top-device-types":
        return "TV" if key == "tv" else key.capitalize()
    if name == "top-statuses":
        return f"{key} {_STATUSES[key]}" if key in _STATUSES else key
    return display.decode_link(key) if name in _LINKS else display.decode_value(LIST_TYPES[name].filter, key)
