"""Runs SQL of users: checked, in a read-only transaction, with a deadline, and limits on memory and on the result."""

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.memory_ceiling import MemoryCeiling
from prisme.store.connection import STAGED
from prisme.store.database import Database
from prisme.store.errors import BusySqlError, SqlError
from prisme.store.reader import Reader
from prisme.store.sql_guard import SqlGuard, first_line

Value = str | int | float | bool | None

# DuckDB's limit leaves out what functions make of texts and lists: once more its limit, and some for other threads.
_MORE_BYTES = 256 << 20
_CHUNK_ROWS = 1_000
_FIRST_ROWS = 50
# Columns as Python has them; `number` and `json` come as the text of a JSON value, all others as DuckDB's text.
_PLAIN = re.compile(r"(BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE)$")
_NUMBER = re.compile(r"(U?HUGEINT|DECIMAL\(\d+,\d+\))$")
_NESTED = re.compile(r"(STRUCT|MAP|UNION)\(|.*\[\d*\]$", re.DOTALL)


class Limits(NamedTuple):
    """Of one query: seconds; rows and bytes of its result, which is cut there."""

    seconds: float
    rows: int
    bytes: int


class Column(NamedTuple):
    """Of a result: its name, its DuckDB type, and whether its values are plain, `number`, `json` or `text`."""

    name: str
    type: str
    kind: str


class Result(NamedTuple):
    """Rows with a value for each column; `is_cut` if there were more."""

    columns: tuple[Column, ...]
    rows: list[tuple[Value, ...]]
    is_cut: bool


class SqlRunner:
    """For any thread, one query at a time: the others wait, each for as long as its own deadline."""

    def __init__(self, database: Database, temporary: Path) -> None:
        self._database = database
        self._temporary = temporary
        self._guard = SqlGuard()
        self._turn = threading.Lock()
        self._ceiling = MemoryCeiling(2 * database.limits.memory + _MORE_BYTES)

    def close(self) -> None:
        self._guard.close()

    def fetch(self, text: str, limits: Limits, cancellation: Cancellation | None = None) -> Result:
        """The result of a query. Raises SqlError and UnavailableError."""
        statement = self._guard.check(text)
        with self._reader(limits, cancellation) as reader:
            return reader.call(lambda cursor: _fetch(cursor, statement, limits))

    @contextlib.contextmanager
    def parquet(
        self, text: str, limits: Limits, cancellation: Cancellation | None = None
    ) -> Iterator[tuple[Path, bool]]:
        """A Parquet file with the result, and whether it was cut; the file is removed at the end of the block.

        Raises SqlError and UnavailableError.
        """
        statement = self._guard.check(text)
        path = self._temporary / f"{STAGED}query-{secrets.token_hex(8)}.parquet"
        try:
            with self._reader(limits, cancellation) as reader:
                is_cut = reader.call(lambda cursor: _copy(cursor, statement, limits, path))
            yield path, is_cut
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reader(self, limits: Limits, cancellation: Cancellation | None) -> Iterator[Reader]:
        began = time.monotonic()
        if not self._turn.acquire(timeout=limits.seconds):
            raise BusySqlError
        try:
            with self._ceiling.hold(), Reader(self._database, limits.seconds, began, cancellation) as reader:
                yield reader
        except duckdb.Error as error:  # those of the query itself: the reader explains all others
            raise SqlError(first_line(error)) from None
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
    names = [f"c{place}" for place in range(len(columns))]
    values = ", ".join(_expression(name, column) for name, column in zip(names, columns, strict=True))
    result = f"({statement}\n) AS result({', '.join(names)})"
    cursor.execute(f"SELECT {values} FROM {result} LIMIT {limits.rows + 1}")  # noqa: S608  # checked by the guard
    rows: list[tuple[Value, ...]] = []
    size, count = 0, _FIRST_ROWS
    while size <= limits.bytes and (chunk := cursor.fetchmany(count)):
        for row in chunk:
            size += sum(len(value) if isinstance(value, str) else 8 for value in row)
            if size > limits.bytes or len(rows) == limits.rows:
                return Result(columns, rows, True)
            rows.append(row)
        # So many that the next ones need not be many times the limit.
        count = max(1, min(_CHUNK_ROWS, limits.bytes * len(rows) // max(size, 1)))
    return Result(columns, rows, False)


def _expression(name: str, column: Column) -> str:
    if column.kind == "plain":
        return name
    return f"to_json({name})::VARCHAR" if column.kind == "json" and column.type != "JSON" else f"{name}::VARCHAR"


def _copy(cursor: duckdb.DuckDBPyConnection, statement: str, limits: Limits, path: Path) -> bool:
    """Write the file; gives whether rows were left out. DuckDB reports the number of rows only after it wrote them."""
    names = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in _unique(_describe(cursor, statement)))
    rows = f"FROM ({statement}\n) AS result({names})"
    target = f"'{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
    row = cursor.execute(f"COPY ({rows} LIMIT {limits.rows}) TO {target}").fetchone()
    if path.stat().st_size > limits.bytes:
        raise SqlError(f"the result is larger than {limits.bytes} bytes: select less, or add a LIMIT")
    if row is None or row[0] < limits.rows:
        return False
    return bool(cursor.execute(f"{rows} LIMIT 1 OFFSET {limits.rows}").fetchone())


def _unique(columns: tuple[Column, ...]) -> list[str]:
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
