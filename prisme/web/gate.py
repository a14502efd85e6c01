"""The cheap no: rate limit, then origin, before anything is parsed."""

from collections.abc import Callable

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.visit.address import Address
from prisme.visit.origins import Origins
from prisme.visit.ratelimit import RateLimiter
from prisme.web.request import Proxy, Scope, Slots


class Gate:
    """Who may come in."""

    def __init__(self, proxy: Proxy, limiter: RateLimiter, origins: Origins, clock: Callable[[], int]) -> None:
        self._client = proxy.client
        self._wait = limiter.wait
        self._admits = origins.admits
        self._clock = clock

    def admit(self, scope: Scope, found: Slots, origin: bytes) -> Address | Refusal:
        """The client's address, or why it may not come in. `origin` may be any URL of the origin's."""
        address = scope["address"] = self._client(scope, found)
        wait = self._wait(address.key, self._clock())
        if wait:
            return msgspec.structs.replace(refusal.RATE_LIMITED, retry_after=wait)
        return address if self._admits(origin) else refusal.ORIGIN_UNKNOWN
