"""The menu of sites, and which of them a page shows."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from prisme.base.domains import allows
from prisme.dashboard import display, filter_terms
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.panels import Tab
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark_count, translate, translate_count
from prisme.stats import filters

_FILTER: Final = "domain"
_SITES: Final = mark_count("{count} site", "{count} sites")
# More links than anybody reads through; the page of sites finds the others.
MOST_LINKS: Final = 50


class SiteMenu(msgspec.Struct, frozen=True):
    """`links` lead to all sites and to the busiest ones. `shown`, such as `50 of 312`, is empty if these are all."""

    links: list[Tab]
    shown: str


def build_site_menu(state: UrlState, domains: Sequence[str]) -> SiteMenu:
    """All sites, then `domains`, those in the filter first: a link adds one to the filter, or removes it."""
    current = state.get(_FILTER)
    listed = list(dict.fromkeys([*choose_domains(state, domains), *domains[:MOST_LINKS]]))[:MOST_LINKS]
    links = [
        Tab(translate("All sites"), state.link({_FILTER: None}), not current),
        *(_build_site(state, current, domain) for domain in listed),
    ]
    return SiteMenu(
        links,
        translate("{count} of {total}", count=len(listed), total=format_exact(len(domains)))
        if len(domains) > len(listed)
        else "",
    )


def _build_site(state: UrlState, current: str, domain: str) -> Tab:
    term = filter_terms.make_value_term(_FILTER, domain)
    chosen = term in filter_terms.split(current)
    changed = filter_terms.remove(current, [term]) if chosen else filter_terms.add(current, term)
    return Tab(display.decode_host(domain), state.link({_FILTER: changed}), chosen)


def choose_domains(state: UrlState, domains: Sequence[str]) -> list[str]:
    """Those of `domains` that the filter names in full; a single one needs no filter."""
    terms = filter_terms.split(state.get(_FILTER))
    if len(domains) == 1 or not terms:
        return list(domains) if len(domains) == 1 else []
    return [domain for domain in domains if filter_terms.make_value_term(_FILTER, domain) in terms]


def names_only_foreign(raw: str, allowed: Collection[str] | None) -> bool:
    """Whether a filter by site names sites in full, and none of them is allowed; None allows all.

    Raises InputError for an invalid filter.
    """
    includes = [pattern for excludes, pattern in filters.parse(_FILTER, raw) if not excludes] if raw else []
    if allowed is None or not includes or any(len(pattern) > 1 for pattern in includes):
        return False
    return not any(allows(allowed, pattern[0]) for pattern in includes)


def describe_sites(state: UrlState, domains: Sequence[str]) -> str:
    """The title of the menu: a site's name, `All sites`, `2 sites` or `Some sites`."""
    terms = [filter_terms.describe(term) for term in filter_terms.split(state.get(_FILTER))]
    if not terms:
        return display.decode_host(domains[0]) if len(domains) == 1 else translate("All sites")
    if len(terms) > 1 or terms[0][0] == "is not":
        if any(verb != "is" for verb, _ in terms):
            return translate("Some sites")
        return translate_count(_SITES, len(terms))
    return terms[0][1]
