"""The rows of lists with several figures each, counted for all lists that are asked for in one query."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from prisme.stats.columns import DURATION, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.filters import Filters
from prisme.stats.grouping import GroupingSets
from prisme.stats.list_metrics import LIST_METRICS, Figures
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.stats.sql import load_sql

_BREAKDOWN: Final = load_sql("breakdown")
_PAGES: Final = "top-pages"
_OF_ENTRIES: Final = "count(*), count(*) FILTER (is_bounce), sum(duration)"
_ENTRY_COLUMNS: Final = f"is_bounce, {DURATION} AS duration"
_VISITORS: Final = "count(DISTINCT visitor)"


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


def count_rows(stats: Stats, lists: Sequence[ListQuery], filters: Filters, span: Span) -> dict[str, list[Figures]]:
    """The rows of lists by their names, with figures other than 0 in `rank` first; equal ones by key.

    Errors are those of `Reader`.
    """
    found: dict[str, list[Figures]] = {one.name: [] for one in lists}
    if not lists or span.start >= span.end:
        return found
    conditions = stats.conditions(filters, span.start, span.end)
    for which, *figures in stats.run(_compose(lists, conditions), conditions):
        stats.reader.check()
        key, *numbers = figures
        found[lists[which].name].append(Figures(key, *map(int, numbers)))
    return found


def _compose(lists: Sequence[ListQuery], conditions: Conditions) -> str:
    def by_list(values: Iterator[str]) -> str:
        return f"CASE which {' '.join(f'WHEN {number} THEN {value}' for number, value in enumerate(values))} END"

    return _BREAKDOWN.format(
        sums=", ".join(f"sum(parts.{name}) AS {name}" for name in Figures._fields[1:]),
        rank=by_list(f"sum(parts.{one.rank})" for one in lists),
        parts=" UNION ALL ".join(f"({part})" for part in _compose_parts(lists, conditions)),
        chosen=by_list(_choose(one, conditions) for one in lists),
        first=by_list(conditions.bind(one.page.offset + 1) for one in lists),
        last=by_list(conditions.bind(one.page.offset + one.page.limit) for one in lists),
    )


def _choose(one: ListQuery, conditions: Conditions) -> str:
    """The condition on the rows of a list: a page on which sessions entered may have no pageview that counts."""
    counts = "actions > 0" if TOPS[one.name][1] == "pageviews" else "true"
    return counts if one.keys is None else f"{counts} AND list_contains({conditions.bind(list(one.keys))}, key)"


def _compose_parts(lists: Sequence[ListQuery], conditions: Conditions) -> Iterator[str]:
    """Queries with the columns of `breakdown.sql`, each of all lists of a table."""
    by_table: dict[str, dict[str, str]] = {}
    for one in lists:
        column, table = TOPS[one.name]
        by_table.setdefault(table, {})[one.name] = column
    numbers = {one.name: number for number, one in enumerate(lists)}
    for table, columns in by_table.items():
        needs = {need for one in lists if one.name in columns for need in one.needs}
        if table == "sessions":
            yield from _compose_sessions(columns, numbers, needs, conditions)
        else:
            yield from _compose_rows(table, columns, numbers, needs, conditions)


def _compose_sessions(
    columns: dict[str, str], numbers: dict[str, int], needs: set[str], conditions: Conditions
) -> Iterator[str]:
    grouping = GroupingSets(columns)
    visitors = _VISITORS if "visitors" in needs else "0"
    yield (
        f"SELECT {grouping.number(numbers)}, {grouping.key}, {visitors}, count(*), 0, {_OF_ENTRIES} "
        f"FROM (SELECT hash(visitor_id) AS visitor, {_ENTRY_COLUMNS}, {grouping.columns} "
        f"{conditions.rows('sessions')}) GROUP BY {grouping.sets}"
    )
    if "actions" in needs:
        # Pageviews of the span may be of sessions that began before it. They are few for each session: to count them
        # first makes the join smaller. Of `sessions`, DuckDB reads only what has the same range of UUIDs.
        yield (
            f"SELECT {grouping.number(numbers)}, {grouping.key}, 0, 0, sum(views), 0, 0, 0 "
            f"FROM (SELECT session_uuid, count(*) AS views {conditions.rows('pageviews')} GROUP BY session_uuid) "
            f"JOIN (SELECT session_uuid, {grouping.columns} FROM sessions) USING (session_uuid) "
            f"GROUP BY {grouping.sets}"
        )


def _compose_rows(
    table: str, columns: dict[str, str], numbers: dict[str, int], needs: set[str], conditions: Conditions
) -> Iterator[str]:
    """The parts of lists of pageviews or events."""
    grouping = GroupingSets(columns)
    visitors = _VISITORS if "visitors" in needs else "0"
    sessions = "count(DISTINCT session_uuid)" if "sessions" in needs else "0"
    yield (
        f"SELECT {grouping.number(numbers)}, {grouping.key}, {visitors}, {sessions}, count(*), 0, 0, 0 "
        f"FROM (SELECT hash(visitor_id) AS visitor, session_uuid, {grouping.columns} {conditions.rows(table)}) "
        f"GROUP BY {grouping.sets}"
    )
    if "entries" in needs and _PAGES in columns:
        yield (
            f"SELECT {numbers[_PAGES]}, entry_path, 0, 0, 0, {_OF_ENTRIES} "
            f"FROM (SELECT entry_path, {_ENTRY_COLUMNS} {conditions.rows('sessions')}) GROUP BY entry_path"
        )
