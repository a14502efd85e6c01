"""Files of other programs that DuckDB can read: Parquet, CSV, JSON, and DuckDB's own. For commands, not for servers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from prisme.base.errors import InputError

_ROWS = 10_000


class ForeignFiles:
    """A database in memory that spills to a folder, with at most `memory` bytes. Close it at the end."""

    def __init__(self, temporary: Path, memory: int = 128 << 20, threads: int = 1) -> None:
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{memory}B",
                "threads": threads,
                "temp_directory": str(temporary),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            }
        )
        self._connection.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> "ForeignFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def attach(self, path: Path, name: str) -> None:
        """Attach a DuckDB file under a name, to be read only. Raises InputError."""
        with _explaining(path):
            quoted = str(path).replace("'", "''")
            self._connection.execute(f"ATTACH '{quoted}' AS \"{name}\" (READ_ONLY)")

    def rows(self, query: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a few thousand at a time. Raises InputError."""
        with _explaining(), contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(query, parameters or {})
            while rows := cursor.fetchmany(_ROWS):
                yield from rows

    def run(self, statement: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement without a result. Raises InputError."""
        with _explaining():
            self._connection.execute(statement, parameters or {})


@contextlib.contextmanager
def _explaining(path: Path | None = None) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        cause = str(error).partition("\n")[0]
        raise InputError(f"{path}: {cause}" if path else cause) from error
