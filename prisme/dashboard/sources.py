"""The sources list: referrers grouped by the names of `source_names.py`, one row for each."""

from collections.abc import Iterable

from prisme.dashboard import filter_terms
from prisme.dashboard.rows import Item
from prisme.dashboard.source_names import DIRECT, name_source
from prisme.stats.list_metrics import Figures


def group_referrers(referrers: Iterable[Figures], own_domains: frozenset[str], rank: str) -> list[Item]:
    """Referrers, grouped by name, the source with the highest figure `rank` first. Visitors of several hosts add up.

    `own_domains` are the viewer's sites: 0.1.0 stored them as referrers, and such rows remain.
    """
    found: dict[str, tuple[Figures, list[str]]] = {}
    for row in referrers:
        host = row.key
        name = "Direct" if host == DIRECT else "Internal" if host in own_domains else name_source(host)
        figures, hosts = found.get(name, (Figures(name), []))
        found[name] = figures.add(row), [*hosts, host]
    items = [Item(name, name, _filter_by(hosts), figures) for name, (figures, hosts) in found.items()]
    return sorted(items, key=lambda item: (-getattr(item.figures, rank), item.key))


def _filter_by(hosts: list[str]) -> str:
    return filter_terms.join([filter_terms.make_value_term("referrer", host) for host in hosts])
