"""What a reader did not take, and why: bad lines are counted and the first ones kept, the rest is counted by reason."""

from collections import Counter
from typing import Final

import msgspec

NOT_REGISTERED: Final = "the host is not a site of this Prisme"
_SHOWN: Final = 10
_LONGEST: Final = 200  # characters


class BadLine(msgspec.Struct, frozen=True):
    """A line, or a row, that cannot be read: its file, its number from 1 on, and what is wrong with it."""

    file: str
    number: int
    why: str
    text: str


class Tally:
    """Counts for one pass over the files. `rows` is of all lines or rows that were looked at."""

    def __init__(self) -> None:
        self.rows = 0
        self.bad = 0
        self.bad_lines: list[BadLine] = []
        self.skipped: Counter[str] = Counter()

    def refuse(self, file: str, number: int, why: str, text: str) -> None:
        """Count a line that cannot be read. Never fatal."""
        self.bad += 1
        if len(self.bad_lines) < _SHOWN:
            shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
            printable = "".join(character if character.isprintable() else "\ufffd" for character in shown)
            self.bad_lines.append(BadLine(file, number, why, printable))

    def skip(self, why: str, count: int = 1) -> None:
        """Count rows that are read and are not wanted, such as those of bots; `why` is a plain phrase of few words."""
        self.skipped[why] += count
