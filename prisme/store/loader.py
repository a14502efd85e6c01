"""Loads the journal's segments into DuckDB, one or several in a transaction, each exactly once. For a worker thread."""

import contextlib
import datetime
import importlib.resources
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb

from prisme.journal.segment import Segment
from prisme.runtime.disk import DISK, Disk
from prisme.store import ended_visits, open_sessions, segment_files
from prisme.store.database import IDLE_BYTES, Database
from prisme.store.errors import StoreError
from prisme.store.load_log import MOST_DOMAINS
from prisme.store.open_sessions import OpenSession
from prisme.store.query_reader import Row
from prisme.store.rollups import DAYS_OF_LINES
from prisme.store.sink import Sink, SinkDownError, refuse_node
from prisme.store.write_connection import Held, WriteConnection

_HERE = importlib.resources.files("prisme.store")
_READ, *_STATEMENTS = (text for text in (_HERE / "load.sql").read_text().split(";\n") if text.strip())
# A statement with such an ending is for lines of one kind only, and is skipped if a load has none.
_KIND = re.compile(r"WHERE kind = '(\w+)'(?: ORDER BY \w+)?$")
_BY_KIND = [(text, found[1] if (found := _KIND.search(text)) else None) for text in _STATEMENTS]
_STATEMENTS_0_1 = (_HERE / "load_0_1.sql").read_text()
# A load may change the row of a session that it has lines of, and that row counts at the session's entry.
_KINDS = """
SELECT
    segment, kind, count(*), epoch_us(min(entry_timestamp)), epoch_us(max(greatest(entry_timestamp, exit_timestamp))),
    bool_or(exit_timestamp < entry_timestamp), bool_or(is_of_0_1)
FROM line GROUP BY segment, kind
"""
_KNOWN = "SELECT number, rejected FROM state.segments WHERE number IN (SELECT unnest(?))"
_FORGET = "DELETE FROM state.segments WHERE number + ? < (SELECT max(number) FROM state.segments)"
# One more than are logged, so that the log knows of too many.
_DOMAINS = "SELECT DISTINCT domain FROM line WHERE domain IS NOT NULL LIMIT ?"
EVENT_KINDS = ("pageview", "custom", "download", "outbound")
# With a sink, these are stored there alone: visits go on after a restart without them.
_OF_SINK = ("custom", "download", "outbound")
# Far more segments than can ever be pending beside one that was loaded.
_MAX_KNOWN_SEGMENTS = 10_000
# Loads of so many bytes are hardly faster than those of half as many.
_BATCH_BYTES = 128 << 20
# A load takes up to four times its segments' bytes of memory, so a batch has at most this share of DuckDB's.
_BATCH_SHARE = 8
# Bytes per line, on average, beyond which a load needs more than the usual memory; a pageview has some 550.
_LONG_LINE = 768


class Loaded(NamedTuple):
    """The result of a load: events stored, by kind; lines that were not events (torn by a power cut)."""

    kinds: Mapping[str, int]
    rejected: int = 0

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.kinds.values())


KNOWN = Loaded({})


class Loader:
    """The only writer of the database, for one thread at a time: a second one waits.

    The database has at most about `most_open` open sessions, the most recently active: a start restores no more.
    With a sink, the events are stored there, and here only the pageviews of visits that may go on. Raises StoreError
    without one where the database is that of a node.
    """

    def __init__(self, database: Database, most_open: int, disk: Disk = DISK, sink: Sink | None = None) -> None:
        if sink is None:
            refuse_node(database.folder)
        self._database = database
        self._disk = disk
        self._sink = sink
        self._most_open = most_open
        self._load_log = database.load_log
        self._connection = WriteConnection(database)
        self._clock_is_steady = True
        # Whether the write-ahead log may have devices of sessions that ended; it may have some of an earlier run.
        self._must_tidy = True

    def load(self, segment: Segment, now: int) -> Loaded:
        """Load a segment and remove its file; one that is loaded already is only removed. `now` is in microseconds.

        Raises duckdb.Error, OSError, or StoreError of the sink, after a rollback.
        """
        with self._connection.use() as cursor, self._database.on_one_thread(cursor):
            self._database.shrink_memory(cursor, IDLE_BYTES)
            ((loaded, rejected),) = self._load(cursor, [segment], now)
            segment_files.remove(segment, rejected, self._disk)
            return loaded

    def batches(self, segments: Iterable[Segment]) -> Iterator[list[Segment]]:
        """Segments in batches that fit in one transaction's memory, for `load_batch`; a larger one comes alone."""
        most = min(_BATCH_BYTES, self._database.limits.memory // _BATCH_SHARE)
        return segment_files.split_into_batches(segments, most)

    def load_batch(self, batch: Sequence[Segment], now: int) -> list[Loaded | Exception]:
        """Load segments of an earlier run, the oldest first; gives each one's result, or the error.

        All in one transaction, which takes half the time; if that fails, each in its own. The files stay, for `load`
        to remove.
        """
        try:
            return [*self._load_all(batch, now)]
        except SinkDownError as error:
            return [error for _ in batch]
        except (OSError, duckdb.Error, StoreError):
            return [self._try(segment, now) for segment in batch]

    def expire(self, active: int, entry: int) -> None:
        """Delete the devices of visits without an event since `active`, or that began before `entry` (microseconds).

        With a sink, their rows as well: the sink has them.
        """
        with self._connection.use() as cursor:
            self._must_tidy |= open_sessions.expire(cursor, active, entry) > 0
            if self._sink is not None:
                self._must_tidy |= ended_visits.delete(cursor, active, entry) > 0
            cursor.execute(_FORGET, [_MAX_KNOWN_SEGMENTS])

    def tidy(self) -> None:
        """Empty the write-ahead log if sessions ended: on quiet sites it would keep their devices for months.

        It takes some 50 ms with four million rows. Raises duckdb.Error.
        """
        if self._must_tidy:
            with self._connection.use() as cursor:
                cursor.execute("CHECKPOINT")
            self._must_tidy = False

    @contextlib.contextmanager
    def hold(self) -> Iterator[Held]:
        """Load nothing for the time of the block, which writes in its place; events wait in the journal."""
        with self._connection.hold() as held:
            yield held

    @property
    def is_lost(self) -> bool:
        """Whether the database had a fatal error, and nothing can be read until it is reopened."""
        return self._connection.is_lost

    def reopen(self) -> None:
        """Reopen the database if it is lost, as the next load would. Raises duckdb.Error."""
        with self._connection.use():
            pass

    def last_segment(self) -> int:
        """The highest segment number ever loaded, 0 if there is none."""
        with self._connection.use() as cursor:
            row = cursor.execute("SELECT max(number) FROM state.segments").fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def open_sessions(self, active: int, entry: int, at_most: int, pages: int) -> Iterator[OpenSession]:
        """The open sessions, as `open_sessions.read` gives them."""
        with self._connection.use() as cursor:
            yield from open_sessions.read(cursor, active, entry, at_most, pages)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _load_all(self, segments: Sequence[Segment], now: int) -> list[Loaded]:
        with self._connection.use() as cursor:
            return [loaded for loaded, _ in self._load(cursor, segments, now)]

    def _try(self, segment: Segment, now: int) -> Loaded | Exception:
        try:
            return self._load_all([segment], now)[0]
        except (OSError, duckdb.Error, StoreError) as error:
            return error

    def _load(
        self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment], now: int
    ) -> list[tuple[Loaded, int]]:
        """Each segment's result, and how many of its lines were not events, now or in an earlier load."""
        rows = cursor.execute(_KNOWN, [[segment.number for segment in segments]]).fetchall()
        known = {number: (KNOWN, rejected) for number, rejected in rows}
        fresh = [segment for segment in segments if segment.number not in known]
        loaded = self._insert(cursor, fresh, now) if fresh else {}
        return [known.get(number) or (loaded[number], loaded[number].rejected) for number, _ in segments]

    def _insert(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment], now: int) -> dict[int, Loaded]:
        cursor.begin()
        try:
            cursor.execute(_READ, {"paths": [str(segment.path) for segment in segments]})
            found = cursor.execute(_KINDS).fetchall()
            if sum(segment.path.stat().st_size for segment in segments) > _LONG_LINE * sum(row[2] for row in found):
                # A checkpoint then needs far more memory at once; without it, DuckDB fails with a fatal error.
                self._database.restore_memory()
            if self._sink is not None:
                self._sink.send(cursor, segments)
            self._database.shrink_for_commit()
            loaded = {segment.number: _sum_up(segment, found) for segment in segments}
            _note_segments(cursor, loaded, now)
            _run_statements(cursor, found, () if self._sink is None else _OF_SINK)
            self._must_tidy |= open_sessions.trim(cursor, self._most_open)
            domains = [domain for (domain,) in cursor.execute(_DOMAINS, [MOST_DOMAINS + 1]).fetchall()]
            lowest, highest = self._find_bounds(found, now)
            if lowest < self._database.rollups.until:
                self._database.rollups.drop_changed(cursor, DAYS_OF_LINES)
            cursor.execute("DROP TABLE line")
            self._commit(cursor, domains, lowest, highest)
        except BaseException:
            # A failed commit has rolled back already, and after a fatal error nothing can be rolled back. Whatever
            # the rollback says, the first error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()
            raise
        return loaded

    def _find_bounds(self, found: list[Row], now: int) -> tuple[int, int]:
        """The lowest and highest time (microseconds) of any row that a load may change, from the rows of `_KINDS`."""
        if any(early for *_, early, _ in found):
            # The clock was set back: a session may have rows before its entry, and later lines do not say so.
            self._clock_is_steady = False
        lowest = min((low for *_, low, _, _, _ in found if low is not None), default=now)
        highest = max((high for *_, high, _, _ in found if high is not None), default=0)
        return lowest if self._clock_is_steady else 0, highest

    def _commit(self, cursor: duckdb.DuckDBPyConnection, domains: list[str], lowest: int, highest: int) -> None:
        self._load_log.begin(lowest, highest, domains)
        try:
            cursor.commit()
        finally:
            self._load_log.end()


def _sum_up(segment: Segment, found: list[Row]) -> Loaded:
    """One segment's result, from the rows of `_KINDS`."""
    kinds = {kind: count for number, kind, count, *_ in found if number == segment.number}
    return Loaded({kind: kinds[kind] for kind in EVENT_KINDS if kind in kinds}, kinds.get(None, 0))


def _note_segments(cursor: duckdb.DuckDBPyConnection, loaded: Mapping[int, Loaded], now: int) -> None:
    at = datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC).replace(tzinfo=None)
    for number, one in loaded.items():
        cursor.execute("INSERT INTO state.segments VALUES (?, ?, ?, ?)", [number, at, one.events, one.rejected])


def _run_statements(cursor: duckdb.DuckDBPyConnection, found: list[Row], skipped: Collection[str]) -> None:
    """The statements of a load, except those for kinds of lines that it does not have, or that are `skipped`."""
    kinds = {None, *(kind for _, kind, *_ in found)} - set(skipped)
    for statement, kind in _BY_KIND:
        if kind in kinds:
            cursor.execute(statement)
    if any(is_of_0_1 for *_, is_of_0_1 in found):
        cursor.execute(_STATEMENTS_0_1)
