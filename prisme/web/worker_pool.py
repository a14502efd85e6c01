"""Work that takes a while, away from the event loop: few threads, and a queue with an end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prisme.base.refusal import STATS_BUSY, Refusal
from prisme.runtime.priority import renice, shorten_switch_interval

T = TypeVar("T")


class Desk:
    """`most` is how many pieces of work may wait or be under way; work `behind` gives way to events."""

    def __init__(self, name: str, threads: int, most: int, *, behind: bool = False) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=renice if behind else None)
        self._most = most
        self._behind = behind
        self._taken = 0

    async def run(self, work: Callable[[], T]) -> T | Refusal:
        """Do it; `STATS_BUSY` where too much is waiting."""
        if self._taken >= self._most:
            return STATS_BUSY
        self._take(1)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._take(-1)

    def _take(self, more: int) -> None:
        self._taken += more
        if self._behind:
            shorten_switch_interval(self._taken > 0)

    def close(self) -> None:
        """Drop what waits, and end what is under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)
