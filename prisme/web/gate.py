"""The cheap no: rate limit, then origin, before anything is parsed."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Now
from prisme.visit.address import Address
from prisme.visit.origins import Origins
from prisme.visit.ratelimit import RateLimiter
from prisme.web.request import ORIGIN, Proxy, Scope, Slots

Admit = Callable[[list[Scope], list[Slots]], list[Address | Refusal]]


def gate(proxy: Proxy, limiter: RateLimiter, origins: Origins, clock: Now) -> Admit:
    """The function that gives the client's address, or why it may not come in; any URL will do for an origin."""
    client, wait, admits = proxy.client, limiter.wait, origins.admits

    def admit(scopes: list[Scope], slots: list[Slots]) -> list[Address | Refusal]:
        now = clock()
        addresses = [client(scope, found) for scope, found in zip(scopes, slots, strict=True)]
        waits = wait([address.key for address in addresses], now)
        known = [admits(found[ORIGIN]) for found in slots]
        return [
            (address if knows else refusal.ORIGIN_UNKNOWN) if not seconds else refusal.RATE_LIMITED.later(seconds)
            for address, seconds, knows in zip(addresses, waits, known, strict=True)
        ]

    return admit
