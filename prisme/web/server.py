"""The seam to Granian: its settings, and the way of requests from its thread to the application and back.

Granian hands each request to a scheduler. Its own makes a task of each; ours collects the requests that arrive while
the event loop is busy, and answers them in batches. What this needs beyond Granian's public interface, and what breaks
without it:

- `granian._granian.ASGIWorker`, its arguments, `serve_async`; `granian._granian.WorkerSignal.add_cb`: the start of a
  worker. Without them no server starts.
- `granian._granian.CallbackScheduler`, its `_schedule_fn` and `_ctx`: where requests are handed over. Without them no
  request is answered; `Batching.check` finds that out at the start.
- Of what is handed over: `scope`, `proto.receive`, `proto.send`, `err`, `done` and `taskref`. Without them each request
  fails with a logged error, or hangs.
- `granian.server.embed.Server._init_shared_socket`, `_shd`, and `granian.server.common.SocketSpec`: a listening socket
  of our own. Without them a client that does not read its answer is never disconnected.

The oldest and the newest version of the range in `pyproject.toml` are tested.
"""

import asyncio
import contextlib
import logging
import os
import socket
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import granian
from granian._granian import ASGIWorker, CallbackScheduler
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.common import SocketSpec  # type: ignore[attr-defined]  # not exported
from granian.server.embed import Server as GranianServer

from prisme.base import refusal
from prisme.runtime.clock import Now
from prisme.runtime.machine import this_machine
from prisme.runtime.metrics import Distribution, Gauge, Histogram, Metric
from prisme.runtime.open_files import allow_open_files
from prisme.runtime.ports import connect
from prisme.web import responses, unread
from prisme.web.body import Body, Timeouts
from prisme.web.request import Proxy, Receive, Request
from prisme.web.responses import Response

# A longer request line or more headers are refused by Granian itself. Enough for URLs of 8,192 bytes in three headers,
# and in a query, where each byte may be percent-encoded. What comes at once may have up to twice as much.
_HEADER_BYTES = 65_536
# In milliseconds: with seconds, clients that send a byte now and then would hold a connection for long.
_HEADER_TIMEOUT = 10_000
_BACKLOG = 1024
# More connections wait to be accepted. A slow client holds one for `_HEADER_TIMEOUT`.
_CONNECTIONS = 4096
# The memory that one takes at worst, as measured: headers and a body of the greatest size, the body not whole yet.
_CONNECTION_BYTES = 262_144
# File descriptors of the database, the journal and the log.
_OWN_FILES = 256
# A client that does not read its response is disconnected after so many milliseconds. Only HTTP/1.1 has a timeout for
# everything: Granian's HTTP/2, and its detection of the protocol, let a silent client stay for ever.
_UNREAD_TIMEOUT = 30_000

# The largest batch: it holds the event loop for some 2 ms.
_MAX_BATCH = 64
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, _MAX_BATCH)
# Bodies of one batch arrive together, within some 0.2 ms; after so many seconds each is waited for alone.
_TOGETHER = 0.001
# Seconds for the start's own request, which takes some 2 ms.
_CHECK_SECONDS = 10.0

# Granian's types know another way to make one.
_make_worker: Any = ASGIWorker

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application(Protocol):
    """What answers requests; `App` is one."""

    proxy: Proxy
    clock: Now

    def read(self, request: Request) -> None:
        """Read one request as it arrives, in Granian's thread. It gets a `body` where one has to be received."""

    def answer(self, requests: list[Request]) -> Sequence[Response | Awaitable[Response]]:
        """The responses to requests that were read, and whose bodies have ended, in their order."""


class BatchingError(Exception):
    """Granian does not hand requests over as it should; the message says what to do."""


class _CheckedError(Exception):
    """The request of `Batching.check` came."""


def read_scope(scope: Scope, proxy: Proxy, now: int) -> Request:
    """The request that an ASGI scope describes. The scope loses its headers: they may be 100 kB."""
    return Request(
        scope["method"],
        scope["raw_path"],
        scope["query_string"],
        scope.pop("headers"),
        scope["client"][0],
        scope["scheme"],
        now,
        proxy,
    )


async def answer_scope(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request of an ASGI server, without a batch (`functools.partial` makes it a plain ASGI callable)."""
    request = read_scope(scope, app.proxy, app.clock())
    request.receive = receive
    app.read(request)
    if request.body is not None:
        await request.body.receive(receive)
    (response,) = app.answer([request])
    await unread.send(send, response if isinstance(response, tuple) else await response)


class Batching:
    """Collects the requests that Granian hands over while the event loop is busy, and answers them in batches.

    Python does one thing to many requests in half the time that it takes to do all things to one after the other, and
    the threads wake each other once for all. `active` counts requests that have to wait for something.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._loop = asyncio.get_running_loop()
        self._context: Any = None
        self._timeouts = Timeouts()
        self._received: deque[tuple[Any, Request]] = deque()
        self._is_scheduled = False
        self._complete: list[tuple[Any, Request]] = []  # requests whose body has ended
        self._read = self._read_first
        self._check_path = b"/" + os.urandom(16).hex().encode()
        self._is_checked = asyncio.Event()
        self._sizes = Histogram(_BATCH_SIZES)
        self.active = 0

    def metrics(self) -> list[Metric]:
        """How many requests are under way, and how many are answered at a time."""
        return [
            Gauge("http_active_requests", "Requests under way.", lambda: self.active),
            Distribution("http_batch_size_requests", "Requests answered at a time.", (), lambda: {(): self._sizes}),
        ]

    async def start_worker(self, number: int, stop: Any, _callback: Any, sockets: Any, *settings: Any) -> None:
        """Granian's `_spawn_asgi_worker` with our scheduler; its other arguments are those of `ASGIWorker`."""
        (
            threads, blocking_threads, python_threads, idle_timeout, backpressure, _task_type,
            http, http1, http2, websockets, static_path, _log_format, tls, _scope_options,
        ) = settings  # fmt: skip
        stopped = asyncio.Event()  # which may come after this task was cancelled
        stop.add_cb(lambda: self._loop.call_soon_threadsafe(stopped.set))
        worker: Any = _make_worker(
            number, sockets, None, threads, blocking_threads, python_threads, idle_timeout, backpressure,
            http, http1, http2, websockets, static_path, *tls, (None, None),
        )  # fmt: skip
        worker.serve_async(self._make_scheduler(), self._loop, stop)
        await stopped.wait()

    async def check(self, host: str, port: int, *, tls: bool) -> None:
        """Send one request to the server, and see that Granian hands it over here. Raises BatchingError.

        The request is neither counted nor logged.
        """
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                reader, writer = await connect(host, port, tls=tls)
                with contextlib.closing(writer):
                    writer.write(b"GET %s HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n" % self._check_path)
                    await self._is_checked.wait()
                    await reader.read()  # until the server has closed the connection
        except TimeoutError:
            known = "install granian>=2.8.0,<=2.8.9"
            raise BatchingError(
                f"granian {granian.__version__} does not hand requests over as it should: {known}"
            ) from None
        self._read = self._app.read

    def _make_scheduler(self) -> Any:
        """This object must not refer to the scheduler: the garbage collector cannot see that it refers back."""
        scheduler: Any = CallbackScheduler(self._loop, None, None, None, None)  # type: ignore[call-arg]
        scheduler._schedule_fn = self._schedule
        self._context = scheduler._ctx
        return scheduler

    def _read_first(self, request: Request) -> None:
        """Read a request, until the one of `check` came."""
        if request.path == self._check_path:
            raise _CheckedError
        self._app.read(request)

    def _answer_check(self, watcher: Any) -> None:
        for message in responses.make_response(204, []):
            watcher.proto.send(message)
        self._is_checked.set()

    def _schedule(self, watcher: Any) -> None:
        """Take over one request, in Granian's thread."""
        try:
            app = self._app
            request = read_scope(watcher.scope, app.proxy, app.clock())
            self._read(request)
            body = request.body
            if body is not None:
                if not body.has_ended():
                    body.next = watcher.proto.receive()  # arrives while the loop is busy
            elif not request.slots:
                request.receive = watcher.proto.receive
            self._received.append((watcher, request))
            if not self._is_scheduled:
                self._is_scheduled = True
                self._loop.call_soon_threadsafe(self._answer_received, context=self._context)
        except _CheckedError:
            self._loop.call_soon_threadsafe(self._answer_check, watcher)
        except Exception as error:  # a loop that was closed meanwhile, or a defect; Granian answers 500
            watcher.err(error)

    def _answer_received(self) -> None:
        self._is_scheduled = False  # first: a request that comes from here on is either seen below, or schedules again
        received = self._received
        batch = [received.popleft() for _ in range(min(len(received), _MAX_BATCH))]
        if received and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._answer_received, context=self._context)
        complete, late = self._take_arrived(batch)
        if late:
            self._wait_for_all(late)
        self._answer(complete)

    def _answer_complete(self) -> None:
        batch, self._complete = self._complete, []
        self._answer(batch)

    def _answer(self, batch: list[tuple[Any, Request]]) -> None:
        if not batch:
            return
        self._sizes.counts[bisect_left(_BATCH_SIZES, len(batch))] += 1
        self._sizes.sum += len(batch)
        try:
            answers = self._app.answer([request for _, request in batch])
        except Exception as error:  # a defect; Granian answers 500
            for watcher, _ in batch:
                watcher.err(error)
            return
        for (watcher, _), response in zip(batch, answers, strict=True):
            try:
                if isinstance(response, tuple):
                    send = watcher.proto.send
                    send(response[0])
                    send(response[1])
                else:
                    watcher.taskref(self._loop.create_task(self._answer_later(watcher, response)))
            except Exception as error:  # a connection that cannot be answered any more
                watcher.err(error)

    async def _answer_later(self, watcher: Any, coming: Awaitable[Response]) -> None:
        self.active += 1
        try:
            await unread.send(watcher.proto.send, await coming)
        except BaseException as error:
            watcher.err(error)
        else:
            watcher.done()
        finally:
            self.active -= 1

    def _take_arrived(self, batch: list[tuple[Any, Request]]) -> tuple[list[tuple[Any, Request]], ...]:
        """Take what has arrived of the bodies: the requests that are complete, and those that are not."""
        complete: list[tuple[Any, Request]] = []
        late: list[tuple[Any, Request]] = []
        for one in batch:
            watcher, request = one
            body = request.body
            try:
                if body is None or body.has_ended() or body.has_arrived(watcher.proto.receive):
                    complete.append(one)
                else:
                    late.append(one)
            except Exception as error:
                watcher.err(error)
        return complete, late

    def _wait_for_all(self, late: list[tuple[Any, Request]]) -> None:
        """Look again when the last of these bodies arrives, or soon: a callback for each would cost twice as much."""
        self.active += len(late)
        look = partial(self._look_again, late)
        late[-1][1].body.next.add_done_callback(look)  # type: ignore[union-attr]  # it has a body
        self._loop.call_later(_TOGETHER, look, None)

    def _look_again(self, late: list[tuple[Any, Request]], _: Any) -> None:
        batch = late.copy()
        late.clear()  # the other call finds nothing
        self.active -= len(batch)
        complete, slow = self._take_arrived(batch)
        for watcher, request in slow:
            self._wait_for_one(watcher, request, request.body)  # type: ignore[arg-type]  # it has a body
        self._answer(complete)

    def _wait_for_one(self, watcher: Any, request: Request, body: Body) -> None:
        # No function here may refer to itself: as long as anything knows the watcher, its connection waits.
        give_up = partial(self._give_up, watcher, request, body)
        self._receive(watcher, request, body, give_up)
        self._timeouts.start(give_up)
        self.active += 1

    def _receive(self, watcher: Any, request: Request, body: Body, give_up: Callable[[], object]) -> None:
        if body.next is None:
            body.next = watcher.proto.receive()
        body.next.add_done_callback(partial(self._arrive, watcher, request, body, give_up))

    def _arrive(self, watcher: Any, request: Request, body: Body, give_up: Callable[[], object], _: Any) -> None:
        if body.has_ended():  # it was given up
            return
        body.take_next()
        if body.has_ended():
            self._timeouts.stop(give_up)
            self._end(watcher, request)
        else:
            self._receive(watcher, request, body, give_up)

    def _give_up(self, watcher: Any, request: Request, body: Body) -> None:
        body.refused = refusal.BODY_LATE
        coming, body.next = body.next, None
        if coming is not None:
            coming.cancel()
        self._end(watcher, request)

    def _end(self, watcher: Any, request: Request) -> None:
        self.active -= 1
        if not self._complete:
            self._loop.call_soon(self._answer_complete, context=self._context)
        self._complete.append((watcher, request))


class _Relay(logging.Handler):
    """Hands Granian's records to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("prisme").handle(record)


class Server(GranianServer):
    """Listens on a socket that we know, to set what Granian has no setting for; connections inherit it."""

    def _init_shared_socket(self) -> None:
        holder: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd = holder
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # not on macOS
            with socket.socket(fileno=os.dup(holder.get_fd())) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_TIMEOUT)

    def serve_batches(self, batching: Batching) -> Coroutine[Any, Any, None]:
        """Serve until `stop`, with answers in batches; the server's callable is not used."""
        return self.serve(batching.start_worker)  # type: ignore[arg-type]  # a coroutine function, not None's


def make_server(
    app: Callable[..., Any], host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """A Granian server of an ASGI callable for the running event loop, with TLS where there is a certificate and a key.

    Granian's own log says errors only, in our format.
    """
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,  # visitors' browsers may be old
        backlog=_BACKLOG,
        backpressure=_count_connections(),
        runtime_threads=1,
        log_level=LogLevels.error,
        log_dictconfig={
            "handlers": {"prisme": {"()": _Relay}},
            "loggers": {"_granian": {"handlers": ["prisme"], "propagate": False}},
        },
    )


def _count_connections() -> int:
    """As many as a quarter of the memory can hold at worst, and as there may be open files."""
    # Granian does not count a connection until its TLS handshake is over, for which it allows ten seconds.
    files = allow_open_files(4 * _CONNECTIONS)
    return min(_CONNECTIONS, this_machine().memory // 4 // _CONNECTION_BYTES, max(files - _OWN_FILES, files // 2))
