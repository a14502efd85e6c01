"""Stores the segments of a node in ClickHouse, each exactly once: the sink of a loader.

A segment is one insert into each table, with a token by which ClickHouse recognises what it has already; a marker in
`segments` comes last. Whatever fails on the way, all of it is sent again until the marker is there. Only the tokens of
the latest inserts are known there. So of a segment that may have been sent before, the marker is looked up, and without
one its rows are counted.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from prisme.journal.segment import Segment
from prisme.store.arrivals import Describe
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.errors import UnreachableError
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.node import Node
from prisme.store.clickhouse.shipment import TABLES, Contents, Shipment
from prisme.store.clickhouse.tables import Place

# Of each insert. A token names one block: what has several would be stored in part if its blocks are cut differently.
INSERT_SETTINGS: Final = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "max_insert_block_size": 1 << 30,
    "min_insert_block_size_rows": 1 << 30,
    "min_insert_block_size_bytes": 0,
    # A clock that was wrong may have spread a segment over any months.
    "max_partitions_per_insert_block": 0,
}
_MARKED: Final = """
SELECT DISTINCT number FROM {table} WHERE node = {{node:String}} AND number IN {{numbers:Array(UInt64)}}
"""
# The bounds have it read the parts of these months alone.
_COUNTED: Final = """
SELECT segment, toYYYYMM(timestamp) AS month, count() FROM {table}
WHERE node = {{node:String}} AND segment IN {{numbers:Array(UInt64)}}
    AND timestamp >= fromUnixTimestamp64Micro({{lowest:Int64}}, 'UTC')
    AND timestamp <= fromUnixTimestamp64Micro({{highest:Int64}}, 'UTC')
GROUP BY segment, month
"""
_DELETE: Final = """
ALTER TABLE {table} DELETE
WHERE node = {{node:String}} AND segment = {{number:UInt64}} AND toYYYYMM(timestamp) IN {{months:Array(UInt32)}}
"""
_encode: Final = msgspec.json.Encoder().encode
_MOST_NUMBERS: Final = 500  # in a query, whose parameters are in its URL
# Rows by month, of a segment.
_Months = Mapping[int, int]


class ClickHouseSink:
    """The sink of a node; for the loader's thread. Raises StoreError and duckdb.Error.

    `describe` names the source and channel of visits, as `stats/sources.py` does; DuckDB may write to `folder`.
    """

    def __init__(self, client: Client, place: Place, node: Node, describe: Describe, folder: Path) -> None:
        self._client = client
        self._place = place
        self._node = node
        self._describe = describe
        self._folder = folder
        # No segment with a higher number was ever sent, not even in part.
        self._sent = node.first - 1
        self._is_prepared = False

    def prepare(self) -> None:
        """Make the tables, or see that they are there; `send` does so if nobody has.

        A server may start without, where it raises SinkDownError: what is recorded waits. Other errors are for good.
        """
        if not self._is_prepared:
            migrate(self._client, self._place)
            self._is_prepared = True

    def send(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
        """Store the events of segments, as `Sink.send` does."""
        self.prepare()
        shipment = Shipment(cursor, self._describe, self._folder)
        numbers = sorted(segment.number for segment in segments)
        pending = self._without_marked(numbers)
        stored = self._count_stored(shipment, [number for number in pending if number <= self._sent])
        for number in pending:
            contents = shipment.contents(number)
            if number in stored:
                self._settle(shipment, number, contents, stored[number])
            else:
                self._ship(shipment, number, contents)
            self._mark(number, contents)
        shipment.close()

    def _ship(self, shipment: Shipment, number: int, contents: Contents) -> None:
        """Send a segment that was never sent before: first the visits, which may be sent any number of times."""
        before, self._sent = self._sent, number
        try:
            if contents.rows:
                self._insert(shipment, "sessions", number)
        except UnreachableError:
            self._sent = before
            raise
        for table in contents.rows:
            self._insert(shipment, table, number)

    def _settle(self, shipment: Shipment, number: int, contents: Contents, stored: Mapping[str, _Months]) -> None:
        """Send what is missing of a segment that may have been sent before; `stored` are the rows that are there.

        The rows of a table and month are one part of it: all are there, or none. Those that are not are sent with the
        same token, so that they are not stored twice if the earlier try is still under way. The visits come with
        another one, as nobody counts them.
        """
        if contents.rows:
            self._insert(shipment, "sessions", number, suffix=_new_suffix())
        for table, wanted in contents.rows.items():
            missing = _compare(wanted, stored.get(table, {}))
            if not missing:
                continue
            self._insert(shipment, table, number, missing)
            # The token may be known, though its rows were lost or deleted since.
            found = self._count(table, [number], contents.lowest, contents.highest).get(number, {})
            if missing := _compare(wanted, found):
                self._replace(shipment, table, number, missing)

    def _replace(self, shipment: Shipment, table: str, number: int, months: Collection[int]) -> None:
        """Replace the rows of some months, under a token that was never used."""
        node = self._node.id_of(number)
        self._client.execute(
            _DELETE.format(table=self._place.table(table)),
            {"node": node, "number": number, "months": [*months]},
            {"mutations_sync": 2},
        )
        self._insert(shipment, table, number, months, _new_suffix())

    def _insert(
        self, shipment: Shipment, table: str, number: int, months: Collection[int] = (), suffix: str = ""
    ) -> None:
        node = self._node.id_of(number)
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": f"{node}-{number}{suffix}"}
        body = shipment.parquet(table, number, node, months)
        self._client.insert(self._place.table(table), body, "Parquet", settings)

    def _mark(self, number: int, contents: Contents) -> None:
        """Note that all rows of a segment are stored."""
        row = {
            "node": self._node.id_of(number),
            "number": number,
            "events": contents.events,
            "rejected": contents.rejected,
        }
        self._sent = max(self._sent, number)
        self._client.insert(self._place.table("segments"), _encode(row), "JSONEachRow", INSERT_SETTINGS)

    def _without_marked(self, numbers: Sequence[int]) -> list[int]:
        """The segments that have no marker; it is looked up for those that may have been sent before."""
        marked = set()
        for node, own in self._by_node(number for number in numbers if number <= self._sent):
            query = _MARKED.format(table=self._place.table("segments"))
            marked |= {number for (number,) in self._client.query(query, {"node": node, "numbers": own})}
        return [number for number in numbers if number not in marked]

    def _count_stored(self, shipment: Shipment, numbers: Sequence[int]) -> dict[int, dict[str, _Months]]:
        """The rows that ClickHouse has of segments, by table and month."""
        stored: dict[int, dict[str, _Months]] = {number: {} for number in numbers}
        contents = {number: shipment.contents(number) for number in numbers}
        for table in TABLES.values():
            having = [number for number in numbers if table in contents[number].rows]
            if having:
                lowest = min(contents[number].lowest for number in having)
                highest = max(contents[number].highest for number in having)
                for number, months in self._count(table, having, lowest, highest).items():
                    stored[number][table] = months
        return stored

    def _count(self, table: str, numbers: Sequence[int], lowest: int, highest: int) -> dict[int, dict[int, int]]:
        """The rows of segments in a table, by month; all of them are of these times (microseconds)."""
        name = self._place.table(table)
        if self._place.cluster:
            # This host may not have yet what another one has stored.
            self._client.execute(f"SYSTEM SYNC REPLICA {name}")
        counts: dict[int, dict[int, int]] = {}
        for node, own in self._by_node(numbers):
            parameters = {"node": node, "numbers": own, "lowest": lowest, "highest": highest}
            for number, month, count in self._client.query(_COUNTED.format(table=name), parameters):
                counts.setdefault(number, {})[month] = count
        return counts

    def _by_node(self, numbers: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
        groups: dict[str, list[int]] = {}
        for number in numbers:
            groups.setdefault(self._node.id_of(number), []).append(number)
        for node, own in groups.items():
            for start in range(0, len(own), _MOST_NUMBERS):
                yield node, own[start : start + _MOST_NUMBERS]


def _new_suffix() -> str:
    """What makes a token one that was never used."""
    return f"-{secrets.token_hex(8)}"


def _compare(wanted: _Months, found: _Months) -> list[int]:
    """The months of which rows are missing.

    Rows that are too many are of a segment that lost its last lines in a power cut, after they were sent.
    """
    return [month for month, rows in wanted.items() if found.get(month, 0) < rows]
