"""What a start takes over from an earlier run: the journal's segments, and the open visits."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.base.events import Session
from prisme.journal.reader import read_visits
from prisme.journal.segment import Segment, leftovers
from prisme.store.errors import WAY_BACK, StoreError
from prisme.store.loader import Loader
from prisme.store.open_sessions import OpenSession
from prisme.store.sink import SinkDownError


class Leftovers(NamedTuple):
    """The segments of an earlier run, those of them that could not be loaded, and the number for the next segment."""

    segments: list[Segment]
    unloaded: list[Segment]
    next_number: int


async def load_leftovers(loader: Loader, journal: Path, clock: Callable[[], int], log: logging.Logger) -> Leftovers:
    """Load the segments in the folder `journal`; `clock` gives microseconds. Raises StoreError.

    Their files stay, for the writer to remove: if the start fails after this, the journal is as it was.
    """
    segments, foreign = leftovers(journal)
    for path in foreign:
        log.warning("%s is not a journal segment, it is ignored", path)
    unloaded: list[Segment] = []
    waiting: list[SinkDownError] = []  # of an outage, which may leave thousands of segments: one message
    with _readable():
        highest = max([loader.last_segment(), *(segment.number for segment in segments)])
        for batch in loader.batches(segments):
            for segment, loaded in zip(batch, await asyncio.to_thread(loader.load_batch, batch, clock()), strict=True):
                if isinstance(loaded, SinkDownError):
                    waiting.append(loaded)
                    unloaded.append(segment)
                    continue
                if isinstance(loaded, Exception):
                    log.error("segment %d cannot be loaded now, will retry: %s", segment.number, loaded)
                    unloaded.append(segment)
                    continue
                log.info(
                    "segment %d of an earlier run loaded",
                    segment.number,
                    extra={"events": loaded.events, "rejected": loaded.rejected},
                )
    if waiting:
        log.error("segments of an earlier run, to be loaded later: %d; %s", len(waiting), waiting[0])
    return Leftovers(segments, unloaded, highest + 1)


def stored_sessions(loader: Loader, active: int, entry: int, at_most: int, pages: int) -> Iterator[OpenSession]:
    """The open sessions in the database, as `open_sessions.read` gives them. Raises StoreError."""
    with _readable():
        yield from loader.open_sessions(active, entry, at_most, pages)


def unloaded_sessions(segments: Iterable[Segment], log: logging.Logger) -> Iterator[tuple[int, Session]]:
    """The states of sessions, with their devices, in segments that could not be loaded, in their order."""
    for segment in segments:
        try:
            yield from list(read_visits(segment.path))
        except OSError as error:
            log.warning("segment %d cannot be read, its visits are not continued: %s", segment.number, error.strerror)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(f"the database cannot be read: {error}. {WAY_BACK}") from error
