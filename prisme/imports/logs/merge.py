"""Puts what several roughly ordered sources give in the order of time, opening each one only when its time has come."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar, overload

from prisme.imports.logs.line import LogLine

Source = TypeVar("Source")
# Servers that log the start of a request do so at its end: lines are late by as long as it takes to send a page.
WINDOW: Final = 120 * 1_000_000  # microseconds
# A page's line takes some 600 bytes in memory.
MOST_WAITING: Final = 50_000
# Lines of attacks are longer.
_MOST_CHARACTERS: Final = 24 << 20


@overload
def reorder(lines: Iterable[LogLine], window: int = WINDOW, most: int = MOST_WAITING) -> Iterator[LogLine]: ...


@overload
def reorder(
    lines: Iterable[LogLine | None], window: int = WINDOW, most: int = MOST_WAITING
) -> Iterator[LogLine | None]: ...


def reorder(
    lines: Iterable[LogLine | None], window: int = WINDOW, most: int = MOST_WAITING
) -> Iterator[LogLine | None]:
    """The lines in the order of time, where none is late by more than `window`, or by more than `most` lines.

    None is passed on.
    """
    waiting: list[tuple[int, int, LogLine]] = []
    latest = characters = 0
    for number, line in enumerate(lines):
        if line is None:
            yield None
            continue
        heapq.heappush(waiting, (line.at, number, line))
        characters += _count_characters(line)
        latest = max(latest, line.at)
        while waiting and (waiting[0][0] < latest - window or len(waiting) > most or characters > _MOST_CHARACTERS):
            first = heapq.heappop(waiting)[2]
            characters -= _count_characters(first)
            yield first
    while waiting:
        yield heapq.heappop(waiting)[2]


def merge(
    sources: Sequence[Source], firsts: Sequence[int], read: Callable[[Source], Iterator[LogLine]]
) -> Iterator[tuple[Source, LogLine]]:
    """The lines of all sources in the order of time; each line with its source.

    `firsts` are the times of the sources' first lines: each is read from then on, so that of many rotated files one is
    open at a time.
    """
    heap: list[tuple[int, int, LogLine | None, Iterator[LogLine]]] = [
        (first - WINDOW, number, None, read(source))
        for number, (first, source) in enumerate(zip(firsts, sources, strict=True))
    ]
    heapq.heapify(heap)
    while heap:
        _, number, line, lines = heap[0]
        if line is not None:
            yield sources[number], line
        following = next(lines, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.at, number, following, lines))


def _count_characters(line: LogLine) -> int:
    return len(line.target) + len(line.referrer) + len(line.user_agent)
