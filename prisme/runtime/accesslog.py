"""The access log: one JSON line a request, in bunyan's format.

There is one `write` for all lines of a turn of the event loop. It never holds up a request: where a reader is too slow,
lines are dropped, and counted.
"""

import asyncio
import datetime
import os
import select
import socket
import stat
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import msgspec

from prisme.runtime.write import write_with_gil

# What waits for a slow reader, at most: some 4,000 lines.
_BACKLOG = 1 << 20
# Seconds until a slow reader is tried again: a pipe takes 64 KiB each time, so 13 MB/s.
_PAUSE = 0.005
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_LINE_FEED = b"\n"
_LINE_END = b"}\n"

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


class _File(NamedTuple):
    """An open file. `write` never waits; it gives the number of bytes that it took, or raises OSError."""

    write: Callable[[bytes], int]
    close: Callable[[], None]


class AccessLog:
    """An open access log. `dropped` counts the lines that nobody will see. `wall` is in nanoseconds."""

    def __init__(self, path: str, wall: Callable[[], int]) -> None:
        self._path = path
        self._wall = wall
        self._file = _open(path)
        self._hostname = socket.gethostname()
        self._pid = os.getpid()
        self._lines: list[Line] = []
        self._loop = asyncio.get_running_loop()
        # What makes the lines of the millisecond.
        self._millisecond, self._now = -1, partial(Line)
        # What a slow reader has not taken yet, and when it is tried again.
        self._late = bytearray()
        self._next_try: asyncio.TimerHandle | None = None
        # False while the file ends in the middle of a line.
        self._whole = True
        self.dropped = 0

    def now(self) -> Callable[[str, float, str, str, str, int, str], Line]:
        """What makes the line of a request that is answered now, of what is its own: from `request_id` on."""
        millisecond = self._wall() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond, time = millisecond, _iso(millisecond)
            self._now = partial(Line, "prisme", self._hostname, self._pid, 30, time, "request", 0)
        return self._now

    def add(self, lines: Iterable[Line]) -> None:
        """Log requests; they are written with the others of this turn."""
        if not self._lines:
            self._loop.call_soon(self.flush)
        self._lines += lines

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        if not self._late:
            self._write(_encode(lines) if self._whole else _LINE_FEED + _encode(lines))
        elif len(self._late) < _BACKLOG:
            self._late += _encode(lines)
        else:
            self.dropped += len(lines)

    def reopen(self) -> None:
        """Go on in the file that has the name now: log rotation moves the old one away, then sends SIGHUP."""
        fresh = _open(self._path)
        self.flush()
        self._file.close()
        self._file = fresh

    def close(self) -> None:
        """Write the rest, as far as it is taken, and let go of the file."""
        self.flush()
        if self._next_try:
            self._next_try.cancel()
            self._catch_up()
            self._next_try.cancel()  # it may have set another
        self._file.close()

    def _write(self, data: bytes) -> None:
        taken = 0
        try:
            while taken < len(data):
                taken += self._file.write(data[taken:])
                self._whole = data[taken - 1 : taken] == _LINE_FEED
        except BlockingIOError:
            self._late += data[taken:]
            self._next_try = asyncio.get_running_loop().call_later(_PAUSE, self._catch_up)
        except OSError:  # a full disk, a reader gone: the log is not worth a request
            self.dropped += data.count(_LINE_END, taken)

    def _catch_up(self) -> None:
        late, self._late = bytes(self._late), bytearray()
        self._write(late)


def _open(path: str) -> _File:
    """Open a file by its name, or one of the standard streams as it is."""
    stream = _STREAMS.get(path)
    # Where a file is standard output, and errors go there too, only the same open file has them take turns.
    if stream is None or not stat.S_ISREG(os.fstat(stream).st_mode):
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        except OSError:
            if stream is None:
                raise
            # A socket, as systemd gives, or another user's pipe: what cannot be opened anew.
            return _share(stream)
        return _File(partial(write_with_gil, file), partial(os.close, file))
    return _share(stream)


def _share(stream: int) -> _File:
    """An open file that others have as well: whether it waits is not ours to set."""
    file = os.dup(stream)
    mode = os.fstat(file).st_mode
    if stat.S_ISSOCK(mode):
        wire = socket.socket(fileno=file)
        return _File(lambda data: wire.send(data, socket.MSG_DONTWAIT), wire.close)
    write = write_with_gil if stat.S_ISREG(mode) else _write_if_ready
    return _File(partial(write, file), partial(os.close, file))


def _write_if_ready(file: int, data: bytes) -> int:
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    # A pipe that is ready takes so much at once.
    return os.write(file, data[: select.PIPE_BUF])


def _iso(milliseconds: int) -> str:
    time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
