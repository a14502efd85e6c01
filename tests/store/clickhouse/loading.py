"""A node's loader as a process of its own, to be killed: loads the segments that come into a folder.

`python -m tests.store.clickhouse.loading FOLDER PORT DATABASE TIMEOUT` ends once `FOLDER/complete` exists and no
segment is left.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

from prisme.journal.segment import leftovers
from prisme.runtime.clickhouse_types import Endpoint
from prisme.stats.sources import describe
from prisme.store.clickhouse.client import Access, Client
from prisme.store.clickhouse.node import open_node
from prisme.store.clickhouse.sink import ClickHouseSink
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.recovery import load_leftovers
from prisme.store.sink import SinkDownError
from tests.store.segments import LIMITS, MOST_OPEN, NOW

COMPLETE: Final = "complete"
_PAUSE: Final = 0.02  # seconds
_FOREVER: Final = 10 * NOW


def run(folder: Path, client: Client, place: Place) -> None:
    """Load until all is done, as a server does: first what an earlier process left, in batches."""
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    sink = ClickHouseSink(client, place, open_node(folder, database), describe, folder / "tmp")
    loader = Loader(database, MOST_OPEN, sink=sink)
    journal = folder / "journal"
    asyncio.run(load_leftovers(loader, journal, lambda: NOW, logging.getLogger("loading")))
    while True:
        is_complete = (folder / COMPLETE).exists()
        segments, _ = leftovers(journal)
        if is_complete and not segments:
            break
        for segment in segments:
            try:
                loader.load(segment, NOW)
            except (StoreError, OSError, duckdb.Error) as error:
                print(f"segment {segment.number}: {error}", flush=True)
                if isinstance(error, SinkDownError):
                    break
        loader.expire(_FOREVER, 0)
        time.sleep(_PAUSE)
    loader.close()
    database.close()


if __name__ == "__main__":
    run(
        Path(sys.argv[1]),
        Client(Access([Endpoint("127.0.0.1", int(sys.argv[2]), False)], timeout=float(sys.argv[4]))),
        Place(sys.argv[3]),
    )
