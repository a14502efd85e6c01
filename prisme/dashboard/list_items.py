"""What the rows of a list are about: keys of the stats with their labels, filters and figures."""

from collections.abc import Iterable

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.rows import Item
from prisme.stats.list_metrics import Figures


def build_items(name: str, rows: Iterable[Figures]) -> list[Item]:
    """The items of the list `name`, in the order of the rows."""
    filter_name = LIST_TYPES[name].filter
    return [
        Item(row.key, label_row(name, row.key), filter_terms.make_value_term(filter_name, row.key), row, row.key)
        for row in rows
    ]
