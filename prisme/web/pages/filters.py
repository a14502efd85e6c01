"""`/dashboard/filter` adds a filter that somebody entered, and `/dashboard/suggest` suggests values while they type."""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from prisme.base.errors import InputError
from prisme.base.goals import Goal, concerns
from prisme.base.refusal import Refusal
from prisme.dashboard import filter_terms
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.filter_entry import FIXED, read_terms, write_terms, write_value
from prisme.dashboard.filter_menu import MOST_PROPERTIES, build_filter_form, describe_no_match, keep_entry
from prisme.dashboard.filter_terms import OPERATORS
from prisme.dashboard.filter_values import FieldValues
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.sites import choose_domains
from prisme.dashboard.url_state import DASHBOARD, UrlState, read_parameters
from prisme.dashboard.words import translate
from prisme.stats import filters
from prisme.stats.filters import DOMAIN
from prisme.stats.parameters import COMPARE, StatsQuery, read_query
from prisme.stats.queries import Stats
from prisme.stats.selection import Page
from prisme.web.pages.templates import see_other
from prisme.web.pages.viewer import (
    DashboardDeps,
    Viewer,
    frame_values,
    open_reader,
    page_state,
    viewer_endpoint,
    visible_domains,
)
from prisme.web.responses import INERT, Header, Response, make_response
from prisme.web.routing import Methods

FILTER: Final = f"{DASHBOARD}/filter"
SUGGEST: Final = f"{DASHBOARD}/suggest"
# As many as a screen has room for.
_MOST_SUGGESTED: Final = 10
_MOST_NEAREST: Final = 5
_JSON: Final[list[Header]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-store"),
    *INERT,
]


class _Entry(NamedTuple):
    """What was entered: the name of a filter, one of `OPERATORS`, and a text."""

    name: str
    operator: str
    text: str


class _Selection(NamedTuple):
    """What a page shows: a state, and the query that it stands for.

    `domains` are those that the viewer may see, `goals` those of the sites that the page is about.
    """

    stats: Stats
    state: UrlState
    query: StatsQuery
    domains: list[str]
    goals: list[str]

    def values(self, name: str, others: Container[str]) -> FieldValues:
        """The values of a filter, under those of the other filters that are among `others`."""
        chosen = {other: one for other, one in self.query.filters.items() if other in others}
        return FieldValues(self.stats, name, chosen, self.query.span, self.domains, self.goals)


class _Suggestion(msgspec.Struct, frozen=True):
    """A value with its label and count; `value` is what is entered for it."""

    label: str
    value: str
    count: str


class _Suggestions(msgspec.Struct, frozen=True):
    """Values that match, or the nearest ones with a `message` that none does."""

    message: str
    values: list[_Suggestion]


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The form's routes."""
    return {
        FILTER: {"GET": viewer_endpoint(deps, _add_filter, FILTER)},
        SUGGEST: {"GET": viewer_endpoint(deps, _suggest, SUGGEST)},
    }


def _add_filter(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    """Go to the dashboard with the filter; if it matches nothing, show what may have been meant."""
    with _open_selection(deps, viewer) as (selection, entry):
        values = selection.values(entry.name, {DOMAIN})
        terms = read_terms(values, entry.operator, entry.text) if entry.text else []
        if terms:
            return see_other(_link(msgspec.structs.replace(selection.state, root=""), entry.name, terms))
        return deps.page.templates.render("filter", _page_values(viewer, selection, values, entry))


def _suggest(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    """Suggest values under the page's other filters."""
    with _open_selection(deps, viewer) as (selection, entry):
        found = _find_suggestions(
            selection.values(entry.name, filters.list_names(selection.state.parameters)), entry.text
        )
    return make_response(200, _JSON, msgspec.json.encode(found))


@contextmanager
def _open_selection(deps: DashboardDeps, viewer: Viewer) -> Iterator[tuple[_Selection, _Entry]]:
    """What a request is about, and what was entered. Raises InputError for wrong parameters."""
    parameters = dict(viewer.parameters)
    entry = _pop_entry(parameters)
    parameters = read_parameters(parameters)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        uncompared = {key: text for key, text in state.stats_parameters().items() if key not in COMPARE}
        goals = deps.goals.read(viewer.grant.domains).goals
        query = read_query(uncompared, deps.source.now, goals=goals)
        names = [domain for domain, _ in domains]
        yield _Selection(stats, state, query, names, _list_goals(state, names, goals)), entry


def _list_goals(state: UrlState, domains: Sequence[str], goals: Sequence[Goal]) -> list[str]:
    """The names of the goals of the chosen sites, each once; of all if none is chosen."""
    chosen = choose_domains(state, domains)
    own = [goal for goal in goals if not chosen or any(concerns(goal.site, domain) for domain in chosen)]
    return list(dict.fromkeys(goal.name for goal in own))


def _page_values(viewer: Viewer, selection: _Selection, values: FieldValues, entry: _Entry) -> dict[str, Any]:
    state, query = selection.state, selection.query
    of_site = {name: one for name, one in query.filters.items() if name == DOMAIN}
    properties = selection.stats.properties(of_site, query.span, Page(MOST_PROPERTIES)).keys
    rare = selection.stats.find_rare(query.filters, query.span)
    return {
        "form": keep_entry(build_filter_form(state, selection.domains, properties, rare), *entry),
        "period_text": describe_period(query),
        "chips": build_chips(state, with_site=True),
        **_describe_fault(state, values, entry),
        **frame_values(viewer, state, query.zone.key),
    }


def _describe_fault(state: UrlState, values: FieldValues, entry: _Entry) -> dict[str, Any]:
    """What the page says, and its links to what may have been meant."""
    if not entry.text:
        return {"title": translate("Enter a value"), "nearest": [], "anyway": ""}
    negation = "!" if entry.operator in (filter_terms.IS_NOT, filter_terms.CONTAINS_NOT) else ""
    nearest = [
        (one.label, _link(state, entry.name, [negation + filter_terms.make_value_term(entry.name, one.key)]))
        for one in values.find_nearest(entry.text, _MOST_NEAREST)
    ]
    anyway = "" if entry.name in FIXED else _link(state, entry.name, write_terms(*entry))
    return {"title": describe_no_match(entry.name, entry.text), "nearest": nearest, "anyway": anyway}


def _find_suggestions(values: FieldValues, text: str) -> _Suggestions:
    if "*" in text or not values.are_known:
        return _Suggestions("", [])
    found, message = values.search(text, _MOST_SUGGESTED), ""
    if not found and text:
        found, message = values.find_nearest(text, _MOST_NEAREST), describe_no_match(values.name, text)
    return _Suggestions(
        message,
        [_Suggestion(one.label, write_value(one), format_exact(one.count) if one.count else "") for one in found],
    )


def _pop_entry(parameters: dict[str, str]) -> _Entry:
    """Take the form's fields out of the page's parameters. Raises InputError."""
    name, operator = parameters.pop("filter", ""), parameters.pop("operator", "") or filter_terms.IS
    text = parameters.pop("value", "").strip()
    if not filters.is_filter(name):
        raise InputError(
            "filter: {name!r} is not one of {known}, such as filter=path",
            name=name[:64],
            known=", ".join(filters.NAMES),
        )
    if operator not in OPERATORS:
        raise InputError(
            "operator: {operator!r} is not one of {known}, such as operator=is",
            operator=operator[:64],
            known=", ".join(OPERATORS),
        )
    return _Entry(name, operator, text)


def _link(state: UrlState, name: str, terms: list[str]) -> str:
    """The dashboard with these terms added to a filter."""
    changed = state.get(name)
    for term in filter_terms.split(filter_terms.normalise(name, filter_terms.join(terms))):
        changed = filter_terms.add(changed, term)
    return state.link({name: changed})
