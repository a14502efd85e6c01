"""Which times each load changed, so that cached counts of earlier times can be reused."""

import threading
from collections import deque
from collections.abc import Callable, Collection
from math import inf
from time import monotonic
from typing import Final, NamedTuple

_MAX_LOADS: Final = 4096
# Far more than most servers have. Those that were loaded longest ago are forgotten.
MOST_DOMAINS: Final = 1000


class Changed(NamedTuple):
    """What a transaction changes: rows from the lowest to the highest time (microseconds), of domains; None for any.

    The row of a session counts at the session's entry.
    """

    lowest: int
    highest: int
    domains: Collection[str] | None = None


# No row that is counted.
NOTHING: Final = Changed(0, 0, ())


class _Load(NamedTuple):
    """`at` is None for a load that does not say how far back the next ones reach."""

    number: int
    at: float | None
    lowest: int
    highest: float


class LoadLog:
    """Loads, numbered from 1, each with the bounds of the times (microseconds) of the rows that it may have changed.

    `begin` is called before a load's transaction is committed, `end` afterwards, and one load ends before the next one
    begins. So a transaction that starts now sees all loads up to `done`, perhaps the one that has begun, none later.
    `highest` is the latest time of any row.
    """

    def __init__(self, highest: int) -> None:
        self._lock = threading.Lock()
        self._loads: deque[_Load] = deque(maxlen=_MAX_LOADS)
        self.highest = highest  # microseconds
        # The latest load of each domain, and the latest one that may have rows of any domain that is not among these.
        self._by_domain: dict[str, int] = {}
        self._of_others = 0
        self._begun = 0
        self.done = 0

    def begin(
        self, lowest: int, highest: int, domains: Collection[str] | None = None, is_bounded: bool = False
    ) -> None:
        """Before the commit; the lowest and highest time of the rows, and their domains, None for any.

        `is_bounded`: what was counted after `highest` still holds, and the next loads need not reach as far back.
        RuntimeError if the last load has not ended.
        """
        at, latest = (None, highest) if is_bounded else (monotonic(), inf)
        self._begin(at, lowest, latest, domains)
        self.highest = max(self.highest, highest)

    def begin_reopening(self) -> None:
        """Before the file is opened again, perhaps another one: nothing that was counted holds, as tables are lost.

        The next loads need not reach as far back. `end` is called afterwards. RuntimeError as for `begin`.
        """
        self._begin(None, 0, inf, None)

    def end(self) -> None:
        """After the commit, or after it failed: a load that changed nothing does no harm. RuntimeError without load."""
        with self._lock:
            if self._begun != self.done + 1:
                raise RuntimeError(f"load {self.done + 1} ends, but has not begun")
            self.done = self._begun

    def since(self, number: int, start: int = 0) -> int | None:
        """The lowest time that loads after this number changed; None if there were none, 0 if it is not known.

        Loads that changed nothing at `start` (microseconds) or later are left out.
        """
        with self._lock:
            if number < self._begun - len(self._loads):
                return 0
            later = (load for load in self._loads if load.number > number and load.highest >= start)
            return min((load.lowest for load in later), default=None)

    def latest(self, is_meant: Callable[[str], bool]) -> int:
        """The number of the latest load with rows of a domain that is meant, as far as domains are logged; or 0."""
        with self._lock:
            return max(self._of_others, *(number for domain, number in self._by_domain.items() if is_meant(domain)), 0)

    def _begin(self, at: float | None, lowest: int, latest: float, domains: Collection[str] | None) -> None:
        with self._lock:
            if self._begun != self.done:
                raise RuntimeError(f"load {self._begun + 1} begins before load {self._begun} has ended")
            self._begun += 1
            self._loads.append(_Load(self._begun, at, lowest, latest))
            self._note_domains(domains)

    def _note_domains(self, domains: Collection[str] | None) -> None:
        if domains is None or len(domains) > MOST_DOMAINS:
            self._by_domain.clear()
            self._of_others = self._begun
            return
        for domain in domains:
            self._by_domain.pop(domain, None)
            self._by_domain[domain] = self._begun
        while len(self._by_domain) > MOST_DOMAINS:
            self._of_others = self._by_domain.pop(next(iter(self._by_domain)))

    def lately(self, seconds: float) -> int | None:
        """The lowest time that the loads of the last `seconds` changed, as far as they are logged; None without any."""
        oldest = monotonic() - seconds
        with self._lock:
            recent = (load for load in self._loads if load.at is not None and load.at >= oldest)
            return min((load.lowest for load in recent), default=None)
