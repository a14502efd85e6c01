"""What the pages with statistics share: authentication of the viewer, access to the statistics, the page's frame."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.access.annotations import Annotations
from prisme.access.goals import GoalList
from prisme.access.grants import ADMIN, STATS, Grant, NotFoundError
from prisme.access.shares import SHARE
from prisme.access.sharing import EMBED, PUBLIC, Sharing, credentials, public_site
from prisme.access.views import Views
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.sites import names_only_foreign
from prisme.dashboard.url_state import DASHBOARD, UrlState
from prisme.dashboard.words import explain
from prisme.stats.cache.sites import SiteCache
from prisme.stats.filters import DOMAIN
from prisme.stats.parameters import read_zone
from prisme.stats.queries import Stats
from prisme.store.errors import UnavailableError
from prisme.store.query_reader import QueryReader
from prisme.web.authentication import Authenticator
from prisme.web.content_coding import gzip_response
from prisme.web.cookies import ZONE_COOKIE
from prisme.web.pages.endpoints import PageDeps, PageRequest, TurnAway, form_endpoint, page_endpoint
from prisme.web.pages.health import Intake
from prisme.web.pages.site_rows import frame_sources
from prisme.web.pages.templates import make_public, see_other
from prisme.web.responses import Response
from prisme.web.routing import Endpoint
from prisme.web.script_requests import ScriptRequests
from prisme.web.site_registry import SiteRegistry
from prisme.web.stats_source import StatsSource

_FOREIGN_SITE: Final = refusal.DOMAIN_NOT_ALLOWED.with_reason(
    "This site does not exist here, or you do not have access to it: ask an admin."
)
# Leads to the list of sites, or to the dashboard.
START: Final = "/"


class DashboardDeps(msgspec.Struct, frozen=True):
    """What the dashboard, the lists and the pages of sites need. `scripts` says which pages have the snippet."""

    page: PageDeps
    source: StatsSource
    sites: SiteCache
    authenticator: Authenticator
    views: Views
    annotations: Annotations
    sharing: Sharing
    registry: SiteRegistry
    scripts: ScriptRequests
    intake: Callable[[], Intake]
    goals: GoalList


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who may see statistics, and the parameters of the page's URL."""

    request: PageRequest
    grant: Grant
    parameters: dict[str, str]

    @property
    def zone(self) -> str:
        """The browser's time zone; empty if it is unknown."""
        try:
            return read_zone(self.request.parsed.cookies.get(ZONE_COOKIE, "")).key
        except InputError:
            return ""

    @property
    def is_admin(self) -> bool:
        """Whether they may see how the server itself is doing, and change its sites."""
        return ADMIN in self.grant.scopes and self.grant.domains is None


class ForeignSiteError(Exception):
    """A viewer asked for sites that they may not see; whether these exist is not said."""


# Raises InputError for wrong parameters, ForeignSiteError, and UnavailableError.
ViewerHandler = Callable[[DashboardDeps, Viewer], Response | Refusal]
# Handles the fields of a form. Raises InputError for wrong ones.
FormHandler = Callable[[DashboardDeps, Viewer, Mapping[str, str]], Response | Refusal]
# Shows the page of a form again: what was wrong, and the fields.
ShowFault = Callable[[DashboardDeps, Viewer, str, Mapping[str, str]], Response | Refusal]


def viewer_endpoint(
    deps: DashboardDeps,
    handle: ViewerHandler,
    path: str = DASHBOARD,
    *,
    for_admins: bool = False,
    for_scripts: bool = False,
) -> Endpoint:
    """An endpoint for the page with statistics at `path`; with `for_scripts`, nobody is led to the log-in."""
    turn_away = _keep if for_scripts else partial(_redirect_to_login, path)

    def handle_request(request: PageRequest) -> Response | Refusal:
        outcome = _handle(deps, request, handle, turn_away, for_admins)
        if isinstance(outcome, Refusal):
            return outcome
        outcome = _publish(deps, request, outcome)
        # Compression cannot leak a secret (BREACH): no secret of these pages stands beside text that others may choose.
        return gzip_response(outcome, request.parsed.headers.get("accept-encoding", "").encode("latin-1"))

    return page_endpoint(deps.page, handle_request, turn_away)


def _publish(deps: DashboardDeps, request: PageRequest, response: Response) -> Response:
    """The response as everybody may see it: not in search engines, and in frames of its site's pages if asked for."""
    site = "" if isinstance(request.grant, Refusal) else public_site(request.grant)
    if not site:
        return response
    frames = frame_sources(deps.sharing.hosts(site)) if EMBED in request.parsed.query else []
    return make_public(response, frames)


def admin_form(deps: DashboardDeps, change: FormHandler, show_fault: ShowFault) -> Endpoint:
    """An endpoint for a form of admins on a page with statistics."""

    def submit(_: DashboardDeps, viewer: Viewer) -> Response | Refusal:
        try:
            return change(deps, viewer, viewer.request.fields)
        except NotFoundError:
            raise
        except InputError as error:
            return show_fault(deps, viewer, explain(error), viewer.request.fields)

    def handle_request(request: PageRequest) -> Response | Refusal:
        return _handle(deps, request, submit, _keep, for_admins=True)

    return form_endpoint(deps.page, handle_request, _keep)


def open_reader(deps: DashboardDeps, viewer: Viewer) -> AbstractContextManager[QueryReader]:
    """A reader of the statistics, whose deadline counts from the request on."""
    return deps.source.open_reader(viewer.request.parsed)


def visible_domains(deps: DashboardDeps, viewer: Viewer, stats: Stats) -> list[tuple[str, int]]:
    """The domains that the viewer may see, each with the time of its first event (microseconds)."""
    return deps.sites.find(viewer.grant.domains, stats.domains)


def page_state(viewer: Viewer, parameters: dict[str, str], domains: list[tuple[str, int]]) -> UrlState:
    """The state of a page with these parameters; `domains` are those that the viewer may see.

    Raises ForeignSiteError if the page is about sites of others alone.
    """
    if names_only_foreign(parameters.get(DOMAIN, ""), viewer.grant.domains):
        raise ForeignSiteError
    data_start = min((first for _, first in domains), default=None)
    return UrlState(parameters, data_start, viewer.zone, viewer.request.root)


def frame_values(viewer: Viewer, state: UrlState, zone: str) -> dict[str, Any]:
    """What the template of the page's frame shows."""
    return {
        "state": state,
        "here": state.link(),
        "account": viewer.grant.account,
        "may_query": viewer.grant.may_query,
        "share": state.get(SHARE),
        "public": state.get(PUBLIC),
        "embed": state.get(EMBED),
        "credentials": list(credentials(state.parameters).items()),
        "tz": zone,
    }


def _handle(
    deps: DashboardDeps, request: PageRequest, handle: ViewerHandler, turn_away: TurnAway, for_admins: bool
) -> Response | Refusal:
    grant = request.grant
    if isinstance(grant, Refusal):
        return turn_away(grant, request)
    viewer = Viewer(request, grant, dict(request.parsed.query))
    if STATS not in grant.scopes or (for_admins and not viewer.is_admin):
        return refusal.NOT_ALLOWED
    try:
        return handle(deps, viewer)
    except ForeignSiteError:
        return _FOREIGN_SITE
    except UnavailableError as error:
        return deps.source.refuse(error)
    except NotFoundError as error:
        return refusal.NOT_THERE.with_reason(explain(error))
    except InputError as error:
        return refusal.QUESTION_INVALID.with_reason(explain(error))


def _keep(why: Refusal, _: PageRequest) -> Refusal:
    return why


def _redirect_to_login(page: str, why: Refusal, request: PageRequest) -> Response | Refusal:
    """Where to log in, or to unlock a share link; the refusal itself if neither helps."""
    query = request.parsed.query
    if why is refusal.NOT_LOGGED_IN and page == START:
        return see_other("/login")
    if why is refusal.NOT_LOGGED_IN:
        path = f"{page}?{urlencode(query)}" if query else page
        return see_other(f"/login?{urlencode({'next': path})}")
    if why is refusal.SHARE_LOCKED and query.get(SHARE):
        return see_other(f"/share?{urlencode({SHARE: query[SHARE]})}")
    return why
