"""Requests of the operator's commands to the running server, over a Unix socket that only its owner can open.

A message is one byte that says its kind, four bytes with the length of its body (big-endian), and the body. A client
sends one request and perhaps data; the server sends progress and data, and one result or error ends the exchange. A
client that closes the connection cancels what it asked for.
"""

import contextlib
import os
import queue
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.priority import renice

FILE: Final = "prisme.sock"
# Of a message's body; longer data comes in several messages.
MOST_BYTES: Final = 1 << 20
_HEAD = struct.Struct(">cI")
_BUFFERED = 8  # messages
_POLL = 0.1  # seconds between two looks at whether a client or the server has left
_FAREWELL = 2.0  # seconds in which a client of a closing server has to take what it is sent
_PATH_BYTES = 100  # the address of a socket holds a few more, on Linux and macOS

REQUEST, DATA, END, PROGRESS, RESULT, ERROR = b"Q", b"D", b"E", b"P", b"R", b"X"


class Request(msgspec.Struct):
    """The name of an operation and its arguments."""

    operation: str
    arguments: dict[str, Any]


class Progress(msgspec.Struct):
    """What is being done, and how much of it, of a total that is 0 where it is not known; `unit` is rows or bytes."""

    what: str
    done: int
    total: int
    unit: str


class ConnectionClosedError(Exception):
    """The other side has closed the connection."""


def send(connection: socket.socket, kind: bytes, body: bytes = b"") -> None:
    """Send one message. Raises OSError."""
    connection.sendall(_HEAD.pack(kind, len(body)) + body)


def receive(connection: socket.socket) -> tuple[bytes, bytes]:
    """The kind and the body of the next message. Raises ConnectionClosedError, also for one that is too long."""
    kind, length = _HEAD.unpack(_receive_bytes(connection, _HEAD.size))
    if length > MOST_BYTES:
        raise ConnectionClosedError
    return kind, _receive_bytes(connection, length)


def _receive_bytes(connection: socket.socket, length: int) -> bytes:
    parts, missing = [], length
    while missing:
        try:
            part = connection.recv(missing)
        except OSError as error:
            raise ConnectionClosedError from error
        if not part:
            raise ConnectionClosedError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """The socket's address, for the time of the block: that of a path which is too long leads through its folder."""
    if len(os.fsencode(path)) <= _PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(folder: Path) -> socket.socket | None:
    """A connection to the server of a data folder; None if none runs there. Raises PermissionError, with the path."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _address(folder / FILE) as address:
            connection.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except PermissionError as error:
        connection.close()
        raise PermissionError(error.errno, error.strerror, str(folder / FILE)) from error
    except BaseException:
        connection.close()
        raise
    return connection


class Exchange:
    """One client's request, in the server: what it sends after it, and whether it still waits for the result."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received: queue.Queue[bytes | None] = queue.Queue(_BUFFERED)
        self.cancellation = Cancellation()
        self._is_over = False
        kind, body = receive(connection)
        if kind != REQUEST:
            raise ConnectionClosedError
        self.request = msgspec.json.decode(body, type=Request)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Take what the client sends; cancel if it leaves."""
        with contextlib.suppress(ConnectionClosedError):
            while True:
                kind, body = receive(self._connection)
                self._put(body if kind == DATA else None)
        self.cancel()

    def _put(self, data: bytes | None) -> None:
        is_put = False
        while not is_put and not self.cancellation.is_cancelled:
            with contextlib.suppress(queue.Full):
                self._received.put(data, timeout=_POLL)
                is_put = True

    def cancel(self) -> None:
        """Stop the work, because the client has left or the server stops."""
        if not self._is_over and not self.cancellation.is_cancelled:
            self.cancellation.cancel()

    def abandon(self) -> None:
        """End the connection, so that nothing waits for the client any more."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def data(self) -> Iterator[bytes]:
        """What the client sends, to its end. Raises ConnectionClosedError if it leaves before."""
        while True:
            try:
                part = self._received.get(timeout=_POLL)
            except queue.Empty:
                if self.cancellation.is_cancelled:
                    raise ConnectionClosedError from None
                continue
            if part is None:
                return
            yield part

    def send(self, kind: bytes, body: bytes) -> None:
        """Send a message; one that is too long only if it is data, in parts. Cancels if the client has left."""
        try:
            for start in range(0, max(len(body), 1), MOST_BYTES):
                send(self._connection, kind, body[start : start + MOST_BYTES])
        except OSError as error:
            self.cancel()
            raise ConnectionClosedError from error

    def end(self, kind: bytes, body: bytes) -> None:
        """Send the result or the error; what the client does afterwards cancels nothing."""
        self._is_over = True
        with contextlib.suppress(ConnectionClosedError):
            self.send(kind, body)


class _Handler(socketserver.BaseRequestHandler):
    server: "LocalServer"

    def handle(self) -> None:
        renice()
        with contextlib.suppress(ConnectionClosedError, msgspec.DecodeError):
            exchange = Exchange(self.request)
            with self.server.noting(exchange):
                self.server.run(exchange)


class LocalServer(socketserver.ThreadingUnixStreamServer):
    """Listens in a data folder that this process has locked; each client has a thread, of low priority.

    `run` does what a client asks, and ends the exchange. `close` cancels all and waits for them. Raises OSError.
    """

    daemon_threads = True  # it does not wait for those who have asked for nothing yet

    def __init__(self, folder: Path, run: Callable[[Exchange], None]) -> None:
        self._path = folder / FILE
        self.run = run
        self._exchanges: set[Exchange] = set()
        self._changed = threading.Condition()
        self._is_closing = False
        self._path.unlink(missing_ok=True)  # left by a process that was killed
        with _address(self._path) as address:
            super().__init__(address, _Handler)
        self._path.chmod(0o600)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL,), daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def noting(self, exchange: Exchange) -> Iterator[None]:
        """Have the exchange cancelled where the server closes within the block."""
        with self._changed:
            self._exchanges.add(exchange)
            if self._is_closing:
                exchange.cancel()
        try:
            yield
        finally:
            with self._changed:
                self._exchanges.discard(exchange)
                self._changed.notify_all()

    def close(self) -> None:
        """Accept no more, cancel what is under way, and wait for its end."""
        self._path.unlink(missing_ok=True)
        self.shutdown()
        with self._changed:
            self._is_closing = True
            for exchange in self._exchanges:
                exchange.cancel()
            if not self._changed.wait_for(self._is_idle, _FAREWELL):
                for exchange in self._exchanges:
                    exchange.abandon()
                self._changed.wait_for(self._is_idle)
        self.server_close()
        self._thread.join()

    def _is_idle(self) -> bool:
        return not self._exchanges
