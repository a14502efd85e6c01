"""What is cached of a selection: the counts up to its cut, and those after it; and the result that both make."""

from array import array
from collections import Counter
from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND
from prisme.stats.buckets import WEEK
from prisme.stats.cache.keys import Rows
from prisme.stats.cache.partials import FIGURES, Counts, Tables
from prisme.stats.columns import HOURS
from prisme.stats.frames import Frame, Result, Series, make_frame, make_list, make_series
from prisme.stats.selection import Page, Span

# About what a visitor and a key of a list take of DuckDB's memory.
_VISITOR_BYTES: Final = 12
_KEY_BYTES: Final = 64
# The series that are sums over the parts.
_SUMS: Final = ("visitors", "sessions", "pageviews", "events", "bounces")


class Remainder(NamedTuple):
    """The counts from the cut up to `end`, after so many loads; and the rows of the lists that a page needs."""

    loads: int
    end: int
    page: Page
    counts: Counts
    rows: dict[str, Rows]


class Entry:
    """The counts of a selection from its start to the `cut`, in microseconds, and the tables of the same time.

    They include the rows of the first `loads` loads: later loads have changed nothing before the cut.
    """

    def __init__(self, start: int) -> None:
        self.cut = start
        self.loads = 0
        self.counts = Counts()
        self.tables: Tables | None = None
        self.remainder: Remainder | None = None
        self._key_counts: dict[str, array[int]] = {}

    def extend(self, cut: int, counts: Counts, tables: Tables, key_counts: dict[str, list[int]]) -> None:
        """Move the cut. `counts` are those since the old one; `key_counts` those of each list, the highest first."""
        self.cut, self.tables, self.remainder = cut, tables, None
        self.counts.add(counts)
        self._key_counts = {name: array("Q", some) for name, some in key_counts.items()}

    def least(self, place: int) -> dict[str, int]:
        """Return the count at a place of each list; counts only grow, so no key in that many first places has less."""
        return {name: some[place - 1] for name, some in self._key_counts.items() if 0 < place <= len(some)}

    @property
    def size(self) -> int:
        """About how many bytes the tables take."""
        return _VISITOR_BYTES * self.counts.visitors + _KEY_BYTES * sum(map(len, self._key_counts.values()))


def make_result(span: Span, counts: Counts, remainder: Remainder) -> Result:
    """Return the figures of a span: the counts up to the cut, and the remainder."""
    frames = {name: _make_frame(name, span, rows, remainder.page) for name, rows in remainder.rows.items()}
    return Result(_make_all_series(span, counts, remainder.counts), frames)


def _make_all_series(span: Span, counts: Counts, later: Counts) -> dict[str, Series]:
    def add(figure: str) -> list[int]:
        ours, others = counts.buckets[figure], later.buckets[figure]
        return [ours[number] + others[number] for number in range(len(span.edges) - 1)]

    sums = {figure: add(figure) for figure in FIGURES}
    totals = {figure: sum(values) for figure, values in sums.items()}
    totals["visitors"] = counts.visitors + later.visitors
    averages = [_average(*pair) for pair in zip(sums["durations"], sums["sessions"], strict=True)]
    return {
        **{name: make_series(span, [*sums[name]], totals[name]) for name in _SUMS},
        "sessions-duration": make_series(span, averages, _average(totals["durations"], totals["sessions"])),
    }


def _average(microseconds: int, sessions: int) -> float:
    return microseconds / sessions / SECOND if sessions else 0


def _make_frame(name: str, span: Span, rows: Rows, page: Page) -> Frame:
    if name == HOURS:
        counts = Counter(dict(rows))
        return make_frame(span, list(WEEK), [counts[str(hour)] for hour in range(len(WEEK))])
    rows.sort(key=lambda row: (-row[1], row[0]))
    return make_list(span, rows[page.offset : page.offset + page.limit])
