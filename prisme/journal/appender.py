"""The journal's write end: what `written` confirmed is in the kernel's hands, and survives the death of this process.

Belongs to the event loop's thread; only `fdatasync` runs elsewhere. It must never drop what it took.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from prisme.journal.segment import Segment, segment_path

Undo = Callable[[], None]


class Sealed(NamedTuple):
    """A segment on its way to the store, with what it holds; no `file` where an earlier process left it."""

    segment: Segment
    events: int
    size: int
    file: int | None


class Appender:
    """The open segment. `failure` says why the last write failed; None while all is well."""

    def __init__(self, folder: Path, first: int, max_events: int) -> None:
        self._folder = folder
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._max_events = max_events
        self._sealed: list[Sealed] = []
        self._round: asyncio.Future[bool] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self.full = asyncio.Event()
        self.failure: str | None = None
        self._lines: list[bytes] = []
        self._undo: list[Undo] = []
        self._turn: _Turn
        self._lead = b""
        self._number = first
        self._file = self._open(first)
        self._size = 0
        self._events = 0

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

    def append(self, line: bytes, undo: Undo | None = None) -> None:
        """Take one line, line feed included, for the write at the end of this turn of the event loop.

        One `write` for all lines of a turn: each costs 2 us, and hands Python's lock to another thread and back. Where
        it fails, nothing of them stays, `undo` is called, the last one first, and `written` is false.
        """
        if not self._lines:
            loop = asyncio.get_running_loop()
            self._turn = _Turn(loop=loop)
            loop.call_soon(self._write)
        self._lines.append(line)
        if undo is not None:
            self._undo.append(undo)

    def written(self) -> Awaitable[bool]:
        """Whether the lines of this turn were written, once they are: in the kernel's hands, whatever dies then."""
        return self._turn if self._lines else _nothing_to_write()

    def probe(self) -> bool:
        """Whether a write would work now. Leaves an empty line, which readers skip."""
        return self._put(b"\n")

    def seal(self) -> None:
        """Close the segment to writing, where it holds anything, and open the next one."""
        self._write()
        self.full.clear()
        if not self._events:
            return
        try:
            file = self._open(self._number + 1)
        except OSError as error:
            # No room for one more file: go on in the one we have.
            self.failure = f"journal: {error.strerror}"
            return
        segment = Segment(self._number, segment_path(self._folder, self._number))
        self._sealed.append(Sealed(segment, self._events, self._size, self._file))
        self._number += 1
        self._file, self._size, self._events, self._lead = file, 0, 0, b""

    def take(self) -> list[Sealed]:
        """The segments sealed since the last call, oldest first. The caller closes their files."""
        taken, self._sealed = self._sealed, []
        return taken

    async def committed(self) -> bool:
        """Whether the lines of this turn are on the disk itself, once they are."""
        return await self.written() and await self.commit()

    async def commit(self) -> bool:
        """Wait until all that was written so far is on the disk itself; False where the disk refused.

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
        self._write()
        if self._syncing is not None:
            await self._syncing
        os.close(self._file)
        if not self._events:
            segment_path(self._folder, self._number).unlink(missing_ok=True)
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

    def _write(self) -> None:
        """Write the lines of the turn."""
        if not self._lines:
            return  # `seal` was quicker
        lines, undo, turn = self._lines, self._undo, self._turn
        self._lines, self._undo = [], []
        works = self._put(b"".join(lines))
        if works:
            self._events += len(lines)
            if self._events >= self._max_events:
                self.full.set()
        else:
            for take_back in reversed(undo):
                take_back()
        turn.set_result(works)

    def _put(self, data: bytes) -> bool:
        """Append all of `data`, or nothing."""
        data = self._lead + data
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self.failure = f"journal: {error.strerror}"
            return False
        if written < len(data):
            self._cut()
            return False
        self._lead = b""
        self._size += written
        self.failure = None
        return True

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


class _Turn(asyncio.Future[bool]):
    """What all requests of a turn wait for: one that is cancelled must not take the others along."""

    def cancel(self, msg: object | None = None) -> bool:  # noqa: ARG002
        return False


async def _nothing_to_write() -> bool:
    return True


def _sync_all(files: list[int]) -> None:
    try:
        for file in files:
            os.fsync(file)
    finally:
        for file in files:
            os.close(file)
