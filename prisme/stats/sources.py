"""Sources and channels of sessions, as SQL: Python names each arrival once, and queries look it up.

Both follow from four columns, whose distinct values are few (`store/arrivals.py`). So the tables of names apply to the
past, and queries group and filter by names exactly.
"""

from collections.abc import Collection, Iterable
from typing import Final

from prisme.base.domains import allows, host_of, is_wildcard
from prisme.stats.channels import find_channel, find_source
from prisme.stats.source_names import INTERNAL
from prisme.stats.sql import load_sql
from prisme.store.arrivals import Arrival
from prisme.store.reader import Reader

# The channel of the arrivals that are not remembered: those from a host that is its own name.
_UNKNOWN_CHANNEL: Final = "Referral"
_UNKNOWN_SOURCE: Final = "CASE utm_source WHEN '' THEN referrer_domain ELSE utm_source END"
_KNOWN: Final = load_sql("known_arrival").partition("\ncoalesce")
_EXPRESSION: Final = "coalesce" + _KNOWN[2].strip()
# Expressions on the rows of `sessions`, which name parameters of `PARAMETERS`.
SOURCE: Final = _EXPRESSION.format(what="source", default=_UNKNOWN_SOURCE)
CHANNEL: Final = _EXPRESSION.format(what="channel", default=f"'{_UNKNOWN_CHANNEL}'")
PARAMETERS: Final = (
    "known_referrers", "known_utm_sources", "known_utm_mediums", "known_click_ids", "known_sources", "known_channels",
)  # fmt: skip


def bind_known(reader: Reader, allowed: Collection[str] | None) -> dict[str, list[str]]:
    """The values of `PARAMETERS` for somebody who may see these domains, or all if it is None. Raises UnavailableError.

    A referrer that is one of these domains is internal: 0.1.0 stored such, and a site may link to another one.
    """
    found, domains = reader.arrivals(_describe)
    own = {host_of(domain) for domain in _select(domains, allowed)}
    known = {Arrival(host, "", "", ""): (INTERNAL, INTERNAL) for host in own}
    for arrival, described in found.items():
        reader.check()
        is_internal = not arrival.utm_source and arrival.referrer_domain in own
        known[arrival] = _name(arrival, is_internal=True) if is_internal else described
    columns = [[*column] for column in zip(*known, strict=True)] or [[], [], [], []]
    names = [[*column] for column in zip(*known.values(), strict=True)] or [[], []]
    return dict(zip(PARAMETERS, (*columns, *names), strict=True))


def _name(arrival: Arrival, *, is_internal: bool = False) -> tuple[str, str]:
    source = find_source(arrival, is_internal)
    return source, find_channel(arrival, source)


def _describe(arrival: Arrival) -> tuple[str, str] | None:
    """The source and channel of an arrival; None where they are those of `SOURCE` and `CHANNEL` without it."""
    named = _name(arrival)
    return None if named == (arrival.utm_source or arrival.referrer_domain, _UNKNOWN_CHANNEL) else named


def _select(domains: Iterable[str], allowed: Collection[str] | None) -> Iterable[str]:
    if allowed is None:
        return domains
    exact, wildcards = frozenset(allowed), [entry for entry in allowed if is_wildcard(entry)]
    return (domain for domain in domains if domain in exact or allows(wildcards, domain))
