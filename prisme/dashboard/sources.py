"""Referrers under the names that people know: `l.facebook.com` and `m.facebook.com` are Facebook. Our own table."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from prisme import assets
from prisme.dashboard import display

DIRECT: Final = "direct"


def _load() -> dict[str, str]:
    """The name of each suffix; `sources.txt` says how it is written."""
    lines = assets.SOURCES.read_text().splitlines()
    named = [line.split(": ") for line in lines if line and not line.startswith("#")]
    return {suffix: title for title, suffixes in named for suffix in suffixes.split()}


_NAMES: Final = _load()


class Source(msgspec.Struct):
    """A name, the referrers of it, and how many sessions they brought."""

    name: str
    hosts: list[str]
    count: int


@lru_cache(4096)
def name(host: str) -> str:
    """The name of a referrer's host, which is its own where there is no better one."""
    labels = host.rpartition(":")[0].split(".") if ":" in host else host.split(".")
    for start in range(len(labels)):
        suffix = labels[start:]
        known = _NAMES.get(".".join(suffix))
        # google.de, google.co.uk, google.com.br, but not google.example.com.
        if known is None and (len(suffix) == 2 or (len(suffix) == 3 and len(suffix[1]) <= 3 and len(suffix[2]) == 2)):
            known = _NAMES.get(suffix[0] + ".")
        if known:
            return known
    return display.decode_host(host.removeprefix("www."))


def group(referrers: Iterable[tuple[str, int]], own: frozenset[str]) -> list[Source]:
    """Referrers with their counts, by name, the most frequent first.

    `own` are the domains of the page itself: 0.1.0 stored them as referrers, and such rows stay.
    """
    found: dict[str, Source] = {}
    for host, count in referrers:
        title = "Direct" if host == DIRECT else "Internal" if host in own else name(host)
        source = found.setdefault(title, Source(title, [], 0))
        source.hosts.append(host)
        source.count += count
    return sorted(found.values(), key=lambda source: (-source.count, source.name))
