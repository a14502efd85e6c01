"""What segments bring to ClickHouse is what DuckDB makes of them: random visits, and names of sources."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.stats.sources import CHANNEL, SOURCE, update_arrivals
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.lines import make_lines
from tests.store.clickhouse.node_store import NodeStore, read_clickhouse, read_duckdb
from tests.store.clickhouse.visits import segments
from tests.store.segments import NOW, Store
from tests.store.test_loader import old

# As `stats/sql/property_value.sql` reads a property: of a name that comes twice, the last value.
PROPERTIES = """
SELECT properties, names, list_transform(names, name -> (properties->>'$.*')[
    len(json_keys(properties)) + 1 - list_position(list_reverse(json_keys(properties)), name)
]) FROM (SELECT properties, list_distinct(json_keys(properties)) AS names FROM events_custom)
"""


@pytest.fixture
def node(client: Client, place: Place, tmp_path: Path) -> Iterator[NodeStore]:
    with NodeStore(tmp_path / "node", client, place) as node:
        yield node


def load_plainly(folder: Path, parts: list[list[bytes]]) -> Store:
    """The same segments in a file of DuckDB, in order."""
    folder.mkdir()
    store = Store(folder)
    for number, lines in enumerate(parts, 1):
        store.loader.load(store.segment(number, raw=b"".join(lines)), NOW)
    return store


def check_equal(client: Client, place: Place, store: Store) -> None:
    assert read_clickhouse(client, place) == read_duckdb(store)
    check_properties(client, place, store)
    check_sources(client, place, store)


def check_properties(client: Client, place: Place, store: Store) -> None:
    query = f"SELECT properties, property_keys, property_values FROM {place.table('events_custom')}"
    shipped = sorted(
        (text, sorted(zip(keys, values, strict=True), key=repr)) for text, keys, values in client.query(query)
    )
    wanted = sorted(
        (text, sorted(zip(keys, values, strict=True), key=repr)) for text, keys, values in store.rows(PROPERTIES)
    )
    assert shipped == wanted
    assert all(len({name for name, _ in pairs}) == len(pairs) for _, pairs in shipped)


def check_sources(client: Client, place: Place, store: Store) -> None:
    query = f"SELECT toString(session_uuid), source, channel FROM {place.table('sessions')} FINAL"
    with Reader(store.database, 30) as reader:
        update_arrivals(reader)
        wanted = reader.ask(f"SELECT CAST(session_uuid AS VARCHAR), {SOURCE}, {CHANNEL} FROM sessions", {})
    assert sorted(client.query(query)) == sorted(wanted)


@settings(max_examples=400 if LONG else 20, deadline=None, suppress_health_check=[*HealthCheck], print_blob=True)
@given(parts=segments(), seed=st.integers(0, 2**32))
def test_random_segments_are_in_both_engines(
    client: Client, new_place: Callable[[], Place], parts: list[list[bytes]], seed: int
) -> None:
    noise = random.Random(seed)
    place = new_place()
    migrate(client, place)
    with TemporaryDirectory() as folder, NodeStore(Path(folder) / "node", client, place) as node:
        numbers = list(range(1, len(parts) + 1))
        noise.shuffle(numbers)
        for number in numbers:
            node.load(number, parts[number - 1])
        store = load_plainly(Path(folder) / "plain", parts)
        check_equal(client, place, store)
        check_segments(client, place, store)
        store.close()
    client.execute(f"DROP DATABASE {place.database}")


def check_segments(client: Client, place: Place, store: Store) -> None:
    query = f"SELECT number, events, rejected FROM {place.table('segments')} FINAL"
    assert sorted(client.query(query)) == store.rows(
        "SELECT number, events, rejected FROM state.segments ORDER BY number"
    )


def test_a_journal_of_months_is_in_both_engines(client: Client, place: Place, tmp_path: Path, node: NodeStore) -> None:
    """In batches, as a start loads them."""
    lines = list(make_lines(11, 600))
    noise = random.Random(11)
    parts: list[list[bytes]] = [[] for _ in range(20)]
    for line in lines:
        noise.choice(parts).append(line)
    files = [node.segment(number, part) for number, part in enumerate(parts, 1)]
    for batch in (files[:7], files[7:]):
        assert not [found for found in node.loader.load_batch(batch, NOW) if isinstance(found, Exception)]
    store = load_plainly(tmp_path / "plain", parts)
    check_equal(client, place, store)
    assert read_duckdb(node) == read_duckdb(store)
    store.close()


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


def path_of(line: bytes) -> str:
    import json

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
    lines = [line for line in make_lines(5, 4000) if b'"kind":"pageview"' in line] * 8
    node.load(1, lines)
    query = "SELECT partition, count() FROM system.parts WHERE database = {d:String} AND table = 'pageviews' GROUP BY 1"
    parts = client.query(query, {"d": place.database})
    assert parts
    assert {count for _, count in parts} == {1}
    assert client.query(f"SELECT count() FROM {place.table('pageviews')}") == [(len(lines),)]
