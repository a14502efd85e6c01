"""Client addresses, from the many ways in which proxies write them: a text for identity, a key for the rate limiter.

It does not decide whom to trust: `forwarded` is for headers that a trusted proxy wrote.
"""

import re
from functools import lru_cache
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import msgspec

from prisme.base.memo import Memo


class Address(msgspec.Struct, frozen=True, gc=False):
    """A client: `text` is what identity hashes, `key` what the rate limiter counts, `version` that of IP.

    `text` is canonical: no port, no zone, IPv4 in IPv6 unmapped; `packed` is the same in network order. `key` is the
    number of an IPv4 address; negative, one for each /64, for IPv6. What is no address has version 0 and is not packed:
    its text is as it came, its key the first 64 characters.
    """

    text: str
    key: int | str
    version: int
    packed: bytes = b""


_MAPPED = bytes(10) + b"\xff\xff"

# A port can only follow IPv4 or brackets: without them 2001:db8::1:443 is an address of its own.
_WRITTEN = re.compile(
    r"[\s\"]*+(?:"
    r"\[([0-9A-Fa-f:.]{2,45}+)(?:%[^]]*+)?\](?::[0-9]{0,5}+)?"
    r"|([0-9.]{7,15}+)(?::[0-9]{0,5}+)?"
    r"|([0-9A-Fa-f:.]{2,45}+)(?:%[^\s\"]*+)?"
    r")[\s\"]*+"
)


def parse(text: str) -> Address:
    """The address in `text`, with or without port, brackets, quotes, blanks and %zone; it never fails."""
    # Clients come back page after page: a hit is 0.1 us, an address read anew 2 us. Only short input is kept, so that
    # 16,384 entries stay under 16 MB.
    return _known[text] if len(text) <= 64 else _read(text)


def _read(text: str) -> Address:
    bare = _read_bare(text)  # most are: the pattern takes as long again
    if bare is not None:
        return bare
    written = _WRITTEN.fullmatch(text)
    return (written and _read_bare(written[written.lastindex or 0])) or Address(text, text[:64], 0)


def _read_bare(text: str) -> Address | None:
    # The C library's functions take a sixth of `ipaddress`'s time, and no leading zeros: IPv4 is canonical as it is.
    try:
        if ":" not in text:
            packed = inet_pton(AF_INET, text)
            return Address(text, int.from_bytes(packed), 4, packed)
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):  # a NUL character is a ValueError
        return None
    if packed.startswith(_MAPPED):
        packed = packed[12:]
        return Address(inet_ntop(AF_INET, packed), int.from_bytes(packed), 4, packed)
    # A household or a phone has a whole /64: counting single addresses would limit nobody.
    return Address(inet_ntop(AF_INET6, packed), -1 - int.from_bytes(packed[:8]), 6, packed)


_known = Memo(_read, 16_384)


def forwarded(value: str, hops: int) -> Address | None:
    """The client in a comma-separated list of addresses, where the last `hops` (at least 1) entries are to be trusted.

    It is the one `hops` from the right, the leftmost of a shorter list, None of a list without entries. Empty entries
    do not count (RFC 9110, section 5.6.1).
    """
    rest, found = value, ""
    for _ in range(hops):
        rest, _, entry = rest.rstrip(", \t").rpartition(",")
        found = entry.strip(" \t") or found
    return _read(found) if found else None


@lru_cache(maxsize=16_384)
def mask(address: Address) -> str:
    """The first 24 bits of an IPv4 address, or 48 of IPv6, as a network; empty for what is no address."""
    return str(ip_network((address.text, 24 if address.version == 4 else 48), strict=False)) if address.version else ""
