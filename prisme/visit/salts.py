"""The secrets that identities are hashed with. They leave this process for the store alone, and no log sees them."""

import os
from typing import Protocol

DAY = 86_400_000_000  # microseconds
_BYTES = 16


class Keeper(Protocol):
    """Keeps salts over restarts. A write replaces, and erases, the salt of that name."""

    def read(self, name: str) -> tuple[int, bytes] | None: ...
    def write(self, name: str, day: int, salt: bytes) -> bool: ...


class Salts:
    """The static salt, and the one of the present day (UTC). `saved` is false while the keeper could not keep them."""

    def __init__(self, keeper: Keeper, now: int) -> None:
        self._keeper = keeper
        kept = keeper.read("static")
        self.static = kept[1] if kept else os.urandom(_BYTES)
        self.saved = kept is not None or keeper.write("static", 0, self.static)
        day, self._daily = keeper.read("daily") or (-1, b"")
        self._start = day * DAY
        self.daily(now)

    def daily(self, now: int) -> bytes:
        """The salt of the day that `now` (microseconds) falls on; a clock that jumps back gets a new one as well."""
        if not 0 <= now - self._start < DAY:
            self._start = now // DAY * DAY
            self._daily = os.urandom(_BYTES)
            self.save()
        return self._daily

    def save(self) -> None:
        """Hand the daily salt to the keeper, which erases yesterday's."""
        self.saved = self._keeper.write("daily", self._start // DAY, self._daily)
