"""ClickHouse's tables as Parquet files by month, with the columns and types of DuckDB's export.

A month is streamed to a file of ClickHouse's, which DuckDB writes again, so neither has it in memory.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import duckdb

from prisme.store.clickhouse.parquet_files import quote, receive, save
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import LostError
from prisme.store.parquet import TIMES, Part, list_columns, write_file
from prisme.store.reader import Reader
from prisme.store.schema import FIGURES

# Of the same rows, in any order. Equal rows must not cancel each other out, as they do in an exclusive or.
_PARTS: Final = """
SELECT formatDateTime("{time}", '%Y-%m') AS month, count(*), groupBitXor({hash}), sum({hash})
FROM {table} WHERE "{time}" >= toDate32('{since}-01') GROUP BY month ORDER BY month
"""
# In the order of the table's key, so that it need not be sorted.
_ROWS: Final = """
SELECT {cells} FROM {table}
WHERE "{time}" >= toDate32('{month}-01') AND "{time}" < toDate32('{month}-01') + INTERVAL 1 MONTH
ORDER BY {order}
"""
# How ClickHouse sends DuckDB's types, and how DuckDB reads that; all others are sent as they are, and cast.
_SENT: Final = {
    "TIMESTAMP": "toUnixTimestamp64Micro(toDateTime64({name}, 6, 'UTC'))",
    "UUID": "toString({name})",
}
_READ: Final = {"TIMESTAMP": "make_timestamp({name})"}
_ORDERS: Final = {FIGURES: "domain, dimension, day"}
_EARLIEST: Final = "1900-01"  # of ClickHouse's
_SETTINGS: Final = {"output_format_parquet_compression_method": "zstd"}


class ClickHouseExport:
    """All tables. Each query sees what is there when it begins.

    So a file may have rows that came after its check was made, which the next export then finds changed.
    """

    def __init__(self, reader: ClickHouseReader, own: Reader, place: Place) -> None:
        self._reader = reader
        self._own = own
        self._place = place

    def find_parts(self, since: str) -> Iterator[Part]:
        """The parts of all tables from the month `since` on, in order. Raises UnavailableError and StoreError."""
        for table, time in TIMES.items():
            columns = ", ".join(f'"{name}"' for name, _ in list_columns(self._own, table))
            query = _PARTS.format(
                time=time,
                hash=f"cityHash64(tuple({columns}))",
                table=self._place.table(table),
                since=max(since, _EARLIEST),
            )
            for month, count, mixed, total in self._reader.ask_plainly(query, {}):
                yield Part(table, month, count, f"clickhouse-{count}-{mixed:x}-{total:x}")

    def write_part(self, part: Part, path: Path) -> None:
        """Write the rows of a part to a new file in DuckDB's folder. Raises UnavailableError and StoreError."""
        columns = [(name, type_, f'"{name}"') for name, type_ in list_columns(self._own, part.table)]
        time = TIMES[part.table]
        query = _ROWS.format(
            cells=", ".join(f"{_SENT.get(type_, '{name}').format(name=cell)} AS {cell}" for _, type_, cell in columns),
            table=self._place.table(part.table),
            time=time,
            month=part.month,
            order=_ORDERS.get(part.table, f'"domain", "{time}"'),
        )
        cells = {
            name: _READ.get(type_, f"CAST({{name}} AS {type_})").format(name=cell) for name, type_, cell in columns
        }
        with receive(path.with_name(f"{path.name}.received")) as file:
            self._reader.stream(query, "Parquet", partial(save, file=file), _SETTINGS)
            try:
                write_file(self._own, cells, f"FROM read_parquet({quote(str(file.name))})", path)
            except duckdb.InvalidInputException as error:
                raise LostError(f"ClickHouse's answer cannot be read: {str(error).partition(chr(10))[0]}") from None
