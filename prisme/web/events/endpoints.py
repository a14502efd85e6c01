"""The event endpoints for scripts: reads requests, rejects early what may not be stored, records and answers a batch.

The rules are the same for requests without a script (`noscript.py`).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest import custom, links
from prisme.ingest.batch import Event, Record
from prisme.ingest.batch import Outcome as Recorded
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import DEFAULT_STATUS, Pageview, read_status, read_visitor
from prisme.runtime.clock import Clock
from prisme.visit.address import Address
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.refused_hosts import RefusedHosts
from prisme.visit.sites import Sites
from prisme.web import responses
from prisme.web.body import Body
from prisme.web.request import (
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DOCUMENT_REFERRER,
    HINTS,
    LINK,
    ORIGIN,
    PAGE,
    PING_FROM,
    REFERER,
    STATUS,
    STORED,
    USER_AGENT,
    VISITOR_ID,
    Proxy,
    Request,
    Slots,
)
from prisme.web.responses import EVENTS, Response
from prisme.web.routing import NAME, BatchEndpoint, Methods, Outcome

Commit = Callable[[], Awaitable[bool]]
# The event of an admitted request, or why it is refused.
Read = Callable[[Request, Hit], Event | Refusal]

_PING: Final = b"PING"
# Headers that only requests with a body have.
BODY_HEADERS: Final = frozenset({b"content-type", b"content-length", b"ping-from", b"ping-to"})


class EventDeps(msgspec.Struct, frozen=True):
    """What all event endpoints need.

    With `fsync=always`, `commit` is awaited before an event is answered: it says whether the disk has it.
    """

    limiter: RateLimiter
    sites: Sites
    record: Record
    proxy: Proxy
    clock: Clock
    commit: Commit | None
    refused: RefusedHosts


class EventKind(NamedTuple):
    """How events of one kind are read and answered. With `pings`, a browser may send them itself (`<a ping>`)."""

    read: Read
    accept: Callable[[Request], Response] = lambda _: responses.ACCEPTED
    refuse: Callable[[Request, Refusal], Response] = responses.refuse
    pings: bool = False


def routes(deps: EventDeps) -> dict[str, Methods]:
    """All event endpoints for scripts."""
    read_post, read_post_and_body = deps.proxy.scanner(without=BODY_HEADERS), _body_reader(deps.proxy)
    outbound = EventKind(partial(_read_link, links.make_outbound_link_reader(deps.sites)), pings=True)
    download = EventKind(partial(_read_link, links.read_file_download), pings=True)
    endpoints = {
        "pageviews": batch_endpoint(deps, read_post, EventKind(read_pageview(deps.sites))),
        f"custom/{NAME}": batch_endpoint(deps, read_post_and_body, EventKind(_read_custom)),
        "file-downloads": batch_endpoint(deps, read_post_and_body, download),
        "outbound-links": batch_endpoint(deps, read_post_and_body, outbound),
    }
    return {EVENTS + path: {"POST": endpoint} for path, endpoint in endpoints.items()}


def batch_endpoint(deps: EventDeps, read_slots: Callable[[Request], Slots], kind: EventKind) -> BatchEndpoint:
    """An endpoint for events of one kind: `read_slots` reads a request in Granian's thread."""
    wall, record, commit, accept = deps.clock.wall, deps.record, deps.commit, kind.accept
    pages, read_event, refused = deps.sites.pages, kind.read, deps.refused

    def read(request: Request, client: Address) -> Event | Refusal:
        if request.refusal is not None:
            return request.refusal
        slots = request.slots
        url = slots[PAGE]
        page = pages[url or slots[REFERER]]
        if isinstance(page, Refusal):
            if page is refusal.PAGE_UNKNOWN:
                refused.add(url or slots[REFERER], wall() // 1_000_000_000)
            return page
        # Without an explicit URL, a referrer policy may have cut it to the origin.
        is_known = bool(url) or page.path != "/"
        return read_event(request, Hit(client, page, slots[USER_AGENT], slots[HINTS], is_known))

    def answer(requests: list[Request]) -> list[Outcome]:
        clients = admit(deps, requests)
        if requests[0].body is not None:
            _check_bodies(requests, pings=kind.pings)
        items = [*map(read, requests, clients)]
        events = [item for item in items if not isinstance(item, Refusal)]
        recorded = record(events, wall() // 1000)
        if commit is None and len(events) == len(items) and not any(recorded):
            return [accept(request) for request in requests]
        outcomes = iter(recorded)
        return [
            kind.refuse(request, item) if isinstance(item, Refusal) else _answer(kind, commit, request, next(outcomes))
            for request, item in zip(requests, items, strict=True)
        ]

    return BatchEndpoint(read_slots, answer)


def admit(deps: EventDeps, requests: list[Request]) -> list[Address]:
    """The cheapest checks come first, before anything is parsed: rate limits, then the origin, which may be any URL.

    Returns the clients' addresses.
    """
    clients = deps.proxy.clients(requests)
    waits = deps.limiter.retry_after(clients, count_bytes(requests), deps.clock.steady())
    admits = deps.sites.admits
    known = [admits[request.slots[ORIGIN]] for request in requests]
    if any(waits) or not all(known):
        for request, seconds, is_known in zip(requests, waits, known, strict=True):
            if seconds:
                request.refusal = refusal.RATE_LIMITED.with_retry_after(seconds)
            elif not is_known:
                request.refusal = refusal.ORIGIN_UNKNOWN
                deps.refused.add(request.slots[ORIGIN], deps.clock.wall() // 1_000_000_000)
    return clients


def _check_bodies(requests: list[Request], *, pings: bool) -> None:
    for request in requests:
        body = request.body
        if body is None:
            continue
        if body.refused is not None:
            request.refusal = request.refusal or body.refused
        elif pings and body.whole == _PING:
            # From an https page, a ping tells other origins only the page's origin (HTML, "hyperlink auditing").
            request.slots[PAGE] = request.slots[PING_FROM]
            request.slots[REFERER] = request.slots[ORIGIN]


def count_bytes(requests: list[Request]) -> list[int]:
    """The bytes of each request that may be stored, or are parsed to find what is stored; all are to one endpoint.

    These are a name in the path, the query where it is read, the body, and of headers the page's URL, the document
    referrer, the visitor id and a ping's link. Of all others, little or nothing is stored.
    """
    first = requests[0]
    if first.method == "GET":  # all but a `Referer` is in the query
        return [len(one.path) + len(one.query) + len(one.slots[REFERER]) for one in requests]
    sizes = [len(b"".join(one.slots[STORED])) for one in requests]  # twice as fast as a sum
    if first.body is None:
        return sizes
    return [
        size + len(one.path) + (one.body.size if one.body else 0) for size, one in zip(sizes, requests, strict=True)
    ]


def _answer(kind: EventKind, commit: Commit | None, request: Request, recorded: Recorded) -> Outcome:
    """Answer an event that was recorded, or not; with a `commit`, when the disk has it."""
    if recorded is None:
        # Begun at once: a sync that fails withdraws events that were recorded before, whoever waits for it.
        return kind.accept(request) if commit is None else _answer_later(kind, commit(), request)
    return kind.refuse(request, recorded) if isinstance(recorded, Refusal) else recorded


async def _answer_later(kind: EventKind, synced: Awaitable[bool], request: Request) -> Response:
    return kind.accept(request) if await synced else kind.refuse(request, refusal.JOURNAL_UNAVAILABLE)


def read_pageview(sites: Sites) -> Read:
    """A function that reads pageviews."""
    referrers = sites.referrers

    def read(request: Request, hit: Hit) -> Pageview | Refusal:
        slots = request.slots
        status, visitor = DEFAULT_STATUS, ""
        if slots[STATUS]:
            code = read_status(slots[STATUS])
            if isinstance(code, Refusal):
                return code
            status = code
        if slots[VISITOR_ID]:
            name = read_visitor(slots[VISITOR_ID])
            if isinstance(name, Refusal):
                return name
            visitor = name
        referrer = referrers[slots[DOCUMENT_REFERRER]]
        return referrer if isinstance(referrer, Refusal) else Pageview(hit, referrer, status, visitor)

    return read


def _read_custom(request: Request, hit: Hit) -> Event | Refusal:
    """`POST /api/v1/events/custom/:name`."""
    body = request.body.whole if request.body else b""
    if body and request.slots[CONTENT_TYPE].partition(b";")[0].strip().lower() != b"application/json":
        return refusal.NOT_JSON
    properties = custom.read_properties(body or b"")
    return properties if isinstance(properties, Refusal) else custom.custom_event(hit, request.name, properties)


def _read_link(read: links.ReadLink, request: Request, hit: Hit) -> Event | Refusal:
    """`POST /api/v1/events/file-downloads` and `/outbound-links`: the body is the URL, or `PING` of an `<a ping>`."""
    body = (request.body.whole if request.body else b"") or b""
    return read(hit, request.slots[LINK] if body == _PING else body.strip())


def _body_reader(proxy: Proxy) -> Callable[[Request], Slots]:
    """The bodies of refused requests are received as well: otherwise the connection would end with the answer."""
    scan = proxy.scanner()

    def read(request: Request) -> Slots:
        slots = scan(request)
        request.body = Body(slots[CONTENT_LENGTH])
        return slots

    return read
