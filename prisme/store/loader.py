"""Journal segments into DuckDB, each in one transaction and each exactly once. Runs in a worker thread."""

import contextlib
import datetime
import importlib.resources
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from prisme.base.events import Session
from prisme.journal.segment import Segment
from prisme.store.database import Database
from prisme.store.reader import Row

_HERE = importlib.resources.files("prisme.store")
# One entry a statement, each with the parameters that it names: DuckDB binds no parameters across several.
_STATEMENTS = [
    (text, re.findall(r"\$(\w+)", re.sub(r"--.*", "", text)))
    for text in (_HERE / "load.sql").read_text().split(";\n")
    if text.strip()
]
_OPEN_SESSIONS = (_HERE / "open_sessions.sql").read_text()
# A row of a session may change as long as there are lines of it: no time before the session's entry is touched.
_KINDS = """
SELECT
    kind, count(*), epoch_us(least(min(entry_timestamp), min(exit_timestamp), min("timestamp"))),
    epoch_us(greatest(max(entry_timestamp), max(exit_timestamp), max("timestamp"))),
    bool_or(least(exit_timestamp, "timestamp") < entry_timestamp)
FROM line GROUP BY kind
"""
EVENT_KINDS = ("pageview", "custom", "download", "outbound")
_decode = msgspec.json.Decoder(Session).decode
# Far more than segments can ever wait beside one that was loaded.
_REMEMBERED_SEGMENTS = 10_000


class Loaded(NamedTuple):
    """What a load did: events stored, by kind; lines that were no events (torn by a power cut)."""

    kinds: Mapping[str, int]
    rejected: int = 0

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.kinds.values())


KNOWN = Loaded({})


class Loader:
    """The one writer of the database. Not for two threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._touched = database.touched
        self._steady = True
        # Whether the write-ahead log may have ended sessions; of an earlier run, for one.
        self._must_tidy = True
        self._cursor = database.cursor()
        self._lost = False

    def load(self, segment: Segment, now: int, *, keep: bool = False) -> Loaded:
        """Load a segment and remove its file; `now` is in microseconds. Raises duckdb.Error or OSError, all undone.

        One that was loaded before is only removed. With `keep`, it stays to be removed by another call.

        A segment with a line that is no event, other than one torn at the very end, is kept beside as
        `<name>.rejected`: such a line is a defect somewhere, and must not vanish.
        """
        with self._working():
            return self._load(segment, now, keep)

    def expire(self, before: int) -> None:
        """Forget which device had the sessions that saw nothing since `before` (microseconds)."""
        query = "DELETE FROM state.open_sessions WHERE active < make_timestamp(?)"
        with self._working():
            ended = self._cursor.execute(query, [before]).fetchone()
            self._must_tidy |= ended is not None and ended[0] > 0
            self._cursor.execute(
                "DELETE FROM state.segments WHERE number + ? < (SELECT max(number) FROM state.segments)",
                [_REMEMBERED_SEGMENTS],
            )

    def tidy(self) -> None:
        """Empty the write-ahead log where sessions ended: it keeps all that was ever loaded, for months on quiet sites.

        It takes some 50 ms with four million rows.
        """
        if self._must_tidy:
            with self._working():
                self._cursor.execute("CHECKPOINT")
            self._must_tidy = False

    def last_segment(self) -> int:
        """The highest segment number ever loaded, 0 for none."""
        row = self._cursor.execute("SELECT max(number) FROM state.segments").fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def open_sessions(self, since: int, at_most: int) -> Iterator[tuple[int, Session]]:
        """Each open session with its device, the least recently active first; the newest `at_most` of them."""
        with self._working():
            self._cursor.execute(_OPEN_SESSIONS, {"since": since, "at_most": at_most})
            while rows := self._cursor.fetchmany(1_000):
                for device, session in rows:
                    yield device, _decode(session)

    def close(self) -> None:
        """Give the cursor back."""
        self._cursor.close()

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """With a cursor that works: DuckDB may give up on the file, until it is opened anew."""
        if self._lost:
            self._database.reopen()
            self._cursor, self._lost = self._database.cursor(), False
        try:
            yield
        except duckdb.FatalException:
            self._cursor.close()
            self._lost = True
            raise

    def _load(self, segment: Segment, now: int, keep: bool) -> Loaded:
        query = "SELECT rejected FROM state.segments WHERE number = ?"
        known = self._cursor.execute(query, [segment.number]).fetchone()
        loaded = KNOWN if known else self._insert(segment, now)
        rejected = known[0] if known else loaded.rejected
        if keep:
            return loaded
        if rejected > _torn_lines(segment.path):
            segment.path.rename(segment.path.with_name(segment.path.name + ".rejected"))
        else:
            segment.path.unlink()
        return loaded

    def _find_ends(self, found: list[Row], now: int) -> tuple[int, int]:
        """The lowest and highest time of any row that a load may have changed (microseconds), by `_KINDS`."""
        if any(early for *_, early in found):
            # The clock was set back: sessions have rows before their entry, and later lines do not say of which.
            self._steady = False
        lowest = min((time for _, _, time, *_ in found if time is not None), default=now)
        highest = max((time for *_, time, _ in found if time is not None), default=0)
        return lowest if self._steady else 0, highest

    def _insert(self, segment: Segment, now: int) -> Loaded:
        values = {
            "path": str(segment.path),
            "number": segment.number,
            "now": datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC).replace(tzinfo=None),
        }
        cursor = self._cursor
        cursor.begin()
        try:
            for statement, names in _STATEMENTS:
                cursor.execute(statement, {name: values[name] for name in names})
            found = cursor.execute(_KINDS).fetchall()
            cursor.execute("DROP TABLE line")
            self._touched.begin(*self._find_ends(found, now))
            try:
                cursor.commit()
            finally:
                self._touched.end()
        except BaseException:
            # A commit that failed has undone all already, and a database that is lost undoes nothing.
            with contextlib.suppress(duckdb.TransactionException, duckdb.FatalException):
                cursor.rollback()
            raise
        kinds = {kind: count for kind, count, *_ in found}
        rejected = kinds.pop(None, 0)
        return Loaded({kind: kinds[kind] for kind in EVENT_KINDS if kind in kinds}, rejected)


def _torn_lines(path: Path) -> int:
    """1 where the file ends in the middle of a line, as a power cut leaves it."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return 0
        file.seek(-1, os.SEEK_END)
        return int(file.read() != b"\n")
