"""The single writer: seals the journal's segment at intervals and loads what is sealed. It never drops a segment."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import duckdb

from prisme.journal.appender import Appender, Sealed
from prisme.journal.segment import Segment
from prisme.runtime import metrics
from prisme.runtime.metrics import Distribution, Gauge, Histogram, Metric
from prisme.store.errors import StoreError
from prisme.store.loader import Loaded, Loader
from prisme.store.sink import SinkDownError

_LONGEST_PAUSE = 10.0  # seconds between two attempts at a load that fails
# Loads that `settle` waits for: the one under way, one with all that was accepted before, and one in case of a failure.
_SETTLE_ROUNDS = 4
_Result = TypeVar("_Result")
_EXPIRE_EVERY = 60_000_000  # microseconds
_TIDY_EVERY = 60 * _EXPIRE_EVERY
_SIZES = (1, 10, 100, 1_000, 10_000, 65_536, 100_000, 1_000_000)  # events
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Pace(NamedTuple):
    """`interval`: seconds from flush to flush; `sync`: whether a flush calls fsync.

    A visit is over `ttl` microseconds after its last event, and `longest` after its entry.
    """

    interval: float
    sync: bool
    ttl: int
    longest: int


class Writer:
    """One task, and one worker thread while it loads. `failure` says why segments are pending; None while all is well.

    `stored_at` is when events were last stored, in Unix seconds, 0 for not yet.
    `stored` counts events by kind, `retries` failed loads; `sizes` (events) and `durations` (seconds) are of loads.
    """

    def __init__(
        self, journal: Appender, loader: Loader, pace: Pace, clock: Callable[[], int], log: logging.Logger
    ) -> None:
        self._journal = journal
        self._loader = loader
        # Always the same one: DuckDB's allocator keeps some 10 MB for each thread that has ever loaded.
        self._thread = ThreadPoolExecutor(1, "loader")
        self._pace = pace
        self._clock = clock
        self._log = log
        self._pending: list[Sealed] = []
        self._stopping = asyncio.Event()
        self._full = asyncio.Event()
        self._loaded = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._loading: asyncio.Task[None] | None = None
        self._failed_rounds = 0
        self._next_attempt = 0.0
        self._expired_at = 0
        self._tidied_at = 0
        self.failure: str | None = None
        self.stored: Counter[str] = Counter()
        self.stored_at = 0.0
        self.retries = 0
        self.sizes = Histogram(_SIZES)
        self.durations = Histogram(_SECONDS)

    def queue(self, segments: list[Segment]) -> None:
        """Take over the segments of an earlier run: those already loaded are removed, the others are loaded."""
        self._pending.extend(Sealed(segment, 0, segment.path.stat().st_size, None) for segment in segments)

    @property
    def pending_events(self) -> int:
        """Events that were accepted and are not loaded yet; those of an earlier run are not counted."""
        return self._journal.pending_events + sum(sealed.events for sealed in self._pending)

    @property
    def pending_seconds(self) -> float:
        """How long ago the oldest sealed segment was written, also of an earlier run; 0 if all are loaded."""
        if not self._pending:
            return 0.0
        oldest = min(sealed.segment for sealed in self._pending)
        try:
            return max(self._clock() / 1e6 - oldest.path.stat().st_mtime, 0.0)
        except OSError:  # it is loaded by now
            return 0.0

    @property
    def pending_bytes(self) -> int:
        """The size of the journal."""
        return self._journal.pending_bytes + sum(sealed.size for sealed in self._pending)

    def metrics(self) -> list[Metric]:
        """What was stored, and what is pending."""
        return [
            metrics.Counter(
                "eventstore_events_total",
                "Events stored in the database.",
                ("type",),
                lambda: {(kind,): count for kind, count in self.stored.items()},
            ),
            metrics.Counter(
                "eventstore_batch_retry_total",
                "Loads that failed, to be tried again.",
                (),
                lambda: {(): self.retries},
            ),
            # No batch is ever dropped; the metric is there for alerts that watch it.
            metrics.Counter("eventstore_batch_dropped_total", "Batches given up: none ever is.", (), lambda: {(): 0}),
            Distribution("eventstore_batch_size_events", "Events of a load.", (), lambda: {(): self.sizes}),
            Distribution(
                "eventstore_send_batch_duration_seconds", "Time that a load took.", (), lambda: {(): self.durations}
            ),
            Gauge("eventstore_pending_events", "Events in the journal, not loaded yet.", lambda: self.pending_events),
            Gauge("eventstore_pending_bytes", "Size of the journal.", lambda: self.pending_bytes),
            Gauge("eventstore_pending_segments", "Segments of the journal to be loaded.", lambda: len(self._pending)),
            Gauge(
                "eventstore_pending_seconds",
                "Seconds since the oldest of these segments was written, 0 without one.",
                lambda: self.pending_seconds,
            ),
        ]

    async def run(self) -> None:
        """Flush at intervals until `stop`, then once more. Segments of an earlier run are loaded at once."""
        try:
            await self._run()
        finally:
            self._thread.shutdown()

    async def _run(self) -> None:
        self._journal.when_full = partial(asyncio.get_running_loop().call_soon_threadsafe, self._full.set)
        await self._expire()
        if self._pending:
            self._loading = asyncio.create_task(self._load())
        while not self._stopping.is_set():
            await self._sleep()
            await self._flush()
        if self._loading is not None:
            await self._loading
        await self._flush(force=True)
        if self._loading is not None:
            await self._loading

    async def settle(self) -> None:
        """Load what was accepted before this call. Raises StoreError if it cannot be loaded now."""
        self._journal.seal()
        last = self._journal.number
        for _ in range(_SETTLE_ROUNDS):
            if self._journal.failure is not None:
                break
            await self._flush(force=True)
            if await self._round_loads_all_before(last):
                return
        reason = self._journal.failure or self.failure or "the database is busy"
        raise StoreError(f"events wait to be stored, try again later: {reason}")

    async def _round_loads_all_before(self, number: int) -> bool:
        """Wait until the round under way has loaded the segments before `number`, or has ended without that.

        Segments that came later do not delay the answer: under load, a round has many of them.
        """
        while any(sealed.segment.number < number for sealed in self._pending):
            if self._loading is None or self._loading.done():
                return False
            self._loaded.clear()
            waker = asyncio.ensure_future(self._loaded.wait())
            await asyncio.wait((self._loading, waker), return_when=asyncio.FIRST_COMPLETED)
            waker.cancel()
        return True

    async def collect(self) -> list[Segment]:
        """The segments with what was accepted before this call, and was not loaded, for whoever holds the loader.

        They are synced, and stay queued. Raises StoreError if they cannot be sealed or synced.
        """
        self._journal.seal()
        last = self._journal.number
        if self._journal.failure is None:
            await self._flush()
        if self._journal.failure is not None:
            raise StoreError(f"events cannot be stored, try again later: {self._journal.failure}")
        return [sealed.segment for sealed in self._pending if sealed.segment.number < last]

    def stop(self) -> None:
        """Let `run` seal and load what there is, and end."""
        self._stopping.set()

    async def _sleep(self) -> None:
        """Until the next flush is due, the segment is full, or `stop` is called."""
        wakers = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._full)]
        await asyncio.wait(wakers, timeout=self._pace.interval, return_when=asyncio.FIRST_COMPLETED)
        for waker in wakers:
            waker.cancel()
        self._full.clear()

    async def _flush(self, force: bool = False) -> None:
        async with self._flushing:  # what was sealed after the sync of one is not for the other to take
            await self._take_sealed()
        idle = self._loading is None or self._loading.done()
        if idle and (force or asyncio.get_running_loop().time() >= self._next_attempt):
            self._loading = asyncio.create_task(self._load())

    async def _take_sealed(self) -> None:
        """Seal the open segment, and queue what is sealed, once it is synced."""
        self._journal.seal()
        # Segments that fill up during the sync are for the next one.
        sealed_before = self._journal.sealed
        if self._pace.sync and self._journal.pending_events:
            await self._journal.commit()
        for sealed in self._journal.take(sealed_before):
            # While the database fails there may be thousands: each would use up one of the open files allowed.
            if sealed.file is not None:
                os.close(sealed.file)
            self._pending.append(sealed._replace(file=None))

    async def _load(self) -> None:
        """Try each pending segment, oldest first; one that fails does not delay the others."""
        failures = await self._reopen_if_lost()
        for sealed in () if failures else tuple(self._pending):
            try:
                await self._load_one(sealed.segment)
            except Exception as error:
                # Whatever the error is, the segment still exists, and is tried again.
                failures.append(f"segment {sealed.segment.number}: {error}")
                self._note_failure(error)
                if isinstance(error, duckdb.FatalException | SinkDownError):
                    # Reopening the database takes a second, and may fail for the same reason: not for each segment. So
                    # may waiting for a sink. This one goes last the next time, in case it is the cause.
                    self._pending.remove(sealed)
                    self._pending.append(sealed)
                    break
            else:
                self._pending.remove(sealed)
                self._loaded.set()
        self._log_round(failures)
        self._failed_rounds = self._failed_rounds + 1 if failures else 0
        pause = min(_LONGEST_PAUSE, self._pace.interval * (2 ** min(self._failed_rounds, 20) - 1))
        self._next_attempt = asyncio.get_running_loop().time() + pause
        await self._expire()

    async def _reopen_if_lost(self) -> list[str]:
        """Reopen the database after a fatal error, as figures need it also while no segment is loaded.

        Gives the reason if that fails.
        """
        if self._loader.is_lost:
            try:
                await self._in_thread(self._loader.reopen)
            except Exception as error:  # whatever it is, the segments still exist, and are tried again
                self._note_failure(error)
                return [f"the database cannot be reopened: {error}"]
        return []

    def _in_thread(self, function: Callable[[], _Result]) -> Awaitable[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _note_failure(self, error: Exception) -> None:
        self.failure = f"store: {str(error).partition(chr(10))[0]}"
        self.retries += 1

    def _log_round(self, failures: list[str]) -> None:
        """One message per round, however many segments failed."""
        if failures:
            self._log.error("segments pending, to be loaded later: %d; %s", len(self._pending), failures[0])
        elif self.failure is not None:
            self.failure = None
            self._log.info("all pending segments are loaded")

    async def _load_one(self, segment: Segment) -> None:
        started = time.perf_counter()
        loaded = await self._in_thread(partial(self._loader.load, segment, self._clock()))
        self._count(loaded, time.perf_counter() - started)
        if loaded.rejected:
            self._log.warning(
                "segment %d: %d lines were not events (torn by a crash), %d events stored",
                segment.number, loaded.rejected, loaded.events,
            )  # fmt: skip
        self._log.debug("segment %d loaded", segment.number, extra={"events": loaded.events})

    def _count(self, loaded: Loaded, seconds: float) -> None:
        self.stored.update(loaded.kinds)
        if loaded.kinds:
            self.stored_at = self._clock() / 1e6
        self.sizes.observe(loaded.events)
        self.durations.observe(seconds)

    async def _expire(self) -> None:
        """Delete devices of visits that are over, at most once a minute."""
        now = self._clock()
        if abs(now - self._expired_at) < _EXPIRE_EVERY:
            return
        self._expired_at = now
        try:
            await self._in_thread(partial(self._loader.expire, now - self._pace.ttl, now - self._pace.longest))
            if abs(now - self._tidied_at) >= _TIDY_EVERY:
                self._tidied_at = now  # also if it fails: on a full disk, the database then has to be reopened
                await self._in_thread(self._loader.tidy)
        except duckdb.Error as error:
            self._log.error("sessions that ended stay in the store for now: %s", error)
