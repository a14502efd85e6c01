"""Runs SQL of users in ClickHouse: checked as for DuckDB, and rewritten before anything of it is sent."""

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.client import Stream
from prisme.store.clickhouse.errors import ServerDownError, ServerError
from prisme.store.clickhouse.parquet_files import ParquetFiles, make_size_error, receive, save
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sql_query import QueryWriter, Written, columns_of
from prisme.store.clickhouse.sql_rows import (
    FORMAT,
    TIMES_LARGER,
    RowReader,
    describe,
    read_lines,
    read_texts,
    size_of,
)
from prisme.store.clickhouse.sql_text import hide_marks, quote_text, unsupported
from prisme.store.comments import COMMENTS
from prisme.store.connection import STAGED
from prisme.store.errors import BusySqlError, LateError, LateSqlError, LostError, SqlError, StoppedError, StoreError
from prisme.store.schema import ALL_TABLES
from prisme.store.sql_formats import Column, Encoder, Row
from prisme.store.sql_guard import SqlGuard
from prisme.store.sql_runner import Limits, Outcome, Result, TableColumn, unique_names

_COLUMNS_SECONDS: Final = 5.0
_COLUMNS: Final = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN $tables"
_CHUNK_ROWS: Final = 1_000
_MEMORY: Final = 2 << 30  # bytes of the server's
# What sums and the like make of no rows is NULL. The whole answer is there before it is sent, so that an error is one.
_SETTINGS: Final[Mapping[str, str | int]] = {
    "aggregate_functions_null_for_empty": 1,
    "max_memory_usage": _MEMORY,
    "max_ast_elements": 100_000,
    "max_expanded_ast_elements": 1_000_000,
    "result_overflow_mode": "break",
    "wait_end_of_query": 1,
    "enable_extended_results_for_datetime_functions": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
    "output_format_json_escape_forward_slashes": 0,
    "output_format_json_validate_utf8": 1,
    "output_format_decimal_trailing_zeros": 1,
    "output_format_parquet_compression_method": "zstd",
}
_NO_PARQUET: Final = re.compile(r"U?Int(128|256)\b|Nothing|Interval")
# What stands around what ClickHouse says of a query: its class, and the whole query.
_BEFORE: Final = re.compile(r"\A.*?DB::Exception: ", re.DOTALL)
_AFTER: Final = re.compile(
    r"[:.]? In scope .*\Z|[.:]? \([A-Z][A-Z0-9_]+\).*\Z|: While (processing|executing) .*\Z", re.DOTALL
)


class _Question(NamedTuple):
    """A query as ClickHouse reads it; its rows are asked for, or, if it is described, its columns."""

    written: Written
    is_described: bool


class ClickHouseSqlRunner:
    """`SqlQueries` for ClickHouse. For any thread, one query at a time: the others wait until their own deadlines."""

    def __init__(self, readers: Readers, files: ParquetFiles) -> None:
        self._readers = readers
        self._files = files
        self._guard = SqlGuard()
        self._turn = threading.Lock()

    def close(self) -> None:
        self._guard.close()

    def columns(self) -> list[TableColumn]:
        """All columns of all tables that queries may name, in their order. Raises UnavailableError."""
        with ClickHouseReader(self._readers, _COLUMNS_SECONDS) as reader:
            rows = reader.ask(_COLUMNS, {"tables": list(ALL_TABLES)})
        types = {(table, name): type_ for table, name, type_ in rows}
        return [
            TableColumn(table, name, types[table, name], COMMENTS[table][name])
            for table in ALL_TABLES
            for name in columns_of(table)
            if (table, name) in types
        ]

    def fetch(self, text: str, limits: Limits, cancellation: Cancellation | None = None) -> Result:
        """The result of a query. Raises SqlError and UnavailableError."""
        columns: list[Column] = []
        rows: list[Row] = []
        outcome = self._answer(text, limits, cancellation, columns.extend, rows.extend)
        return Result(tuple(columns), rows, outcome.is_cut)

    def encode(self, text: str, limits: Limits, encoder: Encoder, cancellation: Cancellation | None = None) -> Outcome:
        """Have the result of a query encoded. Raises SqlError and UnavailableError."""
        outcome = self._answer(text, limits, cancellation, encoder.begin, encoder.add)
        encoder.end(outcome.is_cut)
        return outcome

    @contextlib.contextmanager
    def parquet(
        self, text: str, limits: Limits, cancellation: Cancellation | None = None
    ) -> Iterator[tuple[Path, Outcome]]:
        """A Parquet file with the result, which is removed at the end of the block.

        Raises SqlError and UnavailableError.
        """
        question = self._write(text, limits)
        path = self._files.folder / f"{STAGED}query-{secrets.token_hex(8)}.parquet"
        try:
            with self._reader(limits, cancellation) as reader:
                outcome = self._write_file(reader, question, limits, path)
            yield path, outcome
        finally:
            path.unlink(missing_ok=True)

    def _answer(
        self,
        text: str,
        limits: Limits,
        cancellation: Cancellation | None,
        begin: Callable[[tuple[Column, ...]], object],
        add: Callable[[list[Row]], object],
    ) -> Outcome:
        question = self._write(text, limits)
        with self._reader(limits, cancellation) as reader:
            written = self._resolve(reader, question, limits)
            settings = {**_SETTINGS, "max_result_bytes": TIMES_LARGER * limits.bytes}
            return reader.stream(
                written.text, FORMAT, partial(_take, written=written, limits=limits, begin=begin, add=add), settings
            )

    def _write(self, text: str, limits: Limits) -> _Question:
        """Rewrite a query. Nothing of it is sent before. Raises SqlError."""
        node = self._guard.read(text)["node"]
        source = node.get("from_table", {})
        is_described = source.get("type") == "SHOW_REF"
        if is_described:
            if source["show_type"] != "DESCRIBE" or node.get("modifiers") or len(node["select_list"]) != 1:
                raise unsupported("SUMMARIZE, or DESCRIBE within a query")
            node = source["query"]
        writer = QueryWriter(self._readers.place, self._guard.name)
        return _Question(writer.write(node, limits.rows + 1), is_described)

    def _resolve(self, reader: ClickHouseReader, question: _Question, limits: Limits) -> Written:
        """The query itself, or one that gives the columns of a query that is to be described."""
        if not question.is_described:
            return question.written
        pairs = ", ".join(
            f"({quote_text(name)}, {quote_text(type_)})" for name, type_ in self._list_columns(reader, question.written)
        )
        return Written(
            f"SELECT pair.1 AS column_name, pair.2 AS column_type FROM (SELECT arrayJoin([{pairs}]) AS pair) "  # noqa: S608  # quoted
            f"LIMIT {limits.rows + 1}",
            {},
        )

    def _list_columns(self, reader: ClickHouseReader, written: Written) -> list[tuple[str, str]]:
        """The names and types of a query's columns."""
        rows = reader.ask_plainly(f"DESCRIBE ({written.text})", _SETTINGS)
        return [(written.name(name), type_) for name, type_, *_ in rows]

    def _write_file(self, reader: ClickHouseReader, question: _Question, limits: Limits, path: Path) -> Outcome:
        written = self._resolve(reader, question, limits)
        columns = [describe(name, type_) for name, type_ in self._list_columns(reader, written)]
        for column in columns:
            if _NO_PARQUET.search(column.type):
                raise SqlError(f"a Parquet file cannot have {column.type}: cast {column.name[:60]} to another type")
        names = unique_names(tuple(columns))
        with receive(path.with_name(f"{path.name}.received")) as file:
            reader.stream(written.text, "Parquet", partial(save, file=file, limit=limits.bytes), _SETTINGS)
            rows = self._files.rename(Path(file.name), path, names, limits.rows, limits.seconds)
        if path.stat().st_size > limits.bytes:
            raise make_size_error(limits.bytes)
        return Outcome(min(rows, limits.rows), rows > limits.rows)

    @contextlib.contextmanager
    def _reader(self, limits: Limits, cancellation: Cancellation | None) -> Iterator[ClickHouseReader]:
        began = time.monotonic() if limits.began is None else limits.began
        if not self._turn.acquire(timeout=max(limits.seconds - (time.monotonic() - began), 0)):
            raise BusySqlError
        try:
            with ClickHouseReader(self._readers, limits.seconds, began, cancellation) as reader:
                yield reader
        except ServerDownError as error:
            raise LostError(str(error)) from None
        except ServerError as error:  # the reader explains all others
            raise SqlError(_explain(error)) from None
        except StoreError as error:
            raise LostError(str(error)) from None
        except StoppedError:
            raise
        except LateError:
            raise LateSqlError(limits.seconds) from None
        finally:
            self._turn.release()


def _take(
    stream: Stream,
    written: Written,
    limits: Limits,
    begin: Callable[[tuple[Column, ...]], object],
    add: Callable[[list[Row]], object],
) -> Outcome:
    """Pass the rows on, as many as the limits allow, while they come."""
    lines = read_lines(stream)
    names, types = (read_texts(next(lines)) for _ in range(2))
    columns = tuple(describe(written.name(name), type_) for name, type_ in zip(names, types, strict=True))
    begin(columns)
    reader = RowReader(columns)
    rows, size = 0, 0
    chunk: list[Row] = []
    is_cut = False
    for line in lines:
        size += size_of(line)
        is_cut = size > limits.bytes or rows == limits.rows
        if is_cut:
            break
        chunk.append(reader.read(line))
        rows += 1
        if len(chunk) == _CHUNK_ROWS:
            add(chunk)
            chunk = []
    add(chunk)
    return Outcome(rows, is_cut)


def _explain(error: ServerError) -> str:
    """What ClickHouse says of a query, in one line, without the query."""
    text = _AFTER.sub("", _BEFORE.sub("", error.text.strip(), count=1))
    return hide_marks(text.partition("\n")[0].strip()) or f"ClickHouse cannot answer it (code {error.code})"
