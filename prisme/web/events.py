"""The event endpoints: bytes to a Hit, by script or without; the rules behind both doors are the same.

The requests of a moment are read one by one, and judged and recorded together.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest import custom, event, links, pageview
from prisme.ingest.event import Event, Recorded
from prisme.ingest.hit import Hit
from prisme.runtime.clock import Clock
from prisme.visit.address import Address
from prisme.web import response
from prisme.web.gate import Admit
from prisme.web.request import (
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DOCUMENT_REFERRER,
    LINK,
    MAX_QUERY,
    MODEL,
    ORIGIN,
    PAGE,
    PING_FROM,
    PLATFORM,
    REFERER,
    STATUS,
    USER_AGENT,
    VISITOR_ID,
    Body,
    Proxy,
    Receive,
    Scope,
    Slots,
    read_parameters,
)
from prisme.web.response import Answer

# An exception is nobody's fault but ours.
Outcome = Answer | Awaitable[Answer] | Exception
Endpoint = Callable[[Scope, Receive], Answer | Awaitable[Answer]]
Commit = Callable[[], Awaitable[bool]]
# Of all requests of a moment, in their order. Where one raises, nothing was recorded.
Many = Callable[[list[Scope]], list[Outcome]]
Item = TypeVar("Item")

_PING = b"PING"


class Together(NamedTuple):
    """An endpoint for all requests of a moment.

    `read`, where there is one, gives what it wants of a request's bytes: `slots` in its scope; and leaves its `body`
    there, where it has to have it. Nothing is shared, so it may be called in any thread. Bodies have ended when
    `answer` is called.
    """

    read: Callable[[Scope], Slots] | None
    answer: Many


class Doors(msgspec.Struct, frozen=True):
    """What all endpoints need. `commit`, where there is one, is awaited before an event is answered: is it safe?"""

    admit: Admit
    proxy: Proxy
    clock: Clock
    commit: Commit | None


def post_pageview(doors: Doors, record: pageview.Record) -> Together:
    """`POST /api/v1/events/pageviews`."""
    return Together(_read_post(doors), _answerer(doors, _Door(_as_it_is, record)))


def post_custom(doors: Doors, record: event.Record) -> Together:
    """`POST /api/v1/events/custom/:name`."""

    def judge(scope: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        body = scope["body"].whole
        if body and found[CONTENT_TYPE].partition(b";")[0].strip().lower() != b"application/json":
            return refusal.NOT_JSON
        properties = custom.read_properties(body)
        return properties if isinstance(properties, Refusal) else custom.custom_event(hit, scope["name"], properties)

    return Together(_read_post_and_body(doors), _answerer(doors, _Door(judge, record)))


def post_link(doors: Doors, record: event.Record, read: links.Read) -> Together:
    """`POST /api/v1/events/file-downloads` and `/outbound-links`: the body is the URL, or `PING` of an `<a ping>`."""

    def judge(scope: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        body = scope["body"].whole
        return read(hit, found[LINK], True) if body == _PING else read(hit, body.strip(), False)

    return Together(_read_post_and_body(doors), _answerer(doors, _Door(judge, record, pings=True)))


def noscript_pageview(doors: Doors, record: pageview.Record) -> Together:
    """`GET /api/v1/noscript/events/pageviews`."""
    return Together(_read_noscript(doors), _answerer(doors, _Door(_as_it_is, record, _accept_gif)))


def noscript_custom(doors: Doors, record: event.Record) -> Together:
    """`GET /api/v1/noscript/events/custom/:name`."""

    def judge(scope: Scope, hit: Hit, _: Slots) -> Event | Refusal:
        joined = custom.join_properties(scope["properties"])
        return joined if isinstance(joined, Refusal) else custom.custom_event(hit, scope["name"], joined)

    return Together(_read_noscript(doors), _answerer(doors, _Door(judge, record, _accept_gif)))


def noscript_outbound(doors: Doors, record: event.Record) -> Together:
    """`GET /api/v1/noscript/events/outbound-links`: on to the link, once the click is stored."""

    def judge(_: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        return links.outbound_link(hit, found[LINK], True)

    def accept(scope: Scope) -> Answer:
        # No header can be split by it: a URL with a control character is refused.
        return response.redirect(scope["slots"][LINK].strip())

    return Together(_read_noscript(doors), _answerer(doors, _Door(judge, record, accept)))


def read_page(raw: bytes) -> Uri | Refusal:
    """The URL of the page that the event is about."""
    if not raw:
        return refusal.PAGE_MISSING
    page = parse(raw)
    return page if page is not None and page.is_web else refusal.PAGE_INVALID


def read_hit(found: Slots, address: Address, page: Uri, now: int, page_known: bool = True) -> Hit:
    """The event as ingest wants it; `now` in nanoseconds."""
    return Hit(
        now // 1000,
        address,
        page,
        found[USER_AGENT],
        found[PLATFORM],
        found[MODEL],
        found[DOCUMENT_REFERRER],
        found[VISITOR_ID],
        found[STATUS],
        page_known,
    )


def _as_it_is(_: Scope, hit: Hit, __: Slots) -> Hit:
    """A pageview is its hit."""
    return hit


def _accept(_: Scope) -> Answer:
    return response.ACCEPTED


def _accept_gif(_: Scope) -> Answer:
    return response.ACCEPTED_GIF


class _Door(NamedTuple, Generic[Item]):
    """One kind of event: what a hit becomes, how such are recorded, and the answer to one that was.

    With `pings`, a browser itself may have sent it, and says the page elsewhere.
    """

    judge: Callable[[Scope, Hit, Slots], Item | Refusal]
    record: Callable[[Sequence[Item]], Sequence[Recorded]]
    accept: Callable[[Scope], Answer] = _accept
    pings: bool = False


def _read_post(doors: Doors) -> Callable[[Scope], Slots]:
    scan = doors.proxy.scanner()
    return lambda scope: scan(scope["headers"])


def _read_post_and_body(doors: Doors) -> Callable[[Scope], Slots]:
    """Bodies of those who may not come in are received as well: else the connection would end with the answer."""
    read_headers = _read_post(doors)

    def read(scope: Scope) -> Slots:
        found = read_headers(scope)
        scope["body"] = Body(found[CONTENT_LENGTH])
        return found

    return read


def _read_noscript(doors: Doors) -> Callable[[Scope], Slots]:
    """What scripts say in headers, a noscript request has in its query."""
    scan = doors.proxy.scanner(noscript=True)

    def read(scope: Scope) -> Slots:
        found, query = scan(scope["headers"]), scope["query_string"]
        if len(query) <= MAX_QUERY:
            scope["properties"] = read_parameters(query, found)
        else:
            scope["unread"] = refusal.QUERY_TOO_LONG
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        found[ORIGIN] = found[ORIGIN] or found[REFERER] or found[PAGE]
        return found

    return read


def _answerer(doors: Doors, door: _Door[Item]) -> Many:
    """Judges all that may come in, and records what they are."""
    admit, wall = doors.admit, doors.clock.wall
    refuse, settle = partial(response.refuse, doors.proxy), _settler(doors, door.accept)
    judge, record, pings = door.judge, door.record, door.pings

    def read(scope: Scope, now: int) -> Item | Refusal:
        body: Body | None = scope.get("body")
        refused: Refusal | None = scope.get("refused") or (scope.get("unread") if body is None else body.refused)
        if refused is not None:
            return refused
        found = scope["slots"]
        ping = pings and body is not None and body.whole == _PING
        # A page that came by https tells other origins in a ping nothing but its origin (HTML, "hyperlink auditing").
        page = read_page((found[PING_FROM] or found[ORIGIN]) if ping else found[PAGE] or found[REFERER])
        if isinstance(page, Refusal):
            return page
        hit = read_hit(found, scope["address"], page, now, page_known=not ping or bool(found[PING_FROM]))
        return judge(scope, hit, found)

    def answer(scopes: list[Scope]) -> list[Outcome]:
        admit(scopes)
        now = wall()
        items = [read(scope, now) for scope in scopes]
        recorded = iter(record([item for item in items if not isinstance(item, Refusal)]))
        return [
            refuse(scope, item) if isinstance(item, Refusal) else settle(scope, next(recorded))
            for scope, item in zip(scopes, items, strict=True)
        ]

    return answer


def _settler(doors: Doors, accept: Callable[[Scope], Answer]) -> Callable[[Scope, Recorded], Outcome]:
    """Answers what was recorded; where its session has to come first, or the disk itself has to have it, after that."""
    commit, refuse = doors.commit, partial(response.refuse, doors.proxy)

    def settle(scope: Scope, recorded: Recorded) -> Outcome:
        if recorded is None and commit is None:
            return accept(scope)
        if isinstance(recorded, Refusal):
            return refuse(scope, recorded)
        return recorded if isinstance(recorded, Exception) else settle_later(scope, recorded)

    async def settle_later(scope: Scope, recorded: Awaitable[Refusal | None] | None) -> Answer:
        refused = None if recorded is None else await recorded
        if refused is None and commit is not None and not await commit():
            refused = refusal.JOURNAL_UNAVAILABLE
        return accept(scope) if refused is None else refuse(scope, refused)

    return settle
