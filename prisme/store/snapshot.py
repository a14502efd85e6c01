"""Schema changes of files. The previous file is kept; at any moment the path names either the old or the new one."""

import contextlib
import filecmp
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

# Times the file's size: the copy, the tables that the migration rewrites, and what it spills to disk. A file of 0.1.0
# needed 1.6 to 1.9 times its size.
_SPACE_FACTOR = 2


def path_of(path: Path, version: int) -> Path:
    """Where the file is kept as it was with that schema version."""
    return path.with_name(f"{path.name}.v{version}")


@contextlib.contextmanager
def creating(target: Path) -> Iterator[Path]:
    """A temporary file to write to, which is synced and renamed to `target` when the block ends. Raises OSError."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        yield part
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path, previous: Path) -> Iterator[Path]:
    """A copy of a file that nobody has open. When the block ends it replaces the file, which is kept as `previous`.

    Raises OSError; then, and if the block raises, the file is unchanged.
    """
    log = path.with_name(f"{path.name}.wal")
    copy = path.with_name(f"{path.name}.new")
    try:
        if log.exists():
            raise OSError(f"{log} still exists, so the file does not have all data")
        free, needed = shutil.disk_usage(path.parent).free, _SPACE_FACTOR * path.stat().st_size
        if free < needed:
            raise OSError(f"the migration of a copy needs {needed:,} bytes on the same disk, which has {free:,}")
        _remove(copy)
        copy.touch(mode=0o600)
        shutil.copyfile(path, copy)
        if not filecmp.cmp(path, copy, shallow=False):
            raise OSError("the copy differs from the original")
        yield copy
        _sync(copy)
        previous.unlink(missing_ok=True)
        os.link(path, previous)
        copy.replace(path)
        _sync(path.parent)
    finally:
        _remove(copy)


def _remove(copy: Path) -> None:
    for path in (copy, copy.with_name(f"{copy.name}.wal")):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
