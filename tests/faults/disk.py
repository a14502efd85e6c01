"""Small file systems, so that the disk of one server can be full or read-only."""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.requirements import miss, need

# The source of a disk in memory is this and the process that mounted it.
_LABEL = "prisme-test-"
_DEVICE_BYTES = 64 << 20


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
    unmount_stale()
    folder.mkdir(parents=True, exist_ok=True)
    label = f"{_LABEL}{os.getpid()}"
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size},mode=700", label, folder], check=True)
    try:
        yield Disk(folder)
    finally:
        _unmount(folder)


@contextlib.contextmanager
def elsewhere(folder: Path, target: Path) -> Iterator[None]:
    """The folder's files are on another disk, in `target`."""
    for path in (folder, target):
        path.mkdir(parents=True, exist_ok=True)
    subprocess.run([need("mount", "mount"), "--bind", target, folder], check=True)
    try:
        yield
    finally:
        _unmount(folder)


@contextlib.contextmanager
def device(image: Path, folder: Path) -> Iterator[None]:
    """A real file system, ext4, in a file, mounted on a folder: the file has what a power cut would leave.

    Of what was not synced, nothing is written for minutes. The file is made if it is not there; it has to be on a
    disk that is `mounted`, so that both go together where a test is killed.
    """
    make = need("mkfs.ext4", "e2fsprogs")
    if not image.exists():
        image.touch()
        os.truncate(image, _DEVICE_BYTES)
        subprocess.run([make, "-q", "-F", "-E", "lazy_itable_init=0", image], check=True)
    folder.mkdir(exist_ok=True)
    options = "loop,commit=300,noauto_da_alloc"
    mounting = subprocess.run(["mount", "-o", options, image, folder], capture_output=True, text=True)
    if mounting.returncode:
        miss(f"needs loop devices, as the kernel or the container has none: {mounting.stderr}")
    try:
        yield
    finally:
        _unmount(folder)


def unmount_stale() -> None:
    """Unmount what a test run left that was killed."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):  # what is inside another first
        source, target = line.split()[:2]
        owner = source.removeprefix(_LABEL)
        if owner != source and not Path("/proc", owner).exists():
            _unmount(Path(target))


def _unmount(folder: Path) -> None:
    """Also while files in it are open, as after a failed test."""
    subprocess.run(["umount", "-l", folder], check=True)
