"""The cache that all caches of the statistics are made of: one lock, and one rule of eviction."""

import contextlib
import sys
import threading
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")

# Seconds to wait for a key that another thread has reserved: longer than most values take.
_MOST_WAIT = 1.0


class LruCache(Generic[Value]):
    """Values by key, bounded by the bytes of all together, and by their number. For any threads.

    The least recently used ones are evicted, after those that are larger than all together may be.

    The lock guards the entries alone: it is held for each single call, and never while a value is computed. A thread
    that is about to compute a value reserves its key instead, and any other thread that needs the same key waits, so
    that no value is computed twice at once; but not for long, as that thread may work for somebody who is answered
    later. Reservations cannot deadlock, because they nest in one direction only: a
    thread that has reserved a response may reserve the incremental counts; one that has reserved these, rows of lists,
    what was counted of a span, or the list of sites, reserves nothing else.
    """

    def __init__(self, max_bytes: int, max_entries: int = sys.maxsize) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self._changed = threading.Condition()
        self._reserved: set[Hashable] = set()
        # The least recently used first, each with its size in bytes.
        self._entries: dict[Hashable, tuple[Value, int]] = {}
        self._bytes = 0
        self._too_large: set[Hashable] = set()

    @contextlib.contextmanager
    def reserve(self, key: Hashable) -> Iterator[bool]:
        """Reserve a key for the calling thread, once no other one has reserved it; false where that takes too long.

        Then the value has to be computed without the cache.
        """
        with self._changed:
            is_reserved = self._changed.wait_for(lambda: key not in self._reserved, _MOST_WAIT)
            if is_reserved:
                self._reserved.add(key)
        try:
            yield is_reserved
        finally:
            if is_reserved:
                with self._changed:
                    self._reserved.remove(key)
                    self._changed.notify_all()

    def get(self, key: Hashable) -> Value | None:
        """Return a value, and count that as its use."""
        with self._changed:
            entry = self._entries.pop(key, None)
            if entry is None:
                return None
            self._entries[key] = entry
            return entry[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Store a value of about `size` bytes; nothing is evicted for it until `evict`."""
        with self._changed:
            self._remove(key)
            self._entries[key] = value, size
            self._bytes += size
            if size > self.max_bytes:
                self._too_large.add(key)

    def remove(self, key: Hashable) -> None:
        """Remove a value, if there is one."""
        with self._changed:
            self._remove(key)

    def evict(self) -> list[Value]:
        """Remove values until the others fit, and return them: the too large ones, then the least recently used."""
        with self._changed:
            evicted = [self._entries[key][0] for key in self._too_large]
            for key in tuple(self._too_large):
                self._remove(key)
            while self._bytes > self.max_bytes or len(self._entries) > self.max_entries:
                key, (value, _) = next(iter(self._entries.items()))
                self._remove(key)
                evicted.append(value)
        return evicted

    def _remove(self, key: Hashable) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self._bytes -= size
        self._too_large.discard(key)
