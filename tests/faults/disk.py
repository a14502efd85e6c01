"""Small file systems, so that the disk of one server can be full or read-only."""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.requirements import miss, need


class Disk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Write until nothing fits any more."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            file.writelines(itertools.repeat(b"x" * 4096))

    def leave(self, size: int) -> None:
        """Fill it, except for `size` bytes."""
        self.fill()
        os.truncate(self._filler, self._filler.stat().st_size - size)

    def free(self) -> None:
        """Free the space again."""
        self._filler.unlink()

    def set_read_only(self, is_so: bool) -> None:
        """Make it read-only, even for root, or writable; fails while a file is open for writing."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if is_so else 'rw'}", self.folder], check=True)


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Disk]:
    """A disk of that size, which is removed with its content afterwards."""
    mount = need("mount", "mount")
    if os.geteuid() != 0:
        miss("needs root, to mount a small file system")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def elsewhere(folder: Path, target: Path) -> Iterator[None]:
    """The folder's files are on another disk, in `target`."""
    for path in (folder, target):
        path.mkdir(parents=True, exist_ok=True)
    subprocess.run([need("mount", "mount"), "--bind", target, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
