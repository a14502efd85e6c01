"""The details of a row of any list: its figures with spark lines, and short lists of what belongs to it."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from prisme.base.domains import host_of
from prisme.base.timexpr import Interval
from prisme.dashboard import filter_terms
from prisme.dashboard.filter_chips import TITLES, name_field
from prisme.dashboard.intervals import name_interval
from prisme.dashboard.list_types import ERRORS, LIST_TYPES, SOURCES, stats_name
from prisme.dashboard.lists import ERROR_STATUSES, frame_rows
from prisme.dashboard.number_format import format_count, format_exact, format_percent
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.rows import name_property_filter
from prisme.dashboard.sparkline import draw_sparkline
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats import filters, row_details
from prisme.stats.columns import EVENTS, TOPS
from prisme.stats.filters import Filters
from prisme.stats.frames import Key, Series
from prisme.stats.parameters import StatsQuery
from prisme.stats.patterns import LINKS, PATHS, Pattern
from prisme.stats.queries import Stats
from prisme.stats.row_details import ROWS
from prisme.stats.selection import Page, Span

# The lists with details: those whose rows are filters.
NAMES: Final = tuple(name for name, list_type in LIST_TYPES.items() if list_type.filter)
# What the details of a row show, by the filter that selects it; of the others, `_OTHERWISE`.
_LISTS: Final = {
    **dict.fromkeys(PATHS, (SOURCES, "top-countries")),
    **dict.fromkeys(("event", *LINKS), (SOURCES,)),
    "source": ("top-referrers", "top-entry-pages", "top-countries"),
    "referrer": ("top-entry-pages", "top-countries"),
    "status": ("top-pages", SOURCES),
}
_OTHERWISE: Final = (SOURCES, "top-entry-pages")
# Where the browser would not find HTTPS.
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")


class Figure(msgspec.Struct, frozen=True):
    """A number of the whole period, with a spark line of its values, described by `words`."""

    title: str
    value: str
    exact: str
    line: str
    words: str


class Item(msgspec.Struct, frozen=True):
    """A row of a short list; `link` filters by it, empty for none."""

    label: str
    value: str
    exact: str
    share: str
    link: str = ""


class ShortList(msgspec.Struct, frozen=True):
    """The most frequent ones of something; shares are of the row's own number."""

    title: str
    unit: str
    rows: list[Item]


class RowDetails(msgspec.Struct, frozen=True):
    """The details of a row: `what` it is, such as a page.

    `filter_link` filters by the row, or removes that filter if it is `active`. `url` is that of a page, link or file,
    empty if it is unknown.
    """

    label: str
    what: str
    figures: list[Figure]
    lists: list[ShortList]
    filter_link: str
    active: bool
    url: str
    is_empty: bool


class _Row(msgspec.Struct, frozen=True):
    """A row to read: of the list `name`, selected by `filters`. `inner` is the page's state filtered by the row."""

    name: str
    stored: str
    state: UrlState
    inner: UrlState
    filters: Filters
    span: Span

    @property
    def filter(self) -> str:
        return LIST_TYPES[self.name].filter

    @property
    def table(self) -> str:
        return TOPS[stats_name(self.name)][1]


def read_row(stats: Stats, state: UrlState, query: StatsQuery, name: str, key: str) -> RowDetails:
    """The details of the row of the list `name` that the filter `key` selects.

    `query` has the page's filters and an interval of its own choice. Raises InputError for an invalid filter.
    """
    filter_name = LIST_TYPES[name].filter
    key = filter_terms.normalise(filter_name, key)
    patterns = _include(filter_name, key)
    chosen = query.filters | filters.read({filter_name: key, **({"status": ERROR_STATUSES} if name == ERRORS else {})})
    inner = UrlState(state.parameters | {filter_name: key}, state.data_start, state.default_zone, state.root)
    row = _Row(name, _find_stored(patterns), state, inner, chosen, query.span)
    active = state.get(filter_name) == key
    series = _count(stats, row)
    return RowDetails(
        label_row(name, row.stored) if row.stored else key,
        translate(TITLES[filter_name]),
        [_build_figure(title, one, query.interval) for title, one in series.items()],
        [one for one in _read_lists(stats, row, {title: one.total for title, one in series.items()}) if one.rows],
        state.link({filter_name: None if active else key}),
        active,
        _find_url(stats, row),
        not any(one.total for one in series.values()),
    )


def _include(filter_name: str, key: str) -> list[Pattern]:
    """The patterns of a filter that excludes nothing; none for others."""
    terms = filters.parse(filter_name, key)
    return [] if any(negated for negated, _ in terms) else [pattern for _, pattern in terms]


def _find_stored(patterns: list[Pattern]) -> str:
    """The one value that some patterns match, as it is stored; empty if they may match several."""
    return patterns[0][0] if len(patterns) == 1 and len(patterns[0]) == 1 else ""


def _count(stats: Stats, row: _Row) -> dict[str, Series]:
    """The row's figures by their titles."""
    if row.table in EVENTS:
        visitors, events = row_details.count_by_bucket(stats, row.table, row.filters, row.span)
        sessions = stats.series(["sessions"], row.filters, row.span)["sessions"]
        return {"Visitors": visitors, LIST_TYPES[row.name].unit: events, "Sessions": sessions}
    names = ("visitors", "sessions", "pageviews")
    return {name.capitalize(): one for name, one in stats.series(names, row.filters, row.span).items()}


def _build_figure(title: str, series: Series, interval: Interval) -> Figure:
    values = [int(value) for value in series.frame.values]
    words = translate(
        "{metric} by {interval}: at most {count}",
        metric=translate(title),
        interval=name_interval(interval),
        count=format_exact(max(values, default=0)),
    )
    return Figure(
        translate(title), format_count(series.total), format_exact(series.total), draw_sparkline(values), words
    )


def _read_lists(stats: Stats, row: _Row, totals: dict[str, int | float]) -> Iterator[ShortList]:
    if row.table == "events_custom":
        yield from _read_properties(stats, row)
    if row.table in EVENTS:
        unit = LIST_TYPES[row.name].unit
        paths = row_details.list_paths(stats, row.table, row.filters, row.span)
        yield ShortList(translate("Pages"), translate(unit), _build_items(row, "top-pages", paths, totals[unit]))
    if row.filter in PATHS:
        yield from _read_neighbours(stats, row, totals)
    names = _LISTS.get(row.filter, _OTHERWISE)
    frames = stats.tops([stats_name(name) for name in names], row.filters, row.span, Page(ROWS))
    for name in names:
        list_type, counts = LIST_TYPES[name], frame_rows(frames[stats_name(name)])
        items = _build_items(row, name, counts, totals[list_type.unit])
        yield ShortList(translate(list_type.title), translate(list_type.unit), items)


def _read_properties(stats: Stats, row: _Row) -> Iterator[ShortList]:
    """The values of each property; shares are of the events that have it."""
    for one in row_details.list_properties(stats, row.filters, row.span):
        filter_name = name_property_filter(row.inner, one.name)
        items = [
            _build_item(value, count, one.events, _link_value(row.inner, filter_name, value))
            for value, count in one.values
        ]
        yield ShortList(name_field(filters.PROPERTY + one.name), translate("Events"), items)


def _link_value(state: UrlState, filter_name: str, value: str) -> str:
    """The page filtered by a property's value; empty for an empty value, which is no filter."""
    return state.link({filter_name: filter_terms.make_term(value)}) if filter_name and value else ""


def _read_neighbours(stats: Stats, row: _Row, totals: dict[str, int | float]) -> Iterator[ShortList]:
    """Of an entry page, those after it; of an exit page, those before."""
    found = row_details.list_neighbours(stats, row.table, row.filters, row.span)
    unit = "Sessions" if row.table == "sessions" else "Pageviews"
    for title, nothing, pages, shown in (
        (translate("Previous page"), translate("Entry"), found.before, row.filter != "entry-path"),
        (translate("Next page"), translate("Exit"), found.after, row.filter != "exit-path"),
    ):
        if shown:
            yield ShortList(title, translate(unit), _build_neighbours(row, pages, nothing, totals[unit]))


def _build_neighbours(row: _Row, pages: Sequence[tuple[str | None, int]], nothing: str, total: float) -> list[Item]:
    return [
        _build_item(nothing, count, total) if page is None else _link(row.state, "top-pages", page, count, total)
        for page, count in pages
    ]


def _build_items(row: _Row, name: str, counts: Sequence[tuple[Key, float]], total: float) -> list[Item]:
    """The first rows of the list `name`, whose links filter by them and by the row."""
    return [_link(row.inner, name, str(key), count, total) for key, count in counts]


def _link(state: UrlState, name: str, key: str, count: float, total: float) -> Item:
    filter_name = LIST_TYPES[name].filter
    term = filter_terms.make_value_term(filter_name, key)
    link = state.link({filter_name: filter_terms.toggle(state.get(filter_name), term)})
    return _build_item(label_row(name, key), count, total, link)


def _build_item(label: str, count: float, total: float, link: str = "") -> Item:
    share = format_percent(count / total) if total else ""
    return Item(label, format_count(count), format_exact(count), share, link)


def _find_url(stats: Stats, row: _Row) -> str:
    """The URL of the page, where only one of the domains has it; of a link or file, its own."""
    if row.filter in LINKS:
        return row.stored if row.stored.startswith(("http://", "https://")) else ""
    if row.filter not in PATHS or not row.stored.startswith("/"):
        return ""
    domain = row_details.find_domain(stats, row.table, row.filters, row.span)
    scheme = "http" if host_of(domain) in _LOCAL else "https"
    return f"{scheme}://{domain}{row.stored}" if domain else ""
