"""A comparison of event stores as it is kept: figures with each of them, and their ratios. Values only."""

from pathlib import Path

import msgspec

from bench.builds.result import Figure


class EventStores(msgspec.Struct, frozen=True):
    """A whole run. Of each figure, the older one is DuckDB's, and the newer one ClickHouse's."""

    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, int | str | list[str]]
    figures: list[Figure]
    notes: list[str]
    failures: list[str]

    @property
    def missed(self) -> list[str]:
        """The figures that do not reach what they should."""
        return [one.what for one in self.figures if one.met is False]


def read(path: Path) -> EventStores:
    """Read a run that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=EventStores)


def is_eventstores(path: Path) -> bool:
    """Whether a result is one of these."""
    return path.stem.rpartition("-")[2] == "eventstores"
