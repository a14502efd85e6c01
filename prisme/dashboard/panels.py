"""The panels: each shows one of several lists, which tabs choose."""

from collections.abc import Collection

import msgspec

from prisme.dashboard.list_types import LIST_TYPES, PANEL_TYPES
from prisme.dashboard.lists import List
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.columns import PLACES


class Tab(msgspec.Struct, frozen=True):
    """A link to one list of a panel."""

    title: str
    link: str
    chosen: bool


class Panel(msgspec.Struct, frozen=True):
    """A panel with its tabs in one or two rows, and the list that it shows."""

    id: str
    title: str
    tabs: list[list[Tab]]
    list: List


def choose_list(state: UrlState, panel: str) -> str:
    """The name of the list that a panel shows."""
    panel_type = PANEL_TYPES[panel]
    names = panel_type.lists + panel_type.group
    chosen = state.get(panel)
    return chosen if chosen in names else names[0]


def build_panel(state: UrlState, panel: str, shown: List, places: Collection[str] = PLACES) -> Panel:
    """The panel around the list that it shows; of lists of `PLACES`, there are tabs for those that are in `places`."""
    panel_type, chosen = PANEL_TYPES[panel], choose_list(state, panel)
    group = panel_type.group

    def link(name: str, is_chosen: bool) -> Tab:
        value = None if name == panel_type.lists[0] else name
        return Tab(translate(LIST_TYPES[name].title), state.link({panel: value}) + f"#{panel}", is_chosen)

    absent = {name for name in PLACES if name not in places}
    names = [name for name in panel_type.lists if name == chosen or LIST_TYPES[name].filter not in absent]
    first = [link(name, name == chosen) for name in names]
    first += [link(name, chosen in group) for name in group[:1]]
    second = [link(name, name == chosen) for name in group if chosen in group]
    return Panel(panel, translate(panel_type.title), [first, second] if second else [first], shown)
