"""The types of lists, and the panels that show them."""

from typing import Final

import msgspec

from prisme.dashboard.metrics import choose_tile
from prisme.dashboard.url_state import UrlState
from prisme.stats.list_metrics import EVENTS, choose_metric

SOURCES: Final = "sources"
ERRORS: Final = "errors"
PROPERTIES: Final = "custom-properties"


class ListType(msgspec.Struct, frozen=True):
    """A list: its title, what its rows count, and the filter that a click on a row sets; empty for none.

    `stats_name` is its name in the stats API, where that is another one than here.
    """

    title: str
    unit: str
    filter: str = ""
    stats_name: str = ""


LIST_TYPES: Final[dict[str, ListType]] = {
    SOURCES: ListType("Sources", "Sessions", "source", "top-sources"),
    "top-channels": ListType("Channels", "Sessions", "channel"),
    "top-referrers": ListType("Referrers", "Sessions", "referrer"),
    "top-utm-sources": ListType("UTM sources", "Sessions", "utm-source"),
    "top-utm-mediums": ListType("Mediums", "Sessions", "utm-medium"),
    "top-utm-campaigns": ListType("Campaigns", "Sessions", "utm-campaign"),
    "top-utm-terms": ListType("Terms", "Sessions", "utm-term"),
    "top-utm-contents": ListType("Contents", "Sessions", "utm-content"),
    "top-pages": ListType("Top pages", "Pageviews", "path"),
    "top-entry-pages": ListType("Entry pages", "Sessions", "entry-path"),
    "top-exit-pages": ListType("Exit pages", "Sessions", "exit-path"),
    ERRORS: ListType("Errors", "Pageviews", "path", "top-pages"),
    "top-statuses": ListType("Statuses", "Pageviews", "status"),
    "top-countries": ListType("Countries", "Sessions", "country"),
    "top-browsers": ListType("Browsers", "Sessions", "browser"),
    "top-operating-systems": ListType("Systems", "Sessions", "os"),
    "top-devices": ListType("Devices", "Sessions", "device"),
    "top-device-types": ListType("Device types", "Sessions", "device-type"),
    "top-custom-events": ListType("Custom events", "Events", "event"),
    PROPERTIES: ListType("Properties", "Events"),
    "top-outbound-links": ListType("Outbound links", "Clicks", "outbound-link"),
    "top-file-downloads": ListType("Downloads", "Downloads", "file-download"),
}


class PanelType(msgspec.Struct, frozen=True):
    """A panel: its title, and the lists that its tabs show, the default first.

    The lists of `group` stand behind one more tab, with the title of the first of them.
    """

    title: str
    lists: tuple[str, ...]
    group: tuple[str, ...] = ()


# By the URL parameter that chooses a panel's list.
PANEL_TYPES: Final[dict[str, PanelType]] = {
    "sources": PanelType(
        "Sources",
        (SOURCES, "top-channels", "top-referrers"),
        ("top-utm-campaigns", "top-utm-sources", "top-utm-mediums", "top-utm-terms", "top-utm-contents"),
    ),
    "pages": PanelType("Pages", ("top-pages", "top-entry-pages", "top-exit-pages", ERRORS, "top-statuses")),
    "technology": PanelType(
        "Technology", ("top-browsers", "top-operating-systems", "top-device-types", "top-devices")
    ),
    "events": PanelType("Events", ("top-custom-events", PROPERTIES)),
    "links": PanelType("Links and files", ("top-outbound-links", "top-file-downloads")),
}  # fmt: skip


def stats_name(name: str) -> str:
    """The name of a list in the stats API."""
    return LIST_TYPES[name].stats_name or name


def list_metric(state: UrlState, name: str) -> str:
    """The metric that a list shows: the chosen one, or its own unit where it has no such figure."""
    return EVENTS if name == PROPERTIES else choose_metric(stats_name(name), choose_tile(state))
