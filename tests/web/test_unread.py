"""Large responses on real connections: what their clients do not read has a limit, and is exact for those who do."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from prisme.base import refusal
from prisme.visit.address import Address
from prisme.web.app import App
from prisme.web.quota import Rank, Sender
from prisme.web.request import Proxy, Request
from prisme.web.responses import Response, make_response
from prisme.web.server import Batching, answer_scope, make_server
from prisme.web.traffic import Traffic
from prisme.web.unread import MAX_BYTES, send
from tests.server import PATIENCE, free_port, wait_until

CONTENT = os.urandom(MAX_BYTES + 1)
SENDERS = {one.key: one for one in (Sender(Rank.ACCOUNT, "ada"), Sender(Rank.SHARE, "a"), Sender(Rank.SHARE, "b"))}


async def answer(request: Request) -> Response:
    """As many bytes as the query says, for the sender that it names."""
    name, _, size = request.query.decode().partition("=")
    request.sender = SENDERS[name]
    return make_response(200, [(b"access-control-allow-origin", b"*")], CONTENT[: int(size)])


async def play(port: int, scene: Callable[[], None]) -> None:
    app = App({"/": {"GET": answer}}, Proxy("false", "", 1, ""), Traffic(None, text), time.monotonic_ns, logging.root)
    batching, one = Batching(app), make_server(partial(answer_scope, app), "127.0.0.1", port)
    task = asyncio.create_task(one.serve_batches(batching))
    try:
        await batching.check("127.0.0.1", port, tls=False)
        await asyncio.to_thread(scene)
    finally:
        one.stop()  # type: ignore[no-untyped-call]
        await task


def text(address: Address) -> str:
    return address.text


@contextmanager
def ask(port: int, *queries: str) -> Iterator[list[socket.socket]]:
    """Connections that have the head of an answer each, and read no further."""
    with ExitStack() as wires:
        opened = []
        for query in queries:
            wire = wires.enter_context(socket.socket())
            wire.settimeout(PATIENCE)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", port))
            wire.sendall(f"GET /?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            wire.recv(1, socket.MSG_PEEK)
            opened.append(wire)
        yield opened


def status(wire: socket.socket) -> int:
    return int(wire.recv(12, socket.MSG_PEEK)[9:])


def read(wire: socket.socket) -> tuple[bytes, bytes]:
    """A whole answer: its head, and its body of as many bytes as its `Content-Length` says."""
    with wire.makefile("rb") as file:
        head = b"".join(iter(file.readline, b"\r\n"))
        (length,) = [line for line in head.lower().splitlines() if line.startswith(b"content-length")]
        return head, file.read(int(length.split()[1]))


def test_a_large_answer_is_exact_and_its_connection_goes_on() -> None:
    port = free_port()

    def scene() -> None:
        for size in (65_536, 65_537, 200_000, MAX_BYTES):
            with ask(port, f"a={size}") as (wire,):
                assert read(wire)[1] == CONTENT[:size]
                wire.sendall(b"GET /?a=3 HTTP/1.1\r\nhost: x\r\n\r\n")
                assert read(wire)[1] == CONTENT[:3]

    asyncio.run(play(port, scene))


def test_a_larger_one_is_refused() -> None:
    port = free_port()

    def scene() -> None:
        with ask(port, f"ada={MAX_BYTES + 1}") as (wire,):
            head, body = read(wire)
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b"access-control-allow-origin: *" in head
            assert body.decode() == f"{refusal.RESPONSE_TOO_LARGE.reason}\n"
            assert f"over {MAX_BYTES >> 20} MiB" in refusal.RESPONSE_TOO_LARGE.reason

    asyncio.run(play(port, scene))


@pytest.mark.parametrize("reads", [True, False])
def test_what_is_not_read_has_a_limit_for_each_sender(reads: bool) -> None:
    port = free_port()

    def is_answered() -> bool:
        with ask(port, f"a={MAX_BYTES}") as (again,):
            return status(again) == 200

    def scene() -> None:
        whole = f"={MAX_BYTES}"
        with ask(port, f"a{whole}", f"a{whole}", f"b{whole}", f"ada{whole}", "a=65536") as wires:
            assert [status(wire) for wire in wires] == [200, 503, 200, 200, 200]
            head, body = read(wires[1])
            assert b"retry-after: 10" in head
            assert body.decode() == f"{refusal.RESPONSES_UNREAD.reason}\n"
            if reads:
                assert read(wires[0])[1] == CONTENT[:MAX_BYTES]
            else:
                wires[0].close()
            wait_until(is_answered, "the bytes to be free")

    asyncio.run(play(port, scene))


def test_what_is_not_read_has_a_limit_for_all() -> None:
    port = free_port()
    for number in range(8):
        SENDERS[f"s{number}"] = Sender(Rank.SHARE, f"s{number}")

    def scene() -> None:
        with ask(port, *(f"s{number}={MAX_BYTES}" for number in range(8)), f"ada={MAX_BYTES}") as wires:
            assert [status(wire) for wire in wires] == [200] * 3 + [503] * 5 + [200]

    asyncio.run(play(port, scene))


@pytest.mark.parametrize("sent", [0, 1])
def test_bytes_are_free_after_a_failure(sent: int) -> None:
    ended: list[bool] = []
    left = [True] * sent

    async def fail(message: dict[str, object]) -> None:
        if not left:
            raise ConnectionError
        left.pop()

    start, body = make_response(200, [], b"x")
    with pytest.raises(ConnectionError):
        asyncio.run(send(fail, (start, body | {"ended": lambda: ended.append(True)})))
    assert ended == [True]
