"""Opens what has the events: the file of a data folder, and the other database, where they are stored in one."""

import contextlib
import logging
from typing import NamedTuple

from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.whole_spans import WholeSpans
from prisme.store import restoration
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.duckdb_store import DuckDBStore
from prisme.store.event_store import EventStore
from prisme.store.loader import Loader
from prisme.store.sql_runner import SqlRunner
from prisme.visit.sessions import CAPACITY


class Events(NamedTuple):
    """`database` is the folder's own file, into which `loader` loads; `store` has all events."""

    database: Database
    loader: Loader
    store: EventStore


def open_events(
    config: Config, folder: Folder, log: logging.Logger, closing: contextlib.ExitStack | contextlib.AsyncExitStack
) -> Events:
    """Open them; `closing` closes them. A ClickHouse that cannot be reached now is logged. Raises StoreError."""
    restoration.finish(folder.path, log)
    limits = Limits(config.duckdb_memory_limit, config.duckdb_threads)
    database = Database(folder.path / "prisme.duckdb", limits, folder.path / "tmp", log)
    closing.callback(database.close)
    if config.eventstore == "clickhouse":
        # Its client is an extra.
        from prisme.wiring.clickhouse import open_clickhouse

        return Events(database, *open_clickhouse(config, folder, database, log, closing))
    loader = Loader(database, CAPACITY, folder.disk)
    closing.callback(loader.close)
    queries = SqlRunner(database, folder.path / "tmp")
    closing.callback(queries.close)
    return Events(database, loader, DuckDBStore(database, loader, queries))


def build_cache(events: Events) -> FigureCache:
    """What keeps figures between requests."""
    return IncrementalCache(events.database) if events.store.engine == "duckdb" else WholeSpans(events.store.load_log)
