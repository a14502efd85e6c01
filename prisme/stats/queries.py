"""The questions themselves: one query for each name, over the sessions and rows that the filters leave.

A session counts in the bucket of its entry, a pageview or event in that of its own time. A session counts when it has
what each filter names; of its pageviews, those count that `path` and `status` match, of its custom events, those that
`event` matches. A session that an event began may have no pageview, and then no filter of pageviews finds it.
"""
# What is put together here is ours; what was sent is bound.
# ruff: noqa: S608

import datetime
import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from prisme.base.timexpr import SECOND, localise
from prisme.stats.filters import DOMAIN, EVENT_COLUMNS, SESSION_COLUMNS, VIEW_COLUMNS, Filters, condition
from prisme.stats.frames import Frame
from prisme.store.reader import Reader, Row

LIVE: Final = 5 * 60 * SECOND
_HOUR: Final = 3600 * SECOND
# No zone changes its clocks twice within so long.
_STEADY: Final = 6 * _HOUR
# A page can list no more.
_MOST_DOMAINS: Final = 200
WEEK: Final = [f"{weekday}-{hour:02d}" for weekday in range(1, 8) for hour in range(24)]


class Span(msgspec.Struct, frozen=True):
    """From `start` to before `end`, microseconds; `edges` are where its buckets begin, and where the last one ends."""

    start: int
    end: int
    edges: list[int]


class Page(msgspec.Struct, frozen=True):
    """Which rows of a sorted list."""

    limit: int = 10
    offset: int = 0


# Which filters are of which table.
_COLUMNS: Final = {"sessions": SESSION_COLUMNS, "pageviews": VIEW_COLUMNS, "events_custom": EVENT_COLUMNS}


class Series(NamedTuple):
    """A value for each bucket, 0 for those without rows; and the figure of the whole span."""

    frame: Frame
    total: int | float


class Sets:
    """SQL that counts by each of some columns in one pass; `columns` are expressions by name."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._names = tuple(columns)
        short = [f"c{number}" for number in range(len(columns))]
        self.named = ", ".join(f"{column} AS {name}" for name, column in zip(short, columns.values(), strict=True))
        # In each set, all columns but its own are NULL, and what GROUPING says of them is 1.
        texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in short)
        self._grouping = f"grouping({', '.join(short)})"
        self.key = f"coalesce({texts})"
        self.sets = f"GROUPING SETS ({', '.join(f'({name})' for name in short)})"

    def number(self, numbers: Mapping[str, int]) -> str:
        """An expression: the number, out of `numbers`, of the column that a row is of."""
        everything, last = (1 << len(self._names)) - 1, len(self._names) - 1
        cases = (
            f"WHEN {everything - (1 << last - place)} THEN {numbers[name]}" for place, name in enumerate(self._names)
        )
        return f"CASE {self._grouping} {' '.join(cases)} END"


class Question:
    """Filters on their way into SQL: the conditions on each table, and the parameters that they name."""

    def __init__(self, filters: Filters, start: int, end: int, domains: Collection[str] | None) -> None:
        self.parameters: dict[str, Any] = {}
        # Of every table's rows, so that no question reaches beyond.
        self._everywhere = [condition(DOMAIN, filters[DOMAIN], self.bind)] if DOMAIN in filters else []
        if domains is not None:
            self._everywhere.append(f"list_contains({self.bind(list(domains))}, domain)")
        self._conditions = {
            table: [condition(columns[name], one, self.bind) for name, one in filters.items() if name in columns]
            for table, columns in _COLUMNS.items()
        }
        self._start = f"make_timestamp({self.bind(start)})"
        self._end = f"make_timestamp({self.bind(end)})"

    def bind(self, value: Any) -> str:
        """A parameter, by the name that SQL has for it."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def named_in(self, query: str) -> dict[str, Any]:
        """The parameters that a query names: DuckDB takes no other."""
        named = set(re.findall(r"\$(\w+)", query))
        return {name: value for name, value in self.parameters.items() if name in named}

    def rows(self, table: str) -> str:
        """A table's rows from `start` to before `end` (microseconds), as a FROM and WHERE.

        What a filter asks of another table, one of that table's rows of the same session must have.
        """
        time = time_of(table)
        parts = [f"{time} >= {self._start}", f"{time} < {self._end}", *self._everywhere]
        for other, conditions in self._conditions.items():
            if other == table:
                parts += conditions
            elif conditions:
                parts.append(f"session_uuid IN (SELECT session_uuid FROM {other} WHERE {_all(conditions)})")
        return f"FROM {table} WHERE {_all(parts)}"


# Events that are no pageviews. (A session's own count of them is of all its time, not of the span.)
EVENTS: Final = ("events_custom", "file_downloads", "outbound_link_clicks")
# What is counted, of which tables' rows.
SERIES: Final[dict[str, tuple[str, ...]]] = {
    "visitors": ("pageviews",),
    "sessions": ("sessions",),
    "pageviews": ("pageviews",),
    "events": EVENTS,
    "bounces": ("sessions",),
    "sessions-duration": ("sessions",),  # in seconds, on average
}
# Each gives bucket (-1 for all of the span) and figures, of rows with their bucket. Counting by bucket and visitor
# first is twice as fast as `count(DISTINCT visitor_id)` by bucket.
_VISITS: Final = """
WITH seen AS MATERIALIZED (SELECT bucket, visitor_id, count(*) AS views FROM ({rows}) GROUP BY ALL)
SELECT bucket, count(*) AS visitors, sum(views) AS pageviews FROM seen GROUP BY bucket
UNION ALL SELECT -1, count(DISTINCT visitor_id), coalesce(sum(views), 0) FROM seen
"""
_COUNT: Final = """
SELECT coalesce(bucket, -1), count(*) FROM ({rows}) GROUP BY GROUPING SETS ((bucket), ())
"""
_SESSIONS: Final = """
SELECT coalesce(bucket, -1), count(*) AS sessions, count(*) FILTER (is_bounce) AS bounces,
       coalesce(avg(lasted), 0) / 1e6 AS "sessions-duration"
FROM ({rows})
GROUP BY GROUPING SETS ((bucket), ())
"""
# The clock may have been set back in between.
LASTED: Final = "greatest(epoch_us(exit_timestamp) - epoch_us(entry_timestamp), 0)"
# By which column rows are counted, and which table's.
TOPS: Final[dict[str, tuple[str, str]]] = {
    "top-pages": ("path", "pageviews"),
    "top-entry-pages": ("entry_path", "sessions"),
    "top-exit-pages": ("exit_path", "sessions"),
    "top-referrers": ("referrer_domain", "sessions"),
    "top-utm-sources": ("utm_source", "sessions"),
    "top-utm-mediums": ("utm_medium", "sessions"),
    "top-utm-campaigns": ("utm_campaign", "sessions"),
    "top-utm-terms": ("utm_term", "sessions"),
    "top-utm-contents": ("utm_content", "sessions"),
    "top-countries": ("country_code", "sessions"),
    "top-operating-systems": ("operating_system", "sessions"),
    "top-browsers": ("browser_family", "sessions"),
    "top-devices": ("device", "sessions"),
    "top-device-types": ("device_type", "sessions"),
    "top-statuses": ("status", "pageviews"),
    "top-custom-events": ("name", "events_custom"),
    "top-outbound-links": ("link", "outbound_link_clicks"),
    "top-file-downloads": ("url", "file_downloads"),
}


class Stats:
    """Answers questions about some domains, None for all. `Reader` says which errors they may raise."""

    def __init__(self, reader: Reader, domains: Collection[str] | None) -> None:
        self.reader = reader
        self.seen = None if domains is None else tuple(domains)

    def question(self, filters: Filters, start: int, end: int) -> Question:
        """Filters from `start` to before `end` (microseconds), for what may be seen."""
        return Question(filters, start, end, self.seen)

    def ask(self, query: str, question: Question) -> list[Row]:
        """The rows of a query that names a question's parameters."""
        return self.reader.ask(query, question.named_in(query))

    def series(self, names: Collection[str], filters: Filters, span: Span) -> dict[str, Series]:
        """Some of `SERIES`."""
        keys: list[Any] = [start // SECOND for start in span.edges[:-1]]
        found = {name: Series(frame(span, keys, [0] * len(keys)), 0) for name in names}
        if not keys:
            return found
        some = set(names)
        if "visitors" in some:
            self._measure(("visitors", "pageviews"), _VISITS, "visitor_id", filters, span, found)
        elif "pageviews" in some:
            self._measure(("pageviews",), _COUNT, "1", filters, span, found)
        if "events" in some:
            self._measure(("events",), _COUNT, "1", filters, span, found)
        if some & {"sessions", "bounces", "sessions-duration"}:
            columns = f"is_bounce, {LASTED} AS lasted"
            self._measure(("sessions", "bounces", "sessions-duration"), _SESSIONS, columns, filters, span, found)
        return found

    def _measure(
        self, names: tuple[str, ...], query: str, columns: str, filters: Filters, span: Span, found: dict[str, Series]
    ) -> None:
        """Fill in those of some figures that are `found`, by a query over `columns` of their tables' rows."""
        question = self.question(filters, span.start, span.end)
        rows = " UNION ALL ".join(
            f"SELECT {bucket_of(table, span.edges)} AS bucket, {columns} {question.rows(table)}"
            for table in SERIES[names[0]]
        )
        for index, *figures in self.ask(query.format(rows=rows), question):
            for name, figure in zip(names, figures, strict=True):
                if name not in found:
                    continue
                if index < 0:
                    found[name] = Series(found[name].frame, figure)
                else:
                    found[name].frame.values[index] = figure

    def tops(self, names: Collection[str], filters: Filters, span: Span, page: Page) -> dict[str, Frame]:
        """Some of `TOPS`: what is most frequent, by count and then by name; an empty text is none.

        All that are of the same rows are counted in one pass.
        """
        frames: dict[str, Frame] = {}
        for table, some in _by_table(names).items():
            question = self.question(filters, span.start, span.end)
            sets, numbers = (
                Sets({name: TOPS[name][0] for name in some}),
                {name: place for place, name in enumerate(some)},
            )
            rows = self.ask(
                f"SELECT sets.which, sets.key, sets.count FROM ("
                f"SELECT {sets.number(numbers)} AS which, {sets.key} AS key, count(*) AS count "
                f"FROM (SELECT {sets.named} {question.rows(table)}) GROUP BY {sets.sets}"
                f") AS sets WHERE key <> '' QUALIFY row_number() OVER (PARTITION BY which ORDER BY count DESC, key) "
                f"BETWEEN {question.bind(page.offset)} + 1 AND {question.bind(page.offset + page.limit)} "
                f"ORDER BY which, count DESC, key",
                question,
            )
            found: dict[str, list[tuple[str, int]]] = {name: [] for name in some}
            for which, key, count in rows:
                found[some[which]].append((key, count))
            for name, pairs in found.items():
                frames[name] = frame(span, [key for key, _ in pairs], [count for _, count in pairs])
        return frames

    def properties(self, filters: Filters, span: Span, page: Page, name: str = "") -> Frame:
        """The properties of custom events by how many events have them; with a `name`, its values, as text."""
        question = self.question(filters, span.start, span.end)
        rows = question.rows("events_custom")
        if not name:
            return self._top("key", f"FROM (SELECT unnest(json_keys(properties)) AS key {rows})", question, span, page)
        # JSON Pointer (RFC 6901): a name may hold anything.
        pointer = question.bind("/" + name.replace("~", "~0").replace("/", "~1"))
        values = f"FROM (SELECT properties->>{pointer} AS value {rows}) WHERE value IS NOT NULL"
        return self._top("value", values, question, span, page)

    def week(self, filters: Filters, span: Span, zone: datetime.tzinfo) -> Frame:
        """Pageviews by weekday (1 is Monday) and hour of the zone's clock: `WEEK`."""
        question = self.question(filters, span.start, span.end)
        values: list[int | float] = [0] * len(WEEK)
        query = f"SELECT {hour_of_week(span, zone)} AS hour, count(*) {question.rows('pageviews')} GROUP BY hour"
        for number, count in self.ask(query, question):
            values[number] = count
        return frame(span, list(WEEK), values)

    def live(self, filters: Filters, now: int) -> Frame:
        """Visitors with a pageview or event in the last 5 minutes, at `now`."""
        span = Span(now - LIVE, now + 1, [])
        question = self.question(filters, span.start, span.end)
        union = " UNION ALL ".join(f"SELECT visitor_id {question.rows(table)}" for table in ("pageviews", *EVENTS))
        ((count,),) = self.ask(f"SELECT count(DISTINCT visitor_id) FROM ({union})", question)
        return frame(span, [now // SECOND], [count])

    def domains(self) -> list[tuple[str, int]]:
        """The domains that there are sessions of, those with most first, each with its first entry (microseconds)."""
        where, parameters = "", dict[str, Any]()
        if self.seen is not None:
            where, parameters = "WHERE list_contains($domains, domain)", {"domains": list(self.seen)}
        query = (
            f"SELECT domain, epoch_us(min(entry_timestamp)) FROM sessions {where} "
            f"GROUP BY domain ORDER BY count(*) DESC, domain LIMIT {_MOST_DOMAINS}"
        )
        return [(domain, first) for domain, first in self.reader.ask(query, parameters)]

    def _top(self, column: str, source: str, question: Question, span: Span, page: Page) -> Frame:
        limit, offset = question.bind(page.limit), question.bind(page.offset)
        rows = self.ask(
            f"SELECT {column} AS key, count(*) AS count {source} GROUP BY key ORDER BY count DESC, key "
            f"LIMIT {limit} OFFSET {offset}",
            question,
        )
        return frame(span, [key for key, _ in rows], [count for _, count in rows])


def _by_table(names: Collection[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name in names:
        grouped.setdefault(TOPS[name][1], []).append(name)
    return grouped


def time_of(table: str) -> str:
    """The column that says when a row was."""
    return "entry_timestamp" if table == "sessions" else '"timestamp"'


def frame(span: Span, keys: list[Any], values: list[int | float]) -> Frame:
    """An answer about a span."""
    return Frame(span.start // SECOND, span.end // SECOND, keys, values)


def bucket_of(table: str, edges: list[int]) -> str:
    """The number of the bucket that a table's row is in, all rows being in one."""
    microseconds = f"epoch_us({time_of(table)})"
    width = edges[1] - edges[0]
    if all(after - before == width for before, after in itertools.pairwise(edges)):
        return f"({microseconds} - {edges[0]}) // {width}"
    return _search(microseconds, edges, 0, len(edges) - 1)


def hour_of_week(span: Span, zone: datetime.tzinfo) -> str:
    """The number in `WEEK` of the hour that a pageview is in, all pageviews being in the span."""
    hour = f"(epoch_us(timestamp) + {_offset('epoch_us(timestamp)', span, zone)}) // {_HOUR}"
    # 1970 began on a Thursday.
    return f"({hour} + 3 * 24) % {len(WEEK)}"


def _offset(moment: str, span: Span, zone: datetime.tzinfo) -> str:
    """How far the zone's clock is ahead of UTC at a moment of the span, in microseconds."""
    cases, at, offset = [], span.start, _ahead(span.start, zone)
    while at < span.end:
        following = min(at + _STEADY, span.end)
        if _ahead(following, zone) != offset:
            change = _find_change(at, following, zone)
            cases.append(f"WHEN {moment} < {change} THEN {offset}")
            offset = _ahead(following, zone)
        at = following
    return f"CASE {' '.join(cases)} ELSE {offset} END" if cases else str(offset)


def _find_change(low: int, high: int, zone: datetime.tzinfo) -> int:
    """The moment from which the clock is as far ahead as at `high`."""
    offset = _ahead(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _ahead(middle, zone) == offset else (middle, high)
    return high


def _ahead(moment: int, zone: datetime.tzinfo) -> int:
    return (localise(moment, zone).utcoffset() or datetime.timedelta()) // datetime.timedelta(microseconds=1)


def _search(value: str, edges: list[int], low: int, high: int) -> str:
    """A binary search as nested CASEs: as fast as arithmetic, and days may have any length."""
    if high - low == 1:
        return str(low)
    middle = (low + high) // 2
    below, above = _search(value, edges, low, middle), _search(value, edges, middle, high)
    return f"CASE WHEN {value} < {edges[middle]} THEN {below} ELSE {above} END"


def _all(parts: list[str]) -> str:
    return " AND ".join(f"({part})" for part in parts) or "true"
