"""The ASGI callable: one table of routes, one place where an answer is sent, and the last resort."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from logging import Logger
from typing import Any, NamedTuple

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.web import response
from prisme.web.events import AtOnce, Endpoint
from prisme.web.request import Proxy, Receive, Scope, read_name
from prisme.web.response import EVENTS, Answer, refuse
from prisme.web.traffic import Traffic

Send = Callable[[dict[str, Any]], Awaitable[None]]
Methods = Mapping[str, Endpoint | AtOnce]

NOSCRIPT = response.NOSCRIPT.decode()
HEALTHCHECK = "/api/v1/healthcheck"
# Ends a route's pattern: one path segment, whatever it is.
NAME = ":name"


class Route(NamedTuple):
    """`pattern` is what metrics call it; `at_once` has the methods that need no event loop, by themselves too."""

    pattern: str
    methods: dict[str, Endpoint]
    at_once: dict[str, Endpoint]


UNKNOWN = Route("unknown", {}, {})


class App:
    """The public server. `asgi` is its callable, `active` counts requests under way in the event loop.

    `at_once` answers, in any thread, what needs no loop. `turn` is the lock around all that requests change.
    """

    def __init__(
        self,
        routes: dict[str, Methods],
        proxy: Proxy,
        traffic: Traffic,
        clock: Now,
        turn: AbstractContextManager[bool],
        log: Logger,
    ) -> None:
        table = [_route(pattern, methods) for pattern, methods in routes.items()]
        self._exact = {route.pattern.encode(): route for route in table if not route.pattern.endswith(NAME)}
        self._named = {
            route.pattern.removesuffix(NAME).encode(): route for route in table if route.pattern.endswith(NAME)
        }
        self._proxy = proxy
        self._log = log
        self.active = 0
        self.asgi = self._bind(traffic.count, clock, turn)
        self.at_once = self._bind_at_once(traffic.count, clock, turn)

    def _bind(
        self, count: Callable[[Scope, str, int, int], None], clock: Now, turn: AbstractContextManager[bool]
    ) -> Callable[..., Awaitable[None]]:
        exact, find_named, lost = self._exact.get, self._find_named, self._lost

        async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
            """One request of Granian's (`ASGINL`, so never a lifespan); routed by `raw_path`, which is not decoded."""
            started = clock()
            self.active += 1
            try:
                route = exact(scope["raw_path"]) or find_named(scope)
                try:
                    outcome = scope.get("outcome")  # of `at_once`, where it has to wait for something
                    if outcome is None:
                        endpoint = route.methods.get(scope["method"])
                        outcome = endpoint(scope, receive) if endpoint else lost(scope, route)
                    start, body = outcome if isinstance(outcome, tuple) else await outcome
                except Exception:
                    start, body = self._fail(scope)
                with turn:  # before it is sent: who has the answer finds it counted
                    count(scope, route.pattern, start["status"], clock() - started)
                await send(start)
                await send(body)
            finally:
                self.active -= 1

        return asgi

    def _bind_at_once(
        self, count: Callable[[Scope, str, int, int], None], clock: Now, turn: AbstractContextManager[bool]
    ) -> Callable[[Scope], Answer | None]:
        exact, find_named = self._exact.get, self._find_named

        def at_once(scope: Scope) -> Answer | None:
            started = clock()
            route = exact(scope["raw_path"]) or find_named(scope)
            endpoint = route.at_once.get(scope["method"])
            if endpoint is None:
                return None
            with turn:
                try:
                    outcome = endpoint(scope, _NOTHING)
                except Exception:
                    outcome = self._fail(scope)
                if not isinstance(outcome, tuple):
                    scope["outcome"] = outcome
                    return None
                count(scope, route.pattern, outcome[0]["status"], clock() - started)
            return outcome

        return at_once

    def _fail(self, scope: Scope) -> Answer:
        self._log.exception("request failed")
        return refuse(self._proxy, scope, refusal.INTERNAL_ERROR)

    def _find_named(self, scope: Scope) -> Route:
        head, slash, segment = scope["raw_path"].rpartition(b"/")
        route = self._named.get(head + slash)
        name = None if route is None else read_name(segment)
        if route is None or name is None:
            return UNKNOWN
        scope["name"] = name
        return route

    def _lost(self, scope: Scope, route: Route) -> Answer:
        if route is UNKNOWN:
            return refuse(self._proxy, scope, refusal.NOT_FOUND)
        return refuse(self._proxy, scope, refusal.METHOD_NOT_ALLOWED, [(b"allow", ", ".join(route.methods).encode())])


def healthcheck(failure: Callable[[], str | None]) -> Methods:
    """`GET /api/v1/healthcheck`: 200 while events can be accepted and stored."""

    def endpoint(_: Scope, __: Receive) -> Answer:
        return response.health(failure())

    def head(_: Scope, __: Receive) -> Answer:
        start, body = response.health(failure())
        return start, body | {"body": b""}

    return {"GET": endpoint, "HEAD": head}


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


_NOTHING: Receive = _no_body


def _route(pattern: str, methods: Methods) -> Route:
    methods = _with_preflight(pattern, methods)
    at_once = {name: one.endpoint for name, one in methods.items() if isinstance(one, AtOnce)}
    others = {name: one for name, one in methods.items() if not isinstance(one, AtOnce)}
    return Route(pattern, others | at_once, at_once)


def _with_preflight(pattern: str, methods: Methods) -> Methods:
    if not pattern.startswith((EVENTS, NOSCRIPT)):
        return methods
    allowed = ", ".join((*methods, "OPTIONS")).encode()

    def endpoint(scope: Scope, _: Receive) -> Answer:
        asked = [value for name, value in scope["headers"] if name == b"access-control-request-headers"]
        return response.preflight(allowed, b", ".join(asked))

    return {**methods, "OPTIONS": AtOnce(endpoint)}
