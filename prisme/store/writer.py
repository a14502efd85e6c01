"""The single writer: seals the journal's segment by the clock and loads what is sealed. It never drops a segment."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import duckdb

from prisme.journal.appender import Appender, Sealed
from prisme.journal.segment import Segment
from prisme.runtime.metrics import Histogram
from prisme.store.loader import Loader

_LONGEST_PAUSE = 10.0  # seconds between two tries of a load that fails
_EXPIRE_EVERY = 60_000_000  # microseconds
_TIDY_EVERY = 60 * _EXPIRE_EVERY
_SIZES = (1, 10, 100, 1_000, 10_000, 65_536, 100_000, 1_000_000)  # events
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Pace(NamedTuple):
    """`interval`: seconds from flush to flush; `sync`: whether a flush waits for the disk.

    A visit is over `ttl` microseconds after its last event, and `longest` after its entry.
    """

    interval: float
    sync: bool
    ttl: int
    longest: int


class Writer:
    """One task, and one worker thread while it loads. `failure` says why segments wait; None while all is well.

    `stored_at` is when events were last stored, in Unix seconds, 0 for not yet.
    `stored` counts events by kind, `retries` failed loads; `sizes` (events) and `durations` (seconds) are of loads.
    """

    def __init__(
        self, journal: Appender, loader: Loader, pace: Pace, clock: Callable[[], int], log: logging.Logger
    ) -> None:
        self._journal = journal
        self._loader = loader
        self._pace = pace
        self._clock = clock
        self._log = log
        self._waiting: list[Sealed] = []
        self._stopping = asyncio.Event()
        self._full = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._tries = 0
        self._next_try = 0.0
        self._expired_at = 0
        self._tidied_at = 0
        self.failure: str | None = None
        self.stored: Counter[str] = Counter()
        self.stored_at = 0.0
        self.retries = 0
        self.sizes = Histogram(_SIZES)
        self.durations = Histogram(_SECONDS)

    def queue(self, segments: list[Segment]) -> None:
        """Take over what an earlier process left: what is loaded is to be removed, the others are tried again."""
        self._waiting.extend(Sealed(segment, 0, segment.path.stat().st_size, None) for segment in segments)

    @property
    def pending_events(self) -> int:
        """Events that were answered and are not loaded yet; those of an earlier run are not counted."""
        return self._journal.pending_events + sum(sealed.events for sealed in self._waiting)

    @property
    def pending_bytes(self) -> int:
        """The size of the journal."""
        return self._journal.pending_bytes + sum(sealed.size for sealed in self._waiting)

    async def run(self) -> None:
        """Flush until `stop`, then once more. What an earlier process left is loaded at once."""
        self._journal.when_full = partial(asyncio.get_running_loop().call_soon_threadsafe, self._full.set)
        await self._expire()
        if self._waiting:
            self._loading = asyncio.create_task(self._load())
        while not self._stopping.is_set():
            await self._rest()
            await self._flush()
        if self._loading is not None:
            await self._loading
        await self._flush(force=True)
        if self._loading is not None:
            await self._loading

    def stop(self) -> None:
        """Seal and load what is there, whatever the clock says, and end `run`."""
        self._stopping.set()

    async def _rest(self) -> None:
        wakers = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._full)]
        await asyncio.wait(wakers, timeout=self._pace.interval, return_when=asyncio.FIRST_COMPLETED)
        for waker in wakers:
            waker.cancel()
        self._full.clear()

    async def _flush(self, force: bool = False) -> None:
        self._journal.seal()
        if self._pace.sync and self._journal.has_sealed:
            await self._journal.commit()
        for sealed in self._journal.take():
            # Where the database fails there may be thousands: each would take one of the files that may be open.
            if sealed.file is not None:
                os.close(sealed.file)
            self._waiting.append(sealed._replace(file=None))
        idle = self._loading is None or self._loading.done()
        if idle and (force or asyncio.get_running_loop().time() >= self._next_try):
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        """Try each segment that waits, oldest first; one that fails does not hold up the others."""
        failures: list[str] = []
        for sealed in tuple(self._waiting):
            try:
                await self._load_one(sealed.segment)
            except Exception as error:
                # Whatever it is, the segment is still there: nothing is dropped, and it is tried again.
                failures.append(f"segment {sealed.segment.number}: {error}")
                self.failure = f"store: {str(error).partition(chr(10))[0]}"
                self.retries += 1
                if isinstance(error, duckdb.FatalException):
                    # The database has to be opened anew, which takes a second, and may fail for the same reason: not
                    # now for each segment. This one comes last the next time, should it be what DuckDB dies of.
                    self._waiting.remove(sealed)
                    self._waiting.append(sealed)
                    break
            else:
                self._waiting.remove(sealed)
        self._tell(failures)
        self._tries = self._tries + 1 if failures else 0
        pause = min(_LONGEST_PAUSE, self._pace.interval * (2 ** min(self._tries, 20) - 1))
        self._next_try = asyncio.get_running_loop().time() + pause
        await self._expire()

    def _tell(self, failures: list[str]) -> None:
        """One line of the log for a round, however many segments wait."""
        if failures:
            self._log.error("segments that wait to be loaded later: %d; %s", len(self._waiting), failures[0])
        elif self.failure is not None:
            self.failure = None
            self._log.info("all segments that waited are loaded")

    async def _load_one(self, segment: Segment) -> None:
        started = time.perf_counter()
        loaded = await asyncio.to_thread(self._loader.load, segment, self._clock())
        self.stored.update(loaded.kinds)
        if loaded.kinds:
            self.stored_at = self._clock() / 1e6
        self.sizes.observe(loaded.events)
        self.durations.observe(time.perf_counter() - started)
        if loaded.rejected:
            self._log.warning(
                "segment %d: %d lines were no events (torn by a crash), %d events stored",
                segment.number, loaded.rejected, loaded.events,
            )  # fmt: skip
        self._log.debug("segment %d loaded", segment.number, extra={"events": loaded.events})

    async def _expire(self) -> None:
        now = self._clock()
        if abs(now - self._expired_at) < _EXPIRE_EVERY:
            return
        self._expired_at = now
        try:
            await asyncio.to_thread(self._loader.expire, now - self._pace.ttl, now - self._pace.longest)
            if abs(now - self._tidied_at) >= _TIDY_EVERY:
                await asyncio.to_thread(self._loader.tidy)
                self._tidied_at = now
        except duckdb.Error as error:
            self._log.error("ended sessions stay in the store for now: %s", error)
