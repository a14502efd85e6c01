"""The metrics server: metrics and health, for monitoring."""

from collections.abc import Callable

from prisme.base.refusal import METHOD_NOT_ALLOWED, NOT_FOUND
from prisme.ingest.services import Services
from prisme.runtime.clock import Now
from prisme.runtime.metrics import Counter, Distribution, Gauge, Metrics
from prisme.store.writer import Writer
from prisme.web import responses
from prisme.web.request import Proxy, Request
from prisme.web.responses import Response
from prisme.web.server import Batching
from prisme.web.traffic import Traffic

_EXPOSITION = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), *responses.INERT]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), *responses.INERT]


class MetricsServer:
    """Answers `/metrics` and `/healthcheck`, on a port of their own that no visitor reaches."""

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


def gather(
    batching: Batching,
    traffic: Traffic,
    writer: Writer,
    services: Services,
    failure: Callable[[], str | None],
) -> Metrics:
    """All metrics by name: each reads, when asked, what its room has counted."""
    lookups, counts = services.lookups, services.sessions.counts
    return Metrics(
        [
            *batching.metrics(),
            *traffic.metrics(),
            Counter(
                "eventstore_events_total",
                "Events stored in the database.",
                ("type",),
                lambda: {(kind,): count for kind, count in writer.stored.items()},
            ),
            Counter(
                "eventstore_batch_retry_total",
                "Loads that failed, to be tried again.",
                (),
                lambda: {(): writer.retries},
            ),
            # Nothing drops a batch; who watches for it has the name.
            Counter("eventstore_batch_dropped_total", "Batches given up: none ever is.", (), lambda: {(): 0}),
            Distribution("eventstore_batch_size_events", "Events of a load.", (), lambda: {(): writer.sizes}),
            Distribution(
                "eventstore_send_batch_duration_seconds", "Time that a load took.", (), lambda: {(): writer.durations}
            ),
            Gauge(
                "eventstore_failing",
                "1 while events cannot be accepted and stored.",
                lambda: int(failure() is not None),
            ),
            Gauge("eventstore_pending_events", "Events in the journal, not loaded yet.", lambda: writer.pending_events),
            Gauge("eventstore_pending_bytes", "Size of the journal.", lambda: writer.pending_bytes),
            Counter(
                "sessionstorage_sessions_total",
                "Sessions remembered and ended.",
                ("type",),
                lambda: {("inserted",): counts.inserted, ("expired",): counts.expired},
            ),
            Counter(
                "sessionstorage_devices_total",
                "Devices remembered and forgotten.",
                ("type",),
                lambda: {("inserted",): counts.devices_inserted, ("deleted",): counts.devices_deleted},
            ),
            Distribution(
                "sessionstorage_sessions_pageviews", "Pageviews of ended sessions.", (), lambda: {(): counts.pageviews}
            ),
            Counter("sessionstorage_gc_cycles_total", "Sweeps for ended sessions.", (), lambda: {(): counts.cycles}),
            Counter(
                "ipgeolocator_search_total",
                "Look-ups of a country.",
                ("country_code", "ip_version"),
                lambda: {(code, str(version)): count for (code, version), count in lookups.countries.items()},
            ),
            Counter(
                "uaparser_parse_total",
                "User-Agents read.",
                ("is_bot",),
                lambda: {(str(is_bot).lower(),): count for is_bot, count in lookups.bots.items()},
            ),
        ]
    )
