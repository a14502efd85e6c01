"""Responses of the last second: figures change only with a load, and many may request the same ones at once."""

import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from prisme.stats.cache.lru import PATIENCE, LruCache

# The longest that figures which depend on the clock alone, such as live visitors, may be out of date.
_SECONDS: Final = 1.0
_MAX_BYTES: Final = 16 << 20
# A larger response is not cached.
_LARGEST: Final = 65_536
# The objects of an entry take about this much in addition to the texts.
_ENTRY_BYTES: Final = 512


class _Response(NamedTuple):
    state: int
    computed_at: float
    body: bytes


class ResponseCache:
    """Response bodies by request. `state` returns a number that changes with the tables. For any threads."""

    def __init__(self, state: Callable[[], int], max_bytes: int = _MAX_BYTES) -> None:
        self._state = state
        self._responses: LruCache[_Response] = LruCache(max_bytes)

    def find(self, request: Hashable, compute: Callable[[], bytes]) -> bytes:
        """Return the response to a request, computed again if the tables have changed since, or if it is too old."""
        with self._responses.reserve(request, PATIENCE) as is_reserved:
            if not is_reserved:
                return compute()
            # Read before the tables are: a response may be newer than its state, never older.
            state, now = self._state(), time.monotonic()
            cached = self._responses.get(request)
            if cached is not None and cached.state == state and now - cached.computed_at < _SECONDS:
                return cached.body
            body = compute()
            self._store(request, _Response(state, now, body))
            return body

    def _store(self, request: Hashable, response: _Response) -> None:
        if len(response.body) > _LARGEST:
            self._responses.remove(request)
            return
        self._responses.put(request, response, entry_bytes(request, response.body))
        self._responses.evict()


def entry_bytes(request: Hashable, body: bytes) -> int:
    """Return about how many bytes of memory a response takes together with its request."""
    return len(body) + len(repr(request)) + _ENTRY_BYTES
