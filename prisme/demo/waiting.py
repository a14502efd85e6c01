"""Holds the demo's port while it fills, and tells browsers how far it is."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="1">'
    "<title>Prisme is filling its demo</title><p>Prisme is filling its demo: {percent}%. "
    "The dashboard appears here once it is done.</p>"
)


class WaitingServer:
    """`with WaitingServer(port) as waiting:` shows in browsers how many `percent` are filled.

    Raises OSError if somebody else listens on the port.
    """

    def __init__(self, port: int) -> None:
        self.percent = 0
        self._server = _Server(("127.0.0.1", port), _make_handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="waiting", daemon=True)

    def __enter__(self) -> "WaitingServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Requests are answered at once: a stop does not wait for clients that send nothing.
    block_on_close = False


def _make_handler(waiting: WaitingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:  # named by http.server
            body = _PAGE.format(percent=waiting.percent).encode()
            self.send_response(503)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Retry-After", "1"),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
