"""What was counted once and is still right: of a span that ends now, only what came since is counted again.

A span is cut in two. What is before the cut stays as it was counted until a load touches a time before the cut; each
load says the lowest time that it may have changed (`store/touched.py`). The cut lies twice as far back as loads reached
lately, so that few do. What is after it is counted each time, and becomes part of what is kept when it is much.
"""

import contextlib
import datetime
import itertools
import math
import threading
import time
from collections.abc import Hashable, Sequence
from heapq import nsmallest
from operator import itemgetter
from typing import Any, Final, NamedTuple

from prisme.base.timexpr import SECOND
from prisme.stats import parts
from prisme.stats.filters import Filters
from prisme.stats.frames import Frame
from prisme.stats.parts import Counts, ManyKeysError, Part
from prisme.stats.queries import WEEK, Page, Series, Span, Stats, frame
from prisme.store.database import Database
from prisme.store.reader import FullError

_LATELY: Final = 600.0  # seconds
# Pageviews after the cut that are worth moving it.
_WORTH_MOVING: Final = 20_000
# Of all that is kept: a key takes some 70 bytes of Python's memory.
_MOST_KEYS: Final = 600_000
# A visitor takes 12 bytes of DuckDB's memory, of which all may take a quarter.
_VISITOR_BYTES: Final = 4 * 12
# How long it is not tried again to keep what had no room.
_PATIENCE: Final = 600.0
_MOST_LARGE: Final = 1000


class Want(NamedTuple):
    """What to count of a span; `names` as in `parts.count`."""

    names: tuple[str, ...]
    filters: Filters
    span: Span
    zone: datetime.tzinfo

    def key(self, stats: Stats) -> Hashable:
        """What the same question has in common at all times; with the first bucket's end, its interval is known."""
        filters = tuple(sorted(self.filters.items(), key=itemgetter(0)))
        return self.names, filters, stats.seen, self.span.start, self.span.edges[1], self.zone


class _Entry:
    """What is kept of a span: counts from its start to the `cut`, and the table of their visitors."""

    def __init__(self, start: int) -> None:
        self.cut = start
        self.loads = 0  # what these stored is in it, or is after the cut
        self.counts = Counts()
        self.table = ""
        self.later = 0  # pageviews after the cut, when last looked at
        self._ranked: dict[str, list[str]] = {}

    def extend(self, cut: int, counts: Counts, table: str) -> None:
        """Move the cut."""
        self.cut, self.table = cut, table
        self.counts.add(counts)
        self._ranked.clear()

    def ranked(self, name: str) -> list[str]:
        """The keys of a name, the most frequent first, and then by key."""
        if name not in self._ranked:
            found = self.counts.keys[name]
            self._ranked[name] = sorted(found, key=lambda key: (-found[key], key))
        return self._ranked[name]


class Found(NamedTuple):
    """`SERIES`, and a frame for each name that was wanted."""

    series: dict[str, Series]
    frames: dict[str, Frame]


class Kept:
    """All that is kept, the least recently asked for first. For many threads, one at a time."""

    def __init__(self, database: Database) -> None:
        self._touched = database.touched
        self._most_visitors = database.limits.memory // _VISITOR_BYTES
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
        span, key = want.span, want.key(stats)
        # A span that begins anywhere begins elsewhere the next time.
        if not span.edges[1:] or span.edges[0] != span.start or self._is_large(key):
            return None
        entry = self._entries.pop(key, None)
        if entry is not None:
            lowest = self._touched.since(entry.loads)
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
        lowest = self._touched.lately(_LATELY)
        return end if lowest is None else end - 2 * max(end - lowest, 0)

    def _extend(self, stats: Stats, want: Want, entry: _Entry, cut: int) -> bool:
        """Count what is before a new cut as well; whether it can be kept."""
        if cut <= entry.cut:
            return False
        part = Part(entry.cut, cut, want.span.edges)
        counts = parts.count(stats, want.names, want.filters, part, want.zone, entry.table)
        table = f"kept.visitors_{next(self._tables)}"
        parts.note(stats, want.filters, part, entry.table, table)
        lowest = self._touched.since(stats.reader.loads)
        if lowest is not None and lowest < cut:
            # The table may have what the counts have not.
            stats.reader.keep(f"DROP TABLE {table}", {})
            return False
        before = entry.table
        entry.extend(cut, counts, table)
        entry.loads = stats.reader.loads
        if before:
            stats.reader.keep(f"DROP TABLE {before}", {})
        return True

    def _read(self, stats: Stats, want: Want, entry: _Entry, page: Page) -> Found | None:
        span, later = want.span, Counts()
        if entry.cut < span.end:
            part = Part(entry.cut, span.end, span.edges)
            try:
                later = parts.count(stats, want.names, want.filters, part, want.zone, entry.table)
            except ManyKeysError:
                return None
        entry.later = sum(later.buckets["pageviews"].values())
        return Found(
            _series(span, entry.counts, later), {name: _frame(name, span, entry, later, page) for name in want.names}
        )

    def _move(self, stats: Stats, want: Want, entry: _Entry, now: int) -> None:
        if entry.later > _WORTH_MOVING:
            with contextlib.suppress(ManyKeysError, FullError):
                self._extend(stats, want, entry, self._choose_cut(want.span, now))

    def _bound(self, stats: Stats) -> None:
        while self._entries and (
            sum(entry.counts.size for entry in self._entries.values()) > _MOST_KEYS
            or sum(entry.counts.visitors for entry in self._entries.values()) > self._most_visitors
        ):
            self._drop(stats, self._entries.pop(next(iter(self._entries))))
        while len(self._large) > _MOST_LARGE:
            del self._large[next(iter(self._large))]

    @staticmethod
    def _drop(stats: Stats, entry: _Entry) -> None:
        stats.reader.keep(f"DROP TABLE {entry.table}", {})


def _series(span: Span, kept: Counts, later: Counts) -> dict[str, Series]:
    def merge(figure: str) -> list[int]:
        ours, others = kept.buckets[figure], later.buckets[figure]
        return [ours[number] + others[number] for number in range(len(span.edges) - 1)]

    def make(values: list[Any], total: float) -> Series:
        return Series(frame(span, [start // SECOND for start in span.edges[:-1]], values), total)

    visitors, pageviews, sessions, bounces, lasted = map(
        merge, ("visitors", "pageviews", "sessions", "bounces", "lasted")
    )
    durations = [_average(time, number) for time, number in zip(lasted, sessions, strict=True)]
    return {
        "visitors": make(visitors, kept.visitors + later.visitors),
        "sessions": make(sessions, sum(sessions)),
        "pageviews": make(pageviews, sum(pageviews)),
        "bounces": make(bounces, sum(bounces)),
        "sessions-duration": make(durations, _average(sum(lasted), sum(sessions))),
    }


def _average(microseconds: int, number: int) -> float:
    return microseconds / number / SECOND if number else 0


def _frame(name: str, span: Span, entry: _Entry, later: Counts, page: Page) -> Frame:
    kept, others = entry.counts.keys[name], later.keys[name]
    if name == parts.HOURS:
        return frame(span, list(WEEK), [kept[str(hour)] + others[str(hour)] for hour in range(len(WEEK))])
    end = page.offset + page.limit
    some = {key: kept[key] + number for key, number in others.items()}
    rest = (key for key in entry.ranked(name) if key not in others)
    some |= {key: kept[key] for key in itertools.islice(rest, end)}
    rows = nsmallest(end, some.items(), key=lambda row: (-row[1], row[0]))[page.offset :]
    return frame(span, [key for key, _ in rows], [number for _, number in rows])
