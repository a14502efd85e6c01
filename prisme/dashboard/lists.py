"""The lists of a dashboard: which there are, what their figures count, and their rows, which filter."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import msgspec

from prisme.access.shares import SHARE
from prisme.dashboard import countries, display, numbers, sources, terms
from prisme.dashboard.state import LIST, State
from prisme.stats import filters
from prisme.stats.frames import Frame, Key
from prisme.stats.parameters import COMPARE, MOST_ROWS

ROWS: Final = 10
SOURCES: Final = "sources"
ERRORS: Final = "errors"
PROPERTIES: Final = "custom-properties"
# What a page that was not there, or that failed, has been answered with.
BROKEN: Final = "4*,5*"


class Kind(msgspec.Struct, frozen=True):
    """A list: its title, what its figures count, and the filter that a row is, where it is one."""

    title: str
    unit: str
    filter: str = ""
    # The stats API's name, where it is another one.
    name: str = ""


KINDS: Final[dict[str, Kind]] = {
    SOURCES: Kind("Sources", "Sessions", "referrer", "top-referrers"),
    "top-referrers": Kind("Referrers", "Sessions", "referrer"),
    "top-utm-sources": Kind("UTM sources", "Sessions", "utm-source"),
    "top-utm-mediums": Kind("Mediums", "Sessions", "utm-medium"),
    "top-utm-campaigns": Kind("Campaigns", "Sessions", "utm-campaign"),
    "top-utm-terms": Kind("Terms", "Sessions", "utm-term"),
    "top-utm-contents": Kind("Contents", "Sessions", "utm-content"),
    "top-pages": Kind("Top pages", "Pageviews", "path"),
    "top-entry-pages": Kind("Entry pages", "Sessions", "entry-path"),
    "top-exit-pages": Kind("Exit pages", "Sessions", "exit-path"),
    ERRORS: Kind("Errors", "Pageviews", "path", "top-pages"),
    "top-statuses": Kind("Statuses", "Pageviews", "status"),
    "top-countries": Kind("Countries", "Sessions", "country"),
    "top-browsers": Kind("Browsers", "Sessions", "browser"),
    "top-operating-systems": Kind("Systems", "Sessions", "os"),
    "top-devices": Kind("Devices", "Sessions", "device"),
    "top-device-types": Kind("Device types", "Sessions", "device-type"),
    "top-custom-events": Kind("Custom events", "Events", "event"),
    PROPERTIES: Kind("Properties", "Events"),
    "top-outbound-links": Kind("Outbound links", "Clicks"),
    "top-file-downloads": Kind("Downloads", "Downloads"),
}
_LINKS: Final = ("top-outbound-links", "top-file-downloads")
# Panels that show one list of several: the parameter that says which, and the lists, the usual one first.
PANELS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "sources": (
        "Sources",
        (
            SOURCES, "top-referrers", "top-utm-sources", "top-utm-mediums", "top-utm-campaigns", "top-utm-terms",
            "top-utm-contents",
        ),
    ),
    "pages": ("Pages", ("top-pages", "top-entry-pages", "top-exit-pages", ERRORS, "top-statuses")),
    "technology": ("Technology", ("top-browsers", "top-operating-systems", "top-devices", "top-device-types")),
    "events": ("Events", ("top-custom-events", PROPERTIES)),
    "links": ("Links and files", ("top-outbound-links", "top-file-downloads")),
}  # fmt: skip


class Row(msgspec.Struct, frozen=True):
    """`fraction` is of 100, for the bar; links are empty where a row is no filter. `outside` is a URL to open."""

    label: str
    value: str
    exact: str
    share: str
    fraction: float
    only: str = ""
    add: str = ""
    exclude: str = ""
    active: bool = False
    outside: str = ""


class Tab(msgspec.Struct, frozen=True):
    """One list of a panel, to choose."""

    title: str
    link: str
    chosen: bool


class List(msgspec.Struct, frozen=True):
    """A list on a page. `all`, `csv` and `json` are where all of it is."""

    id: str
    title: str
    unit: str
    rows: list[Row]
    all: str
    csv: str
    json: str


class Panel(msgspec.Struct, frozen=True):
    """A panel with its tabs."""

    id: str
    title: str
    tabs: list[Tab]
    list: List


def chosen(state: State, panel: str) -> str:
    """The list that a panel shows."""
    _, names = PANELS[panel]
    wanted = state.get(panel)
    return wanted if wanted in names else names[0]


def panel(state: State, which: str, shown: List) -> Panel:
    """A panel around the list that it shows."""
    title, names = PANELS[which]
    now = chosen(state, which)
    tabs = [
        Tab(KINDS[name].title, state.link({which: None if name == names[0] else name}) + f"#{which}", name == now)
        for name in names
    ]
    return Panel(which, title, tabs, shown)


def build(
    state: State, name: str, found: Iterable[tuple[Key, float]], total: float, own: frozenset[str], at_most: int = ROWS
) -> List:
    """A list of what the stats API found; `total` is what shares are of, 0 for none."""
    kind = KINDS[name]
    words = {"limit": str(MOST_ROWS)}
    if name == ERRORS:
        words["status"] = BROKEN
    if name == PROPERTIES and state.get("property"):
        words["property"] = state.get("property")
    pairs = [(str(key), count) for key, count in found]
    grouped = name == SOURCES
    rows = _group(state, pairs, total, own, at_most) if grouped else _rows(state, name, pairs[:at_most], total)
    return List(
        name,
        kind.title,
        kind.unit,
        rows,
        state.link({"name": name}, LIST),
        export(state, kind.name or name, ".csv", words),
        export(state, kind.name or name, "", words),
    )


def pairs(frame: Frame) -> Sequence[tuple[Key, float]]:
    """A frame's rows."""
    return list(zip(frame.keys, frame.values, strict=True))


def export(state: State, name: str, ending: str = "", more: Mapping[str, str] = MappingProxyType({})) -> str:
    """Where the stats API has a figure of a page, over the page's span and filters; `more` are further parameters."""
    words = {word: text for word, text in state.question().items() if word not in COMPARE} | dict(more)
    if state.get(SHARE):
        words[SHARE] = state.get(SHARE)
    return f"/api/v1/stats/{name}{ending}?{urlencode(words)}"


def label(name: str, key: str) -> str:
    """How a list calls a key."""
    if name == "top-countries":
        return countries.name(key)
    if name == "top-referrers" and key == sources.DIRECT:
        return "Direct"
    if name == "top-device-types":
        return "TV" if key == "tv" else key.capitalize()
    if name == "top-statuses":
        return _status(key)
    return display.decode_link(key) if name in _LINKS else display.show(KINDS[name].filter, key)


def _rows(state: State, name: str, found: list[tuple[str, float]], total: float) -> list[Row]:
    top, by = max((count for _, count in found), default=0), KINDS[name].filter
    return [
        _row(state, name, label(name, key), terms.write_value(by, key), count, total, top, key) for key, count in found
    ]


def _group(state: State, found: list[tuple[str, float]], total: float, own: frozenset[str], at_most: int) -> list[Row]:
    grouped = sources.group(((host, int(count)) for host, count in found), own)
    top = max((source.count for source in grouped), default=0)

    def term(hosts: list[str]) -> str:
        return ",".join(terms.write_value("referrer", host) for host in hosts)

    return [
        _row(state, SOURCES, source.name, term(source.hosts), source.count, total, top) for source in grouped[:at_most]
    ]


def _row(
    state: State,
    name: str,
    title: str,
    term: str,
    count: float,
    total: float,
    top: float,
    outside: str = "",
) -> Row:
    share = numbers.percent(count / total) if total else ""
    fraction = round(100 * count / top, 1) if top else 0
    figures = (title, numbers.count(count), numbers.exact(count), share, fraction)
    by = KINDS[name].filter
    if name == PROPERTIES:
        if state.get("property"):
            return Row(*figures)
        return Row(*figures, only=state.link({"property": title, "events": name}) + "#events")
    if not by or len(term) > filters.LONGEST:  # a source may have more hosts than a filter can name
        return Row(*figures, outside=outside if outside.startswith(("http://", "https://")) else "")
    raw = state.get(by)
    one = terms.split(term)
    has = set(one) <= set(terms.split(raw))
    more, less = raw, raw
    for part in one:
        more = terms.add(more, part)
        less = terms.add(less, "!" + part)
    kept = ",".join(part for part in terms.split(raw) if part not in one)
    return Row(
        *figures,
        only=state.link({by: kept if has else term}),
        add="" if has else state.link({by: more}),
        exclude=state.link({by: less}),
        active=has,
    )


def _status(code: str) -> str:
    words = {
        "200": "OK", "301": "Moved", "302": "Found", "304": "Not modified", "400": "Bad request", "401": "Unauthorized",
        "403": "Forbidden", "404": "Not found", "410": "Gone", "418": "Teapot", "429": "Too many requests",
        "500": "Server error", "502": "Bad gateway", "503": "Unavailable",
    }  # fmt: skip
    return f"{code} {words[code]}" if code in words else code
