"""The rows that segments bring to ClickHouse's tables, made by DuckDB of the lines of a load, as Parquet."""
# Only SQL of `shipment.sql` and numbers are composed.
# ruff: noqa: S608

import importlib.resources
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from prisme.store.arrivals import LONGEST, Arrival, Describe
from prisme.store.connection import STAGED
from prisme.store.errors import StoreError

_TEXT: Final = (importlib.resources.files("prisme.store.clickhouse") / "shipment.sql").read_text()
SQL: Final[dict[str, str]] = dict(re.findall(r"^-- name: (\w+)\n(.*?);$", _TEXT, re.MULTILINE | re.DOTALL))
# By the kinds of lines.
TABLES: Final = {
    "pageview": "pageviews",
    "custom": "events_custom",
    "download": "file_downloads",
    "outbound": "outbound_link_clicks",
}
_PARAMETERS: Final = ("referrers", "utms", "mediums", "clicks", "sources", "channels")
# The reader makes one block of a row group or several, which the server joins; a segment has some ten thousand rows.
_ROW_GROUP: Final = 1_048_576


class Contents(NamedTuple):
    """What a segment has: rows by table and month (such as 202611), lines that are no events, times in microseconds."""

    rows: Mapping[str, Mapping[int, int]]
    rejected: int
    lowest: int
    highest: int

    @property
    def events(self) -> int:
        """All events."""
        return sum(sum(months.values()) for months in self.rows.values())


class Shipment:
    """The segments of one load, for as long as its table `line` is there. Raises duckdb.Error.

    Files of Parquet are written below `folder`, which has to be one that DuckDB may use, and removed again.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, describe: Describe, folder: Path) -> None:
        """Raises StoreError if there are lines of 0.1.0."""
        self._cursor = cursor
        self._folder = folder
        rows = cursor.execute(SQL["rows"]).fetchall()
        if any(is_of_0_1 for _, kind, *_, is_of_0_1 in rows if kind is not None):
            raise StoreError(
                "the journal has events of Prisme 0.1.0, which cannot be sent to ClickHouse: start once with "
                "eventstore = duckdb"
            )
        self._rows: list[tuple[Any, ...]] = [row[:-1] for row in rows if row[1] is not None]
        self._rejected: Counter[int] = Counter()
        for number, _, _, count, *_ in (row for row in rows if row[1] is None):
            self._rejected[number] += count
        name_arrivals(cursor, describe)

    def contents(self, number: int) -> Contents:
        """What a segment has."""
        own = [row for row in self._rows if row[0] == number]
        rows = {
            table: months
            for kind, table in TABLES.items()
            if (months := {month: count for _, its_kind, month, count, _, _ in own if its_kind == kind})
        }
        lowest, highest = min((row[4] for row in own), default=0), max((row[5] for row in own), default=0)
        return Contents(rows, self._rejected[number], lowest, highest)

    def parquet(self, table: str, number: int, node: str, months: Collection[int] = ()) -> bytes:
        """The rows that a segment brings to a table; of an event table, with `months`, only those of some months."""
        query = SQL[table].format(node=node, segment=number, imported="''")
        if months:
            chosen = ", ".join(map(str, sorted(months)))
            query = f"SELECT * FROM ({query}) WHERE year(timestamp) * 100 + month(timestamp) IN ({chosen})"
        return write_parquet(self._cursor, query, self._folder)

    def close(self) -> None:
        """Drop what was made, within the load's transaction."""
        self._cursor.execute("DROP TABLE arrival")


def write_parquet(cursor: duckdb.DuckDBPyConnection, query: str, folder: Path) -> bytes:
    """The rows of a query as Parquet; `folder` is for the file. Raises duckdb.Error."""
    path = folder / f"{STAGED}segment.parquet"
    target = str(path).replace("'", "''")
    try:
        cursor.execute(
            f"COPY ({query}) TO '{target}' "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {_ROW_GROUP})"
        )
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def name_arrivals(cursor: duckdb.DuckDBPyConnection, describe: Describe) -> None:
    """Make the table `arrival`: how visits came, with the source and channel of those that have names of their own."""
    found = (Arrival(*row) for row in cursor.execute(SQL["arrivals"].format(longest=LONGEST)).fetchall())
    named = [(*arrival, *names) for arrival in found if (names := describe(arrival)) is not None]
    columns = [[row[place] for row in named] for place in range(len(_PARAMETERS))]
    cursor.execute(SQL["named"], dict(zip(_PARAMETERS, columns, strict=True)))
