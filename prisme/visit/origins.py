"""Lists of hosts, such as the registry: the hosts whose pages may send events. Schemes and ports do not count.

Entries are exact hosts (`example.com`, `127.0.0.1`, `[::1]`), or `*.example.com` for every host below, but not itself.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from prisme.base import uri


class OriginError(ValueError):
    """Entries that cannot be read; the message names each with what is wrong and how to mend it."""


class Hosts:
    """Hosts by entries that are known to be good."""

    def __init__(self, entries: Iterable[str]) -> None:
        read = [entry.strip() for entry in entries]
        self._exact = frozenset(uri.normalise_host(entry) for entry in read if not entry.startswith("*."))
        self._parents = frozenset(uri.normalise_host(entry[2:]) for entry in read if entry.startswith("*."))

    def hold(self, host: str) -> bool:
        """Whether `host`, in normal form and without a port, is one of them."""
        if host in self._exact:
            return True
        while self._parents:
            _, dot, host = host.partition(".")
            if not dot:
                return False
            if host in self._parents:
                return True
        return False


class Origins:
    """The registry built from its entries; OriginError names all the bad ones at once."""

    def __init__(self, entries: Iterable[str]) -> None:
        read = [entry.strip() for entry in entries]
        _check(read)
        self._hosts = Hosts(read)

    def holds(self, host: str) -> bool:
        """Whether `host`, in normal form and without a port, is registered."""
        return self._hosts.hold(host)

    def admits_host(self, host: str) -> bool:
        """Whether `host`, without a port, is registered."""
        normal = uri.normalise_host(host)
        return normal is not None and self._hosts.hold(normal)


def split(value: str) -> list[str]:
    """The entries of a comma-separated option value, blanks around them cut; OriginError where one is bad or empty."""
    entries = [entry.strip() for entry in value.split(",")]
    _check(entries)
    return entries


def _check(entries: Sequence[str]) -> None:
    if not any(entries):
        raise OriginError("no origins: name at least one host, such as example.com")
    faults = [fault for place, entry in enumerate(entries, 1) if (fault := _fault(place, entry))]
    if faults:
        raise OriginError("; ".join(faults))


def _fault(place: int, entry: str) -> str:
    """What is wrong with the entry at `place` (from 1) and how to mend it; empty where nothing is."""
    if not entry:
        return f"entry {place} is empty: remove the comma too many"
    for find in (_shape_fault, _host_fault, _parent_fault):
        fault = find(entry)
        if fault:
            return f"{entry!r} {fault}"
    return ""


def _shape_fault(entry: str) -> str:
    """The fault of an entry that says more than a host."""
    host = entry.removeprefix("*.")
    _, colon, port = host.rpartition(":")
    if "//" in entry:
        return f"has a scheme: {_advise(entry.partition('//')[2])}"
    if "/" in entry:
        return f"has a path: {_advise(entry)}"
    if "*" in host:
        return "may have a wildcard only in front of a domain: write it as in *.example.com"
    if uri.normalise_host(f"[{host}]"):
        return f"is an IPv6 address without brackets: write [{host}]"
    if colon and (not port or port.isdigit()):
        return f"has a port: {_advise(entry)}"
    return ""


def _host_fault(entry: str) -> str:
    host = entry.removeprefix("*.")
    normal = uri.normalise_host(host)
    if normal and normal.rpartition(".")[2].isdigit() and not _is_ipv4(normal):
        return "is no IPv4 address: write four numbers from 0 to 255, such as 127.0.0.1"
    if normal:
        return ""
    if "" in host.removesuffix(".").split("."):
        return "has an empty label: write something before and between the dots, as in www.example.com"
    return "is no host: write a name of letters, digits, '-', '_' and '.', such as example.com"


def _parent_fault(entry: str) -> str:
    """The fault of a wildcard's domain."""
    host = uri.normalise_host(entry.removeprefix("*.")) or ""
    if not entry.startswith("*."):
        return ""
    if host.startswith("[") or _is_ipv4(host):
        return f"has a wildcard before an address: write {host}"
    if "." not in host:
        return f"has a wildcard over a single label: name more of the domain, as in *.example.{host}"
    return ""


def _advise(entry: str) -> str:
    """How to mend an entry that says more than a host, which comes first in it."""
    wildcard = "*." if entry.startswith("*.") else ""
    meant = uri.parse(b"http://" + entry.removeprefix("*.").encode("utf-8", "surrogatepass"))
    return f"write {wildcard}{meant.host}" if meant else "write the host alone, such as example.com"


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
