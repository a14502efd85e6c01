"""`/dashboard/live`, the last 30 minutes; and `/dashboard/stamp`, which tells open pages if there is more to show."""

from collections.abc import Sequence
from typing import Final

import msgspec

from prisme.base import refusal
from prisme.base.goals import Goal
from prisme.base.refusal import Refusal
from prisme.dashboard.live import LIVE, PERIOD, STAMP, build_live
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.page_query import read_page_parameters
from prisme.dashboard.sites import describe_sites
from prisme.dashboard.url_state import UrlState, read_parameters
from prisme.dashboard.words import translate
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.parameters import COMPARE, StatsQuery, read_query
from prisme.stats.queries import Stats
from prisme.web.pages.stamp import live_values, make_stamp
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

_HEADERS: Final[list[Header]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    *INERT,
]


class _Answer(msgspec.Struct, frozen=True):
    """The visitors now, as text; and the stamp, which is empty for a period that is over."""

    live: str
    stamp: str


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The live page, and the stamp of any page. The live visitors of a stamp may be a second old."""
    counts = ResponseCache(lambda: deps.source.load_log.done)
    return {
        LIVE: {"GET": viewer_endpoint(deps, _show_live, LIVE)},
        STAMP: {
            "GET": viewer_endpoint(
                deps, lambda deps, viewer: _answer_stamp(deps, viewer, counts), STAMP, for_scripts=True
            )
        },
    }


def _show_live(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    (parameters, faults), now = read_page_parameters(viewer.parameters), deps.source.now
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        found = visible_domains(deps, viewer, stats)
        state, domains = page_state(viewer, parameters, found), [domain for domain, _ in found]
        query = _read_live_query(state, now, deps.goals.read(viewer.grant.domains).goals)
        values = build_live(stats, state, query, now)
    page = UrlState({**state.parameters, **PERIOD, "period": ""}, state.data_start, state.default_zone, state.root)
    values |= frame_values(viewer, state, query.zone.key) | live_values(deps, viewer, page, query, now, reader.loads)
    site = describe_sites(state, domains) if domains else translate("No sessions yet")
    values |= {"site": site, "refresh": state.link({}, LIVE), "faults": faults}
    return deps.page.templates.render("live", values, refusal.QUESTION_INVALID.status if faults else 200)


def _read_live_query(state: UrlState, now: int, goals: Sequence[Goal]) -> StatsQuery:
    """The question of the live page: the filters and the time zone of the state, and a period of its own."""
    dropped = {*COMPARE, *PERIOD}
    kept = {name: text for name, text in state.stats_parameters().items() if name not in dropped}
    return read_query(kept | PERIOD, now, goals=goals)


def _answer_stamp(deps: DashboardDeps, viewer: Viewer, counts: ResponseCache) -> Response | Refusal:
    parameters, now = read_parameters(viewer.parameters), deps.source.now
    state = UrlState(parameters, None, viewer.zone, viewer.request.root)
    asked = {name: text for name, text in state.stats_parameters().items() if name not in COMPARE}
    query = read_query(asked, now, goals=deps.goals.read(viewer.grant.domains).goals)
    stamp = make_stamp(deps, viewer, query, now, deps.source.load_log.done)
    key = (viewer.grant.domains, repr(query.filters))
    live = counts.find(key, lambda: _count_live(deps, viewer, query, now))
    return make_response(200, _HEADERS, msgspec.json.encode(_Answer(live.decode(), stamp)))


def _count_live(deps: DashboardDeps, viewer: Viewer, query: StatsQuery, now: int) -> bytes:
    with open_reader(deps, viewer) as reader:
        frame = Stats(reader, viewer.grant.domains).live_visitors(query.filters, now)
    return format_exact(frame.values[0]).encode()
