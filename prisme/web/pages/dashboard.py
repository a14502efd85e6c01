"""The dashboard and its forms: filter, save a view, create a share link."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from prisme.access.grants import ADMIN, Grant, parse_domain
from prisme.access.shares import SHARE
from prisme.base import refusal
from prisme.base.domains import host_of
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard import filter_terms, page
from prisme.dashboard.lists import CSV, link_export
from prisme.dashboard.url_state import DASHBOARD, UrlState, read_parameters
from prisme.stats import filters
from prisme.stats.parameters import COMPARE, read_query
from prisme.stats.queries import Stats
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import PageRequest, form_endpoint
from prisme.web.pages.health import health_values
from prisme.web.pages.settings_changes import read_expires
from prisme.web.pages.site_rows import site_link
from prisme.web.pages.site_steps import Arrivals, list_steps
from prisme.web.pages.templates import format_time, see_other
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
        f"{DASHBOARD}/share": {
            "GET": viewer_endpoint(deps, _ask_share, f"{DASHBOARD}/share"),
            "POST": _form_endpoint(deps, _add_share),
        },
    }


def _show_dashboard(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    parameters, now, render = read_parameters(viewer.parameters), deps.source.now, deps.page.templates.render
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        domains = visible_domains(deps, viewer, stats)
        state = page_state(viewer, parameters, domains)
        if not domains:
            return render("waiting", frame_values(viewer, state, "UTC") | _waiting_values(deps, viewer))
        silent = _find_silent_site(deps, viewer, state, stats)
        if silent:
            return see_other(site_link("", silent))
        query = read_query(state.stats_parameters() | {"limit": str(page.ROWS)}, now, COMPARE)
        values = page.build_page(stats, state, query, [domain for domain, _ in domains], now, deps.source.cache)
    values |= frame_values(viewer, state, query.zone.key)
    return render("dashboard", values | _menu_values(deps, viewer, state, values["chosen_domains"]))


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
    back = _read_back(request, request.fields)
    if request.fields.get("remove"):
        deps.views.remove(grant.account, request.fields["remove"])
    else:
        deps.views.save(grant.account, request.fields.get("name", ""), back.partition("?")[2])
    return see_other(back)


def _ask_share(deps: DashboardDeps, viewer: Viewer) -> Response | Refusal:
    """Ask whether to create a share link, and say what it will show."""
    if ADMIN not in viewer.grant.scopes:
        return refusal.NOT_ALLOWED
    return _show_share_form(deps, viewer.request, viewer.parameters)


def _show_share_form(
    deps: DashboardDeps, request: PageRequest, fields: Mapping[str, str], fault: str = ""
) -> Response | Refusal:
    values = {
        "domain": parse_domain(fields.get("domain", "")),
        "link": "",
        "back": request.root + _read_back(request, fields),
        "fault": fault,
        "typed": fields,
    }
    return deps.page.templates.render("shared", values, 400 if fault else 200)


def _add_share(deps: DashboardDeps, grant: Grant, request: PageRequest) -> Response | Refusal:
    """Create a share link, and show it; it cannot be shown again."""
    if ADMIN not in grant.scopes:
        return refusal.NOT_ALLOWED
    fields, now = request.fields, deps.authenticator.clock()
    domain, password = parse_domain(fields.get("domain", "")), fields.get("password") or None
    try:
        expires = read_expires(fields, now)
        share, key = deps.authenticator.shares.add(grant, domain, now, expires=expires, password=password)
    except InputError as error:
        return _show_share_form(deps, request, fields, str(error))
    values = {
        "domain": share.domain,
        "link": f"{request.base}/share?{urlencode({SHARE: key})}",
        "back": request.root + _read_back(request, fields),
        "expires": format_time(expires) if expires else "",
    }
    return deps.page.templates.render("shared", values)


def _read_back(request: PageRequest, fields: Mapping[str, str]) -> str:
    """The dashboard's URL to go back to, from a form's field. It is one below the root."""
    back = fields.get("back", "").removeprefix(request.root)
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
        "share_domain": domains[0] if ADMIN in grant.scopes and len(domains) == 1 else "",
        "clear": state.link(dict.fromkeys(filters.NAMES)),
        "all_link": state.link({"period": "all", "from": None, "to": None}),
        "now_link": state.link({"period": "30m", "from": None, "to": None}),
        "live_url": link_export(state, "live-visitors"),
        "week_csv": link_export(state, "weekday-hours", CSV),
        "week_json": link_export(state, "weekday-hours"),
        "health": _health_values(deps) if viewer.is_admin else None,
    }


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
