"""The event endpoints without a script: all values are in the query, and the answer is a picture or a redirect."""

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import unquote_to_bytes

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest import custom, links
from prisme.ingest.batch import Event
from prisme.ingest.hit import Hit
from prisme.visit.sites import Sites
from prisme.web import responses
from prisme.web.events.endpoints import EventDeps, EventKind, batch_endpoint, read_pageview
from prisme.web.request import (
    DOCUMENT_REFERRER,
    LINK,
    MAX_QUERY,
    ORIGIN,
    PAGE,
    REFERER,
    STATUS,
    VISITOR_ID,
    Pairs,
    Proxy,
    Request,
    Slots,
)
from prisme.web.responses import NOSCRIPT, Response
from prisme.web.routing import NAME, Endpoint, Methods

# Headers that have their values in the query.
IN_QUERY: Final = frozenset(
    {
        b"x-prisme-referrer",
        b"x-prisme-document-referrer",
        b"x-prisme-visitor-id",
        b"x-prisme-status",
        b"ping-from",
        b"ping-to",
    }
)
_PARAMETERS: Final = {
    b"referrer": PAGE,
    b"document-referrer": DOCUMENT_REFERRER,
    b"visitor-id": VISITOR_ID,
    b"status": STATUS,
    b"url": LINK,
}
_PROPERTY: Final = b"prop-"


def routes(deps: EventDeps) -> dict[str, Methods]:
    """All event endpoints without a script."""
    read = query_reader(deps.proxy)
    endpoint = partial(batch_endpoint, deps, read)
    pageview = EventKind(read_pageview(deps.sites), _accept_gif)
    return {
        f"{NOSCRIPT}events/pageviews": {"GET": endpoint(pageview), "HEAD": _head_gif},
        f"{NOSCRIPT}events/custom/{NAME}": {"GET": endpoint(EventKind(_read_custom, _accept_gif)), "HEAD": _head_gif},
        f"{NOSCRIPT}events/outbound-links": {
            "GET": endpoint(_outbound_link(deps.sites)),
            "HEAD": _head_outbound(deps.sites, read),
        },
    }


def query_reader(proxy: Proxy) -> Callable[[Request], Slots]:
    """A function that reads the slots of requests whose values are in the query."""
    scan = proxy.scanner(without=IN_QUERY)

    def read(request: Request) -> Slots:
        slots = scan(request)
        if len(request.query) <= MAX_QUERY:
            request.properties = read_parameters(request.query, slots)
        else:
            request.refusal = refusal.QUERY_TOO_LONG  # unless the rate limit or the origin refuses it first
        request.origin = slots[ORIGIN]
        # Browsers send no `Origin` with `<img>` and `<a>`: the page's own URL stands in.
        slots[ORIGIN] = slots[ORIGIN] or slots[REFERER] or slots[PAGE]
        return slots

    return read


def read_parameters(query: bytes, slots: Slots) -> Pairs:
    """Put search parameters into their slots, the last of each; returns the `prop-` parameters."""
    properties: Pairs = []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        slot = _PARAMETERS.get(name)
        if slot is not None:
            slots[slot] = _decode(value)
        elif name.startswith(_PROPERTY):
            properties.append((_decode(name[len(_PROPERTY) :]), _decode(value)))
    return properties


def _decode(value: bytes) -> bytes:
    if b"+" in value:
        value = value.replace(b"+", b" ")
    return unquote_to_bytes(value) if b"%" in value else value


def _read_custom(request: Request, hit: Hit) -> Event | Refusal:
    joined = custom.join_properties(request.properties)
    return joined if isinstance(joined, Refusal) else custom.custom_event(hit, request.name, joined)


def _outbound_link(sites: Sites) -> EventKind:
    """Clicks on links to other sites: the visitor is sent on to the link whether the click is counted or not.

    A visitor from no registered site is shown where the link leads, not redirected: otherwise anybody could hide an
    address of their own behind this server's.
    """
    read_link = links.make_outbound_link_reader(sites)
    redirect = _redirector(sites)

    def read(request: Request, hit: Hit) -> Event | Refusal:
        return read_link(hit, request.slots[LINK])

    def refuse(request: Request, why: Refusal) -> Response:
        if why is refusal.LINK_INTERNAL or isinstance(links.read_link(request.slots[LINK]), Refusal):
            return responses.refuse(request, why)
        return responses.refuse(request, why, instead=redirect(request))

    return EventKind(read, redirect, refuse)


def _accept_gif(_: Request) -> Response:
    return responses.ACCEPTED_GIF


def _head_gif(_: Request) -> Response:
    """`HEAD` of an event that is answered with the GIF: nothing happened, and nothing is stored."""
    return responses.cut_body(responses.ACCEPTED_GIF)


def _head_outbound(sites: Sites, read: Callable[[Request], Slots]) -> Endpoint:
    """`HEAD` of an outbound link, as link checkers send it: where it leads, without a click."""
    redirect = _redirector(sites)

    def endpoint(request: Request) -> Response:
        request.slots = read(request)
        link = links.read_link(request.slots[LINK])
        return responses.cut_body(responses.refuse(request, link) if isinstance(link, Refusal) else redirect(request))

    return endpoint


def _redirector(sites: Sites) -> Callable[[Request], Response]:
    """A function that redirects visitors from registered sites to the link, and shows it to others."""

    def redirect(request: Request) -> Response:
        link = request.slots[LINK].strip()
        # No header can be split by it: a URL with a control character is refused.
        if sites.admits[request.origin] or sites.admits[request.slots[REFERER]]:
            return responses.redirect(link)
        return responses.interstitial(link)

    return redirect
