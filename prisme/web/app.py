"""The ASGI callable: one table of routes, one place where an answer is sent, and the last resort."""

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web import response
from prisme.web.events import Doors, Endpoint
from prisme.web.request import REQUEST_ID, Proxy, Scope
from prisme.web.response import Answer

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Methods = dict[str, Endpoint]

EVENTS = b"/api/v1/events/"
NOSCRIPT = b"/api/v1/noscript/"
HEALTHCHECK = b"/api/v1/healthcheck"
_REQUEST_ID_BYTES = 128


class App:
    """Bytes in, bytes out. `active` counts requests under way."""

    def __init__(self, routes: dict[bytes, Methods], doors: Doors, log: logging.Logger) -> None:
        self._routes = {path: _with_preflight(path, methods) for path, methods in routes.items()}
        self._doors = doors
        self._log = log
        self.active = 0

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """One request of Granian's (`ASGINL`, so never a lifespan); routed by `raw_path`, which is not decoded."""
        self.active += 1
        try:
            try:
                methods = self._routes.get(scope["raw_path"])
                endpoint = methods.get(scope["method"]) if methods else None
                answer = endpoint(scope) if endpoint else self._lost(scope, methods)
                start, body = answer if isinstance(answer, tuple) else await answer
            except Exception:
                self._log.exception("request failed")
                start, body = self._refuse(scope, refusal.INTERNAL_ERROR)
            await send(start)
            await send(body)
        finally:
            self.active -= 1

    def _lost(self, scope: Scope, methods: Methods | None) -> Answer:
        if not methods:
            return self._refuse(scope, refusal.NOT_FOUND)
        allow = [(b"allow", ", ".join(methods).encode())]
        return self._refuse(scope, refusal.METHOD_NOT_ALLOWED, allow)

    def _refuse(self, scope: Scope, why: Refusal, more: response.Headers | None = None) -> Answer:
        gif = scope["raw_path"].startswith(NOSCRIPT)
        return response.refused(why, request_id(scope, self._doors.proxy), gif=gif, more=more)


def request_id(scope: Scope, proxy: Proxy) -> bytes:
    """The id that a trusted proxy gave the request, else a new UUIDv4."""
    given = proxy.scanner()(scope["headers"])[REQUEST_ID] if proxy.trusted else b""
    return given[:_REQUEST_ID_BYTES] or str(uuid.uuid4()).encode()


def refuser(proxy: Proxy, *, gif: bool) -> Callable[[Scope, Refusal], Answer]:
    """The function that turns a refusal into an answer."""
    return lambda scope, why: response.refused(why, request_id(scope, proxy), gif=gif)


def healthcheck(failure: Callable[[], str | None]) -> Methods:
    """`GET /api/v1/healthcheck`: 200 while events can be accepted and stored."""

    def endpoint(_: Scope) -> Answer:
        reason = failure()
        return response.HEALTHY if reason is None else response.unhealthy(reason)

    def head(scope: Scope) -> Answer:
        start, body = endpoint(scope)
        return start, body | {"body": b""}

    return {"GET": endpoint, "HEAD": head}


def _with_preflight(path: bytes, methods: Methods) -> Methods:
    if not path.startswith((EVENTS, NOSCRIPT)):
        return methods
    allowed = ", ".join((*methods, "OPTIONS")).encode()

    def endpoint(scope: Scope) -> Answer:
        asked = [value for name, value in scope["headers"] if name == b"access-control-request-headers"]
        return response.preflight(allowed, b", ".join(asked))

    return methods | {"OPTIONS": endpoint}
