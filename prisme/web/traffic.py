"""What the public server did: counted for the metrics, and told to the access log."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import quote

from prisme.runtime.accesslog import AccessLog, Line
from prisme.runtime.metrics import Histogram
from prisme.visit.address import Address, mask
from prisme.web import responses as response
from prisme.web.request import Proxy, Scope
from prisme.web.responses import Answer

# Seconds, as the Go original has them.
_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 5.0, 10.0)
_NANOSECONDS = tuple(int(bound * 1e9) for bound in _BOUNDS)
# Anyone may send any method: only these are told apart.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NONE = Histogram(_NANOSECONDS)
_ASCII = bytes(range(128))
_OF_EVENTS = (response.EVENTS, response.NOSCRIPT.decode())

# What the access log says of an address, by the option.
SOURCE_IP: dict[str, Callable[[Address], str]] = {
    "full": lambda address: address.text,
    "masked": mask,
    "none": lambda _: "",
}


class Traffic:
    """Counts requests.

    `refused` is by the refusal's name, `refused_events` likewise, of requests to the events API alone.
    """

    def __init__(self, log: AccessLog | None, source_ip: Callable[[Address], str], proxy: Proxy) -> None:
        self._log = log
        self._source_ip = source_ip
        self._proxy = proxy
        self._series: dict[tuple[str, str, int], Histogram] = {}
        self.refused: Counter[str] = Counter()
        self.refused_events: Counter[str] = Counter()

    def count(self, pattern: str, answered: Iterable[tuple[Scope, Answer]], now: int) -> None:
        """Requests with one method that are answered now; in steady nanoseconds, as `started` in their scopes.

        Nothing of them is kept: their memory is the next ones', while it is in the processor's cache.
        """
        last, series, method, status, path, shown = None, _NONE, "", 0, b"", ""
        lines: list[Line] = []
        line = None if self._log is None else self._log.now()
        source_ip, client, new_id = self._source_ip, self._proxy.client, self._proxy.new_id
        for scope, (start, _) in answered:
            if start is not last:
                last, method, status = start, scope["method"], start["status"]
                series = self._series.get((pattern, method, status)) or self._begin(pattern, method, status)
            nanoseconds = now - scope["started"]
            series.counts[bisect_left(_NANOSECONDS, nanoseconds)] += 1
            series.sum += nanoseconds
            refusal = scope.get("refusal")
            if refusal is not None:
                self.refused[refusal.name] += 1
                if pattern.startswith(_OF_EVENTS):
                    self.refused_events[refusal.name] += 1
            if line is None:
                continue
            if scope["raw_path"] != path:
                path = scope["raw_path"]
                shown = _show(path)
            address = scope.get("address") or client(scope)  # which reads a given id as well
            lines.append(
                line(
                    scope.get("request_id") or new_id(),
                    nanoseconds / 1e6,
                    source_ip(address),
                    method,
                    shown,
                    status,
                    "" if refusal is None else refusal.reason,
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


def _show(path: bytes) -> str:
    """A path as it came; what is not ASCII percent-encoded, or it could send a terminal control characters."""
    return path.decode() if path.isascii() else quote(path, safe=_ASCII)
