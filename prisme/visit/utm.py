"""The campaign that a page's query names: the five UTM parameters, or `ref` or `source`."""

import re
from urllib.parse import parse_qsl

from prisme.base.events import NO_UTM, Utm

_NAMED = re.compile(r"utm_|ref=|source=", re.IGNORECASE)


def read_utm(query: str) -> Utm:
    """The UTM parameters of a raw query (latin-1), their names in any case, their values without blanks around.

    The first of a repeated one that is not empty counts. `&amp;` separates as `&` does: so links look that a page
    escaped twice.
    """
    if not _NAMED.search(query):
        return NO_UTM
    found: dict[str, str] = {}
    # A page's URL may hold bytes that are not escaped.
    text = query.replace("&amp;", "&").encode("latin-1").decode(errors="replace")
    for key, value in parse_qsl(text, errors="replace"):
        if stripped := value.strip():
            found.setdefault(key.lower(), stripped)
    read = found.get
    utm = Utm(
        read("utm_source") or read("ref") or read("source", ""),
        read("utm_medium", ""),
        read("utm_campaign", ""),
        read("utm_term", ""),
        read("utm_content", ""),
    )
    return utm if utm != NO_UTM else NO_UTM
