"""Visits and figures as they are sent to the database, in chunks of NDJSON (`store/import_visits.sql` reads them)."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from prisme.base.events import Session
from prisme.imports.items import Figure, Row, Visit

# Storing one takes a fraction of a second, in which events wait in the journal.
_MOST_BYTES: Final = 4 << 20
_MOST_FIGURES: Final = 50_000


class SessionLine(msgspec.Struct, frozen=True, gc=False):
    """The first line of a visit; `of` is its number within the chunk."""

    of: int
    session: Session


class RowLine(msgspec.Struct, frozen=True, gc=False):
    """A row of the visit with that number."""

    of: int
    row: Row


_encode: Final[Callable[[Sequence[Any]], bytes]] = msgspec.json.Encoder().encode_lines


class VisitChunk:
    """Collects whole visits."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0

    def add(self, visit: Visit) -> None:
        """Add a visit."""
        of = len(self._parts)
        part = _encode([SessionLine(of, visit.session), *[RowLine(of, row) for row in visit.rows]])
        self._parts.append(part)
        self._bytes += len(part)

    @property
    def is_full(self) -> bool:
        """Whether it is time to `take` it."""
        return self._bytes >= _MOST_BYTES

    def take(self) -> bytes:
        """What was added, which is forgotten; empty if that is nothing."""
        chunk = b"".join(self._parts)
        self._parts.clear()
        self._bytes = 0
        return chunk


class FigureChunk:
    """Collects figures, which come in the order of days: those of one day are never in two chunks."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []
        self._characters = 0

    def add(self, figure: Figure) -> None:
        """Add a figure, with U+FFFD for what no encoding of Unicode has."""
        value = figure.value.encode("utf-8", "replace").decode() if figure.value else ""
        if value != figure.value:
            figure = replace(figure, value=value)
        self._figures.append(figure)
        self._characters += len(value)

    def is_full_before(self, figure: Figure) -> bool:
        """Whether it is time to `take` it before this one is added."""
        is_large = len(self._figures) >= _MOST_FIGURES or self._characters >= _MOST_BYTES
        return is_large and figure.day != self._figures[-1].day

    def take(self) -> bytes:
        """What was added, which is forgotten; empty if that is nothing."""
        chunk = _encode(self._figures) if self._figures else b""
        self._figures.clear()
        self._characters = 0
        return chunk
