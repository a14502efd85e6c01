"""The schema of the tables in ClickHouse, brought to the newest version; `migrations` says which steps were run."""
# Only names of ours, and those that `tables.py` has checked, are composed.
# ruff: noqa: S608

import importlib.resources
from typing import Final

from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.schema import pending_steps

# Blocks that a table remembers. A node sends one a second or two to each table; on a cluster all of a week.
_WINDOW: Final = "non_replicated_deduplication_window = 10000, fsync_after_insert = 1"
_WINDOW_OF_REPLICAS: Final = (
    "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800"
)
_MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS {database}.migrations {on_cluster} (
    number UInt32, name String, at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree ORDER BY number
"""
_FOLDER: Final = importlib.resources.files("prisme.store") / "migrations" / "clickhouse"
_NAMES: Final = sorted(step.name.removesuffix(".sql") for step in _FOLDER.iterdir())
_HAS_DATABASE: Final = "SELECT count() FROM system.databases WHERE name = {database:String}"
_HAS_TABLE: Final = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'migrations'"
_SETTINGS: Final = {"async_insert": 0}


def migrate(client: Client, place: Place) -> None:
    """Run the steps that were not run yet, and note each one.

    Any number of nodes may do so at the same time: all statements can be run again (`0001_initial.sql` says so). Raises
    StoreError, also if a newer Prisme was here.
    """
    names = {"database": place.database}
    if client.query(_HAS_DATABASE, names) == [(0,)]:
        client.execute(_fill("CREATE DATABASE IF NOT EXISTS {database} {on_cluster}", place))
    if client.query(_HAS_TABLE, names) == [(0,)]:
        client.execute(_fill(_MIGRATIONS, place))
    ((version,),) = client.query(f"SELECT max(number) FROM {place.table('migrations')}")
    steps = pending_steps("clickhouse", f"the database {place.database} in ClickHouse", version)
    for number, step in enumerate(steps, start=version + 1):
        for statement in _fill(step, place).split(";\n"):
            if statement.strip():
                client.execute(statement)
        client.execute(
            f"INSERT INTO {place.table('migrations')} (number, name) VALUES ({number}, '{_NAMES[number - 1]}')",
            settings=_SETTINGS,
        )


def _fill(statement: str, place: Place) -> str:
    """A statement with the names of the database and the cluster, and the engines for one or several servers."""
    values = {
        "{database}": place.database,
        "{on_cluster}": f"ON CLUSTER '{place.cluster}'" if place.cluster else "",
        "{replicated}": "Replicated" if place.cluster else "",
        "{window}": _WINDOW_OF_REPLICAS if place.cluster else _WINDOW,
    }
    for name, value in values.items():
        statement = statement.replace(name, value)
    return statement
