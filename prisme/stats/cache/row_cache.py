"""The rows of lists, cached up to a cut: of a span that ends now, only the latest part is counted again.

As in `incremental.py`, a cached part stays valid until a load changes rows before the cut. It is small enough for
Python's memory: the figures of each key. Visitors do not add up, so of the rest only those are counted that a row did
not have before (`breakdown.py:count_later_rows`).
"""

import time
from collections.abc import Hashable, Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Final

from prisme.base.timexpr import floor
from prisme.stats.breakdown import ListQuery, count_covered_rows, count_later_rows, count_rows, is_row
from prisme.stats.cache.counted import Counted, note_counted, still_holds
from prisme.stats.cache.cut import choose_cut
from prisme.stats.cache.lru import LruCache
from prisme.stats.columns import EVENTS
from prisme.stats.filters import Filters
from prisme.stats.imported import is_same
from prisme.stats.list_metrics import Figures
from prisme.stats.queries import Stats
from prisme.stats.rollups.cover import Cover, find_cover
from prisme.stats.rollups.rows import is_rolled
from prisme.stats.selection import Selection
from prisme.stats.visitor_ids import GENERATED
from prisme.store.load_log import LoadLog
from prisme.store.rollups import DAY

# A row takes about this much in addition to its key; an entry without rows, this much with its own key.
_ROW_BYTES: Final = 400
_ENTRY_BYTES: Final = 2048
# 8 MB an entry: lists with more keys are not cached.
_MOST_ROWS: Final = 20_000
_MAX_BYTES: Final = 48 << 20
# Seconds until caching is tried again for lists with more keys.
_RETRY_AFTER: Final = 600.0
# So many sessions, pageviews and events after the cut are worth moving it.
_WORTH_MOVING: Final = 20_000

# The figures of each list by key.
_Rows = dict[str, dict[str, Figures]]


class _Entry:
    """Rows from the start of a span to the `cut`, valid for the first `loads` loads; None if they are too many.

    `ordered` has the same rows, the highest rank first. `later` is what was counted after the cut, up to an end.
    `is_local`: of whom had rows before the cut, only those of the day before can have more after it.
    """

    def __init__(
        self, cut: int, loads: int, rows: _Rows | None, lists: Sequence[ListQuery], is_local: bool = False
    ) -> None:
        self.cut = cut
        self.is_local = is_local
        self.loads = loads
        self.rows = rows
        self.made_at = time.monotonic()
        self.ordered = {one.name: _order(one, rows[one.name].values()) for one in lists} if rows else {}
        self.later: tuple[Counted, _Rows] | None = None
        self._rows_size = _measure(rows or {})

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return _ENTRY_BYTES + self._rows_size + (_measure(self.later[1]) if self.later else 0)


def _measure(rows: _Rows) -> int:
    return sum(_ROW_BYTES + len(key) for by_key in rows.values() for key in by_key)


class RowCache:
    """The rows of lists of the spans that were asked for. For any threads."""

    def __init__(self, loads: LoadLog) -> None:
        self._loads = loads
        self._entries: LruCache[_Entry] = LruCache(_MAX_BYTES)
        self.hits = 0

    def count(
        self, stats: Stats, lists: Sequence[ListQuery], selection: Selection, now: int
    ) -> dict[str, list[Figures]]:
        """Return what `count_rows` returns; of the selection, the names do not matter. `now` is in microseconds."""
        span, filters = selection.span, selection.filters
        # A span that starts within a day mostly starts elsewhere the next time.
        if not lists or span.start >= span.end or floor(span.start, "d", selection.zone) != span.start:
            return count_rows(stats, lists, filters, span)
        key = _key(stats, lists, selection)
        with self._entries.reserve(key) as is_reserved:
            entry = self._find(stats, lists, selection, key, now) if is_reserved else None
            if entry is None or entry.rows is None:
                return count_rows(stats, lists, filters, span)
            later = self._read_later(stats, lists, selection, entry)
            if later is None:
                return count_rows(stats, lists, filters, span)
            found = {one.name: _choose(one, entry, later[one.name]) for one in lists}
            entry = self._move(stats, lists, selection, entry, now)
            self._entries.put(key, entry, entry.size + len(repr(key)))
        self._entries.evict()
        return found

    def _find(
        self, stats: Stats, lists: Sequence[ListQuery], selection: Selection, key: Hashable, now: int
    ) -> _Entry | None:
        """The valid entry of a key, counted now if there is none; None if it cannot be cached."""
        entry = self._entries.get(key)
        if entry is not None and self._is_valid(stats, entry, selection.span.start):
            self.hits += 1
            return entry if entry.cut <= selection.span.end else None
        start, cut = selection.span.start, choose_cut(self._loads, selection.span.end, now)
        if cut <= start:
            return None
        cover = _find_cover(stats, lists, selection.filters, start, cut)
        if cover is None:
            rows = _count(stats, lists, selection, start, cut)
        else:
            rows, cut = _count_covered(stats, lists, selection, cover), cover.end
        entry = _Entry(cut, stats.reader.loads, rows, lists, cover is not None and not cover.has_named)
        self._entries.put(key, entry, entry.size + len(repr(key)))
        return entry if self._is_valid(stats, entry, selection.span.start) else None

    def _is_valid(self, stats: Stats, entry: _Entry, start: int) -> bool:
        """Whether no load has changed rows from the start to the cut since it was counted, or the reader began."""
        if entry.rows is None:
            return time.monotonic() - entry.made_at < _RETRY_AFTER
        lowest = self._loads.since(min(entry.loads, stats.reader.loads), start)
        return lowest is None or lowest >= entry.cut

    def _read_later(
        self, stats: Stats, lists: Sequence[ListQuery], selection: Selection, entry: _Entry
    ) -> _Rows | None:
        """What comes after the cut; None if it is too much."""
        end, filters = selection.span.end, selection.filters
        if entry.later is not None and self._is_current(entry.later[0], stats, selection):
            return entry.later[1]
        found = _count(stats, lists, selection, entry.cut, end, entry.is_local)
        if found is not None:
            rows = max(map(_count_actions, found.values()), default=0)
            entry.later = note_counted(stats, self._loads, filters, entry.cut, end, rows), found
        return found

    def _is_current(self, counted: Counted, stats: Stats, selection: Selection) -> bool:
        filters, end = selection.filters, selection.span.end
        return still_holds(counted, stats, self._loads, filters, end) and is_same(
            stats, filters, counted.end, end, selection.zone
        )

    def _move(self, stats: Stats, lists: Sequence[ListQuery], selection: Selection, entry: _Entry, now: int) -> _Entry:
        """The entry with a later cut, if much came after the old one; otherwise itself."""
        later, filters = entry.later[1] if entry.later else {}, selection.filters
        if sum(map(_count_actions, later.values())) <= _WORTH_MOVING:
            return entry
        cut = choose_cut(self._loads, selection.span.end, now)
        added = _count(stats, lists, selection, entry.cut, cut, entry.is_local) if cut > entry.cut else None
        if entry.rows is None or added is None:
            return entry
        rows = {name: _merge(by_key, added[name]) for name, by_key in entry.rows.items()}
        is_local = entry.is_local and not _has_named(stats, filters, entry.cut, cut)
        moved = _Entry(cut, stats.reader.loads, rows, lists, is_local)
        return moved if self._is_valid(stats, moved, selection.span.start) else entry


def _count_actions(rows: dict[str, Figures]) -> int:
    return sum(row.actions + row.sessions for row in rows.values())


def _key(stats: Stats, lists: Sequence[ListQuery], selection: Selection) -> Hashable:
    filters = tuple(sorted(selection.filters.items(), key=itemgetter(0)))
    what = tuple((one.name, one.rank, one.needs) for one in lists)
    return what, filters, stats.allowed, selection.span.start, selection.zone


def _find_cover(stats: Stats, lists: Sequence[ListQuery], filters: Filters, start: int, end: int) -> Cover | None:
    """The cover of a part of a span that has all that the lists need; None if there is none."""
    is_covered = is_rolled({one.name: one.needs for one in lists})
    return find_cover(stats, filters, start, end) if is_covered else None


def _count_covered(stats: Stats, lists: Sequence[ListQuery], selection: Selection, cover: Cover) -> _Rows | None:
    """The rows of the time of a cover; None if they are too many."""
    return _by_key(count_covered_rows(stats, lists, selection.filters, cover, _MOST_ROWS, selection.zone))


def _has_named(stats: Stats, filters: Filters, start: int, end: int) -> bool:
    """Whether somebody may come back who came between two times (microseconds). Raises UnavailableError."""
    conditions = stats.conditions(filters, start, end)
    tables = ("sessions", "pageviews", *EVENTS)
    rows = " UNION ALL ".join(f"SELECT 1 {conditions.rows(table)} AND NOT {GENERATED}" for table in tables)
    return bool(stats.run(f"SELECT 1 FROM ({rows}) LIMIT 1", conditions))  # noqa: S608  # composed here


def _count(
    stats: Stats, lists: Sequence[ListQuery], selection: Selection, cut: int, end: int, is_local: bool = False
) -> _Rows | None:
    """What the part from `cut` to `end` adds to the span before; None if it has too many rows.

    With `is_local`, only those before are looked for who came at most two days before.
    """
    start, zone = selection.span.start, selection.zone
    if is_local:
        start = max(start, (cut // DAY - 2) * DAY)
    found = count_later_rows(stats, lists, selection.filters, start, cut, end, _MOST_ROWS, zone)
    return _by_key(found)


def _by_key(found: dict[str, list[Figures]]) -> _Rows | None:
    if sum(map(len, found.values())) > _MOST_ROWS:
        return None
    return {name: {row.key: row for row in rows} for name, rows in found.items()}


def _order(one: ListQuery, rows: Iterable[Figures]) -> list[Figures]:
    """The rows of a list in its order."""
    rank = attrgetter(one.rank)
    return sorted((row for row in rows if is_row(one.name, row)), key=lambda row: (-rank(row), row.key))


def _sum(key: str, before: dict[str, Figures], later: dict[str, Figures]) -> Figures:
    return before[key].add(later[key]) if key in before and key in later else before.get(key) or later[key]


def _merge(rows: dict[str, Figures], added: dict[str, Figures]) -> dict[str, Figures]:
    return rows | {key: _sum(key, rows, added) for key in added}


def _choose(one: ListQuery, entry: _Entry, later: dict[str, Figures]) -> list[Figures]:
    """The rows that a query asks for, of both parts."""
    before = (entry.rows or {}).get(one.name, {})
    end = one.page.offset + one.page.limit
    if one.keys is not None:
        keys: Iterable[str] = (key for key in set(one.keys) if key in before or key in later)
    else:
        # Figures only grow: the first rows of both parts are the first of one, or have changed.
        keys = {row.key for row in entry.ordered[one.name][:end]} | later.keys()
    return _order(one, (_sum(key, before, later) for key in keys))[one.page.offset : end]
