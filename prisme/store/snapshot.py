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
        settle(part, target)
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
        clear(copy)
        copy.touch(mode=0o600)
        shutil.copyfile(path, copy)
        if not filecmp.cmp(path, copy, shallow=False):
            raise OSError("the copy differs from the original")
        yield copy
        sync(copy)
        previous.unlink(missing_ok=True)
        os.link(path, previous)
        copy.replace(path)
        sync(path.parent)
    finally:
        clear(copy)


@contextlib.contextmanager
def swapping(path: Path, new: Path, previous: Path | None) -> Iterator[None]:
    """Put the file `new` in the place of `path`, which nobody has open; what is opened within the block must be good.

    The old file is kept as `previous`, or deleted; if the block raises, it is back in its place. Raises OSError.
    """
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        raise OSError(f"{log} still exists, so the file does not have all data")
    kept = previous or _replaced(path)
    sync(new)
    kept.unlink(missing_ok=True)
    os.link(path, kept)
    new.replace(path)
    sync(path.parent)
    try:
        yield
    except BaseException:
        log.unlink(missing_ok=True)
        kept.replace(path)
        sync(path.parent)
        raise
    if previous is None:
        kept.unlink()


def forget_replaced(path: Path) -> None:
    """Delete what a process that was killed has left of `swapping`. Raises OSError."""
    _replaced(path).unlink(missing_ok=True)


def _replaced(path: Path) -> Path:
    return path.with_name(f"{path.name}.replaced")


def clear(database: Path) -> None:
    """Delete a database and its write-ahead log, where they are. Raises OSError."""
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)


def settle(part: Path, path: Path) -> None:
    """Rename a file that is written, once it is on the disk. Raises OSError."""
    sync(part)
    part.replace(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Delete a file, for good. Raises OSError."""
    path.unlink()
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
