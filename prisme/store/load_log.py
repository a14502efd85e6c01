"""How far back loads reached: what was counted of earlier times is still right."""

import threading
from collections import deque
from time import monotonic
from typing import Final, NamedTuple

_REMEMBERED: Final = 4096


class _Load(NamedTuple):
    number: int
    at: float
    lowest: int


class Touched:
    """Loads, numbered from 1, each with the lowest time (microseconds) of any row that it may have changed.

    A load is noted before its transaction is committed, and `done` counts it afterwards: a transaction that begins now
    sees all loads up to `done`, and perhaps one that is noted, never another. `highest` is the latest time of any row.
    """

    def __init__(self, highest: int) -> None:
        self._lock = threading.Lock()
        self._loads: deque[_Load] = deque(maxlen=_REMEMBERED)
        self._highest = highest
        self._noted = 0
        self.done = 0

    def begin(self, lowest: int, highest: int) -> None:
        """Before the commit."""
        with self._lock:
            self._noted += 1
            self._highest = max(self._highest, highest)
            self._loads.append(_Load(self._noted, monotonic(), lowest))

    def end(self) -> None:
        """After the commit, or after it failed: then the load has changed nothing, which is no harm."""
        self.done = self._noted

    def is_all(self, number: int, end: int) -> bool:
        """Whether there is nothing but what so many loads stored, and all of it before this time (microseconds)."""
        with self._lock:
            return number == self._noted and end > self._highest

    def since(self, number: int) -> int | None:
        """The lowest time that loads after this number reached; None where there were none. 0: not known any more."""
        with self._lock:
            if number < self._noted - len(self._loads):
                return 0
            return min((load.lowest for load in self._loads if load.number > number), default=None)

    def lately(self, seconds: float) -> int | None:
        """The lowest time that loads of the last seconds reached, as far as they are remembered; None for none."""
        oldest = monotonic() - seconds
        with self._lock:
            return min((load.lowest for load in self._loads if load.at >= oldest), default=None)
