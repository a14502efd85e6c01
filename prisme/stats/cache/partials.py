"""Counts that add up: parts of a span are counted at different times, and their sum is the count of the span.

All figures of a dashboard are sums, except visitors: one who returns in a later part is not a new one. So the counts of
earlier parts come with a table, in memory, of those visitors of these parts who may come back (`visitor_ids.py`). A
visitor is stored as a hash of 63 bits: a collision among a million has a probability below one in ten million.
"""
# Only SQL made here is composed; values from requests are bound.

import datetime
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from prisme.stats.buckets import bucket_number, hour_of_week
from prisme.stats.columns import EVENTS, HOURS, PROPERTIES, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import DUCKDB
from prisme.stats.filters import Filters
from prisme.stats.grouping import GroupingSets
from prisme.stats.matching_sessions import choose_sessions
from prisme.stats.queries import Stats
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import VISITOR

# What is counted in each bucket; `durations` is the sum of all sessions' durations, in microseconds.
FIGURES: Final = ("visitors", "pageviews", "events", "sessions", "bounces", "durations")
# Lists by their numbers in tables.
NAMES: Final = (*TOPS, PROPERTIES, HOURS)
NUMBERS: Final = {name: number for number, name in enumerate(NAMES)}
# The lists of pageviews, and the columns that lists of events count.
_OF_PAGEVIEWS: Final = tuple(name for name, (_, table) in TOPS.items() if table == "pageviews")
_OF_EVENTS: Final = {table: column for column, table in TOPS.values() if table in EVENTS}
_SESSIONS: Final = load_sql("partial_sessions")
_EVENTS: Final = load_sql("partial_events")
_PAGEVIEWS: Final = load_sql("partial_pageviews")
_VISITORS: Final = load_sql("partial_visitors")


class Part(NamedTuple):
    """The part from `start` up to `end` of a span with these edges, all in microseconds. `zone` is that of hours."""

    filters: Filters
    start: int
    end: int
    edges: list[int]
    zone: datetime.tzinfo


class Tables(NamedTuple):
    """The names of two tables about earlier parts, both in memory.

    `visitors` holds those who may come back, each with the last bucket in which it was seen; `keys` the lists' keys
    with their counts.
    """

    visitors: str
    keys: str


class Counts:
    """`FIGURES` by number of bucket, and the `visitors` of all buckets together."""

    def __init__(self) -> None:
        self.buckets: dict[str, Counter[int]] = {figure: Counter() for figure in FIGURES}
        self.visitors = 0

    @property
    def rows(self) -> int:
        """The number of pageviews and events."""
        return self.buckets["pageviews"].total() + self.buckets["events"].total()

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return sum(map(len, self.buckets.values()))

    def add(self, other: "Counts") -> None:
        """Add the counts of a later part."""
        for figure, by_bucket in other.buckets.items():
            self.buckets[figure].update(by_bucket)
        self.visitors += other.visitors


def open_part(stats: Stats, part: Part) -> Conditions:
    """Return the conditions of a part, for all its queries before those of the next one. Raises UnavailableError."""
    conditions = stats.conditions(part.filters, part.start, part.end)
    if part.start < part.end:
        choose_sessions(stats.run, conditions, part.start, part.end)
    return conditions


def count(stats: Stats, names: Collection[str], part: Part, conditions: Conditions, earlier: Tables | None) -> Counts:
    """Count a part; its visitors without those of the earlier parts. `conditions` are those of `open_part`.

    The temporary tables `came` and `happened` have what was counted of pageviews and of events, also what the lists in
    `names` need. Raises UnavailableError.
    """
    counts = Counts()
    if part.start < part.end:
        _count_sessions(stats, part, conditions, counts)
        _count_events(stats, names, part, conditions, counts)
        _count_pageviews(stats, names, part, conditions)
        _count_visitors(stats, conditions, earlier, counts)
    return counts


def part_bucket(part: Part, table: str, conditions: Conditions) -> str:
    """Return an expression: the number of a row's bucket in the whole span; it compares with the part's edges only."""
    first = bisect_right(part.edges, part.start) - 1
    edges = part.edges[first : max(bisect_left(part.edges, part.end), first + 1) + 1]
    return f"CAST({bucket_number(table, edges, conditions.bind, DUCKDB)} + {first} AS INTEGER)"


def _count_sessions(stats: Stats, part: Part, conditions: Conditions, counts: Counts) -> None:
    bucket, rows = part_bucket(part, "sessions", conditions), conditions.rows("sessions")
    query = _SESSIONS.format(bucket=bucket, duration=DUCKDB.duration, rows=rows)
    for number, sessions, bounces, durations in stats.run(query, conditions):
        stats.reader.check()
        counts.buckets["sessions"][number] = sessions
        counts.buckets["bounces"][number] = bounces
        counts.buckets["durations"][number] = int(durations)


def _count_events(stats: Stats, names: Collection[str], part: Part, conditions: Conditions, counts: Counts) -> None:
    rows = " UNION ALL ".join(
        f"SELECT {part_bucket(part, table, conditions)} AS bucket, '{table}' AS \"table\", "
        f"{column if names else 'NULL'} AS key, {_property_names(names, table)} AS names {conditions.rows(table)}"
        for table, column in _OF_EVENTS.items()
    )
    stats.run(_EVENTS.format(rows=rows), conditions)
    for number, events in stats.run("SELECT bucket, sum(events) FROM happened GROUP BY bucket", conditions):
        stats.reader.check()
        counts.buckets["events"][number] = int(events)


def _property_names(names: Collection[str], table: str) -> str:
    return "json_keys(properties)" if PROPERTIES in names and table == "events_custom" else "CAST(NULL AS VARCHAR[])"


def _count_pageviews(stats: Stats, names: Collection[str], part: Part, conditions: Conditions) -> None:
    columns = dict(_list_columns(names, part))
    grouping = GroupingSets(columns)
    query = _PAGEVIEWS.format(
        which=grouping.number(NUMBERS) if columns else "CAST(NULL AS INTEGER)",
        key=grouping.key if columns else "CAST(NULL AS VARCHAR)",
        bucket=part_bucket(part, "pageviews", conditions),
        visitor=VISITOR,
        columns=f", {grouping.columns}" if columns else "",
        rows=conditions.rows("pageviews"),
        sets="".join(f", {one}" for one in grouping.each),
    )
    stats.run(query, conditions)


def _list_columns(names: Collection[str], part: Part) -> Iterator[tuple[str, str]]:
    """The lists of pageviews with their columns."""
    yield from ((name, TOPS[name][0]) for name in _OF_PAGEVIEWS if name in names)
    if HOURS in names:
        yield HOURS, hour_of_week(part.start, part.end, part.zone, DUCKDB)


def _count_visitors(stats: Stats, conditions: Conditions, earlier: Tables | None, counts: Counts) -> None:
    last, known = "NULL", ""
    if earlier is not None:
        last, known = "known.bucket", f"LEFT JOIN {earlier.visitors} AS known ON known.id = came.id"
    for number, visitors, views in stats.run(_VISITORS.format(last=last, known=known), conditions):
        stats.reader.check()
        if number is None:
            counts.visitors = visitors
        else:
            counts.buckets["visitors"][number] = visitors
            counts.buckets["pageviews"][number] = int(views)
