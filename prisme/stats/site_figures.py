"""Visitors of each site, for the start page and the stats API."""

from collections.abc import Sequence

import msgspec

from prisme.base.timexpr import SECOND, Interval
from prisme.stats.buckets import bucket_number
from prisme.stats.filters import Filters
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Period, Span


class SiteFigures(msgspec.Struct, frozen=True):
    """A domain's visitors in a span, and in the span `before`.

    `first` is its first entry, `last` its latest activity, in microseconds.
    """

    domain: str
    visitors: int
    before: int
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
    shown = found[query.page.offset : query.page.offset + query.page.limit]
    by_bucket = count_by_bucket(stats, query.span, [one.domain for one in shown], query.filters)
    return SiteList(
        Period.of(query.span),
        None if query.compared is None else Period.of(query.compared),
        query.interval,
        query.zone.key,
        len(found),
        [edge // SECOND for edge in query.span.edges[:-1]],
        [_make_row(one, by_bucket[one.domain], query.compared is not None) for one in shown],
    )


def list_site_figures(
    stats: Stats, span: Span, before: Span | None, filters: Filters | None = None
) -> list[SiteFigures]:
    """The figures of the allowed domains with visits, those with the most visitors first. Raises UnavailableError.

    A filter on `domain` chooses the domains; the others only the visitors that count.
    """
    filters = filters or {}
    now, earlier = _count(stats, span, filters), {} if before is None else _count(stats, before, filters)
    found = []
    for domain, first, last in stats.domain_spans(filters):
        stats.reader.check()
        found.append(SiteFigures(domain, now.get(domain, 0), earlier.get(domain, 0), first, last))
    return sorted(found, key=lambda one: -one.visitors)


def count_by_bucket(
    stats: Stats, span: Span, domains: Sequence[str], filters: Filters | None = None
) -> dict[str, list[int]]:
    """The visitors of some of these domains by the buckets of a span. Raises UnavailableError."""
    counts = {domain: [0] * len(span.edges[1:]) for domain in domains}
    conditions = stats.conditions(filters or {}, span.start, span.end)
    query = stats.dialect.sql("site_buckets").format(
        bucket=bucket_number("pageviews", span.edges, conditions.bind, stats.dialect),
        rows=conditions.rows("pageviews"),
        chosen=stats.dialect.contains(conditions.bind(list(domains)), "domain"),
    )
    for domain, bucket, count in stats.run(query, conditions) if domains else ():
        stats.reader.check()
        counts[domain][bucket] = count
    return counts


def _make_row(one: SiteFigures, by_bucket: list[int], has_before: bool) -> SiteRow:
    before = one.before if has_before else None
    return SiteRow(one.domain, one.visitors, before, by_bucket, one.first // SECOND, one.last // SECOND)


def _count(stats: Stats, span: Span, filters: Filters) -> dict[str, int]:
    conditions = stats.conditions(filters, span.start, span.end)
    query = stats.dialect.sql("site_visitors").format(rows=conditions.rows("pageviews"))
    return dict(stats.run(query, conditions))
