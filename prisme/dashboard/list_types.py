"""The types of lists, and the panels that show them."""

from typing import Final

import msgspec

from prisme.dashboard.metrics import choose_tile
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark
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
    SOURCES: ListType(mark("Sources"), mark("Sessions"), "source", "top-sources"),
    "top-channels": ListType(mark("Channels"), mark("Sessions"), "channel"),
    "top-referrers": ListType(mark("Referrers"), mark("Sessions"), "referrer"),
    "top-utm-sources": ListType(mark("UTM sources"), mark("Sessions"), "utm-source"),
    "top-utm-mediums": ListType(mark("Mediums"), mark("Sessions"), "utm-medium"),
    "top-utm-campaigns": ListType(mark("Campaigns"), mark("Sessions"), "utm-campaign"),
    "top-utm-terms": ListType(mark("Terms"), mark("Sessions"), "utm-term"),
    "top-utm-contents": ListType(mark("Contents"), mark("Sessions"), "utm-content"),
    "top-pages": ListType(mark("Top pages"), mark("Pageviews"), "path"),
    "top-entry-pages": ListType(mark("Entry pages"), mark("Sessions"), "entry-path"),
    "top-exit-pages": ListType(mark("Exit pages"), mark("Sessions"), "exit-path"),
    ERRORS: ListType(mark("Errors"), mark("Pageviews"), "path", "top-pages"),
    "top-statuses": ListType(mark("Statuses"), mark("Pageviews"), "status"),
    "top-countries": ListType(mark("Countries"), mark("Sessions"), "country"),
    "top-regions": ListType(mark("Regions"), mark("Sessions"), "region"),
    "top-cities": ListType(mark("Cities"), mark("Sessions"), "city"),
    "top-browsers": ListType(mark("Browsers"), mark("Sessions"), "browser"),
    "top-operating-systems": ListType(mark("Systems"), mark("Sessions"), "os"),
    "top-devices": ListType(mark("Devices"), mark("Sessions"), "device"),
    "top-device-types": ListType(mark("Device types"), mark("Sessions"), "device-type"),
    "top-custom-events": ListType(mark("Custom events"), mark("Events"), "event"),
    PROPERTIES: ListType(mark("Properties"), mark("Events")),
    "top-outbound-links": ListType(mark("Outbound links"), mark("Clicks"), "outbound-link"),
    "top-file-downloads": ListType(mark("Downloads"), mark("Downloads"), "file-download"),
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
        mark("Sources"),
        (SOURCES, "top-channels", "top-referrers"),
        ("top-utm-campaigns", "top-utm-sources", "top-utm-mediums", "top-utm-terms", "top-utm-contents"),
    ),
    "pages": PanelType(mark("Pages"), ("top-pages", "top-entry-pages", "top-exit-pages", ERRORS, "top-statuses")),
    "countries": PanelType(mark("Countries"), ("top-countries", "top-regions", "top-cities")),
    "technology": PanelType(
        mark("Technology"), ("top-browsers", "top-operating-systems", "top-device-types", "top-devices")
    ),
    "events": PanelType(mark("Events"), ("top-custom-events", PROPERTIES)),
    "links": PanelType(mark("Links and files"), ("top-outbound-links", "top-file-downloads")),
}  # fmt: skip


def stats_name(name: str) -> str:
    """The name of a list in the stats API."""
    return LIST_TYPES[name].stats_name or name


def list_metric(state: UrlState, name: str) -> str:
    """The metric that a list shows: the chosen one, or its own unit where it has no such figure."""
    return EVENTS if name == PROPERTIES else choose_metric(stats_name(name), choose_tile(state))
