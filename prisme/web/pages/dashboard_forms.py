"""The forms of the dashboard: save a view, write an annotation, create a share link."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

from prisme.access.annotations import may_annotate
from prisme.access.grants import ADMIN, Grant, parse_domain
from prisme.access.shares import SHARE
from prisme.access.views import Owner
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.saved_views import choose_parameters
from prisme.dashboard.url_state import DASHBOARD, read_parameters
from prisme.dashboard.words import explain
from prisme.web.pages.endpoints import PageRequest, form_endpoint, read_id
from prisme.web.pages.settings_changes import read_expires
from prisme.web.pages.templates import format_time, see_other
from prisme.web.pages.viewer import DashboardDeps, Viewer, viewer_endpoint
from prisme.web.responses import Response
from prisme.web.routing import Endpoint, Methods

VIEWS: Final = f"{DASHBOARD}/views"
ANNOTATIONS: Final = f"{DASHBOARD}/annotations"
SHARE_FORM: Final = f"{DASHBOARD}/share"
# Handles a form. Raises InputError for wrong fields.
FormHandler = Callable[[DashboardDeps, Grant, PageRequest], Response | Refusal]


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The forms, and the page that asks before a share link is made."""
    return {
        VIEWS: {"POST": _form_endpoint(deps, _change_views)},
        ANNOTATIONS: {"POST": _form_endpoint(deps, _change_annotations)},
        SHARE_FORM: {
            "GET": viewer_endpoint(deps, _ask_share, SHARE_FORM),
            "POST": _form_endpoint(deps, _add_share),
        },
    }


def _form_endpoint(deps: DashboardDeps, handle: FormHandler) -> Endpoint:
    """An endpoint for a form whose sender is authenticated."""

    def handle_form(request: PageRequest) -> Response | Refusal:
        if isinstance(request.grant, Refusal):
            return request.grant
        try:
            return handle(deps, request.grant, request)
        except InputError as error:
            return refusal.FIELDS_INVALID.with_reason(explain(error))

    return form_endpoint(deps.page, handle_form, lambda why, _: why)


def _change_views(deps: DashboardDeps, grant: Grant, request: PageRequest) -> Response | Refusal:
    """Save or delete a view. Those of a site are for admins."""
    fields, is_admin = request.fields, ADMIN in grant.scopes
    if not grant.account or (fields.get("site") and not is_admin):
        return refusal.NOT_ALLOWED
    back = _read_back(request, fields)
    if fields.get("do") == "remove":
        deps.views.remove(grant.account, read_id(fields), of_sites=is_admin)
        return see_other(back)
    site = parse_domain(fields["site"]) if fields.get("site") else None
    parameters = read_parameters(dict(parse_qsl(back.partition("?")[2])))
    query = choose_parameters(parameters, with_period=bool(fields.get("period")), for_site=site is not None)
    deps.views.save(Owner(site=site) if site else Owner(account=grant.account), fields.get("name", ""), query)
    return see_other(back)


def _change_annotations(deps: DashboardDeps, grant: Grant, request: PageRequest) -> Response | Refusal:
    """Write or delete an annotation."""
    fields = request.fields
    if not grant.is_login or not may_annotate(grant, fields.get("domain", "")):
        return refusal.NOT_ALLOWED
    if fields.get("do") == "remove":
        deps.annotations.remove(grant, read_id(fields))
    else:
        text, day = fields.get("text", ""), fields.get("day", "")
        deps.annotations.add(grant, fields.get("domain", ""), text, deps.authenticator.clock(), day)
    return see_other(_read_back(request, fields))


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
        return _show_share_form(deps, request, fields, explain(error))
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
