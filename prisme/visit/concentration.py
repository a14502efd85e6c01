"""The share of the latest visits that came from one address. Near 1, it is likely a proxy's.

The addresses stay in memory; only the share leaves this module.
"""

from collections import Counter, deque
from collections.abc import Callable

# Enough to distinguish one address from many; 1,000 keys take about 150 kB at most.
LATEST = 1000


class Concentration:
    """The addresses of the latest visits, as the rate limiter's keys. Call `add` with one when a visit begins.

    `share` may be called by any thread while another one adds.
    """

    def __init__(self) -> None:
        self._keys: deque[int | str] = deque(maxlen=LATEST)
        self.add: Callable[[int | str], object] = self._keys.append

    def share(self) -> tuple[float, int]:
        """The share (0 to 1) of the most frequent address, and the number of visits that it was taken of."""
        keys = list(self._keys)  # an atomic copy, so that other threads may add meanwhile
        return (max(Counter(keys).values()) / len(keys), len(keys)) if keys else (0.0, 0)
