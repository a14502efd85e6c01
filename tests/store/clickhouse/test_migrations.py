"""The tables in ClickHouse: made once, also by many nodes at the same time, and left alone where they are newer."""

import importlib.resources
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prisme.journal.record import PageviewLine, encode
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.schema import ALL_TABLES, newest_version
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.store.clickhouse.node_store import NodeStore
from tests.store.segments import session

STEPS = newest_version("clickhouse")


def tables(client: Client, place: Place) -> set[str]:
    query = "SELECT name FROM system.tables WHERE database = {database:String}"
    return {name for (name,) in client.query(query, {"database": place.database})}


def steps(client: Client, place: Place) -> list[tuple[int, str]]:
    query = f"SELECT number, name FROM {place.table('migrations')} FINAL ORDER BY number"
    return [(number, name) for number, name in client.query(query)]


def test_each_step_is_run_once_and_noted(client: Client, new_place: Callable[[], Place]) -> None:
    place = new_place()
    migrate(client, place)
    folder = importlib.resources.files("prisme.store") / "migrations" / "clickhouse"
    names = sorted(step.name.removesuffix(".sql") for step in folder.iterdir())
    assert steps(client, place) == [*enumerate(names, 1)]
    assert tables(client, place) == {*ALL_TABLES, "segments", "imports", "deletions", "migrations"}
    client.execute(f"INSERT INTO {place.table('segments')} (node, number) VALUES ('n', 1)")
    migrate(client, place)
    assert steps(client, place) == [*enumerate(names, 1)]
    assert client.query(f"SELECT node, number FROM {place.table('segments')}") == [("n", 1)]


def test_nodes_may_migrate_at_the_same_time(engine: Engine, new_place: Callable[[], Place]) -> None:
    place = new_place()
    clients = [engine.client() for _ in range(4)]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: migrate(client, place), clients))
    assert len(steps(clients[0], place)) == STEPS
    assert tables(clients[0], place) == {*ALL_TABLES, "segments", "imports", "deletions", "migrations"}


@pytest.mark.parametrize("failing", range(3, 15, 2))
def test_a_migration_that_ended_half_way_is_run_again(
    engine: Engine, client: Client, new_place: Callable[[], Place], failing: int
) -> None:
    place = new_place()
    with Proxy(engine.endpoint) as proxy:
        proxy.plan = lambda _: Fault("lost") if len(proxy.seen) >= failing else None
        half = proxy.client()
        with pytest.raises(StoreError):
            migrate(half, place)
        half.close()
    migrate(client, place)
    assert len(steps(client, place)) == STEPS
    assert tables(client, place) == {*ALL_TABLES, "segments", "imports", "deletions", "migrations"}


def test_a_newer_schema_is_left_alone(client: Client, place: Place) -> None:
    client.execute(f"INSERT INTO {place.table('migrations')} (number, name) VALUES ({STEPS + 1}, 'later')")
    with pytest.raises(StoreError, match=f"schema version {STEPS + 1}, this Prisme knows {STEPS}"):
        migrate(client, place)


def test_a_node_goes_on_until_it_is_started_again(client: Client, place: Place, tmp_path: Path) -> None:
    """Nodes are upgraded one by one, and the first one changes the tables."""
    first, second = ([encode([PageviewLine(number, session(number))])] for number in (1, 2))
    with NodeStore(tmp_path / "node", client, place) as node:
        node.load(1, first)
        client.execute(f"INSERT INTO {place.table('migrations')} (number, name) VALUES ({STEPS + 1}, 'later')")
        node.load(2, second)
    assert client.query(f"SELECT count() FROM {place.table('segments')}") == [(2,)]
    with NodeStore(tmp_path / "node", client, place) as node, pytest.raises(StoreError, match="schema version"):
        node.sink.prepare()


def test_on_a_cluster_all_tables_are_replicated() -> None:
    """Without a cluster to run it on, only what is sent."""
    sent: list[str] = []

    class Recorder:
        def query(self, query: str, *_: object) -> list[tuple[int]]:
            return [(0,)]

        def execute(self, statement: str, *_: object, **__: object) -> None:
            sent.append(statement)

    migrate(Recorder(), Place("events", "main"))  # type: ignore[arg-type]
    created = [statement for statement in sent if "CREATE TABLE" in statement]
    assert len(created) == len(ALL_TABLES) + 4
    assert all("ON CLUSTER 'main'" in statement and "ENGINE = Replicated" in statement for statement in created)
    assert all("replicated_deduplication_window_seconds = 604800" in statement for statement in created[1:])
    assert not any("non_replicated" in statement for statement in created)
