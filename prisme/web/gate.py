"""The cheap no: rate limits, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.sites import Sites
from prisme.web.request import (
    DOCUMENT_REFERRER,
    LINK,
    ORIGIN,
    PAGE,
    PING_FROM,
    REFERER,
    VISITOR_ID,
    Body,
    Proxy,
    Scope,
)

# Each gets its client's address, and `refused` where it may not come in.
Admit = Callable[[list[Scope]], None]


def gate(proxy: Proxy, limiter: RateLimiter, sites: Sites, clock: Now) -> Admit:
    """The function that says who may come in; any URL will do for an origin."""
    clients, wait, admits = proxy.clients, limiter.wait, sites.admits

    def admit(scopes: list[Scope]) -> None:
        waits = wait(clients(scopes), map(count_bytes, scopes), clock())
        known = [admits[scope["slots"][ORIGIN]] for scope in scopes]
        if all(known) and not any(waits):
            return
        for scope, seconds, knows in zip(scopes, waits, known, strict=True):
            if seconds:
                scope["refused"] = refusal.RATE_LIMITED.later(seconds)
            elif not knows:
                scope["refused"] = refusal.ORIGIN_UNKNOWN

    return admit


def count_bytes(scope: Scope) -> int:
    """The bytes of an event request that may be stored, or are read to find what is.

    These are its path and query, its body, and of headers the page's URL, the document referrer, the visitor id and a
    ping's link. Of all others, little or nothing is stored.
    """
    found = scope["slots"]
    size = len(scope["raw_path"]) + len(scope["query_string"])
    if scope["method"] == "GET":  # all but a `Referer` is in the query
        return size + len(found[REFERER])
    size += len(found[PAGE] or found[REFERER]) + len(found[DOCUMENT_REFERRER]) + len(found[VISITOR_ID])
    body: Body | None = scope.get("body")
    return size if body is None else size + len(found[LINK]) + len(found[PING_FROM]) + body.size
