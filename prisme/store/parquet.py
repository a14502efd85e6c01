"""The tables as Parquet files, one for each month (UTC). All files of a table have one schema, whatever is in them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import duckdb

from prisme.store.reader import Reader
from prisme.store.schema import FIGURES

# The time that decides which month a row belongs to.
TIMES: Final = {
    "sessions": "entry_timestamp",
    "pageviews": "timestamp",
    "events_custom": "timestamp",
    "file_downloads": "timestamp",
    "outbound_link_clicks": "timestamp",
    FIGURES: "day",
}
_COLUMNS = """
SELECT column_name, data_type FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND table_name = $table ORDER BY column_index
"""


class Part(NamedTuple):
    """The rows of one month, such as 2026-11. `check` changes with any of them, and may with the engine's version."""

    table: str
    month: str
    rows: int
    check: str

    @property
    def name(self) -> str:
        """The path of its file below the folder of the export."""
        return f"{self.table}/{self.month}.parquet"


class Export(Protocol):
    """Reads all tables by month. Raises UnavailableError and StoreError."""

    def find_parts(self, since: str) -> Iterator[Part]:
        """The parts of all tables from the month `since` on, in order."""

    def write_part(self, part: Part, path: Path) -> None:
        """Write the rows of a part to a new file in DuckDB's folder."""


class DuckDBExport:
    """All that a reader's transaction sees."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def find_parts(self, since: str) -> Iterator[Part]:
        """The parts of all tables from the month `since` on, in order. Raises UnavailableError."""
        return find_parts(self._reader, since)

    def write_part(self, part: Part, path: Path) -> None:
        """Write the rows of a part to a new file in DuckDB's folder. Raises UnavailableError."""
        write_part(self._reader, part, path)


def find_parts(reader: Reader, since: str) -> Iterator[Part]:
    """The parts of all tables from the month `since` on, in order. Raises UnavailableError."""
    for table, time in TIMES.items():
        rows = reader.ask(
            f"""
            SELECT strftime("{time}", '%Y-%m') AS month, count(*), bit_xor(hash(row)) FROM "{table}" AS row
            WHERE "{time}" >= CAST($since AS DATE) GROUP BY month ORDER BY month
            """,  # noqa: S608  # names of ours
            {"since": f"{since}-01"},
        )
        for month, count, check in rows:
            yield Part(table, month, count, f"{duckdb.__version__}-{count}-{check:x}")


def write_part(reader: Reader, part: Part, path: Path) -> None:
    """Write its rows, in the order of the table, to a new file in DuckDB's folder. Raises UnavailableError."""
    time = TIMES[part.table]
    cells = {name: f'"{name}"' for name, _ in list_columns(reader, part.table)}
    source = f"""
        FROM "{part.table}" WHERE "{time}" >= CAST('{part.month}-01' AS DATE)
        AND "{time}" < CAST('{part.month}-01' AS DATE) + INTERVAL 1 MONTH
    """
    write_file(reader, cells, source, path)


def list_columns(reader: Reader, table: str) -> list[tuple[str, str]]:
    """The names and the types of a table's columns, in their order. Raises UnavailableError."""
    return [(name, type_) for name, type_ in reader.ask(_COLUMNS, {"table": table})]


def write_file(reader: Reader, cells: Mapping[str, str], source: str, path: Path) -> None:
    """Write columns, by name, of the rows of `FROM …`. Raises UnavailableError.

    DuckDB makes a column required where it sees that the rows have no NULL, and readers trip over files that
    differ in that. It cannot see what depends on a random number: so all columns are optional in all files.
    """
    inner = ", ".join(f'{cell} AS "{name}"' for name, cell in cells.items())
    optional = ", ".join(f'CASE WHEN always THEN "{name}" END AS "{name}"' for name in cells)
    target = str(path).replace("'", "''")
    reader.ask(
        f"""
        COPY (SELECT {optional} FROM (SELECT {inner}, random() >= 0 AS always {source}))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)
        """,  # noqa: S608  # names of ours
        {},
    )
