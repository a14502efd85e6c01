"""The filters of a page, as chips that each remove one term."""

from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters

TITLES: Final = {
    "domain": "Site", "path": "Page", "entry-path": "Entry page", "exit-path": "Exit page", "source": "Source",
    "channel": "Channel", "referrer": "Referrer", "os": "System", "browser": "Browser", "device": "Device",
    "device-type": "Device type", "country": "Country", "utm-source": "UTM source", "utm-medium": "UTM medium",
    "utm-campaign": "Campaign", "utm-term": "UTM term", "utm-content": "UTM content", "event": "Event",
    "status": "Status", "outbound-link": "Outbound link", "file-download": "Download",
    "goal": "Goal",
}  # fmt: skip
# Filters whose values are shown as in these lists: `Germany` for `DE`.
_LABELLED_AS: Final = {
    "country": "top-countries", "device-type": "top-device-types", "outbound-link": "top-outbound-links",
    "file-download": "top-file-downloads",
}  # fmt: skip


class Chip(msgspec.Struct, frozen=True):
    """A term of a filter, such as `Page is` and `/blog/*`, and the link to the page without it."""

    condition: str
    value: str
    link: str


def build_chips(state: UrlState) -> list[Chip]:
    """A chip for each term of each filter."""
    return [chip for name in filters.NAMES for chip in _build_filter_chips(state, name)]


def list_filters() -> list[tuple[str, str]]:
    """The filters that can be set, each with its title."""
    return [(name, TITLES[name]) for name in filters.NAMES]


def _build_filter_chips(state: UrlState, name: str) -> list[Chip]:
    terms = filter_terms.split(state.get(name))
    return [
        _build_chip(state, name, term, filter_terms.join(terms[:number] + terms[number + 1 :]))
        for number, term in enumerate(terms)
    ]


def _build_chip(state: UrlState, name: str, term: str, others: str) -> Chip:
    verb, value = filter_terms.describe(term)
    if name in _LABELLED_AS:
        value = label_row(_LABELLED_AS[name], value)
    return Chip(f"{TITLES[name]} {verb}", value, state.link({name: others}))
