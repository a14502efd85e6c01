"""A pool of threads for slow work, away from the event loop. Its queue is limited."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prisme.base.refusal import STATS_BUSY, Refusal
from prisme.runtime.priority import renice, shorten_switch_interval

T = TypeVar("T")


class WorkerPool:
    """At most `limit` calls are queued or running; more get `busy`. With `low_priority`, events are handled first."""

    def __init__(
        self, name: str, threads: int, limit: int, *, low_priority: bool = False, busy: Refusal = STATS_BUSY
    ) -> None:
        initializer = renice if low_priority else None
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=initializer)
        self._limit = limit
        self._busy = busy
        self._low_priority = low_priority
        self._active = 0

    async def run(self, work: Callable[[], T]) -> T | Refusal:
        """Call `work` in a thread; gives its result, or `busy` if the limit is reached."""
        if self._active >= self._limit:
            return self._busy
        self._count(1)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._count(-1)

    def close(self) -> None:
        """Cancel the calls that are queued, and wait for those that run."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _count(self, change: int) -> None:
        self._active += change
        if self._low_priority:
            shorten_switch_interval(self._active > 0)
