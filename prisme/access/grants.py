"""Grants: what an account, API token or share link may do. How a request is authenticated is not part of this."""

from collections.abc import Iterable
from typing import Final

import msgspec

from prisme.base import uri
from prisme.base.domains import intersect, is_wildcard
from prisme.base.errors import InputError

# The scopes to read figures, to write notes on charts, to read all tables with SQL, to read the list of sites, and to
# manage accounts, tokens and share links.
STATS: Final = "stats"
ANNOTATE: Final = "annotate"
QUERY: Final = "query"
SITES: Final = "sites"
ADMIN: Final = "admin"
SCOPES: Final = (STATS, ANNOTATE, QUERY, SITES, ADMIN)
# Each is a condition of its own in queries: 100 are planned in a few milliseconds.
_MAX_WILDCARDS: Final = 100


class AccessError(InputError):
    """A change that is not possible; the message is for the person who requested it."""


class NotFoundError(AccessError):
    """The account, token or share link to be changed does not exist."""


class Grant(msgspec.Struct, frozen=True):
    """`actor` names its holder in the audit log; `account` owns the tokens that the holder creates, empty for none.

    `domains` are entries as of `prisme/base/domains.py`, and None for all domains, including future ones.
    """

    actor: str
    account: str
    scopes: frozenset[str]
    domains: tuple[str, ...] | None

    @property
    def is_login(self) -> bool:
        """Whether it is that of a person who is logged in, not of a token, a link or the command line."""
        return bool(self.account) and self.actor == f"user:{self.account}"

    @property
    def may_query(self) -> bool:
        """Whether its holder may ask in SQL, which sees the rows of all sites."""
        return QUERY in self.scopes and self.domains is None

    def narrow(self, scopes: Iterable[str], domains: tuple[str, ...] | None) -> "Grant":
        """The grant reduced to the given scopes and domains; `domains` None does not reduce it."""
        common = self.domains if domains is None else domains
        if domains is not None and self.domains is not None:
            common = intersect(domains, self.domains)
        return msgspec.structs.replace(self, scopes=self.scopes & frozenset(scopes), domains=common)


def operator(name: str) -> Grant:
    """The grant of the command line: everything, as its user owns the data folder. `name` is the system's user."""
    return Grant(f"cli:{name}", "", frozenset(SCOPES), None)


def parse_domains(texts: Iterable[str]) -> tuple[str, ...]:
    """Domains as `parse_domain` reads them, sorted. Raises AccessError for the first that is invalid."""
    domains = tuple(sorted({parse_domain(text) for text in texts}))
    if sum(map(is_wildcard, domains)) > _MAX_WILDCARDS:
        raise AccessError(
            "at most {most} domains may start with *.: name a domain that more sites share", most=_MAX_WILDCARDS
        )
    return domains


def parse_domain(text: str) -> str:
    """A host, with its port if it has one, in the form that pageviews have; `*.` before it stands for its subdomains.

    Raises AccessError if it is invalid.
    """
    name = text.strip().removeprefix("*.")
    url = uri.parse(b"http://" + name.encode("utf-8", "surrogatepass"))
    if url is None or any(mark in name for mark in "/?#@*"):
        raise AccessError(
            "{text!r} is not a domain: write a host, such as example.com or localhost:8080, "
            "or *.example.com for all its subdomains",
            text=text[:128],
        )
    return f"*.{_check_parent(text.strip(), url)}" if text.strip().startswith("*.") else url.domain


def _check_parent(text: str, url: uri.Uri) -> str:
    """The host after a wildcard. Raises AccessError if it has no subdomains, or too many owners."""
    if url.domain != url.host:
        raise AccessError(
            "{text!r} has a port: write *.{host}, which includes every port", text=text[:128], host=url.host
        )
    if url.host.startswith("[") or url.host.rpartition(".")[2].isdigit():
        raise AccessError("{text!r} has a wildcard before an address: write {host}", text=text[:128], host=url.host)
    if "." not in url.host:
        raise AccessError(
            "{text!r} has a wildcard over a single label: write a domain, as in *.example.com", text=text[:128]
        )
    return url.host
