"""Copies the tables of a DuckDB database into ClickHouse, with the columns that only ClickHouse has."""

from pathlib import Path

import duckdb

from prisme.stats.channels import find_channel, find_source
from prisme.store.arrivals import LONGEST, Arrival
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database

_EVENT = "domain, path, visitor_id, session_uuid, 'one' AS node, 0 AS segment"
# Of a name that an event repeats, the last value.
_VALUES = (
    "list_transform(list_distinct(names), lambda one: texts[len(names) + 1 - list_position(list_reverse(names), one)])"
)
_SESSIONS = """
SELECT sessions.* EXCLUDE (is_anon, session_timestamp, is_bounce), source, channel, pageviews + events AS version,
       'one' AS node, 0 AS segment
FROM sessions JOIN named USING (domain, referrer_domain, utm_source, utm_medium, click_id)
"""
# A state of each visit that is over.
_EARLIER = f"""
SELECT * REPLACE (
    entry_timestamp AS exit_timestamp, '/earlier' AS exit_path, 'earlier' AS source, 'earlier' AS channel,
    'XX' AS country_code, 'earlier' AS visitor_id, 0 AS pageviews, 0 AS events, 0 AS version
) FROM ({_SESSIONS})
"""
_QUERIES = {
    "sessions": _SESSIONS,
    "pageviews": f'SELECT "timestamp", {_EVENT}, status, rowid AS number FROM pageviews',
    "events_custom": f"""
        SELECT "timestamp", {_EVENT}, name, CAST(properties AS VARCHAR) AS properties,
               list_distinct(names) AS property_keys, {_VALUES} AS property_values
        FROM (SELECT *, json_keys(properties) AS names, properties->>'$.*' AS texts FROM events_custom)
    """,
    "file_downloads": f'SELECT "timestamp", {_EVENT}, url FROM file_downloads',
    "outbound_link_clicks": f'SELECT "timestamp", {_EVENT}, link FROM outbound_link_clicks',
    "imported_figures": "FROM imported_figures",
    "imports": "FROM state.imports",
    "segments": "SELECT 'one' AS node, number, loaded_at, events, rejected FROM state.segments",
}


def copy(database: Database, client: Client, place: Place, folder: Path) -> None:
    """Make the tables, which must not exist yet, and fill them. DuckDB has to be allowed to write to the folder."""
    migrate(client, place)
    with database.cursor() as cursor:
        _name_arrivals(cursor)
        for table, query in _QUERIES.items():
            _copy_table(cursor, client, place.table(table), query, folder / f"{table}.parquet")
        _copy_table(cursor, client, place.table("sessions"), _EARLIER, folder / "earlier.parquet")


def _copy_table(cursor: duckdb.DuckDBPyConnection, client: Client, table: str, query: str, path: Path) -> None:
    row = cursor.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)").fetchone()
    if row is not None and row[0]:
        client.insert(table, path.read_bytes(), "Parquet", {"async_insert": 0})


def _name_arrivals(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the table `named`: the source and the channel of all visits, as the documentation says they are named."""
    columns = "domain, referrer_domain, utm_source, utm_medium, click_id"
    cursor.execute(f"CREATE TEMP TABLE named AS SELECT DISTINCT {columns}, '' AS source, '' AS channel FROM sessions")
    for domain, *texts in cursor.execute(f"SELECT {columns} FROM named").fetchall():
        cursor.execute(
            "UPDATE named SET source = ?, channel = ? WHERE domain = ? AND referrer_domain = ? AND utm_source = ? "
            "AND utm_medium = ? AND click_id = ?",
            [*_name(domain, Arrival(*texts)), domain, *texts],
        )


def _name(domain: str, arrival: Arrival) -> tuple[str, str]:
    if not arrival.utm_source and arrival.referrer_domain == domain.partition(":")[0]:
        return "Internal", "Internal"
    if len("".join(arrival[:3]).encode()) > LONGEST:
        return arrival.utm_source or arrival.referrer_domain, "Referral"
    source = find_source(arrival)
    return source, find_channel(arrival, source)
