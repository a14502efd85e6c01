"""The event endpoints: bytes to a Hit, by script or without; the rules behind both doors are the same."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest import custom, links, pageview
from prisme.ingest.event import Recorded
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
    Bodies,
    Pairs,
    Proxy,
    Receive,
    Scope,
    Slots,
    read_parameters,
)
from prisme.web.response import Answer

Outcome = Answer | Awaitable[Answer]
Endpoint = Callable[[Scope, Receive], Outcome]
Commit = Callable[[], Awaitable[bool]]
Settle = Callable[[Scope, Recorded, Answer], Outcome]

_PING = b"PING"


class AtOnce(NamedTuple):
    """An endpoint that reads no body: what it awaits, if anything, comes after all that it does."""

    endpoint: Endpoint


class Together(NamedTuple):
    """An endpoint for all requests of a moment, which gives their outcomes in order; likewise without a body.

    `read`, where there is one, gives what it wants of a request's bytes: `slots` in its scope. Nothing is shared, so it
    may be called in any thread. Where the endpoint raises, nothing was recorded.
    """

    read: Callable[[Scope], Slots] | None
    endpoint: Callable[[list[Scope]], list[Outcome | Exception]]


class Doors(msgspec.Struct, frozen=True):
    """What all endpoints need. `commit`, where there is one, is awaited before an event is answered: is it safe?"""

    admit: Admit
    proxy: Proxy
    clock: Clock
    commit: Commit | None


def post_pageview(doors: Doors, record: pageview.Record) -> Together:
    """`POST /api/v1/events/pageviews`."""
    scan = doors.proxy.scanner()
    return _pageviews(doors, record, lambda scope: scan(scope["headers"]), response.ACCEPTED)


def post_custom(doors: Doors, record: custom.Record) -> Endpoint:
    """`POST /api/v1/events/custom/:name`."""

    def read(scope: Scope, found: Slots, hit: Hit, body: bytes) -> Recorded:
        if body and found[CONTENT_TYPE].partition(b";")[0].strip().lower() != b"application/json":
            return refusal.NOT_JSON
        properties = custom.read_properties(body)
        return properties if isinstance(properties, Refusal) else record(hit, scope["name"], properties)

    return _post(doors, read)


def post_link(doors: Doors, record: links.Record) -> Endpoint:
    """`POST /api/v1/events/file-downloads` and `/outbound-links`: the body is the URL, or `PING` of an `<a ping>`."""

    def read(_: Scope, found: Slots, hit: Hit, body: bytes) -> Recorded:
        return record(hit, found[LINK], True) if body == _PING else record(hit, body.strip(), False)

    return _post(doors, read, pings=True)


def noscript_pageview(doors: Doors, record: pageview.Record) -> Together:
    """`GET /api/v1/noscript/events/pageviews`."""
    scan = doors.proxy.scanner(noscript=True)

    def read(scope: Scope) -> Slots:
        found, query = scan(scope["headers"]), scope["query_string"]
        if len(query) <= MAX_QUERY:
            read_parameters(query, found)
        else:
            scope["too_long"] = True
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        found[ORIGIN] = found[ORIGIN] or found[REFERER] or found[PAGE]
        return found

    return _pageviews(doors, record, read, response.ACCEPTED_GIF)


def noscript_custom(doors: Doors, record: custom.Record) -> AtOnce:
    """`GET /api/v1/noscript/events/custom/:name`."""

    def read(scope: Scope, _: Slots, hit: Hit, properties: Pairs) -> tuple[Recorded, Answer]:
        joined = custom.join_properties(properties)
        recorded = joined if isinstance(joined, Refusal) else record(hit, scope["name"], joined)
        return recorded, response.ACCEPTED_GIF

    return _get(doors, read)


def noscript_outbound(doors: Doors, record: links.Record) -> AtOnce:
    """`GET /api/v1/noscript/events/outbound-links`: on to the link, once the click is stored."""

    def read(_: Scope, found: Slots, hit: Hit, __: Pairs) -> tuple[Recorded, Answer]:
        # No header can be split by it: `record` refuses a URL with a control character.
        return record(hit, found[LINK], True), response.redirect(found[LINK].strip())

    return _get(doors, read)


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


def _pageviews(doors: Doors, record: pageview.Record, read: Callable[[Scope], Slots], accepted: Answer) -> Together:
    """Pageviews, whatever way they come."""
    admit, wall = doors.admit, doors.clock.wall
    refuse, settle = partial(response.refuse, doors.proxy), _settler(doors)

    def judge(scope: Scope, found: Slots, address: Address | Refusal, now: int) -> Hit | Refusal:
        if isinstance(address, Refusal):
            return address
        if "too_long" in scope:
            return refusal.QUERY_TOO_LONG
        page = read_page(found[PAGE] or found[REFERER])
        return page if isinstance(page, Refusal) else read_hit(found, address, page, now)

    def conclude(scope: Scope, recorded: pageview.Outcome) -> Outcome | Exception:
        return recorded if isinstance(recorded, Exception) else settle(scope, recorded, accepted)

    def endpoint(scopes: list[Scope]) -> list[Outcome | Exception]:
        now = wall()
        slots = [scope.get("slots") or read(scope) for scope in scopes]
        admitted = admit(scopes, slots)
        hits = [judge(*each, now) for each in zip(scopes, slots, admitted, strict=True)]
        recorded = iter(record([hit for hit in hits if isinstance(hit, Hit)]))
        return [
            conclude(scope, next(recorded)) if isinstance(hit, Hit) else refuse(scope, hit)
            for scope, hit in zip(scopes, hits, strict=True)
        ]

    return Together(read, endpoint)


def _post(doors: Doors, read: Callable[[Scope, Slots, Hit, bytes], Recorded], *, pings: bool = False) -> Endpoint:
    """An endpoint with a body; with `pings`, a browser itself may have sent it, and says the page elsewhere."""
    scan, admit, wall = doors.proxy.scanner(), doors.admit, doors.clock.wall
    refuse, settle = partial(response.refuse, doors.proxy), _settler(doors)
    read_body = Bodies().read

    async def endpoint(scope: Scope, receive: Receive) -> Answer:
        found = scan(scope["headers"])
        (address,) = admit([scope], [found])
        if isinstance(address, Refusal):
            return refuse(scope, address)
        scope["headers"] = ()  # 100 kB, where a client wants it so, for as long as its body takes
        body = await read_body(receive, found[CONTENT_LENGTH])
        if isinstance(body, Refusal):
            return refuse(scope, body)
        ping = pings and body == _PING
        # A page that came by https tells other origins in a ping nothing but its origin (HTML, "hyperlink auditing").
        page = read_page((found[PING_FROM] or found[ORIGIN]) if ping else found[PAGE] or found[REFERER])
        if isinstance(page, Refusal):
            return refuse(scope, page)
        hit = read_hit(found, address, page, wall(), page_known=not ping or bool(found[PING_FROM]))
        outcome = settle(scope, read(scope, found, hit, body), response.ACCEPTED)
        return outcome if isinstance(outcome, tuple) else await outcome

    return endpoint


def _get(doors: Doors, read: Callable[[Scope, Slots, Hit, Pairs], tuple[Recorded, Answer]]) -> AtOnce:
    """A noscript endpoint: what scripts say in headers, it has in its query."""
    scan, admit, wall = doors.proxy.scanner(noscript=True), doors.admit, doors.clock.wall
    refuse, settle = partial(response.refuse, doors.proxy), _settler(doors)

    def endpoint(scope: Scope, _: Receive) -> Outcome:
        found = scan(scope["headers"])
        query = scope["query_string"]
        properties = read_parameters(query, found) if len(query) <= MAX_QUERY else []
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        found[ORIGIN] = found[ORIGIN] or found[REFERER] or found[PAGE]
        (address,) = admit([scope], [found])
        if isinstance(address, Refusal):
            return refuse(scope, address)
        if len(query) > MAX_QUERY:
            return refuse(scope, refusal.QUERY_TOO_LONG)
        page = read_page(found[PAGE] or found[REFERER])
        if isinstance(page, Refusal):
            return refuse(scope, page)
        return settle(scope, *read(scope, found, read_hit(found, address, page, wall()), properties))

    return AtOnce(endpoint)


def _settler(doors: Doors) -> Settle:
    """Answers what was recorded; where its session has to come first, or the disk itself has to have it, after that."""
    commit, refuse = doors.commit, partial(response.refuse, doors.proxy)

    def settle(scope: Scope, recorded: Recorded, accepted: Answer) -> Outcome:
        if recorded is None and commit is None:
            return accepted
        return refuse(scope, recorded) if isinstance(recorded, Refusal) else settle_later(scope, recorded, accepted)

    async def settle_later(scope: Scope, recorded: Awaitable[Refusal | None] | None, accepted: Answer) -> Answer:
        refused = None if recorded is None else await recorded
        if refused is None and commit is not None and not await commit():
            refused = refusal.JOURNAL_UNAVAILABLE
        return accepted if refused is None else refuse(scope, refused)

    return settle
