"""Sums up counts by domain, day, dimension and value, in memory up to a bound, beyond it on disk."""

import datetime
import tempfile
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from prisme.imports.items import Figure
from prisme.store.foreign import ForeignFiles

# With values of 50 characters, as many take some 60 MB.
MOST: Final = 100_000
# A count above it is none: no site has as many visitors on a day. The sum of all rows of a file fits into 63 bits.
MOST_COUNT: Final = 10**12
_COLUMNS: Final = ("visitors", "sessions", "pageviews", "events", "bounces", "seconds")
_KEY: Final = ("domain", "day", "dimension", "value")
_SUM: Final = f"""
SELECT domain, "day", dimension, "value", {", ".join(f"CAST(sum({name}) AS BIGINT)" for name in _COLUMNS)}
FROM read_json($path, format = 'newline_delimited', maximum_object_size = 1048576, columns = {{
    {", ".join(f"'{name}': '{'DATE' if name == 'day' else 'VARCHAR'}'" for name in _KEY)},
    {", ".join(f"'{name}': 'BIGINT'" for name in _COLUMNS)}
}})
GROUP BY ALL ORDER BY "day", domain, dimension, "value"
"""  # noqa: S608  # names of ours


class Counts(NamedTuple):
    """What was counted; None is what the source does not say. `seconds` are those of all visits together."""

    visitors: int | None = None
    sessions: int | None = None
    pageviews: int | None = None
    events: int | None = None
    bounces: int | None = None
    seconds: int | None = None


class Key(NamedTuple):
    """Of which value; in the order in which figures are given."""

    day: datetime.date
    domain: str
    dimension: str = ""
    value: str = ""


class Sums:
    """Sums by key. What is more than `most` keys is written to a file in `temporary`. Use it in a `with` block."""

    def __init__(self, temporary: Path, most: int = MOST) -> None:
        self._temporary = temporary
        self._most = most
        self._sums: dict[Key, Counts] = {}
        self._path: Path | None = None

    def __enter__(self) -> "Sums":
        return self

    def __exit__(self, *_: object) -> None:
        if self._path:
            self._path.unlink(missing_ok=True)

    def add(self, key: Key, counts: Counts) -> None:
        """Add to the counts of a key. Raises OSError where the folder has no room."""
        before = self._sums.get(key)
        if before is None and len(self._sums) >= self._most:
            self._write()
        self._sums[key] = counts if before is None else Counts(*map(_add, before, counts))

    def figures(self) -> Iterator[Figure]:
        """All sums, by day. Raises OSError and InputError."""
        if self._path is None:
            for (day, domain, dimension, value), counts in sorted(self._sums.items()):
                yield Figure(domain, day, dimension, value, *counts)
            return
        self._write()
        with ForeignFiles(self._temporary) as files:
            for row in files.rows(_SUM, {"path": str(self._path)}):
                yield Figure(*row)

    def _write(self) -> None:
        if self._path is None:
            with tempfile.NamedTemporaryFile(
                prefix="figures-", suffix=".jsonl", dir=self._temporary, delete=False
            ) as new:
                self._path = Path(new.name)
        with self._path.open("ab") as file:
            for (day, domain, dimension, value), counts in self._sums.items():
                file.write(msgspec.json.encode(Figure(domain, day, dimension, value, *counts)) + b"\n")
        self._sums.clear()


class Claims:
    """Which table gives each count of a topic, such as the countries of a day: where several do, the first one."""

    def __init__(self) -> None:
        self._tables: dict[Hashable, list[int]] = {}

    def keep(self, topic: Hashable, table: int, counts: Counts) -> Counts:
        """The counts that are this table's to give; `table` is its number, from 1 on."""
        owners = self._tables.setdefault(topic, [0] * len(counts))
        kept: list[int | None] = []
        for place, count in enumerate(counts):
            if count is not None and not owners[place]:
                owners[place] = table
            kept.append(count if owners[place] == table else None)
        return Counts(*kept)


def _add(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
