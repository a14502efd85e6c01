"""The filters of a page, as chips that each remove one term. The names of filters are here as well."""

from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats import filters

TITLES: Final = {
    "domain": mark("Site"), "path": mark("Page"), "entry-path": mark("Entry page"), "exit-path": mark("Exit page"),
    "source": mark("Source"), "channel": mark("Channel"), "referrer": mark("Referrer"), "os": mark("System"),
    "browser": mark("Browser"), "device": mark("Device"), "device-type": mark("Device type"),
    "country": mark("Country"), "region": mark("Region"), "city": mark("City"),
    "utm-source": mark("UTM source"), "utm-medium": mark("UTM medium"),
    "utm-campaign": mark("Campaign"), "utm-term": mark("UTM term"), "utm-content": mark("UTM content"),
    "event": mark("Event"), "status": mark("Status"), "outbound-link": mark("Outbound link"),
    "file-download": mark("Download"), "imported": mark("Imported"), "goal": mark("Goal"),
}  # fmt: skip
# Filters whose values are shown as in these lists: `Germany` for `DE`.
_LABELLED_AS: Final = {
    "country": "top-countries", "region": "top-regions", "city": "top-cities",
    "device-type": "top-device-types", "referrer": "top-referrers",
    "status": "top-statuses", "outbound-link": "top-outbound-links", "file-download": "top-file-downloads",
}  # fmt: skip
# Not a chip if there is one alone, as the menu of sites shows it.
_SITE: Final = "domain"


class Chip(msgspec.Struct, frozen=True):
    """A term of a filter, such as `Page is` and `/blog/*`, and the link to the page without it."""

    condition: str
    value: str
    link: str


def name_field(name: str) -> str:
    """The title of a filter."""
    if name.startswith(filters.PROPERTY):
        return translate("Property {name}", name=name.removeprefix(filters.PROPERTY))
    return translate(TITLES[name])


def build_chips(state: UrlState, *, with_site: bool = False) -> list[Chip]:
    """A chip for each term of each filter; of one site that is chosen, only for a page without the menu of sites."""
    names = filters.list_names(state.parameters)
    if not with_site and _is_one_site(state):
        names.remove(_SITE)
    return [chip for name in names for chip in _build_filter_chips(state, name)]


def link_clear(state: UrlState) -> str:
    """The link to the page without the filters that have chips."""
    kept = {_SITE} if _is_one_site(state) else set()
    return state.link(dict.fromkeys(set(filters.list_names(state.parameters)) - kept))


def _is_one_site(state: UrlState) -> bool:
    terms = filter_terms.split(state.get(_SITE))
    return len(terms) == 1 and not terms[0].startswith("!") and "*" not in terms[0]


def _build_filter_chips(state: UrlState, name: str) -> list[Chip]:
    terms = filter_terms.split(state.get(name))
    return [
        _build_chip(state, name, term, filter_terms.join(terms[:number] + terms[number + 1 :]))
        for number, term in enumerate(terms)
    ]


def _build_chip(state: UrlState, name: str, term: str, others: str) -> Chip:
    verb, value = filter_terms.describe(term)
    if name in _LABELLED_AS and verb in ("is", "is not"):
        value = label_row(_LABELLED_AS[name], value)
    return Chip(f"{name_field(name)} {translate(verb)}", value, state.link({name: others}))
