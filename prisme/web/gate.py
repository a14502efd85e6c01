"""The cheap no: rate limit, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.visit.origins import Origins
from prisme.visit.ratelimit import RateLimiter
from prisme.web.request import ORIGIN, Proxy, Scope

# Each gets its client's address, and `refused` where it may not come in.
Admit = Callable[[list[Scope]], None]


def gate(proxy: Proxy, limiter: RateLimiter, origins: Origins, clock: Now) -> Admit:
    """The function that says who may come in; any URL will do for an origin."""
    client, wait, admits = proxy.client, limiter.wait, origins.admits

    def admit(scopes: list[Scope]) -> None:
        waits = wait([client(scope, scope["slots"]).key for scope in scopes], clock())
        known = [admits(scope["slots"][ORIGIN]) for scope in scopes]
        for scope, seconds, knows in zip(scopes, waits, known, strict=True):
            if seconds:
                scope["refused"] = refusal.RATE_LIMITED.later(seconds)
            elif not knows:
                scope["refused"] = refusal.ORIGIN_UNKNOWN

    return admit
