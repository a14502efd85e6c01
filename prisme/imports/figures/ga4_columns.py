"""GA4's columns, by their English names: which of our dimensions and counts they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prisme.imports import names
from prisme.imports.figures import values
from prisme.imports.figures.records import Columns, Record
from prisme.imports.figures.sums import Counts
from prisme.stats.source_names import DIRECT, DIRECT_REFERRER

Pairs = Iterable[tuple[str, str]]
Read = Callable[[Record], Pairs]

# The columns that say a row's day; the second has the days since the start of the report.
DAYS: Final = frozenset({"date", "nth day"})
HOST: Final = "hostname"
_VIEWS: Final = "views"
_SESSIONS: Final = "sessions"
_ENGAGED: Final = "engaged sessions"
_BOUNCES: Final = "bounce rate"
_LENGTH: Final = "average session duration"
_EVENTS: Final = "event count"
# Of people: the first that a report has.
_USERS: Final = ("total users", "active users", "users")
_METRICS: Final = frozenset({_VIEWS, _SESSIONS, _ENGAGED, _BOUNCES, _LENGTH, _EVENTS, *_USERS})
# Where the metrics of a section begin is known by these as well.
_OTHER_METRICS: Final = frozenset(
    {
        "average engagement time per active user", "average engagement time per session", "engagement rate",
        "engaged sessions per active user", "entrances", "exits", "key events", "new users", "returning users",
        "total revenue", "user engagement", "views per active user", "views per session",
    }
)  # fmt: skip
_PAGES: Final = frozenset({"page path", "page path and screen class", "page path + query string", "page location"})
# Events that GA4 makes of every visit and pageview.
_OWN_EVENTS: Final = ("page_view", "session_start", "first_visit", "user_engagement")
# What GA4 has where it knows no value, and where it sums up all others.
_UNKNOWN: Final = ("(not set)", "(data not available)", "(other)", "")
_NO_MEDIUM: Final = ("(none)", *_UNKNOWN)
# Mediums that GA4 makes itself: no link has them in `utm_medium`.
_OWN_MEDIUMS: Final = ("organic", "referral", *_NO_MEDIUM)


class Measured(NamedTuple):
    """The counts of a row, and its events: GA4 counts pageviews and its own events among these."""

    counts: Counts
    events: int | None


class Section(NamedTuple):
    """What the header of a section says: its columns, those that tell dimensions, and how to read their values.

    In a section `by_hit`, one visit has several rows: only pageviews may be summed up over them.
    """

    columns: Mapping[str, int]
    named: frozenset[str]
    readers: tuple[Read, ...]
    by_hit: bool

    def values(self, record: Record) -> dict[str, str]:
        """The values of a row by dimension; of those that several columns tell, the first one that is known."""
        if not self.named:
            return {"": ""}
        found: dict[str, str] = {}
        for read in self.readers:
            for dimension, value in read(record):
                if value:
                    found.setdefault(dimension, value)
        return found

    def counts(self, measured: Measured, dimension: str) -> Counts:
        """The counts of a row that may be summed up for a dimension."""
        counts, events = measured
        if dimension == "event":
            return Counts(counts.visitors, events=events)
        if dimension == "path":
            return Counts(counts.visitors, counts.sessions, counts.pageviews)
        return Counts(pageviews=counts.pageviews) if self.by_hit else counts


def read_header(cells: Sequence[str]) -> Section | None:
    """The section below a header; None where it has no dimension, or no metric, of which there are figures."""
    columns = Columns(cells)
    if not columns.keys() & _METRICS:
        return None
    found = [(needed, read) for needed, read in _DIMENSIONS if all(name in columns for name in needed)]
    named = frozenset(name for needed, _ in found for name in needed)
    # Dimensions come first, known or not.
    first = min(place for name, place in columns.items() if name in _METRICS | _OTHER_METRICS)
    unknown = {name for name, place in columns.items() if place < first} - named - DAYS - {HOST}
    if "event name" in named:
        return Section(columns, named, (_read_event,), by_hit=True)
    if not named and (unknown or not columns.keys() & DAYS):
        return None
    return Section(columns, named, tuple(read for _, read in found), by_hit=bool(unknown or named & _PAGES))


def read_counts(record: Record) -> Measured:
    """The counts of a row. Raises ValueError."""
    sessions = values.read_count(record.get(_SESSIONS))
    engaged = values.read_count(record.get(_ENGAGED))
    rate, length = values.read_number(record.get(_BOUNCES)), values.read_length(record.get(_LENGTH))
    bounces = seconds = None
    if sessions is not None:
        if engaged is not None:
            bounces = max(sessions - engaged, 0)
        else:
            bounces = values.multiply(None if rate is None else min(rate, 1), sessions)
        seconds = values.multiply(length, sessions)
    counts = Counts(
        visitors=values.read_count(record.first(_USERS)),
        sessions=sessions,
        pageviews=values.read_count(record.get(_VIEWS)),
        bounces=bounces,
        seconds=seconds,
    )
    return Measured(counts, values.read_count(record.get(_EVENTS)))


def _text(record: Record, column: str) -> str:
    text = values.clean(record.get(column))
    return "" if text in _UNKNOWN else text


def _simple(column: str, dimension: str, read: Callable[[str], str] = str) -> Read:
    def one(record: Record) -> Pairs:
        text = _text(record, column)
        yield dimension, read(text) if text else ""

    return one


def _named(column: str, dimension: str, read: Callable[[str], str]) -> Read:
    """Values that are named even where they are not known: `Other`, `XX`; but not those that were summed up."""

    def one(record: Record) -> Pairs:
        yield dimension, "" if record.get(column) == "(other)" else read(_text(record, column))

    return one


def _place(column: str, country: str, dimension: str) -> Read:
    def one(record: Record) -> Pairs:
        yield dimension, values.read_place(_text(record, column), values.read_country(_text(record, country)))

    return one


def _source(source_column: str, medium_column: str) -> Read:
    return lambda record: _describe(_text(record, source_column), values.clean(record.get(medium_column)))


def _pair(column: str) -> Read:
    """Of a column such as `google / organic`."""

    def one(record: Record) -> Pairs:
        source, _, medium = values.clean(record.get(column)).partition(" / ")
        return _describe("" if source in _UNKNOWN else source, medium)

    return one


def _describe(text: str, medium: str) -> Pairs:
    """What a source and its medium say: the referrer of links without a campaign, else the campaign's parameters."""
    if not text:
        return
    source = values.read_source(text)
    yield "source", source
    yield "channel", values.derive_channel(source, "" if medium in _NO_MEDIUM else medium)
    if source == DIRECT:
        yield "referrer", DIRECT_REFERRER
    elif medium == "referral" and values.is_host(text):
        yield "referrer", values.read_host(text)
    elif medium not in _OWN_MEDIUMS:
        yield "utm-source", text
        yield "utm-medium", medium


def _campaign(column: str) -> Read:
    """Campaigns, without those that GA4 makes of other visits: `(direct)`, `(organic)`, `(referral)`."""

    def one(record: Record) -> Pairs:
        text = _text(record, column)
        yield "utm-campaign", "" if text.startswith("(") and text.endswith(")") else text

    return one


def _read_event(record: Record) -> Pairs:
    name = _text(record, "event name")
    yield "event", "" if name in _OWN_EVENTS else name


def _make_dimensions() -> Iterator[tuple[tuple[str, ...], Read]]:
    """The columns that are needed, and how to read them; those that say more come first."""
    for column in sorted(_PAGES):
        yield (column,), _simple(column, "path", values.read_path)
    for column in ("landing page", "landing page + query string"):
        yield (column,), _simple(column, "entry-path", values.read_path)
    for group in ("default channel group", "primary channel group (default channel group)"):
        for column in (f"session {group}", group):
            yield (column,), _simple(column, "channel", values.read_channel)
    for prefix in ("session ", "session manual ", "manual ", ""):
        pair, source, medium = f"{prefix}source / medium", f"{prefix}source", f"{prefix}medium"
        yield (pair,), _pair(pair)
        yield (source, medium), _source(source, medium)
        yield (source,), _simple(source, "source", values.read_source)
        for column in (f"{prefix}campaign", f"{prefix}campaign name"):
            yield (column,), _campaign(column)
        yield (f"{prefix}term",), _simple(f"{prefix}term", "utm-term")
        yield (f"{prefix}ad content",), _simple(f"{prefix}ad content", "utm-content")
    for country in ("country id", "country"):
        yield (country,), _named(country, "country", values.read_country)
        yield ("region", country), _place("region", country, "region")
        yield ("city", country), _place("city", country, "city")
    yield ("browser",), _named("browser", "browser", names.browser)
    yield ("operating system",), _named("operating system", "os", names.system)
    yield ("device category",), _named("device category", "device-type", names.device_type)
    yield ("event name",), _read_event


_DIMENSIONS: Final = tuple(_make_dimensions())
