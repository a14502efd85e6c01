"""Journal segments into DuckDB, each in a transaction, alone or with others, and exactly once. For a worker thread."""

import contextlib
import datetime
import importlib.resources
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from prisme.base.events import Session
from prisme.journal.segment import Segment
from prisme.store.database import Database
from prisme.store.reader import Row

_HERE = importlib.resources.files("prisme.store")
_READ, *_STATEMENTS = (text for text in (_HERE / "load.sql").read_text().split(";\n") if text.strip())
# The kind of line that a statement is for alone; None for those that are for several.
_KIND = re.compile(r"WHERE kind = '(\w+)'(?: ORDER BY \w+)?$")
_FOR_KIND = [(text, found[1] if (found := _KIND.search(text)) else None) for text in _STATEMENTS]
_OLD_STATEMENTS = (_HERE / "load_0_1.sql").read_text()
_OPEN_SESSIONS = (_HERE / "open_sessions.sql").read_text()
# A row of a session may change as long as there are lines of it: no time before the session's entry is touched.
_KINDS = """
SELECT
    segment, kind, count(*), epoch_us(min(entry_timestamp)), epoch_us(max(greatest(entry_timestamp, exit_timestamp))),
    bool_or(exit_timestamp < entry_timestamp), bool_or(is_of_0_1)
FROM line GROUP BY segment, kind
"""
_COUNT_OPEN = "SELECT count(*) FROM state.open_sessions"
_EXPIRE = """
DELETE FROM state.open_sessions WHERE session_uuid IN (
    SELECT session_uuid FROM state.open_sessions JOIN sessions USING (session_uuid)
    WHERE exit_timestamp <= make_timestamp($active) OR entry_timestamp <= make_timestamp($entry)
)
"""
# Sorting takes ten times as long.
_TRIM = """
DELETE FROM state.open_sessions WHERE session_uuid IN (
    WITH open AS (
        SELECT session_uuid, exit_timestamp FROM state.open_sessions JOIN sessions USING (session_uuid)
    )
    SELECT session_uuid FROM open WHERE exit_timestamp < (SELECT quantile_disc(exit_timestamp, ?) FROM open)
)
"""
EVENT_KINDS = ("pageview", "custom", "download", "outbound")
_decode = msgspec.json.Decoder(Session).decode
# Far more than segments can ever wait beside one that was loaded.
_REMEMBERED_SEGMENTS = 10_000
# Loads of so many bytes are not much faster than those of half as many.
_BATCH_BYTES = 128 << 20
# Bytes of a line, on average, beyond which a load is no usual one; a pageview has some 550.
_LONG_LINE = 1024
# A load takes up to four times its segments' bytes, in memory.
_BATCH_SHARE = 8


class Loaded(NamedTuple):
    """What a load did: events stored, by kind; lines that were no events (torn by a power cut)."""

    kinds: Mapping[str, int]
    rejected: int = 0

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.kinds.values())


KNOWN = Loaded({})


class Open(NamedTuple):
    """An open visit with its device, and the paths of the pages before the one that it is on, the newest first."""

    device: int
    session: Session
    earlier: tuple[str, ...]


class Loader:
    """The one writer of the database. Not for two threads at once.

    It keeps the `most_open` open sessions that were active last: as many as a start takes back into memory.
    """

    def __init__(self, database: Database, most_open: int) -> None:
        self._database = database
        self._most_open = most_open
        self._touched = database.touched
        self._steady = True
        # Whether the write-ahead log may have ended sessions; of an earlier run, for one.
        self._must_tidy = True
        self._cursor = database.cursor()
        self._lost = False

    def load(self, segment: Segment, now: int) -> Loaded:
        """Load a segment and remove its file; `now` is in microseconds. Raises duckdb.Error or OSError, all undone.

        One that was loaded before is only removed.

        A segment with a line that is no event, other than one torn at the very end, is kept beside as
        `<name>.rejected`: such a line is a defect somewhere, and must not vanish.
        """
        with self._working(), self._database.on_one_thread(self._cursor):
            self._database.narrow(self._cursor)
            ((loaded, rejected),) = self._load([segment], now)
            _remove(segment, rejected)
            return loaded

    def batches(self, segments: Iterable[Segment]) -> Iterator[list[Segment]]:
        """Segments that one transaction has room for, in their order; one that is larger comes alone."""
        most = min(_BATCH_BYTES, self._database.limits.memory // _BATCH_SHARE)
        batch: list[Segment] = []
        size = 0
        for segment in segments:
            added = segment.path.stat().st_size
            if batch and size + added > most:
                yield batch
                batch, size = [], 0
            batch.append(segment)
            size += added
        if batch:
            yield batch

    def load_left(self, batch: Sequence[Segment], now: int) -> list[Loaded | Exception]:
        """Load what an earlier process left, the oldest first; gives what was done for each, or why it has to wait.

        All are loaded in one transaction, which takes half the time; each by itself where that fails. The files stay,
        for `load` to remove.
        """
        try:
            return [*self._load_together(batch, now)]
        except (OSError, duckdb.Error):
            return [self._try(segment, now) for segment in batch]

    def expire(self, active: int, entry: int) -> None:
        """Forget which device had the visits without any event since `active`, and those that began before `entry`.

        Both in microseconds.
        """
        with self._working():
            ended = self._cursor.execute(_EXPIRE, {"active": active, "entry": entry}).fetchone()
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

    def open_sessions(self, active: int, entry: int, at_most: int, pages: int) -> Iterator[Open]:
        """The `at_most` visits that were active last, the least recently active first; as `expire` leaves them.

        Each with the paths of its latest `pages` pages.
        """
        with self._working():
            bounds = {"active": active, "entry": entry, "at_most": at_most, "pages": pages}
            self._cursor.execute(_OPEN_SESSIONS, bounds)
            while rows := self._cursor.fetchmany(1_000):
                for device, text, paths in rows:
                    session = _decode(text)
                    yield Open(device, session, tuple(path for path in paths if path != session.exit_path))

    def close(self) -> None:
        """Give the cursor back."""
        self._cursor.close()

    def _load_together(self, segments: Sequence[Segment], now: int) -> list[Loaded]:
        with self._working():
            return [loaded for loaded, _ in self._load(segments, now)]

    def _try(self, segment: Segment, now: int) -> Loaded | Exception:
        try:
            return self._load_together([segment], now)[0]
        except (OSError, duckdb.Error) as error:
            return error

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
        except duckdb.OutOfMemoryException:
            # The next try has all that there is.
            self._database.widen()
            raise

    def _load(self, segments: Sequence[Segment], now: int) -> list[tuple[Loaded, int]]:
        """What was done for each segment, and how many of its lines were no events, now or when it was loaded."""
        query = "SELECT number, rejected FROM state.segments WHERE number IN (SELECT unnest(?))"
        rows = self._cursor.execute(query, [[segment.number for segment in segments]]).fetchall()
        known = {number: (KNOWN, rejected) for number, rejected in rows}
        news = [segment for segment in segments if segment.number not in known]
        loaded = self._insert(news, now) if news else {}
        return [known.get(number) or (loaded[number], loaded[number].rejected) for number, _ in segments]

    def _find_ends(self, found: list[Row], now: int) -> tuple[int, int]:
        """The lowest and highest time of any row that a load may have changed (microseconds), by `_KINDS`."""
        if any(early for *_, early, _ in found):
            # The clock was set back: sessions have rows before their entry, and later lines do not say of which.
            self._steady = False
        lowest = min((low for *_, low, _, _, _ in found if low is not None), default=now)
        highest = max((high for *_, high, _, _ in found if high is not None), default=0)
        return lowest if self._steady else 0, highest

    def _insert(self, segments: Sequence[Segment], now: int) -> dict[int, Loaded]:
        at = datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC).replace(tzinfo=None)
        cursor = self._cursor
        cursor.begin()
        try:
            cursor.execute(_READ, {"paths": [str(segment.path) for segment in segments]})
            found = cursor.execute(_KINDS).fetchall()
            loaded = {segment.number: _sum_up(segment, found) for segment in segments}
            if sum(segment.path.stat().st_size for segment in segments) > _LONG_LINE * sum(one[2] for one in found):
                # A checkpoint has to hold far more at a time, and DuckDB gives up on the file where it cannot.
                self._database.widen()
            for number, one in loaded.items():
                row = [number, at, one.events, one.rejected]
                cursor.execute("INSERT INTO state.segments VALUES (?, ?, ?, ?)", row)
            kinds = {None, *(kind for _, kind, *_ in found)}
            for statement, kind in _FOR_KIND:
                if kind in kinds:
                    cursor.execute(statement)
            if any(is_old for *_, is_old in found):
                cursor.execute(_OLD_STATEMENTS)
            self._trim()
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
        return loaded

    def _trim(self) -> None:
        """Forget open sessions that memory has no room for: an eighth at once, as it takes a look at all of them.

        A start may take back some that memory had forgotten, and forget others.
        """
        counted = self._cursor.execute(_COUNT_OPEN).fetchone()
        if counted and counted[0] > self._most_open + self._most_open // 8:
            self._cursor.execute(_TRIM, [1 - self._most_open / counted[0]])
            self._must_tidy = True


def _sum_up(segment: Segment, found: list[Row]) -> Loaded:
    """What a segment held, by `_KINDS`."""
    kinds = {kind: count for number, kind, count, *_ in found if number == segment.number}
    return Loaded({kind: kinds[kind] for kind in EVENT_KINDS if kind in kinds}, kinds.get(None, 0))


def _remove(segment: Segment, rejected: int) -> None:
    """Remove the file of what is loaded, or keep it beside: see `Loader.load`."""
    if rejected > _torn_lines(segment.path):
        segment.path.rename(segment.path.with_name(segment.path.name + ".rejected"))
    else:
        segment.path.unlink()


def _torn_lines(path: Path) -> int:
    """1 where the file ends in the middle of a line, as a power cut leaves it."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return 0
        file.seek(-1, os.SEEK_END)
        return int(file.read() != b"\n")
