"""The metrics server: metrics and health, for monitoring."""

from collections.abc import Callable

from prisme.base.refusal import METHOD_NOT_ALLOWED, NOT_FOUND
from prisme.runtime.clock import Now
from prisme.runtime.metrics import Metrics
from prisme.web import responses
from prisme.web.request import Proxy, Request
from prisme.web.responses import Response

_EXPOSITION = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), *responses.INERT]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), *responses.INERT]


class MetricsServer:
    """Answers `/metrics` and `/healthcheck`, on a port of their own that no visitor reaches.

    `failure` says why events cannot be accepted or stored, None while all is well.
    """

    def __init__(self, metrics: Metrics, failure: Callable[[], str | None], proxy: Proxy, clock: Now) -> None:
        self.proxy = proxy
        self.clock = clock
        self._routes: dict[bytes, Callable[[], Response]] = {
            b"/metrics": lambda: responses.make_response(200, _EXPOSITION, metrics.text()),
            b"/healthcheck": lambda: responses.health(failure()),
        }

    def read(self, _: Request) -> None:
        """Nothing is read but the path and the method."""

    def answer(self, requests: list[Request]) -> list[Response]:
        """The responses, in order."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Response:
        read = self._routes.get(request.path)
        if read is None:
            return responses.make_response(NOT_FOUND.status, _TEXT, b"not found: there are /metrics and /healthcheck\n")
        if request.method not in {"GET", "HEAD"}:
            return responses.make_response(METHOD_NOT_ALLOWED.status, [*_TEXT, (b"allow", b"GET, HEAD")])
        return read() if request.method == "GET" else responses.cut_body(read())
