"""A node's database with its loader, whose segments go to ClickHouse, and the rows of both."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from prisme.journal.segment import Segment, segment_path
from prisme.stats.sources import describe
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.node import open_node
from prisme.store.clickhouse.sink import ClickHouseSink
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.loader import Loaded, Loader
from tests.store.segments import LIMITS, MOST_OPEN, NOW

_EVENT: Final = ("timestamp", "domain", "path", "visitor_id", "is_anon", "session_uuid", "session_timestamp")
COLUMNS: Final = {
    "pageviews": (*_EVENT, "status"),
    "events_custom": (*_EVENT, "name", "properties"),
    "file_downloads": (*_EVENT, "url"),
    "outbound_link_clicks": (*_EVENT, "link"),
    "sessions": (
        "domain", "entry_timestamp", "entry_path", "exit_timestamp", "exit_path", "exit_status", "visitor_id",
        "is_anon", "session_uuid", "session_timestamp", "operating_system", "browser_family", "device", "device_type",
        "referrer_domain", "country_code", "region", "city", "utm_source", "utm_medium", "utm_campaign", "utm_term",
        "utm_content", "click_id", "pageviews", "events", "imported", "is_bounce",
    ),
}  # fmt: skip
_Rows = list[tuple[Any, ...]]


class NodeStore:
    """The data folder of a node. Leaving the block closes it."""

    def __init__(self, folder: Path, client: Client, place: Place) -> None:
        self.journal = folder / "journal"
        self.journal.mkdir(parents=True, exist_ok=True)
        self.database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
        self.node = open_node(folder, self.database)
        self.sink = ClickHouseSink(client, place, self.node, describe, folder / "tmp")
        self.loader = Loader(self.database, MOST_OPEN, sink=self.sink)

    def segment(self, number: int, lines: Iterable[bytes]) -> Segment:
        """Write a segment."""
        path = segment_path(self.journal, number)
        path.write_bytes(b"".join(lines))
        return Segment(number, path)

    def load(self, number: int, lines: Iterable[bytes]) -> Loaded:
        """Write a segment, and load it."""
        return self.loader.load(self.segment(number, lines), NOW)

    def rows(self, query: str) -> _Rows:
        """The rows of a query of the node's own file."""
        with self.database.cursor() as cursor:
            return cursor.execute(query).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loader.close()
        self.database.close()


def read_duckdb(store: Any) -> dict[str, _Rows]:
    """The rows of all tables of a file, in order; times in microseconds, ids as text."""
    return {
        table: store.rows(f"SELECT {', '.join(map(_in_duckdb, columns))} FROM {table} ORDER BY ALL")
        for table, columns in COLUMNS.items()
    }


def read_clickhouse(client: Client, place: Place) -> dict[str, _Rows]:
    """The same of ClickHouse's tables."""
    return {
        table: sorted(
            client.query(
                f"SELECT {', '.join(map(_in_clickhouse, columns))} FROM {place.table(table)} FINAL"
                if table == "sessions"
                else f"SELECT {', '.join(map(_in_clickhouse, columns))} FROM {place.table(table)}"
            )
        )
        for table, columns in COLUMNS.items()
    }


def _in_duckdb(column: str) -> str:
    if column.endswith("timestamp"):
        return f'epoch_us("{column}")'
    return f"CAST({column} AS VARCHAR)" if column in {"session_uuid", "properties"} else column


def _in_clickhouse(column: str) -> str:
    if column == "session_timestamp":
        return f"1000 * toUnixTimestamp64Milli({column})"
    if column.endswith("timestamp"):
        return f"toUnixTimestamp64Micro({column})"
    return f"toString({column})" if column == "session_uuid" else column
