"""The application: finds a request's endpoint, answers requests in batches, and counts them."""

from collections.abc import Awaitable, Mapping, Sequence
from logging import Logger

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.web.request import Proxy, Request
from prisme.web.responses import Response, refuse
from prisme.web.routing import BatchEndpoint, Endpoint, Methods, Outcome, Router
from prisme.web.traffic import Traffic


class App:
    """`read` is called for each request as it arrives, `answer` for all that are ready to be answered."""

    def __init__(self, routes: Mapping[str, Methods], proxy: Proxy, traffic: Traffic, clock: Now, log: Logger) -> None:
        self.proxy = proxy
        self.clock = clock
        self._router = Router(routes, proxy)
        self._exact = self._router.exact
        self._traffic = traffic
        self._log = log

    def read(self, request: Request) -> None:
        """Find the endpoint, and read the headers and the length of the body that it needs. In any thread.

        Granian's thread has just made the headers: they are in its processor's cache.
        """
        route = self._exact.get(request.path) or self._router.find_named(request)
        request.pattern = route.pattern
        request.endpoint = route.endpoints.get(request.method) or route.otherwise
        read = route.readers.get(request.method)
        if read is not None:
            request.slots = read(request)
            request.headers = ()  # they may be 100 kB

    def answer(self, requests: list[Request]) -> Sequence[Response | Awaitable[Response]]:
        """The responses to requests that were read, and whose bodies have ended, in their order.

        An awaitable stands for a response that has to wait for something: await it in a task of its own.
        """
        endpoints = [request.endpoint for request in requests]
        if endpoints.count(endpoints[0]) == len(endpoints):  # mostly
            return self._answer_group(endpoints[0], requests)
        places: dict[int, list[int]] = {}
        for place, endpoint in enumerate(endpoints):
            places.setdefault(id(endpoint), []).append(place)
        found: dict[int, Response | Awaitable[Response]] = {}
        for group in places.values():
            answers = self._answer_group(endpoints[group[0]], [requests[place] for place in group])
            found.update(zip(group, answers, strict=True))
        return [found[place] for place in range(len(requests))]

    def _answer_group(
        self, endpoint: Endpoint | BatchEndpoint, requests: list[Request]
    ) -> Sequence[Response | Awaitable[Response]]:
        """Answer requests to one endpoint; those that do not have to wait are counted."""
        if not isinstance(endpoint, BatchEndpoint):
            return [self._answer_one(endpoint, request) for request in requests]
        responses: list[Response | Awaitable[Response]] = []
        answered: list[tuple[Request, Response]] = []
        for request, outcome in zip(requests, _try_batch(endpoint, requests), strict=True):
            response = self._fail(request, outcome) if isinstance(outcome, Exception) else outcome
            if isinstance(response, tuple):
                answered.append((request, response))
            else:
                response = self._answer_later(request, response)
            responses.append(response)
        self._traffic.count(requests[0].pattern, answered, self.clock())
        return responses

    def _answer_one(self, endpoint: Endpoint, request: Request) -> Response | Awaitable[Response]:
        try:
            response = endpoint(request)
        except Exception as error:
            response = self._fail(request, error)
        if not isinstance(response, tuple):
            return self._answer_later(request, response)
        self._traffic.count(request.pattern, [(request, response)], self.clock())
        return response

    async def _answer_later(self, request: Request, coming: Awaitable[Response]) -> Response:
        try:
            response = await coming
        except Exception as error:
            response = self._fail(request, error)
        # Counted before it is sent: a client that has the answer finds it in the metrics.
        self._traffic.count(request.pattern, [(request, response)], self.clock())
        return response

    def _fail(self, request: Request, error: Exception) -> Response:
        self._log.error("request failed", exc_info=error)
        return refuse(request, refusal.INTERNAL_ERROR)


def _try_batch(endpoint: BatchEndpoint, requests: list[Request]) -> list[Outcome]:
    try:
        return endpoint.answer(requests)
    except Exception as error:
        # One request's failure must not be another's.
        return [error] if len(requests) == 1 else [_try_batch(endpoint, [request])[0] for request in requests]
