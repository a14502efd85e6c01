"""Each figure against the same journal's lines, counted in plain Python, for any filters, spans and zones."""

import datetime
import itertools
import json
import random
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prisme.base import uri
from prisme.base.events import DIRECT, NO_UTM, Client, Session, Utm
from prisme.base.timexpr import INTERVALS, SECOND, Interval, edges
from prisme.base.uuids import uuid7
from prisme.journal.record import CustomLine, DownloadLine, Line, OutboundLine, PageviewLine, encode
from prisme.journal.segment import Segment, segment_path
from prisme.stats import filters
from prisme.stats.answers import FRAMES, draw
from prisme.stats.asked import Asked
from prisme.stats.frames import Frame
from prisme.stats.kept import Kept
from prisme.stats.queries import SERIES, TOPS, WEEK, Page, Span, Stats
from prisme.store.database import Database, Limits
from prisme.store.loader import Loader
from prisme.store.reader import LateError, Reader

UTC = datetime.UTC
ZONES = [UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"))]
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
# In these weeks, clocks are set in Europe, America and Australia.
FIRST = int(datetime.datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * SECOND
LAST = FIRST + 40 * DAY

DOMAINS = ["example.com", "shop.example.com:8080"]
PATHS = [
    "/",
    "/a",
    "/a/b",
    "/blog/100%25",
    "/blog/a_b",
    "/blog/a,b",
    "/blog/*",
    "/!x",
    "/back%5Cslash",
    "/caf%C3%A9/%D1%87%D0%B0%D0%B9",
]
REFERRERS = [DIRECT, "www.example.org", "news.example.net"]
CLIENTS = [
    Client("Windows", "Firefox", "Other", "desktop"),
    Client("iOS", "Mobile Safari", "iPhone", "mobile"),
    Client("Linux", "Edge", "Other", "tv"),
]
CAMPAIGNS = [NO_UTM, NO_UTM, Utm("letter", "mail", "spring", "", "a"), Utm("letter", "mail", "autumn, late", "x*", "")]
EVENT_NAMES = ["sign_up", "click", "a,b*"]
PROPERTIES = [
    '{"plan":"pro","seats":3}',
    '{"plan":"free"}',
    "{}",
    '{"a/b~c":[1,{"x":null}],"plan":null}',
    '{"":true,"a~1b":1}',
]
URLS = ["https://example.org/a?b=c,d", "https://example.net/*"]


def make_lines(seed: int, sessions: int = 400) -> Iterator[bytes]:
    """A journal: visits of pageviews and events in any order; some begin with an event, some have no pageview."""
    noise = random.Random(seed)
    for number in range(sessions):
        start = noise.choice([noise.randrange(FIRST, LAST), noise.randrange(FIRST, LAST, HOUR)])
        views, events = noise.choice([(1, 0), (1, 0), (1, 1), (2, 0), (3, 1), (6, 3), (0, 1), (0, 2)])
        steps = ["view"] * views + ["event"] * events
        if noise.random() < 0.4:
            noise.shuffle(steps)
        yield from make_visit(noise, number, start, steps)


def make_visit(noise: random.Random, device: int, start: int, steps: list[str]) -> Iterator[bytes]:
    path, visitor = noise.choice(PATHS), f"prisme_{noise.randrange(150):016X}"
    visit = Session(
        uuid7(start, noise.getrandbits(62)),
        noise.choice(DOMAINS),
        start,
        path,
        start,
        path,
        200,
        visitor,
        noise.choice(CLIENTS),
        noise.choice(["FR", "DE", "XX"]),
        DIRECT,
        NO_UTM,
        0,
        0,
    )
    now = start
    for step in steps:
        path, status = noise.choice(PATHS), noise.choice([200, 200, 404, 500])
        if step == "event":
            visit = visit.act(now)
            yield encode(make_event(noise, device, visit, path))
        else:
            if visit.pageviews:
                visit = visit.view(path, now, status, visitor)
            else:
                visit = visit.arrive(path, now, status, visitor, noise.choice(REFERRERS), noise.choice(CAMPAIGNS))
            yield encode(PageviewLine(device, visit))
        now += noise.randrange(1, HOUR)


def make_event(noise: random.Random, device: int, visit: Session, path: str) -> Line:
    url = noise.choice(URLS)
    events: list[Line] = [
        CustomLine(device, visit, path, noise.choice(EVENT_NAMES), noise.choice(PROPERTIES)),
        DownloadLine(device, visit, path, url),
        OutboundLine(device, visit, path, url),
    ]
    return noise.choice(events)


# ----- the same in plain Python


class Journal:
    """What the lines say: newest state of each session, and the rows of each kind with their times."""

    def __init__(self, lines: list[bytes]) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in map(json.loads, lines):
            state = line["session"]
            self.sessions[state["uuid"]] = state
            self.rows[line["kind"]].append(state | {"path": state["exit_path"]} | line | {"at": state["exit"]})

    def views_of(self, uuid: str) -> list[dict[str, Any]]:
        return [row for row in self.rows["pageview"] if row["uuid"] == uuid]

    def events_of(self, uuid: str) -> list[dict[str, Any]]:
        return [row for row in self.rows["custom"] if row["uuid"] == uuid]


class Term(NamedTuple):
    """One term of a filter, as a generator makes it: `parts` are between the stars."""

    negated: bool
    parts: tuple[str, ...]

    def __str__(self) -> str:
        text = "*".join(re.sub(r"([\\,*])", r"\\\1", part) for part in self.parts)
        return ("!" if self.negated else "\\" if text.startswith("!") else "") + text

    def fits(self, text: str) -> bool:
        """By trying each place for each part, from the left."""
        head, *rest = self.parts
        if not rest:
            return text == head
        if not text.startswith(head):
            return False
        return any(Term(False, tuple(rest)).fits(text[cut:]) for cut in range(len(head), len(text) + 1))


Made = dict[str, list[Term]]


def passes(terms: list[Term], text: str) -> bool:
    wanted = [term for term in terms if not term.negated]
    return not any(term.fits(text) for term in terms if term.negated) and (
        not wanted or any(term.fits(text) for term in wanted)
    )


FIELDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "domain": itemgetter("domain"),
    "entry-path": itemgetter("entry_path"),
    "exit-path": itemgetter("exit_path"),
    "referrer": itemgetter("referrer"),
    "country": itemgetter("country"),
    "os": lambda state: state["client"]["os"],
    "browser": lambda state: state["client"]["browser"],
    "device": lambda state: state["client"]["device"],
    "device-type": lambda state: state["client"]["type"],
    "utm-source": lambda state: state["utm"].get("source", ""),
    "utm-medium": lambda state: state["utm"].get("medium", ""),
    "utm-campaign": lambda state: state["utm"].get("campaign", ""),
    "utm-term": lambda state: state["utm"].get("term", ""),
    "utm-content": lambda state: state["utm"].get("content", ""),
}


def as_stored(name: str, term: Term) -> Term:
    """A term on paths as the URLs that it is of would be stored."""
    if "path" not in name:
        return term
    if len(term.parts) == 1 and term.parts[0].startswith("/"):
        url = uri.parse(b"http://localhost" + term.parts[0].encode())
        assert url
        return Term(term.negated, (url.path,))
    return Term(term.negated, tuple(map(escape, term.parts)))


def escape(text: str) -> str:
    """A part of a path: escapes in one form, and what has to be escaped."""
    parts = re.split(r"(%[0-9A-Fa-f]{2})", text)
    safe = "!$&'()*+,;=:@/"
    texts, escapes = (quote(part, safe) for part in parts[::2]), (quote(unquote(part), "") for part in parts[1::2])
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(texts, escapes, fillvalue="")))


class Oracle:
    """Which sessions and rows some filters leave, and what is counted of them."""

    def __init__(self, journal: Journal, made: Made) -> None:
        self.journal, self.made = journal, {name: [as_stored(name, term) for term in made[name]] for name in made}
        self.left = {uuid for uuid, state in journal.sessions.items() if self._has_fields(state)}
        if {"path", "status"} & set(made):
            self.left &= {row["uuid"] for row in journal.rows["pageview"] if self.view_counts(row)}
        if "event" in made:
            self.left &= {row["uuid"] for row in journal.rows["custom"] if passes(made["event"], row["name"])}

    def _has_fields(self, state: dict[str, Any]) -> bool:
        return all(passes(terms, FIELDS[name](state)) for name, terms in self.made.items() if name in FIELDS)

    def view_counts(self, row: dict[str, Any]) -> bool:
        return passes(self.made.get("path", []), row["path"]) and passes(
            self.made.get("status", []), str(row["status"])
        )

    def sessions(self, start: int, end: int) -> list[dict[str, Any]]:
        states = (self.journal.sessions[uuid] for uuid in self.left)
        return [state | {"at": state["entry"]} for state in states if start <= state["entry"] < end]

    def rows(self, kind: str, start: int, end: int) -> list[dict[str, Any]]:
        rows = [row for row in self.journal.rows[kind] if row["uuid"] in self.left and start <= row["at"] < end]
        if kind == "pageview":
            return [row for row in rows if self.view_counts(row)]
        if kind == "custom":
            return [row for row in rows if passes(self.made.get("event", []), row["name"])]
        return rows

    def series(self, name: str, span: Span) -> list[float]:
        if name in {"sessions", "bounces", "sessions-duration"}:
            source = self.sessions(span.start, span.end)
        else:
            kinds = ("custom", "download", "outbound") if name == "events" else ("pageview",)
            source = [row for kind in kinds for row in self.rows(kind, span.start, span.end)]
        buckets: list[list[dict[str, Any]]] = [[] for _ in span.edges[1:]]
        for row in source:
            buckets[bisect_right(span.edges, row["at"]) - 1].append(row)
        return [self.figure(name, rows) for rows in buckets]

    def total(self, name: str, span: Span) -> float:
        (value,) = self.series(name, Span(span.start, span.end, [span.start, max(span.end, span.start + 1)]))
        return value

    def figure(self, name: str, rows: list[dict[str, Any]]) -> float:
        values: dict[str, Callable[[list[dict[str, Any]]], float]] = {
            "visitors": lambda rows: len({row["visitor"] for row in rows}),
            "sessions": len,
            "pageviews": len,
            "events": len,
            "bounces": lambda rows: sum(row["pageviews"] <= 1 and not row["events"] for row in rows),
            "sessions-duration": lambda rows: (
                sum(row["exit"] - row["entry"] for row in rows) / SECOND / (len(rows) or 1)
            ),
        }
        return values[name](rows)

    def top(self, name: str, start: int, end: int) -> Counter[str]:
        kind, key = TOP_FIELDS[name]
        source = self.sessions(start, end) if kind == "session" else self.rows(kind, start, end)
        return Counter(text for text in map(key, source) if text)


TOP_FIELDS: dict[str, tuple[str, Any]] = {
    "top-pages": ("pageview", lambda row: row["path"]),
    "top-statuses": ("pageview", lambda row: str(row["status"])),
    "top-custom-events": ("custom", lambda row: row["name"]),
    "top-outbound-links": ("outbound", lambda row: row["url"]),
    "top-file-downloads": ("download", lambda row: row["url"]),
    **{
        f"top-{plural}": ("session", FIELDS[name])
        for plural, name in {
            "entry-pages": "entry-path",
            "exit-pages": "exit-path",
            "referrers": "referrer",
            "countries": "country",
            "operating-systems": "os",
            "browsers": "browser",
            "devices": "device",
            "device-types": "device-type",
            **{f"utm-{part}s": f"utm-{part}" for part in ("source", "medium", "campaign", "term", "content")},
        }.items()
    },
}


# ----- the store


LINES = list(make_lines(7))
JOURNAL = Journal(LINES)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with the journal's lines, in segments as they come."""
    folder = tmp_path_factory.mktemp("stats")
    database = Database(folder / "prisme.duckdb", Limits(256 << 20, 2), folder / "tmp")
    loader = Loader(database, 1_000)
    size = len(LINES) // 5
    for number in range(1, 7):
        segment = Segment(number, segment_path(folder, number))
        segment.path.write_bytes(b"".join(LINES[(number - 1) * size : number * size]))
        loader.load(segment, LAST)
    loader.close()
    yield database
    database.close()


@pytest.fixture(scope="module")
def reader(database: Database) -> Iterator[Reader]:
    with Reader(database, 3600.0) as reader:
        yield reader


@pytest.fixture(scope="module")
def stats(reader: Reader) -> Stats:
    return Stats(reader, None)


# ----- what is asked


def terms(texts: list[str]) -> st.SearchStrategy[list[Term]]:
    """Filters that match some of these texts, all or none."""
    whole = st.sampled_from(texts).map(lambda text: (text,))
    cut = st.sampled_from(texts).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda middle: (text[:middle], text[middle:]))
    )
    prefix = st.sampled_from(texts).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: (text[:end], "")))
    any_ = st.lists(st.text("/ab%_*!,\\x0", max_size=3), min_size=1, max_size=3).map(tuple)
    decoded = st.sampled_from(texts).map(lambda text: (unquote(text),))
    made = st.builds(Term, st.booleans(), whole | cut | prefix | any_ | decoded)
    # A term without any text is the empty text; the whole filter may not be empty, as that is none.
    return st.lists(made, min_size=1, max_size=3).filter(lambda made: ",".join(map(str, made)) != "")


VALUES = {
    "domain": DOMAINS,
    "path": PATHS,
    "entry-path": PATHS,
    "exit-path": PATHS,
    "referrer": REFERRERS,
    "os": [client.os for client in CLIENTS],
    "browser": [client.browser for client in CLIENTS],
    "device": [client.device for client in CLIENTS],
    "device-type": [client.type for client in CLIENTS],
    "country": ["FR", "DE", "XX"],
    "utm-source": ["letter", ""],
    "utm-medium": ["mail", ""],
    "utm-campaign": ["spring", "autumn, late", ""],
    "utm-term": ["x*", ""],
    "utm-content": ["a", ""],
    "event": EVENT_NAMES,
    "status": ["200", "404", "500"],
}
made_filters = st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: terms(VALUES[name]) for name in names})
)
spans = st.tuples(st.integers(FIRST - DAY, LAST), st.integers(0, 42 * DAY)).map(lambda drawn: (drawn[0], sum(drawn)))
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(made: Made) -> filters.Filters:
    return filters.read({name: ",".join(map(str, one)) for name, one in made.items()})


def span_of(start: int, end: int, interval: Interval, zone: datetime.tzinfo) -> Span:
    return Span(start, end, edges(start, end, interval, zone, 100_000))


def test_every_name_is_known_to_the_oracle() -> None:
    assert set(TOP_FIELDS) == set(TOPS)
    assert set(VALUES) == set(filters.NAMES)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("interval", INTERVALS[1:])
@pytest.mark.parametrize("name", SERIES)
def test_whole_series_are_counted(stats: Stats, name: str, interval: Interval, zone: datetime.tzinfo) -> None:
    span = span_of(FIRST, LAST + DAY, interval, zone)
    assert stats.series([name], {}, span)[name].frame.values == pytest.approx(Oracle(JOURNAL, {}).series(name, span))


@pytest.mark.parametrize("name", TOPS)
def test_whole_tops_are_counted(stats: Stats, name: str) -> None:
    """Of a day each, where many are equally frequent."""
    for start in range(FIRST, LAST, DAY):
        counts = Oracle(JOURNAL, {}).top(name, start, start + DAY)
        expected = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))
        frame = stats.tops([name], {}, Span(start, start + DAY, []), Page(100))[name]
        assert list(zip(frame.keys, frame.values, strict=True)) == expected


@given(made_filters, spans, st.sampled_from(INTERVALS[1:]), st.sampled_from(ZONES), st.sampled_from(sorted(SERIES)))
@many
def test_series_are_counted(
    stats: Stats, made: Made, times: tuple[int, int], interval: Interval, zone: datetime.tzinfo, name: str
) -> None:
    span = span_of(*times, interval, zone)
    frame, total = stats.series([name], read(made), span)[name]
    assert total == pytest.approx(Oracle(JOURNAL, made).total(name, span))
    assert frame.keys == [edge // SECOND for edge in span.edges[:-1]]
    assert frame.values == pytest.approx(Oracle(JOURNAL, made).series(name, span))
    assert (frame.start, frame.end) == (span.start // SECOND, span.end // SECOND)


@given(made_filters, spans, st.sampled_from(sorted(TOPS)), st.integers(0, 8), st.integers(0, 8))
@many
def test_tops_are_counted(stats: Stats, made: Made, times: tuple[int, int], name: str, limit: int, offset: int) -> None:
    counts = Oracle(JOURNAL, made).top(name, *times)
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[offset : offset + limit]
    frame = stats.tops([name], read(made), Span(*times, []), Page(limit, offset))[name]
    assert list(zip(frame.keys, frame.values, strict=True)) == expected


@given(made_filters, spans)
@settings(many, max_examples=30)
def test_events_are_those_of_the_three_lists(stats: Stats, made: Made, times: tuple[int, int]) -> None:
    asked, names = read(made), ("top-custom-events", "top-outbound-links", "top-file-downloads")
    total = stats.series(["events"], asked, span_of(*times, "day", UTC))["events"].total
    lists = stats.tops(names, asked, Span(*times, []), Page(100))
    assert total == sum(sum(frame.values) for frame in lists.values())


def test_visits_without_a_pageview(stats: Stats) -> None:
    """They count as visits, not as bounces and not as visitors, and no filter of pageviews finds them."""
    alone = [state for state in JOURNAL.sessions.values() if not state["pageviews"]]
    late = [rows[0] for state in JOURNAL.sessions.values() if (rows := JOURNAL.views_of(state["uuid"]))]
    assert len(alone) > 20
    assert any(row["events"] for row in late), "an event began it, and its pageview came later"
    for state in alone:
        # From before the event to after it, that visit and a few more.
        span = Span(state["entry"], state["entry"] + 1, [state["entry"], state["entry"] + 1])
        totals = {name: one.total for name, one in stats.series(SERIES, {}, span).items()}
        if totals["sessions"] == 1:
            assert totals == {
                "visitors": 0,
                "sessions": 1,
                "pageviews": 0,
                "events": 1,
                "bounces": 0,
                "sessions-duration": (state["exit"] - state["entry"]) / SECOND,
            }
            assert stats.tops(["top-entry-pages"], {}, span, Page())["top-entry-pages"].values == [1]
            for by in ({"path": "*"}, {"path": "!/x"}, {"status": "*"}):
                assert stats.series(["sessions"], filters.read(by), span)["sessions"].total == 0


@given(made_filters, spans, st.integers(1, 4), st.integers(0, 3))
@settings(many, max_examples=30)
def test_many_at_once_are_the_same(stats: Stats, made: Made, times: tuple[int, int], limit: int, offset: int) -> None:
    asked, page = read(made), Page(limit, offset)
    span = span_of(*times, "day", ZONES[1])
    assert stats.tops(TOPS, asked, span, page) == {name: stats.tops([name], asked, span, page)[name] for name in TOPS}
    together = stats.series(SERIES, asked, span)
    assert list(together) == list(SERIES)
    for name, (frame, total) in together.items():
        alone = stats.series([name], asked, span)[name]
        assert [*frame.values, total] == pytest.approx([*alone.frame.values, alone.total])


@pytest.mark.parametrize("name", ["", "plan", "seats", "a/b~c", "a~1b", "lost"])
@given(made=made_filters, times=spans)
@example(made={}, times=(FIRST, LAST))
@settings(many, max_examples=30)
def test_properties_are_counted(stats: Stats, name: str, made: Made, times: tuple[int, int]) -> None:
    rows = [json.loads(row["properties"]) for row in Oracle(JOURNAL, made).rows("custom", *times)]
    if name:
        values = [row[name] for row in rows if row.get(name) is not None]
        counts = Counter(
            value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) for value in values
        )
    else:
        counts = Counter(key for row in rows for key in row)
    frame = stats.properties(read(made), Span(*times, []), Page(100), name)
    assert dict(zip(frame.keys, frame.values, strict=True)) == counts


@given(made_filters, spans, st.sampled_from(ZONES))
@many
def test_weeks_are_counted(stats: Stats, made: Made, times: tuple[int, int], zone: datetime.tzinfo) -> None:
    expected: Counter[str] = Counter()
    for row in Oracle(JOURNAL, made).rows("pageview", *times):
        there = datetime.datetime.fromtimestamp(row["at"] // SECOND, UTC).astimezone(zone)
        expected[f"{there.isoweekday()}-{there:%H}"] += 1
    frame = stats.week(read(made), Span(*times, []), zone)
    assert frame.keys == WEEK
    assert {key: value for key, value in zip(frame.keys, frame.values, strict=True) if value} == expected


@given(made_filters, st.integers(FIRST, LAST))
@many
def test_live_visitors_are_counted(stats: Stats, made: Made, now: int) -> None:
    oracle = Oracle(JOURNAL, made)
    kinds = ("pageview", "custom", "download", "outbound")
    rows = itertools.chain.from_iterable(oracle.rows(kind, now - 5 * 60 * SECOND, now + 1) for kind in kinds)
    frame = stats.live(read(made), now)
    assert (frame.keys, frame.values) == ([now // SECOND], [len({row["visitor"] for row in rows})])


@pytest.mark.parametrize("kind", ["pageview", "custom", "download", "outbound"])
def test_a_visitor_is_live_for_five_minutes(stats: Stats, kind: str) -> None:
    def live(now: int) -> float:
        return stats.live(filters.read({"domain": DOMAINS[0]}), now).values[0]

    rows = sorted(JOURNAL.rows[kind], key=itemgetter("at"))
    alone = [row for row in rows if row["domain"] == DOMAINS[0] and not live(row["at"] - 1) and row["at"] < LAST]
    assert alone
    for row in alone[:20]:
        assert live(row["at"]) >= 1
        assert live(row["at"] + 300 * SECOND) >= 1
        later = [other["at"] for rows in JOURNAL.rows.values() for other in rows if other["domain"] == DOMAINS[0]]
        if not any(row["at"] < at <= row["at"] + 301 * SECOND for at in later):
            assert live(row["at"] + 300 * SECOND + 1) == 0


@given(made_filters, spans, spans, st.sampled_from(ZONES[1:]), st.integers(1, 20))
@settings(many, max_examples=20)
def test_a_page_has_the_same_figures(
    database: Database,
    stats: Stats,
    made: Made,
    times: tuple[int, int],
    other: tuple[int, int],
    zone: datetime.tzinfo,
    limit: int,
) -> None:
    assert isinstance(zone, ZoneInfo)
    span, compared = span_of(*times, "day", zone), span_of(*other, "day", zone)
    question = Asked(span, zone, "day", Page(limit), "", read(made), compared)
    alone = {name: answer(stats, question, LAST) for name, answer in FRAMES.items()}
    page = draw(stats, question, LAST, Kept(database))
    single = {**page.series, **page.tops, "custom-properties": page.custom_properties}
    assert {**single, "weekday-hours": page.weekday_hours}.keys() == alone.keys() - {"live-visitors"}
    for name, frame in single.items():
        assert (frame.start, frame.end, frame.keys) == (alone[name].start, alone[name].end, alone[name].keys)
        assert frame.values == pytest.approx(alone[name].values)
    assert page.weekday_hours == alone["weekday-hours"]
    assert [page.live_visitors] == alone["live-visitors"].values
    oracle = Oracle(JOURNAL, made)
    assert page.totals == pytest.approx({name: oracle.total(name, span) for name in SERIES})
    assert page.compared_totals == pytest.approx({name: oracle.total(name, compared) for name in SERIES})
    assert page.compared_series is not None
    for name, frame in page.compared_series.items():
        assert frame.values == pytest.approx(oracle.series(name, compared))


def test_nothing_beyond_ones_domains_is_counted(reader: Reader) -> None:
    """For each domain, what the filter by that domain gives to who may see all."""
    every, some = Stats(reader, None), Stats(reader, DOMAINS[:1])
    span = span_of(FIRST, LAST, "week", UTC)
    alone = filters.read({"domain": DOMAINS[0]})
    assert some.series(SERIES, {}, span) == every.series(SERIES, alone, span) != every.series(SERIES, {}, span)
    assert some.tops(TOPS, {}, span, Page()) == every.tops(TOPS, alone, span, Page())
    assert some.properties({}, span, Page()) == every.properties(alone, span, Page())
    assert some.week({}, span, UTC) == every.week(alone, span, UTC)
    assert some.live({}, FIRST + DAY) == every.live(alone, FIRST + DAY)
    other = filters.read({"domain": DOMAINS[1]})
    assert all(one.total == 0 for one in some.series(SERIES, other, span).values())


@pytest.mark.parametrize(
    ("text", "includes", "excludes"),
    [
        ("a", [("a",)], []),
        ("a,b", [("a",), ("b",)], []),
        ("!a", [], [("a",)]),
        ("a*,!b", [("a", "")], [("b",)]),
        ("*", [("", "")], []),
        (r"a\,b\*\!\\", [("a,b*!\\",)], []),
        (r"\!a", [("!a",)], []),
        ("a!b", [("a!b",)], []),
        ("a,", [("a",), ("",)], []),
        ("!", [], [("",)]),
        ("a\nb*\n", [("a\nb", "\n")], []),
    ],
)
def test_filters_are_read(text: str, includes: list[tuple[str, ...]], excludes: list[tuple[str, ...]]) -> None:
    assert filters.read({"event": text}) == {"event": filters.Filter(tuple(includes), tuple(excludes))}


def test_only_filters_are_filters() -> None:
    assert filters.read({"path": "", "limit": "3", "from": "now-1d"}) == {}


@pytest.mark.parametrize("text", ["a\\", "x" * 8193, ",".join("a" * 501), "a" + "*a" * 9])
def test_wrong_filters_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^utm-term: such as utm-term=a,b\* or utm-term=!c; "):
        filters.read({"utm-term": text})


def test_questions_end_at_their_deadline(database: Database) -> None:
    slow = "SELECT count(*) FROM range($n) AS a, range($n) AS b WHERE a.range % 7 = b.range % 11"
    with Reader(database, 0.2) as reader:
        assert reader.ask("SELECT $n", {"n": 1}) == [(1,)]
        with pytest.raises(LateError, match=r"^the answer took over 0\.2 s: "):
            reader.ask(slow, {"n": 10**7})
        with pytest.raises(LateError):  # none of its other questions is begun
            reader.ask("SELECT $n", {"n": 1})
    with Reader(database, 60) as reader:
        assert reader.ask("SELECT $n", {"n": 1}) == [(1,)]


def test_csv_has_a_head_and_quotes() -> None:
    frame = Frame(0, 60, ["/a", '/b,"c"', "=1+1"], [3, 2, 1.5])
    assert frame.to_csv() == 'key,value\r\n/a,3\r\n"/b,""c""",2\r\n=1+1,1.5\r\n'
