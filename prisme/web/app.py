"""The public server: one table of routes, requests answered together or one by one, and the last resort."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from logging import Logger
from typing import Any, NamedTuple

from prisme.base import refusal
from prisme.base.memo import Memo
from prisme.runtime.clock import Now
from prisme.web import responses as response
from prisme.web.events.endpoints import Endpoint, Many, Outcome, Together
from prisme.web.request import REQUESTED_HEADERS, Body, Proxy, Receive, Scope, Slots, read_name
from prisme.web.responses import EVENTS, Answer, refuse
from prisme.web.traffic import Traffic

Send = Callable[[dict[str, Any]], Awaitable[None]]
Methods = Mapping[str, Endpoint | Together]

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
    """The public server. `asgi` is its callable, `active` counts requests that have to wait for something.

    `read` and `answer` are the way of those that are answered together.
    """

    def __init__(self, routes: dict[str, Methods], proxy: Proxy, traffic: Traffic, clock: Now, log: Logger) -> None:
        self._proxy = proxy
        self._traffic = traffic
        self._clock = clock
        self._log = log
        table = [_route(pattern, methods, proxy) for pattern, methods in routes.items()]
        self._exact = {route.pattern.encode(): route for route in table if not route.pattern.endswith(NAME)}
        self._named = {
            route.pattern.removesuffix(NAME).encode(): route for route in table if route.pattern.endswith(NAME)
        }
        self.active = 0

    def read(self, scope: Scope) -> Body | None:
        """Find a request's route, by `raw_path`, which is not decoded, and read what its endpoint needs; in any thread.

        Granian's has just made the headers, and its processor has them at hand. Gives the body, where one is to be
        received.
        """
        scope["started"] = self._clock()
        scope["route"] = route = self._exact.get(scope["raw_path"]) or self._find_named(scope)
        read = route.reads.get(scope["method"])
        if read is not None:
            scope["slots"] = read(scope)
            scope["headers"] = ()  # 100 kB, where a client wants it so
        body: Body | None = scope.get("body")
        return body

    def answer(self, scopes: list[Scope]) -> list[Answer | None]:
        """The answers to requests of one moment that were read, and whose bodies have ended, in their order.

        None is for `asgi`, in a task of its own.
        """
        answers: list[Answer | None] = [None] * len(scopes)
        for together, places in _group(scopes) if scopes else ():
            if together is not None:
                self._settle(together.answer, scopes, places, answers)
        return answers

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of Granian's (`ASGINL`, so never a lifespan)."""
        self.active += 1
        try:
            if "route" not in scope:
                self.read(scope)
            try:
                start, body = await self._answer(scope, receive)
            except Exception as error:
                start, body = self._fail(scope, error)
            # Before it is sent: who has the answer finds it counted.
            self._traffic.count(scope["route"].pattern, [(scope, (start, body))], self._clock())
            await send(start)
            await send(body)
        finally:
            self.active -= 1

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        route, method = scope["route"], scope["method"]
        outcome: Outcome | None = scope.get("outcome")  # of what was answered together, where it has to wait
        if outcome is None and method in route.together:
            body: Body | None = scope.get("body")
            if body is not None:
                await body.receive(receive)
            outcome = route.together[method].answer([scope])[0]
        elif outcome is None:
            endpoint = route.alone.get(method)
            outcome = endpoint(scope, receive) if endpoint else self._lost(scope, route)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, tuple) else await outcome

    def _settle(self, work: Many, scopes: list[Scope], places: Sequence[int], answers: list[Answer | None]) -> None:
        """Answer those at the places, and count those that are answered."""
        asked = scopes if len(places) == len(scopes) else [scopes[place] for place in places]
        answered: list[tuple[Scope, Answer]] = []
        for place, scope, outcome in zip(places, asked, _ask(work, asked), strict=True):
            if isinstance(outcome, tuple):
                answers[place] = outcome
                answered.append((scope, outcome))
            elif isinstance(outcome, Exception):
                answers[place] = failure = self._fail(scope, outcome)
                answered.append((scope, failure))
            else:
                scope["outcome"] = outcome
        self._traffic.count(asked[0]["route"].pattern, answered, self._clock())

    def _fail(self, scope: Scope, error: Exception) -> Answer:
        self._log.error("request failed", exc_info=error)
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
        return refuse(self._proxy, scope, refusal.METHOD_NOT_ALLOWED, [(b"allow", ", ".join(route.allowed).encode())])


def healthcheck(failure: Callable[[], str | None]) -> Methods:
    """`GET /api/v1/healthcheck`: 200 while events can be accepted and stored."""

    def endpoint(_: Scope, __: Receive) -> Answer:
        return response.health(failure())

    return {"GET": endpoint}


def _route(pattern: str, methods: Methods, proxy: Proxy) -> Route:
    methods = _with_head(_with_preflight(pattern, methods, proxy))
    together = {name: method for name, method in methods.items() if isinstance(method, Together)}
    alone = {name: method for name, method in methods.items() if not isinstance(method, Together)}
    reads = {name: method.read for name, method in together.items() if method.read}
    return Route(pattern, tuple(methods), alone, together, reads)


def _group(scopes: list[Scope]) -> Iterable[tuple[Together | None, Sequence[int]]]:
    """The places of requests by their endpoint, None for what is none. Mostly, all are to the same."""
    routes, methods = [scope["route"] for scope in scopes], [scope["method"] for scope in scopes]
    if routes.count(routes[0]) == methods.count(methods[0]) == len(scopes):
        return [(routes[0].together.get(methods[0]), range(len(scopes)))]
    groups: dict[tuple[str, str], tuple[Together | None, list[int]]] = {}
    for place, (route, method) in enumerate(zip(routes, methods, strict=True)):
        _, places = groups.setdefault((route.pattern, method), (route.together.get(method), []))
        places.append(place)
    return groups.values()


def _ask(work: Many, scopes: list[Scope]) -> list[Outcome]:
    try:
        return work(scopes)
    except Exception as error:
        # Nobody shall suffer for another's.
        return [error] if len(scopes) == 1 else [_ask(work, [scope])[0] for scope in scopes]


def _with_head(methods: Methods) -> Methods:
    """With `HEAD` where there is `GET`, except where that is an event."""
    get = methods.get("GET")
    if get is None or isinstance(get, Together) or "HEAD" in methods:
        return methods

    def endpoint(scope: Scope, receive: Receive) -> Answer | Awaitable[Answer]:
        outcome = get(scope, receive)
        return response.cut_body(outcome) if isinstance(outcome, tuple) else later(outcome)

    async def later(coming: Awaitable[Answer]) -> Answer:
        return response.cut_body(await coming)

    return {**methods, "HEAD": endpoint}


def _with_preflight(pattern: str, methods: Methods, proxy: Proxy) -> Methods:
    if not pattern.startswith((EVENTS, NOSCRIPT)):
        return methods
    preflight = partial(response.preflight, ", ".join((*methods, "OPTIONS")).encode())
    # A site's pages all ask the same: 256 answers of some 1.5 kB are for many sites.
    known = Memo(preflight, 256)

    def answer(scopes: list[Scope]) -> list[Outcome]:
        requested = [scope["slots"][REQUESTED_HEADERS] for scope in scopes]
        return [known[headers] if len(headers) <= 256 else preflight(headers) for headers in requested]

    return {**methods, "OPTIONS": Together(proxy.scanner(), answer)}
