"""Floods: whoever comes, in whatever numbers, others are served, and memory has a bound.

`PRISME_TEST_LONG=1` makes them longer.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.base.events import NO_UTM, Client, Session
from prisme.visit.sessions import SHARDS, Sessions, Visit, begin
from prisme.web.server import _CONNECTION_BYTES, _CONNECTIONS
from tests.faults.flood import (
    EVENTS,
    HOME,
    MB,
    Visitor,
    Wire,
    crowd,
    head,
    many_files,
    memory,
    open_files,
    process,
    say,
)
from tests.faults.load import LONG
from tests.process import Process
from tests.server import CHROME, PATIENCE, browser, wait_until

# Each of an address, a host, a path, a User-Agent and a visitor id; the long version is ten million values in all.
DISTINCT = 2_000_000 if LONG else 100_000
# An idle server has some 130 MB, DuckDB may have 256 MB, sessions 450 MB at worst; caches are in between.
BOUND = 800 * MB
NOSCRIPT = "/api/v1/noscript/events/"
CUSTOM = EVENTS + "custom/flood"
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of its own process, which must live through all of this."""
    with process(tmp_path_factory.mktemp("floods") / "data") as started:
        started.start()
        yield started
        assert started.stop() == 0
        assert [line["msg"] for line in started.log() if line["level"] >= 50] == []


# ----- connections


async def silent(wire: Wire) -> bytes:
    return await wire.answer()


async def slow_head(wire: Wire) -> bytes:
    listening = asyncio.ensure_future(wire.answer())
    with contextlib.suppress(ConnectionError):
        await wire.drip(head("POST", EVENTS + "pageviews"), 1)
    return await listening


async def slow_body(wire: Wire) -> bytes:
    await wire.send(head("POST", CUSTOM, "Content-Length: 1000", JSON))
    listening = asyncio.ensure_future(wire.answer())
    with contextlib.suppress(ConnectionError):
        await wire.drip(b'{"a":"' + b"x" * 100, 1)
    return await listening


async def slow_chunks(wire: Wire) -> bytes:
    await wire.send(head("POST", CUSTOM, "Transfer-Encoding: chunked", JSON) + b"3e8\r\n{")
    return await wire.answer()


async def served_then_silent(wire: Wire) -> bytes:
    await wire.send(head("GET", "/api/v1/healthcheck"))
    return await wire.answer()


SLOW = [silent, slow_head, slow_body, slow_chunks, served_then_silent]


@contextlib.contextmanager
def unread(port: int, size: int) -> Iterator[list[socket.socket]]:
    """Clients that ask for megabytes and read nothing: the server has to hold them, until it gives up."""
    asked = head("GET", "/static/dashboard.js") * 2000
    with contextlib.ExitStack() as wires:
        opened = [wires.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(size)]
        for wire in opened:
            wire.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while wire.send(asked):
                    pass
        yield opened


def test_thousands_of_slow_clients(server: Process) -> None:
    size, before = 3000, open_files(server)
    with many_files(size), unread(server.port, 20) as others, Visitor(server) as visitor:
        began = time.monotonic()
        outcomes = crowd(server.port, lambda wire, number: SLOW[number % len(SLOW)](wire), size, 40)
        # Who does not read has been given longer than who does not send.
        assert time.monotonic() - began > 25 or open_files(server) >= before + len(others) - 5
        while open_files(server) >= before + 5:
            assert time.monotonic() - began < 60, "clients that do not read stay for ever"
            time.sleep(0.5)
    fifth = size // len(SLOW)
    # Each is hung up on after ten seconds, or a little more; who sends a body too slowly is told so.
    assert outcomes == {"closed": 2 * fifth, "408": 2 * fifth, "200": fifth}
    assert visitor.served, visitor.statuses
    assert memory(server) < BOUND


def test_slow_clients_with_much_to_say(tmp_path: Path) -> None:
    """Heads of 60 kB that do not end, or that are followed by a body that does not."""
    size = 4000 if LONG else 2000
    lines = [f"X-{number}: {'y' * 4000}" for number in range(15)]
    said = head("POST", CUSTOM, "Content-Length: 65536", *lines)

    async def behave(wire: Wire, number: int) -> bytes:
        await wire.send(said + b"z" * 65_000 if number % 4 else said[:-2])
        return await wire.answer()

    with process(tmp_path / "data") as server, many_files(size):
        server.start()
        before = memory(server)
        with Visitor(server) as visitor:
            outcomes = crowd(server.port, behave, size, 40)
        assert outcomes == {"408": size * 3 // 4, "closed": size // 4}
        assert visitor.served, visitor.statuses
        # Some of it is what the server takes on its first requests.
        assert memory(server) - before < size * _CONNECTION_BYTES + 100 * MB


def test_clients_beyond_the_connections_wait_for_one(server: Process) -> None:
    """More silent clients than there are connections: who comes then waits until the first ones are hung up on."""
    size = _CONNECTIONS + 200
    with many_files(size):
        outcomes = crowd(server.port, lambda wire, _: silent(wire), size, 60)
    assert outcomes == {"closed": size}
    wait_until(server.answers, "the server to answer")


def test_connections_opened_and_dropped(server: Process) -> None:
    before = open_files(server)

    async def behave(wire: Wire, number: int) -> bytes:
        sent = (b"", b"G", head("POST", CUSTOM, "Content-Length: 9") + b"{", head("GET", "/api/v1/healthcheck"))
        await wire.send(sent[number % 4])
        wire.drop(reset=number % 2 == 0)
        return b""

    size = 100_000 if LONG else 6000
    with many_files(1000), Visitor(server) as visitor:
        outcomes = crowd(server.port, behave, size, PATIENCE)
    assert outcomes == {"closed": size}
    assert visitor.served, visitor.statuses
    wait_until(lambda: open_files(server) <= before + 2, "all connections to be closed")
    assert memory(server) < BOUND


@pytest.mark.parametrize(
    ("soft", "hard", "clients", "connected"),
    [pytest.param(256, 4096, 1000, 1000, id="raised"), pytest.param(128, 320, 400, 160, id="as far as it goes")],
)
def test_open_files(tmp_path: Path, soft: int, hard: int, clients: int, connected: int) -> None:
    """Connections never take the files that the journal and the database need."""
    prefix = ("sh", "-c", f'ulimit -Sn {soft}; ulimit -Hn {hard}; exec "$@"', "sh")
    with process(tmp_path / "data", prefix) as server, contextlib.ExitStack() as wires:
        server.start()
        before = open_files(server)
        for _ in range(clients):
            wires.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        # The health check's own connection may be one of them.
        wait_until(lambda: open_files(server) >= before + connected - 2, "many to be connected")
        assert open_files(server) <= before + connected
        # Segments are opened and loaded all the while; the next visitor is served as soon as others are hung up on.
        wait_until(server.answers, "the server to answer")
        assert server.http.post(EVENTS + "pageviews", headers=browser(f"{HOME}/files")).status_code == 200
        assert server.stop() == 0
        assert [line["msg"] for line in server.log() if line["level"] >= 50] == []
        assert server.rows("SELECT path FROM pageviews") == [("/files",)]


# ----- requests

HUGE = b"x" * (2 << 20)
CHUNKED = head("POST", CUSTOM, JSON, "Transfer-Encoding: chunked")
OPEN = head("GET", "/nowhere", "Connection: close")[:-2]
H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        pytest.param([OPEN + b"X-Huge: " + HUGE + b"\r\n\r\n"], {431}, id="a header of 2 MiB"),
        pytest.param([b"GET /" + HUGE + b" HTTP/1.1\r\n\r\n"], {414, 431}, id="a path of 2 MiB"),
        pytest.param([OPEN, b"X: y\r\n" * 100_000, b"\r\n"], {431}, id="100,000 headers"),
        pytest.param([OPEN, b"A" * 70_000 + b": y\r\n\r\n"], {400, 431}, id="a header's name of 70 kB"),
        pytest.param([OPEN, b": y\r\n\r\n"], {400}, id="a header without a name"),
        pytest.param([OPEN, b"X: \0\r\n\r\n"], {400}, id="NUL in a header"),
        pytest.param([head("GET", "/\0"), b"\r\n"], {400}, id="NUL in a path"),
        pytest.param([CHUNKED, b"10000\r\n", HUGE * 50], {413, 400}, id="a body without end"),
        pytest.param([CHUNKED, b"1\r\n \r\n" * 100_000], {400}, id="100,000 chunks of a byte"),
        pytest.param([CHUNKED, b"1;" + HUGE], {400}, id="a chunk's extension of 2 MiB"),
        pytest.param([CHUNKED, b"0\r\n" + b"X: y\r\n" * 100_000], {400}, id="100,000 trailers"),
        pytest.param([CHUNKED, b"f" * 17 + b"\r\n"], {400}, id="a chunk of 2^68 bytes"),
        pytest.param([CHUNKED, b"-1\r\n"], {400}, id="a chunk of less than nothing"),
        pytest.param([head("POST", CUSTOM, f"Content-Length: {10**22}")], {400, 413}, id="a length of 23 digits"),
        pytest.param([head("POST", CUSTOM, "Content-Length: 3", "Content-Length: 4")], {400}, id="two lengths"),
        pytest.param([H2, b"\0\0\0\4\0\0\0\0\0"], {None}, id="HTTP/2, which is not spoken"),
        pytest.param([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600], {400, None}, id="TLS"),
        pytest.param([os.urandom(100_000)], {400, 431, None}, id="noise"),
    ],
)  # fmt: skip
def test_odd_requests(server: Process, parts: list[bytes], statuses: set[int | None]) -> None:
    heard = say(server.port, *parts)
    assert (int(heard[9:12]) if heard.startswith(b"HTTP/1.1 ") else None) in statuses, heard[:200]
    assert server.http.post(EVENTS + "pageviews", headers=browser(f"{HOME}/after")).status_code == 200
    assert memory(server) < BOUND


def test_pipelined_requests_are_answered_in_order(server: Process) -> None:
    asked = [404 if number % 3 else 200 for number in range(10_000)]
    sent = b"".join(head("GET", "/nowhere" if status == 404 else "/api/v1/healthcheck") for status in asked)
    with Visitor(server) as visitor:
        heard = say(server.port, sent, head("GET", "/nowhere", "Connection: close"))
    # `Connection` and bodies may hold anything but this.
    answered = [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert answered == [*asked, 404]
    assert visitor.served, visitor.statuses


# ----- events


def test_events_that_begin_visits_by_the_thousand(server: Process) -> None:
    """Custom events whose pageview never comes: each is stored, and nobody waits."""
    size = 4000 if LONG else 1300

    async def behave(wire: Wire, number: int) -> bytes:
        lines = (f"X-Forwarded-For: 10.{number >> 8}.{number & 255}.9", "Content-Length: 2", "Connection: close", JSON)
        await wire.send(head("POST", CUSTOM, *lines) + b"{}")
        return await wire.answer()

    with many_files(size), Visitor(server) as visitor:
        outcomes = crowd(server.port, behave, size, 40)
    assert outcomes == {"200": size}
    assert visitor.served, visitor.statuses
    assert memory(server) < BOUND


def test_long_events(tmp_path: Path) -> None:
    """More of them in a second than DuckDB's memory holds: they are loaded all the same."""
    count = 400
    body = b'{"a":"' + b'\\"' * 32_000 + b'"}'
    with process(tmp_path / "data", duckdb_memory_limit="128MB", eventstore_max_batch_timeout="1m") as server:
        server.start()
        assert server.http.post(EVENTS + "pageviews", headers=browser(f"{HOME}/flood")).status_code == 200
        said = head("POST", CUSTOM, JSON, f"Content-Length: {len(body)}") + body
        heard = say(server.port, said * count, head("GET", "/nowhere", "Connection: close"))
        assert heard.count(b"HTTP/1.1 200 ") == count
        assert server.stop() == 0
        assert server.rows("SELECT count(*), min(length(properties::VARCHAR)) FROM events_custom") == [
            (count, len(body))
        ]
        assert server.rows("SELECT count(*) > 2 FROM state.segments") == [(True,)]


def test_long_events_of_many_clients_at_once(tmp_path: Path) -> None:
    """More of them in one moment than DuckDB could load in one piece."""
    size = 1000
    body = b'{"a":"' + b"x" * 60_000 + b'"}'
    said = head("POST", CUSTOM, JSON, f"Content-Length: {len(body)}", "Connection: close") + body

    async def behave(wire: Wire, number: int) -> bytes:
        await wire.send(
            said.replace(b"\r\n", f"\r\nX-Forwarded-For: 10.{number >> 8}.{number & 255}.9\r\n".encode(), 1)
        )
        return await wire.answer()

    with (
        many_files(size),
        process(tmp_path / "data", duckdb_memory_limit="128MB", eventstore_max_batch_timeout="1m") as server,
    ):
        server.start()
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)  # until all are there
        resume = threading.Timer(5.0, server.process.send_signal, [signal.SIGCONT])
        resume.start()
        assert crowd(server.port, behave, size, 60) == {"200": size}
        assert server.stop() == 0
        assert server.rows("SELECT count(*) FROM events_custom") == [(size,)]
        assert [line["msg"] for line in server.log() if line["level"] >= 50] == []


def test_more_than_64_visits_of_a_device(tmp_path: Path) -> None:
    """The first 64 are remembered, the others are stored alone."""
    visits = 2000
    with process(tmp_path / "data") as server:
        server.start()

        def come(number: int) -> None:
            page = f"{HOME}/tab-{number}?utm_campaign=number-{number}"
            headers = browser(page, X_Forwarded_For="203.0.113.64")
            assert server.http.post(EVENTS + "pageviews", headers=headers).status_code == 200

        for number in (*range(visits), 0, 63, 64):
            come(number)
        assert memory(server) < BOUND
        assert server.stop() == 0
        query = "SELECT entry_path, count(*), sum(pageviews) FROM sessions GROUP BY ALL HAVING sum(pageviews) > 1"
        assert sorted(server.rows(query)) == [("/tab-0", 1, 2), ("/tab-63", 1, 2), ("/tab-64", 2, 2)]
        assert server.rows("SELECT count(*) FROM sessions") == [(visits + 1,)]


def test_visits_count_by_what_they_hold() -> None:
    """Paths of 8 kB from everywhere: memory forgets earlier, and takes no more."""
    sessions = Sessions(1000, 64, capacity=SHARDS * 100)

    def visit(path: str) -> Visit:
        client = Client("Linux", "Firefox", "Other", "desktop")
        return begin(Session("u", "a.example", 0, path, 0, path, 200, "v", client, "XX", "direct", NO_UTM, 1, 0))

    for device in range(SHARDS * 200):
        sessions.put(device, visit("/short"), 0)
    assert len(sessions) == SHARDS * 100
    for device in range(SHARDS * 200):
        sessions.put(device, visit("/" + "x" * 8000), 0)
    # Each counts as 125: two paths of 62 times 128 characters.
    assert len(sessions) == SHARDS
    sessions = Sessions(1000, 64, capacity=SHARDS * 100)
    for device in range(SHARDS * 100):
        first = visit("/short")
        sessions.put(device, first, 0)
        sessions.replace(device, first, first.go_on(first.session.view("/" + "x" * 8000, 1, 200, "v")))
    assert len(sessions) == SHARDS
    for _ in range(SHARDS):
        sessions.sweep(5000)
    assert len(sessions) == 0
    for device in range(SHARDS * 200):
        sessions.put(device, visit("/short"), 0)
    assert len(sessions) == SHARDS * 100


class Distinct:
    """Pageviews that have nothing in common, pipelined on one connection."""

    def __init__(self, port: int, begin: int, end: int) -> None:
        self.statuses: Counter[bytes] = Counter()
        self._numbers = range(begin, end)
        self._port = port
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(3600 if LONG else 120)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as wire:
            for begin in range(self._numbers.start, self._numbers.stop, 100):
                numbers = range(begin, min(begin + 100, self._numbers.stop))
                wire.sendall(b"".join(map(self._request, numbers)))
                buffer = b""
                while buffer.count(b"\r\n\r\n") < len(numbers):
                    part = wire.recv(65_536)
                    assert part
                    buffer += part
                self.statuses.update(line[9:12] for line in buffer.split(b"\r\n") if line.startswith(b"HTTP/1.1 "))

    def _request(self, number: int) -> bytes:
        site = f"https://h{number}.example.com"
        return (
            f"POST {EVENTS}pageviews HTTP/1.1\r\nHost: x\r\nOrigin: {site}\r\nContent-Length: 0\r\n"
            f"User-Agent: {CHROME} Flood/{number}\r\nX-Prisme-Visitor-Id: visitor-{number}\r\n"
            f"X-Forwarded-For: {11 + (number >> 24)}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\r\n"
            f"X-Prisme-Referrer: {site}/page/{number}\r\n\r\n"
        ).encode()


def test_addresses_hosts_paths_browsers_and_visitors_without_end(tmp_path: Path) -> None:
    with process(tmp_path / "data", origins="example.com,*.example.com", api_events_rate_limit="60") as server:
        server.start()
        with Visitor(server) as visitor:
            halves = [Distinct(server.port, begin, begin + DISTINCT // 2) for begin in (0, DISTINCT // 2)]
            for half in halves:
                half.join()
        answered = sum((half.statuses for half in halves), Counter[bytes]())
        most = memory(server)
        assert server.stop() == 0
        assert answered == {b"200": DISTINCT}
        # Its own limit of 60 a minute is all that the visitor may meet.
        assert set(visitor.statuses) <= {200, 429}, visitor.statuses
        assert visitor.statuses[200]
        columns = "count(*), count(DISTINCT domain), count(DISTINCT path), count(DISTINCT visitor_id)"
        stored = f"SELECT {columns} FROM pageviews WHERE path LIKE '/page/%'"
        assert server.rows(stored) == [(DISTINCT,) * 4]
        print(f"{DISTINCT} of each: {most / MB:.0f} MB at most, slowest answer {visitor.slowest:.3f} s")
        assert most < BOUND
