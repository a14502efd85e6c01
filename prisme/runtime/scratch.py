"""A folder for what a command cannot keep in memory, on the disk of the data folder."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

# A folder is in use as long as somebody holds a lock on it.
_PREFIX: Final = "import-"


def remove_left(parent: Path) -> None:
    """Remove the folders of commands that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        with _locked(left) as is_locked:
            if is_locked:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """An empty folder for the time of the block. Raises OSError."""
    remove_left(parent)
    folder = Path(mkdtemp(prefix=_PREFIX, dir=parent))
    with _locked(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether the folder could be locked, which lasts until the end of the block."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # removed just now
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_locked = True
    except BlockingIOError:
        is_locked = False
    try:
        yield is_locked
    finally:
        os.close(descriptor)
