"""Parquet files of ClickHouse's, written again by DuckDB: with other names or types, or fewer rows."""

import contextlib
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Final

import duckdb

from prisme.store.clickhouse.client import Stream
from prisme.store.database import Database
from prisme.store.errors import DiskError, LostError, SqlError
from prisme.store.query_reader import Row
from prisme.store.reader import Reader

_PART: Final = 1 << 20  # bytes
# DuckDB may write the same rows in less.
_TIMES_LARGER: Final = 4
_WITH_ZONE: Final = "TIMESTAMP WITH TIME ZONE"


class ParquetFiles:
    """Files in `folder`, which `database`, the node's own, may read and write."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder

    def rename(self, received: Path, path: Path, names: Sequence[str], most: int, seconds: float) -> int:
        """Write the first rows of a file with other names to a new one. Gives how many rows it has.

        Times are in UTC, so they need no zone. Raises UnavailableError.
        """
        source = f"read_parquet({quote(str(received))}) AS received({', '.join(map(quote_name, names))})"
        with Reader(self.database, seconds) as reader:
            types = [type_ for _, type_, *_ in run(reader, f"DESCRIBE FROM {source}")]
            cells = ", ".join(
                f"make_timestamp(epoch_us({quote_name(name)})) AS {quote_name(name)}"
                if type_ == _WITH_ZONE
                else quote_name(name)
                for name, type_ in zip(names, types, strict=True)
            )
            copy(reader, f"SELECT {cells} FROM {source} LIMIT {most}", path)  # noqa: S608  # quoted
            ((rows,),) = run(reader, f"SELECT count(*) FROM {source}")  # noqa: S608  # quoted
        return int(rows)


@contextlib.contextmanager
def receive(path: Path) -> Iterator[FileIO]:
    """A new file, for the time of the block.

    A request that is waited for no longer may still write to it, but not make it again.
    """
    with _explaining():
        file = FileIO(path, "xb")
    try:
        with file:
            yield file
    finally:
        path.unlink()


def save(stream: Stream, file: FileIO, limit: int | None = None) -> None:
    """Write a body to a file. Raises DiskError, and SqlError if it has many times as many bytes as the limit."""
    size = 0
    while part := stream.read(_PART):
        size += len(part)
        if limit is not None and size > _TIMES_LARGER * limit:
            raise make_size_error(limit)
        with _explaining():
            rest = memoryview(part)
            while rest:
                rest = rest[file.write(rest) :]


def make_size_error(limit: int) -> SqlError:
    """The error for a file that is larger than so many bytes."""
    return SqlError(f"the result is larger than {limit} bytes: select less, or add a LIMIT")


def copy(reader: Reader, query: str, path: Path) -> None:
    """Write the rows of a query of DuckDB's. Raises UnavailableError."""
    run(reader, f"COPY ({query}) TO {quote(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def run(reader: Reader, query: str) -> list[Row]:
    """The rows of a query. A file of ClickHouse's that is not whole is as good as none."""
    try:
        return reader.ask(query, {})
    except duckdb.Error as error:
        raise LostError(f"ClickHouse's answer cannot be read: {str(error).partition(chr(10))[0]}") from None


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(str(error)) from None


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
