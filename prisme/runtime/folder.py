"""The data directory, which has everything that Prisme writes. Only its owner may read it, and one process locks it."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from prisme.runtime.disk import DISK, Disk

_PID_BYTES = 12
# The files that Prisme writes there. The permissions of other files are left alone.
_OWN_FILES = (
    "lock", "*.duckdb*", "*.sqlite*", "journal", "journal/*", "tmp", "tmp/*", "before-restore-*", "before-restore-*/*",
    "node", "moving",
)  # fmt: skip


class FolderError(Exception):
    """The data directory cannot be used; the message says why and what to do."""


class Folder:
    """A locked data directory. It is locked with flock(2), so the lock ends with the process, even if it is killed."""

    def __init__(self, path: Path, disk: Disk = DISK) -> None:
        self.path = path
        self.disk = disk
        self.journal = path / "journal"
        try:
            self._create()
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(
                f"data directory {path} cannot be used: {error.strerror} ({error.filename}); "
                "choose another with --data-dir, or make it writable for this user"
            ) from error
        self._take_lock()
        self._restrict_permissions()

    def _create(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.journal.exists():
            self.journal.mkdir(mode=0o700, exist_ok=True)
            # What is synced in a folder is lost with a folder that is not.
            self.disk.sync_folder(self.path)
            self.disk.sync_folder(self.path.parent)

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, _PID_BYTES, 0).decode(errors="replace").strip()
            os.close(self._lock)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise FolderError(f"data directory {self.path} cannot be locked: {error.strerror}") from error
            raise FolderError(
                f"data directory {self.path} is in use by another prisme (process {owner or 'unknown'}); "
                "stop it first, or choose another with --data-dir"
            ) from error
        # Always as many bytes: on a full disk, those that are there can be overwritten.
        with contextlib.suppress(OSError):  # only for the message above
            os.pwrite(self._lock, f"{os.getpid():<{_PID_BYTES - 1}}\n".encode(), 0)

    def _restrict_permissions(self) -> None:
        """Remove the permissions of others on our files, as a restored backup may have left them readable."""
        for path in (path for pattern in _OWN_FILES for path in self.path.glob(pattern)):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # just deleted, or owned by another user
                mode = path.stat().st_mode
                if mode & 0o077:
                    path.chmod(mode & 0o700)

    @property
    def is_open(self) -> bool:
        """Whether others may add and remove files. It is not corrected, as it may be intended."""
        return bool(self.path.stat().st_mode & 0o022)

    def close(self) -> None:
        """Release the lock. Its file stays: removing it would race with a process that is starting."""
        os.close(self._lock)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
