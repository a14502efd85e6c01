"""`GET /api/v1/healthcheck`: 200 while events can be accepted and stored."""

from collections.abc import Callable
from typing import Final

from prisme.runtime.metrics import Gauge, Metric
from prisme.web import responses
from prisme.web.request import Request
from prisme.web.responses import Response
from prisme.web.routing import Methods

HEALTHCHECK: Final = "/api/v1/healthcheck"


def routes(failure: Callable[[], str | None]) -> dict[str, Methods]:
    """The route; `failure` says why events cannot be accepted, None while all is well."""

    def endpoint(_: Request) -> Response:
        return responses.health(failure())

    return {HEALTHCHECK: {"GET": endpoint}}


def metrics(failure: Callable[[], str | None]) -> list[Metric]:
    """The same as a metric."""
    return [
        Gauge(
            "eventstore_failing",
            "1 while events cannot be accepted and stored.",
            lambda: int(failure() is not None),
        )
    ]
