"""A whole list: all its rows with all columns, sorted by one of them, searched and divided into pages."""

from typing import Final

import msgspec

from prisme.base.errors import InputError
from prisme.dashboard.list_columns import Column, choose_columns
from prisme.dashboard.list_items import build_items
from prisme.dashboard.list_query import error_filters, read_properties
from prisme.dashboard.list_types import ERRORS, LIST_TYPES, PROPERTIES, list_metric, stats_name
from prisme.dashboard.lists import CSV, export_parameters, link_export
from prisme.dashboard.rows import Item, Row, link_row
from prisme.dashboard.url_state import LIST, UrlState
from prisme.dashboard.words import translate
from prisme.stats.breakdown import ListQuery, count_rows
from prisme.stats.frames import write_csv
from prisme.stats.imported import add_to_series
from prisme.stats.list_metrics import LIST_METRICS, list_metrics
from prisme.stats.parameters import MOST_ROWS, StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page

ROWS: Final = 100
NAME: Final = "name"
ASCENDING: Final = "asc"
DESCENDING: Final = "desc"
_DIRECTIONS: Final = {ASCENDING: "ascending", DESCENDING: "descending"}


class Choice(msgspec.Struct, frozen=True):
    """Which list, and which of its rows: sorted by a column or `NAME`, with `search` in their label, from `start` on.

    An empty `sort` is the chosen metric; an empty `order` is that of the column.
    """

    name: str
    sort: str = ""
    order: str = ""
    search: str = ""
    start: int = 0

    def link(self, state: UrlState, path: str = LIST, **changes: str | int) -> str:
        """The page with another choice."""
        parameters = msgspec.to_builtins(self) | changes
        return state.link({name: str(text) for name, text in parameters.items() if text != 0}, path)


class Head(msgspec.Struct, frozen=True):
    """The head of a column, with a link that sorts by it; `sorted` is its direction, empty for another column."""

    title: str
    link: str
    sorted: str


class WholeList(msgspec.Struct, frozen=True):
    """The rows of one page of a list. `found` rows match the search, of `count`; `csv` has them all."""

    title: str
    name_head: Head
    heads: list[Head]
    rows: list[Row]
    found: int
    count: int
    sort: str
    order: str
    csv: str
    json: str


class Table(msgspec.Struct, frozen=True):
    """All rows of a list that match the search, in their order; `count` includes the others."""

    columns: list[Column]
    items: list[Item]
    count: int
    sort: str
    order: str


def read_table(stats: Stats, state: UrlState, query: StatsQuery, choice: Choice) -> Table:
    """Read a list, at most `MOST_ROWS` rows. Raises InputError for a column that it has not."""
    name = choice.name
    counted = stats.series(["visitors"], query.filters, query.span)
    visitors = add_to_series(stats, counted, query.filters, query.span)["visitors"].total
    columns = choose_columns(state, name, visitors)
    sort, order = _read_sort(choice, columns, list_metric(state, name))
    items = _read_items(stats, state, query, name, columns)
    found = [item for item in items if choice.search.casefold() in item.label.casefold()]
    stats.reader.check()
    return Table(columns, _sort(found, columns, sort, order), len(items), sort, order)


def build_whole_list(state: UrlState, choice: Choice, table: Table) -> WholeList:
    """The rows of a page, from `choice.start` on."""
    name = choice.name
    shown = table.items[choice.start : choice.start + ROWS]
    column = next((one for one in table.columns if one.name == table.sort), table.columns[0])
    highest = max((column.compute(item.figures) or 0 for item in table.items), default=0)
    return WholeList(
        translate(LIST_TYPES[name].title),
        _build_head(state, choice, table, NAME, translate(LIST_TYPES[name].title)),
        [_build_head(state, choice, table, one.name, one.title) for one in table.columns],
        [link_row(_build_row(item, table.columns, column, highest), state, name, item) for item in shown],
        len(table.items),
        table.count,
        choice.sort,
        choice.order,
        choice.link(state, LIST + CSV, start=0),
        link_export(state, stats_name(name), "", export_parameters(state, name)),
    )


def write_table(table: Table) -> str:
    """All rows as CSV for a spreadsheet, with the keys as stored."""
    head = ("key", *(column.name for column in table.columns))
    rows = ((item.key, *(column.compute(item.figures) for column in table.columns)) for item in table.items)
    return write_csv(head, rows, spreadsheet=True)


def _read_sort(choice: Choice, columns: list[Column], default: str) -> tuple[str, str]:
    """The column and the direction to sort by."""
    sort = choice.sort or default
    known = [NAME, *(column.name for column in columns)]
    if sort not in known:
        raise InputError(
            "sort: {sort!r} is none of {known}, such as sort={first}",
            sort=sort[:64],
            known=", ".join(known),
            first=known[1],
        )
    if choice.order not in ("", *_DIRECTIONS):
        raise InputError("order: {order!r} is neither asc nor desc, such as order=desc", order=choice.order[:64])
    return sort, choice.order or _first_order(sort)


def _first_order(sort: str) -> str:
    return ASCENDING if sort == NAME else DESCENDING


def _read_items(
    stats: Stats,
    state: UrlState,
    query: StatsQuery,
    name: str,
    columns: list[Column],
) -> list[Item]:
    """All items of a list, by its own unit, the most frequent first."""
    if name == PROPERTIES:
        return build_items(name, read_properties(stats, state, query, query.span, MOST_ROWS))
    key = stats_name(name)
    rank = LIST_METRICS[list_metrics(key)[0]].rank
    needs = tuple({need for column in columns for need in column.needs})
    chosen = error_filters(query.filters) if name == ERRORS else query.filters
    rows = count_rows(stats, [ListQuery(key, rank, needs, Page(MOST_ROWS))], chosen, query.span)[key]
    return build_items(name, rows)


def _sort(items: list[Item], columns: list[Column], sort: str, order: str) -> list[Item]:
    """Sort by a column; rows without a value last, and equal ones by their keys, as in the stats API."""
    is_descending = order == DESCENDING
    if sort == NAME:
        return sorted(items, key=lambda item: item.label.casefold(), reverse=is_descending)
    compute = next(column.compute for column in columns if column.name == sort)
    values = [(compute(item.figures), item) for item in items]
    valued = [(value, item) for value, item in values if value is not None]
    valued.sort(key=lambda pair: (-pair[0] if is_descending else pair[0], pair[1].key))
    return [item for _, item in valued] + [item for value, item in values if value is None]


def _build_head(state: UrlState, choice: Choice, table: Table, sort: str, title: str) -> Head:
    """The head of a column: a click sorts by it, a second one in the other direction."""
    if sort != table.sort:
        return Head(title, choice.link(state, sort=sort, order="", start=0), "")
    other = ASCENDING if table.order == DESCENDING else DESCENDING
    order = "" if other == _first_order(sort) else other
    return Head(title, choice.link(state, sort=sort, order=order, start=0), _DIRECTIONS[table.order])


def _build_row(item: Item, columns: list[Column], sorted_by: Column, highest: float) -> Row:
    values = [(column, column.compute(item.figures)) for column in columns]
    length = sorted_by.compute(item.figures) or 0
    return Row(
        item.label,
        "",
        "",
        "",
        round(100 * length / highest, 1) if highest else 0,
        cells=tuple("\N{EN DASH}" if value is None else column.write(value) for column, value in values),
    )
