"""Measures what ClickHouse needs for pageviews, for docs/cluster.md: bytes on disk, and a node's CPU to send them.

`python -m tests.clickhouse.sizes [PAGEVIEWS]` takes a minute for a million, in segments of 15,000: visits of three
pages on average, 50,000 of them at a time, 15,000 pageviews a second. Parts are merged before they count.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.endurance.traffic import UNHURRIED, Traffic
from prisme.journal.segment import Segment
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from tests.clickhouse.engine import Engine
from tests.store.clickhouse.node_store import NodeStore

_EVENTS: Final = 15_000  # of a segment
_TABLES: Final = ("pageviews", "sessions", "segments")
_SIZES: Final = """
SELECT sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE active AND database = {database:String} AND table = {table:String}
"""
_COLUMNS: Final = """
SELECT name, data_compressed_bytes FROM system.columns
WHERE database = {database:String} AND table = {table:String} ORDER BY 2 DESC LIMIT 6
"""


def measure(pageviews: int, folder: Path) -> list[str]:
    """Lines with figures, of so many pageviews."""
    place = Place()
    with Engine(folder / "engine") as engine:
        client = engine.client(300.0)
        migrate(client, place)
        with NodeStore(folder / "node", client, place) as node:
            traffic = Traffic(1, UNHURRIED, time.time_ns() // 1000)
            segments = traffic.write(node.journal, max(pageviews // _EVENTS, 1), _EVENTS)
            events = len(segments) * _EVENTS
            bytes_ = sum(segment.path.stat().st_size for segment in segments)
            lines = [f"{bytes_ / events:.0f} bytes a pageview in the journal", *_load(node, segments, events)]
        lines += [_size(client, place, table, events) for table in _TABLES]
        client.close()
    return [f"{events:,} pageviews of {traffic.visits:,} visits, in {len(segments)} segments", *lines]


def _load(node: NodeStore, segments: Sequence[Segment], events: int) -> list[str]:
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    for segment in segments:
        node.loader.load(segment, time.time_ns() // 1000)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = time.monotonic() - began
    return [f"{1e6 * cpu / events:.1f} us of the node's CPU, and {1e6 * seconds / events:.1f} us, to send one"]


def _size(client: Client, place: Place, table: str, events: int) -> str:
    asked = {"database": place.database, "table": table}
    ((_, unmerged),) = client.query(_SIZES, asked)
    client.execute(f"OPTIMIZE TABLE {place.table(table)} FINAL")
    ((rows, merged),) = client.query(_SIZES, asked)
    columns = ", ".join(f"{name} {size / events:.1f}" for name, size in client.query(_COLUMNS, asked))
    return (
        f"{table}: {rows:,} rows, {merged / rows:.1f} bytes a row, {merged / events:.1f} a pageview "
        f"(as sent {unmerged / events:.1f}); of it {columns}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print("\n".join(measure(int(sys.argv[1]) if sys.argv[1:] else 1_000_000, Path(name))))
