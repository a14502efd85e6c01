"""The campaign in a page's query: the five UTM parameters, or `ref` or `source`.

A further parameter, such as `utm_id`, also takes a field of `Utm` (`base/events.py`), which the journal writes as it
is; a column of `sessions` by a migration (`store/migrations/events`), filled by `store/load.sql` and read back by
`store/open_sessions.sql`; a list in `TOPS` (`stats/columns.py`) and a filter (`stats/filters.py`).
"""

import re
from urllib.parse import parse_qsl

from prisme.base.events import NO_UTM, Utm

_HAS_CAMPAIGN = re.compile(r"utm_|ref=|source=", re.IGNORECASE)


def parse_utm(query: str) -> Utm:
    """The UTM parameters of a raw query (latin-1); `NO_UTM` itself where there is none.

    Names are read in any case, values without the blanks around them. Where a parameter is repeated, the first value
    that is not empty counts. `&amp;` separates as `&` does, as in links that a page escaped twice.
    """
    if not _HAS_CAMPAIGN.search(query):
        return NO_UTM
    parameters: dict[str, str] = {}
    # A page's URL may contain bytes that are not escaped.
    text = query.replace("&amp;", "&").encode("latin-1").decode(errors="replace")
    for name, value in parse_qsl(text, errors="replace"):
        if stripped := value.strip():
            parameters.setdefault(name.lower(), stripped)
    get = parameters.get
    utm = Utm(
        get("utm_source") or get("ref") or get("source", ""),
        get("utm_medium", ""),
        get("utm_campaign", ""),
        get("utm_term", ""),
        get("utm_content", ""),
    )
    return utm if utm != NO_UTM else NO_UTM
