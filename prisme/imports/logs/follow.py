"""Follows a log while a server writes it, through rotation by renaming and by truncating."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from prisme.imports.files import Splitter, skip_hole

_EVERY: Final = 0.25  # seconds
_PIECE: Final = 1 << 18
# By its first bytes a file is known: truncated and written again, it may have grown beyond where it was read.
_KNOWN_BY: Final = 64
# A server goes on writing to a renamed file until it reopens its log: the file is done after so many looks at which
# nothing new was there.
_LOOKS: Final = 4


def follow(
    path: Path, from_start: bool, stop: Callable[[], bool], wait: Callable[[float], object] = time.sleep
) -> Iterator[bytes | None]:
    """The lines of a file as they come, as `Splitter` makes them, and None each time that there is no more for now.

    Begins with the whole file, or with what is written from now on. Waits for a file that is not there, and ends as
    soon as `stop` says so. A line whose end is missing waits for it, until its file is rotated. Raises OSError.
    """
    first = True
    while not stop():
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            first, from_start = False, True
            yield None
            wait(_EVERY)
            continue
        with file:
            yield from _Followed(path, cast(BinaryIO, file), first and not from_start).lines(stop, wait)
        first = False


class _Followed:
    """A file that is open, until it is rotated away."""

    def __init__(self, path: Path, file: BinaryIO, at_end: bool) -> None:
        self._path = path
        self._file = file
        self._splitter = Splitter()
        self._head = b""
        if at_end:
            self._go_to_end()
        else:
            skip_hole(file)

    def lines(self, stop: Callable[[], bool], wait: Callable[[float], object]) -> Iterator[bytes | None]:
        """The lines of this file; ends when another one has its name, and this one is done."""
        looks = 0
        while not stop():
            if self._is_truncated():
                yield from self._finish()
                self._file.seek(0)
                skip_hole(self._file)
                self._head = b""
            elif piece := self._file.read(_PIECE):
                yield from self._splitter.split(piece)
                looks = 0
                continue
            elif self._is_replaced():
                looks += 1
                if looks == _LOOKS:
                    yield from self._finish()
                    return
            yield None
            wait(_EVERY)

    def _finish(self) -> Iterator[bytes]:
        """The last line, if it has no end: none comes."""
        if last := self._splitter.rest.rstrip(b"\r"):
            yield last
        self._splitter = Splitter()

    def _go_to_end(self) -> None:
        """To the start of the last line where that has no end so far, to the end of the file otherwise."""
        end = self._file.seek(0, os.SEEK_END)
        start = max(end - _PIECE, 0)
        self._file.seek(start)
        self._file.seek(start + self._file.read(end - start).rfind(b"\n") + 1)

    def _is_truncated(self) -> bool:
        """Whether the file was written anew: it is shorter than what was read, or begins differently."""
        descriptor = self._file.fileno()
        if os.fstat(descriptor).st_size < self._file.tell():
            return True
        head = os.pread(descriptor, _KNOWN_BY, 0)
        known, self._head = self._head, head
        return not head.startswith(known)

    def _is_replaced(self) -> bool:
        """Whether another file has the name now, and something is in it."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return found.st_size > 0 and not os.path.samestat(found, os.fstat(self._file.fileno()))
