"""What a query selects: a span of time, rows of a list, and the figures to count together."""

import datetime
from typing import NamedTuple

import msgspec

from prisme.base.timexpr import SECOND
from prisme.stats.filters import Filters


class Span(msgspec.Struct, frozen=True):
    """From `start` up to `end`, excluded, in microseconds; `edges` are the starts of its buckets, and the last end.

    `zone` is that of its days.
    """

    start: int
    end: int
    edges: list[int]
    zone: datetime.tzinfo = datetime.UTC


class Period(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A span in Unix seconds, as in responses."""

    start: int
    end: int

    @classmethod
    def of(cls, span: Span) -> "Period":
        """The seconds of a span."""
        return cls(span.start // SECOND, span.end // SECOND)


class Imported(msgspec.Struct, frozen=True, rename="kebab"):
    """Figures of imports in a response: of how many days, the first and the last one, and the names of the imports."""

    days: int
    first_day: datetime.date
    last_day: datetime.date
    names: list[str]


class Page(msgspec.Struct, frozen=True):
    """The rows of a sorted list that are returned."""

    limit: int = 10
    offset: int = 0


class Selection(NamedTuple):
    """Figures to count together: all series, and the lists in `names`. `zone` is that of the hours of the week."""

    names: tuple[str, ...]
    filters: Filters
    span: Span
    zone: datetime.tzinfo
