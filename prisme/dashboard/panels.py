"""The panels: each shows one of several lists, which tabs choose."""

import msgspec

from prisme.dashboard.list_types import LIST_TYPES, PANEL_TYPES
from prisme.dashboard.lists import List
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate


class Tab(msgspec.Struct, frozen=True):
    """A link to one list of a panel."""

    title: str
    link: str
    chosen: bool


class Panel(msgspec.Struct, frozen=True):
    """A panel with its tabs, and the list that it shows."""

    id: str
    title: str
    tabs: list[Tab]
    list: List


def choose_list(state: UrlState, panel: str) -> str:
    """The name of the list that a panel shows."""
    names = PANEL_TYPES[panel].lists
    chosen = state.get(panel)
    return chosen if chosen in names else names[0]


def build_panel(state: UrlState, panel: str, shown: List) -> Panel:
    """The panel around the list that it shows."""
    panel_type, chosen = PANEL_TYPES[panel], choose_list(state, panel)
    default = panel_type.lists[0]
    tabs = [
        Tab(
            translate(LIST_TYPES[name].title),
            state.link({panel: None if name == default else name}) + f"#{panel}",
            name == chosen,
        )
        for name in panel_type.lists
    ]
    return Panel(panel, translate(panel_type.title), tabs, shown)
