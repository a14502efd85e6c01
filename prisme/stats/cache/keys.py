"""The lists of a part of a span, their keys with counts; and tables, in memory, of the keys and visitors of parts."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prisme.base.timexpr import floor
from prisme.stats.buckets import hour_of_week
from prisme.stats.cache.partials import Counts, Part, Tables, part_bucket
from prisme.stats.columns import HOURS, PROPERTIES, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.grouping import GroupingSets
from prisme.stats.imported import compose_keys, find_days
from prisme.stats.queries import Stats
from prisme.stats.rollups.counts import compose_keys as compose_rolled_keys
from prisme.stats.rollups.counts import compose_visitors as compose_rolled_visitors
from prisme.stats.rollups.cover import Cover
from prisme.stats.sql import load_sql

# Lists by their numbers in tables.
_NAMES: Final = (*TOPS, PROPERTIES, HOURS)
_NUMBERS: Final = {name: number for number, name in enumerate(_NAMES)}
# More keys are not cached: nobody reads that far, and they take memory.
MOST_KEYS: Final = 50_000
_KEYS: Final = load_sql("partial_keys")
_PROPERTIES: Final = load_sql("custom_properties")
_CACHED_VISITORS: Final = load_sql("cached_visitors")
_CACHED_COUNTS: Final = load_sql("cached_counts")

# DuckDB plans 15 grouping sets in some 15 ms. Below so many rows, it is faster to make a row of each value.
_FEW: Final = 30_000
# Composes a query that counts rows by the values of columns, which are expressions by the lists' names.
_CountColumns = Callable[[Mapping[str, str], str], str]
# Keys with their counts.
Rows = list[tuple[str, int]]


class KeyCounts(NamedTuple):
    """The counts of each list, the highest first, and the bytes of all keys together."""

    by_list: dict[str, list[int]]
    key_bytes: int


class ManyKeysError(Exception):
    """The lists have more than `MOST_KEYS` keys."""


def rank(
    stats: Stats, names: Collection[str], part: Part, earlier: Tables | None, least: Mapping[str, int], counts: Counts
) -> dict[str, Rows]:
    """Return the keys of some lists with their counts, in no order; those of earlier parts are included.

    For a list in `least`, only keys with at least that count are returned, except for `HOURS`. `counts` are those of
    the part. Raises ManyKeysError.
    """
    found: dict[str, Rows] = {name: [] for name in names}
    if not names:
        return found
    conditions = stats.conditions(part.filters, part.start, part.end)
    some = names if earlier is None else [name for name in names if _has_rows(name, counts)]
    lists = [
        *_compose_lists(some, part, conditions, earlier, _count_few if counts.rows < _FEW else _count_many),
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


def create_tables(
    stats: Stats,
    names: Collection[str],
    part: Part,
    earlier: Tables | None,
    tables: Tables,
    cover: Cover | None = None,
) -> KeyCounts:
    """Create the tables of the earlier parts and this one. Returns what they count.

    With a cover, rollups have the part. Raises ManyKeysError, and what `Reader.keep` raises; the tables are then
    dropped.
    """
    try:
        _create_visitors(stats, part, earlier, tables.visitors, cover)
        _create_keys(stats, names, part, earlier, tables.keys, cover)
        rows = stats.reader.keep(_CACHED_COUNTS.format(table=tables.keys), {})
        found = {_NAMES[number]: counts for number, counts, _ in rows}
        if sum(map(len, found.values())) > MOST_KEYS:
            raise ManyKeysError
        return KeyCounts(found, sum(int(size) for *_, size in rows))
    except BaseException:
        stats.reader.drop(tables)
        raise


def _create_visitors(stats: Stats, part: Part, earlier: Tables | None, table: str, cover: Cover | None) -> None:
    conditions = stats.conditions(part.filters, part.start, part.end)
    if cover is None:
        bucket = part_bucket(part, "pageviews", conditions)
        rows = f"SELECT hash(visitor_id) AS id, {bucket} AS bucket {conditions.rows('pageviews')}"
    else:
        rows = compose_rolled_visitors(part, cover, conditions)
    if earlier is not None:
        rows = f"SELECT id, bucket FROM {earlier.visitors} UNION ALL {rows}"
    query = _CACHED_VISITORS.format(table=table, rows=rows)
    stats.reader.keep(query, conditions.used_by(query))


def _create_keys(
    stats: Stats, names: Collection[str], part: Part, earlier: Tables | None, table: str, cover: Cover | None
) -> None:
    conditions = stats.conditions(part.filters, part.start, part.end)
    query = f"CREATE TABLE {table} (which INTEGER, key VARCHAR, count BIGINT)"
    if names:
        lists = [
            *(
                _compose_lists(names, part, conditions, earlier, _count_many)
                if cover is None
                else _compose_covered(names, part, conditions, cover)
            ),
            *_compose_imported(stats, names, part, conditions),
        ]
        query = f"CREATE TABLE {table} AS {_join(lists)} LIMIT {MOST_KEYS + 1}"
    stats.reader.keep(query, conditions.used_by(query))


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


def _compose_covered(names: Collection[str], part: Part, conditions: Conditions, cover: Cover) -> Iterator[str]:
    yield from compose_rolled_keys(names, _NUMBERS, cover, part, conditions)
    some = [name for name in names if name != HOURS]
    if cover.start < cover.edge:
        ends = conditions.within(cover.start, cover.edge)
        yield from _compose_lists(some, part._replace(end=cover.edge), ends, None, _count_many)


def _compose_lists(
    names: Collection[str], part: Part, conditions: Conditions, earlier: Tables | None, count: _CountColumns
) -> Iterator[str]:
    for table in ("sessions", "pageviews"):
        columns = {name: TOPS[name][0] for name in names if _table(name) == table}
        if table == "pageviews" and HOURS in names:
            columns[HOURS] = hour_of_week(part.start, part.end, part.zone)
        if columns:
            yield count(columns, conditions.rows(table))
    for name in names:
        if _table(name) not in ("", "sessions", "pageviews"):
            column, table = TOPS[name]
            rows = conditions.rows(table)
            yield f"SELECT {_NUMBERS[name]} AS which, {column} AS key, count(*) AS count {rows} GROUP BY key"
    if PROPERTIES in names:
        counted = _PROPERTIES.format(rows=conditions.rows("events_custom"))
        yield f"SELECT {_NUMBERS[PROPERTIES]} AS which, key, count FROM ({counted})"
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
