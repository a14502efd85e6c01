"""A copy of a file before its schema changes: beside it, so on the same disk, and compared before it is relied on."""

import contextlib
import filecmp
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def name(path: Path, version: int) -> Path:
    """Where the copy of a file with that version of the schema is."""
    return path.with_name(f"{path.name}.v{version}")


@contextlib.contextmanager
def making(copy: Path) -> Iterator[Path]:
    """A file to write the copy to; it has the copy's name once it is whole and on the disk itself. Raises OSError."""
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        yield part
        _sync(part)
        part.replace(copy)
        _sync(copy.parent)
    finally:
        part.unlink(missing_ok=True)


def take(path: Path, copy: Path) -> None:
    """Copy a file that nobody has open. Raises OSError; then there is no copy."""
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    if free < size:
        raise OSError(f"the copy needs {size:,} bytes on the same disk, which has {free:,}")
    with making(copy) as part:
        shutil.copyfile(path, part)
        if not filecmp.cmp(path, part, shallow=False):
            raise OSError("the copy is not what was copied")


def restore(path: Path, copy: Path) -> None:
    """Put the copy in the place of a file that nobody has open."""
    # First: it belongs to the file that goes, and without it that file is still whole.
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    copy.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
