"""What a request says, read once: wanted headers and search parameters by slot, the body, and the client's address.

Values stay bytes as they came; nothing is judged here but lengths.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from itertools import takewhile
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from prisme.base import refusal
from prisme.base.memo import Memo
from prisme.base.refusal import Refusal
from prisme.base.uuids import uuid4s
from prisme.visit import address
from prisme.visit.address import Address

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Slots = list[bytes]
Pairs = list[tuple[bytes, bytes]]

MAX_BODY = 65_536
# Packets of the network have some 1,400 bytes, so honest bodies have 50. Each piece costs some 30 us: a body of 65,536
# chunks of a byte would take 2 s of everybody's time.
MAX_PIECES = 1024
BODY_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# A URL of 8,192 bytes with each byte percent-encoded is 24,576; two of them do not come from a browser.
MAX_QUERY = 32_768
MAX_NAME = 256
MAX_REQUEST_ID = 128
_IDS = 256  # made at a time

# A slot for each value that a request may bring, whichever way it brings it.
(
    ORIGIN,
    PAGE,
    REFERER,
    DOCUMENT_REFERRER,
    VISITOR_ID,
    PING_FROM,
    LINK,
    STATUS,
    USER_AGENT,
    PLATFORM,
    MODEL,
    MOBILE,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    FORWARDED,
    REQUEST_ID,
    REQUESTED_HEADERS,
    OTHER_FORWARDED,
) = range(18)
# Those that may be stored, as far as they are headers.
STORED = slice(PAGE, LINK + 1)
# Client hints.
HINTS = slice(PLATFORM, MOBILE + 1)
_EMPTY: Slots = [b""] * 18

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
    b"sec-ch-ua-mobile": MOBILE,
    b"ping-from": PING_FROM,
    b"ping-to": LINK,
    b"content-type": CONTENT_TYPE,
    b"content-length": CONTENT_LENGTH,
    b"access-control-request-headers": REQUESTED_HEADERS,
}
# What a noscript request says in its query instead, and what says something of a body.
IN_QUERY = frozenset(
    {
        b"x-prisme-referrer",
        b"x-prisme-document-referrer",
        b"x-prisme-visitor-id",
        b"x-prisme-status",
        b"ping-from",
        b"ping-to",
    }
)
OF_BODY = frozenset({b"content-type", b"content-length", b"ping-from", b"ping-to"})
_PARAMETERS = {
    b"referrer": PAGE,
    b"document-referrer": DOCUMENT_REFERRER,
    b"visitor-id": VISITOR_ID,
    b"status": STATUS,
    b"url": LINK,
}
_PROPERTY = b"prop-"
# Where proxies write whom they answer for, mostly; the option `proxy_header` names one, or another.
_FORWARDING = ("X-Forwarded-For", "Forwarded")

Scan = Callable[[Scope], Slots]


Trust = Literal["auto", "true", "false"]


class Proxy:
    """Which headers of a reverse proxy count: those of connections from this machine (`auto`), of all, or of none.

    `unread` says in a sentence what is wrong, once a proxy seems to be there whose headers are not read; `warn` gets
    the same, once.
    """

    def __init__(
        self,
        trust: Trust,
        header: str,
        hops: int,
        request_id_header: str,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.unread: str | None = None
        self._warn = warn
        self._header = header
        self._hops = hops
        self._ids: list[str] = []
        others = [name for name in _FORWARDING if name.lower() != header.lower()]
        self._slots = {name.lower().encode(): OTHER_FORWARDED for name in others} | {
            request_id_header.lower().encode(): REQUEST_ID,
            header.lower().encode(): FORWARDED,
        }
        self._forwarded = address.rfc7239 if header.lower() == "forwarded" else address.forwarded
        self._always = trust == "true"
        # A proxy has one address, or a few. Without one, clients' are here: 1,024 of at most 45 characters.
        self._trusted: Memo[str, bool] = Memo(lambda peer: trust == "auto" and address.is_loopback(peer), 1024)
        self._scan = self.scanner()
        # As many clients as `address` remembers, by the header as it came: 0.3 us in place of 2, or 5 for `Forwarded`.
        # With at most 128 bytes each they stay under 10 MB.
        self._known = Memo(self._read_forwarded, 16_384, 128)

    def scanner(self, without: Collection[bytes] = ()) -> Scan:
        """The function that sorts a request's headers into slots, but for those that an endpoint does not want.

        A header that comes twice is one comma-separated value, as RFC 9110, section 5.3, has it.
        """
        wanted = {name: slot for name, slot in _HEADERS.items() if name not in without}
        slot_of = (wanted | self._slots).get

        def scan(scope: Scope) -> Slots:
            found = _EMPTY.copy()
            for name, value in scope["headers"]:
                slot = slot_of(name)
                if slot is not None:
                    found[slot] = found[slot] + b", " + value if found[slot] else value
            return found

        return scan

    def client(self, scope: Scope) -> Address:
        """The client's address: the socket's peer, or what a trusted proxy says of it. The scope keeps it."""
        known: Address | None = scope.get("address")
        return known or self.clients([scope])[0]

    def clients(self, scopes: Iterable[Scope]) -> list[Address]:
        """As `client`, of requests whose client was not asked for yet."""
        clients: list[Address] = []
        always, trusted, forwarded = self._always, self._trusted, self._known
        for scope in scopes:
            found, known = scope.get("slots") or self._scan(scope), None
            told, given = found[FORWARDED], found[REQUEST_ID]
            if (told or given) and (always or trusted[scope["client"][0]]):
                if given:
                    scope["request_id"] = given[:MAX_REQUEST_ID].decode("latin-1")
                known = forwarded[told]
            if known is None:
                peer = scope["client"][0]
                known = address.parse(peer)
                if self.unread is None and (told or found[OTHER_FORWARDED]):
                    self._look(peer, bool(told))
            scope["address"] = known
            clients.append(known)
        return clients

    def trusts(self, scope: Scope) -> bool:
        """Whether headers of this request are the proxy's word."""
        return self._always or self._trusted[scope["client"][0]]

    def _read_forwarded(self, told: bytes) -> Address | None:
        return self._forwarded(told.decode("latin-1"), self._hops)

    def _look(self, peer: str, told: bool) -> None:
        """Note what is wrong where a request has forwarding headers, and its client is its peer nevertheless.

        Anyone on the internet may send such headers; on a private network, a proxy does.
        """
        if not address.is_private(peer):
            return
        if not (self._always or self._trusted[peer]):
            safe = "auto" if address.is_loopback(peer) else "true, where nobody but the proxy reaches this port"
            self.unread = (
                "Requests come through a proxy whose headers are not read, so that all visitors seem to have its "
                f"address: set trust_proxy to {safe}."
            )
        elif not told:
            self.unread = (
                f"Requests come through a proxy that does not send {self._header}, so that all visitors seem to have "
                "its address: set proxy_header to the header that it sends, such as Forwarded or X-Forwarded-For."
            )
        if self.unread is not None:
            self._warn(self.unread)

    def request_id(self, scope: Scope) -> str:
        """The id that a trusted proxy gave the request, else a new UUIDv4; the same one when asked again."""
        known: str | None = scope.get("request_id")
        if known is None:
            if "address" not in scope:
                self.client(scope)  # which reads the header, where it is trusted
            known = scope["request_id"] = scope.get("request_id") or self.new_id()
        return known

    def new_id(self) -> str:
        """A UUIDv4. In any thread: `pop` gives each id once."""
        while True:
            try:
                return self._ids.pop()
            except IndexError:
                self._ids += uuid4s(_IDS)


def read_parameters(query: bytes, found: Slots) -> Pairs:
    """Put a noscript request's search parameters into their slots, the last of each; gives the `prop-` ones."""
    properties: Pairs = []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        slot = _PARAMETERS.get(name)
        if slot is not None:
            found[slot] = _decode(value)
        elif name.startswith(_PROPERTY):
            properties.append((_decode(name[len(_PROPERTY) :]), _decode(value)))
    return properties


class Body:
    """A body on its way, of so many bytes by its Content-Length: in the end it is `whole`, or `refused`.

    `next` is for the server: the future of the next piece.
    """

    __slots__ = ("_length", "_pieces", "_read", "next", "refused", "whole")

    def __init__(self, length: bytes) -> None:
        self.whole: bytes | None = None
        self.refused: Refusal | None = None
        self.next: Any = None
        self._length, self._pieces, self._read = -1, 0, b""
        if not length:
            return
        if not length.isdigit() or len(length) > 5 or int(length) > MAX_BODY:
            self.refused = refusal.BODY_TOO_LONG
            return
        self._length = int(length)
        if self._length == 0:
            self.whole = b""

    @property
    def size(self) -> int:
        """Bytes that were received."""
        return len(self._read if self.whole is None else self.whole)

    def has_ended(self) -> bool:
        """Whether nothing more has to be received."""
        return self.whole is not None or self.refused is not None

    def take(self, message: dict[str, Any]) -> None:
        """One ASGI message.

        A body that has its length is whole: the server lets no more through (RFC 9112, section 6.3), and to be told so
        costs as much as to be given it.
        """
        if message["type"] != "http.request":
            self.refused = refusal.BODY_CUT
            return
        self._pieces += 1
        self._read = body = self._read + message["body"] if self._read else message["body"]
        if len(body) > MAX_BODY:
            self.refused = refusal.BODY_TOO_LONG
        elif not message["more_body"] or len(body) == self._length:
            self.whole = body
        elif self._pieces == MAX_PIECES:
            self.refused = refusal.BODY_IN_PIECES

    async def receive(self, receive: Receive) -> None:
        """All that is to come, for tasks."""
        while not self.has_ended():
            self.take(await receive())


async def read_body(receive: Receive, length: bytes) -> bytes | Refusal:
    """The whole body, unless it is refused."""
    body = Body(length)
    await body.receive(receive)
    return body.refused or body.whole or b""


class Patience:
    """Calls what was not stopped in `BODY_SECONDS`, or a little more.

    One timer for all costs each 0.3 us; one for each would cost 5.
    """

    def __init__(self) -> None:
        self._since: dict[Callable[[], object], float] = {}  # the oldest first
        self._watched = False

    def start(self, give_up: Callable[[], object]) -> None:
        """Call it some day, unless it is stopped."""
        loop = asyncio.get_running_loop()
        self._since[give_up] = loop.time()
        if not self._watched:
            self._watched = True
            loop.call_later(_LOOK_SECONDS, self._look, loop)

    def stop(self, give_up: Callable[[], object]) -> bool:
        """Do not call it; false where it was called."""
        return self._since.pop(give_up, None) is not None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.time() - BODY_SECONDS
        late = list(takewhile(lambda give_up: self._since[give_up] < before, self._since))
        for give_up in late:
            del self._since[give_up]
            give_up()
        self._watched = bool(self._since)
        if self._watched:
            loop.call_later(_LOOK_SECONDS, self._look, loop)


class Bodies:
    """Reads bodies with patience, for tasks; who sends more slowly is refused."""

    def __init__(self) -> None:
        self._patience = Patience()

    async def read(self, receive: Receive, length: bytes) -> bytes | Refusal:
        """As `read_body`, with an end."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task")
        self._patience.start(task.cancel)
        try:
            return await read_body(receive, length)
        except asyncio.CancelledError:
            if self._patience.stop(task.cancel) or task.uncancel():
                raise
            return refusal.BODY_LATE
        finally:
            self._patience.stop(task.cancel)


def read_name(segment: bytes) -> str | None:
    """A path segment, percent-decoded; None where it is empty, too long, or not UTF-8."""
    decoded = unquote_to_bytes(segment) if b"%" in segment else segment
    if not 0 < len(decoded) <= MAX_NAME:
        return None
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return None


def _decode(value: bytes) -> bytes:
    if b"+" in value:
        value = value.replace(b"+", b" ")
    return unquote_to_bytes(value) if b"%" in value else value
