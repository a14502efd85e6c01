"""Sorts more rows than fit into memory, in runs that are written to a folder and merged.

DuckDB also spills, but runs out of memory where it joins what is read here: at 128 MB, with 4 million events.
"""

import heapq
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

# Of rows in memory, before they are written: with Python's own 41 bytes for each, some 45 MB.
_RUN_BYTES: Final = 32 << 20
# Open files at once: a process may have 1,024.
_MOST_RUNS: Final = 128
_BUFFER: Final = 1 << 16
# A row that is longer is not taken: it is no row of a visitor.
_LONGEST: Final = 4 << 20
_LONGEST_KEY: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f]")


def text_key(text: str) -> bytes:
    """A key that sorts as the text does, by its bytes."""
    return _CONTROL.sub(" ", text[:_LONGEST_KEY]).encode("utf-8", "replace")


def number_key(number: int) -> bytes:
    """A key that sorts as the number does, which is not negative and has at most 18 digits."""
    return b"%018d" % number


class Sorter:
    """Rows of keys and a payload, sorted by the keys. A payload is one line, as JSON is. Close it at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[bytes] = []
        self._bytes = 0
        self._runs: list[BinaryIO] = []

    def __enter__(self) -> "Sorter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory and the disk that the rows take."""
        for run in self._runs:
            run.close()
        self._runs.clear()
        self._rows.clear()

    def add(self, keys: Sequence[bytes], payload: bytes) -> bool:
        """Add a row; false if it is too long."""
        if len(payload) > _LONGEST:
            return False
        row = b"\t".join((*keys, payload)) + b"\n"
        self._rows.append(row)
        self._bytes += len(row)
        if self._bytes >= _RUN_BYTES:
            self._rows.sort()
            self._write(iter(self._rows))
            self._rows.clear()
            self._bytes = 0
            if len(self._runs) >= _MOST_RUNS:
                merged, self._runs = self._runs, []
                self._write(heapq.merge(*merged))
                for run in merged:
                    run.close()
        return True

    def take(self, keys: int) -> Iterator[list[bytes]]:
        """All rows in order, once: that many keys, and the payload."""
        self._rows.sort()
        for run in self._runs:
            run.seek(0)
        for row in heapq.merge(*self._runs, self._rows) if self._runs else self._rows:
            yield row[:-1].split(b"\t", keys)

    def _write(self, rows: Iterator[bytes]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        run = cast(BinaryIO, tempfile.TemporaryFile(buffering=_BUFFER, dir=self._folder))  # noqa: SIM115
        self._runs.append(run)
        run.writelines(rows)
        run.seek(0)
