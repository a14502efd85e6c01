"""Runs SQL of users in ClickHouse."""

from contextlib import AbstractContextManager
from pathlib import Path

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.readers import Readers
from prisme.store.errors import RefusedSqlError
from prisme.store.sql_formats import Encoder
from prisme.store.sql_runner import Limits, Outcome, Result, TableColumn


class ClickHouseSqlRunner:
    """`SqlQueries` for ClickHouse."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def columns(self) -> list[TableColumn]:
        """None yet."""
        return []

    def fetch(self, text: str, limits: Limits, cancellation: Cancellation | None = None) -> Result:
        """Not there yet."""
        raise RefusedSqlError("SQL is not there yet")

    def encode(self, text: str, limits: Limits, encoder: Encoder, cancellation: Cancellation | None = None) -> Outcome:
        """Not there yet."""
        raise RefusedSqlError("SQL is not there yet")

    def parquet(
        self, text: str, limits: Limits, cancellation: Cancellation | None = None
    ) -> AbstractContextManager[tuple[Path, Outcome]]:
        """Not there yet."""
        raise RefusedSqlError("SQL is not there yet")
