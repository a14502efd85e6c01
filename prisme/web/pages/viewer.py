"""What the pages of figures share: who looks at what, the frame around each page, and how it is packed."""

import gzip
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import ADMIN, STATS, Grant
from prisme.access.shares import SHARE
from prisme.access.views import Views
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.url_state import DASHBOARD, UrlState
from prisme.runtime.clock import Clock
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.sites import SiteCache
from prisme.stats.parameters import read_zone
from prisme.stats.queries import Stats
from prisme.store.database import Database
from prisme.store.errors import LateError, LostError
from prisme.store.reader import Reader
from prisme.web.api.stats import excuse
from prisme.web.authentication import ZONE, Asking, Guard
from prisme.web.pages.forms import Place, Visit
from prisme.web.pages.health import Intake
from prisme.web.pages.templates import lead
from prisme.web.responses import Response
from prisme.web.routing import Endpoint
from prisme.web.static import DASHBOARD_SCRIPT, choose_coding

_WORTH_PACKING: Final = 1000  # bytes


class Board(msgspec.Struct, frozen=True):
    """What the pages need. `deadline` in seconds; `origins` are the sites whose visits count."""

    place: Place
    database: Database
    kept: IncrementalCache
    sites: SiteCache
    guard: Guard
    views: Views
    clock: Clock
    deadline: float
    origins: tuple[str, ...]
    intake: Callable[[], Intake]

    @property
    def now(self) -> int:
        """Microseconds."""
        return self.clock.wall() // 1000


class Viewer(msgspec.Struct, frozen=True):
    """Who looks, and at what: `given` are the URL's parameters."""

    visit: Visit
    grant: Grant
    given: dict[str, str]

    @property
    def zone(self) -> str:
        """The browser's time zone, empty where it does not say."""
        told = self.visit.asking.cookies.get(ZONE, "")
        try:
            return read_zone(told).key
        except (InputError, ValueError):
            return ""

    @property
    def may_see_health(self) -> bool:
        """Whether figures of the server itself are for them."""
        return ADMIN in self.grant.scopes and self.grant.domains is None


Show = Callable[[Board, Viewer], Response | Refusal]


def page(board: Board, show: Show) -> Endpoint:
    """A page of figures, for those who may see some. What `show` raises for a wrong question is told as a page."""

    def work(visit: Visit) -> Response | Refusal:
        outcome = _enter(board, visit, show)
        return outcome if isinstance(outcome, Refusal) else _pack(outcome, visit.asking)

    return board.place.page(work)


def read(board: Board, viewer: Viewer) -> Reader:
    """A reader whose deadline runs since the question came."""
    return Reader(board.database, board.deadline, viewer.visit.began)


def known(board: Board, viewer: Viewer, stats: Stats) -> list[tuple[str, int]]:
    """The domains that somebody may see figures of, each with the first moment (microseconds) that there is any of."""
    return board.sites.find(viewer.grant.domains, stats.domains)


def frame(board: Board, viewer: Viewer, here: UrlState, zone: str) -> dict[str, Any]:
    """What the frame around each page shows."""
    return {
        "state": here,
        "here": here.link(),
        "account": viewer.grant.account,
        "share": here.get(SHARE),
        "tz": zone,
        "script": f"{DASHBOARD_SCRIPT}?v={board.place.pages.script}",
    }


def _enter(board: Board, visit: Visit, show: Show) -> Response | Refusal:
    asking = visit.asking
    grant = board.guard.identify(asking)
    if grant is refusal.NOT_LOGGED_IN:
        here = f"{DASHBOARD}?{urlencode(asking.query)}" if asking.query else DASHBOARD
        return lead(f"/login?{urlencode({'next': here})}")
    if grant is refusal.SHARE_LOCKED and asking.query.get(SHARE):
        return lead(f"/share?{urlencode({SHARE: asking.query[SHARE]})}")
    if isinstance(grant, Refusal):
        return grant
    if STATS not in grant.scopes:
        return refusal.NOT_ALLOWED
    try:
        return show(board, Viewer(visit, grant, dict(asking.query)))
    except (LateError, LostError) as error:
        return excuse(error)
    except (InputError, ValueError) as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))


def _pack(answer: Response, asking: Asking) -> Response:
    """With gzip, where the browser takes it. Nothing on these pages is a secret that a stranger may add text to."""
    start, body = answer
    accepted = asking.headers.get("accept-encoding", "").encode("latin-1")[:128]
    if len(body["body"]) < _WORTH_PACKING or b"gzip" not in accepted or choose_coding(accepted) == b"identity":
        return answer
    packed = gzip.compress(body["body"], 6, mtime=0)
    headers = [*start["headers"], (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    return {**start, "headers": headers}, {**body, "body": packed}
