"""Visitors of each site, for the start page."""

from typing import Final

import msgspec

from prisme.stats.buckets import bucket_number
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
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


def list_site_figures(stats: Stats, span: Span, before: Span | None) -> list[SiteFigures]:
    """The figures of the allowed domains with visits, those with the most visitors first. Raises UnavailableError."""
    now, earlier = _count(stats, span), {} if before is None else _count(stats, before)
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
        for domain, first, last in stats.domain_spans()
    ]
    return sorted(found, key=lambda one: -one.visitors)


def _count(stats: Stats, span: Span) -> dict[tuple[str, int], int]:
    """The visitors by domain and bucket; bucket -1 is the whole span."""
    conditions = stats.conditions({}, span.start, span.end)
    bucket = bucket_number("pageviews", span.edges, conditions.bind)
    query = _FIGURES.format(bucket=bucket, rows=conditions.rows("pageviews"))
    return {(domain, number): count for domain, number, count in stats.run(query, conditions)}
