"""The dashboard and its forms: filter, save a view, create a share link."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from prisme.access.grants import ADMIN, Grant
from prisme.access.shares import SHARE
from prisme.base import refusal
from prisme.base.domains import host_of, is_wildcard
from prisme.base.errors import InputError
from prisme.base.goals import concerns
from prisme.base.refusal import Refusal
from prisme.dashboard import filter_terms, page
from prisme.dashboard.lists import CSV, link_export
from prisme.dashboard.page_query import read_page_parameters, read_page_query
from prisme.dashboard.period_menu import WITHOUT_DATES
from prisme.dashboard.url_state import DASHBOARD, UrlState, read_parameters
from prisme.stats import filters
from prisme.stats.queries import Stats
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import PageRequest, form_endpoint
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
from prisme.web.routing import Endpoint, Methods

# Names of sites that the page without visits shows.
_MOST_NAMES: Final = 10
# Handles a form. Raises InputError for wrong fields.
FormHandler = Callable[[DashboardDeps, Grant, PageRequest], Response | Refusal]


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """All routes of the dashboard, without those of lists."""
    return {
        DASHBOARD: {"GET": viewer_endpoint(deps, _show_dashboard)},
        f"{DASHBOARD}/filter": {"GET": viewer_endpoint(deps, _redirect_to_filter)},
        f"{DASHBOARD}/views": {"POST": _form_endpoint(deps, _change_views)},
        f"{DASHBOARD}/share": {"POST": _form_endpoint(deps, _add_share)},
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
    values |= live_values(deps, viewer, state, query, now, reader.loads)
    values |= _menu_values(deps, viewer, state, values["chosen_domains"])
    return render("dashboard", values, refusal.QUESTION_INVALID.status if faults else 200)


def _redirect_to_filter(_: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    """From the filter form to the dashboard with that filter."""
    parameters = dict(viewer.parameters)
    name, value = parameters.pop("filter", ""), parameters.pop("value", "").strip()
    if name not in filters.NAMES:
        return refusal.QUESTION_INVALID.with_reason(f"filter: {name[:64]!r} is not one of {', '.join(filters.NAMES)}")
    state = UrlState(read_parameters(parameters), None, "")
    return see_other(state.link({name: filter_terms.normalise(name, value)}))


def _form_endpoint(deps: DashboardDeps, handle: FormHandler) -> Endpoint:
    """An endpoint for a form whose sender is authenticated."""

    def handle_form(request: PageRequest) -> Response | Refusal:
        if isinstance(request.grant, Refusal):
            return request.grant
        try:
            return handle(deps, request.grant, request)
        except InputError as error:
            return refusal.FIELDS_INVALID.with_reason(str(error))

    return form_endpoint(deps.page, handle_form, lambda why, _: why)


def _change_views(deps: DashboardDeps, grant: Grant, request: PageRequest) -> Response | Refusal:
    """Save or delete a view."""
    if not grant.account:
        return refusal.NOT_ALLOWED
    back = _read_back(request)
    if request.fields.get("remove"):
        deps.views.remove(grant.account, request.fields["remove"])
    else:
        deps.views.save(grant.account, request.fields.get("name", ""), back.partition("?")[2])
    return see_other(back)


def _add_share(deps: DashboardDeps, grant: Grant, request: PageRequest) -> Response | Refusal:
    """Create a share link, and show it; it cannot be shown again."""
    if ADMIN not in grant.scopes:
        return refusal.NOT_ALLOWED
    authenticator = deps.authenticator
    share, key = authenticator.shares.add(grant, request.fields.get("domain", ""), authenticator.clock())
    link = f"{request.base}/share?{urlencode({SHARE: key})}"
    values = {"domain": share.domain, "link": link, "back": request.root + _read_back(request)}
    return deps.page.templates.render("shared", values)


def _read_back(request: PageRequest) -> str:
    """The dashboard's URL to go back to, from a form's field. It is one below the root."""
    back = request.fields.get("back", "").removeprefix(request.root)
    is_dashboard = back == DASHBOARD or back.startswith(f"{DASHBOARD}?")
    return back if is_dashboard and back.isascii() and back.isprintable() else DASHBOARD


def _menu_values(deps: DashboardDeps, viewer: Viewer, state: UrlState, domains: list[str]) -> dict[str, Any]:
    """The saved views, the links of menus, and the health of the server for viewers who may see it.

    `domains` are those that the page is about.
    """
    grant = viewer.grant
    dashboard = state.root + DASHBOARD
    views = deps.views.list(grant.account) if grant.account else []
    return {
        "views": [
            {"name": view.name, "link": f"{dashboard}?{view.query}" if view.query else dashboard} for view in views
        ],
        "add_goal_link": _link_goals(deps, viewer, domains),
        "share_domain": domains[0] if ADMIN in grant.scopes and len(domains) == 1 else "",
        "clear": state.link(dict.fromkeys(filters.NAMES)),
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
