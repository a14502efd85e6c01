"""The event endpoints: bytes to a pageview or an event, by script or without; the rules behind both are the same.

The requests of a moment are read one by one, and judged and recorded together.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest import custom, links
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import DEFAULT_STATUS, Pageview, read_status, read_visitor
from prisme.ingest.record import Event, Record
from prisme.ingest.record import Outcome as Recorded
from prisme.runtime.clock import Clock
from prisme.visit.sites import Sites
from prisme.web import responses as response
from prisme.web.events.admission import Admit
from prisme.web.request import (
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DOCUMENT_REFERRER,
    HINTS,
    IN_QUERY,
    LINK,
    MAX_QUERY,
    OF_BODY,
    ORIGIN,
    PAGE,
    PING_FROM,
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
from prisme.web.responses import Answer

# An exception is nobody's fault but ours.
Outcome = Answer | Awaitable[Answer] | Exception
Endpoint = Callable[[Scope, Receive], Answer | Awaitable[Answer]]
Commit = Callable[[], Awaitable[bool]]
# Of all requests of a moment, in their order. Where one raises, nothing was recorded.
Many = Callable[[list[Scope]], list[Outcome]]

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
    sites: Sites
    record: Record
    proxy: Proxy
    clock: Clock
    commit: Commit | None


def post_pageview(doors: Doors) -> Together:
    """`POST /api/v1/events/pageviews`."""
    return Together(_read_post(doors), _answerer(doors, _Door(_pageview(doors.sites), _accept)))


def post_custom(doors: Doors) -> Together:
    """`POST /api/v1/events/custom/:name`."""

    def judge(scope: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        body = scope["body"].whole
        if body and found[CONTENT_TYPE].partition(b";")[0].strip().lower() != b"application/json":
            return refusal.NOT_JSON
        properties = custom.read_properties(body)
        return properties if isinstance(properties, Refusal) else custom.custom_event(hit, scope["name"], properties)

    return Together(_read_post_and_body(doors), _answerer(doors, _Door(judge, _accept)))


def post_link(doors: Doors, read: links.ReadLink) -> Together:
    """`POST /api/v1/events/file-downloads` and `/outbound-links`: the body is the URL, or `PING` of an `<a ping>`."""

    def judge(scope: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        body = scope["body"].whole
        return read(hit, found[LINK] if body == _PING else body.strip())

    return Together(_read_post_and_body(doors), _answerer(doors, _Door(judge, _accept, pings=True)))


def noscript_pageview(doors: Doors) -> Together:
    """`GET /api/v1/noscript/events/pageviews`."""
    return Together(_read_noscript(doors), _answerer(doors, _Door(_pageview(doors.sites), _accept_gif)))


def noscript_custom(doors: Doors) -> Together:
    """`GET /api/v1/noscript/events/custom/:name`."""

    def judge(scope: Scope, hit: Hit, _: Slots) -> Event | Refusal:
        joined = custom.join_properties(scope["properties"])
        return joined if isinstance(joined, Refusal) else custom.custom_event(hit, scope["name"], joined)

    return Together(_read_noscript(doors), _answerer(doors, _Door(judge, _accept_gif)))


def noscript_outbound(doors: Doors, read: links.ReadLink) -> Together:
    """`GET /api/v1/noscript/events/outbound-links`: on to the link, be the click counted or not.

    Who comes from no registered site is not sent on, but shown where the link leads: else anybody could hide an
    address of their own behind this server's.
    """
    lead_on = _leader(doors.sites)

    def judge(_: Scope, hit: Hit, found: Slots) -> Event | Refusal:
        return read(hit, found[LINK])

    def refuse(scope: Scope, why: Refusal) -> Answer:
        if why is refusal.LINK_INTERNAL or isinstance(links.read_link(scope["slots"][LINK]), Refusal):
            return response.refuse(doors.proxy, scope, why)
        return response.refuse(doors.proxy, scope, why, leading=lead_on(scope))

    return Together(_read_noscript(doors), _answerer(doors, _Door(judge, lead_on, refuse)))


def head_picture(_: Scope, __: Receive) -> Answer:
    """`HEAD` of a noscript event that is answered with the GIF: nothing happened, and nothing is stored."""
    return response.cut_body(response.ACCEPTED_GIF)


def head_outbound(doors: Doors) -> Endpoint:
    """`HEAD` of a noscript link, as programs that check links send it: where it leads, without a click."""
    read, lead_on = _read_noscript(doors), _leader(doors.sites)

    def endpoint(scope: Scope, _: Receive) -> Answer:
        scope["slots"] = found = read(scope)
        link = links.read_link(found[LINK])
        return response.cut_body(
            response.refuse(doors.proxy, scope, link) if isinstance(link, Refusal) else lead_on(scope)
        )

    return endpoint


def _leader(sites: Sites) -> Callable[[Scope], Answer]:
    """Sends who comes from a registered site on to the link, and shows it to others."""

    def lead_on(scope: Scope) -> Answer:
        found = scope["slots"]
        link = found[LINK].strip()
        # No header can be split by it: a URL with a control character is refused.
        if sites.admits[scope["origin"]] or sites.admits[found[REFERER]]:
            return response.redirect(link)
        return response.interstitial(link)

    return lead_on


def _pageview(sites: Sites) -> Callable[[Scope, Hit, Slots], Pageview | Refusal]:
    referrers = sites.referrers

    def judge(_: Scope, hit: Hit, found: Slots) -> Pageview | Refusal:
        status, visitor = found[STATUS], found[VISITOR_ID]
        code = read_status(status) if status else DEFAULT_STATUS
        name = read_visitor(visitor) if visitor else ""
        referrer = referrers[found[DOCUMENT_REFERRER]]
        if isinstance(code, Refusal):
            return code
        if isinstance(name, Refusal):
            return name
        return referrer if isinstance(referrer, Refusal) else Pageview(hit, referrer, code, name)

    return judge


def _accept(_: Scope) -> Answer:
    return response.ACCEPTED


def _accept_gif(_: Scope) -> Answer:
    return response.ACCEPTED_GIF


class _Door(NamedTuple):
    """One kind of event: what a hit becomes, and the answer to one that was recorded, or refused.

    With `pings`, a browser itself may have sent it, and says the page elsewhere.
    """

    judge: Callable[[Scope, Hit, Slots], Event | Refusal]
    accept: Callable[[Scope], Answer]
    refuse: Callable[[Scope, Refusal], Answer] | None = None
    pings: bool = False


def _read_post(doors: Doors) -> Callable[[Scope], Slots]:
    return doors.proxy.scanner(without=OF_BODY)


def _read_post_and_body(doors: Doors) -> Callable[[Scope], Slots]:
    """Bodies of those who may not come in are received as well: else the connection would end with the answer."""
    scan = doors.proxy.scanner()

    def read(scope: Scope) -> Slots:
        found = scan(scope)
        scope["body"] = Body(found[CONTENT_LENGTH])
        return found

    return read


def _read_noscript(doors: Doors) -> Callable[[Scope], Slots]:
    """What scripts say in headers, a noscript request has in its query."""
    scan = doors.proxy.scanner(without=IN_QUERY)

    def read(scope: Scope) -> Slots:
        found, query = scan(scope), scope["query_string"]
        if len(query) <= MAX_QUERY:
            scope["properties"] = read_parameters(query, found)
        else:
            scope["refused"] = refusal.QUERY_TOO_LONG  # unless there is a reason that comes first
        scope["origin"] = found[ORIGIN]
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        found[ORIGIN] = found[ORIGIN] or found[REFERER] or found[PAGE]
        return found

    return read


def _answerer(doors: Doors, door: _Door) -> Many:
    """Judges all that may come in, and records what they are."""
    admit, wall, pages, record = doors.admit, doors.clock.wall, doors.sites.pages, doors.record
    refuse, accept, commit = door.refuse or partial(response.refuse, doors.proxy), door.accept, doors.commit
    settle = _settler(commit, accept, refuse)
    judge, pings = door.judge, door.pings

    def read(scope: Scope) -> Event | Refusal:
        refused: Refusal | None = scope.get("refused")
        if refused is not None:
            return refused
        found = scope["slots"]
        url = found[PAGE]
        page = pages[url or found[REFERER]]
        if isinstance(page, Refusal):
            return page
        # Without a URL that was said, a referrer policy may have cut it to the origin.
        known = bool(url) or page.path != "/"
        hit = Hit(scope["address"], page, found[USER_AGENT], found[HINTS], known)
        return judge(scope, hit, found)

    def read_with_body(scope: Scope) -> Event | Refusal:
        body: Body = scope["body"]
        if body.refused is not None:
            scope.setdefault("refused", body.refused)
        elif pings and body.whole == _PING:
            # A page that came by https tells other origins in a ping nothing but its origin (HTML, "hyperlink
            # auditing").
            found = scope["slots"]
            found[PAGE] = found[PING_FROM]
            found[REFERER] = found[ORIGIN]
        return read(scope)

    def answer(scopes: list[Scope]) -> list[Outcome]:
        admit(scopes)
        items = [*map(read_with_body if "body" in scopes[0] else read, scopes)]
        events = [item for item in items if not isinstance(item, Refusal)]
        recorded = record(events, wall() // 1000)
        if commit is None and len(events) == len(items) and not any(recorded):
            return [accept(scope) for scope in scopes]
        outcomes = iter(recorded)
        return [
            refuse(scope, item) if isinstance(item, Refusal) else settle(scope, next(outcomes))
            for scope, item in zip(scopes, items, strict=True)
        ]

    return answer


def _settler(
    commit: Commit | None, accept: Callable[[Scope], Answer], refuse: Callable[[Scope, Refusal], Answer]
) -> Callable[[Scope, Recorded], Outcome]:
    """Answers what was recorded; where the disk itself has to have it, after that."""

    def settle(scope: Scope, recorded: Recorded) -> Outcome:
        if recorded is None:
            return accept(scope) if commit is None else settle_later(scope, commit)
        return refuse(scope, recorded) if isinstance(recorded, Refusal) else recorded

    async def settle_later(scope: Scope, commit: Commit) -> Answer:
        return accept(scope) if await commit() else refuse(scope, refusal.JOURNAL_UNAVAILABLE)

    return settle
