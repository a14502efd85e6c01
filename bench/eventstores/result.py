"""A comparison of event stores as it is kept: figures with each of them, and their ratios. Values only."""

from pathlib import Path

import msgspec

from bench.builds.result import Comparison


class EventStores(Comparison, frozen=True):
    """One of event stores. Of each figure, the older one is DuckDB's, and the newer one ClickHouse's."""


def read(path: Path) -> EventStores:
    """Read a run that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=EventStores)


def is_eventstores(path: Path) -> bool:
    """Whether a result is one of these."""
    return path.stem.rpartition("-")[2] == "eventstores"
