"""Counts a part of a span by its rollups, and makes the same tables of it as are made from the rows."""

from collections.abc import Collection, Iterator

from prisme.stats.cache.keys import KeyCounts, compose_imported, compose_lists, fill_tables
from prisme.stats.cache.partials import NUMBERS, Counts, Part, Tables, count, open_part
from prisme.stats.columns import HOURS
from prisme.stats.conditions import Conditions
from prisme.stats.queries import Stats
from prisme.stats.rollups.counts import compose_keys, compose_visitors, count_rolled
from prisme.stats.rollups.cover import Cover


def count_covered(
    stats: Stats, names: Collection[str], part: Part, cover: Cover, tables: Tables
) -> tuple[Counts, KeyCounts]:
    """Count a part that begins and ends as the cover does, and create its tables.

    Returns the counts, and what the tables hold. In `Reader.storing`. Raises ManyKeysError and UnavailableError.
    """
    conditions = open_part(stats, part)
    counts = count_rolled(stats, part, cover, conditions)
    visitors = compose_visitors(part, cover, conditions)
    return counts, fill_tables(
        stats, visitors, _compose_lists(stats, names, part, cover, conditions), conditions, tables
    )


def _compose_lists(
    stats: Stats, names: Collection[str], part: Part, cover: Cover, conditions: Conditions
) -> Iterator[str]:
    """The queries of some lists: of the units, and of the rows before the edge."""
    yield from compose_imported(stats, names, part, conditions)
    yield from compose_keys(names, NUMBERS, cover, part, conditions)
    before, some = part._replace(end=cover.edge), [name for name in names if name != HOURS]
    rows = conditions.within(cover.start, cover.edge)
    yield from compose_lists(stats, some, rows, None, count(stats, some, before, rows, None))
