"""The events in ClickHouse."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.deletion import ClickHouseDeletion, forget_import
from prisme.store.clickhouse.export import ClickHouseExport
from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sql_runner import ClickHouseSqlRunner
from prisme.store.deletion import Choice
from prisme.store.event_store import ChosenRows
from prisme.store.load_log import LoadLog
from prisme.store.loader import Loader
from prisme.store.parquet import Export
from prisme.store.query_reader import Engine
from prisme.store.reader import Reader


class ClickHouseStore:
    """An `EventStore`. `loader` is this node's. The caller closes all three, and `queries`."""

    engine: Final[Engine] = "clickhouse"

    def __init__(self, readers: Readers, loader: Loader, files: ParquetFiles) -> None:
        self._readers = readers
        self._loader = loader
        self._files = files
        self.queries = ClickHouseSqlRunner(readers, files)
        self.open_reader = partial(ClickHouseReader, readers)

    @property
    def load_log(self) -> LoadLog:
        """What was loaded, as far as a reader has seen it."""
        return self._readers.load_log

    def choose(self, choice: Choice, cancellation: Cancellation) -> AbstractContextManager[ChosenRows]:
        """The rows that a choice means when the block begins, to be deleted within it."""
        return ClickHouseDeletion(self._readers, self._loader, choice, cancellation)

    def forget_import(self, name: str) -> None:
        """Delete an import from the list of imports, once all that it brought is deleted. Raises StoreError."""
        forget_import(self._readers, self._loader, name)

    @contextmanager
    def export(self, deadline: float, cancellation: Cancellation) -> Iterator[Export]:
        """Reads all tables by month. Raises UnavailableError."""
        with (
            ClickHouseReader(self._readers, deadline, cancellation=cancellation) as reader,
            Reader(self._files.database, deadline, cancellation=cancellation) as own,
        ):
            yield ClickHouseExport(reader, own, self._readers.place)

    def stop_reading(self) -> None:
        """Interrupt all queries under way, and reject new ones."""
        self._readers.stopping.cancel()
