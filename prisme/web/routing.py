"""Routes: which endpoint answers a path and a method. The types of endpoints are here as well."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from prisme.base import refusal
from prisme.base.memo import Memo
from prisme.web import responses
from prisme.web.request import REQUESTED_HEADERS, Proxy, Request, Slots
from prisme.web.responses import EVENTS, NOSCRIPT, Response, refuse

# Answers one request. One that has to wait for something returns an awaitable.
Endpoint = Callable[[Request], Response | Awaitable[Response]]
# The outcome of a request in a batch; an exception is a defect of ours.
Outcome = Response | Awaitable[Response] | Exception

# At the end of a pattern: one path segment, whatever it is.
NAME: Final = ":name"
MAX_NAME: Final = 256


class BatchEndpoint(NamedTuple):
    """Answers many requests at once.

    `read` gives the slots of one request, and sets its `body` where it needs one. It may run in any thread. `answer`
    gives the outcomes in the order of the requests, whose bodies have ended; where it raises, it has stored nothing.
    """

    read: Callable[[Request], Slots]
    answer: Callable[[list[Request]], list[Outcome]]


Methods = Mapping[str, Endpoint | BatchEndpoint]


class Target(NamedTuple):
    """What a request is for: an endpoint, and the name of its route in metrics."""

    pattern: str
    endpoint: Endpoint | BatchEndpoint
    read: Callable[[Request], Slots] | None = None


class Route(NamedTuple):
    """The targets by method; `otherwise` is that of all other methods."""

    targets: dict[str, Target]
    otherwise: Target


class Router:
    """All routes. `exact` has those whose path is fixed, by that path.

    With a `base_path`, each route is there twice, with it and without: a request is found as quickly as without one.
    `not_found` answers requests for unknown paths.
    """

    def __init__(
        self, routes: Mapping[str, Methods], proxy: Proxy, base_path: str = "", not_found: Endpoint | None = None
    ) -> None:
        table = {pattern: _make_route(pattern, methods, proxy) for pattern, methods in routes.items()}
        exact = {pattern: route for pattern, route in table.items() if not pattern.endswith(NAME)}
        named = {pattern.removesuffix(NAME): route for pattern, route in table.items() if pattern.endswith(NAME)}
        self.exact = _with_base(exact, base_path)
        if base_path and "/" in exact:
            self.exact[base_path.encode()] = exact["/"]
        self._named = _with_base(named, base_path)
        self._unknown = Route({}, Target("unknown", not_found or refuse_unknown))

    def find_named(self, request: Request) -> Route:
        """The route of a path that ends in a name, which is set on the request; else the route of unknown paths."""
        head, slash, segment = request.path.rpartition(b"/")
        route = self._named.get(head + slash)
        name = None if route is None else read_name(segment)
        if route is None or name is None:
            return self._unknown
        request.name = name
        return route


def read_name(segment: bytes) -> str | None:
    """A path segment, percent-decoded; None where it is empty, over 256 bytes, or not UTF-8."""
    decoded = unquote_to_bytes(segment) if b"%" in segment else segment
    if not 0 < len(decoded) <= MAX_NAME:
        return None
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return None


def refuse_unknown(request: Request) -> Response:
    """The response for programs to a request for an unknown path."""
    return refuse(request, refusal.NOT_FOUND)


def _with_base(routes: Mapping[str, Route], base_path: str) -> dict[bytes, Route]:
    return {f"{start}{path}".encode(): route for start in ("", base_path) for path, route in routes.items()}


def _make_route(pattern: str, methods: Methods, proxy: Proxy) -> Route:
    endpoints = dict(_with_head(_with_preflight(pattern, methods, proxy)))
    targets = {
        method: Target(pattern, endpoint, endpoint.read if isinstance(endpoint, BatchEndpoint) else None)
        for method, endpoint in endpoints.items()
    }
    allowed = ", ".join(endpoints).encode()

    def not_allowed(request: Request) -> Response:
        return refuse(request, refusal.METHOD_NOT_ALLOWED, [(b"allow", allowed)])

    return Route(targets, Target(pattern, not_allowed))


def _with_head(methods: Methods) -> Methods:
    """Add `HEAD` where there is `GET`, except where `GET` is an event."""
    get = methods.get("GET")
    if get is None or isinstance(get, BatchEndpoint) or "HEAD" in methods:
        return methods

    def endpoint(request: Request) -> Response | Awaitable[Response]:
        outcome = get(request)
        return responses.cut_body(outcome) if isinstance(outcome, tuple) else later(outcome)

    async def later(coming: Awaitable[Response]) -> Response:
        return responses.cut_body(await coming)

    return {**methods, "HEAD": endpoint}


def _with_preflight(pattern: str, methods: Methods, proxy: Proxy) -> Methods:
    if not pattern.startswith((EVENTS, NOSCRIPT)):
        return methods
    preflight = partial(responses.preflight, ", ".join((*methods, "OPTIONS")).encode())
    # All pages of a site ask for the same headers: 256 answers of some 1.5 kB are enough for many sites.
    cached = Memo(preflight, 256)

    def answer(requests: list[Request]) -> list[Outcome]:
        requested = [request.slots[REQUESTED_HEADERS] for request in requests]
        return [cached[headers] if len(headers) <= 256 else preflight(headers) for headers in requested]

    return {**methods, "OPTIONS": BatchEndpoint(proxy.scanner(), answer)}
