"""The rows of lists with several figures each, counted for all lists that are asked for in one query."""
# Only SQL made here is composed; values from requests are bound.

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from prisme.stats.breakdown_parts import compose_parts
from prisme.stats.columns import TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.filters import Filters
from prisme.stats.frames import Frame, make_list
from prisme.stats.imported import Days, compose_rows, find_days, find_later_days
from prisme.stats.list_metrics import LIST_METRICS, Figures, list_metrics
from prisme.stats.matching_sessions import choose_sessions
from prisme.stats.queries import Stats
from prisme.stats.rollups.cover import Cover
from prisme.stats.rollups.rows import compose_rolled_parts
from prisme.stats.selection import Page, Span

_SUMS: Final = ", ".join(f"sum(parts.{name}) AS {name}" for name in Figures._fields[1:])


class ListQuery(msgspec.Struct, frozen=True):
    """Rows of `name`, one of `TOPS`: those of `page` in the order of the figure `rank`, or only those of `keys`.

    `needs` are the figures of `Figures` to count; others are 0 unless they cost nothing.
    """

    name: str
    rank: str
    needs: tuple[str, ...]
    page: Page
    keys: tuple[str, ...] | None = None


def query_list(name: str, metric: str, page: Page) -> ListQuery:
    """The query of a list's rows by one of `LIST_METRICS`."""
    chosen = LIST_METRICS[metric]
    return ListQuery(name, chosen.rank, chosen.needs, page)


def is_row(name: str, row: Figures) -> bool:
    """Whether figures are a row of a list: a page on which sessions entered may have no pageview that counts."""
    return TOPS[name][1] != "pageviews" or row.actions > 0


def count_rows(stats: Stats, lists: Sequence[ListQuery], filters: Filters, span: Span) -> dict[str, list[Figures]]:
    """The rows of lists by their names, the highest `rank` first; equal ones by key.

    Errors are those of `Reader`.
    """
    if span.start >= span.end:
        return {one.name: [] for one in lists}
    conditions = stats.conditions(filters, span.start, span.end)
    choose_sessions(stats.run, conditions, span.start, span.end)
    days = find_days(stats, filters, span.start, span.end, span.zone)

    def by_list(values: Iterator[str]) -> str:
        return f"CASE {' '.join(f'WHEN which = {number} THEN {value}' for number, value in enumerate(values))} END"

    place = "row_number() OVER (PARTITION BY which ORDER BY rank DESC, key)"
    first = by_list(conditions.bind(one.page.offset + 1) for one in lists)
    last = by_list(conditions.bind(one.page.offset + one.page.limit) for one in lists)
    return _run(
        stats,
        lists,
        conditions,
        parts=_compose(lists, conditions, filters, days),
        rank=by_list(f"sum(parts.{one.rank})" for one in lists),
        chosen=by_list(_choose(one, conditions) for one in lists),
        limit=f"QUALIFY {place} BETWEEN {first} AND {last} ORDER BY which, rank DESC, key",
    )


def count_later_rows(
    stats: Stats,
    lists: Sequence[ListQuery],
    filters: Filters,
    start: int,
    cut: int,
    end: int,
    most: int,
    zone: datetime.tzinfo,
) -> dict[str, list[Figures]]:
    """What the part from `cut` up to `end` adds to the figures from `start` up to `cut`, all in microseconds.

    It is what is counted there, but visitors, and sessions by their pageviews, only where a row did not have them
    before. All rows are returned, in no order, even those that `is_row` is false for; but at most `most` + 1 together.
    `zone` is that of the days of imports.
    """
    if cut >= end:
        return {one.name: [] for one in lists}
    conditions = stats.conditions(filters, start, end)
    choose_sessions(stats.run, conditions, start, end)
    days = find_later_days(stats, filters, start, cut, end, zone)
    return _run(
        stats,
        lists,
        conditions,
        parts=_compose(lists, conditions, filters, days, None if cut == start else cut),
        rank="0",
        chosen="true",
        limit=f"LIMIT {most + 1}",
    )


def count_covered_rows(
    stats: Stats, lists: Sequence[ListQuery], filters: Filters, cover: Cover, most: int, zone: datetime.tzinfo
) -> dict[str, list[Figures]]:
    """What `count_later_rows` returns of the time of a cover; its units have to have the figures (`is_rolled`)."""
    conditions = stats.conditions(filters, cover.start, cover.end)
    needs = {one.name: one.needs for one in lists}
    days = find_later_days(stats, filters, cover.start, cover.start, cover.end, zone)
    imported = (f"({part})" for part in compose_rows(needs, conditions, filters, days))
    return _run(
        stats,
        lists,
        conditions,
        parts=" UNION ALL ".join((compose_rolled_parts(needs, conditions, cover), *imported)),
        rank="0",
        chosen="true",
        limit=f"LIMIT {most + 1}",
    )


def read_lists(stats: Stats, names: Collection[str], filters: Filters, span: Span, page: Page) -> dict[str, Frame]:
    """What `Stats.tops` returns, with what imports brought. Raises UnavailableError."""
    if find_days(stats, filters, span.start, span.end, span.zone) is None:
        return stats.tops(names, filters, span, page)
    units = {name: LIST_METRICS[list_metrics(name)[0]] for name in names}
    lists = [ListQuery(name, unit.rank, unit.needs, page) for name, unit in units.items()]
    rows = count_rows(stats, lists, filters, span)
    counts = {name: [(row.key, getattr(row, unit.rank)) for row in rows[name]] for name, unit in units.items()}
    return {name: make_list(span, [pair for pair in some if pair[1]]) for name, some in counts.items()}


def _compose(
    lists: Sequence[ListQuery], conditions: Conditions, filters: Filters, days: Days | None, cut: int | None = None
) -> str:
    """The parts of the query: those of visits, and those of the `days` that imports brought."""
    needs = {one.name: one.needs for one in lists}
    imported = (f"({part})" for part in compose_rows(needs, conditions, filters, days))
    return " UNION ALL ".join((compose_parts(needs, conditions, cut), *imported))


def _run(stats: Stats, lists: Sequence[ListQuery], conditions: Conditions, **texts: str) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {one.name: [] for one in lists}
    if not lists:
        return found
    for which, key, *numbers in stats.run(stats.dialect.sql("breakdown").format(sums=_SUMS, **texts), conditions):
        stats.reader.check()
        found[lists[which].name].append(Figures(key, *map(int, numbers)))
    return found


def _choose(one: ListQuery, conditions: Conditions) -> str:
    """The condition on the rows of a list; `is_row` is the same in Python."""
    counts = "actions > 0" if TOPS[one.name][1] == "pageviews" else "true"
    if one.keys is None:
        return counts
    return f"{counts} AND {conditions.dialect.contains(conditions.bind(list(one.keys)), 'key')}"
