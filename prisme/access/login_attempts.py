"""A limit on password attempts. It is kept in memory only, as addresses of clients are never stored."""

import math
from typing import Final

WINDOW: Final = 15 * 60  # seconds
PER_ADDRESS: Final = 20
# Of a /48 of IPv6, which one customer of a provider may have: 65,536 of the networks that are counted as an address.
PER_NETWORK: Final = 16 * PER_ADDRESS
# Anyone who knows a name can lock its account for browsers that never logged in to it. So the limit is higher than that
# of an address, and browsers that have logged in are counted on their own.
PER_ACCOUNT: Final = 60
# Of a browser that has logged in before, or that is logged in.
PER_BROWSER: Final = 20
# About 200 bytes each. Beyond that, the oldest are deleted: an attacker with so many addresses is not stopped by
# counting.
_MAX_KEYS: Final = 50_000


class AttemptLimiter:
    """Counts attempts by key, in a window that starts with the first one. An attempt counts unless it is released.

    Not thread-safe. `now` is a monotonic time in seconds.
    """

    def __init__(self) -> None:
        # When the window began, and the attempts in it: the oldest window first.
        self._attempts: dict[str, tuple[float, int]] = {}

    def reserve(self, limits: dict[str, int], now: float) -> int:
        """Count an attempt for each key, before its password is checked; or give the seconds to wait, and count none.

        `limits` maps each key to its maximum number of attempts.
        """
        self._forget(now)
        counted = {key: self._attempts.get(key, (now, 0)) for key in limits}
        full = [began for key, (began, count) in counted.items() if count >= limits[key]]
        if full:
            return math.ceil(max(full) + WINDOW - now)
        for key, (began, count) in counted.items():
            self._attempts[key] = (began, count + 1)
        return 0

    def release(self, limits: dict[str, int]) -> None:
        """Do not count an attempt that was reserved: its password was right, or was not checked."""
        for key in limits:
            began, count = self._attempts.get(key, (0.0, 0))
            if count > 1:
                self._attempts[key] = (began, count - 1)
            else:
                self._attempts.pop(key, None)

    def _forget(self, now: float) -> None:
        """Delete windows that have ended, and the oldest if there are too many."""
        while self._attempts:
            key, (began, _) = next(iter(self._attempts.items()))
            if now - began < WINDOW and len(self._attempts) <= _MAX_KEYS:
                break
            del self._attempts[key]
