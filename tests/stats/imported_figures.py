"""Random figures of days, as imports bring them, and what they add to a span, summed up in plain Python."""

import datetime
import itertools
import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prisme.base.timexpr import SECOND
from prisme.stats.list_metrics import Figures
from prisme.stats.selection import Span
from prisme.store.database import Database
from tests.stats.lines import DAY, DOMAINS, EVENT_NAMES, FIRST, PATHS, URLS
from tests.stats.oracle import TOP_FIELDS, Made, passes

IMPORTS = ["plausible-1", "ga4-1"]
# The lists of each dimension, with values that visits have and others.
DIMENSIONS = {
    "path": ("top-pages", [*PATHS[:3], "/old"]),
    "entry-path": ("top-entry-pages", [*PATHS[:3], "/old", "/left"]),
    "exit-path": ("top-exit-pages", ["/a", "/old"]),
    "source": ("top-sources", ["Google", "Old news"]),
    "channel": ("top-channels", ["Direct", "Display"]),
    "referrer": ("top-referrers", ["www.example.org", "old.example"]),
    "country": ("top-countries", ["FR", "JP", ""]),
    "region": ("top-regions", ["Bavaria (DE)"]),
    "city": ("top-cities", ["Paris (FR)"]),
    "os": ("top-operating-systems", ["Windows", "BeOS"]),
    "browser": ("top-browsers", ["Firefox", "Opera"]),
    "device": ("top-devices", ["iPhone"]),
    "device-type": ("top-device-types", ["mobile"]),
    "utm-source": ("top-utm-sources", ["letter"]),
    "utm-medium": ("top-utm-mediums", ["mail"]),
    "utm-campaign": ("top-utm-campaigns", ["spring", "old"]),
    "utm-term": ("top-utm-terms", ["x*"]),
    "utm-content": ("top-utm-contents", ["a"]),
    "event": ("top-custom-events", [*EVENT_NAMES, "old"]),
    "outbound-link": ("top-outbound-links", URLS),
    "file-download": ("top-file-downloads", ["https://example.org/old.pdf"]),
}
LISTS = {name: dimension for dimension, (name, _) in DIMENSIONS.items()}


class Row(NamedTuple):
    """A row of the table."""

    imported: str
    domain: str
    day: datetime.date
    dimension: str
    value: str
    visitors: int | None
    sessions: int | None
    pageviews: int | None
    events: int | None
    bounces: int | None
    seconds: int | None


def make_rows(noise: random.Random, days: int = 50) -> list[Row]:
    """Figures of days from before the first line of the journal on, some of them unknown."""
    began = datetime.datetime.fromtimestamp(FIRST // SECOND, datetime.UTC).date() - datetime.timedelta(days=5)
    keys = [("", ""), *((name, value) for name, (_, values) in DIMENSIONS.items() for value in values)]
    rows = []
    for number, imported, domain in itertools.product(range(days), IMPORTS, DOMAINS):
        day = began + datetime.timedelta(days=number)
        for dimension, value in [keys[0], *noise.sample(keys[1:], 5)] if noise.random() < 0.6 else []:
            figures = [None if noise.random() < 0.2 else noise.randrange(1, 500) for _ in range(6)]
            rows.append(Row(imported, domain, day, dimension, value, *figures))
    return rows


def insert(database: Database, rows: Iterable[Row]) -> None:
    """Insert them as an import does, which is a load: of days that begin and end at other times in other zones."""
    rows = list(rows)
    first, last = (pick(row.day for row in rows) for pick in (min, max))
    lowest, highest = at_midnight(first, datetime.UTC) - DAY, at_midnight(last, datetime.UTC) + 2 * DAY
    database.load_log.begin(lowest, highest, {row.domain for row in rows}, is_bounded=True)
    with database.cursor() as cursor:
        cursor.executemany(f"INSERT INTO imported_figures VALUES ({', '.join('?' * len(Row._fields))})", rows)
    database.load_log.end()


def at_midnight(day: datetime.date, zone: datetime.tzinfo) -> int:
    """When a day begins, in microseconds, in a zone that never skips midnight."""
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) * SECOND


def bounds(row: Row, zone: datetime.tzinfo) -> tuple[int, int]:
    return at_midnight(row.day, zone), at_midnight(row.day + datetime.timedelta(days=1), zone)


def choose(rows: Iterable[Row], made: Made, span: Span) -> list[Row]:
    """Those that add to a span, under filters on `domain` and `imported` alone."""
    if set(made) - {"domain", "imported"}:
        return []
    whole = [row for row in rows if span.start <= bounds(row, span.zone)[0] and bounds(row, span.zone)[1] <= span.end]
    return [
        row
        for row in whole
        if passes(made.get("domain", []), row.domain) and passes(made.get("imported", []), row.imported)
    ]


def total(rows: Iterable[Row], name: str) -> int:
    return sum(getattr(row, name) or 0 for row in rows)


def by_bucket(rows: list[Row], span: Span) -> list[list[Row]]:
    """The rows of whole days, by the bucket in which each lies wholly."""
    days = [row for row in rows if row.dimension == ""]
    return [
        [row for row in days if start <= bounds(row, span.zone)[0] and bounds(row, span.zone)[1] <= end]
        for start, end in itertools.pairwise(span.edges)
    ]


def average(own: float, sessions: float, rows: list[Row]) -> float:
    """The average duration of sessions, and of those in rows that know it."""
    timed = [row for row in rows if row.seconds is not None]
    count = sessions + total(timed, "sessions")
    return (own * sessions + total(timed, "seconds")) / count if total(timed, "sessions") else own


def add_rows(name: str, found: dict[str, Figures], rows: list[Row]) -> dict[str, Figures]:
    """A list with what the rows add; of a page, bounces and durations are those of its entries."""
    kind, _ = TOP_FIELDS[name]
    more: dict[str, Figures] = {}
    for row in rows:
        known = row.bounces is not None and row.seconds is not None
        entered = (row.sessions or 0, row.bounces or 0, (row.seconds or 0) * SECOND) if known else (0, 0, 0)
        own: Callable[[int, int, int], tuple[int, ...]] = (
            (lambda *_: (0, 0, 0)) if kind != "session" else (lambda *s: s)
        )
        actions = row.pageviews if kind in ("session", "pageview") else row.events
        if row.dimension == LISTS.get(name):
            figures = Figures(row.value, row.visitors or 0, row.sessions or 0, actions or 0, *own(*entered))
        elif name == "top-pages" and row.dimension == "entry-path":
            figures = Figures(row.value, 0, 0, 0, *entered)
        else:
            continue
        before = more.get(row.value)
        more[row.value] = figures if before is None else before.add(figures)
    both = {
        key: found[key].add(more[key]) if key in found and key in more else found.get(key) or more[key]
        for key in {**found, **more}
    }
    return {key: row for key, row in both.items() if key and (name != "top-pages" or row.actions)}
