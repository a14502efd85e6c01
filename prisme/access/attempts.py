"""Wrong passwords, counted: who guesses has to wait. In memory alone, as addresses are never written down."""

import math
from typing import Final

WINDOW: Final = 15 * 60  # seconds
PER_ADDRESS: Final = 20
# Whoever knows a name can lock its account for a while; that is why it is more, and why open log-ins stay open.
PER_ACCOUNT: Final = 60
# Some 200 bytes each. Beyond that, all is forgotten: an attacker with so many addresses is not stopped by counting.
_MOST: Final = 50_000


class Attempts:
    """Failures by key, in a window that begins with the first one. For one thread."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[float, int]] = {}

    def wait(self, limits: dict[str, int], now: float) -> int:
        """Seconds until the next attempt may be made, 0 for at once; `limits` are failures by key, `now` steady."""
        waits = [0]
        for key, limit in limits.items():
            began, count = self._failures.get(key, (now, 0))
            if count >= limit:
                waits.append(math.ceil(began + WINDOW - now))
        return max(waits)

    def fail(self, keys: dict[str, int], now: float) -> None:
        """Count one failure."""
        if len(self._failures) > _MOST:
            self._failures.clear()
        for key in keys:
            began, count = self._failures.get(key, (now, 0))
            self._failures[key] = (began, count + 1) if now - began < WINDOW else (now, 1)
