"""One request: what the server knows of it, from its arrival until it is counted, and which headers are read.

Values stay bytes as they came; nothing is judged here but lengths.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from prisme.base.memo import Memo
from prisme.base.refusal import Refusal
from prisme.base.uuids import uuid4s
from prisme.visit import address
from prisme.visit.address import Address
from prisme.web.body import Body
from prisme.web.quota import NOBODY, Sender

if TYPE_CHECKING:
    from prisme.web.routing import Target

Receive = Callable[[], Awaitable[dict[str, Any]]]
Slots = list[bytes]
Pairs = list[tuple[bytes, bytes]]

MAX_REQUEST_ID = 128
# A URL of 8,192 bytes with each byte percent-encoded is 24,576; two of them do not come from a browser.
MAX_QUERY = 32_768
_IDS = 256  # generated at a time
# As many clients as `address` caches, by the header as it came: 0.3 us in place of 2, or 5 for `Forwarded`. With at
# most 128 bytes each they stay under 10 MB.
_MOST_CACHED = 16_384
_LONGEST_CACHED = 128

# A slot for each value that a request may carry, whether in a header or in its query.
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
# Headers whose values may be stored.
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
# The usual forwarding headers of proxies; the option `proxy_header` names one of them, or another.
_FORWARDING = ("X-Forwarded-For", "Forwarded")

Trust = Literal["auto", "true", "false"]


async def _nothing_to_receive() -> dict[str, Any]:
    raise RuntimeError("the server receives this request's body")


class Request(msgspec.Struct, gc=False):
    """A request. The first seven fields are as the server received them; the router and the endpoints add the rest.

    `path` and `query` are not percent-decoded, `received_at` is in steady nanoseconds, `name` is the path's last
    segment where the route takes one. `slots` are the headers and parameters that an event endpoint reads, `properties`
    the `prop-` parameters of its query, `origin` its `Origin` header. `refusal` is why the request was turned down,
    `sender` is whose limits it counts for.

    `gc=False`: of what it refers to, only a body that is still awaited refers back, until it has ended.
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    peer: str
    scheme: str
    received_at: int
    proxy: "Proxy"
    receive: Receive = _nothing_to_receive
    target: "Target" = None  # type: ignore[assignment]  # until the application has read it
    name: str = ""
    slots: Slots = ()  # type: ignore[assignment]  # as above
    body: Body | None = None
    properties: Sequence[tuple[bytes, bytes]] = ()
    origin: bytes = b""
    address: Address | None = None
    given_id: str = ""
    refusal: Refusal | None = None
    sender: Sender = NOBODY

    @property
    def client(self) -> Address:
        """The client's address: the socket's peer, or the address that a trusted proxy names."""
        return self.address or self.proxy.clients([self])[0]

    @property
    def id(self) -> str:
        """The id that a trusted proxy gave the request, else a UUIDv4; always the same one."""
        if self.address is None:
            self.proxy.clients([self])  # reads the header
        if not self.given_id:
            self.given_id = self.proxy.new_id()
        return self.given_id

    @property
    def has_trusted_headers(self) -> bool:
        """Whether forwarding headers of this request are a trusted proxy's."""
        return self.proxy.trusts(self.peer)


Scan = Callable[[Request], Slots]


class Proxy:
    """Which headers of a reverse proxy are trusted: on connections from this machine (`auto`), on all, or on none.

    `unread` is a sentence on what is misconfigured, once a proxy seems to be there whose headers are not read; `warn`
    is called with it once.
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
        others = [name for name in _FORWARDING if name.lower() != header.lower()]
        self._slots = {name.lower().encode(): OTHER_FORWARDED for name in others} | {
            request_id_header.lower().encode(): REQUEST_ID,
            header.lower().encode(): FORWARDED,
        }
        self._parse = address.rfc7239 if header.lower() == "forwarded" else address.forwarded
        self._known: dict[bytes, Address] = {}
        self.trust(trust, hops)
        self._scan = self.scanner()
        # Returns a UUIDv4. For any thread: at worst, some ids are never used.
        self.new_id: Callable[[], str] = partial(next, chain.from_iterable(map(uuid4s, repeat(_IDS))))

    def trust(self, trust: Trust, hops: int) -> None:
        """Trust the headers so from now on."""
        self.unread = None
        self._hops = hops
        self._always = trust == "true"
        # A proxy has one address, or a few. Without one, clients' are here: 1,024 of at most 45 characters.
        self._trusted: Memo[str, bool] = Memo(lambda peer: trust == "auto" and address.is_loopback(peer), 1024)
        self._known.clear()

    def scanner(self, without: Collection[bytes] = ()) -> Scan:
        """A function that sorts a request's headers into slots, except those in `without`.

        The values of a header that comes twice are joined with a comma (RFC 9110, section 5.3).
        """
        wanted = {name: slot for name, slot in _HEADERS.items() if name not in without}
        slot_of = (wanted | self._slots).get

        def scan(request: Request) -> Slots:
            found = _EMPTY.copy()
            for name, value in request.headers:
                slot = slot_of(name)
                if slot is not None:
                    found[slot] = found[slot] + b", " + value if found[slot] else value
            return found

        return scan

    def clients(self, requests: Iterable[Request]) -> list[Address]:
        """Set the `address` of requests whose client is not known yet, and the id that a trusted proxy gave them."""
        clients: list[Address] = []
        always, trusted, cached = self._always, self._trusted, self._known.get
        for request in requests:
            found, known = request.slots or self._scan(request), None
            header, given = found[FORWARDED], found[REQUEST_ID]
            if (header or given) and (always or trusted[request.peer]):
                if given:
                    request.given_id = given[:MAX_REQUEST_ID].decode("latin-1")
                known = cached(header) or self._read_forwarded(header)
            if known is None:
                known = address.parse(request.peer)
                if self.unread is None and (header or found[OTHER_FORWARDED]):
                    self._check(request.peer, bool(header))
            request.address = known
            clients.append(known)
        return clients

    def trusts(self, peer: str) -> bool:
        """Whether forwarding headers on connections from this peer count."""
        return self._always or self._trusted[peer]

    def _read_forwarded(self, header: bytes) -> Address | None:
        client = self._parse(header.decode("latin-1"), self._hops)
        if client is not None and len(header) <= _LONGEST_CACHED:
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            self._known[header] = client
        return client

    def _check(self, peer: str, has_header: bool) -> None:
        """Find out what is misconfigured where a request has forwarding headers but its peer is taken for its client.

        Anyone on the internet may send such headers; on a private network, a proxy does.
        """
        if not address.is_private(peer):
            return
        if not self.trusts(peer):
            safe = "auto" if address.is_loopback(peer) else "true, where nobody but the proxy reaches this port"
            self.unread = (
                "Requests come through a proxy whose headers are not read, so that all visitors seem to have its "
                f"address: set trust_proxy to {safe}."
            )
        elif not has_header:
            self.unread = (
                f"Requests come through a proxy that does not send {self._header}, so that all visitors seem to have "
                "its address: set proxy_header to the header that it sends, such as Forwarded or X-Forwarded-For."
            )
        if self.unread is not None:
            self._warn(self.unread)
