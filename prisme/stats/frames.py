"""The results of queries: keys with their values, within a span of time."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from prisme.base.timexpr import SECOND
from prisme.stats.selection import Imported, Span

Key = int | str
# What spreadsheets treat as a formula, also after white space and control characters; some take full-width signs too.
_FORMULA: Final = re.compile(r"[\s\x00-\x1f\x7f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_BYTE_ORDER_MARK: Final = "\ufeff"
_NEGATIVE: Final = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Frame(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """`from` and `to` are Unix seconds. The keys of a series are the Unix seconds at which its buckets start.

    `imported` says which of its figures imports brought, if any are in it and this is a response of its own.
    """

    start: int
    end: int
    keys: list[Key]
    values: list[int | float]
    imported: Imported | msgspec.UnsetType = msgspec.UNSET

    def to_csv(self, spreadsheet: bool = False) -> str:
        """Return the frame as CSV (RFC 4180) with a header.

        For a spreadsheet, it is changed as `write_csv` says.
        """
        return write_csv(("key", "value"), zip(self.keys, self.values, strict=True), spreadsheet)


class Series(NamedTuple):
    """A value for each bucket, 0 for those without rows; and the value of the whole span."""

    frame: Frame
    total: int | float


class Result(NamedTuple):
    """The figures of a `Selection`: all series, and a frame for each of its names."""

    series: dict[str, Series]
    frames: dict[str, Frame]


def _neutralise(key: Any) -> Any:
    """Return the key with an apostrophe before what a spreadsheet would treat as a formula; numbers are none."""
    if isinstance(key, str) and _FORMULA.match(key) and not _NEGATIVE.fullmatch(key):
        return f"'{key}"
    return key


def write_csv(head: Sequence[str], rows: Iterable[tuple[Any, ...]], spreadsheet: bool) -> str:
    """Return rows as CSV (RFC 4180); None is empty.

    For a spreadsheet, no text is a formula, all are quoted, as some separate columns by `;`, and a byte order mark says
    that it is UTF-8, which some do not assume.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC if spreadsheet else csv.QUOTE_MINIMAL)
    writer.writerow(head)
    writer.writerows(map(_neutralise, row) for row in rows) if spreadsheet else writer.writerows(rows)
    return _BYTE_ORDER_MARK * spreadsheet + text.getvalue()


def make_frame(span: Span, keys: list[Any], values: list[int | float]) -> Frame:
    """Return the frame of a span."""
    return Frame(span.start // SECOND, span.end // SECOND, keys, values)


def make_list(span: Span, rows: Sequence[tuple[Any, int | float]]) -> Frame:
    """Return the frame of a list's rows, each a key and its count."""
    return make_frame(span, [key for key, _ in rows], [count for _, count in rows])


def make_series(span: Span, values: list[int | float], total: float) -> Series:
    """Return the series of a span with a value for each of its buckets."""
    return Series(make_frame(span, [start // SECOND for start in span.edges[:-1]], values), total)
