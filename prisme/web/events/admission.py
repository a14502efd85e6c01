"""The cheap no: rate limits, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.sites import Sites
from prisme.web.request import ORIGIN, REFERER, STORED, Proxy, Scope

# Of requests to one endpoint. Each gets its client's address, and `refused` where it may not come in.
Admit = Callable[[list[Scope]], None]


def gate(proxy: Proxy, limiter: RateLimiter, sites: Sites, clock: Now) -> Admit:
    """The function that says who may come in; any URL will do for an origin."""
    clients, wait, admits = proxy.clients, limiter.wait, sites.admits

    def admit(scopes: list[Scope]) -> None:
        waits = wait(clients(scopes), count_bytes(scopes), clock())
        known = [admits[scope["slots"][ORIGIN]] for scope in scopes]
        if all(known) and not any(waits):
            return
        for scope, seconds, knows in zip(scopes, waits, known, strict=True):
            if seconds:
                scope["refused"] = refusal.RATE_LIMITED.later(seconds)
            elif not knows:
                scope["refused"] = refusal.ORIGIN_UNKNOWN

    return admit


def count_bytes(scopes: list[Scope]) -> list[int]:
    """The bytes of requests to one endpoint that may be stored, or are read to find what is.

    These are a name in the path, the query where it is read, the body, and of headers the page's URL, the document
    referrer, the visitor id and a ping's link. Of all others, little or nothing is stored.
    """
    first = scopes[0]
    if first["method"] == "GET":  # all but a `Referer` is in the query
        return [len(one["raw_path"]) + len(one["query_string"]) + len(one["slots"][REFERER]) for one in scopes]
    sizes = [len(b"".join(one["slots"][STORED])) for one in scopes]  # twice as fast as a sum
    if "body" not in first:
        return sizes
    return [size + len(one["raw_path"]) + one["body"].size for size, one in zip(sizes, scopes, strict=True)]
