"""A limit on failed password attempts. It is kept in memory only, as addresses of clients are never stored."""

import math
from typing import Final

WINDOW: Final = 15 * 60  # seconds
PER_ADDRESS: Final = 20
# Anyone who knows a name can lock its account for a while. So the limit is higher than that of an address, and browsers
# that are logged in stay logged in.
PER_ACCOUNT: Final = 60
# About 200 bytes each. Beyond that, all are deleted: an attacker with so many addresses is not stopped by counting.
_MAX_KEYS: Final = 50_000


class AttemptLimiter:
    """Counts failures by key, in a window that starts with the first one. Not thread-safe."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[float, int]] = {}

    def retry_after(self, limits: dict[str, int], now: float) -> int:
        """Seconds until the next attempt is allowed, 0 if it is allowed now.

        `limits` maps each key to its maximum number of failures; `now` is a monotonic time in seconds.
        """
        delays = [0]
        for key, limit in limits.items():
            began, count = self._failures.get(key, (now, 0))
            if count >= limit:
                delays.append(math.ceil(began + WINDOW - now))
        return max(delays)

    def record_failure(self, keys: dict[str, int], now: float) -> None:
        """Count one failure for each key."""
        if len(self._failures) > _MAX_KEYS:
            self._failures.clear()
        for key in keys:
            began, count = self._failures.get(key, (now, 0))
            self._failures[key] = (began, count + 1) if now - began < WINDOW else (now, 1)
