"""Sums over the rows of tables: equal tables have equal sums, whatever file they are in."""

from collections.abc import Mapping
from typing import Final

import duckdb
import msgspec

from prisme.store.rollups import TABLES as ROLLUPS

# What is not in a backup: what is made of other tables, and devices of open visits. Without the key of their day these
# find nobody, and with it, they would tell whose visit it is.
LEFT_OUT: Final = frozenset(("state.open_sessions", *ROLLUPS))
_TIMES: Final = {
    "sessions": ("entry_timestamp", "exit_timestamp"),
    "imported_figures": ("day", "day"),
    "state.segments": ("loaded_at", "loaded_at"),
    "state.imports": ("started_at", "started_at"),
}
_TIME: Final = ("timestamp", "timestamp")
_COLUMNS: Final = """
SELECT schema_name, table_name, list(column_name ORDER BY column_index)
FROM duckdb_columns()
WHERE database_name = $catalog AND NOT is_generated
    AND table_oid IN (SELECT table_oid FROM duckdb_tables() WHERE database_name = $catalog AND NOT internal)
GROUP BY ALL ORDER BY ALL
"""


class Table(msgspec.Struct, frozen=True):
    """A table with the columns that it stores."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """As statements have it; `sessions`, or `state.segments`."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"

    def within(self, catalog: str) -> str:
        """Its quoted name in a database."""
        return ".".join(map(_quote, (catalog, self.schema, self.name)))

    @property
    def column_list(self) -> str:
        """Its quoted columns."""
        return ", ".join(map(_quote, self.columns))


class TableSums(msgspec.Struct, frozen=True, omit_defaults=True):
    """The number of rows, a sum of hashes of them, the sum of `pageviews`, the earliest and the latest time.

    The hashes are comparable within one version of DuckDB.
    """

    rows: int
    checksum: str
    pageviews: int = 0
    earliest: str = ""
    latest: str = ""


def list_tables(cursor: duckdb.DuckDBPyConnection, catalog: str) -> list[Table]:
    """The tables of a database whose rows are in a backup."""
    rows = cursor.execute(_COLUMNS, {"catalog": catalog}).fetchall()
    tables = [Table(schema, name, tuple(columns)) for schema, name, columns in rows]
    return [table for table in tables if table.full_name not in LEFT_OUT]


def sum_table(cursor: duckdb.DuckDBPyConnection, catalog: str, table: Table) -> TableSums:
    """The sums of a table of a database."""
    earliest, latest = _TIMES.get(table.full_name, _TIME)
    bounds = f"min({_quote(earliest)}), max({_quote(latest)})" if earliest in table.columns else "NULL, NULL"
    pageviews = "sum(pageviews)" if "pageviews" in table.columns else "0"
    (row,) = cursor.execute(
        f"SELECT count(*), coalesce(sum(hash({table.column_list})), 0)::VARCHAR, "  # noqa: S608  # quoted names
        f"coalesce({pageviews}, 0)::BIGINT, {bounds} FROM {table.within(catalog)}"
    ).fetchall()
    rows, checksum, views, first, last = row
    return TableSums(rows, checksum, views, _write_time(first), _write_time(last))


def differences(
    here: Mapping[str, TableSums], there: Mapping[str, TableSums], with_checksums: bool = True
) -> list[str]:
    """The names of tables that differ, or are in one of the two only."""
    return [
        name
        for name in sorted({*here, *there})
        if name not in here or name not in there or not _are_equal(here[name], there[name], with_checksums)
    ]


def _are_equal(one: TableSums, other: TableSums, with_checksums: bool) -> bool:
    if not with_checksums:
        other = msgspec.structs.replace(other, checksum=one.checksum)
    return one == other


def _write_time(value: object) -> str:
    return "" if value is None else str(value)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
