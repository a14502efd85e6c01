"""Copies ClickHouse's tables, with the rows of all nodes, into a new DuckDB file, chunk by chunk."""
# Names of ours and dates are composed.
# ruff: noqa: S608

import datetime
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from prisme.store.clickhouse import moved_tables
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.move_in import Moved, Tell
from prisme.store.clickhouse.moved_imports import read_list, sum_list
from prisme.store.clickhouse.tables import Place
from prisme.store.move_chunks import ONE_DAY, Chunk, plan
from prisme.store.moved_tables import COLUMNS, IMPORTS, Compared, Comparison, Span, compare
from prisme.store.new_file import NewFile
from prisme.store.parquet import TIMES
from prisme.store.schema import FIGURES

_ROWS: Final = """
SELECT {columns} FROM {table} WHERE "{time}" >= {first} AND "{time}" < {end} ORDER BY {order}
"""
# As tables of DuckDB's are filled; pageviews with the same time in the order in which they were stored.
_ORDER: Final = {"sessions": "entry_timestamp", "pageviews": '"timestamp", segment, number', FIGURES: "day"}
_SIZE: Final = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = {database:String}"
# Texts as such, and in one file for DuckDB.
_SETTINGS: Final = {"output_format_parquet_string_as_string": 1, "output_format_parquet_compression_method": "zstd"}


class MoveOut:
    """A move into a new file, which goes on where an earlier run has ended. For one thread. Raises StoreError."""

    def __init__(self, client: Client, place: Place, file: NewFile, tell: Tell) -> None:
        self._client = client
        self._place = place
        self._file = file
        self._tell = tell

    def run(self) -> Moved:
        """Have all rows of this moment in the file. What `tell` raises ends it."""
        if self._place.cluster:
            for table in (*COLUMNS, "imports"):
                self._client.execute(f"SYSTEM SYNC REPLICA {self._place.table(table)}")
        new, deleted = [], 0
        known = self._file.chunks()
        for table in COLUMNS:
            self._tell(f"looking for changes in {table}", 0, 0)
            days = moved_tables.read_days(self._client, self._place, table)
            found = plan(table, days, [chunk for chunk in known if chunk.table == table])
            if found.changed:
                self._file.replace(found.changed, None, [])
                deleted += sum(chunk.rows for chunk in found.changed)
            new += found.new
        done, total = 0, sum(chunk.rows for chunk in new)
        for chunk in new:
            self._tell(f"{chunk.table} of {chunk.first}", done, total)
            self._file.replace([], chunk, self._fetch(chunk))
            done += chunk.rows
        self._file.replace_imports(self._fetch_imports())
        self._tell("moved", done, total)
        return Moved(done, deleted)

    def compare(self) -> Comparison:
        """Compare what both have, without days that have changed since they were moved.

        Months that differ are copied again by the next run.
        """
        months: list[Compared] = []
        changed: list[tuple[str, datetime.date, datetime.date]] = []
        known = self._file.chunks()
        for table in COLUMNS:
            own = [chunk for chunk in known if chunk.table == table]
            left_out, of_table = self._compare(table, own)
            months += of_table
            changed += [(table, first, end - ONE_DAY) for first, end in left_out]
        there = [row[:-1] for row in read_list(self._client, self._place)]
        months.append(Compared("imports", "", sum_list(self._file.imports()), sum_list(there)))
        comparison = Comparison(months, changed)
        if wrong := [chunk for chunk in known if comparison.has_wrong(chunk)]:
            self._file.replace(wrong, None, [])
        return comparison

    def _compare(self, table: str, own: Sequence[Chunk]) -> tuple[list[Span], list[Compared]]:
        """The days of a table that are left out, and the months without them.

        What is counted may have changed since it was seen that it had not: what differs is looked at again.
        """
        while True:
            self._tell(f"comparing {table}", 0, 0)
            days, left_out = self._find_changed(table, own)
            months = []
            for month in compare(
                table,
                [*days, *(chunk.first for chunk in own)],
                left_out,
                partial(self._file.sum, table),
                partial(moved_tables.sum_rows, self._client, self._place, table),
            ):
                months.append(month)
                self._tell(f"comparing {table} of {month.month}", 0, 0)
            if all(month.is_equal for month in months) or self._find_changed(table, own)[1] == left_out:
                return left_out, months

    def _find_changed(self, table: str, own: Sequence[Chunk]) -> tuple[list[datetime.date], list[Span]]:
        """The days that a table has, and those in chunks that are not as they were moved."""
        days = moved_tables.read_days(self._client, self._place, table)
        found = plan(table, days, own)
        return [*days], sorted((chunk.first, chunk.end) for chunk in (*found.changed, *found.new))

    def _fetch(self, chunk: Chunk) -> Iterator[bytes]:
        for first, end in chunk.cut():
            self._tell(f"{chunk.table} of {chunk.first}", 0, 0)
            query = _ROWS.format(
                columns=", ".join(map(_write, COLUMNS[chunk.table])),
                table=self._place.table(chunk.table),
                time=TIMES[chunk.table],
                first=_literal(first),
                end=_literal(end),
                order=_ORDER.get(chunk.table, '"timestamp"'),
            )
            settings = {**moved_tables.settings_of(chunk.table), **_SETTINGS}
            yield self._client.fetch(query, "Parquet", settings=settings)

    def _fetch_imports(self) -> bytes:
        columns = ", ".join(map(_write, IMPORTS))
        query = f"SELECT {columns} FROM {self._place.table('imports')} ORDER BY started_at, name"
        return self._client.fetch(query, "Parquet", settings={**moved_tables.SETTINGS, **_SETTINGS})


def measure(client: Client, place: Place) -> int:
    """The bytes that the tables have in ClickHouse. Raises StoreError."""
    ((size,),) = client.query(_SIZE, {"database": place.database})
    return int(size or 0)


def _write(column: str) -> str:
    if column.endswith(("timestamp", "_at")):
        return f'toUnixTimestamp64Micro("{column}") AS "{column}"'
    return f'toString("{column}") AS "{column}"' if column == "session_uuid" else f'"{column}"'


def _literal(time: datetime.datetime) -> str:
    return f"toDateTime64('{time.isoformat(sep=' ')}', 6, 'UTC')"
