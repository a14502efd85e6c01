"""The events in ClickHouse."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.deletion import ClickHouseDeletion, forget_import
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sql_runner import ClickHouseSqlRunner
from prisme.store.deletion import Choice
from prisme.store.event_store import ChosenRows
from prisme.store.load_log import LoadLog
from prisme.store.loader import Loader
from prisme.store.query_reader import Engine


class ClickHouseStore:
    """An `EventStore`. The caller closes the client of `readers`, and `loader`, which is that of this node."""

    engine: Final[Engine] = "clickhouse"

    def __init__(self, readers: Readers, loader: Loader) -> None:
        self._readers = readers
        self._loader = loader
        self.queries = ClickHouseSqlRunner(readers)
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

    def stop_reading(self) -> None:
        """Interrupt all queries under way, and reject new ones."""
        self._readers.stopping.cancel()
