"""`/dashboard/row`: the details of one row of a list, which the script opens within the page."""

from prisme.access.grants import NotFoundError
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.page_query import read_page_parameters, read_part_query
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.row_details import NAMES, read_row
from prisme.dashboard.url_state import ROW
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

# A spark line has no room for the interval that the chart shows, which may be thousands of minutes.
_IGNORED = ("interval",)
_ROWS = 10


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page of a row."""
    return {ROW: {"GET": viewer_endpoint(deps, _show_row, ROW)}}


def _show_row(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    parameters = dict(viewer.parameters)
    name, key = parameters.pop("list", ""), parameters.pop("key", "")
    if name not in NAMES:
        raise NotFoundError(
            "{name!r} is not a list whose rows have details; these are {known}", name=name[:64], known=", ".join(NAMES)
        )
    if not key:
        raise InputError("key: which row, such as key=/pricing")
    goals = deps.goals.read(viewer.grant.domains).goals
    parameters, faults = read_page_parameters(parameters)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        asked = read_part_query(state, deps.source.now, _ROWS, goals, _IGNORED)
        state, query, faults = asked.state, asked.query, faults | asked.faults
        row = read_row(stats, state, query, name, key)
    values = {"row": row, "period_text": describe_period(query), "chips": build_chips(state, with_site=True)}
    values |= frame_values(viewer, state, query.zone.key) | {"faults": faults}
    return deps.page.templates.render("row", values, refusal.QUESTION_INVALID.status if faults else 200)
