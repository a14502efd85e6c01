"""Counts of referrers as counts of sources, where one count of each is all that is needed."""

from collections.abc import Iterable
from typing import NamedTuple

from prisme.dashboard.sources import group_referrers
from prisme.stats.list_metrics import Figures


class SourceCount(NamedTuple):
    """A source with the sum of its counts; `terms` is the filter that matches it."""

    label: str
    terms: str
    total: int


def count_sources(referrers: Iterable[tuple[str, int]], own_domains: frozenset[str]) -> list[SourceCount]:
    """The sources of these referrers with their counts, the highest first."""
    figures = (Figures(host, actions=count) for host, count in referrers)
    grouped = group_referrers(figures, own_domains, "actions")
    return [SourceCount(item.label, item.terms, item.figures.actions) for item in grouped]
