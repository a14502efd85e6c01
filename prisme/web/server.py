"""Granian's settings, in one place: the public server, and what the bench compares it with."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

# A request line and headers beyond this are refused by Granian itself: room for a URL of 8,192 bytes in three
# headers and in a query, where each byte may be percent-encoded.
_HEADER_BYTES = 131_072
# Seconds would be too kind to clients that send a byte now and then, in milliseconds.
_HEADER_TIMEOUT = 10_000
_BACKLOG = 1024


class _Relay(logging.Handler):
    """Hands Granian's records to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("prisme").handle(record)


def server(
    app: Callable[..., Any], host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """A Granian server for the running event loop, with TLS where there is a certificate and its key.

    Its own log says errors only, in our format.
    """
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,  # visitors' browsers may be old
        backlog=_BACKLOG,
        runtime_threads=1,
        log_level=LogLevels.error,
        log_dictconfig={
            "handlers": {"prisme": {"()": _Relay}},
            "loggers": {"_granian": {"handlers": ["prisme"], "propagate": False}},
        },
    )


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
