"""What somebody may do: values alone, without a word on how it was found out."""

from collections.abc import Iterable
from typing import Final

import msgspec

from prisme.base import uri

# To read figures; to change who may.
STATS: Final = "stats"
ADMIN: Final = "admin"
SCOPES: Final = (STATS, ADMIN)


class AccessError(ValueError):
    """What was asked for cannot be done; the message is for the person who asked."""


class MissingError(AccessError):
    """What was to be changed is not there."""


class Grant(msgspec.Struct, frozen=True):
    """`actor` is who it is, for the audit log; `account` is whose tokens it may make, empty for none's.

    `domains` None is all domains, those of the future too.
    """

    actor: str
    account: str
    scopes: frozenset[str]
    domains: tuple[str, ...] | None

    def narrow(self, scopes: Iterable[str], domains: tuple[str, ...] | None) -> "Grant":
        """The part of it that lies within other limits."""
        both = self.domains if domains is None else domains
        if domains is not None and self.domains is not None:
            both = tuple(domain for domain in domains if domain in self.domains)
        return msgspec.structs.replace(self, scopes=self.scopes & frozenset(scopes), domains=both)


def operator(name: str) -> Grant:
    """Who has the data folder has everything: the command line, as user `name` of the system."""
    return Grant(f"cli:{name}", "", frozenset(SCOPES), None)


def read_domains(texts: Iterable[str]) -> tuple[str, ...]:
    """Domains as pageviews have them: a host, with its port where there is one. AccessError names what is none."""
    return tuple(sorted({read_domain(text) for text in texts}))


def read_domain(text: str) -> str:
    """One domain, likewise."""
    read = uri.parse(b"http://" + text.strip().encode("utf-8", "surrogatepass"))
    if read is None or not text.strip() or any(mark in text for mark in "/?#@*"):
        raise AccessError(f"{text[:128]!r} is no domain: write a host, such as example.com or localhost:8080")
    return read.domain
