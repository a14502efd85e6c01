"""The keys that identities are hashed with, one a day. They leave this process for the store alone; no log sees them.

A key is made at 00:00 UTC. The one before finds visits that go on over midnight, and is erased once those are over.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

DAY = 86_400_000_000  # microseconds
BYTES = 16
TODAY, PREVIOUS = "today", "previous"
# `os.urandom` gives bytes, which nobody can overwrite.
_RANDOM = Path("/dev/urandom")

# Day (since 1970) and key, by name.
Keys = Mapping[str, tuple[int, bytearray]]


class Keeper(Protocol):
    """Keeps keys over restarts."""

    def read(self) -> Keys:
        """What was written last."""

    def write(self, keys: Keys) -> bool:
        """Replace all that is kept, and erase it; False where the disk refuses."""


class Salts:
    """Today's key (UTC), and the one before as long as its visits may go on: `ttl` microseconds after midnight.

    `saved` is false while the keeper could not keep them.
    """

    def __init__(self, keeper: Keeper, now: int, ttl: int) -> None:
        self._keeper = keeper
        self._ttl = ttl
        kept = keeper.read()
        day, self.today = kept.get(TODAY, (-1, bytearray()))
        before, previous = kept.get(PREVIOUS, (-1, bytearray()))
        self.previous: bytearray | None = previous or None
        self._day, self._before = day, before
        self.saved = kept.keys() <= {TODAY, PREVIOUS} and bool(self.today)
        if not self.turn(now) and not self.expire(now) and not self.saved:
            self.save()

    @property
    def lasts(self) -> tuple[int, int]:
        """From when, and until before when, the keys are what they are; microseconds."""
        start = self._day * DAY
        return start, start + (DAY if self.previous is None else min(self._ttl, DAY))

    def turn(self, now: int) -> bool:
        """Make a new key where `now` (microseconds) is on another day than the last one, be it an earlier one.

        The old key stays for visits that go on, where its day is next to this one.
        """
        day = now // DAY
        if day == self._day:
            return False
        _erase(self.previous)
        if self.today and abs(day - self._day) == 1:
            self.previous, self._before = self.today, self._day
        else:
            _erase(self.today)
            self.previous = None
        self._day, self.today = day, _make_key()
        if not self.expire(now):
            self.save()
        return True

    def expire(self, now: int) -> bool:
        """Erase the key before, once no visit of its day can be open any more; whether it did."""
        if self.previous is None or 0 <= now - self._day * DAY < self._ttl:
            return False
        _erase(self.previous)
        self.previous = None
        self.save()
        return True

    def save(self) -> None:
        """Hand the keys to the keeper, which erases all others."""
        keys = {TODAY: (self._day, self.today)}
        if self.previous is not None:
            keys[PREVIOUS] = (self._before, self.previous)
        self.saved = self._keeper.write(keys)


def _make_key() -> bytearray:
    key = bytearray(BYTES)
    with _RANDOM.open("rb", buffering=0) as random:
        if random.readinto(key) != BYTES:
            raise OSError(f"{_RANDOM} gave no key")
    return key


def _erase(key: bytearray | None) -> None:
    if key:
        key[:] = bytes(len(key))
