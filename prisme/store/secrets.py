"""The salts that devices are hashed with, in an SQLite file of their own: no query of the events can read them.

They are read and written in place, never as values of a statement: SQLite and Python leave copies of those in memory.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path

from prisme.runtime.disk import DISK, Disk
from prisme.store.errors import StoreError

# Day (since 1970) and salt, by name.
_Salts = Mapping[str, tuple[int, bytearray]]

_BYTES = 16
# Nobody else writes to the file. After a jump of the clock, the event loop waits meanwhile; the write is retried.
_LOCK_TIMEOUT = 0.2  # seconds
_NAMES = ("today", "previous", "next")
_TABLE = "CREATE TABLE IF NOT EXISTS salts (name TEXT PRIMARY KEY, day INTEGER NOT NULL, salt BLOB NOT NULL)"


class Secrets:
    """The SQLite file, with a row for each of `_NAMES`; zeros stand for no salt. Raises StoreError.

    During a transaction SQLite's rollback journal has the previous salts too: that file is not deleted, so that its
    bytes can be overwritten in place.
    """

    def __init__(self, path: Path, log: logging.Logger, disk: Disk = DISK) -> None:
        self._log = log
        self._disk = disk
        self._journal = path.with_name(f"{path.name}-journal")
        try:
            is_new = not (path.exists() and self._journal.exists())
            path.touch(mode=0o600)
            self._journal.touch(mode=0o600)
            if is_new:
                disk.sync_folder(path.parent)  # SQLite does so only for files that it creates
            # SQLite may delete the journal when it rolls back what a killed process began: held open, it can be wiped.
            with self._journal.open("r+b", buffering=0) as journal:
                self._connection = sqlite3.connect(
                    path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
                )
                self._connection.execute("PRAGMA journal_mode = PERSIST")
                self._connection.execute("PRAGMA secure_delete = ON")
                # Where it deletes the journal after all, that is synced as well.
                self._connection.execute("PRAGMA synchronous = EXTRA")
                self._prepare()
                self._wipe(journal)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error

    def read(self) -> _Salts:
        """The salts that were written last, by name."""
        rows = self._connection.execute("SELECT name, day, rowid FROM salts").fetchall()
        salts = {name: (day, self._read_salt(row)) for name, day, row in rows}
        return {name: (day, salt) for name, (day, salt) in salts.items() if any(salt)}

    def write(self, keys: _Salts) -> bool:
        """Store these salts and erase all others; False, with a log message, if the file cannot be written."""
        try:
            with self._transaction():
                for name in _NAMES:
                    self._set(name, *keys.get(name, (0, None)))
        except (OSError, sqlite3.Error) as error:
            self._log.error("the salts cannot be stored, will retry: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        """Create the table, and erase salts under names that an earlier version used."""
        self._connection.execute(_TABLE)
        rows = self._connection.execute("SELECT name, rowid FROM salts").fetchall()
        if sorted(name for name, _ in rows) == sorted(_NAMES):
            return
        with self._transaction():
            for name, row in rows:
                if name not in _NAMES:
                    self._write_salt(row, None)
                    self._connection.execute("DELETE FROM salts WHERE rowid = ?", [row])
            for name in _NAMES:
                self._connection.execute("INSERT OR IGNORE INTO salts VALUES (?, 0, zeroblob(?))", [name, _BYTES])

    def _set(self, name: str, day: int, salt: bytearray | None) -> None:
        ((row, before),) = self._connection.execute("SELECT rowid, day FROM salts WHERE name = ?", [name]).fetchall()
        if day != before:
            # An UPDATE copies the whole row, so the salt is erased first.
            self._write_salt(row, None)
            self._connection.execute("UPDATE salts SET day = ? WHERE rowid = ?", [day, row])
        self._write_salt(row, salt)

    def _read_salt(self, row: int) -> bytearray:
        """A byte at a time: several would come as a bytes object, which cannot be overwritten."""
        salt = bytearray(_BYTES)
        with self._connection.blobopen("salts", "salt", row, readonly=True) as blob:
            for index in range(_BYTES):
                salt[index] = blob[index]
        return salt

    def _write_salt(self, row: int, salt: bytearray | None) -> None:
        """Overwrite the salt in place; with zeros if there is none."""
        with self._connection.blobopen("salts", "salt", row) as blob:
            blob.write(salt or bytes(len(blob)))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction; afterwards SQLite's journal holds only zeros."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back already
                self._connection.execute("ROLLBACK")
            raise
        with self._journal.open("r+b", buffering=0) as file:
            self._wipe(file)

    def _wipe(self, journal: FileIO) -> None:
        """Overwrite SQLite's journal with zeros; SQLite reads them as nothing to roll back."""
        journal.write(bytes(os.fstat(journal.fileno()).st_size))
        self._disk.fsync(journal.fileno())
