"""Explains a peak of the chart: the source, or else the page, that more than half of it came from."""

from collections.abc import Sequence
from typing import Final

from prisme.dashboard.list_types import SOURCES
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.words import translate
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.stats.short_lists import count_lists
from prisme.stats.source_names import DIRECT, INTERNAL

# A peak is at least this many times the median.
_TIMES: Final = 2
# Fewer need no explanation.
_LEAST: Final = 10
_FEWEST_BUCKETS: Final = 5
# Longer buckets take long to count.
_INTERVALS: Final = ("minute", "hour", "day", "week")
_MOST_KEYS: Final = 2
# What explains nothing: no source, and the page where most visits begin.
_UNTOLD: Final = (DIRECT, INTERNAL, "/")


def find_peak(values: Sequence[float]) -> int | None:
    """The number of the bucket that is the highest, and far above the others; None if there is none."""
    if len(values) < _FEWEST_BUCKETS:
        return None
    from statistics import median

    highest = max(values)
    return values.index(highest) if highest >= max(_LEAST, _TIMES * median(values)) else None


def explain_peak(
    stats: Stats, metric: str, query: StatsQuery, values: Sequence[float], cache: SpanCache
) -> dict[int, str]:
    """A note for the bucket that is a peak of `values`, by its number: `Mostly Hacker News, 210 of 310`.

    Reads that bucket alone. Raises UnavailableError.
    """
    number = find_peak(values) if query.interval in _INTERVALS else None
    if number is None or metric not in ("visitors", "sessions", "pageviews"):
        return {}
    start, end = query.span.edges[number : number + 2]
    bucket = Span(start, end, [start, end], query.zone)
    sources, pages = cache.find(
        stats, ("peak", metric, end), query.filters, bucket, lambda: _count(stats, metric, query, bucket)
    )
    found = [
        *((label_row(SOURCES, key), count) for key, count in sources),
        *((label_row("top-pages", key), count) for key, count in pages),
    ]
    # Half of it, at least: so no two sources are meant, and the sources come first.
    for label, count in found:
        if label not in _UNTOLD and 2 * count > values[number]:
            most, total = format_exact(count), format_exact(values[number])
            return {number: translate("Mostly {name}, {count} of {total}", name=label, count=most, total=total)}
    return {}


def _count(
    stats: Stats, metric: str, query: StatsQuery, bucket: Span
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The sources and the pages of a bucket, with their counts, the highest first."""
    if metric == "sessions":
        tops = stats.tops(("top-sources", "top-entry-pages"), query.filters, bucket, Page(_MOST_KEYS))
        sources, pages = (
            [(str(key), int(count)) for key, count in zip(frame.keys, frame.values, strict=True)]
            for frame in tops.values()
        )
        return sources, pages
    found = count_lists(stats, query.filters, bucket, "pageviews" if metric == "pageviews" else "visitors", _MOST_KEYS)
    return found["top-sources"], found["top-pages"]
