"""Runs SQL of users: checked, in a read-only transaction, with a deadline, and limits on memory and on the result."""

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.memory_ceiling import memory_ceiling
from prisme.store.connection import STAGED
from prisme.store.database import Database
from prisme.store.errors import BusySqlError, LateError, LateSqlError, SqlError, StoppedError
from prisme.store.reader import Reader
from prisme.store.schema import ALL_TABLES
from prisme.store.sql_formats import Column, Encoder, Row
from prisme.store.sql_guard import SqlGuard, first_line

# DuckDB's limit leaves out what functions make of texts and lists: once more its limit, and some for other threads.
_MORE_BYTES = 256 << 20
_CHUNK_ROWS = 1_000
_FIRST_ROWS = 50
_COLUMNS_SECONDS = 5.0
_COLUMNS = """
SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND list_contains($tables, table_name)
ORDER BY table_name, column_index
"""
# Columns as Python has them; `number` and `json` come as the text of a JSON value, all others as DuckDB's text.
_PLAIN = re.compile(r"(BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE)$")
_NUMBER = re.compile(r"(U?HUGEINT|DECIMAL\(\d+,\d+\))$")
_NESTED = re.compile(r"(STRUCT|MAP|UNION)\(|.*\[\d*\]$", re.DOTALL)


class Limits(NamedTuple):
    """Of one query: seconds, from `began` (monotonic) or now; rows and bytes of its result, which is cut there."""

    seconds: float
    rows: int
    bytes: int
    began: float | None = None


class Result(NamedTuple):
    """Rows with a value for each column; `is_cut` if there were more."""

    columns: tuple[Column, ...]
    rows: list[Row]
    is_cut: bool


class Outcome(NamedTuple):
    """How many rows a result has, and whether there were more."""

    rows: int
    is_cut: bool


class TableColumn(NamedTuple):
    """A column that queries may name; `comment` is empty where it has none."""

    table: str
    name: str
    type: str
    comment: str


class SqlRunner:
    """For any thread, one query at a time: the others wait, each for as long as its own deadline."""

    def __init__(self, database: Database, temporary: Path) -> None:
        self._database = database
        self._temporary = temporary
        self._guard = SqlGuard()
        self._turn = threading.Lock()
        self._growth = 2 * database.limits.memory + _MORE_BYTES

    def close(self) -> None:
        self._guard.close()

    def columns(self) -> list[TableColumn]:
        """All columns of all tables that queries may name, in their order. Raises UnavailableError."""
        with Reader(self._database, _COLUMNS_SECONDS) as reader:
            found = [TableColumn(*row) for row in reader.ask(_COLUMNS, {"tables": list(ALL_TABLES)})]
        return sorted(found, key=lambda column: ALL_TABLES.index(column.table))

    def fetch(self, text: str, limits: Limits, cancellation: Cancellation | None = None) -> Result:
        """The result of a query. Raises SqlError and UnavailableError."""
        statement = self._guard.check(text)
        with self._reader(limits, cancellation) as reader:
            return reader.call(lambda cursor: _fetch(cursor, statement, limits))

    def encode(self, text: str, limits: Limits, encoder: Encoder, cancellation: Cancellation | None = None) -> Outcome:
        """Have the result of a query encoded. Raises SqlError and UnavailableError."""
        statement = self._guard.check(text)
        with self._reader(limits, cancellation) as reader:
            return reader.call(lambda cursor: _encode(cursor, statement, limits, encoder))

    @contextlib.contextmanager
    def parquet(
        self, text: str, limits: Limits, cancellation: Cancellation | None = None
    ) -> Iterator[tuple[Path, Outcome]]:
        """A Parquet file with the result, which is removed at the end of the block.

        Raises SqlError and UnavailableError.
        """
        statement = self._guard.check(text)
        path = self._temporary / f"{STAGED}query-{secrets.token_hex(8)}.parquet"
        try:
            with self._reader(limits, cancellation) as reader:
                outcome = reader.call(lambda cursor: _copy(cursor, statement, limits, path))
            yield path, outcome
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reader(self, limits: Limits, cancellation: Cancellation | None) -> Iterator[Reader]:
        began = time.monotonic() if limits.began is None else limits.began
        if not self._turn.acquire(timeout=max(limits.seconds - (time.monotonic() - began), 0)):
            raise BusySqlError
        try:
            with memory_ceiling(self._growth), Reader(self._database, limits.seconds, began, cancellation) as reader:
                yield reader
        except duckdb.Error as error:  # those of the query itself: the reader explains all others
            raise SqlError(first_line(error)) from None
        except StoppedError:
            raise
        except LateError:
            raise LateSqlError(limits.seconds) from None
        finally:
            self._turn.release()


def _describe(cursor: duckdb.DuckDBPyConnection, statement: str) -> tuple[Column, ...]:
    relation = cursor.sql(statement)
    return tuple(
        Column(name, kind, _kind(kind)) for name, kind in zip(relation.columns, map(str, relation.types), strict=True)
    )


def _kind(name: str) -> str:
    if _PLAIN.match(name):
        return "plain"
    if _NUMBER.match(name):
        return "number"
    return "json" if name == "JSON" or _NESTED.match(name) else "text"


def _fetch(cursor: duckdb.DuckDBPyConnection, statement: str, limits: Limits) -> Result:
    columns = _describe(cursor, statement)
    rows: list[Row] = []
    outcome = _stream(cursor, statement, limits, columns, rows.extend)
    return Result(columns, rows, outcome.is_cut)


def _encode(cursor: duckdb.DuckDBPyConnection, statement: str, limits: Limits, encoder: Encoder) -> Outcome:
    columns = _describe(cursor, statement)
    encoder.begin(columns)
    outcome = _stream(cursor, statement, limits, columns, encoder.add)
    encoder.end(outcome.is_cut)
    return outcome


def _stream(
    cursor: duckdb.DuckDBPyConnection,
    statement: str,
    limits: Limits,
    columns: Sequence[Column],
    take: Callable[[list[Row]], object],
) -> Outcome:
    """Pass the rows on, as many as the limits allow, while they are made."""
    names = [f"c{place}" for place in range(len(columns))]
    values = ", ".join(_expression(name, column) for name, column in zip(names, columns, strict=True))
    result = f"({statement}\n) AS result({', '.join(names)})"
    cursor.execute(f"SELECT {values} FROM {result} LIMIT {limits.rows + 1}")  # noqa: S608  # checked by the guard
    rows, size, count = 0, 0, _FIRST_ROWS
    while chunk := cursor.fetchmany(count):
        fitting, size = _fit(chunk, size, limits.bytes)
        fitting = fitting[: limits.rows - rows]
        take(fitting)
        rows += len(fitting)
        if len(fitting) < len(chunk):
            return Outcome(rows, True)
        # So many that the next ones need not be many times the limit.
        count = max(1, min(_CHUNK_ROWS, limits.bytes * rows // max(size, 1)))
    return Outcome(rows, False)


def _fit(rows: list[Row], size: int, most: int) -> tuple[list[Row], int]:
    """The first rows that fit into `most` bytes with the `size` bytes before them, and the size with them."""
    for place, row in enumerate(rows):
        size += sum(len(value) if isinstance(value, str) else 8 for value in row)
        if size > most:
            return rows[:place], size
    return rows, size


def _expression(name: str, column: Column) -> str:
    if column.kind == "plain":
        return name
    return f"to_json({name})::VARCHAR" if column.kind == "json" and column.type != "JSON" else f"{name}::VARCHAR"


def _copy(cursor: duckdb.DuckDBPyConnection, statement: str, limits: Limits, path: Path) -> Outcome:
    """Write the file. DuckDB reports the number of its rows, not whether there are more."""
    names = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in unique_names(_describe(cursor, statement)))
    rows = f"FROM ({statement}\n) AS result({names})"
    target = f"'{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
    (count,) = cursor.execute(f"COPY ({rows} LIMIT {limits.rows}) TO {target}").fetchone() or (0,)
    if path.stat().st_size > limits.bytes:
        raise SqlError(f"the result is larger than {limits.bytes} bytes: select less, or add a LIMIT")
    has_more = count == limits.rows and cursor.execute(f"{rows} LIMIT 1 OFFSET {limits.rows}").fetchone()
    return Outcome(count, bool(has_more))


def unique_names(columns: tuple[Column, ...]) -> list[str]:
    """The columns' names, with a number where one is there already: a file has each name once."""
    names: list[str] = []
    taken: set[str] = set()
    for column in columns:
        name, number = column.name, 1
        while name.lower() in taken:
            name, number = f"{column.name}_{number}", number + 1
        names.append(name)
        taken.add(name.lower())
    return names
