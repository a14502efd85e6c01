"""A log file that never holds up its writer: where its reader is too slow, lines are dropped, and counted."""

import asyncio
import os
import select
import socket
import stat
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from prisme.runtime.write import write_with_gil

# Bytes that wait for a slow reader at most: some 4,000 lines.
BACKLOG = 1 << 20
# Seconds until a slow reader is tried again: a pipe takes 64 KiB each time, so 13 MB/s.
PAUSE = 0.005
STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_LINE_FEED = b"\n"
JSON_END = b"}\n"


class _File(NamedTuple):
    """An open file. `write` never waits; it gives the number of bytes that it took, or raises OSError."""

    write: Callable[[bytes], int]
    close: Callable[[], None]


class LogFile:
    """An open file of lines, each of which ends in `end`. `dropped` counts the lines that nobody will see."""

    def __init__(self, path: str, end: bytes = JSON_END) -> None:
        self._path = path
        self._end = end
        self._file = open_log_file(path)
        # What a slow reader has not taken yet, and when it is tried again.
        self._late = bytearray()
        self._next_try: asyncio.TimerHandle | None = None
        # False while the file ends in the middle of a line.
        self._is_whole = True
        self.dropped = 0

    def write(self, lines: bytes, count: int) -> None:
        """Write so many lines, now or when the reader has taken those before."""
        if not self._late:
            self._write(lines if self._is_whole else _LINE_FEED + lines)
        elif len(self._late) < BACKLOG:
            self._late += lines
        else:
            self.dropped += count

    def reopen(self, flush: Callable[[], object]) -> None:
        """Continue in the file that has the name now. `flush` writes what belongs into the one before.

        Raises OSError where there is none; then the one before stays open.
        """
        fresh = open_log_file(self._path)
        flush()
        self._file.close()
        self._file = fresh

    def close(self) -> None:
        """Write what waits, as far as the reader takes it, and close the file."""
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
                self._is_whole = data[taken - 1 : taken] == _LINE_FEED
        except BlockingIOError:
            self._late += data[taken:]
            self._next_try = asyncio.get_running_loop().call_later(PAUSE, self._catch_up)
        except OSError:  # a full disk, a reader gone: the log is not worth a request
            self.dropped += data.count(self._end, taken)

    def _catch_up(self) -> None:
        late, self._late = bytes(self._late), bytearray()
        self._write(late)


def open_log_file(path: str) -> _File:
    """Open a file by its name, or one of the standard streams as it is. Raises OSError."""
    stream = STREAMS.get(path)
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
