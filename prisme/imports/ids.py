"""The ids of imported visits, and of their visitors: the same whenever the same data are read."""

from hashlib import blake2b
from typing import Final

from prisme.visit.sessions import new_id

_NOISE_BITS: Final = 62


def visit_id(entry: int, *parts: str) -> str:
    """A UUIDv7 with the time of a visit's entry (microseconds), the same for the same parts; never give an address."""
    return new_id(entry, _hash(parts) >> (64 - _NOISE_BITS))


def visitor_id_of_day(*parts: str) -> str:
    """An anonymous id of a visitor of one site and one day (UTC), the same for the same parts; never give an address.

    It looks like those that Prisme generates, which nobody has on another day.
    """
    return f"prisme_{_hash(parts):016X}"


def visitor_id(*parts: str) -> str:
    """An anonymous id of a visitor who may come back, the same for the same parts; never give an address."""
    return f"anon_{_hash(parts):016X}"


def _hash(parts: tuple[str, ...]) -> int:
    """64 bits of BLAKE2b (RFC 7693); in the `repr` of a tuple, no two sequences of texts look alike."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big")
