"""What segments bring to ClickHouse is what DuckDB makes of them: random visits, and names of sources."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.endurance.traffic import Traffic
from prisme.stats.sources import CHANNEL, SOURCE, update_arrivals
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.reader import Reader
from prisme.store.schema import TABLES
from tests.faults.load import LONG
from tests.stats.lines import make_lines
from tests.store.clickhouse.node_store import NodeStore, read_clickhouse, read_duckdb
from tests.store.clickhouse.visits import segments
from tests.store.segments import NOW, Store
from tests.store.test_loader import old

# As `stats/sql/property_value.duckdb.sql` reads a property: of a name that comes twice, the last value.
PROPERTIES = """
SELECT properties, names, list_transform(names, lambda name: (properties->>'$.*')[
    len(json_keys(properties)) + 1 - list_position(list_reverse(json_keys(properties)), name)
]) FROM (SELECT properties, list_distinct(json_keys(properties)) AS names FROM events_custom)
"""


@pytest.fixture
def node(client: Client, place: Place, tmp_path: Path) -> Iterator[NodeStore]:
    with NodeStore(tmp_path / "node", client, place) as node:
        yield node


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Store]:
    """A file of DuckDB for the same segments, without ClickHouse."""
    folder = tmp_path / "plain"
    folder.mkdir()
    store = Store(folder)
    yield store
    store.close()


def check_equal(client: Client, place: Place, store: Store) -> None:
    assert read_clickhouse(client, place) == read_duckdb(store)
    check_properties(client, place, store)
    check_sources(client, place, store)


def check_properties(client: Client, place: Place, store: Store) -> None:
    query = f"SELECT properties, property_keys, property_values FROM {place.table('events_custom')}"
    shipped, wanted = pair_up(client.query(query)), pair_up(store.rows(PROPERTIES))
    assert shipped == wanted
    assert all(len({name for name, _ in pairs}) == len(pairs) for _, pairs in shipped)


def pair_up(rows: list[tuple[Any, ...]]) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Events with their properties, in order."""
    found = ((text, sorted(zip(names, values, strict=True), key=repr)) for text, names, values in rows)
    return sorted(found, key=repr)


def check_sources(client: Client, place: Place, store: Store) -> None:
    query = f"SELECT toString(session_uuid), source, channel FROM {place.table('sessions')} FINAL"
    with Reader(store.database, 30) as reader:
        update_arrivals(reader)
        wanted = reader.ask(f"SELECT CAST(session_uuid AS VARCHAR), {SOURCE}, {CHANNEL} FROM sessions", {})
    assert sorted(client.query(query)) == sorted(wanted)


@settings(max_examples=1000 if LONG else 12, deadline=None, suppress_health_check=[*HealthCheck])
@given(parts=segments(), seed=st.integers(0, 2**32))
def test_random_segments_are_in_both_engines(
    client: Client, place: Place, node: NodeStore, plain: Store, parts: list[list[bytes]], seed: int
) -> None:
    clear(client, place, node, plain)
    first = node.loader.last_segment() + 1
    numbered = [*enumerate(parts, first)]
    for number, lines in numbered:
        plain.loader.load(plain.segment(number, raw=b"".join(lines)), NOW)
    random.Random(seed).shuffle(numbered)
    for number, lines in numbered:
        node.load(number, lines)
    check_equal(client, place, plain)
    check_segments(client, place, plain, first)


def clear(client: Client, place: Place, *stores: NodeStore | Store) -> None:
    """Delete all visits; a new file for each example would take a second."""
    for table in TABLES:
        client.execute(f"TRUNCATE TABLE {place.table(table)}")
        for store in stores:
            with store.database.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table}")


def check_segments(client: Client, place: Place, store: Store, first: int) -> None:
    columns, condition = "number, events, rejected", f"number >= {first}"
    marked = client.query(f"SELECT {columns} FROM {place.table('segments')} FINAL WHERE {condition}")
    assert sorted(marked) == store.rows(f"SELECT {columns} FROM state.segments WHERE {condition} ORDER BY number")


def test_a_journal_of_months_is_in_both_engines(client: Client, place: Place, node: NodeStore, plain: Store) -> None:
    """In batches, as a start loads them."""
    lines = list(make_lines(11, 600))
    noise = random.Random(11)
    parts: list[list[bytes]] = [[] for _ in range(20)]
    for line in lines:
        noise.choice(parts).append(line)
    files = [node.segment(number, part) for number, part in enumerate(parts, 1)]
    for batch in (files[:7], files[7:]):
        assert not [found for found in node.loader.load_batch(batch, NOW) if isinstance(found, Exception)]
    for number, part in enumerate(parts, 1):
        plain.loader.load(plain.segment(number, raw=b"".join(part)), NOW)
    check_equal(client, place, plain)
    check_segments(client, place, plain, 1)
    own, whole = read_duckdb(node), read_duckdb(plain)
    assert own == {name: rows if name in ("sessions", "pageviews") else [] for name, rows in whole.items()}


def test_pageviews_of_a_segment_are_numbered_in_the_order_of_its_lines(
    client: Client, place: Place, node: NodeStore
) -> None:
    lines = [line for line in make_lines(3, 300) if b'"kind":"pageview"' in line]
    random.Random(3).shuffle(lines)
    node.load(4, lines)
    query = f"SELECT path FROM {place.table('pageviews')} WHERE segment = 4 ORDER BY number"
    shipped = [path for (path,) in client.query(query)]
    store = node.rows("SELECT count(*), max(rowid) FROM pageviews")
    assert store[0][0] == len(shipped) == len(lines)
    assert client.query(f"SELECT min(number), max(number), uniqExact(number) FROM {place.table('pageviews')}") == [
        (1, len(lines), len(lines))
    ]
    assert shipped == [path_of(line) for line in lines]


def test_numbers_keep_the_order_of_lines_with_several_threads(client: Client, place: Place, node: NodeStore) -> None:
    """As a start loads a batch, of more rows than DuckDB gives to one thread."""
    files = Traffic(5, 1024, NOW).write(node.journal, 3, 50_000)
    assert not [found for found in node.loader.load_batch(files, NOW) if isinstance(found, Exception)]
    query = f"SELECT path FROM {place.table('pageviews')} WHERE segment = {{number:UInt64}} ORDER BY number"
    for file in files:
        shipped = [path for (path,) in client.query(query, {"number": file.number})]
        assert shipped == [path_of(line) for line in file.path.read_bytes().splitlines()]


def path_of(line: bytes) -> str:
    return str(json.loads(line)["session"]["exit_path"])


def test_lines_of_0_1_0_are_refused(client: Client, place: Place, node: NodeStore) -> None:
    good = list(make_lines(1, 5))
    files = [node.segment(1, [old("pageview", 1, 1)]), node.segment(2, good)]
    found = node.loader.load_batch(files, NOW)
    assert isinstance(found[0], StoreError)
    assert "start once with eventstore = duckdb" in str(found[0])
    assert not isinstance(found[1], Exception)
    assert client.query(f"SELECT number FROM {place.table('segments')}") == [(2,)]
    assert node.rows("SELECT number FROM state.segments") == [(2,)]


def test_a_segment_is_one_part_of_each_month(client: Client, place: Place, node: NodeStore) -> None:
    """A token names a block: more of them would be stored in part after a kill."""
    lines = [line for line in make_lines(5, 1500) if b'"kind":"pageview"' in line] * 60
    assert len(lines) > 122_880  # what DuckDB, and ClickHouse's reader, would have in a piece
    node.load(1, lines)
    query = "SELECT partition, count() FROM system.parts WHERE database = {d:String} AND table = 'pageviews' GROUP BY 1"
    parts = client.query(query, {"d": place.database})
    assert parts
    assert {count for _, count in parts} == {1}
    assert client.query(f"SELECT count() FROM {place.table('pageviews')}") == [(len(lines),)]
