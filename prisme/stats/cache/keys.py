"""The lists of a part of a span, their keys with counts; and tables, in memory, of the keys and visitors of parts."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND, floor
from prisme.stats.buckets import hour_of_week
from prisme.stats.cache.partials import Counts, Part, Tables, part_bucket
from prisme.stats.cache.session_keys import compose_session_lists
from prisme.stats.columns import HOURS, PROPERTIES, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.grouping import GroupingSets
from prisme.stats.imported import compose_keys, find_days
from prisme.stats.queries import Stats
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import GENERATED, IS_GENERATED, VISITOR

# Lists by their numbers in tables.
_NAMES: Final = (*TOPS, PROPERTIES, HOURS)
_NUMBERS: Final = {name: number for number, name in enumerate(_NAMES)}
# More keys are not cached: nobody reads that far, and they take memory.
MOST_KEYS: Final = 50_000
_KEYS: Final = load_sql("partial_keys")
_PROPERTIES: Final = load_sql("custom_properties")
_CACHED_VISITORS: Final = load_sql("cached_visitors")
_CACHED_COUNTS: Final = load_sql("cached_counts")
_DAY: Final = 86_400 * SECOND

# DuckDB plans 15 grouping sets in some 15 ms. Below so many rows, it is faster to make a row of each value.
_FEW: Final = 30_000
# Composes a query that counts rows by the values of columns, which are expressions by the lists' names.
_CountColumns = Callable[[Mapping[str, str], str], str]
# Keys with their counts.
Rows = list[tuple[str, int]]


class KeyCounts(NamedTuple):
    """What `Tables` hold: how many visitors, the counts of each list, the highest first, and the bytes of all keys."""

    visitors: int
    by_list: dict[str, list[int]]
    key_bytes: int


class LargeError(Exception):
    """The counts of a selection are too large to be cached."""


class ManyKeysError(LargeError):
    """The lists have more than `MOST_KEYS` keys."""


def rank(
    stats: Stats,
    names: Collection[str],
    part: Part,
    conditions: Conditions,
    earlier: Tables | None,
    least: Mapping[str, int],
    counts: Counts,
) -> dict[str, Rows]:
    """Return the keys of some lists with their counts, in no order; those of earlier parts are included.

    For a list in `least`, only keys with at least that count are returned, except for `HOURS`. `conditions` and
    `counts` are those of the part. Raises ManyKeysError.
    """
    found: dict[str, Rows] = {name: [] for name in names}
    if not names:
        return found
    some = names if earlier is None else [name for name in names if _has_rows(name, counts)]
    lists = [
        *_compose_lists(some, part, conditions, _count_few if counts.rows < _FEW else _count_many),
        *_compose_events(some, conditions),
        *_compose_earlier(earlier),
        *_compose_imported(stats, names, part, conditions),
    ]
    query = _join(lists) + _having(least) + f" LIMIT {MOST_KEYS + 1}"
    rows = stats.run(query, conditions)
    if len(rows) > MOST_KEYS:
        raise ManyKeysError
    for number, key, total in rows:
        stats.reader.check()
        found[_NAMES[number]].append((key, int(total)))
    return found


def list_columns(names: Collection[str], part: Part) -> dict[int, str]:
    """Return the columns of `pageviews` by which `count` has to count a part for `create_tables`, by their numbers."""
    return {_NUMBERS[name]: column for name, column in _columns_of("pageviews", names, part).items()}


def create_tables(
    stats: Stats, names: Collection[str], part: Part, conditions: Conditions, earlier: Tables | None, tables: Tables
) -> KeyCounts:
    """Create the tables of the earlier parts and this one, which `count` has just counted. Returns what they hold.

    In `Reader.storing`. Raises ManyKeysError and UnavailableError.
    """
    _create_visitors(stats, part, conditions, earlier, tables.visitors)
    _create_keys(stats, names, part, conditions, earlier, tables.keys)
    rows = stats.run(_CACHED_COUNTS.format(table=tables.keys), conditions)
    found = {_NAMES[number]: counts for number, counts, _ in rows}
    if sum(map(len, found.values())) > MOST_KEYS:
        raise ManyKeysError
    ((visitors,),) = stats.run(f"SELECT count(*) FROM {tables.visitors}", conditions)
    return KeyCounts(visitors, found, sum(int(size) for *_, size in rows))


def _create_visitors(stats: Stats, part: Part, conditions: Conditions, earlier: Tables | None, table: str) -> None:
    # Those who were seen on the day before that of the cut, or later, may be seen after it.
    day = part.end // _DAY - 1
    bucket, since = part_bucket(part, "pageviews", conditions), conditions.bind(day * _DAY)
    rows = (
        f"SELECT id, bucket, 0 AS day FROM came WHERE which IS NULL AND NOT {IS_GENERATED} "
        f'UNION ALL SELECT {VISITOR}, {bucket}, epoch_us("timestamp") // {_DAY} {conditions.rows("pageviews")} '
        f'AND "timestamp" >= make_timestamp({since}) AND {GENERATED}'
    )
    if earlier is not None:
        rows += f" UNION ALL SELECT id, bucket, day FROM {earlier.visitors} WHERE day >= {day} OR NOT {IS_GENERATED}"
    stats.run(_CACHED_VISITORS.format(table=table, rows=rows), conditions)


def _create_keys(
    stats: Stats, names: Collection[str], part: Part, conditions: Conditions, earlier: Tables | None, table: str
) -> None:
    query = f"CREATE TABLE {table} (which INTEGER, key VARCHAR, count BIGINT)"
    if names:
        lists = [
            *compose_session_lists(stats, names, _NUMBERS, conditions),
            "SELECT which, key, views AS count FROM came WHERE which IS NOT NULL",
            *_compose_events(names, conditions),
            *_compose_earlier(earlier),
            *_compose_imported(stats, names, part, conditions),
        ]
        query = f"CREATE TABLE {table} AS {_join(lists)} LIMIT {MOST_KEYS + 1}"
    stats.run(query, conditions)


def _having(least: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN {_NUMBERS[name]} THEN {number}" for name, number in least.items() if name != HOURS)
    return f" HAVING sum(counted.count) >= CASE which {cases} ELSE 0 END" if cases else ""


def _join(lists: Iterable[str]) -> str:
    """Return a query: number of the list, key and count."""
    return _KEYS.format(counted=" UNION ALL ".join(f"({one})" for one in lists), properties=_NUMBERS[PROPERTIES])


def _compose_imported(stats: Stats, names: Collection[str], part: Part, conditions: Conditions) -> Iterator[str]:
    # A day in which the part begins was not over before it.
    start = floor(part.start, "d", part.zone)
    days = find_days(stats, part.filters, start, part.end, part.zone)
    return compose_keys(names, _NUMBERS, conditions, part.filters, days)


def _compose_lists(names: Collection[str], part: Part, conditions: Conditions, count: _CountColumns) -> Iterator[str]:
    """The lists of sessions and pageviews."""
    for table in ("sessions", "pageviews"):
        columns = _columns_of(table, names, part)
        if columns:
            yield count(columns, conditions.rows(table))


def _columns_of(table: str, names: Collection[str], part: Part) -> dict[str, str]:
    columns = {name: TOPS[name][0] for name in names if _table(name) == table}
    if table == "pageviews" and HOURS in names:
        columns[HOURS] = hour_of_week(part.start, part.end, part.zone)
    return columns


def _compose_events(names: Collection[str], conditions: Conditions) -> Iterator[str]:
    for name in names:
        if _table(name) not in ("", "sessions", "pageviews"):
            column, table = TOPS[name]
            rows = conditions.rows(table)
            yield f"SELECT {_NUMBERS[name]} AS which, {column} AS key, count(*) AS count {rows} GROUP BY key"
    if PROPERTIES in names:
        counted = _PROPERTIES.format(rows=conditions.rows("events_custom"))
        yield f"SELECT {_NUMBERS[PROPERTIES]} AS which, key, count FROM ({counted})"


def _compose_earlier(earlier: Tables | None) -> Iterator[str]:
    if earlier is not None:
        yield f"SELECT which, key, count FROM {earlier.keys}"


def _count_many(columns: Mapping[str, str], rows: str) -> str:
    grouping = GroupingSets(columns)
    return (
        f"SELECT {grouping.number(_NUMBERS)} AS which, {grouping.key} AS key, count(*) AS count "
        f"FROM (SELECT {grouping.columns} {rows}) GROUP BY {grouping.sets}"
    )


def _count_few(columns: Mapping[str, str], rows: str) -> str:
    numbers = ", ".join(str(_NUMBERS[name]) for name in columns)
    keys = ", ".join(f"CAST({column} AS VARCHAR)" for column in columns.values())
    return (
        f"SELECT which, key, count(*) AS count FROM (SELECT unnest([{numbers}]) AS which, unnest(keys) AS key "
        f"FROM (SELECT [{keys}] AS keys {rows})) GROUP BY which, key"
    )


def _has_rows(name: str, counts: Counts) -> bool:
    """Whether a list has anything to count in a part."""
    table = "pageviews" if name == HOURS else _table(name)
    return bool(counts.buckets[table if table in ("sessions", "pageviews") else "events"].total())


def _table(name: str) -> str:
    """Return the table that a list counts, empty for those that count something else than a column."""
    return TOPS[name][1] if name in TOPS else ""
