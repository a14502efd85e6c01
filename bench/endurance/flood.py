"""Memory while nothing comes twice: each request has an address, a page and a User-Agent that no other has."""

import socket
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import msgspec

from bench.endurance.result import Figure, Outcome, compare
from bench.server import Server, ServerError, database, running, start_prisme

# From the half of the flood to its end, by when all that is bounded has long been full.
GROWTH = 1.1
_PARTS = 10
_CLIENTS = 2
# Requests that are sent at once on a connection: fewer, and the client is the limit.
_AT_ONCE = 128
_TIMEOUT = 60.0
_OF_EACH = 3
# Odd, so that numbers below 2^32 stay different when multiplied by it (modulo 2^32).
_SCATTER = 2_654_435_761


class Plan(msgspec.Struct, frozen=True):
    """So many distinct values in all, three a request."""

    values: int = 10_000_000


QUICK = Plan(30_000)


class Flood(msgspec.Struct, frozen=True):
    """Requests answered with 200, and rows stored: pageviews, sessions, distinct paths. Peaks in bytes by tenths."""

    sent: int
    accepted: int
    rows: tuple[int, int, int]
    before: int
    peaks: list[int]


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Send all of it by HTTP to `prisme serve`. Raises ServerError; the server is gone afterwards."""
    requests = -(-plan.values // _OF_EACH)
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        with running(start_prisme(folder)) as server:
            before, accepted, peaks = server.peak_memory(), 0, []
            for part in range(_PARTS):
                accepted += _pour(server, requests * part // _PARTS, requests * (part + 1) // _PARTS)
                if part == _PARTS - 1:
                    server.wait_caught_up()
                peaks.append(server.peak_memory())
                say(f"{requests * (part + 1) // _PARTS:,} requests: {peaks[-1] / 1e6:,.0f} MB")
            server.stop()
        with duckdb.connect(str(database(folder)), read_only=True) as tables:
            query = "SELECT count(*), (SELECT count(*) FROM sessions), count(DISTINCT path) FROM pageviews"
            pageviews, sessions, paths = tables.execute(query).fetchall()[0]
    return conclude(Flood(requests, accepted, (pageviews, sessions, paths), before, peaks))


def conclude(flood: Flood) -> Outcome:
    """The figures; each request must have been accepted, and be a row, a session and a path of its own."""
    names = ("pageviews", "sessions", "distinct paths")
    failures = [
        f"{rows} {name} stored, {flood.accepted} accepted"
        for name, rows in zip(names, flood.rows, strict=True)
        if rows != flood.accepted
    ]
    if flood.accepted != flood.sent:
        failures.append(f"{flood.accepted} of {flood.sent} requests were accepted")
    half, end = flood.peaks[_PARTS // 2 - 1], flood.peaks[-1]
    figures = [
        compare("peak memory", "MB", end / 1e6, half / 1e6, most=GROWTH),
        Figure("before the flood", "MB", flood.before / 1e6),
        *(Figure(f"peak after {n + 1} of {_PARTS} parts", "MB", peak / 1e6) for n, peak in enumerate(flood.peaks[:-1])),
    ]
    notes = [
        f"{flood.sent:,} requests, each with an address, a page and a User-Agent that no other had: "
        f"{_OF_EACH * flood.sent:,} distinct values. Each began a session and is stored."
    ]
    return Outcome(("at half of it", "at the end"), figures, notes, failures)


def _pour(server: Server, first: int, last: int) -> int:
    """Send the requests of these numbers over a few connections; gives how many were answered with 200."""
    bounds = [first + (last - first) * number // _CLIENTS for number in range(_CLIENTS + 1)]
    stop = threading.Event()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        waiting = [pool.submit(_send, server.port, bounds[n], bounds[n + 1], stop) for n in range(_CLIENTS)]
        try:
            return sum(one.result() for one in waiting)
        except OSError as error:
            server.check_alive()
            raise ServerError(f"the flood was not answered: {error!r}") from error
        finally:
            stop.set()


def _send(port: int, first: int, last: int, stop: threading.Event) -> int:
    accepted = 0
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as wire:
        for start in range(first, last, _AT_ONCE):
            if stop.is_set():
                break
            numbers = range(start, min(start + _AT_ONCE, last))
            wire.sendall(b"".join(map(request, numbers)))
            heard = b""
            # Answers have no body.
            while heard.count(b"\r\n\r\n") < len(numbers):
                part = wire.recv(65_536)
                if not part:
                    raise ConnectionError("the server hung up")
                heard += part
            accepted += heard.count(b"HTTP/1.1 200 ")
    return accepted


def request(number: int) -> bytes:
    """A pageview that has nothing in common with that of another number, below 2^32."""
    scattered = number * _SCATTER & 0xFFFFFFFF
    if number % 4 == 3:
        address = f"2001:db8:{scattered >> 16:x}:{scattered & 0xFFFF:x}::1"
    else:
        address = f"{scattered >> 24}.{scattered >> 16 & 255}.{scattered >> 8 & 255}.{scattered & 255}"
    return (
        "POST /api/v1/events/pageviews HTTP/1.1\r\nHost: stats.example.com\r\nContent-Length: 0\r\n"
        f"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{scattered}.0 "
        f"Safari/537.36\r\nOrigin: https://example.com\r\nX-Forwarded-For: {address}\r\n"
        f"X-Prisme-Referrer: https://example.com/stories/{number}/one-that-nobody-reads-twice\r\n\r\n"
    ).encode()
