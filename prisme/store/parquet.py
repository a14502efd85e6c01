"""The tables as Parquet files, one for each month (UTC). All files of a table have one schema, whatever is in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

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
SELECT column_name FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND table_name = $table ORDER BY column_index
"""


class Part(NamedTuple):
    """The rows of one month, such as 2026-11. `check` changes with any of them, and with the version of DuckDB."""

    table: str
    month: str
    rows: int
    check: str

    @property
    def name(self) -> str:
        """The path of its file below the folder of the export."""
        return f"{self.table}/{self.month}.parquet"


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
    """Write its rows, in the order of the table, to a new file in DuckDB's folder. Raises UnavailableError.

    DuckDB makes a column required where it sees that the rows have no NULL, and readers trip over files that
    differ in that. It cannot see what depends on a random number: so all columns are optional in all files.
    """
    columns = [name for (name,) in reader.ask(_COLUMNS, {"table": part.table})]
    cells = ", ".join(f'CASE WHEN always THEN "{name}" END AS "{name}"' for name in columns)
    time, target = TIMES[part.table], str(path).replace("'", "''")
    reader.ask(
        f"""
        COPY (
            SELECT {cells} FROM (
                SELECT *, random() >= 0 AS always FROM "{part.table}"
                WHERE "{time}" >= CAST('{part.month}-01' AS DATE)
                AND "{time}" < CAST('{part.month}-01' AS DATE) + INTERVAL 1 MONTH
            )
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
        """,  # noqa: S608  # names of ours
        {},
    )
