"""The panel "What changed": the rows of some lists that contributed most to the change between two periods."""

from collections.abc import Iterator
from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.lists import frame_rows
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.url_state import UrlState
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame

# The rows of each list that are read: a row that changed much may be far down.
ROWS: Final = 500
# The lists that are compared, and what a row of each is called.
COMPARED_LISTS: Final = {
    "top-pages": "Page",
    "top-referrers": "Referrer",
    "top-countries": "Country",
    "top-utm-campaigns": "Campaign",
}
_MOST: Final = 5


class Contributor(msgspec.Struct, frozen=True):
    """A row that contributed to a change; `change` is signed and has its unit, `bar` is the length of its bar in %."""

    label: str
    what: str
    change: str
    bar: float
    link: str


def build_changes(state: UrlState, dashboard: Dashboard) -> tuple[list[Contributor], list[Contributor]] | None:
    """The largest contributors up and down; None if there is no comparison."""
    earlier = dashboard.compared_tops
    if isinstance(earlier, msgspec.UnsetType):
        return None
    changes = {
        (name, key): change
        for name in COMPARED_LISTS
        for key, change in _compare(earlier[name], dashboard.tops[name])
        if change
    }
    highest = max(map(abs, changes.values()), default=0)
    ordered = sorted(changes.items(), key=lambda item: (-abs(item[1]), item[0]))
    up, down = ([item for item in ordered if (item[1] > 0) == rising][:_MOST] for rising in (True, False))
    return (
        [_build_contributor(state, *row, change, highest) for row, change in up],
        [_build_contributor(state, *row, change, highest) for row, change in down],
    )


def _compare(earlier: Frame, later: Frame) -> Iterator[tuple[str, float]]:
    """The change of each key that is known: a key that one of the frames lacks may be below its last row."""
    before, after = ({str(key): count for key, count in frame_rows(frame)} for frame in (earlier, later))
    for key in before.keys() | after.keys():
        if (key in before or len(before) < ROWS) and (key in after or len(after) < ROWS):
            yield key, after.get(key, 0) - before.get(key, 0)


def _build_contributor(state: UrlState, name: str, key: str, change: float, highest: float) -> Contributor:
    list_type = LIST_TYPES[name]
    term = filter_terms.make_value_term(list_type.filter, key)
    sign = "+" if change > 0 else "\N{MINUS SIGN}"
    return Contributor(
        label_row(name, key),
        COMPARED_LISTS[name],
        f"{sign}{format_exact(abs(change))} {list_type.unit.lower()}",
        round(100 * abs(change) / highest, 1),
        state.link({list_type.filter: filter_terms.toggle(state.get(list_type.filter), term)}),
    )
