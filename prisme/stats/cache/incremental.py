"""What was counted once and is still right: of a span that ends now, only what came since is counted again.

A span is cut in two. What is before the cut stays as it was counted until a load touches a time before the cut; each
load says the lowest time that it may have changed (`store/load_log.py`). The cut lies twice as far back as loads
reached lately, so that few do. What is after it is counted once after each load, and is kept as well when it is much.
"""

import contextlib
import datetime
import itertools
import math
import threading
import time
from array import array
from collections import Counter
from collections.abc import Hashable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from prisme.base.timexpr import SECOND, floor
from prisme.stats.cache import partials as parts
from prisme.stats.cache.partials import Counts, ManyKeysError, Part, Rows, Tables
from prisme.stats.filters import Filters
from prisme.stats.frames import Frame
from prisme.stats.queries import WEEK, Page, Series, Span, Stats, frame
from prisme.store.database import Database
from prisme.store.errors import FullError, LateError

_LATELY: Final = 600.0  # seconds
# Pageviews and events after the cut that are worth moving it.
_WORTH_MOVING: Final = 20_000
# What a visitor and a key of a list take of DuckDB's memory, about; of which all may take a quarter.
_VISITOR_BYTES: Final = 12
_KEY_BYTES: Final = 64
# How long it is not tried again to keep what had no room.
_PATIENCE: Final = 600.0
_MOST_LARGE: Final = 1000


class Want(NamedTuple):
    """What to count of a span; `names` are those of the lists that `parts.rank` gives."""

    names: tuple[str, ...]
    filters: Filters
    span: Span
    zone: datetime.tzinfo

    def key(self, stats: Stats) -> Hashable:
        """What the same question has in common at all times; with the first bucket's end, its interval is known."""
        filters = tuple(sorted(self.filters.items(), key=itemgetter(0)))
        return self.names, filters, stats.seen, self.span.start, self.span.edges[1], self.zone

    def part(self, start: int, end: int) -> Part:
        """A part of the span."""
        return Part(self.filters, start, end, self.span.edges, self.zone)


class _Later(NamedTuple):
    """What was after the cut when it was last looked at, with so many loads, until `end`; and the page of the lists."""

    loads: int
    end: int
    page: Page
    counts: Counts
    rows: dict[str, Rows]


class _Entry:
    """What is kept of a span: counts from its start to the `cut`, and tables of the same."""

    def __init__(self, start: int) -> None:
        self.cut = start
        self.loads = 0  # what these stored is in it, or is after the cut
        self.counts = Counts()
        self.tables: Tables | None = None
        self.later: _Later | None = None
        self._numbers: dict[str, array[int]] = {}

    def extend(self, cut: int, counts: Counts, tables: Tables, numbers: dict[str, list[int]]) -> None:
        """Move the cut; `numbers` are the counts of each list, the greatest first."""
        self.cut, self.tables, self.later = cut, tables, None
        self.counts.add(counts)
        self._numbers = {name: array("Q", some) for name, some in numbers.items()}

    def least(self, place: int) -> dict[str, int]:
        """Of each list, the count at a place: what is in so many places in the end has no less."""
        return {name: some[place - 1] for name, some in self._numbers.items() if 0 < place <= len(some)}

    @property
    def size(self) -> int:
        """Bytes, about."""
        return _VISITOR_BYTES * self.counts.visitors + _KEY_BYTES * sum(map(len, self._numbers.values()))


class Found(NamedTuple):
    """`SERIES`, and a frame for each name that was wanted."""

    series: dict[str, Series]
    frames: dict[str, Frame]


class Kept:
    """All that is kept, the least recently asked for first. For many threads, one at a time."""

    def __init__(self, database: Database) -> None:
        self._load_log = database.load_log
        self._most_bytes = database.limits.memory // 4
        self._lock = threading.Lock()
        self._entries: dict[Hashable, _Entry] = {}
        self._large: dict[Hashable, float] = {}
        self._tables = itertools.count(1)
        self.used = 0  # answers for which something was kept

    def count(self, stats: Stats, wants: Sequence[Want], page: Page, now: int) -> list[Found | None]:
        """What is wanted of each span, None where nothing can be kept of it. `now` in microseconds."""
        if stats.reader.has_looked:
            return [None for _ in wants]
        stats.reader.has_looked = True
        with self._lock:
            # All tables first: a reader sees those that were there when it looked at one.
            entries = [self._prepare(stats, want, now) for want in wants]
            found = [
                None if entry is None else self._read(stats, want, entry, page)
                for want, entry in zip(wants, entries, strict=True)
            ]
            for want, entry, one in zip(wants, entries, found, strict=True):
                if entry is not None and one is not None:
                    self._move(stats, want, entry, now)
            self._bound(stats)
            return found

    def _prepare(self, stats: Stats, want: Want, now: int) -> _Entry | None:
        """What is kept of a span, if need be counted now."""
        span = want.span
        # A span that begins within a day mostly begins elsewhere the next time.
        if span.start >= span.end or floor(span.start, "d", want.zone) != span.start:
            return None
        key = want.key(stats)
        if self._is_large(key):
            return None
        entry = self._entries.pop(key, None)
        if entry is not None:
            lowest = self._load_log.since(entry.loads)
            if lowest is None or lowest >= entry.cut:
                entry.loads = stats.reader.loads
                self._entries[key] = entry
                if entry.cut > span.end:
                    return None
                self.used += 1
                return entry
            self._drop(stats, entry)
        entry = _Entry(span.start)
        try:
            whole = self._extend(stats, want, entry, self._choose_cut(span, now))
        except (ManyKeysError, FullError):
            self._large[key] = time.monotonic()
            return None
        if whole:
            self._entries[key] = entry
        return entry if whole else None

    def _is_large(self, key: Hashable) -> bool:
        if time.monotonic() - self._large.get(key, -math.inf) < _PATIENCE:
            return True
        self._large.pop(key, None)
        return False

    def _choose_cut(self, span: Span, now: int) -> int:
        end = min(span.end, now)
        lowest = self._load_log.lately(_LATELY)
        return end if lowest is None else end - 2 * max(end - lowest, 0)

    def _extend(self, stats: Stats, want: Want, entry: _Entry, cut: int) -> bool:
        """Count what is before a new cut as well; whether it can be kept."""
        if cut <= entry.cut:
            return False
        part, before, number = want.part(entry.cut, cut), entry.tables, next(self._tables)
        tables = Tables(f"kept.visitors_{number}", f"kept.keys_{number}")
        counts = parts.count(stats, part, before)
        numbers = parts.keep(stats, want.names, part, before, tables)
        lowest = self._load_log.since(stats.reader.loads)
        if lowest is not None and lowest < cut:
            stats.reader.drop(tables)  # they may have what the counts have not
            return False
        entry.extend(cut, counts, tables, numbers)
        entry.loads = stats.reader.loads
        if before is not None:
            stats.reader.drop(before)
        return True

    def _read(self, stats: Stats, want: Want, entry: _Entry, page: Page) -> Found | None:
        later = entry.later
        if later is None or later.page != page or not self._is_same(later, stats, want.span.end):
            part = want.part(entry.cut, want.span.end)
            counts = parts.count(stats, part, entry.tables)
            try:
                rows = parts.rank(stats, want.names, part, entry.tables, entry.least(page.offset + page.limit))
            except ManyKeysError:
                return None
            later = entry.later = _Later(stats.reader.loads, want.span.end, page, counts, rows)
        frames = {name: _frame(name, want.span, some, page) for name, some in later.rows.items()}
        return Found(_series(want.span, entry.counts, later.counts), frames)

    def _is_same(self, later: _Later, stats: Stats, end: int) -> bool:
        """Whether nothing came since, and both ends are later than all that there is."""
        return later.loads == stats.reader.loads and self._load_log.is_all(later.loads, min(later.end, end))

    def _move(self, stats: Stats, want: Want, entry: _Entry, now: int) -> None:
        if entry.later is not None and entry.later.counts.rows > _WORTH_MOVING:
            with contextlib.suppress(ManyKeysError, FullError, LateError):  # the answer is there
                self._extend(stats, want, entry, self._choose_cut(want.span, now))

    def _bound(self, stats: Stats) -> None:
        while self._entries and sum(entry.size for entry in self._entries.values()) > self._most_bytes:
            self._drop(stats, self._entries.pop(next(iter(self._entries))))
        while len(self._large) > _MOST_LARGE:
            del self._large[next(iter(self._large))]

    @staticmethod
    def _drop(stats: Stats, entry: _Entry) -> None:
        if entry.tables is not None:
            stats.reader.drop(entry.tables)


def _series(span: Span, kept: Counts, later: Counts) -> dict[str, Series]:
    def merge(figure: str) -> list[int]:
        ours, others = kept.buckets[figure], later.buckets[figure]
        return [ours[number] + others[number] for number in range(len(span.edges) - 1)]

    def make(values: list[Any], total: float) -> Series:
        return Series(frame(span, [start // SECOND for start in span.edges[:-1]], values), total)

    visitors, pageviews, events, sessions, bounces, lasted = map(merge, parts.FIGURES)
    durations = [_average(time, number) for time, number in zip(lasted, sessions, strict=True)]
    return {
        "visitors": make(visitors, kept.visitors + later.visitors),
        "sessions": make(sessions, sum(sessions)),
        "pageviews": make(pageviews, sum(pageviews)),
        "events": make(events, sum(events)),
        "bounces": make(bounces, sum(bounces)),
        "sessions-duration": make(durations, _average(sum(lasted), sum(sessions))),
    }


def _average(microseconds: int, number: int) -> float:
    return microseconds / number / SECOND if number else 0


def _frame(name: str, span: Span, rows: Rows, page: Page) -> Frame:
    if name == parts.HOURS:
        found = Counter(dict(rows))
        return frame(span, list(WEEK), [found[str(hour)] for hour in range(len(WEEK))])
    rows.sort(key=lambda row: (-row[1], row[0]))
    shown = rows[page.offset : page.offset + page.limit]
    return frame(span, [key for key, _ in shown], [number for _, number in shown])
