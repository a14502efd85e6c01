"""Which domains a list of entries allows: exact domains, and `*.example.com` for every subdomain.

A domain is a host, with its port if it has one. A wildcard allows subdomains at any depth and with any port, but not
`example.com` itself. `example.com:*` allows the host with any port, and without one; Prisme alone makes such entries.
Of two entries, either one allows all that the other does, or nothing is allowed by both.
"""

import re
from collections.abc import Collection

_WILDCARD = "*."
_ANY_PORT = ":*"
_PORT = re.compile(r":(?:[0-9]+|\*)\Z")


def is_wildcard(entry: str) -> bool:
    """Whether an entry stands for subdomains."""
    return entry.startswith(_WILDCARD)


def any_port(host: str) -> str:
    """The entry for a host with any port."""
    return host + _ANY_PORT


def is_any_port(entry: str) -> bool:
    """Whether an entry is one of `any_port`."""
    return entry.endswith(_ANY_PORT)


def suffix(wildcard: str) -> str:
    """What the hosts that a wildcard allows end with: `.example.com`."""
    return wildcard[1:]


def host_of(domain: str) -> str:
    """A domain without its port."""
    return _PORT.sub("", domain)


def includes(entry: str, other: str) -> bool:
    """Whether an entry allows everything that another entry does; a domain is an entry."""
    if is_wildcard(entry):
        return entry == other or host_of(other.removeprefix("*")).endswith(suffix(entry))
    return entry == other or (is_any_port(entry) and host_of(other) == host_of(entry))


def allows(entries: Collection[str], domain: str) -> bool:
    """Whether any of the entries allows a domain, or everything that another entry does."""
    return any(includes(entry, domain) for entry in entries)


def intersect(entries: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    """The entries that together allow exactly the domains that both lists allow."""
    common = [entry for entry in entries if allows(others, entry)]
    common += [other for other in others if allows(entries, other)]
    return tuple(dict.fromkeys(common))
