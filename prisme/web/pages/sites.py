"""The start page: all sites with their visitors, a form to add one, and the hosts whose events are refused."""

from collections.abc import Mapping
from typing import Any, Final

from prisme.access.sites import Site
from prisme.base.refusal import Refusal
from prisme.dashboard.age import format_age
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.page_query import read_page_parameters
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.filters import DOMAIN
from prisme.stats.parameters import COMPARE, StatsQuery, read_query
from prisme.stats.queries import Stats
from prisme.stats.site_figures import count_by_bucket, list_site_figures
from prisme.web.pages.site_rows import SITES, Entries, build_rows, find_silent, site_link
from prisme.web.pages.templates import see_other
from prisme.web.pages.viewer import START, DashboardDeps, Viewer, admin_form, frame_values, open_reader, viewer_endpoint
from prisme.web.responses import Response
from prisme.web.routing import Methods

# Whole days, today included, and as many before.
_PERIOD: Final = {"from": "now-27d/d", "to": "now", "interval": "day"}
# Rows of the page; a search finds the others.
_MOST_ROWS: Final = 100
_MOST_REFUSED: Final = 20
_NOTICES: Final = {
    "removed": mark("Removed. The figures up to now stay."),
    "added": mark("Added: its pages are counted from now on."),
}


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The start page, and where `/` leads."""
    return {
        START: {"GET": viewer_endpoint(deps, _go_to_start, START)},
        SITES: {"GET": viewer_endpoint(deps, _show, SITES), "POST": admin_form(deps, _add, _show)},
    }


def _go_to_start(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    """To the list of sites where there are several and some have visits, else to the dashboard."""
    with open_reader(deps, viewer) as reader:
        domains = deps.sites.find(viewer.grant.domains, Stats(reader, viewer.grant.domains).domains)
    silent = find_silent([domain for domain, _ in domains], changeable_sites(deps, viewer))
    return see_other(SITES if domains and len(domains) + len(silent) > 1 else viewer.request.dashboard_url)


def changeable_sites(deps: DashboardDeps, viewer: Viewer) -> list[Site]:
    """The sites whose settings the viewer may change: all of them, or none."""
    return deps.registry.list.list() if viewer.is_admin else []


def _add(deps: DashboardDeps, viewer: Viewer, fields: Mapping[str, str]) -> Response:
    """Add a site; its own page says what to do next."""
    site = deps.registry.list.add(viewer.grant, fields.get("host", ""), deps.authenticator.clock())
    deps.registry.publish()
    return see_other(f"{site_link('', site.name)}&done=added")


def _show(deps: DashboardDeps, viewer: Viewer, fault: str = "", typed: Mapping[str, str] | None = None) -> Response:
    zone = {"tz": viewer.zone} if viewer.zone else {}
    query = read_query(_PERIOD | zone, deps.source.now, COMPARE)
    # The search of the dashboard's menu keeps its period and filters: the links of the rows lead back to them.
    parameters, _ = read_page_parameters(viewer.parameters)
    parameters.pop(DOMAIN, None)
    state = UrlState(parameters, None, viewer.zone, viewer.request.root)
    values = {
        "base": viewer.request.base,
        "is_admin": viewer.is_admin,
        "refused": _list_refused(deps) if viewer.is_admin else [],
        "notice": translate(_NOTICES.get(viewer.parameters.get("done", ""), "")),
        "fault": fault,
        "typed": typed or {},
    }
    values |= _read_rows(deps, viewer, query, state)
    return deps.page.templates.render(
        "sites", values | frame_values(viewer, state, query.zone.key), 400 if fault else 200
    )


def _read_rows(deps: DashboardDeps, viewer: Viewer, query: StatsQuery, state: UrlState) -> dict[str, Any]:
    """The rows that the search finds, as many as the page shows."""
    search, sites = viewer.parameters.get("search", "").strip(), changeable_sites(deps, viewer)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        visited = list_site_figures(stats, query.span, query.compared)
        entries = Entries(visited, find_silent((one.domain for one in visited), sites))
        found = entries.search(search)
        shown = found.cut(_MOST_ROWS)
        by_bucket = count_by_bucket(stats, query.span, [one.domain for one in shown.visited])
    return {
        "search": search,
        "sites": build_rows(shown, by_bucket, sites, state),
        "shown": translate("{count} of {total}", count=format_exact(len(shown)), total=format_exact(len(entries))),
        "has_more": len(entries) > _MOST_ROWS,
    }


def _list_refused(deps: DashboardDeps) -> list[dict[str, str]]:
    now = deps.source.now / 1e6
    return [
        {
            "host": one.host,
            "count": format_exact(one.count),
            "ago": format_age(now - one.last),
        }
        for one in deps.registry.refused()[:_MOST_REFUSED]
    ]
