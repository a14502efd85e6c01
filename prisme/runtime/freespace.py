"""The room on the disk of the data folder, which events leave to all else: log-ins, the start, a checkpoint."""

import os
from pathlib import Path


class FreeSpace:
    """`is_short` while less than `least` bytes are free; only `look` changes it, in a few microseconds."""

    def __init__(self, folder: Path, least: int) -> None:
        self._folder = folder
        self._least = least
        self.is_short = False
        self.look()

    @property
    def failure(self) -> str | None:
        """What is wrong, and what to do; None while all is well."""
        if not self.is_short:
            return None
        return (
            f"disk: less than {self._least / 1e6:,.0f} MB are free (min_free_space) in {self._folder}, "
            "so events are refused: make room"
        )

    def look(self) -> None:
        """See how much room there is. A disk that does not say is taken for one with room: a write will tell."""
        if not self._least:
            return
        try:
            found = os.statvfs(self._folder)
        except OSError:
            self.is_short = False
            return
        self.is_short = found.f_bavail * found.f_frsize < self._least
