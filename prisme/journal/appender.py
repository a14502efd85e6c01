"""Appends events to the journal, with write(2): appended events survive a crash of the process.

Only the event loop may use it; fsync runs in another thread.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prisme.journal.segment import Segment, segment_path
from prisme.runtime.write import last_error, write

# A segment is loaded in one transaction, in memory: DuckDB's smallest default limit, 128 MB, is enough for 25 MB of
# long lines, but not for 50.
MAX_BYTES = 8 << 20
# No descriptor has this number: a write after `close` fails like a disk error.
_CLOSED = -1


class Sealed(NamedTuple):
    """A sealed segment with its number of events and bytes. `file` is its open descriptor, None if an earlier process
    wrote it.
    """

    segment: Segment
    events: int
    size: int
    file: int | None


class Appender:
    """The open segment. `failure` says why the last write failed, None if it succeeded; `failures` counts them.

    When a segment has `max_events` events or `MAX_BYTES` bytes, it is sealed and `when_full` is called.
    """

    def __init__(self, folder: Path, first: int, max_events: int) -> None:
        self._folder = folder
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._max_events = max_events
        self._sealed: list[Sealed] = []
        self._next_sync: asyncio.Future[bool] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self.when_full: Callable[[], object] = lambda: None
        self.failure: str | None = None
        self.failures = 0
        self.last_failure: str | None = None  # not reset by a success
        self._seal_failure: str | None = None  # lines can be written, but no new segment can be opened
        self._prefix = b""
        self._number = first
        self._file = self._open(first)
        self._size = 0
        self._events = 0

    @property
    def _is_full(self) -> bool:
        return self._events >= self._max_events or self._size >= MAX_BYTES

    @property
    def has_sealed(self) -> bool:
        """Whether `take` would return any segments."""
        return bool(self._sealed)

    @property
    def pending_events(self) -> int:
        """The number of events in the open segment and in sealed ones that were not taken yet."""
        return self._events + sum(sealed.events for sealed in self._sealed)

    @property
    def pending_bytes(self) -> int:
        """The number of bytes in these segments."""
        return self._size + sum(sealed.size for sealed in self._sealed)

    def append(self, lines: bytes, events: int = 1) -> bool:
        """Write lines, including line feeds, with one write(2). If False, none was written, and `failure` says why."""
        was_full = self._is_full
        if not self._write(lines):
            return False
        self._events += events
        if self._is_full:
            # Right away, as many more events may arrive before `when_full` wakes the loader.
            self.seal()
            if not was_full:
                self.when_full()
        return True

    def probe(self) -> bool:
        """Whether a write works now. Writes an empty line, which readers skip."""
        return self._write(b"\n")

    def seal(self) -> None:
        """Seal the open segment, unless it is empty, and open the next one."""
        if not self._events:
            return
        try:
            file = self._open(self._number + 1)
        except OSError as error:
            # Without space for another file, continue with this one.
            self.failure = self._seal_failure = f"journal: {error.strerror}"
            return
        self._seal_failure = None
        segment = Segment(self._number, segment_path(self._folder, self._number))
        self._sealed.append(Sealed(segment, self._events, self._size, self._file))
        self._number += 1
        self._file, self._size, self._events, self._prefix = file, 0, 0, b""

    def take(self) -> list[Sealed]:
        """The segments sealed since the last call, oldest first. The caller has to close their files."""
        taken, self._sealed = self._sealed, []
        return taken

    async def commit(self) -> bool:
        """Wait until everything appended so far is synced to disk; False if that failed.

        Concurrent callers share one fsync (group commit).
        """
        if self._next_sync is None:
            self._next_sync = asyncio.get_running_loop().create_future()
        synced = self._next_sync
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        return await asyncio.shield(synced)

    async def close(self) -> None:
        """Close the files. The open segment is deleted if it is empty."""
        if self._syncing is not None:
            await self._syncing
        os.close(self._file)
        self._file = _CLOSED
        if not self._events:
            with contextlib.suppress(OSError):  # an empty one does no harm
                segment_path(self._folder, self._number).unlink()
        os.close(self._directory)

    async def _sync(self) -> None:
        while (waiting := self._next_sync) is not None:
            self._next_sync = None
            # Duplicates of the descriptors, as the loader may close a segment during the sync.
            open_files = (*(sealed.file for sealed in self._sealed), self._file, self._directory)
            files = [os.dup(file) for file in open_files if file is not None]
            try:
                await asyncio.to_thread(_sync_all, files)
            except OSError as error:
                self.failure = f"journal: {error.strerror}"
                waiting.set_result(False)
            else:
                waiting.set_result(True)
        self._syncing = None

    def _write(self, line: bytes) -> bool:
        data = self._prefix + line if self._prefix else line
        size = len(data)
        try:
            written = write(self._file, data, size)
            if written < 0:
                raise last_error()
            if written == size:
                self._size += size
                self._prefix = b""
                self.failure = self._seal_failure
                return True
            self._truncate()
        except OSError as error:
            self.failure = f"journal: {error.strerror}"
        self.failures += 1
        self.last_failure = self.failure
        return False

    def _truncate(self) -> None:
        """Remove a partial write to a full disk, so that the next line starts at the beginning of a line."""
        self.failure = "journal: No space left on device"
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._prefix = b"\n"  # it stays: end its line, and the reader counts it as torn

    def _open(self, number: int) -> int:
        path = segment_path(self._folder, number)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _sync_all(files: list[int]) -> None:
    try:
        for file in files:
            os.fsync(file)
    finally:
        for file in files:
            os.close(file)
