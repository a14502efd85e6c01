"""Events that overtook their pageview wait here for its session, in slots that are counted."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

# An honest burst has a few at once, of some 3 kB; a dishonest one may bring 250 kB each. Far fewer than there may be
# connections, so that waiters alone keep nobody from connecting.
CAPACITY = 512


class Waiters:
    """Who waits, by device: `waiting` is empty mostly, so that a request need only look before it calls `wake`."""

    def __init__(self, timeout: float, capacity: int = CAPACITY) -> None:
        self._timeout = timeout
        self._capacity = capacity
        self.waiting: dict[int, list[asyncio.Event]] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return self.count >= self._capacity

    def wake(self, device: int) -> None:
        """A session of the device's moved: whoever waits looks again, in the order of arrival."""
        for waker in self.waiting.get(device, ()):
            waker.set()

    def enter(self, device: int) -> asyncio.Event:
        """Take a slot; check `full` first, and `wait` afterwards, which gives it back."""
        waker = asyncio.Event()
        self.waiting.setdefault(device, []).append(waker)
        self.count += 1
        return waker

    async def wait(self, device: int, waker: asyncio.Event, find: Callable[[], Found | None]) -> Found | None:
        """What `find` finds, now or after a `wake`; None after `timeout` seconds."""
        try:
            async with asyncio.timeout(self._timeout):
                while (found := find()) is None:
                    await waker.wait()
                    waker.clear()
        except TimeoutError:
            return None
        else:
            return found
        finally:
            self._leave(device, waker)

    def _leave(self, device: int, waker: asyncio.Event) -> None:
        self.count -= 1
        wakers = self.waiting[device]
        wakers.remove(waker)
        if not wakers:
            del self.waiting[device]
