"""Appends events to the journal, with write(2): appended events survive a crash of the process.

Only the event loop may use it; fsync runs in another thread.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from prisme.journal.segment import Segment, segment_path
from prisme.runtime.disk import DISK, Disk
from prisme.runtime.write import last_error

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


class _Position(NamedTuple):
    """The end of the journal at some moment: the bytes and events that the open segment had."""

    number: int
    size: int
    events: int


class Appender:
    """The open segment. `failures` counts writes and syncs that failed.

    When a segment has `max_events` events or `MAX_BYTES` bytes, it is sealed and `when_full` is called. With
    `withdraws`, events are answered after `commit`: those that cannot be synced are removed from the journal.
    """

    def __init__(self, folder: Path, first: int, max_events: int, withdraws: bool = False, disk: Disk = DISK) -> None:
        self._folder = folder
        self._disk = disk
        self._write_file = disk.write
        self._directory = disk.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._max_events = max_events
        self.withdraws = withdraws
        self._sealed: list[Sealed] = []
        self._next_sync: asyncio.Future[bool] | None = None
        self._syncing: asyncio.Task[None] | None = None
        # How to undo what was remembered of events that are not synced yet, the oldest first.
        self._undo: list[Callable[[], object]] = []
        self.when_full: Callable[[], object] = lambda: None
        self.failures = 0
        self.last_failure: str | None = None  # not reset by a success
        self._write_failure: str | None = None
        self._seal_failure: str | None = None  # lines can be written, but no new segment can be opened
        self._sync_failure: str | None = None
        self._prefix = b""
        self._number = first
        self._file = self._open(first)
        self._size = 0
        self._events = 0
        self._synced = _Position(first, 0, 0)

    @property
    def failure(self) -> str | None:
        """Why the last write or sync failed, or no segment can be opened; None if all is well."""
        return self._write_failure or self._seal_failure or self._sync_failure

    @property
    def _is_full(self) -> bool:
        return self._events >= self._max_events or self._size >= MAX_BYTES

    @property
    def number(self) -> int:
        """That of the open segment."""
        return self._number

    @property
    def sealed(self) -> int:
        """The number of segments that `take` would return."""
        return len(self._sealed)

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

    def when_withdrawn(self, undo: Callable[[], object]) -> None:
        """Call `undo` if what was appended last is withdrawn; the latest events are undone first."""
        self._undo.append(undo)

    def probe(self) -> bool:
        """Whether a write works now. Writes an empty line, which readers skip; after a failed sync, syncs again."""
        works = self._write(b"\n")
        if works and self._sync_failure is not None:
            self._begin_sync()
        return works

    def seal(self) -> None:
        """Seal the open segment, unless it is empty, and open the next one."""
        if not self._events:
            return
        try:
            file = self._open(self._number + 1)
        except OSError as error:
            # Without space for another file, continue with this one.
            self._seal_failure = f"journal: {error.strerror}"
            return
        self._seal_failure = None
        segment = Segment(self._number, segment_path(self._folder, self._number))
        self._sealed.append(Sealed(segment, self._events, self._size, self._file))
        self._number += 1
        self._file, self._size, self._events, self._prefix = file, 0, 0, b""

    def take(self, most: int | None = None) -> list[Sealed]:
        """The sealed segments, oldest first, at most `most` of them. The caller has to close their files.

        They are not synced any more: the caller commits before.
        """
        taken, self._sealed = self._sealed[:most], [] if most is None else self._sealed[most:]
        return taken

    def commit(self) -> Awaitable[bool]:
        """Resolves once everything appended before the call is synced to disk; to False if that failed.

        Concurrent callers share one fsync (group commit).
        """
        return asyncio.shield(self._begin_sync())

    async def close(self) -> None:
        """Close the files. The open segment is deleted if it is empty."""
        if self._syncing is not None:
            await self._syncing
        _close_all([self._file, *(sealed.file for sealed in self._sealed if sealed.file is not None)])
        self._file = _CLOSED
        if not self._events:
            with contextlib.suppress(OSError):  # an empty one does no harm
                segment_path(self._folder, self._number).unlink()
        os.close(self._directory)

    def _begin_sync(self) -> asyncio.Future[bool]:
        """The result of a sync that begins now, or once the one under way is done."""
        if self._next_sync is None:
            self._next_sync = asyncio.get_running_loop().create_future()
        synced = self._next_sync
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        return synced

    async def _sync(self) -> None:
        while (waiting := self._next_sync) is not None:
            self._next_sync = None
            reached, undoable = _Position(self._number, self._size, self._events), len(self._undo)
            try:
                await asyncio.to_thread(_sync_all, self._disk, self._duplicate_files())
            except OSError as error:
                self._note_failed_sync(error)
                waiting.set_result(False)
            else:
                self._synced = reached
                del self._undo[:undoable]
                self._sync_failure = None
                waiting.set_result(True)
        self._syncing = None

    def _duplicate_files(self) -> list[int]:
        """Duplicates of the descriptors, as the loader may close a segment during the sync. Raises OSError."""
        open_files = (*(sealed.file for sealed in self._sealed), self._file, self._directory)
        with contextlib.ExitStack() as closing:
            files: list[int] = []
            closing.callback(_close_all, files)
            files.extend(os.dup(file) for file in open_files if file is not None)
            closing.pop_all()
        return files

    def _note_failed_sync(self, error: OSError) -> None:
        self._sync_failure = self.last_failure = f"journal: {error.strerror}"
        self.failures += 1
        if not self.withdraws:
            return
        # Also those that came during the sync: their visits build on those that go.
        self._withdraw()
        if self._next_sync is not None:
            self._next_sync.set_result(False)
            self._next_sync = None

    def _withdraw(self) -> None:
        """Remove from the journal, and from memory, all events since the last sync: they are refused."""
        undo, self._undo = self._undo, []
        for one in reversed(undo):
            one()
        try:
            self._sealed = [self._shorten(sealed) for sealed in self._sealed]
            size, self._events = self._find_synced(self._number)
            self._disk.truncate(self._file, size)
            self._size, self._prefix = size, b""
        except OSError as error:
            self._write_failure = self.last_failure = f"journal: {error.strerror}, so refused events may be stored"

    def _shorten(self, sealed: Sealed) -> Sealed:
        """A segment without what is not synced."""
        number = sealed.segment.number
        if sealed.file is None or number < self._synced.number:
            return sealed
        size, events = self._find_synced(number)
        self._disk.truncate(sealed.file, size)
        return sealed._replace(size=size, events=events)

    def _find_synced(self, number: int) -> tuple[int, int]:
        """The bytes and events that are synced of a segment which may not be synced as a whole."""
        synced = self._synced
        return (synced.size, synced.events) if number == synced.number else (0, 0)

    def _write(self, line: bytes) -> bool:
        data = self._prefix + line if self._prefix else line
        size = len(data)
        try:
            written = self._write_file(self._file, data, size)
            if written < 0:
                raise last_error()
            if written == size:
                self._size += size
                self._prefix = b""
                self._write_failure = None
                return True
            self._truncate()
        except OSError as error:
            self._write_failure = f"journal: {error.strerror}"
        self.failures += 1
        self.last_failure = self._write_failure
        return False

    def _truncate(self) -> None:
        """Remove a partial write to a full disk, so that the next line starts at the beginning of a line."""
        self._write_failure = "journal: No space left on device"
        try:
            self._disk.truncate(self._file, self._size)
        except OSError:
            self._prefix = b"\n"  # it stays: end its line, and the reader counts it as torn

    def _open(self, number: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return self._disk.open(segment_path(self._folder, number), flags)


def _sync_all(disk: Disk, files: list[int]) -> None:
    try:
        for file in files:
            disk.fsync(file)
    finally:
        _close_all(files)


def _close_all(files: list[int]) -> None:
    for file in files:
        os.close(file)
