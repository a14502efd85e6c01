"""Where a loader sends its segments beside its own file, if a database of many nodes has the events."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import duckdb

from prisme.journal.segment import Segment
from prisme.store.errors import StoreError

# What a data folder has if it is that of a node whose events go to another database (`clickhouse/node.py`).
NODE_FILE: Final = "node"


class SinkDownError(StoreError):
    """The other database cannot be reached, or does not answer: no segment can be sent now."""


class Sink(Protocol):
    """A loader calls it within its transaction, before the statements on its own tables."""

    def send(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
        """Store the events of segments, each exactly once, whatever was sent before; their lines are in `line`.

        Once it returns, all of them are stored. Raises StoreError with a reason for the operator, and duckdb.Error;
        whichever segments were sent by then are sent again.
        """


def refuse_node(folder: Path) -> None:
    """Raise StoreError for the data folder of a node: what is loaded there without its sink would never be sent."""
    if (folder / NODE_FILE).exists():
        raise StoreError(
            f"{folder} is of a node that stores its events in ClickHouse: set eventstore = clickhouse. To store them "
            f"in DuckDB from now on, stop Prisme when no segment is pending, and delete {folder / NODE_FILE}"
        )
