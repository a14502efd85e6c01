"""The system calls on which the promise about stored events rests. Tests replace them by those of a failing disk."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prisme.runtime.write import write


def open_file(path: Path, flags: int) -> int:
    """Open a file, which only its owner may read if it is new; gives its descriptor. Raises OSError."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Disk(NamedTuple):
    """System calls by name. `write` gives the number of bytes written, or -1 and sets `last_error`; others raise.

    `write`, `fsync` and `truncate` take a file descriptor.
    """

    write: Callable[[int, bytes, int], int] = write
    fsync: Callable[[int], None] = os.fsync
    truncate: Callable[[int, int], None] = os.ftruncate
    open: Callable[[Path, int], int] = open_file
    replace: Callable[[Path, Path], None] = os.replace
    unlink: Callable[[Path], None] = os.unlink

    def sync_folder(self, folder: Path) -> None:
        """Sync the entries of a folder: which names there are, and of which files. Raises OSError."""
        directory = self.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.fsync(directory)
        finally:
            os.close(directory)


DISK = Disk()
