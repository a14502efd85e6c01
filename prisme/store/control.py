"""Accounts, tokens and share links, in an SQLite file beside the events: a reader of the events never sees them.

Each use opens the file anew (0.1 ms), so the server and `prisme user` may both have it, in any thread.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from prisme.store import snapshot
from prisme.store.database import StoreError, read_steps

_LOG = logging.getLogger("prisme")
FILE = "control.sqlite"
# Others hold it for one short transaction.
_PATIENCE = 5.0


class Control:
    """The file, in the newest schema. Raises StoreError where it cannot be had."""

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
        """A transaction that is the only one, committed at the end, undone by an exception."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction that changes nothing."""
        with self._open() as connection:
            connection.execute("BEGIN")
            yield connection

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring the schema to the newest version. A file with one before is copied first; a failure leaves it alone."""
        current = find_version(connection)
        if not 0 < current < len(read_steps("control")):
            migrate(connection)
            return
        copy = snapshot.name(self._path, current)
        with snapshot.making(copy) as part, self._open() as source, contextlib.closing(sqlite3.connect(part)) as target:
            source.backup(target)
            (found,) = target.execute("PRAGMA integrity_check").fetchone()
            if found != "ok" or find_version(target) != current:
                raise OSError(f"the copy is not what was copied: {found}")
        try:
            newest = migrate(connection)
        except sqlite3.Error as error:
            copy.unlink()
            raise StoreError(
                f"the upgrade of {self._path} failed: {error}. "
                f"The file is what it was (version {current}): the Prisme from before can go on with it"
            ) from error
        _LOG.info("%s has schema version %d now; as it was before, it is in %s", self._path, newest, copy)

    def _open(self) -> contextlib.closing[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        # What is removed is overwritten with zeros.
        connection.execute("PRAGMA secure_delete = ON")
        return contextlib.closing(connection)


def find_version(connection: sqlite3.Connection) -> int:
    """The schema's version, 0 for a new file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the schema to the newest version within the transaction; returns that version."""
    steps = read_steps("control")
    current = find_version(connection)
    if current > len(steps):
        raise StoreError(
            f"{FILE} has schema version {current}, this Prisme knows {len(steps)}: start the newer Prisme again"
        )
    for step in steps[current:]:
        for statement in step.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(steps)}")
    return len(steps)
