"""Client addresses, from the many ways in which proxies write them: a text for identity, keys for the rate limiter.

It does not decide whom to trust: `forwarded` and `rfc7239` are for headers that a trusted proxy wrote.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import msgspec

from prisme.base.memo import Memo


class Address(msgspec.Struct, frozen=True, gc=False):
    """A client: `text` is what identity hashes, `key` and `wide` what the rate limiter counts, `version` that of IP.

    `text` is canonical: no port, no zone, IPv4 in IPv6 (mapped, or by NAT64) unwrapped; `packed` is the same in network
    order. `key` is the number of an IPv4 address, or negative and one for each /64 of IPv6. `wide` is less than any key
    and one for each /48 of IPv6, else 0. What is no address has version 0 and is not packed: its text is as it came,
    its key the first 64 characters.
    """

    text: str
    key: int | str
    version: int
    packed: bytes = b""
    wide: int = 0


# ::ffff:0:0/96 is IPv4 on a socket for both; 64:ff9b::/96 is IPv4 behind NAT64 (RFC 6052), as phone networks have it.
_IPV4_IN_IPV6 = (bytes(10) + b"\xff\xff", b"\x00\x64\xff\x9b" + bytes(8))
_BELOW_KEYS = -1 - (1 << 64)

# A port can only follow IPv4, brackets, or all eight groups, as CloudFront writes it: 2001:db8::1:443 is an address.
_PORT = r"(?::[0-9]{0,5}+|:_[\w.-]{1,32}+)?"  # RFC 7239 lets proxies write a word with _ in its place
_WRITTEN = re.compile(
    r"[\s\"]*+(?:"
    rf"\[([0-9A-Fa-f:.]{{2,45}}+)(?:%[^]]*+)?\]{_PORT}"
    rf"|([0-9.]{{7,15}}+){_PORT}"
    r"|((?:[0-9A-Fa-f]{1,4}+:){7}[0-9A-Fa-f]{1,4}+):[0-9]{1,5}+"
    r"|([0-9A-Fa-f:.]{2,45}+)(?:%[^\s\"]*+)?"
    r")[\s\"]*+",
    re.ASCII,
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
    if packed.startswith(_IPV4_IN_IPV6):
        packed = packed[12:]
        return Address(inet_ntop(AF_INET, packed), int.from_bytes(packed), 4, packed)
    # A household or a phone has a whole /64: counting single addresses would limit nobody. Who rents a server often has
    # a /48, which is 65,536 of them.
    network = int.from_bytes(packed[:8])
    return Address(inet_ntop(AF_INET6, packed), -1 - network, 6, packed, _BELOW_KEYS - (network >> 16))


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


# What RFC 7239 calls a forwarded-element. Values may be unquoted where the standard wants quotes, and blanks may be
# around signs: proxies do so. A quote or backslash outside of a quoted value never is one.
_PAIR = r'([!#$%&\'*+.^_`|~\w-]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",;\\]*+))'
_MAYBE_PAIR = f"[ \t]*+(?:{_PAIR})?[ \t]*+"
_ELEMENT = re.compile(f"{_MAYBE_PAIR}(?:;{_MAYBE_PAIR})*+", re.ASCII)
_PAIRS = re.compile(_PAIR, re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
# An honest element has some 100 characters, and a comma only where a host or a word in quotes has one.
_ELEMENT_LENGTH = 1024
_ELEMENT_COMMAS = 8


def rfc7239(value: str, hops: int) -> Address | None:
    """As `forwarded`, of a `Forwarded` header's value (RFC 7239): the client is what `for=` says.

    An element without it is an unknown client; what is no element is taken as it stands.
    """
    # From the right, as a list of addresses is: what clients wrote stands on the left, and an open quote in it must not
    # swallow what the proxy added.
    rest, found = value, ""
    for _ in range(hops):
        rest, entry = _cut_element(rest.rstrip(", \t"))
        found = entry.strip(" \t") or found
    return _read(_node(found)) if found else None


def _cut_element(value: str) -> tuple[str, str]:
    """What is before the last element, and that: the shortest end behind a comma that is one."""
    start = len(value)
    for _ in range(_ELEMENT_COMMAS + 1):
        start = value.rfind(",", 0, start)
        if len(value) - start > _ELEMENT_LENGTH:
            break
        if _ELEMENT.fullmatch(value, start + 1):
            return value[: max(start, 0)], value[start + 1 :]
        if start < 0:
            break
    rest, _, entry = value.rpartition(",")
    return rest, entry


def _node(element: str) -> str:
    """Whom an element is about, without quotes."""
    if not _ELEMENT.fullmatch(element):
        return element
    # A `for=` within another value's quotes is part of that one's match.
    pairs = (pair.groups("") for pair in _PAIRS.finditer(element))
    node = next((_ESCAPED.sub(r"\1", quoted) or bare for name, quoted, bare in pairs if name.lower() == "for"), "")
    return node or "unknown"


def is_loopback(peer: str) -> bool:
    """Whether a socket's peer is this machine: 127.0.0.0/8, ::1, and the former in IPv6."""
    ip = _peer(peer)
    return ip is not None and ip.is_loopback


def is_private(peer: str) -> bool:
    """Whether a socket's peer is this machine, or on a private network: its address is not one of the internet's."""
    ip = _peer(peer)
    return ip is not None and not ip.is_global


@lru_cache(maxsize=16_384)
def mask(address: Address) -> str:
    """The first 24 bits of an IPv4 address, or 48 of IPv6, as a network; empty for what is no address."""
    return str(ip_network((address.text, 24 if address.version == 4 else 48), strict=False)) if address.version else ""


def _peer(text: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return (isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip
