"""So many requests a minute and client: a fixed window from the client's first request."""

from collections.abc import Sequence

WINDOW = 60_000_000_000  # nanoseconds
# Two generations of at most this many clients, some 100 bytes each: 13 MB when the whole internet comes at once.
# Beyond that the oldest generation's counts are forgotten early: letting too much through beats refusing everyone.
GENERATION = 65_536
_COUNT_BITS = 20
_COUNT_MASK = (1 << _COUNT_BITS) - 1


class RateLimiter:
    """Counts by key. A count and its window's start share one integer, to stay small."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[int | str, int] = {}
        self._old: dict[int | str, int] = {}
        self._turn_at = 0

    def wait(self, keys: Sequence[int | str], now: int) -> list[int]:
        """Count requests at `now` (steady nanoseconds). 0 admits one, else it is the seconds until its window ends."""
        if not self._limit:
            return [0] * len(keys)
        if now >= self._turn_at or len(self._young) >= GENERATION:
            self._turn(now)
        young, old, limit, fresh, ended = self._young, self._old, self._limit, now << _COUNT_BITS | 1, now - WINDOW
        waits: list[int] = []
        for key in keys:
            packed = young.get(key)
            if packed is None:
                packed = old.pop(key, None)
            if packed is None or packed >> _COUNT_BITS <= ended:
                young[key] = fresh
                waits.append(0)
            elif packed & _COUNT_MASK < limit:
                young[key] = packed + 1
                waits.append(0)
            else:
                young[key] = packed
                waits.append(-((ended - (packed >> _COUNT_BITS)) // 1_000_000_000))
        return waits

    def _turn(self, now: int) -> None:
        # No window outlives two turns, as turns are a window apart.
        self._old = self._young
        self._young = {}
        self._turn_at = now + WINDOW
