"""The requests of the public server, counted for the metrics and written to the access log.

The access log has one line a request: JSON in bunyan's format, or a short one for people.
"""

import asyncio
import datetime
import os
import socket
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Final
from urllib.parse import quote

import msgspec

from prisme.runtime import metrics
from prisme.runtime.clock import Now
from prisme.runtime.logfile import LogFile
from prisme.runtime.metrics import Distribution, Histogram, Metric
from prisme.runtime.terminal import Color, Painter, escape
from prisme.visit.address import Address, mask
from prisme.web.request import Request
from prisme.web.responses import EVENTS, NOSCRIPT, Response

# Seconds, as the Go original has them.
_BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 5.0, 10.0)
_NANOSECONDS: Final = tuple(int(bound * 1e9) for bound in _BOUNDS)
# Anyone may send any method: all others share one label.
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NONE: Final = Histogram(_NANOSECONDS)
_ASCII: Final = bytes(range(128))
_EVENTS: Final = (EVENTS, NOSCRIPT)
_LABELS: Final = ("path", "method", "status")

# The access log's `source_ip`, by the option.
SOURCE_IP: Final[dict[str, Callable[[Address], str]]] = {
    "full": attrgetter("text"),
    "masked": mask,
    "none": lambda _: "",
}


class Line(msgspec.Struct, frozen=True, gc=False):
    """One request in the access log; fields in the order of the line."""

    name: str
    hostname: str
    pid: int
    level: int
    time: str
    msg: str
    v: int
    request_id: str
    duration_ms: float
    source_ip: str
    method: str
    path: str
    status_code: int
    error: str


class AccessLog:
    """An open access log. `wall` is in nanoseconds.

    There is one `write` for all lines of a turn of the event loop. A reader that is too slow loses lines: they are
    `dropped`, and never hold up a request.
    """

    def __init__(self, path: str, wall: Now, painter: Painter | None = None) -> None:
        """With a `painter`, its lines are for people."""
        self._file = LogFile(path) if painter is None else LogFile(path, b"\n")
        self._encode = _encode if painter is None else partial(_write_for_people, painter)
        self._wall = wall
        self._hostname, self._pid = socket.gethostname(), os.getpid()
        self._lines: list[Line] = []
        self._loop = asyncio.get_running_loop()
        # Makes the lines of this millisecond.
        self._millisecond, self._now = -1, partial(Line)

    @property
    def dropped(self) -> int:
        """The number of lines that nobody will see."""
        return self._file.dropped

    def now(self) -> Callable[[str, float, str, str, str, int, str], Line]:
        """A function that makes the line of a request that is answered now: its arguments begin with `request_id`."""
        millisecond = self._wall() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond, time = millisecond, _iso(millisecond)
            self._now = partial(Line, "prisme", self._hostname, self._pid, 30, time, "request", 0)
        return self._now

    def add(self, lines: Iterable[Line]) -> None:
        """Log requests; they are written at the end of this turn of the event loop."""
        if not self._lines:
            self._loop.call_soon(self.flush)
        self._lines += lines

    def flush(self) -> None:
        """Write the lines of this turn."""
        lines, self._lines = self._lines, []
        if lines:
            self._file.write(self._encode(lines), len(lines))

    def reopen(self) -> None:
        """Continue in the file that has the name now: log rotation renames the old one, then sends SIGHUP."""
        self._file.reopen(self.flush)

    def close(self) -> None:
        """Write the rest, as far as the reader takes it, and close the file."""
        self.flush()
        self._file.close()


class Traffic:
    """Counts requests, and logs them to `log` where there is one.

    `refused` counts by the refusal's name, `refused_events` only requests to the events API.
    """

    def __init__(self, log: AccessLog | None, source_ip: Callable[[Address], str]) -> None:
        self._log = log
        self._source_ip = source_ip
        self._dropped = 0  # of logs that are closed
        self._series: dict[tuple[str, str, int], Histogram] = {}
        self.refused: Counter[str] = Counter()
        self.refused_events: Counter[str] = Counter()

    def set_log(self, log: AccessLog | None, source_ip: Callable[[Address], str]) -> None:
        """Log to another file from now on, or to none, with other parts of addresses; the caller closes the old one."""
        if self._log is not None and log is not self._log:
            self._dropped += self._log.dropped
        self._log, self._source_ip = log, source_ip

    def metrics(self) -> list[Metric]:
        """Requests by route, method and status, refusals by reason, and lines lost to a slow reader of the log."""
        return [
            metrics.Counter(
                "http_requests_total",
                "Requests answered.",
                _LABELS,
                lambda: {labels: sum(histogram.counts) for labels, histogram in self.durations().items()},
            ),
            Distribution(
                "http_requests_duration_seconds",
                "Time from a request's headers to its answer.",
                _LABELS,
                self.durations,
            ),
            metrics.Counter(
                "events_refused_total",
                "Requests turned down.",
                ("reason",),
                lambda: {(reason,): count for reason, count in self.refused.items()},
            ),
            metrics.Counter(
                "accesslog_dropped_total",
                "Lines that a slow reader of the access log did not get.",
                (),
                lambda: {(): self._dropped + (self._log.dropped if self._log else 0)},
            ),
        ]

    def count(self, pattern: str, answered: Iterable[tuple[Request, Response]], now: int) -> None:
        """Count requests with one route and method that are answered at `now`, in steady nanoseconds.

        Nothing of them is kept: the next requests reuse their memory while it is in the processor's cache.
        """
        last, series, method, status, path, shown = None, _NONE, "", 0, b"", ""
        lines: list[Line] = []
        line = None if self._log is None else self._log.now()
        source_ip = self._source_ip
        for request, (start, _) in answered:
            if start is not last:
                last, method, status = start, request.method, start["status"]
                series = self._series.get((pattern, method, status)) or self._begin(pattern, method, status)
            nanoseconds = now - request.received_at
            series.counts[bisect_left(_NANOSECONDS, nanoseconds)] += 1
            series.sum += nanoseconds
            refusal = request.refusal
            if refusal is not None:
                self.refused[refusal.name] += 1
                if pattern.startswith(_EVENTS):
                    self.refused_events[refusal.name] += 1
            if line is None:
                continue
            if request.path != path:
                path = request.path
                shown = _show(path)
            address = request.address or request.client  # which reads a given id as well
            lines.append(
                line(
                    request.given_id or request.proxy.new_id(),
                    nanoseconds / 1e6,
                    source_ip(address),
                    method,
                    shown,
                    status,
                    "" if refusal is None else refusal.logged or refusal.reason,
                )
            )
        if self._log is not None and lines:
            self._log.add(lines)

    def durations(self) -> dict[tuple[str, ...], Histogram]:
        """Seconds, by route pattern, method and status."""
        read: dict[tuple[str, ...], Histogram] = {}
        for (pattern, method, status), series in self._series.items():
            histogram = read[pattern, method, str(status)] = Histogram(_BOUNDS)
            histogram.counts, histogram.sum = series.counts, series.sum / 1e9
        return read

    def _begin(self, pattern: str, method: str, status: int) -> Histogram:
        key = (pattern, method if method in _METHODS else "other", status)
        return self._series.setdefault(key, Histogram(_NANOSECONDS))


_encode = msgspec.json.Encoder().encode_lines

_COLORS: Final[dict[int, Color]] = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}


def _write_for_people(painter: Painter, lines: Iterable[Line]) -> bytes:
    """The local time, method, path, status, milliseconds, and why it was refused, of each."""
    return "".join(f"{_shorten(painter, line)}\n" for line in lines).encode()


def _shorten(painter: Painter, line: Line) -> str:
    time = datetime.datetime.fromisoformat(line.time).astimezone().strftime("%H:%M:%S")
    status = painter.paint(str(line.status_code), _COLORS.get(line.status_code // 100, "dim"))
    parts = (
        painter.paint(time, "dim"),
        escape(line.method),
        escape(line.path),
        status,
        painter.paint(f"{line.duration_ms:.1f} ms", "dim"),
        escape(line.error),
    )
    return " ".join(filter(None, parts))


def _iso(milliseconds: int) -> str:
    time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _show(path: bytes) -> str:
    """A path as it came; what is not ASCII percent-encoded, or it could send a terminal control characters."""
    return path.decode() if path.isascii() else quote(path, safe=_ASCII)
