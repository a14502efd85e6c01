"""The free space on the disk of the data folder. Events leave some for log-ins, startup and checkpoints."""

import os
from pathlib import Path
from typing import Final

_ENOUGH: Final = 1 << 62  # bytes


class FreeSpace:
    """`is_short` is true while less than `least` bytes are free. Only `refresh` updates it, in a few microseconds."""

    def __init__(self, folder: Path, least: int) -> None:
        self._folder = folder
        self._least = least
        self.is_short = False
        self.refresh()

    def set_least(self, least: int) -> None:
        """Leave so many bytes from now on."""
        self._least = least
        self.is_short = False
        self.refresh()

    @property
    def failure(self) -> str | None:
        """What is wrong and what to do, or None."""
        if not self.is_short:
            return None
        return (
            f"disk: less than {self._least / 1e6:,.0f} MB are free (min_free_space) in {self._folder}, "
            "so events are rejected: free up disk space"
        )

    def room(self) -> int:
        """How many bytes may be written until it is short. As in `refresh`, a failure counts as enough."""
        try:
            stats = os.statvfs(self._folder)
        except OSError:
            return _ENOUGH
        return max(0, stats.f_bavail * stats.f_frsize - self._least)

    def refresh(self) -> None:
        """Measure the free space. If that fails, assume that there is enough: a write would fail with its own error."""
        if not self._least:
            return
        try:
            stats = os.statvfs(self._folder)
        except OSError:
            self.is_short = False
            return
        self.is_short = stats.f_bavail * stats.f_frsize < self._least
