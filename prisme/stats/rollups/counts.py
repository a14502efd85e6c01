"""The counts of a part of a span, made of rollups: what `cache/partials.py` and `cache/keys.py` count from the rows."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Collection, Iterator, Mapping

from prisme.stats.buckets import hour_of_week
from prisme.stats.cache.partials import Counts, Part, part_bucket
from prisme.stats.columns import HOURS
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import DUCKDB
from prisme.stats.queries import Stats
from prisme.stats.rollups.cover import Cover
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import GENERATED, VISITOR
from prisme.store.rollups import DAY, SLOT

_SUMS = load_sql("rolled_sums")
_VISITORS = load_sql("rolled_visitors")
_NAMED = load_sql("rolled_named")
_KEYS = load_sql("rolled_keys")
_TIME = f'make_timestamp(CAST(slot AS BIGINT) * {SLOT}) AS "timestamp"'


def count_rolled(stats: Stats, part: Part, cover: Cover, conditions: Conditions) -> Counts:
    """What `partials.count` returns, of a part that begins and ends as the cover does.

    The temporary table `named` has the visitors who may come back at any time. Raises UnavailableError.
    """
    counts = Counts()
    bucket = part_bucket(part, "pageviews", conditions)
    query = _SUMS.format(bucket=bucket, slot=SLOT, rows=_slots("rollup.slots", conditions, cover))
    for number, pageviews, events, sessions, bounces, durations in stats.run(query, conditions):
        stats.reader.check()
        counts.buckets["pageviews"][number] = int(pageviews)
        counts.buckets["events"][number] = int(events)
        counts.buckets["sessions"][number] = int(sessions)
        counts.buckets["bounces"][number] = int(bounces)
        counts.buckets["durations"][number] = int(durations)
    query = _VISITORS.format(
        bucket=bucket, slot=SLOT, first=cover.start // SLOT, rows=_slots("rollup.visitors", conditions, cover)
    )
    named = _NAMED.format(bucket=bucket, slot=SLOT, rows=_slots("rollup.named_visitors", conditions, cover))
    stats.run(named, conditions)
    rows = [
        *stats.run(query, conditions),
        *stats.run("SELECT bucket, count(*), 0 FROM named GROUP BY bucket", conditions),
    ]
    for number, came, began in rows:
        stats.reader.check()
        counts.buckets["visitors"][number] += int(came)
        counts.visitors += int(began)
    ((all_named,),) = stats.run("SELECT count(DISTINCT visitor) FROM named", conditions)
    counts.visitors += all_named
    return counts


def compose_visitors(part: Part, cover: Cover, conditions: Conditions) -> str:
    """A query of the visitors who may come again, with the columns of `cached_visitors.sql`, after `count_rolled`."""
    bucket = part_bucket(part, "pageviews", conditions)
    recent = f"make_timestamp({conditions.bind(max(cover.end - DAY, cover.start))})"
    return (
        f"SELECT visitor AS id, bucket, 0 AS day FROM named UNION ALL "
        f'SELECT {VISITOR}, {bucket}, epoch_us("timestamp") // {DAY} {conditions.rows("pageviews")} '
        f'AND "timestamp" >= {recent} AND {GENERATED}'
    )


def compose_keys(
    names: Collection[str], numbers: Mapping[str, int], cover: Cover, part: Part, conditions: Conditions
) -> Iterator[str]:
    """Queries of the keys in the units of the cover, with their counts; `numbers` are those of the lists."""
    in_units = [name for name in names if name != HOURS]
    if cover.units and in_units:
        yield _KEYS.format(
            numbers=" ".join(f"WHEN '{name}' THEN {numbers[name]}" for name in in_units),
            rows=conditions.rows_of_domains("rollup.keys"),
            units=", ".join(str(unit.id) for unit in cover.units),
            lists=", ".join(f"'{name}'" for name in in_units),
        )
    if HOURS in names:
        rows = _slots("rollup.slots", conditions, cover)
        hour = hour_of_week(part.start, part.end, part.zone, DUCKDB)
        yield (
            f"SELECT {numbers[HOURS]} AS which, CAST(hour AS VARCHAR) AS key, CAST(sum(pageviews) AS BIGINT) AS count "
            f"FROM (SELECT pageviews, {hour} AS hour FROM (SELECT pageviews, {_TIME} {rows} AND pageviews > 0)) "
            "GROUP BY hour"
        )


def _slots(table: str, conditions: Conditions, cover: Cover) -> str:
    """The FROM and WHERE clauses of the slots of a cover."""
    first, end = cover.start // SLOT, cover.end // SLOT
    return f"{conditions.rows_of_domains(table)} AND slot >= {first} AND slot < {end}"
