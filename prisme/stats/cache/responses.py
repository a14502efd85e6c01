"""Answers of the last second: figures change when a segment is loaded, and many may ask for the same ones at once."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

# What depends on the clock alone, such as live visitors, is never older.
_SECONDS: Final = 1.0
# 256 answers of at most 64 KiB are 16 MiB.
_MOST: Final = 256
_SITES_SECONDS: Final = 60.0
_LARGEST: Final = 65_536


class _Slot:
    """One question's latest answer; the lock is held while it is made, so that nobody makes it twice."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.state = -1
        self.made = 0.0
        self.answer: bytes | None = None


class Recent:
    """`state` gives a number that is another one after each change of the tables. For many threads."""

    def __init__(self, state: Callable[[], int]) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._slots: dict[Hashable, _Slot] = {}

    def find(self, question: Hashable, make: Callable[[], bytes]) -> bytes:
        """The answer to a question, made anew where the tables have changed since, or where it is too old."""
        slot = self._slot(question)
        with slot.lock:
            # Asked before the tables are: an answer may be newer than its state says, never older.
            state, now = self._state(), time.monotonic()
            if slot.answer is None or slot.state != state or now - slot.made >= _SECONDS:
                answer = make()
                slot.state, slot.made = state, now
                slot.answer = answer if len(answer) <= _LARGEST else None
                return answer
            return slot.answer

    def _slot(self, question: Hashable) -> _Slot:
        with self._lock:
            slot = self._slots.pop(question, None) or _Slot()
            self._slots[question] = slot
            if len(self._slots) > _MOST:
                del self._slots[next(iter(self._slots))]
        return slot


class Sites:
    """Which domains there are, by who may see them: they seldom change, and looking reads all sessions."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, list[tuple[str, int]]]] = {}

    def find(self, seen_by: Hashable, look: Callable[[], list[tuple[str, int]]]) -> list[tuple[str, int]]:
        """What `look` gives, or gave within a minute; nothing is looked for anew each time."""
        now = time.monotonic()
        made, found = self._known.get(seen_by, (-math.inf, []))
        if now - made >= _SITES_SECONDS:
            found = look()
            if found:
                self._known.pop(seen_by, None)
                self._known[seen_by] = now, found
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
        return found
