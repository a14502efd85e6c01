"""The seam to Granian: requests are answered in batches, and a start finds out where they are not."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from prisme.runtime.metrics import Distribution, Gauge
from prisme.web import server
from prisme.web.app import App
from prisme.web.body import Body
from prisme.web.request import Proxy, Request
from prisme.web.responses import ACCEPTED
from prisme.web.routing import BatchEndpoint, Outcome
from prisme.web.server import Batching, BatchingError, Server, answer_scope, make_server
from prisme.web.traffic import Traffic
from tests.server import PATIENCE, free_port

POST = b"POST /batch HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nwhole"
GET = b"GET /batch HTTP/1.1\r\nhost: localhost\r\n\r\n"


def make_app(batches: list[int]) -> App:
    """An application that notes the size of each batch."""

    def answer(requests: list[Request]) -> list[Outcome]:
        batches.append(len(requests))
        return [ACCEPTED for _ in requests]

    def read(request: Request) -> list[bytes]:
        length = dict(request.headers).get(b"content-length")
        request.body = None if length is None else Body(length)
        return [request.path]

    traffic = Traffic(None, lambda address: address.text)
    routes = {"/batch": {"GET": BatchEndpoint(read, answer), "POST": BatchEndpoint(read, answer)}}
    return App(routes, Proxy("false", "", 1, ""), traffic, time.monotonic_ns, logging.getLogger("prisme"))


@asynccontextmanager
async def serving(app: App, port: int, serve: Callable[[Server], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    one = make_server(partial(answer_scope, app), "127.0.0.1", port)
    task = asyncio.create_task(serve(one))
    try:
        yield
    finally:
        one.stop()  # type: ignore[no-untyped-call]
        await task


def test_requests_that_arrive_while_the_loop_is_busy_are_one_batch() -> None:
    batches: list[int] = []
    port = free_port()

    async def play() -> Batching:
        app = make_app(batches)
        batching = Batching(app)
        async with serving(app, port, lambda one: one.serve_batches(batching)):
            await batching.check("127.0.0.1", port, tls=False)
            assert batches == []  # the check is no request
            wires = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
            for wire in wires:
                wire.sendall(GET)
            deadline = time.monotonic() + PATIENCE
            while len(batching._received) < len(wires):  # the loop is busy
                assert time.monotonic() < deadline
                time.sleep(0.01)  # noqa: ASYNC251
            streams = [await asyncio.open_connection(sock=wire) for wire in wires]
            assert [await reader.readline() for reader, _ in streams] == [b"HTTP/1.1 200 OK\r\n"] * 10
            for _, writer in streams:
                writer.close()
        return batching

    active, sizes = asyncio.run(play()).metrics()
    assert batches == [10]
    assert isinstance(active, Gauge)
    assert isinstance(sizes, Distribution)
    assert active.read() == 0
    ((counts),) = [histogram.counts for histogram in sizes.read().values()]
    assert counts == [0, 0, 0, 0, 1, 0, 0, 0]  # at most 16
    assert [histogram.sum for histogram in sizes.read().values()] == [10]


def test_a_body_that_does_not_come_delays_no_other_of_its_batch() -> None:
    """Whether it is the last of the batch, which the others are waited for with, or another one."""
    batches: list[int] = []
    port = free_port()

    async def play() -> None:
        batching = Batching(make_app(batches))
        async with serving(batching._app, port, lambda one: one.serve_batches(batching)):  # type: ignore[arg-type]
            await batching.check("127.0.0.1", port, tls=False)
            for late in range(3):
                wires = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
                for number, wire in enumerate(wires):
                    wire.sendall(POST[:-3])
                    deadline = time.monotonic() + PATIENCE
                    while len(batching._received) <= number:  # the loop is busy
                        assert time.monotonic() < deadline
                        time.sleep(0.01)  # noqa: ASYNC251
                streams = [await asyncio.open_connection(sock=wire) for wire in wires]
                (late_reader, late_writer), others = streams[late], streams[:late] + streams[late + 1 :]
                async with asyncio.timeout(PATIENCE):
                    while batching.active < len(wires):  # noqa: ASYNC110  # there is no event to wait for
                        await asyncio.sleep(0)
                    for _, writer in others:
                        writer.write(POST[-3:])
                    assert [await reader.readline() for reader, _ in others] == [b"HTTP/1.1 200 OK\r\n"] * 2
                    assert batching.active == 1
                    late_writer.write(POST[-3:])
                    assert await late_reader.readline() == b"HTTP/1.1 200 OK\r\n"
                assert batching.active == 0
                for _, writer in streams:
                    writer.close()

    asyncio.run(play())
    assert sum(batches) == 9


def test_a_start_finds_out_that_requests_are_not_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a Granian that no longer looks for a scheduler of ours: its own way answers the requests."""
    monkeypatch.setattr(server, "_CHECK_SECONDS", 1.0)
    port = free_port()

    async def play() -> None:
        app = make_app([])
        async with serving(app, port, lambda one: one.serve()):
            with pytest.raises(BatchingError, match=r"^granian [0-9.]+ does not hand requests over"):
                await Batching(app).check("127.0.0.1", port, tls=False)

    asyncio.run(play())


class WorkerThatStaysOn:
    """In place of Granian's worker and of the signal that stops it: tells that it has stopped when a test says so."""

    ends: Callable[[], None]

    def __init__(self, *_: object) -> None:
        """It needs no settings."""

    def serve_async(self, *_: object) -> None:
        """It serves nobody."""

    def add_cb(self, ends: Callable[[], None]) -> None:
        """Keep what is to be told."""
        self.ends = ends


def test_a_worker_that_ends_after_it_was_given_up_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop gives it up where requests under way take too long."""
    monkeypatch.setattr(server, "_make_worker", WorkerThatStaysOn)
    errors: list[dict[str, Any]] = []
    stop = WorkerThatStaysOn()

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        settings = [()] * 14
        working = asyncio.create_task(Batching(make_app([])).start_worker(1, stop, None, None, *settings))
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        stop.ends()
        await asyncio.sleep(0)

    asyncio.run(play())
    assert errors == []
