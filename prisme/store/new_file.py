"""The DuckDB file that a move out of ClickHouse fills, beside the one in use: `prisme.duckdb.moving`.

Which chunks it has is in the file itself, and each comes with its rows in one transaction: a run that is killed has
left whole chunks, and another one goes on.
"""
# Names of ours are composed, values are bound.
# ruff: noqa: S608

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb

from prisme.runtime.scratch import scratch_folder
from prisme.store import snapshot, upgrade
from prisme.store.connection import Limits, connect
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.move_chunks import Chunk
from prisme.store.moved_tables import COLUMNS, IMPORTS, Sums, read_imports, sum_rows, within
from prisme.store.query_reader import Row

FILE: Final = "prisme.duckdb.moving"
_LIMITS: Final = Limits(256 << 20, 2)
_CREATE: Final = """
CREATE SCHEMA IF NOT EXISTS moving;
CREATE TABLE IF NOT EXISTS moving.chunks (
    "table" VARCHAR, "first" DATE, "end" DATE, "rows" UBIGINT, "check" VARCHAR, slices UINTEGER
)
"""
_HAS_LIST: Final = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'moving'"
_CHUNKS: Final = 'SELECT "table", "first", "end", "rows", "check", slices FROM moving.chunks ORDER BY ALL'
_FORGET: Final = 'DELETE FROM moving.chunks WHERE "table" = ? AND "first" = ? AND "end" = ?'
# What only this node has: the segments that it has loaded, and which device has which visit open.
_OF_NODE: Final = ("state.segments", "state.open_sessions")


class NewFile:
    """The file, open until `close`. `folder` is the data folder. Raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        with _explaining(self.path), contextlib.ExitStack() as opening:
            self._temporary = opening.enter_context(scratch_folder(folder / "tmp"))
            if self.path.exists() and not self._has_list():
                discard(folder)
            if not self.path.exists():
                upgrade.create(self.path, _LIMITS, self._temporary)
            self._cursor = connect(self.path, _LIMITS, self._temporary)
            opening.callback(self._cursor.close)
            upgrade.migrate(self._cursor)
            self._cursor.execute(_CREATE)
            self._opened = opening.pop_all()

    def chunks(self) -> list[Chunk]:
        """The chunks that it has."""
        with _explaining(self.path):
            return [Chunk(*row) for row in self._cursor.execute(_CHUNKS).fetchall()]

    def replace(self, gone: Sequence[Chunk], new: Chunk | None, slices: Iterable[bytes]) -> None:
        """Have the rows of a chunk, as the slices have them in Parquet, and no more those of others."""
        with _explaining(self.path), self._transaction():
            for chunk in gone:
                self._cursor.execute(
                    f"DELETE FROM {chunk.table} WHERE {within(chunk.table, [(chunk.first, chunk.end)], 'duckdb')}"
                )
                self._cursor.execute(_FORGET, [chunk.table, chunk.first, chunk.end])
            if new is not None:
                for body in slices:
                    self._insert(new.table, COLUMNS[new.table], body)
                row = [new.table, new.first, new.end, new.rows, new.check, new.slices]
                self._cursor.execute("INSERT INTO moving.chunks VALUES (?, ?, ?, ?, ?, ?)", row)

    def replace_imports(self, body: bytes) -> None:
        """Have another list of imports."""
        with _explaining(self.path), self._transaction():
            self._cursor.execute("DELETE FROM state.imports")
            if body:
                self._insert("state.imports", IMPORTS, body)

    def sum(self, table: str, condition: str) -> Sums:
        """The sums of the rows that a condition means."""
        with _explaining(self.path):
            return sum_rows(self._cursor, table, {}, condition)

    def imports(self) -> list[Row]:
        """The list of imports."""
        with _explaining(self.path):
            return read_imports(self._cursor)

    def put(self, loader: Loader) -> None:
        """Put it in the place of the data folder's file, with what only that one has; the loader has no segments left.

        It is closed then.
        """
        path = self._temporary / "node.parquet"
        try:
            with _explaining(self.path), loader.hold() as held:
                for table in _OF_NODE:
                    held.cursor.execute(f"COPY {table} TO '{_escape(path)}' (FORMAT parquet)")
                    self._cursor.execute(f"DELETE FROM {table}")
                    self._cursor.execute(f"INSERT INTO {table} BY NAME FROM read_parquet('{_escape(path)}')")
                    path.unlink()
                self._cursor.execute("DROP SCHEMA moving CASCADE")
                self._cursor.execute("CHECKPOINT")
                self.close()
                held.replace(self.path)
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close it."""
        self._opened.close()

    def _has_list(self) -> bool:
        """Whether it says which chunks it has; not if it could not be put in place."""
        with contextlib.closing(connect(self.path, _LIMITS, self._temporary)) as connection:
            return bool(connection.execute(_HAS_LIST).fetchall())

    def _insert(self, table: str, columns: Sequence[str], body: bytes) -> None:
        """Insert rows whose times are numbers of microseconds."""
        path = self._temporary / "slice.parquet"
        path.write_bytes(body)
        cells = ", ".join(_read(column) for column in columns)
        self._cursor.execute(f"INSERT INTO {table} BY NAME SELECT {cells} FROM read_parquet('{_escape(path)}')")
        path.unlink()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._cursor.begin()
        try:
            yield
            self._cursor.commit()
        except BaseException:
            # After a failed commit nothing can be rolled back; the first error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                self._cursor.rollback()
            raise


def discard(folder: Path) -> None:
    """Remove the file, if it is there. Raises OSError."""
    snapshot.clear(folder / FILE)


def _read(column: str) -> str:
    return f'make_timestamp("{column}") AS "{column}"' if column.endswith(("timestamp", "_at")) else f'"{column}"'


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")


@contextlib.contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError) as error:
        cause = str(error).partition("\n")[0]
        raise StoreError(f"{path} cannot be written: {cause}") from error
