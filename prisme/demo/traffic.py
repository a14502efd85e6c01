"""Random visits to a few sites, as browsers would send them. The same seed and period always give the same events."""

import heapq
import itertools
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from random import Random
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
SITE: Final = "demo.example.com"
SHOP: Final = "shop.example.com"
# A small one, and one that has moved and is visited no longer.
NOTES: Final = "notes.example.org"
OLD: Final = "planner.example.net"
SITES: Final = (SITE, SHOP, NOTES, OLD)
# The share of visits of each site, and the part of the period at whose end the old one moved: of 90 days,
# the last 28 are as empty as the 28 before, as a change of -100% would be the first thing to be seen.
_SHARES: Final[dict[str, float]] = {SITE: 66, SHOP: 25, NOTES: 7, OLD: 4}
_MOVED_AFTER: Final = 0.35
# The share of visits by bots.
BOT_SHARE: Final = 0.03
_MEMBER_SHARE: Final = 0.06
_CAMPAIGN_SHARE: Final = 0.1
_MAX_PAGES: Final = 12


class Agent(msgspec.Struct, frozen=True):
    """A browser, as described by its request headers."""

    user_agent: str
    platform: str = ""
    model: str = ""


class Sent(msgspec.Struct, frozen=True):
    """One event of a browser. `at` is in microseconds since the Unix epoch; `link` is for downloads and clicks."""

    at: int
    kind: str  # pageview, custom, download, outbound
    site: str
    path: str
    agent: Agent
    address: str
    referrer: str = ""
    visitor: str = ""
    status: str = ""
    name: str = ""
    properties: str = ""
    link: str = ""


_ANDROID: Final = "Mozilla/5.0 (Linux; Android 10; K)"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_SAFARI: Final = "Mobile/15E148 Safari/604.1"
_WEBKIT: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
AGENTS: Final = {
    Agent(f"{_WINDOWS}) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36", '"Windows"'): 24,
    Agent(f"{_ANDROID} {_WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36", '"Android"', '"Pixel 9"'): 12,
    Agent(f"{_ANDROID} {_WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36", '"Android"', '"SM-S931B"'): 12,
    Agent(f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_APPLE} Version/18.6 {_SAFARI}"): 18,
    Agent(f"{_MAC} {_APPLE} Version/18.6 Safari/605.1.15"): 7,
    Agent(f"{_MAC} {_WEBKIT} Chrome/142.0.0.0 Safari/537.36", '"macOS"'): 6,
    Agent(f"{_WINDOWS}) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", '"Windows"'): 7,
    Agent("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"): 5,
    Agent("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"): 4,
    Agent("Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0"): 2,
    Agent(f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36", '"Chrome OS"'): 1,
    Agent(f"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {_APPLE} Version/18.6 {_SAFARI}"): 2,
}  # fmt: skip
BOTS: Final = (
    Agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    Agent("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    Agent("curl/8.14.1"),
    Agent("python-requests/2.32.5"),
)
# Networks (/16) that are entirely in that country according to the bundled database, and the share of visits.
NETWORKS: Final = {
    "US": (("17.1", "68.80", "71.100", "24.20", "73.10"), 27),
    "DE": (("79.200", "84.150", "91.10", "217.80"), 18),
    "FR": (("82.120", "78.200"), 9),
    "GB": (("86.150", "81.100", "92.20"), 9),
    "IN": (("117.200", "106.200", "49.36"), 7),
    "CA": (("70.50", "24.200", "142.160"), 5),
    "NL": (("84.80", "145.100", "86.80"), 5),
    "BR": (("177.50",), 4),
    "JP": (("126.50", "60.70", "133.1"), 3),
    "ES": (("83.40", "88.10", "80.30"), 3),
    "AU": (("1.128", "101.160", "58.170"), 3),
    "PL": (("83.10", "79.190", "31.60"), 2),
    "IT": (("151.30", "79.30", "87.10"), 2),
    "SE": (("90.230", "81.230"), 1),
    "CH": (("85.0", "178.195", "130.60"), 1),
    "AT": (("91.115", "193.170"), 1),
}
_REFERRERS: Final = {
    "": 40,
    "https://www.google.com/": 26,
    "https://duckduckgo.com/": 5,
    "https://www.bing.com/": 4,
    "https://news.ycombinator.com/": 5,
    "https://www.reddit.com/": 4,
    "https://github.com/": 4,
    "https://chatgpt.com/": 3,
    "https://www.perplexity.ai/": 1,
    "https://mail.google.com/": 1,
    "https://bsky.app/": 1,
    "https://www.youtube.com/": 1,
    "https://www.linkedin.com/": 2,
    "https://mastodon.social/": 2,
    "https://gardening.example.net/links": 3,
    "https://blog.example.org/2026/our-tools": 2,
}
_SPIKE: Final = "https://news.ycombinator.com/"
# How likely it is that a visitor from there opens a second page; 0.52 from elsewhere.
_CONTINUE: Final = {
    _SPIKE: 0.43,
    "https://www.reddit.com/": 0.41,
    "https://www.google.com/": 0.49,
    "https://chatgpt.com/": 0.62,
    "https://mail.google.com/": 0.66,
    "": 0.56,
}
_CAMPAIGNS: Final = {
    "utm_source=letter&utm_medium=email&utm_campaign=autumn&utm_content=top": 4,
    "utm_source=letter&utm_medium=email&utm_campaign=autumn&utm_content=button": 2,
    "utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_term=garden+planner": 3,
    "utm_source=mastodon&utm_medium=social&utm_campaign=release-2": 1,
}
# The first page of a visit, and the next page from each page; pages that are not listed lead to the home page.
_LANDINGS: Final[dict[str, dict[str, float]]] = {
    SITE: {"/": 34, "/blog/": 8, "/pricing": 7, "/docs/": 9, "/docs/install": 6, "/old-page": 2}
    | {f"/blog/{title}": 12 / rank for rank, title in enumerate(
        ("why-compost", "tomatoes-in-a-pot", "frost-dates", "raised-beds", "seed-calendar", "bees", "watering",
         "mulch", "pruning-roses", "garlic-in-autumn", "small-greenhouses", "rain-barrels"), 1)},
    SHOP: {"/": 30, "/seeds": 18, "/tools": 12, "/seeds/tomato": 9, "/seeds/basil": 7, "/tools/spade": 5, "/sale": 9},
    NOTES: {"/": 8, "/2026/slugs": 7, "/2026/first-frost": 5, "/2026/a-year-without-digging": 4, "/now": 1},
    OLD: {"/": 5, "/pricing": 1},
}  # fmt: skip
_NEXT_PAGES: Final[dict[str, dict[str, dict[str, float]]]] = {
    SITE: {
        "/": {"/features": 5, "/pricing": 4, "/blog/": 3, "/docs/": 3, "/about": 1},
        "/features": {"/pricing": 5, "/docs/": 2, "/": 1},
        "/pricing": {"/sign-up": 5, "/features": 2, "/": 1},
        "/sign-up": {"/welcome": 6, "/pricing": 1},
        "/welcome": {"/docs/": 3, "/docs/install": 3},
        "/docs/": {"/docs/install": 5, "/docs/import": 2, "/docs/api": 2},
        "/docs/install": {"/docs/import": 3, "/docs/api": 2, "/": 1},
        "/blog/": {"/blog/why-compost": 3, "/blog/frost-dates": 2, "/blog/bees": 1, "/": 1},
    },
    SHOP: {
        "/": {"/seeds": 5, "/tools": 3, "/sale": 3},
        "/seeds": {"/seeds/tomato": 4, "/seeds/basil": 3, "/cart": 1},
        "/seeds/tomato": {"/cart": 4, "/seeds": 2},
        "/seeds/basil": {"/cart": 3, "/seeds": 2},
        "/tools": {"/tools/spade": 4, "/": 1},
        "/tools/spade": {"/cart": 3, "/tools": 1},
        "/sale": {"/seeds/basil": 2, "/tools/spade": 2, "/cart": 1},
        "/cart": {"/checkout": 4, "/": 2},
        "/checkout": {"/thank-you": 4, "/cart": 1},
    },
    NOTES: {"/": {"/2026/slugs": 2, "/2026/first-frost": 2, "/now": 1}, "/now": {"/": 1}},
    OLD: {"/": {"/pricing": 1}, "/pricing": {"/": 1}},
}
# Where pages lead that are not listed.
_OTHERWISE: Final[dict[str, dict[str, float]]] = {SITE: {"/": 1, "/pricing": 1}, SHOP: {"/": 1, "/sale": 1}}
_BY_HOUR: Final = (3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 12, 11, 12, 13, 12, 11, 10, 10, 11, 12, 11, 8, 5)
_BY_WEEKDAY: Final = (1.05, 1.1, 1.1, 1.05, 0.95, 0.6, 0.65)  # from Monday


def interleave(visits: Iterable[tuple[int, Iterator[Sent]]]) -> Iterator[Sent]:
    """The events of visits, each with the time at which it begins, in the order of time. Visits come in that order."""
    active: list[tuple[int, int, Sent, Iterator[Sent]]] = []
    numbers = itertools.count()

    def push(visit: Iterator[Sent]) -> None:
        event = next(visit, None)
        if event is not None:
            heapq.heappush(active, (event.at, next(numbers), event, visit))

    for begin, new in itertools.chain(visits, [(sys.maxsize, iter(()))]):
        while active and active[0][0] <= begin:
            _, _, event, visit = heapq.heappop(active)
            yield event
            push(visit)
        push(new)


def make_traffic(start: int, end: int, visits: int, seed: int) -> Iterator[Sent]:
    """The events of `visits` visits between `start` and `end`, in microseconds, ordered by time."""
    random = Random(seed)  # noqa: S311  # reproducible on purpose
    moved = start + (end - start) * _MOVED_AFTER

    def begin_visits() -> Iterator[tuple[int, Iterator[Sent]]]:
        for begin, spike in _starts(start, end, visits, random):
            site = SITE if spike else _pick(_SHARES if begin < moved else _without_old(), random)
            # An own generator, as visits take turns.
            yield begin, make_visit(begin, site, Random(random.getrandbits(64)), spike=spike)  # noqa: S311  # as above

    return itertools.takewhile(lambda sent: sent.at < end, interleave(begin_visits()))


def _starts(start: int, end: int, visits: int, random: Random) -> Iterator[tuple[int, bool]]:
    """The start times of visits, and whether they are part of a one-day spike of visitors from another site."""
    hours = range(start, end, HOUR)
    spike = start + (end - start) * 2 // 3 // DAY * DAY
    weights = [_weigh(hour, start, end, spike) * (min(end - hour, HOUR) / HOUR) for hour in hours]
    total, so_far, made = sum(weights), 0.0, 0
    for hour, weight in zip(hours, weights, strict=True):
        so_far += weight
        count = round(visits * so_far / total) - made
        made += count
        for begin in sorted(random.randrange(hour, min(hour + HOUR, end)) for _ in range(count)):
            yield begin, spike <= hour < spike + DAY and random.random() < 0.55


def _weigh(hour: int, start: int, end: int, spike: int) -> float:
    # The Unix epoch began on a Thursday.
    weekday = (hour // DAY + 3) % 7
    growth = 1 + 0.4 * (hour - start) / (end - start)
    return _BY_HOUR[hour // HOUR % 24] * _BY_WEEKDAY[weekday] * growth * (2.2 if spike <= hour < spike + DAY else 1)


def choose_site(random: Random) -> str:
    """One of the sites that are visited now."""
    return _pick(_without_old(), random)


def _without_old() -> dict[str, float]:
    return {site: share for site, share in _SHARES.items() if site != OLD}


def make_visit(begin: int, site: str, random: Random, *, spike: bool = False) -> Iterator[Sent]:
    """The events of one visit that begins at `begin` (microseconds); in a `spike`, all come from one other site."""
    if random.random() < BOT_SHARE:
        yield Sent(begin, "pageview", site, "/", random.choice(BOTS), _address(random))
        return
    visitor, who = "", random
    if random.random() < _MEMBER_SHARE:
        number = int(60 * random.random() ** 2)
        visitor, who = f"member-{number}", Random(number)  # noqa: S311
    agent, address = _pick(AGENTS, who), _address(who)
    referrer = _SPIKE if spike else _pick(_REFERRERS, random)
    path = "/blog/why-compost" if spike else _pick(_LANDINGS[site], random)
    query = f"?{_pick(_CAMPAIGNS, random)}" if not spike and random.random() < _CAMPAIGN_SHARE else ""
    now, continue_rate = begin, _CONTINUE.get(referrer, 0.52)
    for number in range(_MAX_PAGES):
        status = "404" if path == "/old-page" else ""
        yield Sent(now, "pageview", site, path + query, agent, address, referrer, visitor, status)
        now = yield from _act(now, site, path, agent, address, random)
        if random.random() > continue_rate:
            return
        continue_rate = max(0.55, 0.78 - number / 40)
        referrer, query = f"https://{site}{path}", ""
        path = _pick(_NEXT_PAGES[site].get(path) or _OTHERWISE.get(site, {"/": 1}), random)
        now += int(min(max(random.lognormvariate(3.5, 0.8), 4), 600) * SECOND)


def _act(now: int, site: str, path: str, agent: Agent, address: str, random: Random) -> Generator[Sent, None, int]:
    """The events of a visitor on a page. Returns the time after the last one."""

    def later(kind: str, **more: str) -> Sent:
        nonlocal now
        now += int(random.uniform(1, 20) * SECOND)
        return Sent(now, kind, site, path, agent, address, **more)

    if path == "/welcome":
        plan, seats = random.choice(("free", "free", "free", "pro", "pro", "team")), random.choice((1, 1, 1, 2, 5))
        yield later("custom", name="sign_up", properties=f'{{"plan":"{plan}","seats":{seats}}}')
    elif path == "/thank-you":
        yield later("custom", name="order", properties=f'{{"items":{random.randrange(1, 6)},"currency":"EUR"}}')
    elif path.startswith("/blog/") and random.random() < 0.06:
        yield later("custom", name="newsletter", properties="{}")
    elif path == "/docs/" and random.random() < 0.3:
        words = random.choice(("import", "install", "proxy", "frost", "backup"))
        yield later("custom", name="search", properties=f'{{"query":"{words}","results":{random.randrange(12)}}}')
    if path == "/docs/install" and random.random() < 0.3:
        file = random.choice(("planner-2.1.0.tar.gz", "planner-2.1.0.zip", "handbook.pdf"))
        yield later("download", link=f"https://{site}/files/{file}")
    if path.startswith(("/blog/", "/about")) and random.random() < 0.12:
        host = random.choice(("github.com/", "www.wikipedia.org/", "mastodon.social/", "gardening.example.net/links"))
        yield later("outbound", link=f"https://{host}")
    return now  # the value of `yield from`


def _address(random: Random) -> str:
    networks, _ = NETWORKS[_pick({country: share for country, (_, share) in NETWORKS.items()}, random)]
    return f"{random.choice(networks)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def _pick(shares: Mapping[T, float], random: Random) -> T:
    return random.choices(list(shares), list(shares.values()))[0]
