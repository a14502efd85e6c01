"""`/dashboard/list`: one whole list, sorted, searched and divided into pages."""

from typing import Any, Final

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_query import read_whole_list
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.lists import List
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.url_state import LIST, UrlState, read_parameters
from prisme.stats.parameters import COMPARE, MOST_ROWS, PROPERTY, read_query
from prisme.stats.queries import Stats
from prisme.web.pages.viewer import (
    DashboardDeps,
    Viewer,
    frame_values,
    open_reader,
    page_state,
    viewer_endpoint,
    visible_domains,
)
from prisme.web.responses import Response
from prisme.web.routing import Methods

_ROWS: Final = 100
_SORTS: Final = {"": "count", "name": "name"}


class _Selection(msgspec.Struct, frozen=True):
    """Which list, and which of its rows: sorted by `sort`, with `search` in their label, from number `start` on."""

    name: str
    sort: str
    search: str
    start: int

    def link(self, state: UrlState, **changes: str) -> str:
        """The page with another selection."""
        parameters = {"name": self.name, "sort": self.sort, "search": self.search, "start": str(self.start)} | changes
        return state.link({name: text for name, text in parameters.items() if text != "0"}, LIST)


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page of a list."""
    return {LIST: {"GET": viewer_endpoint(deps, _show_list)}}


def _show_list(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    parameters = dict(viewer.parameters)
    selection = _pop_selection(parameters)
    if isinstance(selection, Refusal):
        return selection
    parameters = read_parameters(parameters)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        uncompared = {key: text for key, text in state.stats_parameters().items() if key not in COMPARE}
        query = read_query(uncompared | {"limit": str(MOST_ROWS)}, deps.source.now, PROPERTY)
        found = read_whole_list(stats, state, query, selection.name, frozenset(domain for domain, _ in domains))
    values = _list_values(state, selection, found) | {
        "period_text": describe_period(query),
        "chips": build_chips(state, with_site=True),
    }
    return deps.page.templates.render("list", values | frame_values(viewer, state, query.zone.key))


def _pop_selection(parameters: dict[str, str]) -> _Selection | Refusal:
    """Take the selection out of the page's parameters; the others are those of the dashboard."""
    name, sort = parameters.pop("name", ""), parameters.pop("sort", "")
    search, start = parameters.pop("search", ""), parameters.pop("start", "0")
    if name not in LIST_TYPES:
        return refusal.NOT_THERE.with_reason(f"{name[:64]!r} is not a list; the lists are {', '.join(LIST_TYPES)}")
    if not (start.isascii() and start.isdigit() and len(start) < 8) or sort not in _SORTS:
        return refusal.QUESTION_INVALID.with_reason("start must be a number, and sort name or empty, such as sort=name")
    return _Selection(name, sort, search, int(start))


def _list_values(state: UrlState, selection: _Selection, found: List) -> dict[str, Any]:
    """What the template shows of the list."""
    sort, search, start = selection.sort, selection.search, selection.start
    rows = [row for row in found.rows if search.casefold() in row.label.casefold()]
    if sort == "name":
        rows.sort(key=lambda row: row.label.casefold())
    return {
        "list": msgspec.structs.replace(found, rows=rows[start : start + _ROWS]),
        "name": selection.name,
        "sort": sort,
        "sorts": [(title, selection.link(state, sort=key, start="0"), key == sort) for key, title in _SORTS.items()],
        "search": search,
        "count": f"{len(rows):,} of {len(found.rows):,}" if search else f"{len(rows):,}",
        "most": f"{MOST_ROWS:,}" if len(found.rows) == MOST_ROWS else "",
        "before": selection.link(state, start=str(max(start - _ROWS, 0))) if start else "",
        "after": selection.link(state, start=str(start + _ROWS)) if start + _ROWS < len(rows) else "",
    }
