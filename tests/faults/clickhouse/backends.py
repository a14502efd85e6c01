"""Servers that a balancer takes for nodes, each with a behaviour of its own. They count the events that reach them."""

import contextlib
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Literal, Self

EVENTS: Final = "/api/v1/events/pageviews"
NOSCRIPT: Final = "/api/v1/noscript/events/pageviews"


class Backend:
    """A server on loopback. `serves` answers with its name, `drops` reads an event and closes the connection.

    `seen` counts events by the header `X-Event`. Leaving the block ends it.
    """

    def __init__(self, name: str, behaviour: Literal["serves", "drops"] = "serves", health: str = "ok\n") -> None:
        self.name = name
        self.behaviour = behaviour
        self.health = health
        self.seen: Counter[str] = Counter()
        backend = self

        class Handler(_Handler):
            owner = backend

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    def stop(self) -> None:
        """End it: nobody listens on its port any more, and its connections are closed."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            for wire in self._server.wires:
                with contextlib.suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *others: Any) -> None:
        super().__init__(*others)
        self.wires: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self.wires.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """A balancer that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: Backend
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._handle()

    def _handle(self) -> None:
        backend = self.owner
        if self.path not in {EVENTS, NOSCRIPT}:
            self._answer(200 if backend.health == "ok\n" else 503, backend.health)
            return
        backend.seen[self.headers["X-Event"]] += 1
        if backend.behaviour == "drops":
            self.close_connection = True
        else:
            self._answer(200, backend.name)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
