"""The public server: one table of routes, requests answered together or one by one, and the last resort."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from logging import Logger
from typing import Any, NamedTuple

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.web import response
from prisme.web.events import AtOnce, Endpoint, Outcome, Together
from prisme.web.request import Proxy, Receive, Scope, Slots, read_name
from prisme.web.response import EVENTS, Answer, refuse
from prisme.web.traffic import Traffic

Send = Callable[[dict[str, Any]], Awaitable[None]]
Methods = Mapping[str, Endpoint | AtOnce | Together]

Count = Callable[[str, Iterable[tuple[Scope, Answer]], int], None]

NOSCRIPT = response.NOSCRIPT.decode()
HEALTHCHECK = "/api/v1/healthcheck"
# Ends a route's pattern: one path segment, whatever it is.
NAME = ":name"


class Route(NamedTuple):
    """`pattern` is what metrics call it; methods are in `alone` where each request is answered by itself."""

    pattern: str
    allowed: tuple[str, ...]
    alone: dict[str, Endpoint]
    together: dict[str, Together]
    reads: dict[str, Callable[[Scope], Slots]]


UNKNOWN = Route("unknown", (), {}, {}, {})


class App:
    """The public server. `asgi` is its callable, `active` counts requests under way that are answered one by one.

    `answer` answers, in one go, those of the requests of a moment that need not wait for anything.
    """

    def __init__(self, routes: dict[str, Methods], proxy: Proxy, traffic: Traffic, clock: Now, log: Logger) -> None:
        self._proxy = proxy
        self._log = log
        table = [_route(pattern, methods) for pattern, methods in routes.items()]
        self._exact = {route.pattern.encode(): route for route in table if not route.pattern.endswith(NAME)}
        self._named = {
            route.pattern.removesuffix(NAME).encode(): route for route in table if route.pattern.endswith(NAME)
        }
        self.active = 0
        self.asgi = self._bind(traffic.count, clock)
        self.answer = self._bind_together(traffic.count, clock)

    def read(self, scope: Scope) -> None:
        """Read what `answer` needs of a request; in any thread.

        Granian's has just made the headers, and its processor has them at hand.
        """
        route = self._exact.get(scope["raw_path"], UNKNOWN)
        read = route.reads.get(scope["method"])
        if read is not None:
            scope["slots"] = read(scope)
            scope["headers"] = ()  # 100 kB, where a client wants it so

    def _bind(self, count: Count, clock: Now) -> Callable[..., Awaitable[None]]:
        exact, find_named, lost, fail = self._exact.get, self._find_named, self._lost, self._fail

        async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
            """One request of Granian's (`ASGINL`, so never a lifespan); routed by `raw_path`, which is not decoded."""
            started = clock()
            self.active += 1
            try:
                route = exact(scope["raw_path"]) or find_named([scope])
                method = scope["method"]
                try:
                    outcome = scope.get("outcome")  # of `answer`, where it has to wait for something
                    if outcome is None and method in route.together:
                        outcome = route.together[method].endpoint([scope])[0]
                    elif outcome is None:
                        endpoint = route.alone.get(method)
                        outcome = endpoint(scope, receive) if endpoint else lost(scope, route)
                    if isinstance(outcome, Exception):
                        raise outcome
                    start, body = outcome if isinstance(outcome, tuple) else await outcome
                except Exception as error:
                    start, body = fail(scope, error)
                # Before it is sent: who has the answer finds it counted.
                count(route.pattern, [(scope, (start, body))], clock() - started)
                await send(start)
                await send(body)
            finally:
                self.active -= 1

        return asgi

    def _bind_together(self, count: Count, clock: Now) -> Callable[[list[Scope]], list[Answer | None]]:
        exact, find_named, settle = self._exact.get, self._find_named, self._settle

        def answer(scopes: list[Scope]) -> list[Answer | None]:
            started = clock()
            answers: list[Answer | None] = [None] * len(scopes)
            for (path, method), those in _group(scopes).items():
                asked = scopes if len(those) == len(scopes) else [scopes[place] for place in those]
                route = exact(path) or find_named(asked)
                if method not in route.together:
                    continue
                outcomes = _ask(route.together[method], asked)
                settled = [
                    outcome if type(outcome) is tuple else settle(scope, outcome)
                    for scope, outcome in zip(asked, outcomes, strict=True)
                ]
                answered = [(scope, one) for scope, one in zip(asked, settled, strict=True) if one is not None]
                count(route.pattern, answered, clock() - started)
                for place, one in zip(those, settled, strict=True):
                    answers[place] = one
            return answers

        return answer

    def _settle(self, scope: Scope, outcome: Outcome | Exception) -> Answer | None:
        """The answer, or None where it has to wait for something."""
        if isinstance(outcome, Exception):
            return self._fail(scope, outcome)
        if isinstance(outcome, tuple):
            return outcome
        scope["outcome"] = outcome
        return None

    def _fail(self, scope: Scope, error: Exception) -> Answer:
        self._log.error("request failed", exc_info=error)
        return refuse(self._proxy, scope, refusal.INTERNAL_ERROR)

    def _find_named(self, scopes: Sequence[Scope]) -> Route:
        """The route of requests for one path, which get its name."""
        head, slash, segment = scopes[0]["raw_path"].rpartition(b"/")
        route = self._named.get(head + slash)
        name = None if route is None else read_name(segment)
        if route is None or name is None:
            return UNKNOWN
        for scope in scopes:
            scope["name"] = name
        return route

    def _lost(self, scope: Scope, route: Route) -> Answer:
        if route is UNKNOWN:
            return refuse(self._proxy, scope, refusal.NOT_FOUND)
        return refuse(self._proxy, scope, refusal.METHOD_NOT_ALLOWED, [(b"allow", ", ".join(route.allowed).encode())])


def healthcheck(failure: Callable[[], str | None]) -> Methods:
    """`GET /api/v1/healthcheck`: 200 while events can be accepted and stored."""

    def endpoint(_: Scope, __: Receive) -> Answer:
        return response.health(failure())

    def head(_: Scope, __: Receive) -> Answer:
        start, body = response.health(failure())
        return start, body | {"body": b""}

    return {"GET": endpoint, "HEAD": head}


def _route(pattern: str, methods: Methods) -> Route:
    methods = _with_preflight(pattern, methods)
    alone: dict[str, Endpoint] = {}
    together: dict[str, Together] = {}
    for name, method in methods.items():
        if isinstance(method, AtOnce):
            together[name] = _each(method.endpoint)
        elif isinstance(method, Together):
            together[name] = method
        else:
            alone[name] = method
    reads = {name: method.read for name, method in together.items() if method.read}
    return Route(pattern, tuple(methods), alone, together, reads)


def _group(scopes: list[Scope]) -> dict[tuple[bytes, str], list[int]]:
    """The places of requests by path and method. Most are like the one before."""
    groups: dict[tuple[bytes, str], list[int]] = {}
    path, method, places = b"", "", list[int]()
    for place, scope in enumerate(scopes):
        if scope["raw_path"] != path or scope["method"] != method:
            path, method = scope["raw_path"], scope["method"]
            places = groups.setdefault((path, method), [])
        places.append(place)
    return groups


def _ask(together: Together, scopes: list[Scope]) -> list[Outcome | Exception]:
    try:
        return together.endpoint(scopes)
    except Exception as error:
        # Nobody shall suffer for another's.
        return [error] if len(scopes) == 1 else [_ask(together, [scope])[0] for scope in scopes]


def _each(endpoint: Endpoint) -> Together:
    """One after the other, for what comes too seldom to be worth more."""

    def answer(scope: Scope) -> Outcome | Exception:
        try:
            return endpoint(scope, _NOTHING)
        except Exception as error:
            return error

    return Together(None, lambda scopes: [answer(scope) for scope in scopes])


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


_NOTHING: Receive = _no_body


def _with_preflight(pattern: str, methods: Methods) -> Methods:
    if not pattern.startswith((EVENTS, NOSCRIPT)):
        return methods
    allowed = ", ".join((*methods, "OPTIONS")).encode()

    def endpoint(scope: Scope, _: Receive) -> Answer:
        asked = [value for name, value in scope["headers"] if name == b"access-control-request-headers"]
        return response.preflight(allowed, b", ".join(asked))

    return {**methods, "OPTIONS": AtOnce(endpoint)}
