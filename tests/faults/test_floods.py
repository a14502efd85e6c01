"""Floods of connections and requests: others are served, and memory has a bound.

`PRISME_TEST_LONG=1` makes them longer.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.web.server import _CONNECTION_BYTES, _CONNECTIONS
from tests.faults.flood import CUSTOM, EVENTS, HOME, JSON, Connection, Visitor, crowd, head, say
from tests.faults.load import LONG, slow
from tests.faults.resources import MB, MEMORY_LIMIT, flood_server, many_files, memory, open_files
from tests.process import Process
from tests.server import PATIENCE, browser, wait_until

# ----- connections


async def silent(connection: Connection) -> bytes:
    return await connection.answer()


async def slow_head(connection: Connection) -> bytes:
    listening = asyncio.ensure_future(connection.answer())
    with contextlib.suppress(ConnectionError):
        await connection.drip(head("POST", EVENTS + "pageviews"), 1)
    return await listening


async def slow_body(connection: Connection) -> bytes:
    await connection.send(head("POST", CUSTOM, "Content-Length: 1000", JSON))
    listening = asyncio.ensure_future(connection.answer())
    with contextlib.suppress(ConnectionError):
        await connection.drip(b'{"a":"' + b"x" * 100, 1)
    return await listening


async def slow_chunks(connection: Connection) -> bytes:
    await connection.send(head("POST", CUSTOM, "Transfer-Encoding: chunked", JSON) + b"3e8\r\n{")
    return await connection.answer()


async def served_then_silent(connection: Connection) -> bytes:
    await connection.send(head("GET", "/api/v1/healthcheck"))
    return await connection.answer()


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
    assert memory(server) < MEMORY_LIMIT


@slow
def test_slow_clients_with_much_to_say(tmp_path: Path) -> None:
    """Heads of 60 kB that do not end, or that are followed by a body that does not."""
    size = 4000 if LONG else 2000
    lines = [f"X-{number}: {'y' * 4000}" for number in range(15)]
    said = head("POST", CUSTOM, "Content-Length: 65536", *lines)

    async def behave(connection: Connection, number: int) -> bytes:
        await connection.send(said + b"z" * 65_000 if number % 4 else said[:-2])
        return await connection.answer()

    with flood_server(tmp_path / "data") as server, many_files(size):
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

    async def behave(connection: Connection, number: int) -> bytes:
        sent = (b"", b"G", head("POST", CUSTOM, "Content-Length: 9") + b"{", head("GET", "/api/v1/healthcheck"))
        await connection.send(sent[number % 4])
        connection.drop(reset=number % 2 == 0)
        return b""

    size = 100_000 if LONG else 6000
    with many_files(1000), Visitor(server) as visitor:
        outcomes = crowd(server.port, behave, size, PATIENCE)
    assert outcomes == {"closed": size}
    assert visitor.served, visitor.statuses
    wait_until(lambda: open_files(server) <= before + 2, "all connections to be closed")
    assert memory(server) < MEMORY_LIMIT


@pytest.mark.parametrize(
    ("soft", "hard", "clients", "connected"),
    [pytest.param(256, 4096, 1000, 1000, id="raised"), pytest.param(128, 320, 400, 160, id="as far as it goes")],
)
def test_open_files(tmp_path: Path, soft: int, hard: int, clients: int, connected: int) -> None:
    """Connections never take the files that the journal and the database need."""
    prefix = ("sh", "-c", f'ulimit -Sn {soft}; ulimit -Hn {hard}; exec "$@"', "sh")
    with flood_server(tmp_path / "data", prefix) as server, contextlib.ExitStack() as wires:
        server.start()
        time.sleep(1.0)  # the server's own first request may still be open
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
    assert memory(server) < MEMORY_LIMIT


def test_pipelined_requests_are_answered_in_order(server: Process) -> None:
    asked = [404 if number % 3 else 200 for number in range(10_000)]
    sent = b"".join(head("GET", "/nowhere" if status == 404 else "/api/v1/healthcheck") for status in asked)
    with Visitor(server) as visitor:
        heard = say(server.port, sent, head("GET", "/nowhere", "Connection: close"))
    # `Connection` and bodies may hold anything but this.
    answered = [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert answered == [*asked, 404]
    assert visitor.served, visitor.statuses
