"""Counts that add up: what is in one part of a span, so that parts can be counted at different times.

All that a dashboard shows is such a count, but its visitors: one who comes again later is none more. What was counted
of earlier parts, and who came in them, is in tables in memory. A visitor is there by a hash of 64 bits: two of a
million share one with a probability below one in ten million.
"""
# What is put together here is ours; what was sent is bound.
# ruff: noqa: S608

import datetime
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from prisme.stats.filters import Filters
from prisme.stats.queries import EVENTS, LASTED, TOPS, Question, Sets, Span, Stats, bucket_of, hour_of_week

PROPERTIES: Final = "custom-properties"
HOURS: Final = "weekday-hours"
# Lists by their numbers in tables.
_NAMES: Final = (*TOPS, PROPERTIES, HOURS)
_NUMBERS: Final = {name: number for number, name in enumerate(_NAMES)}
# A list with more keys is not kept: nobody looks at them, and they take memory.
MOST_KEYS: Final = 50_000
# Of each bucket; `lasted` is in microseconds, of all sessions together.
FIGURES: Final = ("visitors", "pageviews", "events", "sessions", "bounces", "lasted")

Rows = list[tuple[str, int]]


class ManyKeysError(Exception):
    """A part has more than `MOST_KEYS`."""


class Part(NamedTuple):
    """From `start` to before `end`, of a span with such edges: all in microseconds. `zone` is that of `HOURS`."""

    filters: Filters
    start: int
    end: int
    edges: list[int]
    zone: datetime.tzinfo


class Tables(NamedTuple):
    """Of earlier parts: visitors, each with the last bucket that they were in, and keys with their counts."""

    visitors: str
    keys: str


class Counts:
    """`FIGURES` by the number of the bucket, and `visitors` of all buckets together."""

    def __init__(self) -> None:
        self.buckets: dict[str, Counter[int]] = {figure: Counter() for figure in FIGURES}
        self.visitors = 0

    @property
    def rows(self) -> int:
        """Pageviews and events."""
        return self.buckets["pageviews"].total() + self.buckets["events"].total()

    def add(self, other: "Counts") -> None:
        """Add those of a later part."""
        for figure, by_bucket in other.buckets.items():
            self.buckets[figure].update(by_bucket)
        self.visitors += other.visitors


def count(stats: Stats, part: Part, known: Tables | None) -> Counts:
    """What is in a part; of visitors, those that are not `known`."""
    counts, question = Counts(), stats.question(part.filters, part.start, part.end)
    if part.start >= part.end:
        return counts
    rows = stats.ask(
        f"SELECT {_bucket(part, 'sessions')} AS bucket, count(*), count(*) FILTER (is_bounce), "
        f"sum({LASTED}) {question.rows('sessions')} GROUP BY bucket",
        question,
    )
    for number, *figures in rows:
        for figure, value in zip(("sessions", "bounces", "lasted"), figures, strict=True):
            counts.buckets[figure][number] = int(value)
    events = " UNION ALL ".join(f"SELECT {_bucket(part, table)} AS bucket {question.rows(table)}" for table in EVENTS)
    for number, value in stats.ask(f"SELECT bucket, count(*) FROM ({events}) GROUP BY bucket", question):
        counts.buckets["events"][number] = value
    # A table of its own, and not a part of one query: DuckDB knows then how few rows it has, and joins the other way.
    query = f"SELECT {_bucket(part, 'pageviews')} AS bucket, hash(visitor_id) AS id, count(*) AS views "
    stats.ask(f"CREATE OR REPLACE TEMP TABLE came AS {query}{question.rows('pageviews')} GROUP BY ALL", question)
    last, join = (
        ("known.bucket", f"LEFT JOIN {known.visitors} AS known ON known.id = came.id") if known else ("NULL", "")
    )
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
    return counts


def rank(
    stats: Stats, names: Collection[str], part: Part, known: Tables | None, least: Mapping[str, int]
) -> dict[str, Rows]:
    """The keys of some of `TOPS`, `PROPERTIES` and `HOURS` with their counts, those that are `known` included.

    Of each list those that have the `least` count or more, in no order, and all hours. Raises ManyKeysError.
    """
    found: dict[str, Rows] = {name: [] for name in names}
    if not names:
        return found
    question = stats.question(part.filters, part.start, part.end)
    query = _keys(names, part, question, known)
    cases = " ".join(f"WHEN {_NUMBERS[name]} THEN {number}" for name, number in least.items() if name != HOURS)
    if cases:
        query += f" HAVING sum(counted.count) >= CASE which {cases} ELSE 0 END"
    rows = stats.ask(f"{query} LIMIT {MOST_KEYS + 1}", question)
    if len(rows) > MOST_KEYS:
        raise ManyKeysError
    for number, key, total in rows:
        found[_NAMES[number]].append((key, int(total)))
    return found


def keep(
    stats: Stats, names: Collection[str], part: Part, known: Tables | None, tables: Tables
) -> dict[str, list[int]]:
    """Make the tables of what is known and of a part. Gives the counts of each list, the greatest first.

    Raises ManyKeysError, and what `Reader.keep` raises; then there are no tables.
    """
    try:
        return _keep(stats, names, part, known, tables)
    except BaseException:
        stats.reader.drop(tables)
        raise


def _keep(
    stats: Stats, names: Collection[str], part: Part, known: Tables | None, tables: Tables
) -> dict[str, list[int]]:
    question = stats.question(part.filters, part.start, part.end)
    rows = f"SELECT hash(visitor_id) AS id, {_bucket(part, 'pageviews')} AS bucket {question.rows('pageviews')}"
    if known:
        rows = f"SELECT id, bucket FROM {known.visitors} UNION ALL {rows}"
    query = f"CREATE TABLE {tables.visitors} AS SELECT id, max(bucket) AS bucket FROM ({rows}) GROUP BY id"
    stats.reader.keep(query, question.named_in(query))
    if not names:
        query = f"CREATE TABLE {tables.keys} (which INTEGER, key VARCHAR, count BIGINT)"
    else:
        query = f"CREATE TABLE {tables.keys} AS {_keys(names, part, question, known)} LIMIT {MOST_KEYS + 1}"
    stats.reader.keep(query, question.named_in(query))
    query = f"SELECT which, list(count ORDER BY count DESC) FROM {tables.keys} GROUP BY which"
    found = {_NAMES[number]: counts for number, counts in stats.reader.keep(query, {})}
    if sum(map(len, found.values())) > MOST_KEYS:
        raise ManyKeysError
    return found


def _keys(names: Collection[str], part: Part, question: Question, known: Tables | None) -> str:
    """A query of the number of a list, a key and its count."""
    hours = {HOURS: hour_of_week(Span(part.start, part.end, []), part.zone)} if HOURS in names else {}
    parts = []
    for table in ("sessions", "pageviews"):
        columns = {name: TOPS[name][0] for name in names if _table(name) == table}
        if table == "pageviews":
            columns |= hours
        if columns:
            sets = Sets(columns)
            parts.append(
                f"SELECT {sets.number(_NUMBERS)} AS which, {sets.key} AS key, count(*) AS count "
                f"FROM (SELECT {sets.named} {question.rows(table)}) GROUP BY {sets.sets}"
            )
    for name in names:
        if _table(name) not in ("", "sessions", "pageviews"):
            column, table = TOPS[name]
            parts.append(f"SELECT {_NUMBERS[name]}, {column} AS key, count(*) {question.rows(table)} GROUP BY key")
    if PROPERTIES in names:
        rows = f"SELECT unnest(json_keys(properties)) AS key {question.rows('events_custom')}"
        parts.append(f"SELECT {_NUMBERS[PROPERTIES]}, key, count(*) FROM ({rows}) GROUP BY key")
    if known:
        parts.append(f"SELECT which, key, count FROM {known.keys}")
    counted = " UNION ALL ".join(f"({one})" for one in parts)
    # An empty text is none, but a property may be called so.
    kept = f"WHERE key <> '' OR which = {_NUMBERS[PROPERTIES]}"
    total = "CAST(sum(counted.count) AS BIGINT) AS count"
    return f"SELECT which, key, {total} FROM ({counted}) AS counted {kept} GROUP BY which, key"


def _table(name: str) -> str:
    return TOPS[name][1] if name in TOPS else ""


def _bucket(part: Part, table: str) -> str:
    """The number of a row's bucket in the whole span; the part's rows are in few."""
    first = bisect_right(part.edges, part.start) - 1
    edges = part.edges[first : max(bisect_left(part.edges, part.end), first + 1) + 1]
    return f"CAST({bucket_of(table, edges)} + {first} AS INTEGER)"
