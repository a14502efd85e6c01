"""A generated journal of visits, in weeks in which clocks are changed."""

import datetime
import json
import random
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from prisme.base.events import DIRECT, NO_UTM, Client, Place, Session, Utm
from prisme.base.timexpr import SECOND
from prisme.journal.record import CustomLine, DownloadLine, Line, OutboundLine, PageviewLine, encode
from prisme.visit.sessions import new_id

UTC = datetime.UTC
ZONES = [UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"))]
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
# Within these weeks, clocks are changed in Europe, America and Australia.
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
# The last two are an own site, as 0.1.0 stored such, and a well-known one.
REFERRERS = [DIRECT, "www.example.org", "news.example.net", "shop.example.com", "www.google.de"]
CLIENTS = [
    Client("Windows", "Firefox", "Other", "desktop"),
    Client("iOS", "Mobile Safari", "iPhone", "mobile"),
    Client("Linux", "Edge", "Other", "tv"),
]
CAMPAIGNS = [
    NO_UTM, NO_UTM, NO_UTM, Utm("letter", "mail", "spring", "", "a"), Utm("letter", "mail", "autumn, late", "x*", ""),
    Utm("Letter"), Utm("chatgpt.com"), Utm("", "cpc"),
]  # fmt: skip
CLICK_IDS = ["", "", "gclid"]
# Some names are in several countries, or both a region and a city.
PLACES = [None, Place("Bavaria", "Paris"), Place("Paris", "Paris"), Place("", "Ås, 100%"), Place("FR-IDF")]
EVENT_NAMES = ["sign_up", "click", "a,b*"]
PROPERTIES = [
    '{"plan":"pro","seats":3}',
    '{"plan":"free"}',
    "{}",
    # With names that come twice.
    r'{"a/b~c":0,"plan":"free","a/b~c":[1,{"x":null}],"pl\u0061n":null}',
    '{"":true,"a~1b":2,"seats":2,"a~1b":1,"seats":"4"}',
]
URLS = ["https://example.org/a?b=c,d", "https://example.net/*"]


def make_lines(seed: int, sessions: int = 400) -> Iterator[bytes]:
    """Generate a journal: visits of pageviews and events in any order, some of them without a pageview."""
    noise = random.Random(seed)
    for number in range(sessions):
        start = noise.choice([noise.randrange(FIRST, LAST), noise.randrange(FIRST, LAST, HOUR)])
        views, events = noise.choice([(1, 0), (1, 0), (1, 1), (2, 0), (3, 1), (6, 3), (0, 1), (0, 2)])
        steps = ["view"] * views + ["event"] * events
        if noise.random() < 0.4:
            noise.shuffle(steps)
        yield from make_visit(noise, number, start, steps)


def make_visit(noise: random.Random, device: int, start: int, steps: list[str]) -> Iterator[bytes]:
    path, domain = noise.choice(PATHS), noise.choice(DOMAINS)
    visitor = make_visitor(noise, start, domain)
    visit = Session(
        new_id(start, noise.getrandbits(62)),
        domain,
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
        place=PLACES[device % len(PLACES)],
    )
    now = start
    for step in steps:
        path, status = noise.choice(PATHS), noise.choice([200, 200, 404, 500])
        if step == "event":
            visit = visit.act(now)
            yield encode([make_event(noise, device, visit, path)])
        else:
            if visit.pageviews:
                visit = visit.view(path, now, status, visitor)
            else:
                came = noise.choice(REFERRERS), noise.choice(CAMPAIGNS), noise.choice(CLICK_IDS)
                visit = visit.arrive(path, now, status, visitor, *came)
            yield encode([PageviewLine(device, visit)])
        now += noise.randrange(1, HOUR)


def make_visitor(noise: random.Random, start: int, domain: str) -> str:
    """Generate the id of a visitor: a generated one, of the day and the site, or one that the site gave."""
    if noise.random() < 0.25:
        return f"reader-{noise.randrange(20)}"
    seed = f"{start // DAY} {domain} {noise.randrange(4)}"
    return f"prisme_{random.Random(seed).getrandbits(64):016X}"


def make_event(noise: random.Random, device: int, visit: Session, path: str) -> Line:
    url = noise.choice(URLS)
    events: list[Line] = [
        CustomLine(device, visit, path, noise.choice(EVENT_NAMES), noise.choice(PROPERTIES)),
        DownloadLine(device, visit, path, url),
        OutboundLine(device, visit, path, url),
    ]
    return noise.choice(events)


LINES = list(make_lines(7))
VISITORS = sorted({json.loads(line)["session"]["visitor"] for line in LINES})
