"""One GET to another server, bounded in time and size. It follows no redirect and uses no proxy.

Over plain HTTP, nothing is sent to a public address: anybody in between could read the token, and change the response.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from prisme.visit.address import is_private

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse

_PIECE: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}


class OutgoingError(Exception):
    """There is no whole response; the message says why, and what to correct."""


class _CutError(OSError):
    """A response ends before its end."""


class Reply(NamedTuple):
    """A whole response. Names of headers are compared without case."""

    status: int
    headers: "HTTPMessage"
    body: bytes


class Outgoing:
    """A GET of a URL without a query, to be sent once. Any thread may `cancel` it.

    It takes `seconds` at most, but for the time in which the system looks the host up, and `most_bytes` of a body.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        seconds: float,
        most_bytes: int,
        make_tls: Callable[[], ssl.SSLContext],
    ) -> None:
        parts = urlsplit(url)
        self._host, self._path, self._scheme = parts.hostname or "", parts.path or "/", parts.scheme
        self._port = parts.port or _PORTS[parts.scheme]
        self._headers = headers
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._make_tls = make_tls
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._is_cancelled = False

    def send(self) -> Reply:
        """The response, whatever its status. Raises OutgoingError."""
        # Imported for the first request: a server that sends none has no need of them, which is nearly a megabyte.
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection(self._host, self._port)
        connection.default_port = _PORTS[self._scheme]  # which is not in the header `Host`
        self._deadline = time.monotonic() + self._seconds
        timer = threading.Timer(self._seconds, self.cancel)
        timer.daemon = True
        timer.start()
        try:
            connection.sock = self._connect()
            connection.request("GET", self._path, headers={**self._headers, "Connection": "close"})
            return self._read(connection.getresponse())
        except (OSError, HTTPException, ValueError) as error:  # ValueError: of TLS that is shut down
            raise OutgoingError(self._explain(error)) from error
        finally:
            timer.cancel()
            connection.close()
            if self._socket is not None:
                self._socket.close()

    def cancel(self) -> None:
        """End it: `send` raises OutgoingError soon."""
        self._is_cancelled = True
        _shut(self._socket)

    def _connect(self) -> socket.socket:
        made = self._open()
        if self._scheme == "http":
            address = made.getpeername()[0].partition("%")[0]
            if not is_private(address):
                raise OutgoingError(
                    f"{self._host} has the public address {address}, and anybody in between could read and change what "
                    "goes there over plain HTTP: write https"
                )
        else:
            context = self._make_tls()
            self._socket = made = context.wrap_socket(made, server_hostname=self._host, do_handshake_on_connect=False)
            made.do_handshake()
        if self._is_cancelled:  # perhaps before there was a socket
            _shut(made)
        return made

    def _open(self) -> socket.socket:
        """A connection to the first address that accepts one; those that are silent share the time."""
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        failure: OSError = TimeoutError()
        for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
            self._socket = made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(max(0.1, self._deadline - time.monotonic()) / left)
                made.connect(address)
            except OSError as error:
                made.close()
                failure = error
            else:
                made.settimeout(self._seconds)
                return made
        raise failure

    def _read(self, response: "HTTPResponse") -> Reply:
        with response:
            pieces, size = [], 0
            while piece := response.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > self._most_bytes:
                    raise OutgoingError(f"the answer is larger than {self._most_bytes >> 20} MiB")
            if response.length or self._is_cancelled:  # bytes that should have followed
                raise _CutError
            return Reply(response.status, response.headers, b"".join(pieces))

    def _explain(self, error: Exception) -> str:
        """Why there is no response. Nothing of what was sent or received is in it."""
        from http.client import HTTPException, IncompleteRead, RemoteDisconnected

        where = f"{self._host}, port {self._port}"
        if self._is_cancelled or isinstance(error, TimeoutError):
            return f"no whole answer from {where}, within {self._seconds:g} seconds"
        match error:
            case socket.gaierror():
                return f"the host {self._host} is not found ({error.strerror}): correct it, or the DNS of this machine"
            case ssl.SSLCertVerificationError():
                return (
                    f"the certificate of {where}, is not valid ({error.verify_message}): renew it, correct the host, "
                    "or name the file of its authority in the environment as SSL_CERT_FILE"
                )
            case ssl.SSLError():
                return f"no TLS with {where} ({error.reason or 'no reason'}): does this port serve HTTPS?"
            case IncompleteRead() | _CutError():
                return f"the answer of {where}, is incomplete"
            case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
                return f"{where}, closes the connection: is it the right port, and does it serve HTTPS?"
            case HTTPException() | ValueError():
                return f"the answer of {where}, is not HTTP: is it the right port, and does it serve HTTPS?"
            case ConnectionRefusedError():
                return f"nothing listens on {where}: start that server, or correct the URL"
        return f"no connection with {where}: {getattr(error, 'strerror', None) or type(error).__name__}"


def _shut(one: socket.socket | None) -> None:
    """End what waits for a socket, in whichever thread. Of TLS, without a word to the other side."""
    if one is not None:
        try:
            socket.socket.shutdown(one, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed
