"""The rate limit of all that is no event: pages, statistics, the admin API and log-in, by the client's address."""

from collections.abc import Awaitable, Mapping
from typing import Final

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.visit.ratelimit import RateLimiter
from prisme.web.request import Request
from prisme.web.responses import Response, refuse
from prisme.web.routing import BatchEndpoint, Endpoint, Methods

# A request with wrong credentials counts as so many: a program that tries keys is stopped sooner than a dashboard whose
# log-in has ended, which asks six times a minute.
UNAUTHENTICATED_COST: Final = 5


class RequestLimit:
    """Lets each address send `limit` requests a minute; 0 is no limit. `clock` is in steady nanoseconds."""

    def __init__(self, limit: int, clock: Now) -> None:
        self._limiter = RateLimiter(limit)
        self._clock = clock

    def guard(self, routes: Mapping[str, Methods]) -> dict[str, Methods]:
        """The same routes, with the limit."""
        return {
            pattern: {method: self._guard(endpoint) for method, endpoint in methods.items()}
            for pattern, methods in routes.items()
        }

    def _guard(self, endpoint: Endpoint | BatchEndpoint) -> Endpoint:
        if isinstance(endpoint, BatchEndpoint):
            raise TypeError("events have a limit of their own")

        def guarded(request: Request) -> Response | Awaitable[Response]:
            seconds = self._count(request, 1)
            if seconds:
                why = refusal.RATE_LIMITED.with_retry_after(seconds)
                return refuse(request, why, of_events=False)
            outcome = endpoint(request)
            return outcome if isinstance(outcome, tuple) else self._answer(request, outcome)

        return guarded

    async def _answer(self, request: Request, coming: Awaitable[Response]) -> Response:
        response = await coming
        if response[0]["status"] == 401:
            self._count(request, UNAUTHENTICATED_COST - 1)
        return response

    def _count(self, request: Request, times: int) -> int:
        """Count a request so many times; gives the seconds to wait, 0 for none."""
        return max(self._limiter.retry_after([request.client] * times, [0] * times, self._clock()))
