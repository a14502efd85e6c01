"""The cheap no: rate limit, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.sites import Sites
from prisme.web.request import ORIGIN, Proxy, Scope

# Each gets its client's address, and `refused` where it may not come in.
Admit = Callable[[list[Scope]], None]


def gate(proxy: Proxy, limiter: RateLimiter, sites: Sites, clock: Now) -> Admit:
    """The function that says who may come in; any URL will do for an origin."""
    clients, wait, admits = proxy.clients, limiter.wait, sites.admits

    def admit(scopes: list[Scope]) -> None:
        waits = wait([client.key for client in clients(scopes)], clock())
        known = [admits(scope["slots"][ORIGIN]) for scope in scopes]
        if all(known) and not any(waits):
            return
        for scope, seconds, knows in zip(scopes, waits, known, strict=True):
            if seconds:
                scope["refused"] = refusal.RATE_LIMITED.later(seconds)
            elif not knows:
                scope["refused"] = refusal.ORIGIN_UNKNOWN

    return admit
