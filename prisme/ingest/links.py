"""File downloads and clicks on links that lead elsewhere."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest.event import ORIGIN_TOO, Event
from prisme.ingest.hit import Hit
from prisme.journal.record import DownloadLine, OutboundLine

# Hit, the link as it was sent, and whether the browser itself sent it (`ping`, or a link followed without script).
Read = Callable[[Hit, bytes, bool], Event | Refusal]


def file_download(hit: Hit, raw: bytes, by_browser: bool) -> Event | Refusal:
    """A download."""
    link = read_link(raw)
    if isinstance(link, Refusal):
        return link
    url = str(link)
    return Event(
        hit,
        lambda device, session: DownloadLine(device, session, hit.now, url),
        ORIGIN_TOO if by_browser else (),
    )


def outbound_link(hit: Hit, raw: bytes, by_browser: bool) -> Event | Refusal:
    """A click on a link to another host."""
    link = read_link(raw)
    if isinstance(link, Refusal):
        return link
    if link.domain == hit.page.domain:
        return refusal.LINK_INTERNAL
    url = str(link)
    return Event(
        hit,
        lambda device, session: OutboundLine(device, session, hit.now, url),
        ORIGIN_TOO if by_browser else (),
    )


def read_link(raw: bytes) -> Uri | Refusal:
    """The absolute http(s) URL that a link leads to."""
    if not raw:
        return refusal.LINK_MISSING
    link = parse(raw)
    return link if link is not None and link.is_web else refusal.LINK_INVALID
