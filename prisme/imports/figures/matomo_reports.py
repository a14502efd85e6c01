"""Matomo's reports: which dimension each has, what its values are called, and in which columns its counts are."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prisme.imports import names
from prisme.imports.figures import values
from prisme.imports.figures.records import Record
from prisme.imports.figures.sums import Counts
from prisme.stats.source_names import DIRECT, DIRECT_REFERRER

Pairs = Iterator[tuple[str, str]]

# Names of columns in English, in small letters, which exports with `translateColumnNames=1` have.
ENGLISH: Final = {
    "actions": "nb_actions",
    "avg. time on website": "avg_time_on_site",
    "avg. visit duration (in seconds)": "avg_time_on_site",
    "bounce rate": "bounce_rate",
    "bounces": "bounce_count",
    "clicks": "nb_hits",
    "downloads": "nb_hits",
    "entrances": "entry_nb_visits",
    "events": "nb_events",
    "exits": "exit_nb_visits",
    "hits": "nb_hits",
    "metadata: city_name": "metadata_city_name",
    "metadata: code": "metadata_code",
    "metadata: country": "metadata_country",
    "metadata: region_name": "metadata_region_name",
    "metadata: url": "metadata_url",
    "pageviews": "nb_hits",
    "total events": "nb_events",
    "total time spent by visitors (in seconds)": "sum_visit_length",
    "total time spent by visitors (in seconds) after entering here": "entry_sum_visit_length",
    "unique clicks": "nb_visits",
    "unique downloads": "nb_visits",
    "unique entrances": "entry_nb_uniq_visitors",
    "unique entrances (daily sum)": "sum_daily_entry_nb_uniq_visitors",
    "unique exits": "exit_nb_uniq_visitors",
    "unique exits (daily sum)": "sum_daily_exit_nb_uniq_visitors",
    "unique pageviews": "nb_visits",
    "unique visitors": "nb_uniq_visitors",
    "unique visitors (daily sum)": "sum_daily_nb_uniq_visitors",
    "visits": "nb_visits",
}
_VISITORS: Final = ("nb_uniq_visitors", "sum_daily_nb_uniq_visitors")
_VISITS: Final = {
    "visitors": _VISITORS,
    "sessions": ("nb_visits",),
    "bounces": ("bounce_count",),
    "seconds": ("sum_visit_length",),
}
_UNKNOWN: Final = ("", "-", "xx", "unknown", "others", "/others", "unk", "not set")
_PART: Final = re.compile(r"(.*?) - .*", re.DOTALL)


class Report(NamedTuple):
    """A report: the values of a row by dimension, and the columns that each count may be in, the first one first."""

    name: str
    values: Callable[[Record], Pairs]
    counts: dict[str, tuple[str, ...]]


def read_counts(record: Record, report: Report) -> Counts:
    """The counts of a row. Raises ValueError."""
    found = {ours: values.read_count(record.first(columns)) for ours, columns in report.counts.items()}
    sessions = found.get("sessions")
    # Reports may have rates and averages in place of sums.
    if sessions is not None and "bounces" in found and found["bounces"] is None:
        rate = values.read_number(record.get("bounce_rate"))
        found["bounces"] = values.multiply(None if rate is None else min(rate, 1), sessions)
    if sessions is not None and "seconds" in found and found["seconds"] is None:
        found["seconds"] = values.multiply(values.read_length(record.get("avg_time_on_site")), sessions)
    return Counts(**found)


def _label(record: Record) -> str:
    text = values.clean(record.get("label"))
    return "" if text.lower() in _UNKNOWN or text.endswith(" not defined") else text


def _simple(dimension: str, read: Callable[[str], str]) -> Callable[[Record], Pairs]:
    def one(record: Record) -> Pairs:
        yield dimension, read(_label(record))

    return one


def _named(dimension: str, read: Callable[[str], str]) -> Callable[[Record], Pairs]:
    """Values that are named even where they are not known: `Other`, `XX`."""

    def one(record: Record) -> Pairs:
        yield dimension, read(values.clean(record.get("label")))

    return one


def _pages(dimension: str) -> Callable[[Record], Pairs]:
    """The path of the page's URL, or of the label of a flat report; folders have neither."""

    def one(record: Record) -> Pairs:
        url, label = values.clean(record.get("metadata_url")), _label(record)
        yield dimension, values.read_path(url or (label if label.startswith("/") else ""))

    return one


def _links(dimension: str) -> Callable[[Record], Pairs]:
    def one(record: Record) -> Pairs:
        yield dimension, values.read_link(record.get("metadata_url") or _label(record))

    return one


def _read_websites(record: Record) -> Pairs:
    """Hosts: flat reports have the page behind them."""
    host = values.read_host(_PART.sub(r"\1", _label(record)))
    if values.is_host(host):
        yield "referrer", host
        yield "source", values.read_source(host)


def _read_engines(record: Record) -> Pairs:
    """Search engines, and social networks: flat reports have the keyword, or the page, behind them."""
    name = _PART.sub(r"\1", _label(record))
    yield "source", values.read_source(name) if name else ""


def _read_types(record: Record) -> Pairs:
    channel = values.read_channel(_label(record))
    yield "channel", channel
    if channel == DIRECT:
        yield "source", DIRECT
        yield "referrer", DIRECT_REFERRER


def _read_countries(record: Record) -> Pairs:
    yield "country", values.read_country(record.get("metadata_code") or values.clean(record.get("label")))


def _place(record: Record, column: str) -> str:
    """A region or a city, by columns, or by a label that ends with the country: `Austin, Texas, United States`."""
    parts = values.clean(record.get("label")).split(", ")
    name = values.clean(record.get(column)) or (parts[0] if len(parts) > 1 else "")
    country = values.read_country(record.get("metadata_country") or parts[-1])
    return "" if name.lower() in _UNKNOWN else values.read_place(name, country)


def _read_regions(record: Record) -> Pairs:
    yield "region", _place(record, "metadata_region_name")


def _read_cities(record: Record) -> Pairs:
    yield "city", _place(record, "metadata_city_name")


def _read_days(_: Record) -> Pairs:
    yield "", ""


_PAGES: Final = {"visitors": _VISITORS, "sessions": ("nb_visits",), "pageviews": ("nb_hits",)}
_ENTRIES: Final = {
    "visitors": ("entry_nb_uniq_visitors", "sum_daily_entry_nb_uniq_visitors"),
    "sessions": ("entry_nb_visits",),
    "bounces": ("entry_bounce_count", "bounce_count"),
    "seconds": ("entry_sum_visit_length",),
}
_EXITS: Final = {
    "visitors": ("exit_nb_uniq_visitors", "sum_daily_exit_nb_uniq_visitors"),
    "sessions": ("exit_nb_visits",),
}
_HITS: Final = {"visitors": _VISITORS, "sessions": ("nb_visits",), "events": ("nb_hits",)}
_EVENTS: Final = {"visitors": _VISITORS, "sessions": ("nb_visits",), "events": ("nb_events",)}
# Actions are pageviews, and downloads, clicks and searches; `API.get` has the pageviews alone.
SUMMARY: Final = Report("days", _read_days, {**_VISITS, "pageviews": ("nb_pageviews", "nb_actions")})
_REPORTS: Final = (
    ("Actions.getPageUrls", "Page URLs", _pages("path"), _PAGES),
    ("Actions.getEntryPageUrls", "Entry Pages", _pages("entry-path"), _ENTRIES),
    ("Actions.getExitPageUrls", "Exit Pages", _pages("exit-path"), _EXITS),
    ("Actions.getDownloads", "Downloads", _links("file-download"), _HITS),
    ("Actions.getOutlinks", "Outlinks", _links("outbound-link"), _HITS),
    ("Events.getAction", "Event Actions", _simple("event", str), _EVENTS),
    ("Referrers.getReferrerType", "Channel Type", _read_types, _VISITS),
    ("Referrers.getWebsites", "Websites", _read_websites, _VISITS),
    ("Referrers.getSearchEngines", "Search Engines", _read_engines, _VISITS),
    ("Referrers.getSocials", "Social Networks", _read_engines, _VISITS),
    ("Referrers.getCampaigns", "Campaigns", _simple("utm-campaign", str), _VISITS),
    ("UserCountry.getCountry", "Country", _read_countries, _VISITS),
    ("UserCountry.getRegion", "Region", _read_regions, _VISITS),
    ("UserCountry.getCity", "City", _read_cities, _VISITS),
    ("DevicesDetection.getBrowsers", "Browsers", _named("browser", names.browser), _VISITS),
    ("DevicesDetection.getOsFamilies", "Operating System families", _named("os", names.system), _VISITS),
    ("DevicesDetection.getType", "Device type", _named("device-type", names.device_type), _VISITS),
)
METHODS: Final = {
    "visitssummary.get": SUMMARY,
    "api.get": SUMMARY,
    **{method.lower(): Report(method, read, counts) for method, _, read, counts in _REPORTS},
}
TITLES: Final = {title.lower(): method.lower() for method, title, _, _ in _REPORTS} | {
    "pages": "actions.getpageurls",
    "visits summary": "visitssummary.get",
    "referrer type": "referrers.getreferrertype",
    "browser": "devicesdetection.getbrowsers",
}
