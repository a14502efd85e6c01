"""The rows of DuckDB's tables as those of ClickHouse: by the statements that make rows of the lines of a segment."""
# Names of ours, numbers and times are composed.
# ruff: noqa: S608

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb

from prisme.store.arrivals import Describe
from prisme.store.clickhouse.shipment import SQL, name_arrivals, write_parquet
from prisme.store.moved_tables import COLUMNS, rename
from prisme.store.parquet import TIMES
from prisme.store.schema import FIGURES

_EVENT: Final = '"timestamp" AS exit_timestamp, domain, path, visitor_id, session_uuid'
# As `load.sql` has lines.
_LINES: Final[Mapping[str, str]] = {
    "sessions": "* EXCLUDE (is_anon, session_timestamp, is_bounce) RENAME (device AS client_device), 'session' AS kind",
    "pageviews": f"{_EVENT}, path AS exit_path, status AS exit_status, 'pageview' AS kind",
    "events_custom": f"{_EVENT}, name, CAST(properties AS VARCHAR) AS properties, 'custom' AS kind",
    "file_downloads": f"{_EVENT}, url, 'download' AS kind",
    "outbound_link_clicks": f"{_EVENT}, link AS url, 'outbound' AS kind",
}
# In the order of the table: that of rows with the same time.
_MAKE: Final = """
CREATE OR REPLACE TEMP TABLE line AS
SELECT {columns}, CAST({number} AS UBIGINT) AS segment FROM {table} WHERE {condition} ORDER BY rowid
"""
_FIGURES: Final = """
SELECT {columns}, '{node}' AS node, CAST({number} AS UBIGINT) AS segment FROM {table} WHERE {condition}
"""
# Times from one up to another, excluded.
Times = tuple[datetime.datetime, datetime.datetime]


def write(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    times: Times,
    number: int,
    node: str,
    names: Mapping[str, str],
    describe: Describe,
    folder: Path,
) -> bytes:
    """The rows of some times as Parquet, as `node` and `number` bring them; empty if there are none.

    Imports are called as `names` has them. Raises duckdb.Error.
    """
    condition = _within(table, times)
    if not cursor.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchall():
        return b""
    if table == FIGURES:
        columns = ", ".join(f'{rename(name, names)} AS "{name}"' for name in COLUMNS[table])
        query = _FIGURES.format(columns=columns, node=node, number=number, table=table, condition=condition)
        return write_parquet(cursor, query, folder)
    cursor.execute(_MAKE.format(columns=_LINES[table], number=number, table=table, condition=condition))
    if table == "sessions":
        name_arrivals(cursor, describe)
    try:
        query = SQL[table].format(node=node, segment=number, imported=rename("imported", names))
        return write_parquet(cursor, query, folder)
    finally:
        cursor.execute("DROP TABLE line")


def _within(table: str, times: Times) -> str:
    first, end = (f"TIMESTAMP '{time.isoformat(sep=' ')}'" for time in times)
    return f'"{TIMES[table]}" >= {first} AND "{TIMES[table]}" < {end}'
