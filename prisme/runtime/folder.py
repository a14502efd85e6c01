"""The data directory: everything that Prisme writes is in it, for its owner's eyes alone, and one process owns it."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

# What Prisme writes there. Others' files are their own affair.
_OURS = ("lock", "*.duckdb*", "*.sqlite*", "journal", "journal/*", "tmp", "tmp/*")


class FolderError(Exception):
    """The data directory cannot be used; the message says why and what to do."""


class Folder:
    """An owned data directory. The lock is the kernel's (flock), so a killed owner leaves nothing to clean up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.journal.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(
                f"data directory {path} cannot be used: {error.strerror} ({error.filename}); "
                "choose another with --data-dir, or make it writable for this user"
            ) from error
        self._claim()
        self._shut()

    def _claim(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise FolderError(f"data directory {self.path} cannot be locked: {error.strerror}") from error
            raise FolderError(
                f"data directory {self.path} is in use by another prisme (process {owner or 'unknown'}); "
                "stop it first, or choose another with --data-dir"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _shut(self) -> None:
        """Take from others what they may do with our files: a copy that was brought back may have left them open."""
        for path in (path for pattern in _OURS for path in self.path.glob(pattern)):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # gone meanwhile, or another user's
                mode = path.stat().st_mode
                if mode & 0o077:
                    path.chmod(mode & 0o700)

    @property
    def is_open(self) -> bool:
        """Whether others may add and remove files. Who made the folder may have had a reason."""
        return bool(self.path.stat().st_mode & 0o022)

    def close(self) -> None:
        """Give the directory up. The file stays: removing it would race with a starting process."""
        os.close(self._lock)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
