"""What the rows of a list are about: keys of the stats with their labels, filters and figures."""

from collections.abc import Iterable

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES, SOURCES
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.rows import Item
from prisme.dashboard.sources import group_referrers
from prisme.stats.list_metrics import Figures


def build_items(name: str, rows: Iterable[Figures], rank: str, own_domains: frozenset[str]) -> list[Item]:
    """The items of the list `name`, in the order of the figure `rank`, as the rows are."""
    if name == SOURCES:
        return group_referrers(rows, own_domains, rank)
    filter_name = LIST_TYPES[name].filter
    return [
        Item(row.key, label_row(name, row.key), filter_terms.make_value_term(filter_name, row.key), row, row.key)
        for row in rows
    ]
