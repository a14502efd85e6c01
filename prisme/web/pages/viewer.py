"""What the pages with statistics share: authentication of the viewer, access to the statistics, the page's frame."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import ADMIN, STATS, Grant
from prisme.access.shares import SHARE
from prisme.access.views import Views
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.url_state import DASHBOARD, UrlState
from prisme.stats.cache.sites import SiteCache
from prisme.stats.parameters import read_zone
from prisme.stats.queries import Stats
from prisme.store.errors import UnavailableError
from prisme.store.reader import Reader
from prisme.web.authentication import Authenticator
from prisme.web.content_coding import gzip_response
from prisme.web.cookies import ZONE_COOKIE
from prisme.web.pages.endpoints import PageDeps, PageRequest, page_endpoint
from prisme.web.pages.health import Intake
from prisme.web.pages.templates import see_other
from prisme.web.responses import Response
from prisme.web.routing import Endpoint
from prisme.web.stats_source import StatsSource


class DashboardDeps(msgspec.Struct, frozen=True):
    """What the dashboard and the list page need. `origins` are the registered sites."""

    page: PageDeps
    source: StatsSource
    sites: SiteCache
    authenticator: Authenticator
    views: Views
    origins: tuple[str, ...]
    intake: Callable[[], Intake]


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
    def may_see_health(self) -> bool:
        """Whether they may see how the server itself is doing."""
        return ADMIN in self.grant.scopes and self.grant.domains is None


# Raises InputError for wrong parameters, and UnavailableError.
ViewerHandler = Callable[[DashboardDeps, Viewer], Response | Refusal]


def viewer_endpoint(deps: DashboardDeps, handle: ViewerHandler) -> Endpoint:
    """An endpoint for a page with statistics."""

    def handle_request(request: PageRequest) -> Response | Refusal:
        outcome = _handle(deps, request, handle)
        if isinstance(outcome, Refusal):
            return outcome
        # Compression cannot leak a secret (BREACH): no secret of these pages stands beside text that others may choose.
        return gzip_response(outcome, request.parsed.headers.get("accept-encoding", "").encode("latin-1"))

    return page_endpoint(deps.page, handle_request, _redirect_to_login)


def open_reader(deps: DashboardDeps, viewer: Viewer) -> Reader:
    """A reader of the statistics, whose deadline counts from the request on."""
    return deps.source.open_reader(viewer.request.parsed)


def visible_domains(deps: DashboardDeps, viewer: Viewer, stats: Stats) -> list[tuple[str, int]]:
    """The domains that the viewer may see, each with the time of its first event (microseconds)."""
    return deps.sites.find(viewer.grant.domains, stats.domains)


def page_state(viewer: Viewer, parameters: dict[str, str], domains: list[tuple[str, int]]) -> UrlState:
    """The state of a page with these parameters; `domains` are those that the viewer may see."""
    data_start = min((first for _, first in domains), default=None)
    return UrlState(parameters, data_start, viewer.zone, viewer.request.root)


def frame_values(viewer: Viewer, state: UrlState, zone: str) -> dict[str, Any]:
    """What the template of the page's frame shows."""
    return {
        "state": state,
        "here": state.link(),
        "account": viewer.grant.account,
        "share": state.get(SHARE),
        "tz": zone,
    }


def _handle(deps: DashboardDeps, request: PageRequest, handle: ViewerHandler) -> Response | Refusal:
    grant = request.grant
    if isinstance(grant, Refusal):
        return _redirect_to_login(grant, request)
    if STATS not in grant.scopes:
        return refusal.NOT_ALLOWED
    try:
        return handle(deps, Viewer(request, grant, dict(request.parsed.query)))
    except UnavailableError as error:
        return deps.source.refuse(error)
    except InputError as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))


def _redirect_to_login(why: Refusal, request: PageRequest) -> Response | Refusal:
    """Where to log in, or to unlock a share link; the refusal itself if neither helps."""
    query = request.parsed.query
    if why is refusal.NOT_LOGGED_IN:
        path = f"{DASHBOARD}?{urlencode(query)}" if query else DASHBOARD
        return see_other(f"/login?{urlencode({'next': path})}")
    if why is refusal.SHARE_LOCKED and query.get(SHARE):
        return see_other(f"/share?{urlencode({SHARE: query[SHARE]})}")
    return why
