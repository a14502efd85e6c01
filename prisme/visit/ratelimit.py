"""Limits the requests and bytes of a client to so many a minute: a fixed window from the client's first request."""

from collections.abc import Iterable, Sequence

from prisme.visit.address import Address

WINDOW = 60_000_000_000  # nanoseconds
# Bytes that a client may send in a window. A pageview has some 200, so that 60 of them never come near; the largest
# custom events, of 64 KiB, are 7.
BUDGET = 512 * 1024
# A customer of a provider may have a whole /48, which is 65,536 clients: together, they may send so many times as much.
WIDE = 16
# Two generations of at most this many keys, and the two of each request that comes in the same moment: some 120 bytes
# each, 16 MB when the whole internet comes at once. Beyond that the counts of the older generation are dropped early:
# to let too much through is better than to refuse everyone.
GENERATION = 65_536
# From the right: requests, with a bit above them that says that there were too many; bytes, with another; the window's
# start. Both begin at what is missing to their bit, so that one look at both bits is enough: requests are below 2^24 at
# most, and bytes below 2^24, one request's `_LARGEST` included.
_COUNT_BITS, _SIZE_BITS = 25, 25
_LARGEST = 1 << 17
_TOO_MANY = 1 << _COUNT_BITS - 1
_TOO_LARGE = 1 << _SIZE_BITS - 1
_EXCEEDED = _TOO_LARGE << _COUNT_BITS | _TOO_MANY
_START = _COUNT_BITS + _SIZE_BITS


class RateLimiter:
    """Counts by client, and clients of IPv6 by their /48 as well. A limit of 0 requests is no limit on bytes either.

    A key's requests, bytes and window's start share one integer, to stay small.
    """

    def __init__(self, limit: int) -> None:
        self._young: dict[int | str, int] = {}
        self._old: dict[int | str, int] = {}
        self._turn_at = 0
        self.set_limit(limit)

    def set_limit(self, limit: int) -> None:
        """Set the limit to this many requests, and reset the counts of all clients."""
        if WIDE * limit >= _TOO_MANY or WIDE * BUDGET + _LARGEST >= _TOO_LARGE:
            raise RuntimeError(f"a limit of {limit} requests, or its bytes, does not fit in the counters' bits")
        self._limit = limit
        # A count begins at what is missing to the limit.
        self._young.clear()
        self._old.clear()

    def retry_after(self, clients: Sequence[Address], sizes: Sequence[int], now: int) -> list[int]:
        """Count requests of so many bytes at `now` (steady nanoseconds), including those that are refused.

        Returns 0 for each that is admitted, else the seconds until its window ends.
        """
        if not self._limit:
            return [0] * len(clients)
        if now >= self._turn_at or len(self._young) >= GENERATION:
            self._turn(now)
        waits = self._count([client.key for client in clients], sizes, 1, now)
        wide = [place for place, client in enumerate(clients) if client.wide]
        if wide:
            keys = [clients[place].wide for place in wide]
            longer = self._count(keys, [sizes[place] for place in wide], WIDE, now)
            for place, seconds in zip(wide, longer, strict=True):
                waits[place] = max(waits[place], seconds)
        return waits

    def _count(self, keys: Iterable[int | str], sizes: Iterable[int], times: int, now: int) -> list[int]:
        """As `retry_after`, by key, with so many times the usual limits."""
        young, old, ended, exceeded = self._young, self._old, (now - WINDOW + 1) << _START, _EXCEEDED
        missing = (_TOO_LARGE - 1 - times * BUDGET) << _COUNT_BITS | _TOO_MANY - 1 - times * self._limit
        fresh = now << _START | missing
        waits: list[int] = []
        for key, size in zip(keys, sizes, strict=True):
            packed = young.get(key)
            if packed is None:
                packed = old.pop(key, fresh)
            if packed < ended:
                packed = fresh
            counted = packed + (size << _COUNT_BITS) + 1
            if counted & exceeded:
                # Nothing more is let in before the window ends: what else comes need not be added. Of the counts, only
                # the two bits stay, so that no sum of them and a request carries beyond the bits.
                start = packed >> _START
                young[key] = start << _START | exceeded
                waits.append(-((now - WINDOW - start) // 1_000_000_000))
            else:
                young[key] = counted
                waits.append(0)
        return waits

    def _turn(self, now: int) -> None:
        # No window outlives two turns, as turns are a window apart.
        self._old = self._young
        self._young = {}
        self._turn_at = now + WINDOW
