"""What no reader of the events may ever see: the keys of the day, in an SQLite file beside the DuckDB file.

Keys are read and written in place, never as values of a statement: SQLite and Python leave copies of those in memory.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path

from prisme.store.database import StoreError

# Day (since 1970) and key, by name.
_Keys = Mapping[str, tuple[int, bytearray]]

_BYTES = 16
# Nobody else writes here; events wait meanwhile, and it is tried again.
_PATIENCE = 0.2  # seconds
_NAMES = ("today", "previous")
_TABLE = "CREATE TABLE IF NOT EXISTS salts (name TEXT PRIMARY KEY, day INTEGER NOT NULL, salt BLOB NOT NULL)"


class Secrets:
    """The SQLite file, with a row for each of `_NAMES`; a key of zeros is none.

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
                self._connection = sqlite3.connect(path, _PATIENCE, isolation_level=None, check_same_thread=False)
                self._connection.execute("PRAGMA journal_mode = PERSIST")
                self._connection.execute("PRAGMA secure_delete = ON")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._prepare()
                _wipe(left)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error

    def read(self) -> _Keys:
        """The keys that were written last, by name."""
        rows = self._connection.execute("SELECT name, day, rowid FROM salts").fetchall()
        keys = {name: (day, self._read_key(row)) for name, day, row in rows}
        return {name: (day, key) for name, (day, key) in keys.items() if any(key)}

    def write(self, keys: _Keys) -> bool:
        """Keep these keys, and erase all others; False, and a line in the log, where the disk refuses."""
        try:
            with self._transaction():
                for name in _NAMES:
                    self._set(name, *keys.get(name, (0, None)))
        except (OSError, sqlite3.Error) as error:
            self._log.error("the keys of the day cannot be kept, will be tried again: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        """The table, without keys under names that an earlier version gave them."""
        self._connection.execute(_TABLE)
        rows = self._connection.execute("SELECT name, rowid FROM salts").fetchall()
        if sorted(name for name, _ in rows) == sorted(_NAMES):
            return
        with self._transaction():
            for name, row in rows:
                if name not in _NAMES:
                    self._write_key(row, None)
                    self._connection.execute("DELETE FROM salts WHERE rowid = ?", [row])
            for name in _NAMES:
                self._connection.execute("INSERT OR IGNORE INTO salts VALUES (?, 0, zeroblob(?))", [name, _BYTES])

    def _set(self, name: str, day: int, key: bytearray | None) -> None:
        ((row, before),) = self._connection.execute("SELECT rowid, day FROM salts WHERE name = ?", [name]).fetchall()
        if day != before:
            # The statement writes the whole row, of which it makes a copy.
            self._write_key(row, None)
            self._connection.execute("UPDATE salts SET day = ? WHERE rowid = ?", [day, row])
        self._write_key(row, key)

    def _read_key(self, row: int) -> bytearray:
        """A byte at a time: more of them would come as an object that nobody can overwrite."""
        key = bytearray(_BYTES)
        with self._connection.blobopen("salts", "salt", row, readonly=True) as blob:
            for place in range(_BYTES):
                key[place] = blob[place]
        return key

    def _write_key(self, row: int, key: bytearray | None) -> None:
        """Without a key, zeros."""
        with self._connection.blobopen("salts", "salt", row) as blob:
            blob.write(key or bytes(len(blob)))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Then there is nothing in SQLite's journal any more."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        with self._journal.open("r+b", buffering=0) as file:
            _wipe(file)


def _wipe(journal: FileIO) -> None:
    """Overwrite SQLite's journal with zeros, which say that there is nothing to undo."""
    journal.write(bytes(os.fstat(journal.fileno()).st_size))
    os.fsync(journal.fileno())
