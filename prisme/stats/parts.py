"""Counts that add up: what is in one part of a span, so that parts can be counted at different times.

All that a dashboard shows is such a count, but its visitors: one who comes again later is none more. Whoever came in
earlier parts is kept in a table in memory, by a hash of 64 bits: two of a million visitors share one with a
probability below one in ten million.
"""
# What is put together here is ours; what was sent is bound.
# ruff: noqa: S608

import datetime
import sys
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Final, NamedTuple

from prisme.stats.filters import Filters
from prisme.stats.queries import TOPS, Question, Sets, Span, Stats, bucket_of, hour_of_week
from prisme.store.reader import Row

PROPERTIES: Final = "custom-properties"
HOURS: Final = "weekday-hours"
# More keys than a part's are not counted: nobody looks at them, and they take memory.
MOST_KEYS: Final = 50_000
# Figures by bucket; `lasted` is in microseconds.
_OF_SESSIONS: Final = ("sessions", "bounces", "lasted")
_BUCKET: Final = "bucket"


class Part(NamedTuple):
    """From `start` to before `end`, of a span with such edges: all in microseconds."""

    start: int
    end: int
    edges: list[int]


class ManyKeysError(Exception):
    """A part has more than `MOST_KEYS`."""


class Counts:
    """`buckets` by figure and number of the bucket, `keys` by name and key; `visitors` of all buckets together."""

    def __init__(self) -> None:
        self.buckets: dict[str, Counter[int]] = defaultdict(Counter)
        self.keys: dict[str, Counter[str]] = defaultdict(Counter)
        self.visitors = 0

    def add(self, other: "Counts") -> None:
        """Add the counts of a later part."""
        for figure, by_bucket in other.buckets.items():
            self.buckets[figure].update(by_bucket)
        for name, by_key in other.keys.items():
            self.keys[name].update(by_key)
        self.visitors += other.visitors

    @property
    def size(self) -> int:
        """How many keys there are."""
        return sum(map(len, self.keys.values()))


def count(
    stats: Stats, names: Collection[str], filters: Filters, part: Part, zone: datetime.tzinfo, known: str
) -> Counts:
    """Count a part: all figures by bucket, and of `TOPS`, `PROPERTIES` and `HOURS` those that are named.

    Only visitors that are not in the table `known` count (see `note`), empty for no such table. Raises ManyKeysError.
    """
    counts, question = Counts(), stats.question(filters, part.start, part.end)
    _count_sessions(stats, [name for name in names if _table(name) == "sessions"], question, part, counts)
    views = {name: TOPS[name][0] for name in names if _table(name) == "pageviews"}
    if HOURS in names:
        views[HOURS] = hour_of_week(Span(part.start, part.end, []), zone)
    if views:
        sets = Sets(views)
        query = f"SELECT {sets.select}, count(*) FROM (SELECT {sets.named} {question.rows('pageviews')}) "
        for which, key, number in _ask(stats, query + f"GROUP BY {sets.sets}", question):
            counts.keys[sets.name(which)][sys.intern(key)] = number
    _count_events(stats, names, question, counts)
    for name in TOPS:
        del counts.keys[name][""]  # none
    _count_visitors(stats, question, part, known, counts)
    return counts


def note(stats: Stats, filters: Filters, part: Part, known: str, table: str) -> None:
    """Make a table of the visitors of `known` (empty for none) and of a part: each with the last bucket it was in."""
    question = stats.question(filters, part.start, part.end)
    rows = f"SELECT hash(visitor_id) AS id, {_bucket(part, 'pageviews')} AS bucket {question.rows('pageviews')}"
    if known:
        rows = f"SELECT id, bucket FROM {known} UNION ALL {rows}"
    query = f"CREATE TABLE {table} AS SELECT id, max(bucket) AS bucket FROM ({rows}) GROUP BY id"
    stats.reader.keep(query, question.named_in(query))


def _count_sessions(stats: Stats, names: list[str], question: Question, part: Part, counts: Counts) -> None:
    sets = Sets({_BUCKET: _bucket(part, "sessions")} | {name: TOPS[name][0] for name in names})
    rows = _ask(
        stats,
        f"SELECT {sets.select}, count(*), count(*) FILTER (is_bounce), sum(lasted) "
        f"FROM (SELECT {sets.named}, is_bounce, epoch_us(exit_timestamp) - epoch_us(entry_timestamp) AS lasted "
        f"{question.rows('sessions')}) GROUP BY {sets.sets}",
        question,
    )
    for which, key, *figures in rows:
        name = sets.name(which)
        if name == _BUCKET:
            for figure, number in zip(_OF_SESSIONS, figures, strict=True):
                counts.buckets[figure][int(key)] = int(number)
        else:
            counts.keys[name][sys.intern(key)] = figures[0]


def _count_events(stats: Stats, names: Collection[str], question: Question, counts: Counts) -> None:
    """Of the tables that have few rows, all in one query."""
    parts = []
    for name in names:
        if _table(name) not in ("", "sessions", "pageviews"):
            column, table = TOPS[name]
            parts.append(f"SELECT '{name}', {column} AS key, count(*) {question.rows(table)} GROUP BY key")
    if PROPERTIES in names:
        rows = question.rows("events_custom")
        keys = f"SELECT unnest(json_keys(properties)) AS key {rows}"
        parts.append(f"SELECT '{PROPERTIES}', key, count(*) FROM ({keys}) GROUP BY key")
    if parts:
        for name, key, number in _ask(stats, " UNION ALL ".join(parts), question):
            counts.keys[name][sys.intern(key)] = number


def _count_visitors(stats: Stats, question: Question, part: Part, known: str, counts: Counts) -> None:
    bucket = _bucket(part, "pageviews")
    # A table of its own, and not a part of one query: DuckDB knows then how few rows it has, and joins the other way.
    query = f"SELECT {bucket} AS bucket, hash(visitor_id) AS id, count(*) AS views {question.rows('pageviews')}"
    stats.ask(f"CREATE OR REPLACE TEMP TABLE came AS {query} GROUP BY ALL", question)
    last, join = ("known.bucket", f"LEFT JOIN {known} AS known ON known.id = came.id") if known else ("NULL", "")
    query = f"""
WITH seen AS MATERIALIZED (SELECT came.*, {last} AS last FROM came {join})
SELECT bucket, count(*) FILTER (last IS DISTINCT FROM bucket), sum(views) FROM seen GROUP BY bucket
UNION ALL SELECT NULL, count(DISTINCT id) FILTER (last IS NULL), 0 FROM seen
"""
    for number, visitors, views in stats.ask(query, question):
        if number is None:
            counts.visitors = visitors
        else:
            counts.buckets["visitors"][number] = visitors
            counts.buckets["pageviews"][number] = int(views)


def _table(name: str) -> str:
    return TOPS[name][1] if name in TOPS else ""


def _bucket(part: Part, table: str) -> str:
    """The number of a row's bucket in the whole span; the part's rows are in few."""
    first = bisect_right(part.edges, part.start) - 1
    edges = part.edges[first : max(bisect_left(part.edges, part.end), first + 1) + 1]
    return f"CAST({bucket_of(table, edges)} + {first} AS INTEGER)"


def _ask(stats: Stats, query: str, question: Question) -> list[Row]:
    rows = stats.ask(f"{query} LIMIT {MOST_KEYS + 1}", question)
    if len(rows) > MOST_KEYS:
        raise ManyKeysError
    return rows
