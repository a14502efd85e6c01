"""The keys that identities are hashed with, one for each day. They are written to the store alone, never to a log.

A new key is made for each day (UTC), seconds before it begins, so that it is stored when it is first used. The previous
one is needed to find visits that continue over midnight, and is erased as soon as these are over.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

DAY = 86_400_000_000  # microseconds
BYTES = 16
TODAY, PREVIOUS, NEXT = "today", "previous", "next"
# How long before midnight the next day's key is made and stored.
AHEAD = 4_000_000  # microseconds
# Read into a bytearray, which can be erased; `os.urandom` returns bytes, which cannot.
_RANDOM = Path("/dev/urandom")

# By name: the day that a key is of, counted from 1970-01-01, and the key.
Keys = Mapping[str, tuple[int, bytearray]]


class KeyStore(Protocol):
    """Stores keys, so that they survive a restart."""

    def read(self) -> Keys:
        """The keys that were written last."""

    def write(self, keys: Keys) -> bool:
        """Replace the stored keys by `keys`, and erase them; False where the disk fails."""


class Salts:
    """Today's key (UTC), and the previous one while its visits may continue: `ttl` microseconds after midnight.

    `saved` is false where the keys could not be stored. `on_change` saves them, by default at once; its argument says
    whether a new key is in use that is not stored.
    """

    def __init__(self, store: KeyStore, now: int, ttl: int) -> None:
        self._store = store
        self._ttl = ttl
        stored = store.read()
        self._day, self.today = stored.get(TODAY, (-1, bytearray()))
        self._previous_day, previous = stored.get(PREVIOUS, (-1, bytearray()))
        self.previous: bytearray | None = previous or None
        self._next_day, self._next = stored.get(NEXT, (-1, bytearray()))
        self.saved = stored.keys() <= {TODAY, PREVIOUS, NEXT} and bool(self.today)
        self.on_change: Callable[[bool], object] = lambda _: self.save()
        if not self.rotate(now) and not self.expire(now) and not self.saved:
            self.save()

    @property
    def validity(self) -> tuple[int, int]:
        """The time in which the present keys are the right ones: its start, and its end, which is excluded."""
        start = self._day * DAY
        return start, start + (DAY if self.previous is None else min(self._ttl, DAY))

    def rotate(self, now: int) -> bool:
        """Make a new key where `now` is on another day than today's key, even an earlier one; whether it did.

        The old key becomes the previous one if its day is next to the new one, else it is erased.
        """
        day = now // DAY
        if day == self._day:
            return False
        erase(self.previous)
        if self.today and abs(day - self._day) == 1:
            self.previous, self._previous_day = self.today, self._day
        else:
            erase(self.today)
            self.previous = None
        is_prepared = self._next_day == day
        if not is_prepared:
            erase(self._next)
            self._next = _make_key()
        self._day, self.today = day, self._next
        self._next_day, self._next = -1, bytearray()
        self._drop_previous(now)
        self.on_change(not is_prepared)
        return True

    def prepare(self, now: int) -> None:
        """Make the next day's key, once, shortly before midnight."""
        day = self._day + 1
        if self._next_day != day and (now + AHEAD) // DAY == day:
            erase(self._next)
            self._next_day, self._next = day, _make_key()
            self.on_change(False)

    def expire(self, now: int) -> bool:
        """Erase the previous key once no visit of its day can be open any more; whether it did."""
        if not self._drop_previous(now):
            return False
        self.on_change(False)
        return True

    def save(self) -> None:
        """Write the keys to the store, which erases all others."""
        self.saved = self.write(self._keys())

    def copy(self) -> dict[str, tuple[int, bytearray]]:
        """A copy of all keys, which the caller has to erase."""
        return {name: (day, bytearray(key)) for name, (day, key) in self._keys().items()}

    def write(self, keys: Keys) -> bool:
        """Replace the stored keys; False where the disk fails."""
        return self._store.write(keys)

    def _keys(self) -> dict[str, tuple[int, bytearray]]:
        keys = {TODAY: (self._day, self.today)}
        if self.previous is not None:
            keys[PREVIOUS] = (self._previous_day, self.previous)
        if self._next:
            keys[NEXT] = (self._next_day, self._next)
        return keys

    def _drop_previous(self, now: int) -> bool:
        """Erase the previous key in memory once no visit of its day can be open; whether it did."""
        if self.previous is None or 0 <= now - self._day * DAY < self._ttl:
            return False
        erase(self.previous)
        self.previous = None
        return True


def _make_key() -> bytearray:
    key = bytearray(BYTES)
    with _RANDOM.open("rb", buffering=0) as random:
        if random.readinto(key) != BYTES:
            raise OSError(f"{_RANDOM} returned fewer than {BYTES} bytes")
    return key


def erase(key: bytearray | None) -> None:
    """Overwrite a key with zeros."""
    if key:
        key[:] = bytes(len(key))
