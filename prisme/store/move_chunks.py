"""Which rows go to another database together: chunks of whole days (UTC), so that one that has changed is moved again.

A chunk is of one table and one month. What it had when it was moved is known by a check; a later run compares.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

ONE_DAY: Final = datetime.timedelta(days=1)
# Of a chunk and of a slice, which is one insert: some ten megabytes as Parquet, and a few times as many in memory.
MOST_ROWS: Final = 250_000
MOST_BYTES: Final = 64 << 20
# A day of more slices than this, each of a few seconds, cannot be.
_MOST_SLICES: Final = 4096


class Day(NamedTuple):
    """What a table has of a day: rows, about how many bytes of long texts, and a sum of hashes of the rows."""

    rows: int
    bytes: int
    check: int


class Chunk(msgspec.Struct, frozen=True):
    """The rows of a table from the day `first` up to `end`, excluded. `check` is the sum of its days', as text.

    They were moved in as many `slices`, the first of which has the `number`: 0 before they are.
    """

    table: str
    first: datetime.date
    end: datetime.date
    rows: int
    check: str
    slices: int = 1
    number: int = 0

    @property
    def month(self) -> str:
        """Such as 2026-11."""
        return f"{self.first:%Y-%m}"

    @property
    def numbers(self) -> range:
        """Those of its slices."""
        return range(self.number, self.number + self.slices)

    def cut(self) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
        """The times of its slices, each from one up to another, excluded."""
        start = datetime.datetime.combine(self.first, datetime.time())
        length = (self.end - self.first) / self.slices
        starts = [start + number * length for number in range(self.slices)]
        return zip(starts, [*starts[1:], datetime.datetime.combine(self.end, datetime.time())], strict=True)


class Plan(NamedTuple):
    """The chunks that are as they were moved, those that have changed since, and those to be moved now."""

    kept: list[Chunk]
    changed: list[Chunk]
    new: list[Chunk]


def plan(table: str, days: Mapping[datetime.date, Day], moved: Sequence[Chunk]) -> Plan:
    """What to move of a table that has these days. `moved` are its chunks that are in the other database."""
    kept: list[Chunk] = []
    changed: list[Chunk] = []
    for chunk in moved:
        own = [day for at, day in days.items() if chunk.first <= at < chunk.end]
        is_same = (sum(day.rows for day in own), _add(own)) == (chunk.rows, chunk.check)
        (kept if is_same else changed).append(chunk)
    done = sorted((chunk.first, chunk.end) for chunk in kept)
    return Plan(kept, changed, list(_group(table, days, done)))


def _group(
    table: str, days: Mapping[datetime.date, Day], done: Sequence[tuple[datetime.date, datetime.date]]
) -> Iterator[Chunk]:
    """Chunks of all days that are not done, none of which has a done one within."""
    group: list[datetime.date] = []
    ends = iter([*done, (datetime.date.max, datetime.date.max)])
    first, end = next(ends)
    for day in sorted(days):
        while day >= end:
            yield from _make(table, days, group)
            group = []
            first, end = next(ends)
        if day >= first:
            continue
        if group and not _fits(days, group, day):
            yield from _make(table, days, group)
            group = []
        group.append(day)
    yield from _make(table, days, group)


def _fits(days: Mapping[datetime.date, Day], group: Sequence[datetime.date], day: datetime.date) -> bool:
    size = [days[one] for one in (*group, day)]
    return (
        (day.year, day.month) == (group[0].year, group[0].month)
        and sum(one.rows for one in size) <= MOST_ROWS
        and sum(one.bytes for one in size) <= MOST_BYTES
    )


def _make(table: str, days: Mapping[datetime.date, Day], group: Sequence[datetime.date]) -> Iterator[Chunk]:
    if group:
        own = [days[day] for day in group]
        rows, size = sum(day.rows for day in own), sum(day.bytes for day in own)
        slices = min(max(-(-rows // MOST_ROWS), -(-size // MOST_BYTES), 1), _MOST_SLICES)
        yield Chunk(table, group[0], group[-1] + ONE_DAY, rows, _add(own), slices)


def _add(days: Sequence[Day]) -> str:
    return f"{sum(day.check for day in days):x}"
