"""The audit log: changes of accounts, tokens and share links, each in its transaction, and who logged in. No addresses.

Attempts of people who are not logged in are counted by the hour, and each kind of entry has a limit of its own: so many
of them cannot displace the changes.
"""

import contextlib
from sqlite3 import Connection
from typing import Final, Literal

import msgspec

from prisme.access.grants import Grant
from prisme.store.control import Control
from prisme.store.errors import FullDiskError

Kind = Literal["change", "login", "attempt"]
# An entry has about 100 bytes, so these are 16 MB. The oldest are deleted first.
_MAX_ENTRIES: Final[dict[Kind, int]] = {"change": 100_000, "login": 50_000, "attempt": 10_000}
# Attempts are added to an entry that is younger than this.
ATTEMPT_SECONDS: Final = 3600
# People who are not logged in.
ANONYMOUS: Final = Grant("anonymous", "", frozenset(), ())


class Entry(msgspec.Struct, frozen=True):
    """`actor` did `action` to `subject` at `at`, in Unix seconds; `count` times within an hour from then."""

    at: int
    actor: str
    action: str
    subject: str
    detail: str
    count: int


def record(
    connection: Connection, at: int, by: Grant, action: str, subject: str, detail: str = "", kind: Kind = "change"
) -> None:
    """Add an entry."""
    connection.execute(
        "INSERT INTO audit (at, actor, action, subject, detail, kind) VALUES (?, ?, ?, ?, ?, ?)",
        (at, by.actor, action, subject, detail, kind),
    )
    connection.execute(
        "DELETE FROM audit WHERE kind = ? AND id <= "
        "(SELECT id FROM audit WHERE kind = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (kind, kind, _MAX_ENTRIES[kind]),
    )


def record_attempt(connection: Connection, at: int, by: Grant, action: str, subject: str) -> None:
    """Count an attempt: in the entry of the same action and subject of the last hour, or in a new one."""
    counted = connection.execute(
        "UPDATE audit SET count = count + 1 WHERE id = (SELECT id FROM audit WHERE kind = 'attempt' "
        "AND actor = ? AND action = ? AND subject = ? AND at > ? AND at <= ? ORDER BY id DESC LIMIT 1)",
        (by.actor, action, subject, at - ATTEMPT_SECONDS, at),
    )
    if not counted.rowcount:
        record(connection, at, by, action, subject, kind="attempt")


def record_failure(control: Control, at: int, by: Grant, action: str, subject: str) -> None:
    """Count a wrong password. On a full disk it is not recorded: it is still wrong, and counts for the limit."""
    with contextlib.suppress(FullDiskError), control.change() as connection:
        record_attempt(connection, at, by, action, subject)


def read(connection: Connection, limit: int, offset: int) -> list[Entry]:
    """At most `limit` entries, newest first, after skipping the `offset` newest."""
    query = "SELECT at, actor, action, subject, detail, count FROM audit ORDER BY id DESC LIMIT ? OFFSET ?"
    return [Entry(*row) for row in connection.execute(query, (limit, offset))]
