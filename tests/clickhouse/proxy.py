"""A proxy before ClickHouse that fails as planned: slow, without the answer, or as a server whose disk is full."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from prisme.runtime.clickhouse_types import Endpoint
from prisme.store.clickhouse.client import Access, Client

_HEAD: Final = 300  # bytes of a body in which its statement is
_FULL: Final = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)"
_PATIENCE: Final = 60  # seconds
_HOP: Final = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Fault(NamedTuple):
    """What happens to a request.

    `slow`: it is carried out after `seconds`; `lost`: it is carried out, and the connection closed without an answer;
    `full`: it is refused as if the disk were full; `cut`: the connection is closed in its place.
    """

    kind: Literal["slow", "lost", "full", "cut"]
    seconds: float = 0.0


# Gives what happens to the request with a statement.
Plan = Callable[[str], Fault | None]


class Proxy:
    """Passes requests on to an endpoint, except as `plan` says. Leaving the block ends it."""

    def __init__(self, target: Endpoint, plan: Plan = lambda _: None) -> None:
        self.target = target
        self.plan = plan
        self.seen: list[str] = []
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint("127.0.0.1", self._server.server_address[1], False)

    def client(self, timeout: float = 30.0) -> Client:
        """A client of its own."""
        return Client(Access([self.endpoint], timeout=timeout))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass(b"")

    def do_POST(self) -> None:
        self._pass(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _pass(self, body: bytes) -> None:
        asked = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
        statement = f"{asked}{body[:_HEAD].decode(errors='replace')}".strip()
        self.owner.seen.append(statement)
        fault = self.owner.plan(statement)
        self.close_connection = fault is not None
        if fault is not None and fault.kind == "cut":
            return
        if fault is not None and fault.kind == "full":
            self._answer(500, [("X-ClickHouse-Exception-Code", "243")], _FULL.encode())
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        try:
            status, headers, answer = self._forward(body)
        except OSError:
            self.close_connection = True
            return
        if fault is None or fault.kind != "lost":
            self._answer(status, headers, answer)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = self.owner.target
        connection = http.client.HTTPConnection(target.host, target.port, timeout=_PATIENCE)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except http.client.HTTPException as error:
            raise ConnectionResetError(str(error)) from error
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client waits no longer

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
