"""Files whose schema changes: what they were is kept beside them, and at each moment there is the old or the new."""

import contextlib
import filecmp
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

# Times the file's size: the copy, and what the migration needs for tables that it writes again and for what memory
# cannot hold. A file of 0.1.0 needed 1.6 to 1.9 times its size.
_ROOM = 2


def name(path: Path, version: int) -> Path:
    """Where a file is kept as it was with that version of the schema."""
    return path.with_name(f"{path.name}.v{version}")


@contextlib.contextmanager
def making(kept: Path) -> Iterator[Path]:
    """A file to write to; it has the name `kept` once it is whole and on the disk itself. Raises OSError."""
    part = kept.with_name(f"{kept.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        yield part
        _sync(part)
        part.replace(kept)
        _sync(kept.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def changing(path: Path, kept: Path) -> Iterator[Path]:
    """A copy of a file that nobody has open. It takes the file's place when the block ends, and what was is `kept`.

    Raises OSError; then, and where the block raises, the file is untouched.
    """
    log = path.with_name(f"{path.name}.wal")
    copy = path.with_name(f"{path.name}.new")
    try:
        if log.exists():
            raise OSError(f"{log} is still there, with what the file has not")
        free, needed = shutil.disk_usage(path.parent).free, _ROOM * path.stat().st_size
        if free < needed:
            raise OSError(f"a copy and its change need {needed:,} bytes on the same disk, which has {free:,}")
        _remove(copy)
        copy.touch(mode=0o600)
        shutil.copyfile(path, copy)
        if not filecmp.cmp(path, copy, shallow=False):
            raise OSError("the copy is not what was copied")
        yield copy
        _sync(copy)
        kept.unlink(missing_ok=True)
        os.link(path, kept)
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
