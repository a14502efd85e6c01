"""What is known of one row of a list: its visitors by bucket, the pages before and after, the properties of an event.

The filters that are passed here select the row.
"""
# Only SQL made here is composed; values from requests are bound.

from typing import Final, NamedTuple

import msgspec

from prisme.base.timexpr import SECOND
from prisme.stats.buckets import bucket_number
from prisme.stats.filters import Filters
from prisme.stats.frames import Series, make_series
from prisme.stats.queries import Stats
from prisme.stats.selection import Span

# Rows of each list: enough for a panel that opens within another one.
ROWS: Final = 5
# Properties of an event that are shown; few events have more.
_PROPERTY_NAMES: Final = 8
# No session lasts longer (`visit/sessions.py:LONGEST`), so that no pageview of one is further away.
_LONGEST_SESSION: Final = 24 * 3600 * SECOND


class Neighbours(NamedTuple):
    """Pages with the number of pageviews that they came before or after; None is no page."""

    before: list[tuple[str | None, int]]
    after: list[tuple[str | None, int]]


class Property(msgspec.Struct, frozen=True):
    """A property: the number of events that have it, and the number that have each of its most frequent values."""

    name: str
    events: int
    values: list[tuple[str, int]]


def count_by_bucket(stats: Stats, table: str, filters: Filters, span: Span) -> tuple[Series, Series]:
    """Return the visitors of a table's rows, and the number of rows."""
    conditions = stats.conditions(filters, span.start, span.end)
    bucket = bucket_number(table, span.edges, conditions.bind, stats.dialect)
    rows = f"SELECT {bucket} AS bucket, visitor_id {conditions.rows(table)}"
    query = stats.dialect.sql("visitors").format(rows=rows)
    visitors: list[int | float] = [0] * len(span.edges[1:])
    counts, totals = visitors.copy(), (0, 0)
    for number, *both in stats.run(query, conditions):
        stats.reader.check()
        if number < 0:
            totals = (both[0], int(both[1]))
        else:
            visitors[number], counts[number] = both[0], int(both[1])
    return make_series(span, visitors, totals[0]), make_series(span, counts, totals[1])


def list_neighbours(stats: Stats, table: str, filters: Filters, span: Span) -> Neighbours:
    """Return the pages just before and after the pageviews that count; of `sessions`, those before the last pageview
    and those after the first one.

    Pageviews of the same session count whether or not the filters match them, and outside the span as well.
    """
    conditions = stats.conditions(filters, span.start, span.end)
    of_views = table == "pageviews"
    query = stats.dialect.sql("row_neighbours").format(
        chosen=f"SELECT {stats.dialect.row_id if of_views else 'NULL'} AS id, session_uuid {conditions.rows(table)}",
        every=conditions.rows_of_domains("pageviews"),
        before="id IN (SELECT id FROM chosen)" if of_views else "after IS NULL",
        after="id IN (SELECT id FROM chosen)" if of_views else "before IS NULL",
        start=conditions.bind(span.start - _LONGEST_SESSION),
        end=conditions.bind(span.end + _LONGEST_SESSION),
        limit=conditions.bind(ROWS),
    )
    found = Neighbours([], [])
    for which, key, count in stats.run(query, conditions):
        found[which].append((key, count))
    return found


def list_paths(stats: Stats, table: str, filters: Filters, span: Span) -> list[tuple[str, int]]:
    """Return the pages on which a table's events happened, the most frequent first."""
    conditions = stats.conditions(filters, span.start, span.end)
    query = stats.dialect.sql("row_paths").format(rows=conditions.rows(table), limit=conditions.bind(ROWS))
    return stats.run(query, conditions)


def find_domain(stats: Stats, table: str, filters: Filters, span: Span) -> str:
    """Return the domain of a table's rows; empty if they have none or several."""
    conditions = stats.conditions(filters, span.start, span.end)
    found = stats.run(stats.dialect.sql("row_domains").format(rows=conditions.rows(table)), conditions)
    return str(found[0][0]) if len(found) == 1 else ""


def list_properties(stats: Stats, filters: Filters, span: Span) -> list[Property]:
    """Return the properties of custom events, those of most events first, each with its most frequent values."""
    conditions = stats.conditions(filters, span.start, span.end)
    query = stats.dialect.sql("row_properties").format(
        rows=conditions.rows("events_custom"), names=conditions.bind(_PROPERTY_NAMES), values=conditions.bind(ROWS)
    )
    found: dict[str, Property] = {}
    for name, events, value, count in stats.run(query, conditions):
        one = found.setdefault(name, Property(name, events, []))
        if value is not None:
            one.values.append((value, count))
    return list(found.values())
