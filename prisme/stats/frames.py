"""The results of queries: keys with their values, within a span of time."""

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from prisme.base.timexpr import SECOND
from prisme.stats.selection import Span

Key = int | str


class Frame(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """`from` and `to` are Unix seconds. The keys of a series are the Unix seconds at which its buckets start."""

    start: int
    end: int
    keys: list[Key]
    values: list[int | float]

    def to_csv(self) -> str:
        """Return the frame as CSV (RFC 4180) with a header."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("key", "value"))
        writer.writerows(zip(self.keys, self.values, strict=True))
        return text.getvalue()


class Series(NamedTuple):
    """A value for each bucket, 0 for those without rows; and the value of the whole span."""

    frame: Frame
    total: int | float


class Result(NamedTuple):
    """The figures of a `Selection`: all series, and a frame for each of its names."""

    series: dict[str, Series]
    frames: dict[str, Frame]


def make_frame(span: Span, keys: list[Any], values: list[int | float]) -> Frame:
    """Return the frame of a span."""
    return Frame(span.start // SECOND, span.end // SECOND, keys, values)


def make_list(span: Span, rows: Sequence[tuple[Any, int]]) -> Frame:
    """Return the frame of a list's rows, each a key and its count."""
    return make_frame(span, [key for key, _ in rows], [count for _, count in rows])


def make_series(span: Span, values: list[int | float], total: float) -> Series:
    """Return the series of a span with a value for each of its buckets."""
    return Series(make_frame(span, [start // SECOND for start in span.edges[:-1]], values), total)
