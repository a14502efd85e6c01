"""`/dashboard/list`: one whole list, sorted, searched and divided into pages; and all its rows as CSV."""

from typing import Any, Final, NamedTuple

import msgspec

from prisme.access.grants import NotFoundError
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.lists import CSV
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.page_query import Fault, build_fault, read_page_parameters, read_part_query
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.url_state import LIST, UrlState
from prisme.dashboard.whole_list import ROWS, Choice, Table, WholeList, build_whole_list, read_table, write_table
from prisme.dashboard.words import translate
from prisme.stats.parameters import MOST_ROWS, StatsQuery
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
from prisme.web.responses import INERT, Header, Response, make_response
from prisme.web.routing import Methods

_CSV_HEADERS: Final[list[Header]] = [
    (b"content-type", b"text/csv; charset=utf-8; header=present"),
    (b"cache-control", b"private, no-store"),
    *INERT,
]


class _Found(NamedTuple):
    """What a URL is about, without the parameters that are `faults`."""

    choice: Choice
    state: UrlState
    query: StatsQuery
    table: Table
    faults: dict[str, Fault]


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page of a list, and its CSV."""
    return {
        LIST: {"GET": viewer_endpoint(deps, _show_list)},
        LIST + CSV: {"GET": viewer_endpoint(deps, _send_csv)},
    }


def _show_list(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    found = _read(deps, viewer)
    state, choice = found.state, found.choice
    values = _list_values(state, choice, build_whole_list(state, choice, found.table)) | {
        "period_text": describe_period(found.query),
        "chips": build_chips(state, with_site=True),
        "faults": found.faults,
    }
    values |= frame_values(viewer, state, found.query.zone.key)
    return deps.page.templates.render("list", values, refusal.QUESTION_INVALID.status if found.faults else 200)


def _send_csv(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    found = _read(deps, viewer)
    for fault in found.faults.values():
        # A file has no room to tell what was left out.
        return refusal.QUESTION_INVALID.with_reason(
            translate("{title}: {reason}", title=fault.title, reason=fault.reason)
        )
    file = (b"content-disposition", f'attachment; filename="{found.choice.name}.csv"'.encode())
    return make_response(200, [*_CSV_HEADERS, file], write_table(found.table).encode("utf-8", "surrogatepass"))


def _read(deps: DashboardDeps, viewer: Viewer) -> _Found:
    """The list that a URL is about. Raises InputError if it is about none."""
    given = dict(viewer.parameters)
    faults = dict[str, Fault]()
    choice, goals = _pop_choice(given, faults), deps.goals.read(viewer.grant.domains).goals
    parameters, wrong = read_page_parameters(given)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        asked = read_part_query(state, deps.source.now, MOST_ROWS, goals)
        faults |= wrong | asked.faults
        try:
            table = read_table(stats, asked.state, asked.query, choice)
        except InputError as error:
            name = str(error).partition(":")[0]
            if name not in ("sort", "order"):
                raise
            faults[name] = build_fault(name, error, "")
            choice = msgspec.structs.replace(choice, sort="", order="")
            table = read_table(stats, asked.state, asked.query, choice)
    return _Found(choice, asked.state, asked.query, table, faults)


def _pop_choice(parameters: dict[str, str], faults: dict[str, Fault]) -> Choice:
    """Take the choice out of the page's parameters; the others are those of the dashboard. Adds what is wrong."""
    name, sort, order = (parameters.pop(one, "") for one in ("name", "sort", "order"))
    search, start = parameters.pop("search", ""), parameters.pop("start", "") or "0"
    if name not in LIST_TYPES:
        raise NotFoundError(
            "{name!r} is not a list; the lists are {known}", name=name[:64], known=", ".join(LIST_TYPES)
        )
    if not (start.isascii() and start.isdigit() and len(start) < 8):
        faults["start"] = build_fault(
            "start", InputError("start: {text!r} is no number, such as start=100", text=start[:64]), start
        )
        start = "0"
    return Choice(name, sort, order, search, int(start))


def _list_values(state: UrlState, choice: Choice, found: WholeList) -> dict[str, Any]:
    """What the template shows of the list."""
    start = choice.start
    return {
        "list": found,
        "name": choice.name,
        "search": choice.search,
        "count": translate("{count} of {total}", count=format_exact(found.found), total=format_exact(found.count))
        if choice.search
        else f"{found.found:,}",
        "most": f"{MOST_ROWS:,}" if found.count == MOST_ROWS else "",
        "before": choice.link(state, start=max(start - ROWS, 0)) if start else "",
        "after": choice.link(state, start=start + ROWS) if start + ROWS < found.found else "",
    }
