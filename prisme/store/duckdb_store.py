"""The events in the data folder's own file."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

from prisme.runtime.cancellation import Cancellation
from prisme.store.database import Database
from prisme.store.deletion import Choice, Deletion, forget_import
from prisme.store.event_store import ChosenRows
from prisme.store.load_log import LoadLog
from prisme.store.loader import Loader
from prisme.store.parquet import DuckDBExport, Export
from prisme.store.query_reader import Engine
from prisme.store.reader import Reader
from prisme.store.sql_runner import SqlRunner


class DuckDBStore:
    """An `EventStore`. The caller closes what it is made of."""

    engine: Final[Engine] = "duckdb"

    def __init__(self, database: Database, loader: Loader, queries: SqlRunner) -> None:
        self._database = database
        self._loader = loader
        self.queries = queries
        self.open_reader = partial(Reader, database)

    @property
    def load_log(self) -> LoadLog:
        """What loads changed."""
        return self._database.load_log

    def choose(self, choice: Choice, cancellation: Cancellation) -> AbstractContextManager[ChosenRows]:
        """The rows that a choice means when the block begins, to be deleted within it."""
        return Deletion(self._database, self._loader, choice, cancellation)

    def forget_import(self, name: str) -> None:
        """Delete an import from the list of imports, once all that it brought is deleted. Raises StoreError."""
        forget_import(self._database, self._loader, name)

    @contextmanager
    def export(self, deadline: float, cancellation: Cancellation) -> Iterator[Export]:
        """Reads all tables by month, all of one moment. Raises UnavailableError."""
        with Reader(self._database, deadline, cancellation=cancellation) as reader:
            yield DuckDBExport(reader)

    def stop_reading(self) -> None:
        """Interrupt all queries under way, and reject new ones."""
        self._database.stop_reading()
