"""A disk that fails when it is told to, and that knows what a power cut would leave of the files."""

import ctypes
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prisme.runtime.disk import DISK, Disk
from tests.server import PATIENCE

Content = dict[str, bytes]


class LyingDisk:
    """Real files, of which only that is safe which was synced: bytes by fsync of the file, names by that of the folder.

    `failing` names the calls that fail, `synced` the paths that were synced, in order. A segment that was removed
    or renamed before all of it was safe is in `unsafe`.
    """

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.short = False  # whether writes take one byte too few
        self.synced: list[Path] = []
        self.unsafe: list[str] = []
        self.stalled = threading.Event()  # set while an fsync waits
        self._gate = threading.Event()
        self._gate.set()
        self._bytes: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}
        self.disk = Disk(self._write, self._fsync, self._truncate, self._open, self._replace, self._unlink)

    @contextmanager
    def stall(self) -> Iterator[None]:
        """Let each fsync wait until the block ends."""
        self._gate.clear()
        self.stalled.clear()
        try:
            yield
        finally:
            self._gate.set()

    def left(self, folder: Path) -> Content:
        """What a power cut now would leave in a folder, where removed names may be there again."""
        return {name: self._bytes.get(inode, b"") for name, inode in self._names.get(folder, {}).items()}

    def _note_unsafe(self, path: Path) -> None:
        if self.left(path.parent).get(path.name) != path.read_bytes():
            self.unsafe.append(path.name)

    def _check(self, name: str) -> None:
        code = self.failing.get(name)
        if code is not None:
            raise OSError(code, os.strerror(code))

    def _write(self, file: int, data: bytes, size: int) -> int:
        if "write" in self.failing:
            ctypes.set_errno(self.failing["write"])
            return -1
        return DISK.write(file, data, size - self.short)

    def _fsync(self, file: int) -> None:
        path = Path(f"/proc/self/fd/{file}")
        target, inode = path.readlink(), os.fstat(file).st_ino
        names = {one.name: one.inode() for one in os.scandir(target)} if target.is_dir() else None
        content = b"" if names is not None else path.read_bytes()
        self.stalled.set()
        assert self._gate.wait(PATIENCE)
        self._check("fsync")
        if names is None:
            self._bytes[inode] = content
        else:
            self._names[target] = names
        self.synced.append(target)

    def _truncate(self, file: int, size: int) -> None:
        self._check("truncate")
        DISK.truncate(file, size)

    def _open(self, path: Path, flags: int) -> int:
        self._check("open")
        return DISK.open(path, flags)

    def _replace(self, source: Path, target: Path) -> None:
        self._check("replace")
        self._note_unsafe(source)
        DISK.replace(source, target)

    def _unlink(self, path: Path) -> None:
        self._check("unlink")
        self._note_unsafe(path)
        DISK.unlink(path)


EIO = errno.EIO
