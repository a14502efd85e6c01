"""The campaign that a page's query names: the five UTM parameters, or `ref`."""

from urllib.parse import parse_qsl

from prisme.base.events import NO_UTM, Utm


def read_utm(query: str) -> Utm:
    """The UTM parameters of a raw query (latin-1); the first of a repeated one counts, an empty one is absent."""
    if "utm_" not in query and "ref=" not in query:
        return NO_UTM
    found: dict[str, str] = {}
    # A page's URL may hold bytes that are not escaped.
    for key, value in parse_qsl(query.encode("latin-1").decode(errors="replace"), errors="replace"):
        found.setdefault(key, value)
    read = found.get
    utm = Utm(
        read("utm_source", "") or read("ref", ""),
        read("utm_medium", ""),
        read("utm_campaign", ""),
        read("utm_term", ""),
        read("utm_content", ""),
    )
    return utm if utm != NO_UTM else NO_UTM
