"""What is cached of a selection: the counts up to its cut, and those after it; and the result that both make."""

from array import array
from collections import Counter
from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND
from prisme.stats.buckets import WEEK
from prisme.stats.cache.counted import Counted
from prisme.stats.cache.keys import KeyCounts, Rows
from prisme.stats.cache.partials import FIGURES, Counts, Tables
from prisme.stats.columns import HOURS
from prisme.stats.frames import Frame, Result, Series, make_frame, make_list, make_series
from prisme.stats.selection import Page, Span

# What a table takes of DuckDB's memory: a first piece for each column, then pieces that double up to a whole block, so
# that a quarter of them is empty on average. And what it takes elsewhere, such as its entry in DuckDB's catalog.
_PIECE_BYTES: Final = 4080
_BLOCK_BYTES: Final = 262_144
_TABLE_BYTES: Final = 26_000
# What Python takes: of an entry, of a number in a `Counter`, and of a row of a list in addition to its key.
_OBJECT_BYTES: Final = 4096
_NUMBER_BYTES: Final = 128
_ROW_BYTES: Final = 160
# The series that are sums over the parts.
_SUMS: Final = ("visitors", "sessions", "pageviews", "events", "bounces")


class Remainder(NamedTuple):
    """The counts after the cut, and the rows of the lists that a page shows."""

    counted: Counted
    page: Page
    counts: Counts
    rows: dict[str, Rows]

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        lists = sum(_ROW_BYTES + len(key) for rows in self.rows.values() for key, _ in rows)
        return _NUMBER_BYTES * self.counts.numbers + lists


class Entry:
    """The counts of a selection from its start to the `cut`, in microseconds, and the tables of the same time.

    They include the rows of the first `loads` loads: later loads have changed nothing before the cut. `is_complete` is
    false while passes are missing that were too late. It `is_kept` for other requests, or for one only.
    """

    def __init__(self, start: int, *, is_kept: bool) -> None:
        self.cut = start
        self.is_kept = is_kept
        self.is_complete = False
        self.loads = 0
        self.counts = Counts()
        self.tables: Tables | None = None
        self.remainder: Remainder | None = None
        self._key_counts: dict[str, array[int]] = {}
        self._tables_size = 0

    def extend(self, cut: int, counts: Counts, tables: Tables, key_counts: KeyCounts, tables_size: int) -> None:
        """Move the cut. `counts` are those since the old one; the tables take about `tables_size` bytes."""
        self.cut, self.tables, self.remainder = cut, tables, None
        self.counts.add(counts)
        self._key_counts = {name: array("Q", some) for name, some in key_counts.by_list.items()}
        self._tables_size = tables_size

    def least(self, place: int) -> dict[str, int]:
        """Return the count at a place of each list; counts only grow, so no key in that many first places has less."""
        return {name: some[place - 1] for name, some in self._key_counts.items() if 0 < place <= len(some)}

    @property
    def size(self) -> int:
        """About how many bytes it takes with its tables."""
        lists = sum(some.itemsize * len(some) for some in self._key_counts.values())
        remainder = self.remainder.size if self.remainder else 0
        return _OBJECT_BYTES + self._tables_size + _NUMBER_BYTES * self.counts.numbers + lists + remainder


def estimate_tables(key_counts: KeyCounts) -> int:
    """About how many bytes the `Tables` that hold so much take."""
    visitors, keys = key_counts.visitors, sum(map(len, key_counts.by_list.values()))
    return _estimate_table(8 * visitors, 4 * visitors, 8 * visitors) + _estimate_table(
        4 * keys, 4 * keys + key_counts.key_bytes, 8 * keys
    )


def _estimate_table(*columns: int) -> int:
    """About how many bytes a table takes whose columns hold so many bytes each."""
    if max(columns) <= _PIECE_BYTES:
        return _TABLE_BYTES + _PIECE_BYTES * len(columns)
    return _TABLE_BYTES + _BLOCK_BYTES + sum(columns) * 5 // 4


def make_result(span: Span, counts: Counts, remainder: Remainder) -> Result:
    """Return the figures of a span: the counts up to the cut, and the remainder."""
    frames = {name: _make_frame(name, span, rows) for name, rows in remainder.rows.items()}
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


def select_rows(name: str, rows: Rows, page: Page) -> Rows:
    """The rows of a list that a page shows, in their order; all of `HOURS`, in any."""
    if name == HOURS:
        return rows
    return sorted(rows, key=lambda row: (-row[1], row[0]))[page.offset : page.offset + page.limit]


def _make_frame(name: str, span: Span, rows: Rows) -> Frame:
    if name == HOURS:
        counts = Counter(dict(rows))
        return make_frame(span, list(WEEK), [counts[str(hour)] for hour in range(len(WEEK))])
    return make_list(span, rows)
