"""The rate limit of all that is no event: pages, statistics, the admin API and log-in.

It counts by the client's address, which may be that of many: where Prisme does not know that it is behind a proxy, all
clients have the proxy's. So once an address has sent too many requests, those with credentials that were valid before
have a count of their own.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Now
from prisme.visit.address import Address
from prisme.visit.ratelimit import RateLimiter
from prisme.web.identification import Identifier
from prisme.web.parsed_request import parse_request
from prisme.web.request import Request
from prisme.web.responses import Header, Response, refuse
from prisme.web.routing import BatchEndpoint, Endpoint, Methods

# What a request with wrong credentials counts as: a program that tries keys is stopped sooner than a dashboard whose
# log-in has ended, which asks six times a minute.
UNAUTHENTICATED_COST: Final = 5

FindHeaders = Callable[[Request], list[Header]]


class RequestLimit:
    """Lets each address send as many requests a minute as the limiter says. `clock` is in steady nanoseconds."""

    def __init__(self, limiter: RateLimiter, clock: Now, identifier: Identifier) -> None:
        self._limiter = limiter
        self._clock = clock
        self._identifier = identifier

    def guard(self, routes: Mapping[str, Methods], headers: FindHeaders = lambda _: []) -> dict[str, Methods]:
        """The same routes, with the limit; `headers` gives those of a refusal.

        Preflight requests have no limit: they are cheap, and without credentials.
        """
        return {
            pattern: {
                method: endpoint if method == "OPTIONS" else self._guard(endpoint, headers)
                for method, endpoint in methods.items()
            }
            for pattern, methods in routes.items()
        }

    def _guard(self, endpoint: Endpoint | BatchEndpoint, headers: FindHeaders) -> Endpoint:
        if isinstance(endpoint, BatchEndpoint):
            raise TypeError("events have a limit of their own")

        def guarded(request: Request) -> Response | Awaitable[Response]:
            seconds = self._count(request.client, 1)
            if seconds and not self._admits_sender(request):
                why = refusal.RATE_LIMITED.with_retry_after(seconds)
                return refuse(request, why, headers(request), of_events=False)
            outcome = endpoint(request)
            return outcome if isinstance(outcome, tuple) else self._answer(request, outcome)

        return guarded

    async def _answer(self, request: Request, coming: Awaitable[Response]) -> Response:
        response = await coming
        if response[0]["status"] == 401:
            self._count(request.client, UNAUTHENTICATED_COST - 1)
        return response

    def _admits_sender(self, request: Request) -> bool:
        """Whether credentials that were valid before have sent fewer requests than an address may."""
        parsed = parse_request(request)
        sender = None if isinstance(parsed, Refusal) else self._identifier.find_known(parsed)
        return sender is not None and not self._count(Address("", f"{sender.rank.name} {sender.key}", 0), 1)

    def _count(self, client: Address, times: int) -> int:
        """Count a request `times` times; gives the seconds to wait, 0 for none."""
        return max(self._limiter.retry_after([client] * times, [0] * times, self._clock()))
