"""What no reader of the events may ever see: the keys of the day, in an SQLite file beside the DuckDB file."""

import logging
import os
import sqlite3
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from prisme.store.database import StoreError

# Day (since 1970) and key, by name.
_Keys = Mapping[str, tuple[int, bytearray]]


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

    def read(self) -> _Keys:
        """What is kept, by name; also what an earlier version kept, under names of its own."""
        rows = self._connection.execute("SELECT name, day, salt FROM salts").fetchall()
        return {str(name): (int(day), bytearray(key)) for name, day, key in rows}

    def write(self, keys: _Keys) -> bool:
        """Keep these keys, and erase all that was kept; False, and a line in the log, where the disk refuses."""
        rows = [(name, day, key) for name, (day, key) in keys.items()]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("DELETE FROM salts")
                self._connection.executemany("INSERT INTO salts VALUES (?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            with self._journal.open("r+b", buffering=0) as file:
                _wipe(file)
        except (OSError, sqlite3.Error) as error:
            self._log.error("the keys of the day cannot be kept, will be tried again: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _wipe(journal: FileIO) -> None:
    """Overwrite SQLite's journal with zeros, which say that there is nothing to undo."""
    journal.write(bytes(os.fstat(journal.fileno()).st_size))
    os.fsync(journal.fileno())
