"""The journal's write end: what `append` took is in the kernel's hands, and survives the death of this process.

For the event loop alone; `fdatasync` runs elsewhere. It must never drop what it took.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prisme.journal.segment import Segment, segment_path
from prisme.runtime.write import last_error, write

# A segment is loaded in one transaction, in memory: the least that DuckDB has by default, 128 MB, is enough for 25 MB
# of long lines, and not for 50.
MAX_BYTES = 8 << 20
# No file has this number: what comes after `close` is refused, as if the disk had refused it.
_CLOSED = -1


class Sealed(NamedTuple):
    """A segment on its way to the store, with what it holds; no `file` where an earlier process left it."""

    segment: Segment
    events: int
    size: int
    file: int | None


class Appender:
    """The open segment. `failure` says why the last write failed; None while all is well. `failures` counts them.

    A segment that holds as many events or bytes as it should is sealed, and `when_full` is called.
    """

    def __init__(self, folder: Path, first: int, max_events: int) -> None:
        self._folder = folder
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._max_events = max_events
        self._sealed: list[Sealed] = []
        self._round: asyncio.Future[bool] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self.when_full: Callable[[], object] = lambda: None
        self.failure: str | None = None
        self.failures = 0
        self.last_failure: str | None = None  # which stays
        self._stuck: str | None = None  # why the segment cannot be sealed, though lines can be written
        self._lead = b""
        self._number = first
        self._file = self._open(first)
        self._size = 0
        self._events = 0

    @property
    def _is_full(self) -> bool:
        return self._events >= self._max_events or self._size >= MAX_BYTES

    @property
    def has_sealed(self) -> bool:
        """Whether `take` would return anything."""
        return bool(self._sealed)

    @property
    def pending_events(self) -> int:
        """Events in the open segment and in sealed ones that nobody has taken yet."""
        return self._events + sum(sealed.events for sealed in self._sealed)

    @property
    def pending_bytes(self) -> int:
        """Bytes in these segments."""
        return self._size + sum(sealed.size for sealed in self._sealed)

    def append(self, lines: bytes, events: int = 1) -> bool:
        """Write lines, line feeds included, with one `write`. False: nothing of them stays; `failure` says why."""
        was_full = self._is_full
        if not self._put(lines):
            return False
        self._events += events
        if self._is_full:
            # At once: before anyone is woken by `when_full`, much more may come.
            self.seal()
            if not was_full:
                self.when_full()
        return True

    def probe(self) -> bool:
        """Whether a write would work now. Leaves an empty line, which readers skip."""
        return self._put(b"\n")

    def seal(self) -> None:
        """Close the segment to writing, where it holds anything, and open the next one."""
        if not self._events:
            return
        try:
            file = self._open(self._number + 1)
        except OSError as error:
            # No room for one more file: go on in the one we have.
            self.failure = self._stuck = f"journal: {error.strerror}"
            return
        self._stuck = None
        segment = Segment(self._number, segment_path(self._folder, self._number))
        self._sealed.append(Sealed(segment, self._events, self._size, self._file))
        self._number += 1
        self._file, self._size, self._events, self._lead = file, 0, 0, b""

    def take(self) -> list[Sealed]:
        """The segments sealed since the last call, oldest first. The caller closes their files."""
        taken, self._sealed = self._sealed, []
        return taken

    async def commit(self) -> bool:
        """Wait until all that was appended so far is on the disk itself; False where the disk refused.

        Callers of one moment share one `fdatasync` (group commit).
        """
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        mine = self._round
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        return await asyncio.shield(mine)

    async def close(self) -> None:
        """Let go of the files. An open segment that holds nothing is removed."""
        if self._syncing is not None:
            await self._syncing
        os.close(self._file)
        self._file = _CLOSED
        if not self._events:
            with contextlib.suppress(OSError):  # one that is empty does no harm
                segment_path(self._folder, self._number).unlink()
        os.close(self._directory)

    async def _sync(self) -> None:
        while (waiting := self._round) is not None:
            self._round = None
            # Copies of the descriptors: a segment may be closed by its loader while the disk works.
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

    def _put(self, line: bytes) -> bool:
        data = self._lead + line if self._lead else line
        size = len(data)
        try:
            written = write(self._file, data, size)
            if written < 0:
                raise last_error()
            if written == size:
                self._size += size
                self._lead = b""
                self.failure = self._stuck
                return True
            self._cut()
        except OSError as error:
            self.failure = f"journal: {error.strerror}"
        self.failures += 1
        self.last_failure = self.failure
        return False

    def _cut(self) -> None:
        """The disk is full, and took a part: cut it off, so that the next line starts on its own."""
        self.failure = "journal: No space left on device"
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._lead = b"\n"  # it stays: end it, and the reader counts it as torn

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
