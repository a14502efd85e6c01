"""The list of sites as a server gives it to its ingestion nodes: the names of all sites, and all aliases."""

from typing import Final

import msgspec

from prisme.base import uri
from prisme.visit.origins import OriginError, parse_entry

# Twice what can be added, as the options of that server may have as many.
MOST: Final = 20_000


class ListingError(Exception):
    """A response is no list of sites; the message says why."""


class ListedSite(msgspec.Struct, frozen=True):
    """`name` is a host, or `*.example.com` for all subdomains."""

    name: str


class ListedAlias(msgspec.Struct, frozen=True):
    """Pages on `host` count as pages on `site`."""

    host: str
    site: str


class Listing(msgspec.Struct, frozen=True):
    """Hosts in the form in which they are compared; no name and no alias comes twice.

    `refused` is only in the list for admins, which an ingestion node must not be able to read.
    """

    sites: tuple[ListedSite, ...]
    aliases: tuple[ListedAlias, ...] | msgspec.UnsetType = msgspec.UNSET
    refused: object | msgspec.UnsetType = msgspec.UNSET

    @property
    def names(self) -> list[str]:
        """The names of the sites."""
        return list(dict.fromkeys(site.name for site in self.sites))

    @property
    def sites_by_alias(self) -> dict[str, str]:
        """The site of each alias."""
        return {alias.host: alias.site for alias in self.aliases or ()}


_decode = msgspec.json.Decoder(Listing).decode


def write(names: list[str], sites_by_alias: dict[str, str]) -> bytes:
    """A list as JSON."""
    aliases = tuple(ListedAlias(host, site) for host, site in sites_by_alias.items())
    return msgspec.json.encode(Listing(tuple(map(ListedSite, names)), aliases))


def read(body: bytes) -> Listing:
    """The list in a response of another server, which may send anything. Raises ListingError."""
    try:
        listing: Listing = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ListingError(f"the answer is no list of sites ({str(error)[:200]})") from error
    if fault := _find_fault(listing):
        raise ListingError(fault)
    return listing


def _find_fault(listing: Listing) -> str:
    """What is wrong with a list, empty for nothing."""
    if listing.refused is not msgspec.UNSET:
        return "the token has the scope admin, which an ingestion node must not have: create one with the scope sites"
    if listing.aliases is msgspec.UNSET:
        return "the answer is no list of sites (it has no aliases)"
    if not listing.sites:
        return "the answer is a list without sites, which no server has"
    if max(len(listing.sites), len(listing.aliases)) > MOST:
        return f"the answer has more than {MOST:,} sites or aliases"
    hosts = {*listing.sites_by_alias, *listing.sites_by_alias.values()}
    wrong = [name for name in listing.names if not _is_site(name)]
    wrong += [host for host in hosts if uri.normalise_host(host) != host]
    return f"the answer is no list of sites ({wrong[0][:64]!r} is not a host)" if wrong else ""


def _is_site(name: str) -> bool:
    try:
        return parse_entry(name) == name
    except OriginError:
        return False
