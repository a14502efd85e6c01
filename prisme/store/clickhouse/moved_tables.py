"""The sums of `store/moved_tables.py` over ClickHouse's tables, and checks of their days."""
# Names of ours and dates are composed.

import datetime
from collections.abc import Mapping
from typing import Final

from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.move_chunks import Day
from prisme.store.moved_tables import COLUMNS, LONG, Sums, choose_sums, make_sums
from prisme.store.parquet import TIMES
from prisme.store.query_reader import Engine

ENGINE: Final[Engine] = "clickhouse"
_DAYS: Final = """
SELECT toDate32("{time}") AS of_day, count(), sum({bytes}), sum(toUInt128(cityHash64({columns}))) FROM {table}
GROUP BY of_day
"""
_SUMS: Final = """
SELECT count(), uniqExact(visitor), sum(toInt128(ifNull(views, 0))), sum(toInt128(ifNull(actions, 0))),
    sum(toInt128(ifNull(duration, 0))), sum(toUInt128(reinterpretAsUInt64(substring(MD5(content), 1, 8))))
FROM (
    SELECT {visitor} AS visitor, {sums}, concatWithSeparator('\\x1f', {texts}) AS content
    FROM {table} WHERE {condition}
)
"""
_SESSION_SUMS: Final = (
    "pageviews AS views, events AS actions, "
    "toUnixTimestamp64Micro(exit_timestamp) - toUnixTimestamp64Micro(entry_timestamp) AS duration"
)
_FIGURE_SUMS: Final = "pageviews AS views, events AS actions, seconds AS duration"
_NO_SUMS: Final = "0 AS views, 0 AS actions, 0 AS duration"
# Visits in their latest state; the size of a table is not bounded by how long a page waits.
SETTINGS: Final[Mapping[str, str | int]] = {"final": 1, "prefer_column_name_to_alias": 1, "max_execution_time": 0}


def read_days(client: Client, place: Place, table: str) -> dict[datetime.date, Day]:
    """What a table has of each day, of all nodes. Raises StoreError."""
    query = _DAYS.format(
        time=TIMES[table],
        bytes=f"length({LONG[table]})" if table in LONG else "0",
        columns=", ".join(f"ifNull(toString({name}), '')" for name in COLUMNS[table]),
        table=place.table(table),
    )
    rows = client.query(query, settings=settings_of(table))
    return {day: Day(rows, int(size), int(check)) for day, rows, size, check in rows}


def sum_rows(client: Client, place: Place, table: str, condition: str, node: str = "") -> Sums:
    """The sums of the rows that a condition means, of all nodes or of one. Raises StoreError."""
    of_node = f"node = '{node}' AND " if node else ""
    query = _SUMS.format(
        visitor="visitor_id" if "visitor_id" in COLUMNS[table] else "''",
        sums=choose_sums(table, _SESSION_SUMS, _FIGURE_SUMS, _NO_SUMS),
        texts=", ".join(map(_write, COLUMNS[table])),
        table=place.table(table),
        condition=of_node + condition,
    )
    (row,) = client.query(query, settings=settings_of(table))
    return make_sums(table, row)


def settings_of(table: str) -> Mapping[str, str | int]:
    """Those of a query of a table."""
    return SETTINGS if table == "sessions" else {**SETTINGS, "final": 0}


def _write(column: str) -> str:
    if column.endswith("timestamp"):
        return f"toString(toUnixTimestamp64Micro({column}))"
    return f"ifNull(toString({column}), '')"
