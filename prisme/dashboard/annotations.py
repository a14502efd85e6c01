"""The annotations of a period on the chart: marks at its bottom, texts of its points, and a list below it."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

import msgspec

from prisme.access.annotations import Annotation
from prisme.base import timexpr
from prisme.base.offsets import localise
from prisme.base.timexpr import SECOND, Interval
from prisme.dashboard.chart import Chart
from prisme.dashboard.chart_scale import to_x
from prisme.dashboard.dates import format_date, format_moment

# The latest ones: as many as a list below a chart can have.
MOST: Final = 50
_FINE: Final[tuple[Interval, ...]] = ("minute", "hour")


class Mark(msgspec.Struct, frozen=True):
    """The annotations of one bucket, at `x` in percent of the chart's width."""

    x: float
    text: str


class Note(msgspec.Struct, frozen=True):
    """An annotation below the chart; `domain` is empty where all are of one site."""

    id: int
    when: str
    text: str
    domain: str


class Notes(msgspec.Struct, frozen=True):
    """The annotations of a page. `is_cut` says that there are older ones in the period."""

    chart: Chart
    marks: list[Mark]
    list: list[Note]
    is_cut: bool


def annotate(
    chart: Chart, edges: Sequence[int], found: Sequence[Annotation], zone: tzinfo, interval: Interval
) -> Notes:
    """The chart with its annotations, of which `found` has at most one more than `MOST`, the newest first.

    `edges` are those of the chart's buckets, in microseconds.
    """
    placed = sorted(
        ((moment, one) for one in found[:MOST] if edges[0] <= (moment := _moment_of(one, zone)) < edges[-1]),
        key=lambda pair: (pair[0], pair[1].id),
    )
    by_bucket: dict[int, list[str]] = {}
    for moment, one in placed:
        by_bucket.setdefault(bisect_right(edges, moment) - 1, []).append(one.text)
    texts = {number: "; ".join(texts) for number, texts in by_bucket.items()}
    points = [
        msgspec.structs.replace(point, note=texts[number]) if number in texts else point
        for number, point in enumerate(chart.points)
    ]
    several = len({one.domain for _, one in placed}) > 1
    return Notes(
        msgspec.structs.replace(chart, points=points),
        [Mark(round(to_x(number, len(edges) - 1) / 10, 2), text) for number, text in texts.items()],
        [
            Note(one.id, _describe(moment, one, zone, interval), one.text, one.domain if several else "")
            for moment, one in placed
        ],
        len(found) > MOST,
    )


def _moment_of(one: Annotation, zone: tzinfo) -> int:
    """In microseconds; of a day, its beginning where the viewer is."""
    return timexpr.parse(one.day, 0, zone) if one.day else one.at * SECOND


def _describe(moment: int, one: Annotation, zone: tzinfo, interval: Interval) -> str:
    """`3 Nov 2026`, or with the time of day on a chart of hours."""
    local = localise(moment, zone)
    return format_date(local) if one.day or interval not in _FINE else format_moment(local)
