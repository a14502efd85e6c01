"""A server that answers each connection with bytes that a test chooses, at its pace."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

# Is given the connection and the request's head. What it raises of OSError is the client's doing.
Answer = Callable[[socket.socket, bytes], None]


def send(*pieces: bytes) -> Answer:
    """Just these bytes, then close."""

    def answer(connection: socket.socket, _: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer


def respond(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> Answer:
    """A response; `length` is what it says of its body's."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return send("\r\n".join(lines).encode(), body)


class LyingServer:
    """`with LyingServer(answer) as server:` listens on a port of 127.0.0.1; `answer` may be exchanged."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        for connection in self._accept():
            with connection, contextlib.suppress(OSError):
                connection.settimeout(20)
                with self._wrap(connection) as wrapped:
                    head = b""
                    while b"\r\n\r\n" not in head and head[:3] in {b"", b"GET"}:  # or TLS
                        piece = wrapped.recv(4096)
                        if not piece:
                            break
                        head += piece
                    self.requests.append(head)
                    self.answer(wrapped, head)

    def _accept(self) -> Iterator[socket.socket]:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                yield self._listener.accept()[0]

    def _wrap(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
