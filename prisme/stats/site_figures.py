"""Visitors of each site, for the start page and the stats API."""

from typing import Final

import msgspec

from prisme.base.timexpr import SECOND, Interval
from prisme.stats.buckets import bucket_number
from prisme.stats.filters import Filters
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Period, Span
from prisme.stats.sql import load_sql

_FIGURES: Final = load_sql("site_figures")


class SiteFigures(msgspec.Struct, frozen=True):
    """A domain's visitors in a span, in the span `before`, and by its buckets.

    `first` is its first entry, `last` its latest activity, in microseconds.
    """

    domain: str
    visitors: int
    before: int
    by_bucket: list[int]
    first: int
    last: int


class SiteRow(msgspec.Struct, frozen=True, rename="kebab"):
    """A site in a response; `first` and `last` are Unix seconds. Without a comparison, `compared_visitors` is None."""

    domain: str
    visitors: int
    compared_visitors: int | None
    values: list[int]
    first: int
    last: int


class SiteList(msgspec.Struct, frozen=True, rename="kebab"):
    """A response: some sites, of `total`. `keys` are the Unix seconds at which the buckets of `values` start."""

    period: Period
    compared_period: Period | None
    interval: Interval
    tz: str
    total: int
    keys: list[int]
    sites: list[SiteRow]


def build_site_list(stats: Stats, query: StatsQuery) -> SiteList:
    """Return the sites of a query's page, those with the most visitors first. Raises UnavailableError."""
    found = list_site_figures(stats, query.span, query.compared, query.filters)
    first, has_before = query.page.offset, query.compared is not None
    return SiteList(
        Period.of(query.span),
        None if query.compared is None else Period.of(query.compared),
        query.interval,
        query.zone.key,
        len(found),
        [edge // SECOND for edge in query.span.edges[:-1]],
        [_make_row(one, has_before) for one in found[first : first + query.page.limit]],
    )


def list_site_figures(
    stats: Stats, span: Span, before: Span | None, filters: Filters | None = None
) -> list[SiteFigures]:
    """The figures of the allowed domains with visits, those with the most visitors first. Raises UnavailableError.

    A filter on `domain` chooses the domains; the others only the visitors that count.
    """
    filters = filters or {}
    now, earlier = _count(stats, span, filters), {} if before is None else _count(stats, before, filters)
    buckets = range(len(span.edges) - 1)
    found = [
        SiteFigures(
            domain,
            now.get((domain, -1), 0),
            earlier.get((domain, -1), 0),
            [now.get((domain, bucket), 0) for bucket in buckets],
            first,
            last,
        )
        for domain, first, last in stats.domain_spans(filters)
    ]
    return sorted(found, key=lambda one: -one.visitors)


def _make_row(one: SiteFigures, has_before: bool) -> SiteRow:
    before = one.before if has_before else None
    return SiteRow(one.domain, one.visitors, before, one.by_bucket, one.first // SECOND, one.last // SECOND)


def _count(stats: Stats, span: Span, filters: Filters) -> dict[tuple[str, int], int]:
    """The visitors by domain and bucket; bucket -1 is the whole span."""
    conditions = stats.conditions(filters, span.start, span.end)
    bucket = bucket_number("pageviews", span.edges, conditions.bind)
    query = _FIGURES.format(bucket=bucket, rows=conditions.rows("pageviews"))
    return {(domain, number): count for domain, number, count in stats.run(query, conditions)}
