"""The admin server: metrics and health, for monitoring. It has a port of its own, which no visitor reaches."""

from collections.abc import Callable

from prisme.base.refusal import METHOD_NOT_ALLOWED, NOT_FOUND
from prisme.ingest.services import Services
from prisme.runtime.accesslog import AccessLog
from prisme.runtime.metrics import Counter, Distribution, Gauge, Metrics
from prisme.store.writer import Writer
from prisme.web import responses as response
from prisme.web.app import App, Send
from prisme.web.request import Receive, Scope
from prisme.web.responses import Answer
from prisme.web.traffic import Traffic

_EXPOSITION = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), *response.INERT]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), *response.INERT]


class Admin:
    """The admin server's ASGI callable."""

    def __init__(self, metrics: Metrics, failure: Callable[[], str | None]) -> None:
        self._routes: dict[bytes, Callable[[], Answer]] = {
            b"/metrics": lambda: response.answer(200, _EXPOSITION, metrics.text()),
            b"/healthcheck": lambda: response.health(failure()),
        }

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        read = self._routes.get(scope["raw_path"])
        if read is None:
            start, body = response.answer(NOT_FOUND.status, _TEXT, b"not found: there are /metrics and /healthcheck\n")
        elif scope["method"] not in {"GET", "HEAD"}:
            start, body = response.answer(METHOD_NOT_ALLOWED.status, [*_TEXT, (b"allow", b"GET, HEAD")])
        else:
            start, body = read() if scope["method"] == "GET" else response.cut_body(read())
        await send(start)
        await send(body)


def gather(
    app: App,
    traffic: Traffic,
    writer: Writer,
    services: Services,
    failure: Callable[[], str | None],
    log: AccessLog | None,
) -> Metrics:
    """All metrics by name: each reads, when asked, what its room has counted."""
    tallies, counts = services.tallies, services.sessions.counts
    return Metrics(
        [
            Gauge("http_active_requests", "Requests under way.", lambda: app.active),
            Counter(
                "http_requests_total",
                "Requests answered.",
                ("path", "method", "status"),
                lambda: {labels: sum(histogram.counts) for labels, histogram in traffic.durations().items()},
            ),
            Distribution(
                "http_requests_duration_seconds",
                "Time from a request's headers to its answer.",
                ("path", "method", "status"),
                traffic.durations,
            ),
            Counter(
                "events_refused_total",
                "Requests turned down.",
                ("reason",),
                lambda: {(reason,): count for reason, count in traffic.refused.items()},
            ),
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
                lambda: {(code, str(version)): count for (code, version), count in tallies.countries.items()},
            ),
            Counter(
                "uaparser_parse_total",
                "User-Agents read.",
                ("is_bot",),
                lambda: {(str(is_bot).lower(),): count for is_bot, count in tallies.bots.items()},
            ),
            Counter(
                "accesslog_dropped_total",
                "Lines that a slow reader of the access log did not get.",
                (),
                lambda: {(): log.dropped if log else 0},
            ),
        ]
    )
