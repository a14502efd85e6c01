"""Downloads of files, and clicks on links to other sites."""

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

# From a hit and the URL as it was sent to the event, or to its refusal.
ReadLink = Callable[[Hit, bytes], Action | Refusal]

# Names that storage services and applications give to parameters that grant access to whoever has the URL. A query with
# one of them is dropped as a whole: its other parameters are often a part of what was signed.
_NAMES: Final = re.compile(r"(?:^|[&;?#])([^=&;?#]++)=")
_SECRET: Final = re.compile(
    r"x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|key-pair-id|auth|pass|pwd|sid|expires|expiry|code|otp|ticket|hdnts|"
    r"hdnea|session|(?:auth|rl|access|resource|private)key|.*(?:token|secret|passw|signature|apikey|sessionid|sessid|jwt).*|"
    r"(?:.*[-_.])?(?:key|sig|hmac|expires)",
    re.IGNORECASE | re.DOTALL,
)


def read_file_download(hit: Hit, raw: bytes) -> Action | Refusal:
    """The download of a file at a URL, or its refusal."""
    link = read_link(raw)
    if isinstance(link, Refusal):
        return link
    url = strip_secrets(link)
    return Action(hit, lambda device_hash, session, path: DownloadLine(device_hash, session, path, url))


def make_outbound_link_reader(sites: Sites) -> ReadLink:
    """The function that reads a click on a link to another site; a link within one site is refused."""

    def read(hit: Hit, raw: bytes) -> Action | Refusal:
        link = read_link(raw)
        if isinstance(link, Refusal):
            return link
        if sites.canonical(link.host) == hit.page.host:
            return refusal.LINK_INTERNAL
        url = strip_secrets(link)
        return Action(hit, lambda device_hash, session, path: OutboundLine(device_hash, session, path, url))

    return read


def read_link(raw: bytes) -> Uri | Refusal:
    """Parse the absolute http(s) URL of a link."""
    if not raw:
        return refusal.LINK_MISSING
    link = parse(raw)
    return link if link is not None and link.is_web else refusal.LINK_INVALID


def strip_secrets(link: Uri) -> str:
    """The URL as it is stored: without its query, where that may grant access to the file."""
    url = str(link)
    return url.partition("?")[0] if link.query and _has_secret(link.query) else url


def _has_secret(query: str) -> bool:
    """Whether a parameter has the name of a secret, also inside a URL that is a parameter's value."""
    # Each name on its own: one search over the whole query would take quadratic time.
    return any(_SECRET.fullmatch(name) for name in _NAMES.findall(unquote(query)))
