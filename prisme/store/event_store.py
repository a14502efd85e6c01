"""The database that has all events: what figures and operations need of it, whichever engine it is."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from prisme.runtime.cancellation import Cancellation
from prisme.store.deletion import Choice, Counts
from prisme.store.load_log import LoadLog
from prisme.store.parquet import Export
from prisme.store.query_reader import Engine, OpenReader
from prisme.store.sql_formats import Encoder
from prisme.store.sql_runner import Limits, Outcome, Result, TableColumn


class ChosenRows(Protocol):
    """What a `Choice` means at one moment. Raises StoreError and UnavailableError."""

    visits: int

    def count(self) -> Counts:
        """What `steps` would delete now."""

    def open_visits(self, active: int, entry: int) -> list[str]:
        """The uuids of those that may be open: with an event after `active`, and begun after `entry` (microseconds)."""

    def steps(self) -> Iterator[tuple[int, Counts]]:
        """Delete. Gives, after each step, how many visits it was about and what it deleted."""


class SqlQueries(Protocol):
    """Runs SQL of users. Raises SqlError and UnavailableError."""

    def columns(self) -> list[TableColumn]:
        """All columns of all tables that queries may name, in their order."""

    def fetch(self, text: str, limits: Limits, cancellation: Cancellation | None = None) -> Result:
        """The result of a query."""

    def encode(self, text: str, limits: Limits, encoder: Encoder, cancellation: Cancellation | None = None) -> Outcome:
        """Have the result of a query encoded."""

    def parquet(
        self, text: str, limits: Limits, cancellation: Cancellation | None = None
    ) -> AbstractContextManager[tuple[Path, Outcome]]:
        """A Parquet file with the result, which is removed at the end of the block."""


class EventStore(Protocol):
    """For any threads. `load_log` has what was loaded into it, by whomever."""

    @property
    def engine(self) -> Engine: ...

    @property
    def load_log(self) -> LoadLog: ...

    @property
    def open_reader(self) -> OpenReader: ...

    @property
    def queries(self) -> SqlQueries: ...

    def choose(self, choice: Choice, cancellation: Cancellation) -> AbstractContextManager[ChosenRows]:
        """The rows that a choice means when the block begins, to be deleted within it."""

    def forget_import(self, name: str) -> None:
        """Delete an import from the list of imports, once all that it brought is deleted. Raises StoreError."""

    def export(self, deadline: float, cancellation: Cancellation) -> AbstractContextManager[Export]:
        """Reads all tables by month, within the block, for at most so many seconds."""

    def stop_reading(self) -> None:
        """Interrupt all queries under way, and reject new ones."""
