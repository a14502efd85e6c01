"""Reads URLs by the rules of the registered sites: a page's site, path, campaign and click id; a referrer's host.

Two hosts may be one site (`aliases`). What a URL reads as is cached.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from prisme.base import refusal, uri
from prisme.base.events import NO_UTM, Utm
from prisme.base.memo import UrlMemo
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri
from prisme.visit.click_ids import find_click_id
from prisme.visit.origins import Hosts
from prisme.visit.utm import parse_utm

# A cache hit takes 0.1 us, of a URL with a query 1 us; a new URL 5 us. 8,192 entries of at most 256 bytes, whose paths
# may grow threefold by escaping, keep each of the two caches under 16 MB.
_CACHED: Final = 8192
_LONGEST: Final = 256
# Schemes of documents that are no place on the web: such a referrer counts as absent.
_NO_REFERRER: Final = re.compile(rb" *(?:about|data|blob|file):", re.IGNORECASE)


class Rules(NamedTuple):
    """Options of how URLs are read; `aliases` are pairs of a host and the host of the site that it belongs to."""

    aliases: Sequence[tuple[str, str]] = ()
    page_parameters: Sequence[str] = ()
    trailing_slash: Literal["keep", "drop"] = "keep"
    ignored_referrers: Sequence[str] = ()


class Page(msgspec.Struct, frozen=True, gc=False):
    """A page of a registered site; `domain` is the host, with the port where the URL has one.

    `click_id` is the name of the click id in its URL, empty without one.
    """

    host: str
    domain: str
    path: str
    utm: Utm
    click_id: str = ""


class Referrer(msgspec.Struct, frozen=True, gc=False):
    """Where a visitor came from; `ignored` is true for a host that is never a source, such as a payment provider."""

    host: str
    path: str
    ignored: bool


class Sites:
    """Three caches by URL, as its bytes were sent; of a URL with a query, they have a hash.

    `pages` gives the page of a URL, or the refusal of it. `referrers` gives a document referrer, None where it is
    absent, or the refusal of it. `admits` gives whether the host of a URL or of an `Origin` header is registered, which
    that of `null` never is.
    """

    def __init__(self, origins: Hosts, rules: Rules) -> None:
        self._origins = origins
        self._aliases: Mapping[str, str] = dict(rules.aliases)
        self._follow(rules)
        self.pages = UrlMemo(self._read_page, _CACHED, _LONGEST)
        self.referrers = UrlMemo(self._read_referrer, _CACHED, _LONGEST)
        # A site has few origins, but anyone can send others: 1,024 entries of at most 256 bytes stay under 0.5 MB.
        self.admits = UrlMemo(self._admits, 1024, _LONGEST)

    def replace(self, origins: Hosts, aliases: Mapping[str, str]) -> None:
        """Read URLs by another registry from now on; for the thread that reads them."""
        self._origins = origins
        self._aliases = aliases
        self._forget()

    def set_rules(self, rules: Rules) -> None:
        """Read URLs by other rules from now on, but for the aliases, which come with the registry."""
        self._follow(rules)
        self._forget()

    def _follow(self, rules: Rules) -> None:
        self._parameters = tuple(rules.page_parameters)
        self._drops_slash = rules.trailing_slash == "drop"
        self._ignored = Hosts(rules.ignored_referrers)

    def _forget(self) -> None:
        for memo in (self.pages, self.referrers, self.admits):
            memo.clear()

    def canonical(self, host: str) -> str:
        """The host of the site that `host` belongs to: what it is an alias of, else itself."""
        return self._aliases.get(host, host)

    def _admits(self, raw: bytes) -> bool:
        url = uri.parse(raw)
        return url is not None and url.is_web and self.is_registered(url.host)

    def is_registered(self, host: str) -> bool:
        """Whether pages on `host`, normalised and without a port, are counted."""
        return host in self._origins or self.canonical(host) in self._origins

    def _read_page(self, raw: bytes) -> Page | Refusal:
        if not raw:
            return refusal.PAGE_MISSING
        url = uri.parse(raw)
        if url is None or not url.is_web:
            return refusal.PAGE_INVALID
        if not self.is_registered(url.host):
            return refusal.PAGE_UNKNOWN
        host = self.canonical(url.host)
        utm, click_id = (parse_utm(url.query), find_click_id(url.query)) if url.query else (NO_UTM, "")
        return Page(host, host + url.domain[len(url.host) :], self._path(url), utm, click_id)

    def _read_referrer(self, raw: bytes) -> Referrer | Refusal | None:
        if not raw or _NO_REFERRER.match(raw):
            return None
        url = uri.parse(raw)
        if url is None:
            return refusal.REFERRER_INVALID
        host = self.canonical(url.host)
        return Referrer(host, self._path(url), host in self._ignored)

    def _path(self, url: Uri) -> str:
        """The path of a page as it is counted, with those query parameters that name a page of its own."""
        path = url.path
        if self._drops_slash and len(path) > 1:
            path = path.removesuffix("/")
        if not (self._parameters and url.query):
            return path
        values: dict[str, str] = {}
        for pair in url.query.split("&"):
            name, equals, value = pair.partition("=")
            values.setdefault(unquote(name), f"{equals}{uri.normalise_value(value)}")
        query = "&".join(f"{name}{values[name]}" for name in self._parameters if name in values)
        return f"{path}?{query}" if query else path
