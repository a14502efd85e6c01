"""The lists of a part of a span, their keys with counts; and tables, in memory, of the keys and visitors of parts."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND, floor
from prisme.stats.cache.partials import NAMES, NUMBERS, Counts, Part, Tables, part_bucket
from prisme.stats.cache.session_keys import compose_session_lists
from prisme.stats.columns import EVENTS, HOURS, PROPERTIES, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.imported import compose_keys, find_days
from prisme.stats.queries import Stats
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import GENERATED, IS_GENERATED, VISITOR

# More keys are not cached: nobody reads that far, and they take memory.
MOST_KEYS: Final = 50_000
_KEYS: Final = load_sql("partial_keys")
_CACHED_VISITORS: Final = load_sql("cached_visitors")
_CACHED_COUNTS: Final = load_sql("cached_counts")
_NOTHING: Final = "SELECT 0 AS which, '' AS key, 0 AS count WHERE false"
_DAY: Final = 86_400 * SECOND
# Keys with their counts.
Rows = list[tuple[str, int]]


class KeyCounts(NamedTuple):
    """What `Tables` hold: how many visitors, the counts of each list, the highest first, and the bytes of all keys."""

    visitors: int
    by_list: dict[str, list[int]]
    key_bytes: int


class ManyKeysError(Exception):
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
    lists = (
        *compose_imported(stats, names, part, conditions),
        *compose_lists(stats, names, conditions, earlier, counts),
    )
    query = _join(lists) + _having(least) + f" LIMIT {MOST_KEYS + 1}"
    rows = stats.run(query, conditions)
    if len(rows) > MOST_KEYS:
        raise ManyKeysError
    for number, key, total in rows:
        stats.reader.check()
        found[NAMES[number]].append((key, int(total)))
    return found


def create_tables(
    stats: Stats,
    names: Collection[str],
    part: Part,
    conditions: Conditions,
    earlier: Tables | None,
    counts: Counts,
    tables: Tables,
) -> KeyCounts:
    """Create the tables of the earlier parts and this one, which `count` has just counted. Returns what they hold.

    In `Reader.storing`. Raises ManyKeysError and UnavailableError.
    """
    lists = (
        *compose_imported(stats, names, part, conditions),
        *compose_lists(stats, names, conditions, earlier, counts),
    )
    return fill_tables(stats, _compose_visitors(part, conditions, earlier), lists, conditions, tables)


def fill_tables(stats: Stats, visitors: str, lists: Iterable[str], conditions: Conditions, tables: Tables) -> KeyCounts:
    """Create tables of the rows of queries: of visitors, and of keys. Returns what they hold.

    In `Reader.storing`. Raises ManyKeysError and UnavailableError.
    """
    stats.run(_CACHED_VISITORS.format(table=tables.visitors, rows=visitors), conditions)
    stats.run(f"CREATE TABLE {tables.keys} AS {_join(lists)} LIMIT {MOST_KEYS + 1}", conditions)
    rows = stats.run(_CACHED_COUNTS.format(table=tables.keys), conditions)
    found = {NAMES[number]: counts for number, counts, _ in rows}
    if sum(map(len, found.values())) > MOST_KEYS:
        raise ManyKeysError
    ((count,),) = stats.run(f"SELECT count(*) FROM {tables.visitors}", conditions)
    return KeyCounts(count, found, sum(int(size) for *_, size in rows))


def _compose_visitors(part: Part, conditions: Conditions, earlier: Tables | None) -> str:
    """The visitors of the earlier parts and this one who may come again."""
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
    return rows


def _having(least: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN {NUMBERS[name]} THEN {number}" for name, number in least.items() if name != HOURS)
    return f" HAVING sum(counted.count) >= CASE which {cases} ELSE 0 END" if cases else ""


def _join(lists: Iterable[str]) -> str:
    """Return a query: number of the list, key and count."""
    return _KEYS.format(counted=" UNION ALL ".join(f"({one})" for one in lists), properties=NUMBERS[PROPERTIES])


def compose_imported(stats: Stats, names: Collection[str], part: Part, conditions: Conditions) -> Iterator[str]:
    """Return the queries of the lists' keys that imports brought for days of a part."""
    # A day in which the part begins was not over before it.
    start = floor(part.start, "d", part.zone)
    days = find_days(stats, part.filters, start, part.end, part.zone)
    return compose_keys(names, NUMBERS, conditions, part.filters, days)


def compose_lists(
    stats: Stats, names: Collection[str], conditions: Conditions, earlier: Tables | None, counts: Counts
) -> Iterator[str]:
    """Return the queries of some lists: those of the part, whose counts are `counts`, and of the earlier ones."""
    yield _NOTHING
    if counts.buckets["sessions"]:
        yield from compose_session_lists(stats, names, NUMBERS, conditions)
    if counts.buckets["pageviews"]:
        yield "SELECT which, key, views AS count FROM came WHERE which IS NOT NULL"
    if counts.buckets["events"]:
        yield from _compose_event_lists(names)
    if earlier is not None:
        yield f"SELECT which, key, count FROM {earlier.keys}"


def _compose_event_lists(names: Collection[str]) -> Iterator[str]:
    for name in names:
        table = TOPS[name][1] if name in TOPS else ""
        if table in EVENTS:
            yield f"SELECT {NUMBERS[name]} AS which, key, events AS count FROM happened WHERE \"table\" = '{table}'"
    if PROPERTIES in names:  # an event counts once for a name that it repeats
        key = "unnest(list_distinct(names)) AS key"
        yield f"SELECT {NUMBERS[PROPERTIES]} AS which, {key}, events AS count FROM happened"
