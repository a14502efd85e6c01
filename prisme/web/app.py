"""The application: finds a request's endpoint, answers requests in batches, and counts them."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from logging import Logger
from typing import cast

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.store.errors import FullDiskError
from prisme.web.request import Proxy, Request
from prisme.web.responses import Response, refuse
from prisme.web.routing import BatchEndpoint, Endpoint, Methods, Outcome, Router, Target
from prisme.web.traffic import Traffic
from prisme.web.unread import UnreadResponses


class App:
    """`read` is called for each request as it arrives, `answer` for all that are ready to be answered."""

    def __init__(
        self,
        routes: Mapping[str, Methods],
        proxy: Proxy,
        traffic: Traffic,
        clock: Now,
        log: Logger,
        base_path: str = "",
        not_found: Endpoint | None = None,
    ) -> None:
        self.proxy = proxy
        self.clock = clock
        self._router = Router(routes, proxy, base_path, not_found)
        self._exact = self._router.exact
        self._traffic = traffic
        self._log = log
        self._unread = UnreadResponses()

    def read(self, request: Request) -> None:
        """Find the endpoint, and read the headers and the length of the body that it needs. In any thread.

        Granian's thread has just made the headers: they are in its processor's cache.
        """
        route = self._exact.get(request.path) or self._router.find_named(request)
        request.target = target = route.targets.get(request.method) or route.otherwise
        if target.read is not None:
            request.slots = target.read(request)
            request.headers = ()  # they may be 100 kB

    def answer(self, requests: list[Request]) -> Sequence[Response | Awaitable[Response]]:
        """The responses to requests that were read, and whose bodies have ended, in their order.

        An awaitable stands for a response that has to wait for something: await it in a task of its own.
        """
        targets = [request.target for request in requests]
        if targets.count(targets[0]) == len(targets):  # mostly
            return self._answer_group(targets[0], requests)
        places: dict[int, list[int]] = {}
        for place, target in enumerate(targets):
            places.setdefault(id(target), []).append(place)
        found: dict[int, Response | Awaitable[Response]] = {}
        for group in places.values():
            answers = self._answer_group(targets[group[0]], [requests[place] for place in group])
            found.update(zip(group, answers, strict=True))
        return [found[place] for place in range(len(requests))]

    def _answer_group(self, target: Target, requests: list[Request]) -> Sequence[Response | Awaitable[Response]]:
        """Answer requests for one target; those that do not have to wait are counted."""
        endpoint = target.endpoint
        if not isinstance(endpoint, BatchEndpoint):
            return [self._answer_one(endpoint, request) for request in requests]
        outcomes = _try_batch(endpoint, requests)
        answered: Iterable[tuple[Request, Response]]
        if set(map(type, outcomes)) == {tuple}:  # mostly
            responses = cast(list[Response | Awaitable[Response]], outcomes)
            answered = cast(Iterable[tuple[Request, Response]], zip(requests, outcomes, strict=True))
        else:
            responses = [*map(self._resolve, requests, outcomes)]
            pairs = zip(requests, responses, strict=True)
            answered = [(request, response) for request, response in pairs if isinstance(response, tuple)]
        self._traffic.count(target.pattern, answered, self.clock())
        return responses

    def _resolve(self, request: Request, outcome: Outcome) -> Response | Awaitable[Response]:
        if isinstance(outcome, Exception):
            return self._fail(request, outcome)
        return outcome if isinstance(outcome, tuple) else self._answer_later(request, outcome)

    def _answer_one(self, endpoint: Endpoint, request: Request) -> Response | Awaitable[Response]:
        try:
            response = endpoint(request)
        except Exception as error:
            response = self._fail(request, error)
        if not isinstance(response, tuple):
            return self._answer_later(request, response)
        self._traffic.count(request.target.pattern, [(request, response)], self.clock())
        return response

    async def _answer_later(self, request: Request, coming: Awaitable[Response]) -> Response:
        try:
            response = self._unread.admit(request, await coming)
        except Exception as error:
            response = self._fail(request, error)
        # Counted before it is sent: a client that has the answer finds it in the metrics.
        self._traffic.count(request.target.pattern, [(request, response)], self.clock())
        return response

    def _fail(self, request: Request, error: Exception) -> Response:
        if isinstance(error, FullDiskError):
            self._log.error("request refused: %s", error)
            return refuse(request, refusal.NO_ROOM.with_reason("the disk is full"))
        self._log.error("request failed", exc_info=error)
        return refuse(request, refusal.INTERNAL_ERROR)


def _try_batch(endpoint: BatchEndpoint, requests: list[Request]) -> list[Outcome]:
    try:
        return endpoint.answer(requests)
    except Exception as error:
        # One request's failure must not be another's.
        return [error] if len(requests) == 1 else [_try_batch(endpoint, [request])[0] for request in requests]
