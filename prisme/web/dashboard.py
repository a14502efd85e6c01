"""The dashboard's pages: who is it, what is asked, and the page that shows it, packed where the browser can unpack."""

import gzip
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from prisme.access.grants import ADMIN, STATS, AccessError, Grant
from prisme.access.views import Views
from prisme.base import refusal, timexpr
from prisme.base.refusal import Refusal
from prisme.board import lists, numbers, page, state
from prisme.board.state import DASHBOARD, LIST, State
from prisme.runtime.clock import Clock
from prisme.stats import asked, filters
from prisme.stats.asked import COMPARE, MOST_ROWS, PROPERTY
from prisme.stats.queries import Stats
from prisme.stats.recent import Sites
from prisme.store.database import Database
from prisme.store.reader import LateError, Reader
from prisme.web.desk import Desk
from prisme.web.events import Endpoint
from prisme.web.files import DASHBOARD_SCRIPT, prefer
from prisme.web.forms import Fields, read_form
from prisme.web.guard import SHARE, ZONE, Asking, Guard, is_secure, read_asking
from prisme.web.pages import Pages, lead, tell
from prisme.web.request import Proxy, Receive, Scope
from prisme.web.response import Answer

_ROWS: Final = 100
_WORTH_PACKING: Final = 1000  # bytes
_SORTS: Final = {"": "count", "name": "name"}
# What a refused visit asks its owner to change.
_ADVICE: Final[dict[str, str]] = {
    "origin_not_registered": "Name the site's host in the option origins, and start Prisme again.",
    "page_url_missing": "The page's referrer policy cuts its URL: set one that sends it, or use the script.",
    "session_not_found": "An event came without its pageview: put the line into the page's head.",
    "rate_limited": "One address sent too much: behind a proxy, set trust_proxy, or raise api_events_rate_limit.",
    "bot": "Bots are not counted; bot_allow names those that are none.",
    "waiters_full": "Too many events came before their pageviews.",
    "journal_unavailable": "The disk is full, or cannot be written.",
    "method_not_allowed": "", "not_found": "",
}  # fmt: skip
# Of people who look, not of visits that were sent.
_NO_EVENTS: Final = frozenset(
    (
        "not_found", "method_not_allowed", "not_logged_in", "key_unknown", "share_locked", "password_wrong",
        "not_allowed", "domain_not_allowed", "cross_origin", "not_there", "too_many_attempts", "question_invalid",
        "fields_invalid", "stats_late", "stats_busy",
    )
)  # fmt: skip


class Intake(msgspec.Struct, frozen=True):
    """How events come in: those on their way, when the last was stored (Unix seconds, 0 for never), refusals."""

    pending: int
    stored_at: float
    failure: str | None
    refused: Mapping[str, int]


class Board(msgspec.Struct, frozen=True):
    """What the pages need. `deadline` in seconds; `origins` are the sites whose visits count."""

    database: Database
    sites: Sites
    guard: Guard
    views: Views
    pages: Pages
    desk: Desk
    proxy: Proxy
    clock: Clock
    deadline: float
    origins: tuple[str, ...]
    intake: Callable[[], Intake]


class Visit(msgspec.Struct, frozen=True):
    """Who looks, at what, where they see this server, and when it began (monotonic)."""

    asking: Asking
    grant: Grant
    given: dict[str, str]
    base: str
    began: float


Show = Callable[[Board, Visit], Answer | Refusal]


def dashboard(board: Board) -> dict[str, dict[str, Endpoint]]:
    """All routes of the dashboard."""
    return {
        DASHBOARD: {"GET": _page(board, _show)},
        LIST: {"GET": _page(board, _show_list)},
        f"{DASHBOARD}/filter": {"GET": _page(board, _filter)},
        f"{DASHBOARD}/views": {"POST": _form(board, _save)},
        f"{DASHBOARD}/share": {"POST": _form(board, _share)},
    }


def _page(board: Board, show: Show) -> Endpoint:
    async def endpoint(scope: Scope, _: Receive) -> Answer:
        asking, began = read_asking(scope), time.monotonic()
        if isinstance(asking, Refusal):
            return tell(board.pages, board.proxy, scope, asking)
        base = _base(scope, asking, board.proxy.trusted)
        outcome = await board.desk.run(lambda: work(asking, base, began))
        return tell(board.pages, board.proxy, scope, outcome) if isinstance(outcome, Refusal) else outcome

    def work(asking: Asking, base: str, began: float) -> Answer | Refusal:
        outcome = _enter(board, asking, base, began, show)
        return outcome if isinstance(outcome, Refusal) else _pack(outcome, asking)

    return endpoint


def _enter(board: Board, asking: Asking, base: str, began: float, show: Show) -> Answer | Refusal:
    """In a thread of the desk."""
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
        return show(board, Visit(asking, grant, dict(asking.query), base, began))
    except LateError as error:
        return refusal.STATS_LATE.because(str(error))
    except ValueError as error:
        return refusal.QUESTION_INVALID.because(str(error))


def _show(board: Board, visit: Visit) -> Answer | Refusal:
    given, now = state.read(visit.given), _now(board)
    with Reader(board.database, board.deadline, visit.began) as reader:
        stats = Stats(reader, visit.grant.domains)
        known = board.sites.find(visit.grant.domains, stats.domains)
        here = State(given, min((first for _, first in known), default=None), _read_zone(visit.asking))
        if not known:
            return board.pages.show("waiting", _frame(board, visit, here, "UTC") | _waiting(board, visit, here))
        question = asked.read(here.question() | {"limit": str(page.ROWS)}, now, COMPARE)
        values = page.build(stats, here, question, [domain for domain, _ in known], now)
    named = {
        "first_day": _day(question.span.start, question.zone),
        "last_day": _day(question.span.end - 1, question.zone),
    }
    values |= _frame(board, visit, here, question.zone.key) | _tools(board, visit, here, values) | named
    return board.pages.show("dashboard", values)


def _show_list(board: Board, visit: Visit) -> Answer | Refusal:
    given = dict(visit.given)
    name, sort = given.pop("name", ""), given.pop("sort", "")
    search, start = given.pop("search", ""), given.pop("start", "0")
    if name not in lists.KINDS:
        return refusal.NOT_THERE.because(f"{name[:64]!r} is no list; there are {', '.join(lists.KINDS)}")
    if not (start.isascii() and start.isdigit() and len(start) < 8) or sort not in _SORTS:
        return refusal.QUESTION_INVALID.because("start is a number, sort is name or nothing, such as sort=name")
    with Reader(board.database, board.deadline, visit.began) as reader:
        stats = Stats(reader, visit.grant.domains)
        known = board.sites.find(visit.grant.domains, stats.domains)
        first_of_all = min((first for _, first in known), default=None)
        here = State(state.read(given), first_of_all, _read_zone(visit.asking))
        words = {key: text for key, text in here.question().items() if key not in COMPARE}
        question = asked.read(words | {"limit": str(MOST_ROWS)}, _now(board), PROPERTY)
        found = page.find(stats, here, question, name, frozenset(domain for domain, _ in known))
    rows = [row for row in found.rows if search.casefold() in row.label.casefold()]
    if sort == "name":
        rows.sort(key=lambda row: row.label.casefold())
    first = int(start)

    def link(**changes: str) -> str:
        words = {"name": name, "sort": sort, "search": search, "start": start} | changes
        return here.link({key: text for key, text in words.items() if text != "0"}, LIST)

    values = {
        "list": msgspec.structs.replace(found, rows=rows[first : first + _ROWS]),
        "name": name,
        "sort": sort,
        "sorts": [(title, link(sort=key, start="0"), key == sort) for key, title in _SORTS.items()],
        "search": search,
        "count": f"{len(rows):,} of {len(found.rows):,}" if search else f"{len(rows):,}",
        "most": f"{MOST_ROWS:,}" if len(found.rows) == MOST_ROWS else "",
        "before": link(start=str(max(first - _ROWS, 0))) if first else "",
        "after": link(start=str(first + _ROWS)) if first + _ROWS < len(rows) else "",
        "described": state.describe(question),
        "chips": page.chips(here),
    }
    return board.pages.show("list", values | _frame(board, visit, here, question.zone.key))


def _filter(_: Board, visit: Visit) -> Answer | Refusal:
    """From the form of a filter to the page that has it."""
    given = dict(visit.given)
    name, value = given.pop("filter", ""), given.pop("value", "").strip()
    if name not in filters.NAMES:
        return refusal.QUESTION_INVALID.because(f"filter: {name[:64]!r} is none of {', '.join(filters.NAMES)}")
    here = State(state.read(given), None, "")
    filters.read({name: value})  # what is wrong with it is said here
    return lead(here.link({name: value}))


def _form(board: Board, take: Callable[[Board, Asking, Grant, Fields, str], Answer | Refusal]) -> Endpoint:
    """A form of our own page, by somebody who is logged in."""

    async def endpoint(scope: Scope, receive: Receive) -> Answer:
        outcome = await read(scope, receive)
        return tell(board.pages, board.proxy, scope, outcome) if isinstance(outcome, Refusal) else outcome

    async def read(scope: Scope, receive: Receive) -> Answer | Refusal:
        sent = await read_form(scope, receive)
        if isinstance(sent, Refusal):
            return sent
        asking, fields = sent
        base = _base(scope, asking, board.proxy.trusted)
        return await board.desk.run(lambda: enter(asking, fields, base))

    def enter(asking: Asking, fields: Fields, base: str) -> Answer | Refusal:
        grant = board.guard.identify(asking)
        if isinstance(grant, Refusal):
            return grant
        try:
            return take(board, asking, grant, fields, base)
        except AccessError as error:
            return refusal.FIELDS_INVALID.because(str(error))

    return endpoint


def _save(board: Board, _: Asking, grant: Grant, fields: Fields, __: str) -> Answer | Refusal:
    if not grant.account:
        return refusal.NOT_ALLOWED
    back = _read_back(fields)
    if fields.get("remove"):
        board.views.remove(grant.account, fields["remove"])
    else:
        board.views.save(grant.account, fields.get("name", ""), back.partition("?")[2])
    return lead(back)


def _share(board: Board, _: Asking, grant: Grant, fields: Fields, base: str) -> Answer | Refusal:
    """Make a share link, and show it, this once."""
    if ADMIN not in grant.scopes:
        return refusal.NOT_ALLOWED
    share, key = board.guard.shares.add(grant, fields.get("domain", ""), board.guard.clock())
    link = f"{base}/share?{urlencode({SHARE: key})}"
    return board.pages.show("shared", {"domain": share.domain, "link": link, "back": _read_back(fields)})


def _read_zone(asking: Asking) -> str:
    """The browser's time zone, empty where it does not say."""
    told = asking.cookies.get(ZONE, "")
    try:
        asked.read({"tz": told, "from": "2026-01-01", "to": "2026-01-02"}, 0)
    except ValueError:
        return ""
    return told


def _read_back(fields: Mapping[str, str]) -> str:
    """A page of the dashboard, to go back to."""
    back = fields.get("back", "")
    fits = back == DASHBOARD or back.startswith(f"{DASHBOARD}?")
    return back if fits and back.isascii() and back.isprintable() else DASHBOARD


def _frame(board: Board, visit: Visit, here: State, zone: str) -> dict[str, Any]:
    """What the frame around each page shows."""
    return {
        "state": here,
        "here": here.link(),
        "account": visit.grant.account,
        "share": here.get(SHARE),
        "tz": zone,
        "script": f"{DASHBOARD_SCRIPT}?v={board.pages.script}",
    }


def _tools(board: Board, visit: Visit, here: State, values: dict[str, Any]) -> dict[str, Any]:
    """What one may do with the page, and figures of the server itself for those who may see all."""
    grant = visit.grant
    sites = [one.title for one in values["sites"][1:] if one.chosen or len(values["sites"]) == 2]
    mine = board.views.list(grant.account) if grant.account else []
    return {
        "views": [
            {"name": view.name, "link": f"{DASHBOARD}?{view.query}" if view.query else DASHBOARD} for view in mine
        ],
        "share_domain": sites[0] if ADMIN in grant.scopes and len(sites) == 1 else "",
        "clear": here.link(dict.fromkeys(filters.NAMES)),
        "all_link": here.link({"period": "all", "from": None, "to": None}),
        "now_link": here.link({"period": "30m", "from": None, "to": None}),
        "live_url": page.export(here, "live-visitors"),
        "week_csv": page.export(here, "weekday-hours", ".csv"),
        "week_json": page.export(here, "weekday-hours"),
        "health": _health(board) if _may_see_health(grant) else None,
    }


def _may_see_health(grant: Grant) -> bool:
    return ADMIN in grant.scopes and grant.domains is None


def _waiting(board: Board, visit: Visit, here: State) -> dict[str, Any]:
    may_set_up = _may_see_health(visit.grant)
    return {
        "base": visit.base,
        "here": here.link(),
        "origins": board.origins,
        "may_set_up": may_set_up,
        "health": _health(board) if may_set_up else {"refused": []},
    }


def _health(board: Board) -> dict[str, Any]:
    intake = board.intake()
    refused = sorted(intake.refused.items(), key=lambda item: (-item[1], item[0]))
    ago = max(board.clock.wall() / 1e9 - intake.stored_at, 0)
    return {
        "pending": numbers.exact(intake.pending),
        "stored": f"{numbers.duration(ago)} ago" if intake.stored_at else "nothing since the start",
        "failure": intake.failure,
        "refused": [
            (reason.replace("_", " "), numbers.exact(count), _ADVICE.get(reason, ""))
            for reason, count in refused
            if reason not in _NO_EVENTS
        ],
    }


def _base(scope: Scope, asking: Asking, trusted: bool) -> str:
    """Where the browser sees this server."""
    scheme = "https" if is_secure(scope, asking, trusted) else "http"
    return f"{scheme}://{asking.headers.get('host', 'localhost')}"


def _now(board: Board) -> int:
    return board.clock.wall() // 1000


def _day(moment: int, zone: ZoneInfo) -> str:
    return timexpr.localise(moment, zone).date().isoformat()


def _pack(answer: Answer, asking: Asking) -> Answer:
    """With gzip, where the browser takes it. Nothing on these pages is a secret that a stranger may add text to."""
    start, body = answer
    accepted = asking.headers.get("accept-encoding", "").encode("latin-1")[:128]
    if len(body["body"]) < _WORTH_PACKING or b"gzip" not in accepted or prefer(accepted) == b"identity":
        return answer
    packed = gzip.compress(body["body"], 6, mtime=0)
    headers = [*start["headers"], (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    return {**start, "headers": headers}, {**body, "body": packed}
