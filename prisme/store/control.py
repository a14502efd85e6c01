"""Accounts, tokens and share links, in an SQLite file beside the events: no query of the events can read them.

Each use opens the file (0.1 ms), so that the server and `prisme user` can both use it, from any thread.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from prisme.store import snapshot
from prisme.store.errors import FullDiskError, StoreError
from prisme.store.schema import newest_version, pending_steps

_LOG = logging.getLogger("prisme")
FILE = "control.sqlite"
# Others hold the file's lock for one short transaction.
_LOCK_TIMEOUT = 5.0  # seconds


class Control:
    """The file, in the newest schema. Raises StoreError if it cannot be opened or upgraded."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            self._path.touch(mode=0o600)
            with self.change() as connection:
                self._upgrade(connection)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self._path} cannot be used: {error}") from error

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """An exclusive transaction: committed at the end of the block, rolled back by an exception.

        Raises FullDiskError where there is no room for the change.
        """
        with self._open() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                # SQLite rolls back by itself where the disk is full; the first error is the one to tell.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise FullDiskError(self._path) from error
                raise

    @contextlib.contextmanager
    def read(self, timeout: float = _LOCK_TIMEOUT) -> Iterator[sqlite3.Connection]:
        """A transaction for queries only. Its first one raises sqlite3.OperationalError after `timeout` if locked."""
        with self._open(timeout) as connection:
            connection.execute("BEGIN")
            yield connection

    def copy(self, target: Path) -> None:
        """Copy it, as it is at one moment, to a new file. Raises StoreError."""
        try:
            with self._open() as source, contextlib.closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be copied: {error}") from error

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring the schema to the newest version. An existing file is copied first; a failure leaves it unchanged."""
        current = find_version(connection)
        if not 0 < current < newest_version("control"):
            migrate(connection)
            return
        copy = snapshot.path_of(self._path, current)
        with (
            snapshot.creating(copy) as part,
            self._open() as source,
            contextlib.closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
            (found,) = target.execute("PRAGMA integrity_check").fetchone()
            if found != "ok" or find_version(target) != current:
                raise OSError(f"the copy differs from the original: {found}")
        try:
            newest = migrate(connection)
        except sqlite3.Error as error:
            with contextlib.suppress(OSError):
                copy.unlink()
            raise StoreError(
                f"the upgrade of {self._path} failed: {error}. "
                f"The file is unchanged (version {current}): the previous version of Prisme can still use it"
            ) from error
        _LOG.info("%s now has schema version %d; the previous file is %s", self._path, newest, copy)

    def _open(self, timeout: float = _LOCK_TIMEOUT) -> contextlib.closing[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=timeout, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        # Deleted data is overwritten with zeros.
        connection.execute("PRAGMA secure_delete = ON")
        return contextlib.closing(connection)


def find_version(connection: sqlite3.Connection) -> int:
    """The schema's version, 0 for a new file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection) -> int:
    """Run the pending migrations within the caller's transaction; gives the newest version. Raises StoreError."""
    current = find_version(connection)
    pending = pending_steps("control", FILE, current)
    for step in pending:
        for statement in step.split(";\n"):
            connection.execute(statement)
    newest = current + len(pending)
    if pending:  # writing the same number would need room on a full disk
        connection.execute(f"PRAGMA user_version = {newest}")
    return newest
