"""Granian's settings, in one place, and the way of requests from Granian's thread to their answers."""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol, cast

from granian._granian import CallbackScheduler
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.common import SocketSpec  # type: ignore[attr-defined]  # not exported
from granian.server.embed import AsyncWorker, Server

from prisme.base import refusal
from prisme.runtime.descriptors import allow_open_files
from prisme.runtime.machine import this_machine
from prisme.web.request import Body, Patience, Scope
from prisme.web.responses import Answer

# A request line and headers beyond this are refused by Granian itself: room for URLs of 8,192 bytes in three headers,
# and in a query, where each byte may be percent-encoded. What comes at once may have up to twice as much.
_HEADER_BYTES = 65_536
# Seconds would be too kind to clients that send a byte now and then, in milliseconds.
_HEADER_TIMEOUT = 10_000
_BACKLOG = 1024
# Whoever connects beyond these waits to be accepted. Slow clients hold one for `_HEADER_TIMEOUT` each.
_CONNECTIONS = 4096
# Memory that one takes at its worst, as measured: a head and a body of the greatest size, the body not whole yet.
_CONNECTION_BYTES = 262_144
# What the database, the journal and the log need beside.
_OWN_FILES = 256
# A client that asks and does not read what it is answered is hung up on after so long, in milliseconds. HTTP/1.1 only
# has an end to everything; Granian's HTTP/2, and its guess which of both it is, let a silent client stay for ever.
_UNREAD_TIMEOUT = 30_000

# So many requests are answered together at most: they hold the event loop for some 2 ms.
_TOGETHER = 64


class Answering(Protocol):
    """What answers requests without the event loop's tasks, where it can. `active` counts those that have to wait."""

    active: int

    def read(self, scope: Scope) -> Body | None:
        """Read one request, and give its body, where it is to be received; in Granian's thread, as it comes."""

    def answer(self, scopes: list[Scope]) -> list[Answer | None]:
        """The answers to requests of one moment, whose bodies have ended, in order.

        None is for what has to wait for something else: the server's callable gets it.
        """


class _Relay(logging.Handler):
    """Hands Granian's records to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("prisme").handle(record)


class _Turns:
    """Collects the requests that Granian's thread hands over while the event loop is busy, and answers them together.

    Python does one thing to many of them in half the time that it takes to do all things to one after the other, and
    the threads wake each other once for all. What needs a task gets one, as with Granian's own scheduler
    (`granian/_futures.py`).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Any, answering: Answering) -> None:
        self._loop = loop
        self._context: Any = None
        self._callback = callback
        self._answering = answering
        self._patience = Patience()
        self._fresh: deque[Any] = deque()
        self._called = False
        self._whole: list[Any] = []  # whose body has ended

    def make_scheduler(self) -> CallbackScheduler:
        """What Granian hands requests to.

        It knows the turns, which must not know it: Python's garbage collector cannot see into it.
        """
        scheduler: Any = CallbackScheduler(self._loop, self._callback, None, None, None)  # type: ignore[call-arg]
        scheduler._schedule_fn = self._schedule
        self._context = scheduler._ctx
        return cast(CallbackScheduler, scheduler)

    def _schedule(self, watcher: Any) -> None:
        """In Granian's thread."""
        try:
            body = self._answering.read(watcher.scope)
            if body is not None and not body.has_ended():
                body.next = watcher.proto.receive()  # which takes its time: while the loop is busy
            self._fresh.append(watcher)
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._answer_fresh, context=self._context)
        except Exception as error:  # a loop that was closed meanwhile, or a defect; Granian answers 500
            watcher.err(error)

    def _answer_fresh(self) -> None:
        self._called = False  # before it looks: what comes while it does is either seen here, or calls again
        watchers = [self._fresh.popleft() for _ in range(min(len(self._fresh), _TOGETHER))]
        if self._fresh and not self._called:
            self._called = True
            self._loop.call_soon(self._answer_fresh, context=self._context)
        self._answer([watcher for watcher in watchers if self._is_whole(watcher)])

    def _answer_whole(self) -> None:
        watchers, self._whole = self._whole, []
        self._answer(watchers)

    def _answer(self, watchers: list[Any]) -> None:
        try:
            answers = self._answering.answer([watcher.scope for watcher in watchers])
        except Exception as error:  # a defect; Granian answers 500
            for watcher in watchers:
                watcher.err(error)
            return
        for watcher, answer in zip(watchers, answers, strict=True):
            try:
                if answer is None:
                    watcher.taskref(self._loop.create_task(self._callback(watcher)))
                else:
                    send = watcher.proto.send
                    send(answer[0])
                    send(answer[1])
            except Exception as error:  # whose connection is in no state to be answered
                watcher.err(error)

    def _is_whole(self, watcher: Any) -> bool:
        """Whether the request has no body, or all of it is there; else it begins to wait for the rest."""
        body: Body | None = watcher.scope.get("body")
        if body is None or body.has_ended():
            return True
        try:
            if body.next.done():
                _take(body)
            if not body.has_ended():
                # No function here may refer to itself: as long as anything knows the watcher, its connection waits.
                give_up = partial(self._give_up, watcher, body)
                self._receive(watcher, body, give_up)
                self._patience.start(give_up)
                self._answering.active += 1
                return False
        except Exception as error:
            watcher.err(error)
            return False
        return True

    def _receive(self, watcher: Any, body: Body, give_up: Callable[[], object]) -> None:
        if body.next is None:
            body.next = watcher.proto.receive()
        body.next.add_done_callback(partial(self._arrive, watcher, body, give_up))

    def _arrive(self, watcher: Any, body: Body, give_up: Callable[[], object], _: Any) -> None:
        if body.has_ended():  # it was given up
            return
        _take(body)
        if body.has_ended():
            self._patience.stop(give_up)
            self._end(watcher)
        else:
            self._receive(watcher, body, give_up)

    def _give_up(self, watcher: Any, body: Body) -> None:
        body.refused = refusal.BODY_LATE
        coming, body.next = body.next, None
        if coming is not None:
            coming.cancel()
        self._end(watcher)

    def _end(self, watcher: Any) -> None:
        self._answering.active -= 1
        if not self._whole:
            self._loop.call_soon(self._answer_whole, context=self._context)
        self._whole.append(watcher)


def _take(body: Body) -> None:
    """The piece that came."""
    piece, body.next = body.next, None
    try:
        body.take(piece.result())
    except Exception:
        body.refused = refusal.BODY_CUT


def _spawner(answering: Answering) -> Callable[..., None]:
    """Granian's own start of a worker, in which the name that makes its scheduler is ours."""

    def make(loop: asyncio.AbstractEventLoop, callback: Any, **_: bool) -> CallbackScheduler:
        return _Turns(loop, callback, answering).make_scheduler()

    usual: Any = Server._spawn_asgi_worker
    names = usual.__wrapped__.__globals__ | {"_new_cbscheduler": make}
    wrap: Any = AsyncWorker.wrap_target
    spawn: Callable[..., None] = wrap(FunctionType(usual.__wrapped__.__code__, names))
    return spawn


def serve(one: Server, answering: Answering | None = None) -> Coroutine[Any, Any, None]:
    """Serve until `one.stop()`. `answering`, where there is one, is asked before the server's callable."""
    return one.serve(_spawner(answering) if answering else None)


class _Server(Server):
    """Listens by a socket that we know, to set what Granian has no setting for; connections inherit it."""

    def _init_shared_socket(self) -> None:
        holder: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd = holder
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # not on macOS
            with socket.socket(fileno=os.dup(holder.get_fd())) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_TIMEOUT)


def server(
    app: Callable[..., Any], host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """A Granian server for the running event loop, with TLS where there is a certificate and its key.

    Its own log says errors only, in our format.
    """
    return _Server(
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
    """As many as a quarter of the memory can hold at their worst, and as may be open."""
    # Granian does not count a connection until its TLS handshake is over, for which it gives ten seconds.
    files = allow_open_files(4 * _CONNECTIONS)
    return min(_CONNECTIONS, this_machine().memory // 4 // _CONNECTION_BYTES, max(files - _OWN_FILES, files // 2))


def claim(host: str, port: int) -> None:
    """Raise OSError where the address cannot be listened on.

    Granian shares ports (SO_REUSEPORT): without this, a second server on the same port would take half of the
    first one's visitors, and nobody would know.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
