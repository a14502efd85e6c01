"""Moves of a data folder without a server, and the rows of all tables of both engines."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prisme.operations.job import Job
from prisme.operations.move import Done
from prisme.runtime.config import Config
from prisme.runtime.local_socket import Progress
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.connection import Limits, connect
from prisme.store.moved_tables import COLUMNS, IMPORTS
from prisme.wiring.operating import perform_offline
from tests.clickhouse.engine import Engine
from tests.server import config_for, free_port

Tables = dict[str, list[tuple[Any, ...]]]


def configure(folder: Path, engine: Engine, database: str, store: str = "duckdb") -> Config:
    """The configuration of a folder that moves into a database."""
    return config_for(
        folder,
        free_port(),
        eventstore=store,
        clickhouse_url=f"http://{engine.endpoint}",
        clickhouse_database=database,
    )


def move(config: Config, target: str, finish: bool = False, tell: Callable[[Progress], None] = lambda _: None) -> Done:
    """Move without a server."""
    arguments = {"target": target, "finish": finish}
    done = perform_offline(config, "move", arguments, Job(tell=tell), logging.getLogger("prisme"))
    assert isinstance(done, Done)
    return done


def read_file(config: Config) -> Tables:
    """All rows of a folder that no server uses, in order; times in microseconds."""
    connection = connect(config.data_dir / "prisme.duckdb", Limits(256 << 20, 2), config.data_dir / "tmp")
    try:
        return {
            table: connection.execute(
                f"SELECT {', '.join(map(_in_duckdb, columns))} FROM {name} ORDER BY ALL"
            ).fetchall()
            for table, columns, name in _tables()
        }
    finally:
        connection.close()


def read_clickhouse(client: Client, place: Place) -> Tables:
    """The same of ClickHouse's tables."""
    return {
        table: sorted(
            client.query(
                f"SELECT {', '.join(map(_in_clickhouse, columns))} FROM {place.table(table)}"
                + (" FINAL" if table in {"sessions", "imports"} else "")
            ),
            key=lambda row: tuple((value is None, value) for value in row),
        )
        for table, columns, _ in _tables()
    }


def _tables() -> list[tuple[str, tuple[str, ...], str]]:
    return [*((table, columns, table) for table, columns in COLUMNS.items()), ("imports", IMPORTS, "state.imports")]


def _in_duckdb(column: str) -> str:
    if column.endswith(("timestamp", "_at")):
        return f'epoch_us("{column}")'
    return f"CAST({column} AS VARCHAR)" if column in {"session_uuid", "properties"} else f'"{column}"'


def _in_clickhouse(column: str) -> str:
    if column.endswith(("timestamp", "_at")):
        return f'toUnixTimestamp64Micro("{column}")'
    return f"toString({column})" if column == "session_uuid" else f'"{column}"'
