"""What a request says, read once: wanted headers and search parameters by slot, and the client's address.

Values stay bytes as they came; nothing is judged here.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from prisme.visit import address
from prisme.visit.address import Address

Scope = dict[str, Any]
Slots = list[bytes]

# A slot for each value that a request may bring, whichever way it brings it.
(
    ORIGIN,
    PAGE,
    REFERER,
    DOCUMENT_REFERRER,
    VISITOR_ID,
    STATUS,
    USER_AGENT,
    PLATFORM,
    MODEL,
    FORWARDED,
    REQUEST_ID,
) = range(11)
_EMPTY: Slots = [b""] * 11

_HEADERS = {
    b"origin": ORIGIN,
    b"x-prisme-referrer": PAGE,
    b"referer": REFERER,
    b"x-prisme-document-referrer": DOCUMENT_REFERRER,
    b"x-prisme-visitor-id": VISITOR_ID,
    b"x-prisme-status": STATUS,
    b"user-agent": USER_AGENT,
    b"sec-ch-ua-platform": PLATFORM,
    b"sec-ch-ua-model": MODEL,
}
# What a noscript request says in its query instead.
_INSTEAD = {b"x-prisme-referrer", b"x-prisme-document-referrer", b"x-prisme-visitor-id", b"x-prisme-status"}
_PARAMETERS = {
    b"referrer": PAGE,
    b"document-referrer": DOCUMENT_REFERRER,
    b"visitor-id": VISITOR_ID,
    b"status": STATUS,
}

Scan = Callable[[Iterable[tuple[bytes, bytes]]], Slots]


class Proxy:
    """Which headers of a trusted reverse proxy count; without trust, none does."""

    def __init__(self, trusted: bool, header: str, hops: int, request_id_header: str) -> None:
        self.trusted = trusted
        self.hops = hops
        self._slots = (
            {header.lower().encode(): FORWARDED, request_id_header.lower().encode(): REQUEST_ID} if trusted else {}
        )

    def scanner(self, noscript: bool = False) -> Scan:
        """The function that sorts a request's headers into slots.

        A header that comes twice is one comma-separated value, as RFC 9110, section 5.3, has it.
        """
        wanted = {name: slot for name, slot in _HEADERS.items() if not (noscript and name in _INSTEAD)}
        slot_of = (wanted | self._slots).get

        def scan(headers: Iterable[tuple[bytes, bytes]]) -> Slots:
            found = _EMPTY.copy()
            for name, value in headers:
                slot = slot_of(name)
                if slot is not None:
                    found[slot] = found[slot] + b", " + value if found[slot] else value
            return found

        return scan

    def client(self, peer: str, forwarded: bytes) -> Address:
        """The client's address: the socket's peer, or what a trusted proxy says of it."""
        if forwarded:
            told = address.forwarded(forwarded.decode("latin-1"), self.hops)
            if told is not None:
                return told
        return address.parse(peer)


def read_parameters(query: bytes, found: Slots) -> None:
    """Put a noscript request's search parameters into their slots; the last of a repeated one counts."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        slot = _PARAMETERS.get(name)
        if slot is not None:
            found[slot] = unquote_to_bytes(value.replace(b"+", b" ")) if b"%" in value or b"+" in value else value
