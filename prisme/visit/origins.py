"""Lists of hosts, such as the option `origins`: the hosts whose pages may send events, whatever the scheme and port.

An entry is an exact host (`example.com`, `127.0.0.1`, `[::1]`), or `*.example.com` for every subdomain, not the domain.
"""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address
from typing import Final

from prisme.base import uri
from prisme.base.errors import InputError

# More than a host of 253 characters with what may be around it by mistake, as a scheme and a path.
_LONGEST: Final = 1024


class OriginError(InputError, ValueError):
    """Invalid entries; the message says of each what is wrong and how to correct it."""


class Hosts:
    """The hosts that valid entries stand for."""

    def __init__(self, entries: Collection[str]) -> None:
        stripped = [entry.strip() for entry in entries]
        self._exact = frozenset(uri.normalise_host(entry) for entry in stripped if not entry.startswith("*."))
        self._parents = frozenset(uri.normalise_host(entry[2:]) for entry in stripped if entry.startswith("*."))

    @classmethod
    def of_normal(cls, entries: Collection[str]) -> "Hosts":
        """The same of entries in the form that `parse_entry` gives, several times as fast."""
        hosts = cls(())
        hosts._exact = frozenset(entry for entry in entries if not entry.startswith("*."))
        hosts._parents = frozenset(entry[2:] for entry in entries if entry.startswith("*."))
        return hosts

    def __contains__(self, host: str) -> bool:
        """Whether `host`, normalised and without a port, is one of them."""
        if host in self._exact:
            return True
        while self._parents:
            _, dot, host = host.partition(".")
            if not dot:
                return False
            if host in self._parents:
                return True
        return False


class Origins(Hosts):
    """The registered hosts; raises OriginError with all invalid entries at once."""

    def __init__(self, entries: Collection[str]) -> None:
        _check([entry.strip() for entry in entries])
        super().__init__(entries)


def parse_entry(text: str) -> str:
    """One entry in the form in which hosts are compared. Raises OriginError."""
    entry = text.strip()
    if not entry:
        raise OriginError("the host is empty: write one, such as example.com")
    if len(entry) > _LONGEST:
        raise OriginError("{entry!r}... is too long: a host has at most 253 characters", entry=entry[:64])
    if fault := _find_fault(1, entry):
        raise OriginError(fault.text, **fault.values)
    wildcard = "*." if entry.startswith("*.") else ""
    return wildcard + (uri.normalise_host(entry.removeprefix("*.")) or "")


def _check(entries: Sequence[str]) -> None:
    if not any(entries):
        raise OriginError("no origins: name at least one host, such as example.com")
    faults = [str(fault) for number, entry in enumerate(entries, 1) if (fault := _find_fault(number, entry))]
    if faults:
        raise OriginError("; ".join(faults))


def _find_fault(number: int, entry: str) -> InputError | None:
    """What is wrong with an entry, counted from 1, and how to correct it; None where nothing is wrong."""
    if not entry:
        return InputError("entry {number} is empty: remove the extra comma", number=number)
    for find in (_find_shape_fault, _find_host_fault, _find_wildcard_fault):
        fault = find(entry)
        if fault:
            return InputError("{entry!r} {why}", entry=entry, why=fault)
    return None


def _find_shape_fault(entry: str) -> InputError | None:
    """The fault of an entry that is more than a host, such as a URL."""
    host = entry.removeprefix("*.")
    _, colon, port = host.rpartition(":")
    if "//" in entry:
        return InputError("has a scheme: {why}", why=_suggest(entry.partition("//")[2]))
    if "/" in entry:
        return InputError("has a path: {why}", why=_suggest(entry))
    if "*" in host:
        return InputError("may have a wildcard only in front of a domain, as in *.example.com")
    if uri.normalise_host(f"[{host}]"):
        return InputError("is an IPv6 address without brackets: write [{host}]", host=host)
    if colon and (not port or port.isdigit()):
        return InputError("has a port: {why}", why=_suggest(entry))
    return None


def _find_host_fault(entry: str) -> InputError | None:
    host = entry.removeprefix("*.")
    normal = uri.normalise_host(host)
    if normal and normal.rpartition(".")[2].isdigit() and not _is_ipv4(normal):
        return InputError("is not an IPv4 address: write four numbers from 0 to 255, such as 127.0.0.1")
    if normal:
        return None
    if "" in host.removesuffix(".").split("."):
        return InputError("has an empty label: write a name before each dot, as in www.example.com")
    return InputError("is not a host: write a name of letters, digits, '-', '_' and '.', such as example.com")


def _find_wildcard_fault(entry: str) -> InputError | None:
    """The fault of the domain after a wildcard."""
    host = uri.normalise_host(entry.removeprefix("*.")) or ""
    if not entry.startswith("*."):
        return None
    if host.startswith("[") or _is_ipv4(host):
        return InputError("has a wildcard before an address: write {host}", host=host)
    if "." not in host:
        return InputError(
            "has a wildcard over a single label: name more of the domain, as in {example}", example="*.example." + host
        )
    return None


def _suggest(entry: str) -> InputError:
    """The correction of an entry that begins with a host and goes on."""
    wildcard = "*." if entry.startswith("*.") else ""
    parsed = uri.parse(b"http://" + entry.removeprefix("*.").encode("utf-8", "surrogatepass"))
    if parsed is None:
        return InputError("write the host alone, such as example.com")
    return InputError("write {host}", host=wildcard + parsed.host)


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
