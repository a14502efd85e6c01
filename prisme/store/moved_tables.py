"""The tables that a move copies, and sums over their rows that both engines know: equal rows have equal sums.

`state.imports`, the list of imports, is copied as a whole, and not one of these.
"""
# Names of ours and dates are composed, values are bound.
# ruff: noqa: S608

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import duckdb
import msgspec

from prisme.store.move_chunks import ONE_DAY, Chunk, Day
from prisme.store.parquet import TIMES
from prisme.store.query_reader import Engine, Row
from prisme.store.schema import FIGURES

_EVENT: Final = ("timestamp", "domain", "path", "visitor_id", "session_uuid")
# All that is stored of a row, in an order of ours.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": (
        "domain", "entry_timestamp", "entry_path", "exit_timestamp", "exit_path", "exit_status", "visitor_id",
        "session_uuid", "operating_system", "browser_family", "device", "device_type", "referrer_domain",
        "country_code", "region", "city", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
        "click_id", "pageviews", "events", "imported",
    ),
    "pageviews": (*_EVENT, "status"),
    "events_custom": (*_EVENT, "name", "properties"),
    "file_downloads": (*_EVENT, "url"),
    "outbound_link_clicks": (*_EVENT, "link"),
    FIGURES: (
        "imported", "domain", "day", "dimension", "value", "visitors", "sessions", "pageviews", "events", "bounces",
        "seconds",
    ),
}  # fmt: skip
IMPORTS: Final = (
    "name", "format", "source", "files", "started_at", "ended_at", "visits", "pageviews", "events", "figures",
    "first_at", "last_at", "report",
)  # fmt: skip
TEXTS: Final = tuple(name for name in IMPORTS if not name.endswith("_at"))
TIMES_OF_IMPORTS: Final = tuple(name for name in IMPORTS if name.endswith("_at"))
_LIST: Final = f"""
SELECT {", ".join(TEXTS)}, {", ".join(f"epoch_us({name})" for name in TIMES_OF_IMPORTS)} FROM state.imports
"""
# Texts that may be long.
LONG: Final = {"events_custom": "properties"}
_DAYS: Final = """
SELECT CAST("{time}" AS DATE), count(*), CAST(sum({bytes}) AS BIGINT), sum(hash({columns})) FROM {table}
WHERE {condition} GROUP BY ALL
"""
_SUMS: Final = """
SELECT count(*), count(DISTINCT visitor), coalesce(sum(pageviews), 0), coalesce(sum(events), 0),
    coalesce(sum(duration), 0), coalesce(sum(md5_number_upper(content)), 0)
FROM (SELECT {visitor} AS visitor, {sums}, concat_ws(chr(31), {texts}) AS content FROM {table} WHERE {condition})
"""
# Of visits: pageviews, events, and microseconds.
_SESSION_SUMS: Final = (
    "pageviews AS pageviews, events AS events, epoch_us(exit_timestamp) - epoch_us(entry_timestamp) AS duration"
)
_FIGURE_SUMS: Final = "pageviews AS pageviews, events AS events, seconds AS duration"
_NO_SUMS: Final = "0 AS pageviews, 0 AS events, 0 AS duration"
ENGINES: Final[tuple[Engine, Engine]] = ("duckdb", "clickhouse")
# By the engine, and whether it is a day.
_LITERALS: Final[Mapping[tuple[Engine, bool], str]] = {
    ("duckdb", False): "TIMESTAMP '{} 00:00:00'",
    ("duckdb", True): "DATE '{}'",
    ("clickhouse", False): "toDateTime64('{} 00:00:00', 6, 'UTC')",
    ("clickhouse", True): "toDate32('{}')",
}
# Days from one up to another, excluded.
Span = tuple[datetime.date, datetime.date]


class Sums(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of rows: their number, distinct visitors, and the sums of what the table has, else 0; a sum of hashes, as text.

    `duration` is in microseconds, of figures in seconds.
    """

    rows: int = 0
    visitors: int = 0
    pageviews: int = 0
    events: int = 0
    duration: int = 0
    content: str = "0"


class Compared(msgspec.Struct, frozen=True):
    """A month of a table (such as 2026-11; empty for all of it) in both engines."""

    table: str
    month: str
    duckdb: Sums
    clickhouse: Sums

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows."""
        return self.duckdb == self.clickhouse


class Comparison(msgspec.Struct, frozen=True):
    """Months of all tables; `changed` are tables and days, both included, that were left out, as they change."""

    months: list[Compared]
    changed: list[tuple[str, datetime.date, datetime.date]]

    @property
    def is_equal(self) -> bool:
        """Whether all that was compared is equal."""
        return all(one.is_equal for one in self.months)

    def has_wrong(self, chunk: Chunk) -> bool:
        """Whether a chunk is of a month that differs."""
        return any((one.table, one.month) == (chunk.table, chunk.month) for one in self.months if not one.is_equal)


def compare(
    table: str,
    days: Iterable[datetime.date],
    left_out: Sequence[Span],
    in_duckdb: Callable[[str], Sums],
    in_clickhouse: Callable[[str], Sums],
) -> Iterator[Compared]:
    """The months that have these days, without those that are left out. The functions sum what a condition means."""
    for first in sorted({day.replace(day=1) for day in days}):
        month = [(first, (first + 31 * ONE_DAY).replace(day=1))]
        here, there = (
            f"{within(table, month, engine)} AND NOT {within(table, left_out, engine)}" for engine in ENGINES
        )
        yield Compared(table, f"{first:%Y-%m}", in_duckdb(here), in_clickhouse(there))


def read_days(cursor: duckdb.DuckDBPyConnection, table: str, condition: str = "true") -> dict[datetime.date, Day]:
    """What a table has of each day, of the rows that a condition means. Raises duckdb.Error.

    The checks are comparable within one version of DuckDB.
    """
    columns = ", ".join(f'"{name}"' for name in COLUMNS[table])
    size = f"strlen({LONG[table]})" if table in LONG else "0"
    query = _DAYS.format(time=TIMES[table], bytes=size, columns=columns, table=table, condition=condition)
    return {day: Day(rows, bytes_, int(check)) for day, rows, bytes_, check in cursor.execute(query).fetchall()}


def read_imports(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    """The list of imports, with times in microseconds. Raises duckdb.Error."""
    return [tuple(row) for row in cursor.execute(_LIST).fetchall()]


def sum_rows(cursor: duckdb.DuckDBPyConnection, table: str, names: Mapping[str, str], condition: str) -> Sums:
    """The sums of the rows that a condition means; imports are called as `names` has them. Raises duckdb.Error."""
    texts = ", ".join(_write(name, names) for name in COLUMNS[table])
    query = _SUMS.format(
        visitor="visitor_id" if "visitor_id" in COLUMNS[table] else "0",
        sums=choose_sums(table, _SESSION_SUMS, _FIGURE_SUMS, _NO_SUMS),
        texts=texts,
        table=table,
        condition=condition,
    )
    (row,) = cursor.execute(query).fetchall()
    return make_sums(table, row)


def choose_sums(table: str, of_sessions: str, of_figures: str, of_others: str) -> str:
    """What is summed of a table."""
    return {"sessions": of_sessions, FIGURES: of_figures}.get(table, of_others)


def make_sums(table: str, row: Sequence[int]) -> Sums:
    """The sums of a row of numbers."""
    rows, visitors, pageviews, events, duration, content = map(int, row)
    has_visitors = "visitor_id" in COLUMNS[table]
    return Sums(rows, visitors if has_visitors else 0, pageviews, events, duration, f"{content:x}")


def within(table: str, spans: Sequence[Span], engine: Engine) -> str:
    """A condition on the time of a row: it is of one of these days."""
    time = TIMES[table]
    literal = _LITERALS[engine, table == FIGURES]
    parts = [f'("{time}" >= {literal.format(first)} AND "{time}" < {literal.format(end)})' for first, end in spans]
    return f"({' OR '.join(parts)})" if parts else "false"


def rename(column: str, names: Mapping[str, str]) -> str:
    """An import's name, in DuckDB, as another database has it."""
    changed = {name: other for name, other in names.items() if name != other}
    if column != "imported" or not changed:
        return f'"{column}"'
    cases = " ".join(f"WHEN '{_escape(name)}' THEN '{_escape(other)}'" for name, other in changed.items())
    return f'CASE "imported" {cases} ELSE "imported" END'


def _write(column: str, names: Mapping[str, str]) -> str:
    """The text of a column, as `clickhouse/moved_tables.py` writes it."""
    if column.endswith("timestamp"):
        return f'CAST(epoch_us("{column}") AS VARCHAR)'
    return f"coalesce(CAST({rename(column, names)} AS VARCHAR), '')"


def _escape(text: str) -> str:
    return text.replace("'", "''")
