"""The single writer: seals the journal's segment by the clock and loads what is sealed. It never drops a segment."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import NamedTuple

import duckdb

from prisme.journal.appender import Appender
from prisme.journal.segment import Segment
from prisme.store.loader import Loader

_LONGEST_PAUSE = 10.0  # seconds between two tries of a load that fails
_EXPIRE_EVERY = 60_000_000  # microseconds


class Pace(NamedTuple):
    """`interval`: seconds from flush to flush; `sync`: whether a flush waits for the disk; `ttl`: a session's, us."""

    interval: float
    sync: bool
    ttl: int


class Writer:
    """One task, and one worker thread while it loads. `failure` says why segments wait; None while all is well."""

    def __init__(
        self, journal: Appender, loader: Loader, pace: Pace, clock: Callable[[], int], log: logging.Logger
    ) -> None:
        self._journal = journal
        self._loader = loader
        self._pace = pace
        self._clock = clock
        self._log = log
        self._waiting: list[tuple[Segment, int | None]] = []
        self._stopping = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._tries = 0
        self._next_try = 0.0
        self._expired_at = 0
        self.failure: str | None = None
        self.stored = 0

    def queue(self, segments: list[Segment]) -> None:
        """Take over segments that could not be loaded at start; they are tried again with the others."""
        self._waiting.extend((segment, None) for segment in segments)

    async def run(self) -> None:
        """Flush until `stop`, then once more."""
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
        wakers = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._journal.full)]
        await asyncio.wait(wakers, timeout=self._pace.interval, return_when=asyncio.FIRST_COMPLETED)
        for waker in wakers:
            waker.cancel()

    async def _flush(self, force: bool = False) -> None:
        self._journal.seal()
        if self._pace.sync and self._journal.has_sealed:
            await self._journal.commit()
        self._waiting.extend((sealed.segment, sealed.file) for sealed in self._journal.take())
        idle = self._loading is None or self._loading.done()
        if idle and (force or asyncio.get_running_loop().time() >= self._next_try):
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        """Try each segment that waits, oldest first; one that fails does not hold up the others."""
        self.failure = None
        failed: list[tuple[Segment, int | None]] = []
        while self._waiting:
            segment, file = self._waiting.pop(0)
            if not await self._load_one(segment):
                failed.append((segment, file))
            elif file is not None:
                os.close(file)
        self._waiting[:0] = failed
        self._tries = self._tries + 1 if failed else 0
        self._next_try = asyncio.get_running_loop().time() + min(
            _LONGEST_PAUSE, self._pace.interval * (2**self._tries - 1)
        )
        await self._expire()

    async def _load_one(self, segment: Segment) -> bool:
        try:
            loaded = await asyncio.to_thread(self._loader.load, segment, self._clock())
        except (OSError, duckdb.Error) as error:
            self.failure = f"store: {str(error).splitlines()[0]}"
            self._log.error("segment %d waits, will be loaded later: %s", segment.number, error)
            return False
        self.stored += loaded.events
        if loaded.rejected:
            self._log.warning(
                "segment %d: %d lines were no events (torn by a crash), %d events stored",
                segment.number, loaded.rejected, loaded.events,
            )  # fmt: skip
        self._log.debug("segment %d loaded", segment.number, extra={"events": loaded.events})
        return True

    async def _expire(self) -> None:
        now = self._clock()
        if abs(now - self._expired_at) < _EXPIRE_EVERY:
            return
        self._expired_at = now
        try:
            await asyncio.to_thread(self._loader.expire, now - self._pace.ttl)
        except duckdb.Error as error:
            self._log.error("ended sessions stay in the store for now: %s", error)
