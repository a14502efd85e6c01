"""Figures of days that imports brought from programs that know no visits, added to what was counted of visits.

They are sums, which only filters on `domain` and `imported` can narrow. A day is a date, in whatever zone the site had
there; it counts where this date in the zone of the query lies wholly within the span.
"""
# Only SQL made here is composed; values from requests are bound.

import datetime
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from prisme.base.offsets import localise
from prisme.base.timexpr import floor
from prisme.stats.columns import RATED, TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import Dialect
from prisme.stats.filters import DOMAIN, FIELDS, IMPORTED, Field, Filters, condition
from prisme.stats.frames import Frame, Series, make_list, make_series
from prisme.stats.list_metrics import list_metrics
from prisme.stats.queries import Stats
from prisme.stats.selection import Imported, Page, Span

_TABLE: Final = "imported_figures"
NARROWING: Final = frozenset((DOMAIN, IMPORTED))
# The dimensions of lists: the filters on what they count.
_DIMENSIONS: Final[dict[str, str]] = {
    name: dimension
    for name, (column, table) in TOPS.items()
    for dimension, field in FIELDS.items()
    if field == Field(table, column)
}
_PAGES, _ENTRIES = "top-pages", "entry-path"
_SUMS: Final = ("visitors", "sessions", "pageviews", "events", "bounces")
_COLUMNS: Final = (*_SUMS, "seconds", "timed", RATED)
_DURATION: Final = "sessions-duration"
# The column that a metric needs, where it has another name.
_NEEDS: Final = {"views-per-session": "sessions", "bounce-rate": "bounces", "duration": "seconds", _DURATION: "seconds"}
_WHOLE: Final = -1


class Days(NamedTuple):
    """From the day `first` up to `end`, excluded."""

    first: datetime.date
    end: datetime.date


def can_narrow(filters: Filters) -> bool:
    """Whether filters can narrow figures of imports; by others, they are left out."""
    return NARROWING.issuperset(filters)


def find_days(stats: Stats, filters: Filters, start: int, end: int, zone: datetime.tzinfo) -> Days | None:
    """The days that lie wholly between `start` and `end` (microseconds); None if there are no figures of them to add.

    Raises UnavailableError.
    """
    known = stats.reader.imported_days()
    if not known or not can_narrow(filters):
        return None
    days = Days(_date(start, zone) + datetime.timedelta(days=floor(start, "d", zone) != start), _date(end, zone))
    is_meant = stats.concerns(filters)
    has_any = any(one.first < days.end and one.last >= days.first and is_meant(one.domain) for one in known)
    return days if has_any and days.first < days.end else None


def find_later_days(
    stats: Stats, filters: Filters, start: int, cut: int, end: int, zone: datetime.tzinfo
) -> Days | None:
    """Those of the days from `start` up to `end` that were not over at the `cut`: what is counted in two parts."""
    begin = start if cut == start else max(floor(cut, "d", zone), start)
    return find_days(stats, filters, begin, end, zone)


def is_same(stats: Stats, filters: Filters, one: int, other: int, zone: datetime.tzinfo) -> bool:
    """Whether spans up to both ends (microseconds) have the same days with figures."""
    first, last = sorted((one, other))
    return find_days(stats, filters, floor(first, "d", zone), last, zone) is None


def describe(stats: Stats, filters: Filters, span: Span, name: str = "", metric: str = "") -> Imported | None:
    """The figures of imports in a span: all, or those in a series or list by its name; None if there are none.

    `metric` is that of the list, empty for its own unit. Raises UnavailableError.
    """
    days = find_days(stats, filters, span.start, span.end, span.zone)
    if days is None or (name in TOPS and name not in _DIMENSIONS):
        return None
    conditions = stats.conditions(filters, span.start, span.end)
    query = stats.dialect.sql("imported_summary").format(
        rows=_rows(conditions, filters, days), kind=_choose_kind(name, metric)
    )
    ((count, first, last, names),) = stats.run(query, conditions)
    return Imported(count, first, last, names) if count else None


def _choose_kind(name: str, metric: str) -> str:
    """The condition on the rows that have the values of a series or list."""
    if not name:
        return ""
    dimension = _DIMENSIONS.get(name, "")
    if name in TOPS:
        metric = metric or list_metrics(name)[0]
        dimension = _ENTRIES if name == _PAGES and metric in ("bounce-rate", "duration") else dimension
    needed = _NEEDS.get(metric or name, metric or name)
    return f"AND dimension = '{dimension}' AND {needed} IS NOT NULL"


def add_to_series(stats: Stats, found: Mapping[str, Series], filters: Filters, span: Span) -> dict[str, Series]:
    """Series with the figures of imports; average durations need `sessions` beside them. Raises UnavailableError.

    A bucket that is shorter than a day gets nothing. Visitors of several days are added up. `RATED` is added to bounces
    and sessions if imports do not know the bounces of all sessions.
    """
    days = find_days(stats, filters, span.start, span.end, span.zone)
    if days is None or not found:
        return dict(found)
    conditions = stats.conditions(filters, span.start, span.end)
    sums: dict[str, Counter[int]] = {name: Counter() for name in _COLUMNS}
    find_bucket = _bucket_finder(span)
    query = stats.dialect.sql("imported_days").format(rows=_rows(conditions, filters, days))
    for day, *values in stats.run(query, conditions):
        stats.reader.check()
        bucket = find_bucket(day)
        for name, value in zip(_COLUMNS, values, strict=True):
            sums[name][_WHOLE] += value
            if bucket is not None:
                sums[name][bucket] += value
    own = dict(found)
    if {"bounces", "sessions"} <= own.keys() and sums[RATED] != sums["sessions"]:
        own[RATED] = own["sessions"]
    return {
        name: _average(span, one, found["sessions"], sums) if name == _DURATION else _add(span, one, sums[name])
        for name, one in own.items()
    }


def _bucket_finder(span: Span) -> Callable[[datetime.date], int | None]:
    """A function that finds the number of the bucket in which a day lies wholly."""
    dates = [_date(edge, span.zone) for edge in span.edges]
    begins_day = [floor(edge, "d", span.zone) == edge for edge in span.edges]

    def find(day: datetime.date) -> int | None:
        number = bisect_right(dates, day) - 1
        is_whole = 0 <= number < len(dates) - 1 and (dates[number] < day or begins_day[number])
        return number if is_whole else None

    return find


def _add(span: Span, series: Series, sums: Counter[int]) -> Series:
    values = [value + sums[number] for number, value in enumerate(series.frame.values)]
    return make_series(span, values, series.total + sums[_WHOLE])


def _average(span: Span, durations: Series, sessions: Series, sums: Mapping[str, Counter[int]]) -> Series:
    """Average durations, each weighted by its sessions."""

    def weigh(average: float, count: float, number: int) -> float:
        timed = sums["timed"][number]
        return (average * count + sums["seconds"][number]) / (count + timed) if timed else average

    pairs = zip(durations.frame.values, sessions.frame.values, strict=True)
    values = [weigh(average, count, number) for number, (average, count) in enumerate(pairs)]
    return make_series(span, values, weigh(durations.total, sessions.total, _WHOLE))


def compose_rows(
    needs: Mapping[str, tuple[str, ...]], conditions: Conditions, filters: Filters, days: Days | None
) -> Iterator[str]:
    """Queries with the columns of `breakdown`, as `compose_parts` makes them: a part of each list."""
    rows, text = "" if days is None else _rows(conditions, filters, days), conditions.dialect.sql("imported_rows")
    of_entries = _sum_entries(conditions.dialect)
    for number, (name, figures) in enumerate(needs.items()):
        if not rows or name not in _DIMENSIONS:
            continue
        actions = "events" if list_metrics(name)[0] == "events" else "pageviews"
        sums = ", ".join(f"coalesce(sum({column}), 0)" for column in ("visitors", "sessions", actions))
        entries = of_entries if TOPS[name][1] == "sessions" else "0, 0, 0"
        yield text.format(which=number, figures=f"{sums}, {entries}", rows=rows, dimension=_DIMENSIONS[name])
        if name == _PAGES and "entries" in figures:
            yield text.format(which=number, figures=f"0, 0, 0, {of_entries}", rows=rows, dimension=_ENTRIES)


def _sum_entries(dialect: Dialect) -> str:
    """The sums of sessions, bounces and durations (microseconds): of sessions whose bounces and durations are known."""
    return ", ".join(
        f"coalesce(sum({value}) FILTER (WHERE bounces + seconds IS NOT NULL), 0)"
        for value in ("sessions", "bounces", dialect.signed("seconds * 1000000"))
    )


def compose_keys(
    names: Collection[str], numbers: Mapping[str, int], conditions: Conditions, filters: Filters, days: Days | None
) -> Iterator[str]:
    """Queries for the keys of lists and their counts; `numbers` are those of the lists."""
    rows, text = "" if days is None else _rows(conditions, filters, days), conditions.dialect.sql("imported_keys")
    for name in names:
        if rows and name in _DIMENSIONS:
            unit = list_metrics(name)[0]
            yield text.format(which=numbers[name], unit=unit, rows=rows, dimension=_DIMENSIONS[name])


def list_imports(stats: Stats, filters: Filters, span: Span, page: Page) -> Frame:
    """The values of the filter `imported` in a span, with their sessions, the most first. Raises UnavailableError."""
    conditions = stats.conditions(filters, span.start, span.end)
    counted = (
        f"SELECT {FIELDS[IMPORTED].expression} AS key, count(*) AS count {conditions.rows('sessions')} GROUP BY ALL"
    )
    days = find_days(stats, filters, span.start, span.end, span.zone)
    if days is not None:
        figures = f"coalesce(sum(sessions) FILTER (WHERE dimension = ''), 0) {_rows(conditions, filters, days)}"
        counted += f" UNION ALL SELECT imported, {figures} GROUP BY imported"
    query = stats.dialect.sql("imports").format(counted=counted, limit=conditions.bind(page.limit))
    return make_list(span, [(key, count) for key, count in stats.run(query, conditions)])


def _rows(conditions: Conditions, filters: Filters, days: Days) -> str:
    """The FROM and WHERE clauses of the figures of some days."""
    first, end = conditions.bind(days.first), conditions.bind(days.end)
    rows = f'{conditions.rows_of_domains(_TABLE)} AND "day" >= {first} AND "day" < {end}'
    if IMPORTED in filters:
        rows += f" AND ({condition('imported', filters[IMPORTED], conditions.bind, conditions.dialect)})"
    return rows


def _date(moment: int, zone: datetime.tzinfo) -> datetime.date:
    return localise(moment, zone).date()
