"""What was counted of a whole span, such as its goals, until a load changes that."""

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, Final, TypeVar

from prisme.stats.cache.counted import Counted, note_counted, still_holds
from prisme.stats.cache.lru import LruCache
from prisme.stats.filters import Filters
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.store.load_log import LoadLog

Value = TypeVar("Value")

_MAX_BYTES: Final = 8 << 20
# The objects of an entry take about this much in addition to their texts, and each text about this many times its own.
_ENTRY_BYTES: Final = 1024
_TIMES: Final = 4


class SpanCache:
    """Values of the spans that were asked for. For any threads."""

    def __init__(self, loads: LoadLog) -> None:
        self._loads = loads
        self._entries: LruCache[tuple[Counted, Any]] = LruCache(_MAX_BYTES)
        self.hits = 0

    def find(self, stats: Stats, what: Hashable, filters: Filters, span: Span, count: Callable[[], Value]) -> Value:
        """Return what `count` returns, which has to depend on `what` and the rows of the span alone.

        The value has a `repr` that is not much smaller than itself, and must not be changed.
        """
        key = what, tuple(sorted(filters.items(), key=itemgetter(0))), stats.allowed, span.start
        with self._entries.reserve(key) as is_reserved:
            if not is_reserved:
                return count()
            entry = self._entries.get(key)
            if entry is not None and still_holds(entry[0], stats, self._loads, filters, span.end):
                self.hits += 1
                value: Value = entry[1]
                return value
            value = count()
            counted = note_counted(stats, self._loads, filters, span.start, span.end, 0)
            size = _ENTRY_BYTES + _TIMES * (len(repr(key)) + len(repr(value)))
            self._entries.put(key, (counted, value), size)
        self._entries.evict()
        return value
