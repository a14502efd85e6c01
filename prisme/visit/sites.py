"""The sites that are counted, and what a URL says of them: which site a page is on, as which path, from which campaign.

Two hosts may be one site (`aliases`). Every URL is read once for as long as it is remembered.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from prisme.base import refusal, uri
from prisme.base.events import NO_UTM, Utm
from prisme.base.memo import Memo
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri
from prisme.visit.origins import Hosts, Origins
from prisme.visit.utm import read_utm

# A hit is 0.1 us, a URL read for the first time 5. 8,192 entries of at most 256 bytes, whose paths may grow threefold
# by escaping, keep each of both caches under 16 MB.
_REMEMBERED: Final = 8192
_LONGEST: Final = 256
# What no page can be reached from: it says nothing of where a visitor came from.
_NOWHERE: Final = re.compile(rb" *(?:about|data|blob|file):", re.IGNORECASE)


class Rules(NamedTuple):
    """How pages are told apart; `aliases` are pairs of a host and the host whose site it belongs to."""

    aliases: Sequence[tuple[str, str]] = ()
    page_parameters: Sequence[str] = ()
    trailing_slash: Literal["keep", "drop"] = "keep"
    ignored_referrers: Sequence[str] = ()


class Page(msgspec.Struct, frozen=True, gc=False):
    """A page of a registered site. `domain` is the host, with its port where the URL has one."""

    host: str
    domain: str
    path: str
    utm: Utm


class Referrer(msgspec.Struct, frozen=True, gc=False):
    """Where a visitor came from. `path` as that of a page; `ignored` where it began no visit, such as a payment."""

    host: str
    path: str
    ignored: bool


class Sites:
    """By bytes as they were sent: `pages` are what URLs are of, or why not; `referrers` where document referrers lead.

    None is a referrer that says nothing. `admits` says whether the host of an `Origin`, or of any URL, is registered;
    that of `null` never is. Raises OriginError where an entry of a list of hosts is bad.
    """

    def __init__(self, origins: Origins, rules: Rules) -> None:
        self._origins = origins
        self._aliases: Mapping[str, str] = dict(rules.aliases)
        self._parameters = tuple(rules.page_parameters)
        self._drops_slash = rules.trailing_slash == "drop"
        self._ignored = Hosts(rules.ignored_referrers)
        self.pages = Memo(self._read_page, _REMEMBERED, _LONGEST)
        self.referrers = Memo(self._read_referrer, _REMEMBERED, _LONGEST)
        # A site has few origins, but anyone may send any: 1,024 entries of at most 256 bytes stay under 0.5 MB.
        self.admits = Memo(self._read_origin, 1024, _LONGEST)

    def canonical(self, host: str) -> str:
        """The host that stands for a site."""
        return self._aliases.get(host, host)

    def _read_origin(self, raw: bytes) -> bool:
        read = uri.parse(raw)
        return read is not None and read.is_web and self._holds(read.host)

    def _holds(self, host: str) -> bool:
        return self._origins.holds(host) or self._origins.holds(self.canonical(host))

    def _read_page(self, raw: bytes) -> Page | Refusal:
        if not raw:
            return refusal.PAGE_MISSING
        read = uri.parse(raw)
        if read is None or not read.is_web:
            return refusal.PAGE_INVALID
        if not self._holds(read.host):
            return refusal.PAGE_UNKNOWN
        host = self.canonical(read.host)
        utm = read_utm(read.query) if read.query else NO_UTM
        return Page(host, host + read.domain[len(read.host) :], self._path(read), utm)

    def _read_referrer(self, raw: bytes) -> Referrer | Refusal | None:
        if not raw or _NOWHERE.match(raw):
            return None
        read = uri.parse(raw)
        if read is None:
            return refusal.REFERRER_INVALID
        host = self.canonical(read.host)
        return Referrer(host, self._path(read), self._ignored.hold(host))

    def _path(self, page: Uri) -> str:
        """The path that tells a page from others of its site."""
        path = page.path
        if self._drops_slash and len(path) > 1:
            path = path.removesuffix("/")
        if not (self._parameters and page.query):
            return path
        given: dict[str, str] = {}
        for pair in page.query.split("&"):
            name, equals, value = pair.partition("=")
            given.setdefault(unquote(name), f"{equals}{uri.normalise_value(value)}")
        told = "&".join(f"{name}{given[name]}" for name in self._parameters if name in given)
        return f"{path}?{told}" if told else path
