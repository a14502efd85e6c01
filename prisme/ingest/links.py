"""File downloads and clicks on links that lead elsewhere."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest.event import ORIGIN_TOO, Recorded, events
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.journal.record import DownloadLine, OutboundLine

# Hit, the link as it was sent, and whether the browser itself sent it (`ping`, or a link followed without script).
Record = Callable[[Hit, bytes, bool], Recorded]


def file_downloads(services: Services) -> Record:
    """The function that records one download."""
    record = events(services)

    def record_download(hit: Hit, raw: bytes, by_browser: bool) -> Recorded:
        link = read_link(raw)
        if isinstance(link, Refusal):
            return link
        url = str(link)
        return record(
            hit,
            lambda device, session: DownloadLine(device, session, hit.now, url),
            ORIGIN_TOO if by_browser else (),
        )

    return record_download


def outbound_links(services: Services) -> Record:
    """The function that records one click on a link to another host."""
    record = events(services)

    def record_click(hit: Hit, raw: bytes, by_browser: bool) -> Recorded:
        link = read_link(raw)
        if isinstance(link, Refusal):
            return link
        if link.domain == hit.page.domain:
            return refusal.LINK_INTERNAL
        url = str(link)
        return record(
            hit,
            lambda device, session: OutboundLine(device, session, hit.now, url),
            ORIGIN_TOO if by_browser else (),
        )

    return record_click


def read_link(raw: bytes) -> Uri | Refusal:
    """The absolute http(s) URL that a link leads to."""
    if not raw:
        return refusal.LINK_MISSING
    link = parse(raw)
    return link if link is not None and link.is_web else refusal.LINK_INVALID
