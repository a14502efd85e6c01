"""`/dashboard/list`: one whole list, sorted, searched and divided into pages; and all its rows as CSV."""

from typing import Any, Final

from prisme.access.grants import NotFoundError
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.lists import CSV
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.url_state import LIST, UrlState, read_parameters
from prisme.dashboard.whole_list import ROWS, Choice, Table, WholeList, build_whole_list, read_table, write_table
from prisme.dashboard.words import translate
from prisme.stats.parameters import COMPARE, MOST_ROWS, PROPERTY, StatsQuery, read_query
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


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page of a list, and its CSV."""
    return {
        LIST: {"GET": viewer_endpoint(deps, _show_list)},
        LIST + CSV: {"GET": viewer_endpoint(deps, _send_csv)},
    }


def _show_list(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    read = _read(deps, viewer)
    if isinstance(read, Refusal):
        return read
    choice, state, query, table = read
    values = _list_values(state, choice, build_whole_list(state, choice, table)) | {
        "period_text": describe_period(query),
        "chips": build_chips(state, with_site=True),
    }
    return deps.page.templates.render("list", values | frame_values(viewer, state, query.zone.key))


def _send_csv(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    read = _read(deps, viewer)
    if isinstance(read, Refusal):
        return read
    choice, _, _, table = read
    file = (b"content-disposition", f'attachment; filename="{choice.name}.csv"'.encode())
    return make_response(200, [*_CSV_HEADERS, file], write_table(table).encode("utf-8", "surrogatepass"))


def _read(deps: DashboardDeps, viewer: Viewer) -> tuple[Choice, UrlState, StatsQuery, Table] | Refusal:
    """The list that a URL is about. Raises InputError for wrong parameters."""
    parameters = dict(viewer.parameters)
    choice = _pop_choice(parameters)
    if isinstance(choice, Refusal):
        return choice
    parameters, definitions = read_parameters(parameters), deps.goals.read(viewer.grant.domains)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        uncompared = {key: text for key, text in state.stats_parameters().items() if key not in COMPARE}
        query = read_query(uncompared | {"limit": str(MOST_ROWS)}, deps.source.now, PROPERTY, definitions.goals)
        table = read_table(stats, state, query, choice)
    return choice, state, query, table


def _pop_choice(parameters: dict[str, str]) -> Choice | Refusal:
    """Take the choice out of the page's parameters; the others are those of the dashboard."""
    name, sort, order = (parameters.pop(one, "") for one in ("name", "sort", "order"))
    search, start = parameters.pop("search", ""), parameters.pop("start", "") or "0"
    if name not in LIST_TYPES:
        raise NotFoundError(
            "{name!r} is not a list; the lists are {known}", name=name[:64], known=", ".join(LIST_TYPES)
        )
    if not (start.isascii() and start.isdigit() and len(start) < 8):
        raise InputError("start must be a number, such as start=100")
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
