"""What a move into ClickHouse has done so far, in the file `moving` of the data folder, so that another run goes on.

It only says which rows of which name are which: whether they are there, ClickHouse is asked. So a line may be lost.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from prisme.store import snapshot
from prisme.store.errors import StoreError
from prisme.store.move_chunks import Chunk

FILE: Final = "moving"
_ID_BYTES: Final = 6


class _Line(msgspec.Struct, omit_defaults=True):
    """One of the three: the id, a chunk that was moved, or an import with its name in ClickHouse."""

    id: str = ""
    chunk: Chunk | None = None
    name: tuple[str, str] | None = None


class MoveState:
    """`id` is what ClickHouse's rows have as their node; `names` are those of imports there, by the names here.

    Raises StoreError.
    """

    def __init__(self, folder: Path, random: Callable[[int], bytes] = os.urandom) -> None:
        self._path = folder / FILE
        self.chunks: list[Chunk] = []
        self.names: dict[str, str] = {}
        self.id = ""
        self._read()
        if not self.id:
            self.id = f"moved-{random(_ID_BYTES).hex()}"
            self.keep([])

    def keep(self, chunks: Sequence[Chunk]) -> None:
        """Forget all other chunks, whose rows are about to be deleted."""
        self.chunks = [*chunks]
        lines = [_Line(self.id), *(_Line(name=pair) for pair in self.names.items())]
        lines += [_Line(chunk=chunk) for chunk in chunks]
        with self._explaining(), snapshot.creating(self._path) as part:
            part.write_bytes(b"".join(map(_write, lines)))

    def add(self, chunk: Chunk) -> None:
        """Note a chunk that was moved."""
        self.chunks.append(chunk)
        with self._explaining(), self._path.open("ab") as file:
            file.write(_write(_Line(chunk=chunk)))

    def call(self, name: str, other: str) -> None:
        """Note how an import is called in ClickHouse, before it is there."""
        self.names[name] = other
        self.keep(self.chunks)

    def forget(self, name: str) -> None:
        """Forget an import that was undone."""
        del self.names[name]
        self.keep(self.chunks)

    def remove(self) -> None:
        """Delete the file: the move has ended."""
        with self._explaining():
            snapshot.remove(self._path)

    def _read(self) -> None:
        with self._explaining():
            *lines, _ = self._path.read_bytes().split(b"\n") if self._path.exists() else [b""]
        try:
            for line in (msgspec.json.decode(line, type=_Line) for line in lines):
                self.id = self.id or line.id
                if line.chunk is not None:
                    self.chunks.append(line.chunk)
                if line.name is not None:
                    self.names[line.name[0]] = line.name[1]
        except msgspec.MsgspecError as error:
            raise StoreError(f"{self._path} is damaged: restore it from a backup of the folder") from error

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read or written: {error.strerror}") from error


def _write(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
