"""File downloads and clicks on links that lead elsewhere."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse
from prisme.ingest.action import Action
from prisme.ingest.hit import Hit
from prisme.journal.record import DownloadLine, OutboundLine
from prisme.visit.sites import Sites

# Hit, and the link as it was sent.
Read = Callable[[Hit, bytes], Action | Refusal]

# Parameters that let whoever has the URL in, as storage services and applications name them. A query that has one is
# dropped whole: the others are often a part of what was signed.
_NAMES: Final = re.compile(r"(?:^|[&;?#])([^=&;?#]++)=")
_SECRET: Final = re.compile(
    r"x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|key-pair-id|auth|pass|pwd|sid|expires|expiry|code|otp|ticket|hdnts|"
    r"hdnea|session|(?:auth|rl|access|resource|private)key|.*(?:token|secret|passw|signature|apikey|sessionid|sessid|jwt).*|"
    r"(?:.*[-_.])?(?:key|sig|hmac|expires)",
    re.IGNORECASE | re.DOTALL,
)


def file_download(hit: Hit, raw: bytes) -> Action | Refusal:
    """A download."""
    link = read_link(raw)
    if isinstance(link, Refusal):
        return link
    url = show(link)
    return Action(hit, lambda device, session, path: DownloadLine(device, session, path, url))


def outbound_link(sites: Sites) -> Read:
    """Reads a click on a link to another site."""

    def read(hit: Hit, raw: bytes) -> Action | Refusal:
        link = read_link(raw)
        if isinstance(link, Refusal):
            return link
        if sites.canonical(link.host) == hit.page.host:
            return refusal.LINK_INTERNAL
        url = show(link)
        return Action(hit, lambda device, session, path: OutboundLine(device, session, path, url))

    return read


def read_link(raw: bytes) -> Uri | Refusal:
    """The absolute http(s) URL that a link leads to."""
    if not raw:
        return refusal.LINK_MISSING
    link = parse(raw)
    return link if link is not None and link.is_web else refusal.LINK_INVALID


def show(link: Uri) -> str:
    """A link as it is stored: without its query, where that looks like a key to the file."""
    url = str(link)
    return url.partition("?")[0] if link.query and _has_secret(link.query) else url


def _has_secret(query: str) -> bool:
    """Whether a parameter is named like a secret, or one of a URL that is a parameter's value."""
    # One name after the other: a search for all at once would take quadratic time.
    return any(_SECRET.fullmatch(name) for name in _NAMES.findall(unquote(query)))
