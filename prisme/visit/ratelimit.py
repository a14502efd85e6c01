"""So many requests a minute and client: a fixed window from the client's first request."""

WINDOW = 60_000_000_000  # nanoseconds
# Two generations of at most this many clients, some 100 bytes each: 26 MB when the whole internet comes at once.
# Beyond that the oldest generation's counts are forgotten early: letting too much through beats refusing everyone.
GENERATION = 131_072
_COUNT_BITS = 20
_COUNT_MASK = (1 << _COUNT_BITS) - 1


class RateLimiter:
    """Counts by key. A count and its window's start share one integer, to stay small."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[int | str, int] = {}
        self._old: dict[int | str, int] = {}
        self._turn_at = 0

    def wait(self, key: int | str, now: int) -> int:
        """Count a request at `now` (steady nanoseconds). 0 admits it, else the seconds until the window ends."""
        if not self._limit:
            return 0
        if now >= self._turn_at or len(self._young) >= GENERATION:
            self._turn(now)
        packed = self._young.get(key)
        if packed is None:
            packed = self._old.pop(key, None)
        if packed is None or now - (packed >> _COUNT_BITS) >= WINDOW:
            self._young[key] = now << _COUNT_BITS | 1
            return 0
        if packed & _COUNT_MASK < self._limit:
            self._young[key] = packed + 1
            return 0
        self._young[key] = packed
        return -((now - (packed >> _COUNT_BITS) - WINDOW) // 1_000_000_000)

    def _turn(self, now: int) -> None:
        # No window outlives two turns, as turns are a window apart.
        self._old = self._young
        self._young = {}
        self._turn_at = now + WINDOW
