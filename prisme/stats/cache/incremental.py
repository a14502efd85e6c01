"""Counts that stay valid while events come in: of a span that ends now, only the latest part is counted again.

A span is cut in two. The counts before the cut are cached, and stay valid until a load changes rows before the cut;
each load states the earliest time that it may have changed (`store/load_log.py`). The cut lies twice as far back as
recent loads reached, so that few loads do. The rest is counted once after each load; when it has grown large, the cut
moves, and it is cached as well.

What is counted before a cut is counted in passes (`passes.py`), each of which is cached: a request that ends at its
deadline leaves those that were done, and the next one goes on from there.
"""

import contextlib
import itertools
import time
from collections.abc import Collection, Hashable, Sequence
from operator import itemgetter
from typing import Final

from prisme.base.timexpr import floor
from prisme.stats.cache.counted import note_counted, still_holds
from prisme.stats.cache.covered import count_covered
from prisme.stats.cache.cut import choose_cut
from prisme.stats.cache.entry import Entry, Remainder, estimate_tables, make_result, select_rows
from prisme.stats.cache.keys import KeyCounts, ManyKeysError, create_tables, rank
from prisme.stats.cache.lru import LruCache
from prisme.stats.cache.partials import Counts, Part, Tables, count, open_part
from prisme.stats.cache.passes import Passes
from prisme.stats.cache.row_cache import RowCache
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.frames import Result
from prisme.stats.imported import is_same
from prisme.stats.queries import Stats
from prisme.stats.rollups.cover import Cover, find_cover
from prisme.stats.selection import Page, Selection
from prisme.store.database import Database
from prisme.store.errors import DiskError, FullError, LateError
from prisme.store.reader import Reader

# So many pageviews and events after the cut are worth moving it.
_WORTH_MOVING: Final = 20_000
# All entries may take this share of DuckDB's memory, most of it for their tables.
_MEMORY_SHARE: Final = 4
# Some 70 kB each where a site is small: on large machines they would otherwise be limited by memory alone.
_MOST_ENTRIES: Final = 512
# Seconds until caching is tried again for a selection that was too large.
_RETRY_AFTER: Final = 600.0
_MOST_LARGE: Final = 1000
_LARGE_BYTES: Final = 1 << 20
# The objects of a key take about this much in addition to its texts.
_SMALL_KEY: Final = 512
# DuckDB's memory is enough for one such count at a time; and no table may be dropped while another thread reads it.
_ALL: Final = "all"


class IncrementalCache:
    """The counts of selections of a DuckDB database. For any threads, of which one counts at a time.

    `rows` are those of lists, `spans` has what is counted of whole spans.
    """

    def __init__(self, database: Database) -> None:
        self._loads = database.load_log
        self._memory = database.limits.memory
        self._entries: LruCache[Entry] = LruCache(database.limits.memory // _MEMORY_SHARE, _MOST_ENTRIES)
        # When selections turned out to be too large (monotonic).
        self._large: LruCache[float] = LruCache(_LARGE_BYTES, _MOST_LARGE)
        self._numbers = itertools.count(1)
        self.hits = 0
        self.rows = RowCache(database.load_log)
        self.spans = SpanCache(database.load_log)

    def count(self, stats: Stats, selections: Sequence[Selection], page: Page, now: int) -> list[Result | None]:
        """Return the figures of each selection, None for those that cannot be counted so. `now` is in microseconds.

        None can, while another thread takes long to count. Raises UnavailableError.
        """
        with self._entries.reserve(_ALL) as is_reserved:
            reader = _reader(stats)
            if reader.has_read_cache or not is_reserved:
                return [None for _ in selections]
            stats.update_arrivals()
            reader.has_read_cache = True
            # All tables first: a reader sees only tables that existed when it first read one.
            entries: list[Entry] = []
            try:
                for selection in selections:
                    entries.append(self._find(stats, selection))
                    self._complete(stats, selection, entries[-1], now)
                results = [
                    self._read(stats, selection, entry, page) if entry.is_complete else None
                    for selection, entry in zip(selections, entries, strict=True)
                ]
                for selection, entry, result in zip(selections, entries, results, strict=True):
                    if result is not None and entry.is_kept:
                        self._move(stats, selection, entry, now)
                        self._store(stats, selection, entry)  # its size has changed
            finally:
                evicted = self._entries.evict()
                for entry in (*evicted, *(entry for entry in entries if not entry.is_kept)):
                    _drop(stats, entry)
            return results

    def _find(self, stats: Stats, selection: Selection) -> Entry:
        """The valid entry of a selection, or an empty one."""
        span = selection.span
        # A span that starts within a day mostly starts elsewhere the next time.
        if span.start >= span.end or floor(span.start, "d", selection.zone) != span.start:
            return Entry(span.start, is_kept=False)
        key = _key(stats, selection)
        entry = self._entries.get(key)
        if entry is None:
            return Entry(span.start, is_kept=True)
        if not self._is_valid(entry, span.start):
            self._entries.remove(key)
            _drop(stats, entry)
            return Entry(span.start, is_kept=True)
        entry.loads = stats.reader.loads
        if entry.cut > span.end:
            return Entry(span.start, is_kept=False)
        self.hits += 1
        return entry

    def _complete(self, stats: Stats, selection: Selection, entry: Entry, now: int) -> None:
        """Count what is missing before the cut, if that is possible. Raises UnavailableError; passes are kept then."""
        if entry.is_complete or selection.span.start >= selection.span.end:
            return
        key = _key(stats, selection)
        if self._is_large(key):
            return
        try:
            self._extend(stats, selection, entry, choose_cut(self._loads, selection.span.end, now))
        except ManyKeysError:
            self._large.put(key, time.monotonic(), _key_bytes(key))
            self._large.evict()
            self._give_up(stats, selection, entry)

    def _give_up(self, stats: Stats, selection: Selection, entry: Entry) -> None:
        """Let an entry end with the request."""
        self._entries.remove(_key(stats, selection))
        entry.is_kept = False

    def _is_valid(self, entry: Entry, start: int) -> bool:
        """Whether no later load has changed rows between the start (microseconds) and the cut."""
        lowest = self._loads.since(entry.loads, start)
        return lowest is None or lowest >= entry.cut

    def _is_large(self, key: Hashable) -> bool:
        since = self._large.get(key)
        if since is None:
            return False
        if time.monotonic() - since < _RETRY_AFTER:
            return True
        self._large.remove(key)
        return False

    def _extend(self, stats: Stats, selection: Selection, entry: Entry, cut: int) -> None:
        """Count an entry up to a new cut, and store it after each pass. It is complete then, unless loads changed rows.

        Raises ManyKeysError and UnavailableError; the passes before are stored then.
        """
        if cut <= entry.cut:
            return
        entry.is_complete = False
        passes = Passes(stats, selection, self._memory)
        may_cover = entry.tables is None
        while entry.cut < cut:
            start, began = entry.cut, time.monotonic()
            cover = find_cover(stats, selection.filters, start, cut, selection.span.edges) if may_cover else None
            end = passes.end(start, cut) if cover is None else cover.end
            may_cover = False
            try:
                counts = self._extend_once(stats, selection, entry, end, cover)
            except FullError:
                if cover is None and not passes.shorten(end - start):
                    raise
                continue
            if counts is None:
                return
            if cover is None:
                passes.lengthen(end - start, time.monotonic() - began, counts.rows)
        entry.is_complete = True

    def _extend_once(
        self, stats: Stats, selection: Selection, entry: Entry, cut: int, cover: Cover | None
    ) -> Counts | None:
        """Count an entry up to a new cut in one pass, or by rollups, and store it. Returns what was counted.

        Returns None, with nothing changed, if a load has changed something meanwhile.
        """
        earlier, number = entry.tables, next(self._numbers)
        tables = Tables(f"cache.visitors_{number}", f"cache.keys_{number}")
        part = _part(selection, entry.cut, cut)
        counts, key_counts = _count_part(stats, selection.names, part, earlier, cover, tables)
        lowest = self._loads.since(stats.reader.loads, selection.span.start)
        if lowest is not None and lowest < cut:
            _reader(stats).drop(tables)  # they may include rows that the reader does not see
            return None
        entry.extend(cut, counts, tables, key_counts, estimate_tables(key_counts))
        entry.loads = stats.reader.loads
        if entry.size > self._entries.max_bytes:
            self._give_up(stats, selection, entry)
        self._store(stats, selection, entry)
        if earlier is not None:
            _reader(stats).drop(earlier)
        return counts

    def _store(self, stats: Stats, selection: Selection, entry: Entry) -> None:
        if entry.is_kept:
            key = _key(stats, selection)
            self._entries.put(key, entry, entry.size + _key_bytes(key))

    def _read(self, stats: Stats, selection: Selection, entry: Entry, page: Page) -> Result | None:
        span, remainder = selection.span, entry.remainder
        if remainder is None or remainder.page != page or not self._is_current(remainder, stats, selection):
            part = _part(selection, entry.cut, span.end)
            conditions = open_part(stats, part)
            counts = count(stats, selection.names, part, conditions, entry.tables)
            try:
                least = entry.least(page.offset + page.limit)
                found = rank(stats, selection.names, part, conditions, entry.tables, least, counts)
            except ManyKeysError:
                return None
            rows = {name: select_rows(name, keys, page) for name, keys in found.items()}
            counted = note_counted(stats, self._loads, selection.filters, entry.cut, span.end, counts.rows)
            remainder = entry.remainder = Remainder(counted, page, counts, rows)
        return make_result(span, entry.counts, remainder)

    def _is_current(self, remainder: Remainder, stats: Stats, selection: Selection) -> bool:
        counted, filters, end = remainder.counted, selection.filters, selection.span.end
        return still_holds(counted, stats, self._loads, filters, end) and is_same(
            stats, filters, counted.end, end, selection.zone
        )

    def _move(self, stats: Stats, selection: Selection, entry: Entry, now: int) -> None:
        if entry.remainder is not None and entry.remainder.counts.rows > _WORTH_MOVING:
            with contextlib.suppress(ManyKeysError, FullError, DiskError, LateError):  # the figures are there already
                self._extend(stats, selection, entry, choose_cut(self._loads, selection.span.end, now))


def _count_part(
    stats: Stats,
    names: Collection[str],
    part: Part,
    earlier: Tables | None,
    cover: Cover | None,
    tables: Tables,
) -> tuple[Counts, KeyCounts]:
    """Count a part, and create the tables of the earlier parts and this one. Returns the counts, and what these hold.

    With a `cover`, rollups have the part. Raises ManyKeysError and UnavailableError; the tables are dropped then.
    """
    try:
        with _reader(stats).storing():
            if cover is not None:
                return count_covered(stats, names, part, cover, tables)
            conditions = open_part(stats, part)
            counts = count(stats, names, part, conditions, earlier)
            return counts, create_tables(stats, names, part, conditions, earlier, counts, tables)
    except BaseException:
        _reader(stats).drop(tables)
        raise


def _reader(stats: Stats) -> Reader:
    """The reader, which has to be DuckDB's: only that has tables in memory."""
    if not isinstance(stats.reader, Reader):
        raise TypeError(f"{type(stats.reader).__name__} has no tables in memory")
    return stats.reader


def _key(stats: Stats, selection: Selection) -> Hashable:
    """Return what a selection has in common at all times; the end of its first bucket stands for the interval."""
    filters = tuple(sorted(selection.filters.items(), key=itemgetter(0)))
    span = selection.span
    return selection.names, filters, stats.allowed, span.start, span.edges[1], selection.zone


def _key_bytes(key: Hashable) -> int:
    """About how many bytes a key takes: filters may have long texts."""
    return len(repr(key)) + _SMALL_KEY


def _part(selection: Selection, start: int, end: int) -> Part:
    return Part(selection.filters, start, end, selection.span.edges, selection.zone)


def _drop(stats: Stats, entry: Entry) -> None:
    if entry.tables is not None:
        _reader(stats).drop(entry.tables)
