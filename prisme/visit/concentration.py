"""How many of the latest visits one address has: most of them, where a proxy's address stands for all visitors.

It is in memory alone, and gives out no address.
"""

from collections import Counter, deque
from collections.abc import Callable

# Enough to tell one address from many; 1,000 keys take some 150 kB at most.
LATEST = 1000


class Concentration:
    """The addresses of the latest visits, by the rate limiter's keys: `add` one as a visit begins.

    Any thread may ask while one adds.
    """

    def __init__(self) -> None:
        self._keys: deque[int | str] = deque(maxlen=LATEST)
        self.add: Callable[[int | str], object] = self._keys.append

    def share(self) -> tuple[float, int]:
        """The share of the address that has the most (0 to 1), and how many visits that is of."""
        keys = list(self._keys)  # at once, whatever is added meanwhile
        return (max(Counter(keys).values()) / len(keys), len(keys)) if keys else (0.0, 0)
