"""The menu of sites, and which of them a page shows."""

from collections.abc import Sequence
from typing import Final

from prisme.dashboard import display, filter_terms
from prisme.dashboard.panels import Tab
from prisme.dashboard.url_state import UrlState

_FILTER: Final = "domain"


def build_site_menu(state: UrlState, domains: Sequence[str]) -> list[Tab]:
    """All sites, then each of `domains`: a link adds it to the filter, or removes it."""
    current = state.get(_FILTER)
    return [
        Tab("All sites", state.link({_FILTER: None}), not current),
        *(_build_site(state, current, domain) for domain in domains),
    ]


def _build_site(state: UrlState, current: str, domain: str) -> Tab:
    term = filter_terms.make_value_term(_FILTER, domain)
    chosen = term in filter_terms.split(current)
    changed = filter_terms.remove(current, [term]) if chosen else filter_terms.add(current, term)
    return Tab(display.decode_host(domain), state.link({_FILTER: changed}), chosen)


def choose_domains(state: UrlState, domains: Sequence[str]) -> list[str]:
    """Those of `domains` that the filter names in full; a single one needs no filter."""
    terms = filter_terms.split(state.get(_FILTER))
    return [domain for domain in domains if len(domains) == 1 or filter_terms.make_value_term(_FILTER, domain) in terms]


def describe_sites(state: UrlState, domains: Sequence[str]) -> str:
    """The title of the menu: a site's name, `All sites`, `2 sites` or `Some sites`."""
    terms = [filter_terms.describe(term) for term in filter_terms.split(state.get(_FILTER))]
    if not terms:
        return display.decode_host(domains[0]) if len(domains) == 1 else "All sites"
    if len(terms) > 1 or terms[0][0] == "is not":
        return f"{len(terms)} sites" if all(verb == "is" for verb, _ in terms) else "Some sites"
    return terms[0][1]
