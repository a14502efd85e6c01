"""Floods of events and visits: each is stored, others are served, and memory has a bound.

`PRISME_TEST_LONG=1` makes them longer.
"""

import signal
import socket
import threading
from collections import Counter
from pathlib import Path

from prisme.base.events import NO_UTM, Client, Session
from prisme.visit.sessions import SHARDS, Sessions, Visit, begin
from tests.faults.flood import CUSTOM, EVENTS, HOME, JSON, Connection, Visitor, crowd, head, say
from tests.faults.load import LONG
from tests.faults.resources import MB, MEMORY_LIMIT, flood_server, many_files, memory
from tests.process import Process
from tests.server import CHROME, PATIENCE, browser

# Each of an address, a host, a path, a User-Agent and a visitor id: more than any cache of these has entries, but for
# counters of clients and visits. The long version is ten million values in all.
DISTINCT = 2_000_000 if LONG else 20_000


def test_events_that_begin_visits_by_the_thousand(server: Process) -> None:
    """Custom events whose pageview never comes: each is stored, and nobody waits."""
    size = 4000 if LONG else 1300

    async def behave(connection: Connection, number: int) -> bytes:
        lines = (f"X-Forwarded-For: 10.{number >> 8}.{number & 255}.9", "Content-Length: 2", "Connection: close", JSON)
        await connection.send(head("POST", CUSTOM, *lines) + b"{}")
        return await connection.answer()

    with many_files(size), Visitor(server) as visitor:
        outcomes = crowd(server.port, behave, size, 40)
    assert outcomes == {"200": size}
    assert visitor.served, visitor.statuses
    assert memory(server) < MEMORY_LIMIT


def test_long_events(tmp_path: Path) -> None:
    """More of them in a second than DuckDB's memory holds: they are loaded all the same."""
    count = 400
    body = b'{"a":"' + b'\\"' * 32_000 + b'"}'
    with flood_server(tmp_path / "data", duckdb_memory_limit="128MB", eventstore_max_batch_timeout="1m") as server:
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

    async def behave(connection: Connection, number: int) -> bytes:
        await connection.send(
            said.replace(b"\r\n", f"\r\nX-Forwarded-For: 10.{number >> 8}.{number & 255}.9\r\n".encode(), 1)
        )
        return await connection.answer()

    with (
        many_files(size),
        flood_server(tmp_path / "data", duckdb_memory_limit="128MB", eventstore_max_batch_timeout="1m") as server,
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
    with flood_server(tmp_path / "data") as server:
        server.start()

        def come(number: int) -> None:
            page = f"{HOME}/tab-{number}?utm_campaign=number-{number}"
            headers = browser(page, X_Forwarded_For="203.0.113.64")
            assert server.http.post(EVENTS + "pageviews", headers=headers).status_code == 200

        for number in (*range(visits), 0, 63, 64):
            come(number)
        assert memory(server) < MEMORY_LIMIT
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
    with flood_server(tmp_path / "data", origins="example.com,*.example.com", api_events_rate_limit="60") as server:
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
        assert most < MEMORY_LIMIT
