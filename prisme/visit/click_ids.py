"""Click ids: parameters with which advertising networks mark the links of paid ads.

Their names stand in `assets/sources.txt`, beside the network. Only the name is kept: the value names one click, and by
it the network may know the person.
"""

import re
from typing import Final

from prisme import assets
from prisme.base.sections import read_entries

CLICK_IDS: Final = tuple(
    word[1:] for entry in read_entries(assets.SOURCES.read_text()) for word in entry.words if word.startswith("?")
)
# At the start, or behind `&` or `&amp;`. A value of blanks is none, as in campaigns.
_CLICK_ID: Final = re.compile(rf"(?:^|[&;])({'|'.join(CLICK_IDS)})=(?!(?:\+|%20)*(?:&|$))", re.IGNORECASE)


def find_click_id(query: str) -> str:
    """The name of the first click id in a raw query, in small letters; empty without one."""
    found = _CLICK_ID.search(query)
    return found[1].lower() if found else ""
