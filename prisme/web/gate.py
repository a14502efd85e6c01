"""The cheap no: rate limit, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Now
from prisme.visit.address import Address
from prisme.visit.origins import Origins
from prisme.visit.ratelimit import RateLimiter
from prisme.web.request import Proxy, Scope, Slots

Admit = Callable[[Scope, Slots, bytes], Address | Refusal]


def gate(proxy: Proxy, limiter: RateLimiter, origins: Origins, clock: Now) -> Admit:
    """The function that gives the client's address, or why it may not come in; any URL will do for an origin."""
    client, wait, admits = proxy.client, limiter.wait, origins.admits

    def admit(scope: Scope, found: Slots, origin: bytes) -> Address | Refusal:
        address = client(scope, found)
        seconds = wait(address.key, clock())
        if seconds:
            return refusal.RATE_LIMITED.later(seconds)
        return address if admits(origin) else refusal.ORIGIN_UNKNOWN

    return admit
