"""A pool of threads for slow work, away from the event loop. Its queue is limited, for each sender and for all."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from prisme.base.refusal import CLIENT_GONE, STATS_BUSY, Refusal
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.priority import renice, shorten_switch_interval
from prisme.web.quota import SERVER, Quota, Rank, Sender

T = TypeVar("T")


class _Call:
    """Work that waits for a thread, or has one; `outcome` is its result."""

    __slots__ = ("has_left", "outcome", "sender", "work")

    def __init__(self, work: Callable[[], Any], sender: Sender) -> None:
        self.work = work
        self.sender = sender
        self.has_left = False  # the queue
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class WorkerPool:
    """At most `limit` calls are queued or running; more get `busy`. With `low_priority`, events are handled first.

    Calls of the highest rank come first. With `per_rank`, each rank has `threads` threads of its own, so that no call
    waits for one of a lower rank.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        limit: int,
        *,
        low_priority: bool = False,
        per_rank: bool = False,
        busy: Refusal = STATS_BUSY,
    ) -> None:
        most = threads * len(Rank) if per_rank else threads
        initializer = renice if low_priority else None
        self._executor = ThreadPoolExecutor(most, thread_name_prefix=name, initializer=initializer)
        self._threads = threads
        self._per_rank = per_rank
        self._low_priority = low_priority
        self._busy = busy
        self._quota = Quota(limit)
        self._queues: dict[Rank, deque[_Call]] = {rank: deque() for rank in Rank}
        self._running: Counter[Rank] = Counter()
        self._active = 0

    async def run(
        self, work: Callable[[], T], sender: Sender = SERVER, cancellation: Cancellation | None = None
    ) -> T | Refusal:
        """Call `work` in a thread; gives its result, or `busy` if a limit is reached.

        Once `cancellation` is called, in the event loop, queued work is dropped, and work that is under way has to
        watch it. Gives `CLIENT_GONE` then.
        """
        if not self._quota.take(sender):
            return self._busy
        self._count(1)
        call = _Call(work, sender)
        self._queues[sender.rank].append(call)
        drop = partial(self._drop, call)
        cancellation = cancellation or Cancellation()
        cancellation.attach(drop)
        try:
            self._start()
            outcome: T | Refusal = await call.outcome
        finally:
            cancellation.detach(drop)
            self._drop(call)
        return CLIENT_GONE if cancellation.is_cancelled else outcome

    def close(self) -> None:
        """Cancel the calls that are queued, and wait for those that run."""
        for queue in self._queues.values():
            for call in tuple(queue):
                self._drop(call)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        """Start calls while there are threads for them, those of the highest rank first."""
        loop = asyncio.get_running_loop()
        for rank, queue in self._queues.items():
            while queue and self._has_thread(rank):
                call = queue.popleft()
                call.has_left = True
                self._running[rank] += 1
                self._executor.submit(call.work).add_done_callback(partial(self._report, loop, call))

    def _report(self, loop: asyncio.AbstractEventLoop, call: _Call, running: "Future[Any]") -> None:
        """Tell the event loop that a call has ended, in its thread. No cycle of references may keep its result."""
        loop.call_soon_threadsafe(self._finish, call, running)

    def _has_thread(self, rank: Rank) -> bool:
        return (self._running[rank] if self._per_rank else self._running.total()) < self._threads

    def _finish(self, call: _Call, running: "Future[Any]") -> None:
        self._running[call.sender.rank] -= 1
        self._leave(call)
        self._start()
        if call.outcome.done():  # nobody waits for it
            return
        if running.cancelled():
            call.outcome.cancel()
        elif (error := running.exception()) is not None:
            call.outcome.set_exception(error)
        else:
            call.outcome.set_result(running.result())

    def _drop(self, call: _Call) -> None:
        """Remove a call from the queue, unless it has left it."""
        if not call.has_left:
            call.has_left = True
            self._queues[call.sender.rank].remove(call)
            self._leave(call)
            if not call.outcome.done():
                call.outcome.set_result(CLIENT_GONE)

    def _leave(self, call: _Call) -> None:
        self._quota.give_back(call.sender)
        self._count(-1)

    def _count(self, change: int) -> None:
        self._active += change
        if self._low_priority:
            shorten_switch_interval(self._active > 0)
