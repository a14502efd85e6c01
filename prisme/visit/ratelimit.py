"""So many requests and bytes a minute and client: a fixed window from the client's first request."""

from collections.abc import Iterable, Sequence

from prisme.visit.address import Address

WINDOW = 60_000_000_000  # nanoseconds
# Bytes that a client may send in a window. A pageview has some 200, so that 60 of them never come near; the largest
# custom events, of 64 KiB, are 7.
BUDGET = 512 * 1024
# A customer of a provider may have a whole /48, which is 65,536 clients: together, they may send so many times as much.
WIDE = 16
# Two generations of at most this many keys, and the two of each request that comes in the same moment: some 120 bytes
# each, 16 MB when the whole internet comes at once. Beyond that the oldest generation's counts are forgotten early:
# letting too much through beats refusing everyone.
GENERATION = 65_536
# From the right: requests, of which there are 16,000,000 at most; bytes, at most 2^23 and one request, below a bit that
# says that there were too many; the window's start.
_COUNT_BITS, _SIZE_BITS = 24, 25
_COUNT_MASK = (1 << _COUNT_BITS) - 1
_SIZE_MASK = (1 << _SIZE_BITS) - 1 << _COUNT_BITS
_EXCEEDED = 1 << _COUNT_BITS + _SIZE_BITS - 1
_START = _COUNT_BITS + _SIZE_BITS


class RateLimiter:
    """Counts by client, and clients of IPv6 by their /48 as well. A limit of 0 requests is no limit on bytes either.

    A key's requests, bytes and window's start share one integer, to stay small.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[int | str, int] = {}
        self._old: dict[int | str, int] = {}
        self._turn_at = 0

    def wait(self, clients: Sequence[Address], sizes: Iterable[int], now: int) -> list[int]:
        """Count requests of so many bytes at `now` (steady nanoseconds), those that are refused as well.

        0 admits one, else it is the seconds until its window ends.
        """
        if not self._limit:
            return [0] * len(clients)
        if now >= self._turn_at or len(self._young) >= GENERATION:
            self._turn(now)
        units = [size << _COUNT_BITS | 1 for size in sizes]
        waits = self._count([client.key for client in clients], units, 1, now)
        wide = [place for place, client in enumerate(clients) if client.wide]
        if wide:
            longer = self._count([clients[place].wide for place in wide], [units[place] for place in wide], WIDE, now)
            for place, seconds in zip(wide, longer, strict=True):
                waits[place] = max(waits[place], seconds)
        return waits

    def _count(self, keys: Sequence[int | str], units: Sequence[int], times: int, now: int) -> list[int]:
        """The seconds to wait, with so many times the usual limits."""
        young, old, ended, fresh = self._young, self._old, now - WINDOW, now << _START
        limit, budget = times * self._limit, times * BUDGET << _COUNT_BITS
        waits: list[int] = []
        for key, unit in zip(keys, units, strict=True):
            packed = young.get(key)
            if packed is None:
                packed = old.pop(key, None)
            if packed is None or packed >> _START <= ended:
                packed = fresh
            counted = packed + unit
            if counted & _COUNT_MASK <= limit and counted & _SIZE_MASK <= budget:
                young[key] = counted
                waits.append(0)
            else:
                # Nothing more is let in before the window ends: what else comes need not be added.
                young[key] = packed | _EXCEEDED
                waits.append(-((ended - (packed >> _START)) // 1_000_000_000))
        return waits

    def _turn(self, now: int) -> None:
        # No window outlives two turns, as turns are a window apart.
        self._old = self._young
        self._young = {}
        self._turn_at = now + WINDOW
