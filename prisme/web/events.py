"""The event endpoints: bytes to a Hit, by script or without; the rules behind both doors are the same."""

from collections.abc import Awaitable, Callable

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import Record
from prisme.runtime.clock import Clock
from prisme.visit.address import Address
from prisme.web import response
from prisme.web.gate import Gate
from prisme.web.request import (
    DOCUMENT_REFERRER,
    MODEL,
    ORIGIN,
    PAGE,
    PLATFORM,
    REFERER,
    STATUS,
    USER_AGENT,
    VISITOR_ID,
    Proxy,
    Scope,
    Slots,
    read_parameters,
)
from prisme.web.response import Answer

Endpoint = Callable[[Scope], Answer | Awaitable[Answer]]
Refuse = Callable[[Scope, Refusal], Answer]
Commit = Callable[[], Awaitable[bool]]

# A URL of 8,192 bytes with each byte percent-encoded would be 24,576; two of them do not come from a browser.
_QUERY_BYTES = 32_768


class Doors(msgspec.Struct, frozen=True):
    """What both doors need. `commit` is there where an answer must wait for the disk."""

    gate: Gate
    proxy: Proxy
    clock: Clock
    refuse: Refuse
    refuse_gif: Refuse
    commit: Commit | None


def post_pageview(doors: Doors, record: Record) -> Endpoint:
    """`POST /api/v1/events/pageviews`."""
    scan, admit, wall = doors.proxy.scanner(), doors.gate.admit, doors.clock.wall
    refuse, answer = doors.refuse, _answerer(doors, response.ACCEPTED, doors.refuse)

    def endpoint(scope: Scope) -> Answer | Awaitable[Answer]:
        found = scan(scope["headers"])
        address = admit(scope, found, found[ORIGIN])
        if isinstance(address, Refusal):
            return refuse(scope, address)
        page = read_page(found[PAGE] or found[REFERER])
        if isinstance(page, Refusal):
            return refuse(scope, page)
        return answer(scope, record(read_hit(found, address, page, wall())))

    return endpoint


def noscript_pageview(doors: Doors, record: Record) -> Endpoint:
    """`GET /api/v1/noscript/events/pageviews`."""
    scan, admit, wall = doors.proxy.scanner(noscript=True), doors.gate.admit, doors.clock.wall
    refuse, answer = doors.refuse_gif, _answerer(doors, response.ACCEPTED_GIF, doors.refuse_gif)

    def endpoint(scope: Scope) -> Answer | Awaitable[Answer]:
        found = scan(scope["headers"])
        query = scope["query_string"]
        if len(query) > _QUERY_BYTES:
            query = b""
        read_parameters(query, found)
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        address = admit(scope, found, found[ORIGIN] or found[REFERER] or found[PAGE])
        if isinstance(address, Refusal):
            return refuse(scope, address)
        if len(scope["query_string"]) > _QUERY_BYTES:
            return refuse(scope, refusal.QUERY_TOO_LONG)
        page = read_page(found[PAGE] or found[REFERER])
        if isinstance(page, Refusal):
            return refuse(scope, page)
        return answer(scope, record(read_hit(found, address, page, wall())))

    return endpoint


def read_page(raw: bytes) -> Uri | Refusal:
    """The URL of the page that the event is about."""
    if not raw:
        return refusal.PAGE_MISSING
    page = parse(raw)
    return page if page is not None and page.is_web else refusal.PAGE_INVALID


def read_hit(found: Slots, address: Address, page: Uri, now: int) -> Hit:
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
    )


def _answerer(
    doors: Doors, accepted: Answer, refuse: Refuse
) -> Callable[[Scope, Refusal | None], Answer | Awaitable[Answer]]:
    """Answers what was recorded: at once, or, where so configured, when the disk has it."""
    commit = doors.commit

    def answer(scope: Scope, refused: Refusal | None) -> Answer:
        return accepted if refused is None else refuse(scope, refused)

    if commit is None:
        return answer

    async def answer_committed(scope: Scope, refused: Refusal | None) -> Answer:
        if refused is None and not await commit():
            refused = refusal.JOURNAL_UNAVAILABLE
        return answer(scope, refused)

    return answer_committed
