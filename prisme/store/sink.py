"""Where a loader sends its segments beside its own file, if a database of many nodes has the events."""

from collections.abc import Sequence
from typing import Protocol

import duckdb

from prisme.journal.segment import Segment
from prisme.store.errors import StoreError


class SinkDownError(StoreError):
    """The other database cannot be reached, or does not answer: no segment can be sent now."""


class Sink(Protocol):
    """A loader calls it within its transaction, before the statements on its own tables."""

    def send(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
        """Store the events of segments, each exactly once, whatever was sent before; their lines are in `line`.

        Once it returns, all of them are stored. Raises StoreError with a reason for the operator, and duckdb.Error;
        whichever segments were sent by then are sent again.
        """
