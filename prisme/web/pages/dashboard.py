"""The dashboard."""

from collections.abc import Mapping
from typing import Any, Final

from prisme.access.annotations import Annotation, may_annotate
from prisme.access.grants import ADMIN
from prisme.access.sharing import public_site
from prisme.base import refusal
from prisme.base.domains import host_of, is_wildcard
from prisme.base.goals import concerns
from prisme.base.offsets import localise
from prisme.base.refusal import Refusal
from prisme.base.timexpr import SECOND
from prisme.dashboard import annotations, filter_terms, page
from prisme.dashboard.filter_chips import link_clear
from prisme.dashboard.lists import CSV, link_export
from prisme.dashboard.page_query import read_page_parameters, read_page_query
from prisme.dashboard.period_menu import WITHOUT_DATES
from prisme.dashboard.saved_views import build_views
from prisme.dashboard.url_state import DASHBOARD, UrlState
from prisme.stats.filters import DOMAIN
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.visit.origins import Hosts
from prisme.web.pages.health import health_values
from prisme.web.pages.site_goals import goals_link
from prisme.web.pages.site_rows import site_link
from prisme.web.pages.site_steps import Arrivals, list_steps
from prisme.web.pages.stamp import live_values
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
from prisme.web.responses import Response
from prisme.web.routing import Methods

# Names of sites that the page without visits shows.
_MOST_NAMES: Final = 10


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The route of the dashboard, without those of lists, filters, and forms that change something."""
    return {
        DASHBOARD: {"GET": viewer_endpoint(deps, _show_dashboard)},
    }


def _show_dashboard(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    definitions, now, render = deps.goals.read(viewer.grant.domains), deps.source.now, deps.page.templates.render
    parameters, faults = read_page_parameters(viewer.parameters)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains, definitions)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        if not domains:
            return render("waiting", frame_values(viewer, state, "UTC") | _waiting_values(deps, viewer))
        silent = _find_silent_site(deps, viewer, state, stats)
        if silent:
            return see_other(site_link("", silent))
        asked = read_page_query(state, now, page.ROWS, definitions.goals)
        state, query, faults = asked.state, asked.query, faults | asked.faults
        values = page.build_page(stats, state, query, [domain for domain, _ in domains], now, deps.source.cache)
    values |= frame_values(viewer, state, query.zone.key) | {"faults": faults, "typed": asked.typed}
    values |= _note_values(deps, viewer, query, values, [domain for domain, _ in domains])
    values |= live_values(deps, viewer, state, query, now, reader.loads)
    values |= _menu_values(deps, viewer, state, values["chosen_domains"])
    return render("dashboard", values, refusal.QUESTION_INVALID.status if faults else 200)


def _note_values(
    deps: DashboardDeps, viewer: Viewer, query: StatsQuery, values: Mapping[str, Any], domains: list[str]
) -> dict[str, Any]:
    """The chart with the annotations of the sites that the page is about; a public page has none, they may be internal.

    `domains` are those that the viewer may see.
    """
    shown = values["chosen_domains"] or ([] if DOMAIN in query.filters else domains)
    edges, found = query.span.edges, list[Annotation]()
    if not public_site(viewer.grant):
        found = deps.annotations.find(shown, edges[0] // SECOND, edges[-1] // SECOND, annotations.MOST + 1)
    notes = annotations.annotate(values["chart"], edges, found, query.zone, query.interval)
    return {"chart": notes.chart, "notes": notes, "today": f"{localise(deps.source.now, query.zone):%Y-%m-%d}"}


def _menu_values(deps: DashboardDeps, viewer: Viewer, state: UrlState, domains: list[str]) -> dict[str, Any]:
    """The saved views, the links of menus, and the health of the server for viewers who may see it.

    `domains` are those that the page is about.
    """
    grant = viewer.grant
    own = [] if public_site(grant) else deps.views.list(grant.account, domains)
    one_site = domains[0] if len(domains) == 1 else ""
    return {
        "views": build_views(state, own),
        "is_admin": ADMIN in grant.scopes,
        "add_goal_link": _link_goals(deps, viewer, domains),
        "share_domain": one_site if ADMIN in grant.scopes else "",
        "note_domain": one_site if grant.is_login and may_annotate(grant, one_site) else "",
        "clear": link_clear(state),
        "all_link": state.link({"period": "all", **WITHOUT_DATES}),
        "week_csv": link_export(state, "weekday-hours", CSV),
        "week_json": link_export(state, "weekday-hours"),
        "health": _health_values(deps) if viewer.is_admin else None,
    }


def _link_goals(deps: DashboardDeps, viewer: Viewer, domains: list[str]) -> str:
    """The page to edit the goals of the site that the dashboard is about, if it is one, for who may; empty if not."""
    if not viewer.is_admin or len(domains) != 1:
        return ""
    sites = [site.name for site in deps.registry.list.list() if concerns(site.name, domains[0])]
    # A site of its own comes before a wildcard.
    return goals_link(viewer.request.root, min(sites, key=is_wildcard)) if sites else ""


def _find_silent_site(deps: DashboardDeps, viewer: Viewer, state: UrlState, stats: Stats) -> str:
    """The site that an admin asks for alone, if it has no visits yet; empty otherwise."""
    terms = filter_terms.split(state.get("domain"))
    if len(terms) != 1 or not viewer.is_admin:
        return ""
    names = [site.name for site in deps.registry.list.list()]
    name = next((name for name in names if filter_terms.make_value_term("domain", name) == terms[0]), "")
    # Not from the cache, as its first visit may just have come.
    return "" if name in (host_of(domain) for domain, _ in stats.domains()) else name


def _waiting_values(deps: DashboardDeps, viewer: Viewer) -> dict[str, Any]:
    """What the page shows while no event is stored."""
    if not viewer.is_admin:
        return {"is_admin": False}
    names, now = [site.name for site in deps.registry.list.list()], deps.source.now / 1e6
    return {
        "is_admin": True,
        "base": viewer.request.base,
        "names": names[:_MOST_NAMES],
        "more": len(names[_MOST_NAMES:]),
        "steps": list_steps(Hosts(names), Arrivals(None, None), deps.scripts, deps.intake(), viewer.request, now),
        "health": _health_values(deps),
    }


def _health_values(deps: DashboardDeps) -> dict[str, Any]:
    return health_values(deps.intake(), deps.source.now / 1e6)
