"""Opens the ClickHouse that has the events of this node and others, and what loads those of this node into it."""

import contextlib
import logging
from typing import Final

from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.stats import sources
from prisme.store.clickhouse.client import Client, make_access
from prisme.store.clickhouse.event_store import ClickHouseStore
from prisme.store.clickhouse.node import open_node
from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sink import ClickHouseSink
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.loader import Loader
from prisme.store.sink import SinkDownError
from prisme.visit.sessions import CAPACITY

# Of a request. Readers have deadlines of their own, of which none is longer.
_WRITING_SECONDS: Final = 30.0
_READING_SECONDS: Final = 3700.0


def open_clickhouse(
    config: Config,
    folder: Folder,
    database: Database,
    log: logging.Logger,
    closing: contextlib.ExitStack | contextlib.AsyncExitStack,
) -> tuple[Loader, ClickHouseStore]:
    """What loads the segments of a data folder, and where figures come from; `closing` closes them.

    The folder's `database` has no segment of this run yet. Raises StoreError.
    """
    place = Place(config.clickhouse_database, config.clickhouse_cluster)
    node = open_node(folder.path, database, folder.disk)
    writing, reading = (Client(make_access(config, seconds)) for seconds in (_WRITING_SECONDS, _READING_SECONDS))
    closing.callback(writing.close)
    closing.callback(reading.close)
    sink = ClickHouseSink(writing, place, node, sources.describe, folder.path / "tmp")
    try:
        sink.prepare()
    except SinkDownError as error:
        log.warning("events wait in the journal until ClickHouse can be reached: %s", error)
    loader = Loader(database, CAPACITY, folder.disk, sink)
    closing.callback(loader.close)
    store = ClickHouseStore(Readers(reading, place), loader, ParquetFiles(database, folder.path / "tmp"))
    closing.callback(store.queries.close)
    return loader, store
