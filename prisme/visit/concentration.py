"""How many of the latest visits one address has: most of them, where a proxy's address stands for all visitors.

It is in memory alone, and gives out no address.
"""

from collections import Counter, deque

# Enough to tell one address from many; 1,000 keys take some 150 kB at most.
LATEST = 1000


class Concentration:
    """The addresses of the latest visits, by the rate limiter's keys. Any thread may ask while one adds."""

    def __init__(self) -> None:
        self._keys: deque[int | str] = deque()
        self._counts: Counter[int | str] = Counter()

    def add(self, key: int | str) -> None:
        """A visit begins."""
        self._keys.append(key)
        self._counts[key] += 1
        if len(self._keys) > LATEST:
            oldest = self._keys.popleft()
            if self._counts[oldest] == 1:
                del self._counts[oldest]
            else:
                self._counts[oldest] -= 1

    def share(self) -> tuple[float, int]:
        """The share of the address that has the most (0 to 1), and how many visits that is of."""
        counts = list(self._counts.values())  # at once, whatever is added meanwhile
        visits = sum(counts)
        return (max(counts) / visits, visits) if visits else (0.0, 0)
