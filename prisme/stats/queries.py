"""The queries behind each figure, over the sessions, pageviews and events that the filters select.

A session counts in the bucket of its entry, a pageview or event in the bucket of its own time.
"""
# Only SQL made here is composed; values from requests are bound.

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

from prisme.base.domains import allows
from prisme.base.goals import Definitions
from prisme.base.timexpr import SECOND
from prisme.stats.buckets import WEEK, bucket_number, hour_of_week
from prisme.stats.columns import EVENTS, RARE, SERIES, TOPS, time_column
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import DIALECTS
from prisme.stats.filters import DOMAIN, IMPORTED, Filters, domains_in_full
from prisme.stats.frames import Frame, Series, make_frame, make_list, make_series
from prisme.stats.grouping import GroupingSets
from prisme.stats.matching_sessions import choose_sessions
from prisme.stats.properties import property_value
from prisme.stats.selection import Page, Span
from prisme.stats.sources import update_arrivals
from prisme.store.arrivals import TABLE
from prisme.store.query_reader import QueryReader, Row

# A visitor counts as live for 5 minutes.
_LIVE: Final = 5 * 60 * SECOND
# More than anybody has; the bound of what is read and cached.
MOST_DOMAINS: Final = 10_000
_MOST_FREQUENT: Final = "ORDER BY count DESC, key LIMIT {limit} OFFSET {offset}"


class _SeriesQuery(NamedTuple):
    """The name of a query that returns the values of some series by bucket, over `columns` of the rows they count.

    Of the columns, `{duration}` is the session's.
    """

    text: str
    names: tuple[str, ...]
    columns: str


class Stats:
    """Figures of the domains that the entries in `domains` allow, or of all if it is None; `definitions` are theirs.

    `QueryReader` documents the errors raised.
    """

    def __init__(
        self, reader: QueryReader, domains: Collection[str] | None, definitions: Definitions | None = None
    ) -> None:
        self.reader = reader
        self.dialect = DIALECTS[reader.engine]
        self.definitions = definitions or Definitions()
        self.allowed = None if domains is None else tuple(domains)
        self._has_arrivals = False

    def conditions(self, filters: Filters, start: int, end: int) -> Conditions:
        """Return the conditions of filters from `start` up to `end` (microseconds) on the allowed domains."""
        return Conditions(filters, start, end, self.allowed, self.dialect)

    def update_arrivals(self) -> None:
        """Name all arrivals, once for a transaction: before it reads their table."""
        if not self._has_arrivals:
            update_arrivals(self.reader)
            self._has_arrivals = True

    def run(self, query: str, conditions: Conditions) -> list[Row]:
        """Return the rows of a query that names parameters of the conditions."""
        if TABLE in query:
            self.update_arrivals()
        return self.reader.ask(query, conditions.used_by(query))

    def series(self, names: Collection[str], filters: Filters, span: Span) -> dict[str, Series]:
        """Return some of `SERIES`."""
        buckets = len(span.edges[1:])
        found = {name: make_series(span, [0] * buckets, 0) for name in names}
        for query in _choose_queries(names) if buckets else ():
            for bucket, *values in self._run_series(query, filters, span):
                self.reader.check()
                _fill(found, bucket, zip(query.names, values, strict=True))
        return found

    def _run_series(self, query: _SeriesQuery, filters: Filters, span: Span) -> list[Row]:
        conditions = self.conditions(filters, span.start, span.end)
        columns = query.columns.format(duration=self.dialect.duration)
        rows = " UNION ALL ".join(
            f"SELECT {bucket_number(table, span.edges, conditions.bind, self.dialect)} AS bucket, {columns} "
            f"{conditions.rows(table)}"
            for table in SERIES[query.names[0]]
        )
        return self.run(self.dialect.sql(query.text).format(rows=rows), conditions)

    def tops(self, names: Collection[str], filters: Filters, span: Span, page: Page) -> dict[str, Frame]:
        """Return some of `TOPS`: the most frequent values, by count and then by value.

        Lists of the same table are counted in one pass.
        """
        found: dict[str, list[tuple[str, int]]] = {}
        for table, lists in _by_table(names).items():
            found |= {name: [] for name in lists}
            for which, key, count in self._run_tops(table, lists, self.conditions(filters, span.start, span.end), page):
                self.reader.check()
                found[lists[which]].append((key, count))
        return {name: make_list(span, rows) for name, rows in found.items()}

    def _run_tops(self, table: str, names: list[str], conditions: Conditions, page: Page) -> list[Row]:
        grouping = GroupingSets({name: self.dialect.column(TOPS[name][0]) for name in names})
        query = self.dialect.sql("tops").format(
            which=grouping.number({name: place for place, name in enumerate(names)}),
            key=grouping.key,
            columns=grouping.columns,
            rows=conditions.rows(table),
            sets=grouping.sets,
            offset=conditions.bind(page.offset),
            last=conditions.bind(page.offset + page.limit),
        )
        return self.run(query, conditions)

    def properties(self, filters: Filters, span: Span, page: Page, name: str = "") -> Frame:
        """Return the properties of custom events by number of events; with a `name`, its values, as text."""
        conditions = self.conditions(filters, span.start, span.end)
        bound = {"limit": conditions.bind(page.limit), "offset": conditions.bind(page.offset)}
        if name:
            bound["value"] = property_value(name, conditions.bind, self.dialect)
        text = self.dialect.sql("property_values" if name else "custom_properties") + _MOST_FREQUENT
        query = text.format(rows=conditions.rows("events_custom"), **bound)
        return make_list(span, self.run(query, conditions))

    def weekday_hours(self, filters: Filters, span: Span, zone: datetime.tzinfo) -> Frame:
        """Return the pageviews by weekday and hour of the zone's clock, as in `WEEK`."""
        conditions = self.conditions(filters, span.start, span.end)
        hour = hour_of_week(span.start, span.end, zone, self.dialect)
        query = self.dialect.sql("weekday_hours").format(hour=hour, rows=conditions.rows("pageviews"))
        counts: dict[int, int] = dict(self.run(query, conditions))
        return make_frame(span, list(WEEK), [counts.get(hour, 0) for hour in range(len(WEEK))])

    def live_visitors(self, filters: Filters, now: int) -> Frame:
        """Return the visitors with a pageview or event in the 5 minutes up to `now`, in microseconds."""
        span = Span(now - _LIVE, now + 1, [])
        conditions = self.conditions(filters, span.start, span.end)
        choose_sessions(self.run, conditions, span.start, span.end)
        tables = ("pageviews", *EVENTS)
        rows = " UNION ALL ".join(f"SELECT visitor_id {conditions.rows(table)}" for table in tables)
        ((count,),) = self.run(self.dialect.sql("live_visitors").format(rows=rows), conditions)
        return make_frame(span, [now // SECOND], [count])

    def next_row(self, filters: Filters, start: int, end: int) -> int:
        """Return the time of the first row from `start` on; `end` if there is none before it. All in microseconds.

        Of the filters, only that on `domain` counts.
        """
        conditions = self.conditions(filters, start, end)
        rows = " UNION ALL ".join(
            f"SELECT {self.dialect.earliest(time_column(table))} AS first {conditions.rows_unfiltered(table)}"
            for table in ("sessions", "pageviews", *EVENTS)
        )
        ((first,),) = self.run(self.dialect.sql("next_row").format(rows=rows), conditions)
        self.reader.check()
        return end if first is None else int(first)

    def concerns(self, filters: Filters) -> Callable[[str], bool]:
        """Return whether rows of a domain may be among those that the filters leave."""
        chosen, allowed = domains_in_full(filters), self.allowed
        return lambda domain: (chosen is None or domain in chosen) and (allowed is None or allows(allowed, domain))

    def domains(self) -> list[tuple[str, int]]:
        """Return the allowed domains with sessions, the busiest first, each with its first entry in microseconds.

        Those with figures that imports brought follow, if they have no sessions; their first day counts as an entry.
        """
        found = {domain: first for domain, first, _ in self.domain_spans()}
        for domain, day, _ in filter(lambda one: self.concerns({})(one.domain), self.reader.imported_days()):
            began = int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()) * SECOND
            found[domain] = min(found.get(domain, began), began)
        return list(found.items())

    def domain_spans(self, filters: Filters | None = None) -> list[tuple[str, int, int]]:
        """Return the same with the latest activity of each domain, in microseconds.

        Of the filters, only that on `domain` counts.
        """
        of_domain = {name: one for name, one in (filters or {}).items() if name == DOMAIN}
        conditions = self.conditions(of_domain, 0, 0)
        rows, limit = conditions.rows_ever("sessions"), conditions.bind(MOST_DOMAINS)
        query = self.dialect.sql("domains").format(rows=rows, limit=limit)
        return [(domain, first, last) for domain, first, last in self.run(query, conditions)]

    def find_rare(self, filters: Filters, span: Span) -> set[str]:
        """Return those of `RARE` that any session of the span has; of the filters, only that on `domain` counts.

        Also `imported` if there are figures that imports brought, of any time.
        """
        conditions = self.conditions(filters, span.start, span.end)
        query = self.dialect.sql("rare_fields").format(rows=conditions.rows_unfiltered("sessions"))
        (found,) = self.run(query, conditions)
        is_meant = self.concerns(filters)
        has_figures = any(is_meant(one.domain) for one in self.reader.imported_days())
        return {name for name, is_known in zip(RARE, found, strict=True) if is_known} | (
            {IMPORTED} if has_figures else set()
        )

    def first_event(self, domains: Collection[str]) -> int | None:
        """Return the time of the first event of some domains that is no pageview, in microseconds; None for none."""
        ((first,),) = self.reader.ask(self.dialect.sql("first_event"), {"domains": list(domains)})
        return None if first is None else int(first)


def _choose_queries(names: Collection[str]) -> Iterator[_SeriesQuery]:
    """Yield the queries that some series need, as few as possible."""
    if "visitors" in names:
        yield _SeriesQuery("visitors", ("visitors", "pageviews"), "visitor_id")
    elif "pageviews" in names:
        yield _SeriesQuery("row_count", ("pageviews",), "1")
    if "events" in names:
        yield _SeriesQuery("row_count", ("events",), "1")
    of_sessions = ("sessions", "bounces", "sessions-duration")
    if not set(names).isdisjoint(of_sessions):
        yield _SeriesQuery("sessions", of_sessions, "is_bounce, {duration} AS duration")


def _fill(found: dict[str, Series], bucket: int, values: Iterable[tuple[str, int | float]]) -> None:
    """Set the values of a bucket, or of the whole span if it is -1, in those series that are wanted."""
    for name, value in values:
        if name not in found:
            continue
        if bucket < 0:
            found[name] = Series(found[name].frame, value)
        else:
            found[name].frame.values[bucket] = value


def _by_table(names: Collection[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name in names:
        grouped.setdefault(TOPS[name][1], []).append(name)
    return grouped
