"""What no reader of the events may ever see: the salts, in an SQLite file of their own beside the DuckDB file."""

import logging
import os
import sqlite3
from io import FileIO
from pathlib import Path

from prisme.store.database import StoreError


class Secrets:
    """The SQLite file. `secure_delete` overwrites with zeros what is replaced (sqlite.org/pragma.html).

    SQLite's own journal has what is replaced as well, for a moment: it is kept, not removed, so that it can be
    overwritten where it lies on the disk.
    """

    def __init__(self, path: Path, log: logging.Logger) -> None:
        self._log = log
        self._journal = path.with_name(f"{path.name}-journal")
        try:
            path.touch(mode=0o600)
            self._journal.touch(mode=0o600)
            # Undoing what a killed process began, SQLite may remove the journal: held open, it is still to be wiped.
            with self._journal.open("r+b", buffering=0) as left:
                # A new day's salt is kept by whichever thread sees the day first, under the lock of all requests.
                self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                self._connection.execute("PRAGMA journal_mode = PERSIST")
                self._connection.execute("PRAGMA secure_delete = ON")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS salts (name TEXT PRIMARY KEY, day INTEGER NOT NULL, salt BLOB NOT NULL)"
                )
                _wipe(left)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error

    def read(self, name: str) -> tuple[int, bytes] | None:
        """The salt of that name with the day that it is for; None where there is none yet."""
        row = self._connection.execute("SELECT day, salt FROM salts WHERE name = ?", (name,)).fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def write(self, name: str, day: int, salt: bytes) -> bool:
        """Keep a salt and erase the one before it; False, and a line in the log, where the disk refuses."""
        try:
            self._connection.execute("INSERT OR REPLACE INTO salts VALUES (?, ?, ?)", (name, day, salt))
            with self._journal.open("r+b", buffering=0) as file:
                _wipe(file)
        except (OSError, sqlite3.Error) as error:
            self._log.error("salt %s cannot be kept, will be tried again: %s", name, error)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _wipe(journal: FileIO) -> None:
    """Overwrite SQLite's journal with zeros, which say that there is nothing to undo."""
    journal.write(bytes(os.fstat(journal.fileno()).st_size))
    os.fsync(journal.fileno())
