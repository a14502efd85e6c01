"""The sources list: referrers grouped by the names of `source_names.py`, one row for each.

A new column needs a value here, a field in `rows.Row`, and a cell in `assets/pages/lists.html`.
"""

from collections.abc import Iterable

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import SOURCES
from prisme.dashboard.rows import Row, Scale, build_row
from prisme.dashboard.source_names import DIRECT, name_source
from prisme.dashboard.url_state import UrlState


class Source(msgspec.Struct):
    """A source: its name, its referrers' hosts, and its number of sessions."""

    name: str
    hosts: list[str]
    count: int


def build_source_rows(
    state: UrlState, counts: Iterable[tuple[str, float]], total: float, own_domains: frozenset[str], limit: int
) -> list[Row]:
    """The rows of the sources list, from the sessions of each referrer; `total` is that of all sessions, 0 for none."""
    sources = group_referrers(((host, int(count)) for host, count in counts), own_domains)
    scale = Scale(total, max((source.count for source in sources), default=0))
    return [
        build_row(state, SOURCES, source.name, _filter_by(source.hosts), source.count, scale)
        for source in sources[:limit]
    ]


def group_referrers(referrers: Iterable[tuple[str, int]], own_domains: frozenset[str]) -> list[Source]:
    """Referrers with their sessions, grouped by name, the most frequent source first.

    `own_domains` are the viewer's sites: 0.1.0 stored them as referrers, and such rows remain.
    """
    found: dict[str, Source] = {}
    for host, count in referrers:
        name = "Direct" if host == DIRECT else "Internal" if host in own_domains else name_source(host)
        source = found.setdefault(name, Source(name, [], 0))
        source.hosts.append(host)
        source.count += count
    return sorted(found.values(), key=lambda source: (-source.count, source.name))


def _filter_by(hosts: list[str]) -> str:
    return filter_terms.join([filter_terms.make_value_term("referrer", host) for host in hosts])
