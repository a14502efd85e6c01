"""Copies the tables of a DuckDB database into ClickHouse, chunk by chunk, each once, whenever a run is killed.

All rows that a move brings have its id as their node, and the number of a slice as their segment. Numbers are never
used twice: rows of a number that `MoveState` does not know, or of which some are missing, are of a run that was killed,
or have changed since, and are deleted before anything is sent.
"""
# Names of ours and numbers are composed.

import contextlib
import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import msgspec

from prisme.runtime.cancellation import Cancellation
from prisme.store.arrivals import Describe
from prisme.store.clickhouse import moved_imports, moved_rows, moved_tables
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.sink import INSERT_SETTINGS
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.move_chunks import ONE_DAY, Chunk, Plan, plan
from prisme.store.move_state import FILE, MoveState
from prisme.store.moved_tables import COLUMNS, Compared, Comparison, compare, read_days, sum_rows, within
from prisme.store.parquet import TIMES

_STORED: Final = "SELECT segment, count() FROM {table} WHERE node = {{node:String}} GROUP BY segment"
_DELETE: Final = """
ALTER TABLE {table} DELETE
WHERE node = {{node:String}} AND segment IN {{numbers:Array(UInt64)}}
"""
_DAYS: Final = 'SELECT DISTINCT toDate32("{time}") FROM {table} WHERE node = {{node:String}}'
_MOST_NUMBERS: Final = 500  # in a statement, whose parameters are in its URL
_SAMPLE: Final = "SELECT CAST(session_uuid AS VARCHAR) FROM sessions USING SAMPLE reservoir(200 ROWS)"
_KNOWN: Final = """
SELECT count() FROM {table} WHERE session_uuid IN {{uuids:Array(UUID)}} AND node <> {{node:String}}
"""
# Told of what is being done, and of rows done, of all.
Tell = Callable[[str, int, int], object]


class Moved(NamedTuple):
    """Rows sent now, and rows of earlier runs that were deleted, as they have changed."""

    sent: int
    deleted: int


class Parts(NamedTuple):
    """What a move works with. `describe` names how visits came; DuckDB may write to `temporary`; `clock` is in us."""

    database: Database
    client: Client
    place: Place
    describe: Describe
    temporary: Path
    clock: Callable[[], int]
    cancellation: Cancellation
    tell: Tell


class MoveIn:
    """A move of a data folder, which goes on where an earlier run has ended. For one thread. Raises StoreError."""

    def __init__(self, parts: Parts, state: MoveState) -> None:
        self._parts = parts
        self._state = state
        self._number = 0

    def run(self) -> Moved:
        """Have all rows of this moment in ClickHouse. What `tell` raises ends it."""
        client, place, tell = self._parts.client, self._parts.place, self._parts.tell
        tell("looking at ClickHouse", 0, 0)
        migrate(client, place)
        with self._reading() as cursor:
            self._refuse_known(cursor)
            moved_imports.choose_names(cursor, client, place, self._state)
            stored = {table: self._count_stored(table) for table in COLUMNS}
            plans = self._plan(cursor, stored)
            deleted = self._delete_others(stored, plans)
            moved_imports.send(cursor, client, place, self._state)
        new = [chunk for one in plans.values() for chunk in one.new]
        done, total = 0, sum(chunk.rows for chunk in new)
        for chunk in new:
            tell(f"{chunk.table} of {chunk.first}", done, total)
            done += self._send(chunk)
        with self._reading() as cursor:
            moved_imports.send(cursor, client, place, self._state)
        tell("moved", done, total)
        return Moved(done, deleted)

    def compare(self) -> Comparison:
        """Compare what both have, without days that have changed since they were moved.

        Months that differ are copied again by the next run.
        """
        client, place, names = self._parts.client, self._parts.place, self._state.names
        months: list[Compared] = []
        changed: list[tuple[str, datetime.date, datetime.date]] = []
        with self._reading() as cursor:
            for table in COLUMNS:
                days = read_days(cursor, table)
                self._parts.tell(f"comparing {table}", 0, 0)
                found = plan(table, days, [chunk for chunk in self._state.chunks if chunk.table == table])
                left_out = [(chunk.first, chunk.end) for chunk in (*found.changed, *found.new)]
                changed += [(table, first, end - ONE_DAY) for first, end in left_out]
                for month in compare(
                    table,
                    [*days, *self._find_days(table)],
                    left_out,
                    partial(sum_rows, cursor, table, names),
                    partial(moved_tables.sum_rows, client, place, table, node=self._state.id),
                ):
                    months.append(month)
                    self._parts.tell(f"comparing {table} of {month.month}", 0, 0)
            # An import may be under way, whose counts are in the list.
            moved_imports.send(cursor, client, place, self._state)
            months.append(moved_imports.compare(cursor, client, place, self._state))
        comparison = Comparison(months, changed)
        if not comparison.is_equal:
            self._state.keep([chunk for chunk in self._state.chunks if not comparison.has_wrong(chunk)])
        return comparison

    def _plan(self, cursor: duckdb.DuckDBPyConnection, stored: dict[str, Counter[int]]) -> dict[str, Plan]:
        plans = {}
        for table in COLUMNS:
            self._parts.tell(f"looking for changes in {table}", 0, 0)
            whole = [
                chunk
                for chunk in self._state.chunks
                if chunk.table == table and sum(stored[table][number] for number in chunk.numbers) == chunk.rows
            ]
            plans[table] = plan(table, read_days(cursor, table), whole)
        return plans

    def _delete_others(self, stored: dict[str, Counter[int]], plans: dict[str, Plan]) -> int:
        """Delete all rows that are of no chunk that is kept; gives how many."""
        self._state.keep([chunk for one in plans.values() for chunk in one.kept])
        deleted = 0
        for table, counts in stored.items():
            kept = {number for chunk in plans[table].kept for number in chunk.numbers}
            others = sorted(counts.keys() - kept)
            for start in range(0, len(others), _MOST_NUMBERS):
                numbers = others[start : start + _MOST_NUMBERS]
                self._parts.tell(f"deleting what has changed in {table}", start, len(others))
                self._delete(table, numbers)
                deleted += sum(counts[number] for number in numbers)
        return deleted

    def _delete(self, table: str, numbers: Sequence[int]) -> None:
        self._parts.client.execute(
            _DELETE.format(table=self._parts.place.table(table)),
            {"node": self._state.id, "numbers": numbers},
            {"mutations_sync": 2},
        )

    def _send(self, chunk: Chunk) -> int:
        """Send the rows that a chunk has now, and note it; gives their number."""
        self._number = max(self._parts.clock(), self._number + 1)
        parts, state = self._parts, self._state
        with self._reading() as cursor:
            # An import may have begun meanwhile.
            moved_imports.choose_names(cursor, parts.client, parts.place, state)
            days = read_days(cursor, chunk.table, within(chunk.table, [(chunk.first, chunk.end)], "duckdb"))
            (now,) = plan(chunk.table, days, []).new or [chunk]
            sent = msgspec.structs.replace(
                chunk,
                rows=sum(day.rows for day in days.values()),
                check=f"{sum(day.check for day in days.values()):x}",
                slices=now.slices,
                number=self._number,
            )
            self._number += sent.slices
            for number, times in zip(sent.numbers, sent.cut(), strict=True):
                body = moved_rows.write(
                    cursor, sent.table, times, number, state.id, state.names, parts.describe, parts.temporary
                )
                if body:
                    self._insert(sent.table, number, body)
        moved_imports.mark(parts.client, parts.place, state.id, sent)
        state.add(sent)
        return sent.rows

    def _insert(self, table: str, number: int, body: bytes) -> None:
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": f"{self._state.id}-{number}"}
        self._parts.client.insert(self._parts.place.table(table), body, "Parquet", settings)

    def _count_stored(self, table: str) -> Counter[int]:
        """The rows of this move that ClickHouse has, by their number."""
        client, place = self._parts.client, self._parts.place
        if place.cluster:
            # This host may not have yet what another one has stored.
            client.execute(f"SYSTEM SYNC REPLICA {place.table(table)}")
        rows = client.query(_STORED.format(table=place.table(table)), {"node": self._state.id})
        return Counter(dict(rows))

    def _find_days(self, table: str) -> list[datetime.date]:
        query = _DAYS.format(time=TIMES[table], table=self._parts.place.table(table))
        return [day for (day,) in self._parts.client.query(query, {"node": self._state.id})]

    def _refuse_known(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Raise if ClickHouse has visits of the database, which another move or a node has brought."""
        uuids = [uuid for (uuid,) in cursor.execute(_SAMPLE).fetchall()]
        query = _KNOWN.format(table=self._parts.place.table("sessions"))
        ((count,),) = self._parts.client.query(query, {"uuids": uuids, "node": self._state.id})
        if count:
            raise StoreError(
                f"the database {self._parts.place.database} in ClickHouse has visits of this folder already, by a node "
                f"or by a move whose file {FILE} is not here any more: they would be counted twice. Put the file back, "
                "or move into another database (clickhouse_database)"
            )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor with a transaction, which sees the rows of one moment."""
        with reading(self._parts.database, self._parts.cancellation) as cursor:
            yield cursor


@contextlib.contextmanager
def reading(database: Database, cancellation: Cancellation) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor with a transaction, for tables in memory as well, until the end of the block. Raises StoreError."""
    database.admit()
    database.restore_memory()
    cursor = database.query_cursor()
    try:
        stop = cursor.interrupt
        cancellation.attach(stop)
        try:
            cursor.begin()
            yield cursor
        finally:
            cancellation.detach(stop)
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()
    except duckdb.Error as error:
        raise StoreError(f"the database cannot be read now: {str(error).partition(chr(10))[0]}") from error
    finally:
        database.close_query(cursor)
