"""The access log: one JSON line a request, in bunyan's format, and one `write` for all lines of a turn of the loop.

It never holds up a request: where a pipe's reader is too slow, lines are dropped, and counted.
"""

import asyncio
import datetime
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

# What waits for a slow reader, at most: some 4,000 lines.
_BACKLOG = 1 << 20
_STDOUT = "/dev/stdout"

_encode = msgspec.json.Encoder().encode_lines


class Line(msgspec.Struct, frozen=True, gc=False):
    """One request, in the order in which the line shows it. `duration_ms` is a float."""

    name: str
    hostname: str
    pid: int
    level: int
    time: str
    msg: str
    v: int
    request_id: str
    duration_ms: float
    source_ip: str
    method: str
    path: str
    status_code: int
    error: str


class AccessLog:
    """An open access log. `dropped` counts the lines that a slow reader did not get. `wall` is in nanoseconds."""

    def __init__(self, path: str, wall: Callable[[], int]) -> None:
        self._path = path
        self._wall = wall
        self._file = _open(path)
        self._hostname = socket.gethostname()
        self._pid = os.getpid()
        self._lines: list[Line] = []
        self._backlog = b""
        self._time = ""
        self.dropped = 0

    def add(
        self, request_id: str, duration_ms: float, source_ip: str, method: str, path: str, status: int, error: str
    ) -> None:
        """Log one request; it is written with the others of this turn of the event loop."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
            self._time = _iso(self._wall())
        self._lines.append(
            Line(
                "prisme",
                self._hostname,
                self._pid,
                30,
                self._time,
                "request",
                0,
                request_id,
                duration_ms,
                source_ip,
                method,
                path,
                status,
                error,
            )
        )

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        if len(self._backlog) > _BACKLOG:
            self.dropped += len(lines)
            lines = []
        data = self._backlog + _encode(lines)
        try:
            self._backlog = data[os.write(self._file, data) :] if data else b""
        except BlockingIOError:
            self._backlog = data
        except OSError:  # a full disk, a reader gone: the log is not worth a request
            self._backlog = b""
            self.dropped += len(lines)

    def reopen(self) -> None:
        """Go on in the file that has the name now: log rotation moves the old one away, then sends SIGHUP."""
        fresh = _open(self._path)
        self.flush()
        os.close(self._file)
        self._file = fresh

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        os.close(self._file)


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(Path(path), flags, 0o600)
    except OSError:
        if path != _STDOUT:
            raise
        return os.dup(1)  # a socket, as systemd gives, cannot be opened again


def _iso(nanoseconds: int) -> str:
    time = datetime.datetime.fromtimestamp(nanoseconds / 1e9, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
