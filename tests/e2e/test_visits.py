"""Which visit a page or an event belongs to: each rule, through a real server, by script and without.

A case is a short play: `PV /p R=google` is a pageview with that document referrer, `EV name /p` a custom event, `DL /p`
a download and `OUT /p` an outbound click on that page, `NAP 31m` a pause. What comes of it is each visit's entry and
exit page, source, campaign, pageviews and events, in the order in which they began.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import duckdb
import httpx
import pytest

from prisme.store.loader import Loader
from tests.server import CHROME, LiveServer, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SECONDS = {"s": 1, "m": 60, "h": 3600}
REFERRERS = {
    "google": "https://www.google.com/search?q=x",
    "bing": "https://www.bing.com/",
    "stripe": "https://checkout.stripe.com/c/pay/cs_1",
    "paypal": "https://www.paypal.com/checkoutnow",
    "app": "android-app://com.google.android.gm/",
    "blank": "about:blank",
    "file": "file:///home/me/notes.html",
}

# Entry page, exit page, source, campaign's source, pageviews, events.
Visit = tuple[str, str, str, str, int, int]


class Case(NamedTuple):
    """`rows` are the paths of pageviews, `events` those of custom events; None where they say nothing new."""

    name: str
    play: str
    visits: list[Visit]
    events: list[str] | None = None


def one(entry: str, exit_: str, source: str, views: int, events: int = 0, utm: str = "") -> Visit:
    return (entry, exit_, source, utm, views, events)


GOOGLE = "www.google.com"
CASES = [
    # A device without an open visit.
    Case("a first visit", "PV /", [one("/", "/", "direct", 1)]),
    Case("from elsewhere", "PV /p R=google", [one("/p", "/p", GOOGLE, 1)]),
    Case("from an app", "PV /p R=app", [one("/p", "/p", "com.google.android.gm", 1)]),
    Case("from the own site, long ago", "PV /p R=/old", [one("/p", "/p", "direct", 1)]),
    Case("from a payment alone", "PV /thanks R=stripe", [one("/thanks", "/thanks", "direct", 1)]),
    Case("a campaign", "PV /?utm_source=news R=google", [one("/", "/", GOOGLE, 1, utm="news")]),
    Case("an entry without a pageview", "EV signup /p", [one("/p", "/p", "direct", 0, 1)], ["/p"]),
    # Every pageview is a row.
    Case("a reload", "PV / R=google; PV / R=google; PV / R=google", [one("/", "/", GOOGLE, 3)]),
    Case("a direct visit, reloaded", "PV /; PV /", [one("/", "/", "direct", 2)]),
    Case("back", "PV / R=google; PV /a R=/; PV / R=google", [one("/", "/", GOOGLE, 3)]),
    Case("the next result of a search", "PV /a R=google; PV /b R=google", [one("/a", "/b", GOOGLE, 2)]),
    # An event began the visit.
    Case("its pageview comes later", "EV early /p; PV /p R=google", [one("/p", "/p", GOOGLE, 1, 1)], ["/p"]),
    Case(
        "with its campaign", "EV early /p; PV /p?utm_source=news", [one("/p", "/p", "direct", 1, 1, "news")], ["/p"]
    ),
    Case("whatever page it is", "EV early /p; PV /q R=/x", [one("/q", "/q", "direct", 1, 1)], ["/p"]),
    Case(
        "its campaign stays without a pageview", "EV early /p?utm_source=ad", [one("/p", "/p", "direct", 0, 1, "ad")]
    ),
    # The own site.
    Case("on and on", "PV / R=google; PV /a R=/; PV /b R=/a", [one("/", "/b", GOOGLE, 3)]),
    Case(
        "a link with a campaign within the site",
        "PV / R=google; PV /a?utm_source=banner R=/",
        [one("/", "/a", GOOGLE, 2)],
    ),
    Case(
        "five new tabs from one page",
        "PV / R=google; PV /1 R=/; PV /2 R=/; PV /3 R=/; PV /4 R=/; PV /5 R=/",
        [one("/", "/5", GOOGLE, 6)],
    ),
    Case(
        "the visit that is on the page",
        "PV / R=google; PV /b R=bing; PV /c R=/",
        [one("/", "/c", GOOGLE, 2), one("/b", "/b", "www.bing.com", 1)],
    ),
    Case(
        "of two that are on it, the latest",
        "PV / R=google; PV / R=bing; PV /c R=/",
        [one("/", "/", GOOGLE, 1), one("/", "/c", "www.bing.com", 2)],
    ),
    Case(
        "the visit that was on the page",
        "PV / R=google; PV /a R=/; PV /b R=bing; PV /c R=/",
        [one("/", "/c", GOOGLE, 3), one("/b", "/b", "www.bing.com", 1)],
    ),
    Case(
        "no further back than eight pages",
        "PV /0 R=google; " + "; ".join(f"PV /{n} R=/{n - 1}" for n in range(1, 9)) + "; PV /b R=bing; PV /c R=/0",
        [one("/0", "/8", GOOGLE, 9), one("/b", "/c", "www.bing.com", 2)],
    ),
    Case(
        "eight pages back",
        "PV /0 R=google; " + "; ".join(f"PV /{n} R=/{n - 1}" for n in range(1, 8)) + "; PV /b R=bing; PV /c R=/0",
        [one("/0", "/c", GOOGLE, 9), one("/b", "/b", "www.bing.com", 1)],
    ),
    Case(
        "else the latest",
        "PV / R=google; PV /b R=bing; PV / R=google; PV /c R=/never",
        [one("/", "/c", GOOGLE, 3), one("/b", "/b", "www.bing.com", 1)],
    ),
    Case("the origin alone", "PV /a R=google; PV /b R=/; PV /c R=/", [one("/a", "/c", GOOGLE, 3)]),
    # A campaign.
    Case(
        "a click on a campaign's link",
        "PV / R=google; PV /?utm_source=newsletter",
        [one("/", "/", GOOGLE, 1), one("/", "/", "direct", 1, utm="newsletter")],
    ),
    Case(
        "the same campaign again",
        "PV /?utm_source=a; PV /x R=/; PV /?utm_source=a R=bing",
        [one("/", "/", "direct", 3, utm="a")],
    ),
    Case(
        "another one",
        "PV /?utm_source=a; PV /?utm_source=a&utm_term=b",
        [one("/", "/", "direct", 1, utm="a"), one("/", "/", "direct", 1, utm="a")],
    ),
    # Without a referrer, or one that is ignored.
    Case("no referrer", "PV / R=google; PV /a; PV /b", [one("/", "/b", GOOGLE, 3)]),
    Case("no page to come from", "PV / R=google; PV /a R=blank; PV /b R=file", [one("/", "/b", GOOGLE, 3)]),
    Case(
        "back from a payment",
        "PV /?utm_source=news; PV /cart R=/; PV /thanks R=stripe; EV purchase /thanks",
        [one("/", "/thanks", "direct", 3, 1, "news")],
        ["/thanks"],
    ),
    Case("a wildcard of those", "PV / R=google; PV /thanks R=paypal", [one("/", "/thanks", GOOGLE, 2)]),
    # From elsewhere.
    Case(
        "another source",
        "PV / R=google; PV /a R=bing",
        [one("/", "/", GOOGLE, 1), one("/a", "/a", "www.bing.com", 1)],
    ),
    Case(
        "the visit that came from there",
        "PV / R=google; PV /a R=bing; PV /b R=google",
        [one("/", "/b", GOOGLE, 2), one("/a", "/a", "www.bing.com", 1)],
    ),
    # Events.
    Case("on the page", "PV /p R=google; EV click /p", [one("/p", "/p", GOOGLE, 1, 1)], ["/p"]),
    Case(
        "after the pageview of the next page",
        "PV /p; PV /cart R=/p; EV add_to_cart /p",
        [one("/p", "/cart", "direct", 2, 1)],
        ["/p"],
    ),
    Case(
        "at the visit that was there",
        "PV /p R=google; PV /q R=/p; PV /b R=bing; EV late /p",
        [one("/p", "/q", GOOGLE, 2, 1), one("/b", "/b", "www.bing.com", 1)],
        ["/p"],
    ),
    Case(
        "at the latest where nobody was there",
        "PV /p R=google; PV /b R=bing; EV odd /elsewhere",
        [one("/p", "/p", GOOGLE, 1), one("/b", "/b", "www.bing.com", 1, 1)],
        ["/elsewhere"],
    ),
    Case("two after a reload", "PV /; PV /; EV a /; EV b /", [one("/", "/", "direct", 2, 2)], ["/", "/"]),
    Case("a download and a click", "PV /p; DL /p; OUT /p", [one("/p", "/p", "direct", 1, 2)], []),
    # Time.
    Case("29 minutes", "PV / R=google; NAP 29m; PV /a", [one("/", "/a", GOOGLE, 2)]),
    Case("31 minutes", "PV / R=google; NAP 31m; PV /a", [one("/", "/", GOOGLE, 1), one("/a", "/a", "direct", 1)]),
    Case(
        "an event keeps it open",
        "PV / R=google; NAP 29m; EV a /; NAP 29m; PV /a",
        [one("/", "/a", GOOGLE, 2, 1)],
        ["/"],
    ),
    Case(
        "no longer than a day",
        "PV / R=google; " + "; ".join(["NAP 25m; PV /x"] * 60),
        [one("/", "/x", GOOGLE, 58), one("/x", "/x", "direct", 3)],
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of its own, as its clock is moved."""
    with LiveServer(tmp_path_factory.mktemp("visits"), trust_proxy="true") as live:
        yield live


class Player:
    """A visitor, who plays on a site by script, or without (`noscript`)."""

    def __init__(self, server: LiveServer, site: str, way: str, agent: str = CHROME, address: str = "8.8.8.8") -> None:
        self._server = server
        self._home = f"https://{site}"
        self._way = way
        self._who = {"user_agent": agent, "X_Forwarded_For": address}

    def play(self, play: str) -> None:
        """Do it all; each is accepted."""
        for step in play.split("; "):
            verb, *words = step.split()
            if verb == "NAP":
                self._server.time.move(int(words[0][:-1]) * SECONDS[words[0][-1]])
                continue
            answer = self.act(verb, words)
            assert answer.status_code in (200, 302), (step, answer.headers.get("x-prisme-error"))
            assert "x-prisme-error" not in answer.headers, step

    def act(self, verb: str, words: list[str]) -> httpx.Response:
        referrer = next((word[2:] for word in words if word.startswith("R=")), "")
        referrer = REFERRERS.get(referrer, referrer and self._home + referrer)
        page = self._home + next(word for word in words if word.startswith("/"))
        name = words[0]
        if self._way == "noscript" and verb != "DL":
            return self._get(verb, page, referrer, name)
        match verb:
            case "PV":
                return self._post("pageviews", page, X_Prisme_Document_Referrer=referrer)
            case "EV":
                return self._post(f"custom/{name}", page)
            case "DL":
                return self._post("file-downloads", page, content=f"{self._home}/a.pdf")
            case _:
                return self._post("outbound-links", page, content="https://elsewhere.example/")

    def _post(self, path: str, page: str, content: str = "", **headers: str) -> httpx.Response:
        sent = browser(page, **self._who, **headers)
        return self._server.http.post(EVENTS + path, headers=sent, content=content)

    def _get(self, verb: str, page: str, referrer: str, name: str) -> httpx.Response:
        path = {"PV": "pageviews", "EV": f"custom/{name}", "OUT": "outbound-links"}[verb]
        query = {"referrer": page} | ({"document-referrer": referrer} if referrer else {})
        if verb == "OUT":
            query["url"] = "https://elsewhere.example/"
        headers = {"User-Agent": self._who["user_agent"], "X-Forwarded-For": self._who["X_Forwarded_For"]}
        return self._server.http.get(NOSCRIPT + path, params=query, headers=headers | {"Referer": self._home + "/"})


def visits(server: LiveServer, site: str) -> list[Visit]:
    columns = "entry_path, exit_path, referrer_domain, utm_source, pageviews, events"
    rows = server.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY session_uuid", [site])
    return [(entry, exit_, source, utm, views, events) for entry, exit_, source, utm, views, events in rows]


def assert_whole(server: LiveServer) -> None:
    """Every row is of a visit that is in `sessions` once, and each visit counts its rows."""
    tables = ("pageviews", "events_custom", "file_downloads", "outbound_link_clicks")
    union = " UNION ALL ".join(f"SELECT session_uuid, '{table}' AS kind FROM {table}" for table in tables)
    assert server.rows(f"SELECT count(*) FROM ({union}) ANTI JOIN sessions USING (session_uuid)") == [(0,)]
    wrong = f"""
        SELECT sessions.session_uuid FROM sessions LEFT JOIN (
            SELECT session_uuid, count(*) FILTER (kind = 'pageviews') AS views,
                count(*) FILTER (kind <> 'pageviews') AS events FROM ({union}) GROUP BY session_uuid
        ) AS found USING (session_uuid) WHERE pageviews <> views OR sessions.events <> found.events OR views IS NULL
    """
    assert server.rows(wrong) == []
    assert server.rows("SELECT count(*) - count(DISTINCT session_uuid) FROM sessions") == [(0,)]
    bounces = "SELECT count(*) FROM sessions WHERE is_bounce <> (pageviews <= 1 AND events = 0)"
    assert server.rows(bounces) == [(0,)]


@pytest.mark.parametrize("way", ["script", "noscript"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_visits(server: LiveServer, site: str, case: Case, way: str) -> None:
    Player(server, site, way).play(case.play)
    assert visits(server, site) == case.visits
    views = [re.sub(r"\?.*", "", step.split()[1]) for step in case.play.split("; ") if step.startswith("PV")]
    assert server.rows('SELECT path FROM pageviews WHERE domain = ? ORDER BY "timestamp", rowid', [site]) == [
        (path,) for path in views
    ]
    if case.events is not None:
        rows = server.rows('SELECT path FROM events_custom WHERE domain = ? ORDER BY "timestamp"', [site])
        assert rows == [(path,) for path in case.events]
    assert_whole(server)


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_ten_people_behind_one_address(server: LiveServer, site: str, way: str) -> None:
    """Nobody can tell them apart, and each of their pageviews counts."""
    for _ in range(10):
        Player(server, site, way).play("PV / R=google")
    assert visits(server, site) == [one("/", "/", GOOGLE, 10)]


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_once_a_day_for_ten_days(server: LiveServer, site: str, way: str) -> None:
    for _ in range(10):
        Player(server, site, way).play("PV /; NAP 24h")
    assert visits(server, site) == [one("/", "/", "direct", 1)] * 10
    ((visitors,),) = server.rows("SELECT count(DISTINCT visitor_id) FROM pageviews WHERE domain = ?", [site])
    assert visitors == 10


def test_one_page_and_a_sign_up_is_no_bounce_and_takes_its_time(server: LiveServer, site: str) -> None:
    Player(server, site, "script").play("PV / R=google; NAP 20s; EV sign_up /")
    columns = "is_bounce, exit_path, date_diff('second', entry_timestamp, exit_timestamp)"
    assert server.rows(f"SELECT {columns} FROM sessions WHERE domain = ?", [site]) == [(False, "/", 20)]


def test_visitors_of_other_browsers_and_addresses_have_visits_of_their_own(server: LiveServer, site: str) -> None:
    Player(server, site, "script").play("PV / R=google")
    Player(server, site, "script", agent=FIREFOX).play("PV /a")
    Player(server, site, "script", address="8.8.4.4").play("PV /b; EV x /")
    assert visits(server, site) == [
        one("/", "/", GOOGLE, 1),
        one("/a", "/a", "direct", 1),
        one("/b", "/b", "direct", 1, 1),
    ]


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_a_bot_begins_no_visit_by_an_event(server: LiveServer, site: str, way: str) -> None:
    bot = Player(server, site, way, agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    for verb in ("PV", "EV", "DL"):
        answer = bot.act(verb, ["name", "/"])
        assert (answer.status_code, answer.headers["x-prisme-error"]) == (400, "bot session filtered")
    assert visits(server, site) == []


def test_a_given_visitor_id_replaces_the_visits(server: LiveServer, site: str) -> None:
    who = {"X_Forwarded_For": "8.8.8.8"}
    for path, visitor in (("/", ""), ("/a", "member-1"), ("/b", ""), ("/c", "member-2")):
        headers = browser(f"https://{site}{path}", X_Prisme_Visitor_Id=visitor, **who)
        assert server.http.post(EVENTS + "pageviews", headers=headers).status_code == 200
    Player(server, site, "script").play("EV x /c")
    rows = server.rows('SELECT visitor_id FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [site])
    assert [visitor for (visitor,) in rows[1:]] == ["member-1", "member-1", "member-2"]
    assert server.rows("SELECT visitor_id, is_anon FROM sessions WHERE domain = ?", [site]) == [("member-2", False)]
    assert server.rows("SELECT visitor_id FROM events_custom WHERE domain = ?", [site]) == [("member-2",)]


def test_a_device_has_so_many_visits_and_the_rest_are_stored(tmp_path: Any, site: str) -> None:
    options = {"trust_proxy": "true", "sessionstorage_max_sessions_per_visitor": "2"}
    with LiveServer(tmp_path / "data", **options) as server:
        Player(server, site, "script").play("PV /1?ref=a; PV /2?ref=b; PV /3?ref=c; PV /4 R=/3; PV /5 R=/1")
        assert visits(server, site) == [
            one("/1", "/5", "direct", 2, utm="a"),
            one("/2", "/4", "direct", 2, utm="b"),  # the latest that is remembered
            one("/3", "/3", "direct", 1, utm="c"),
        ]
        assert server.rows("SELECT count(*) FROM state.open_sessions") == [(2,)]
        assert_whole(server)


OPTIONS = {
    "origins": "example.com,*.example.com,shop.example.org",
    "aliases": "www.example.com=example.com,example.net=example.com",
    "page_parameters": "id,t",
    "trailing_slash": "drop",
    "ignored_referrers": "pay.example.org,*.login.example.org",
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with rules for its sites."""
    with LiveServer(tmp_path_factory.mktemp("ruled"), trust_proxy="true", **OPTIONS) as live:
        yield live


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        pytest.param(
            [("https://www.example.com/a/?x=1", ""), ("https://example.com/b?t=2&id=7", "https://www.example.com/a")],
            [("example.com", "/a", "/b?id=7&t=2", "direct", 2)],
            id="two hosts, one site",
        ),
        pytest.param(
            [("http://www.example.com:8080/", "https://example.net/a")],
            [("example.com:8080", "/", "/", "direct", 1)],
            id="an alias is no source, and ports stay",
        ),
        pytest.param(
            [("https://example.com/b?id=1", ""), ("https://example.com/c", "https://example.com/b?id=1&utm_source=x")],
            [("example.com", "/b?id=1", "/c", "direct", 2)],
            id="a referrer's path is a page's",
        ),
        pytest.param(
            [("https://example.com/", ""), ("https://example.com/back", "https://eu.login.example.org/")],
            [("example.com", "/", "/back", "direct", 2)],
            id="ignored referrers of one's own",
        ),
        pytest.param(
            [("https://example.com/", "https://checkout.stripe.com/")],
            [("example.com", "/", "/", "checkout.stripe.com", 1)],
            id="which take the place of the usual ones",
        ),
        pytest.param(
            [("https://example.com/p?ID=1&id=%D0%B0%20b&id=2", "")],
            [("example.com", "/p?id=%D0%B0%20b", "/p?id=%D0%B0%20b", "direct", 1)],
            id="the first of a repeated parameter, as it is escaped",
        ),
    ],
)
def test_rules_of_sites(ruled: LiveServer, steps: list[tuple[str, str]], rows: list[Any], site: str) -> None:
    address = f"10.0.{int(site[4:].partition('.')[0]) % 250}.9"
    started = ruled.now()
    for page, referrer in steps:
        headers = browser(page, X_Prisme_Document_Referrer=referrer, X_Forwarded_For=address)
        assert ruled.http.post(EVENTS + "pageviews", headers=headers).status_code == 200
    columns = "domain, entry_path, exit_path, referrer_domain, pageviews"
    query = f"SELECT {columns} FROM sessions WHERE epoch(entry_timestamp) >= ? ORDER BY session_uuid"
    assert ruled.rows(query, [started]) == rows


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_a_page_on_a_host_that_is_not_registered(server: LiveServer, way: str) -> None:
    """One forged request once made a foreign host one of the sites."""
    page = "https://www.google.com/"
    if way == "script":
        answer = server.http.post(EVENTS + "pageviews", headers=browser(page, Origin="https://example.com"))
    else:
        headers = {"User-Agent": CHROME, "Referer": "https://example.com/"}
        answer = server.http.get(f"{NOSCRIPT}pageviews?referrer={quote(page, safe='')}", headers=headers)
    assert (answer.status_code, answer.headers["x-prisme-error"]) == (400, "the page's host is not registered")
    assert server.rows("SELECT count(*) FROM sessions WHERE domain LIKE '%google%'") == [(0,)]


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_visits_go_on_after_a_restart(tmp_path: Any, site: str, way: str) -> None:
    """Also by a page that was left before it."""
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        Player(server, site, way).play("PV / R=google; PV /a R=/; PV /b R=bing; EV begun /c")
        Player(server, site, way, agent=FIREFOX).play("EV early /p")
        moved = server.time.offset
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        server.time.move(moved)
        Player(server, site, way).play("PV /d R=/; EV late /a")
        Player(server, site, way, agent=FIREFOX).play("PV /p?ref=news R=bing")
        assert visits(server, site) == [
            one("/", "/d", GOOGLE, 3, 1),
            one("/b", "/b", "www.bing.com", 1, 1),
            one("/p", "/p", "www.bing.com", 1, 1, "news"),
        ]
        assert_whole(server)


def test_visits_of_one_device_stay_together_after_a_restart_at_midnight(tmp_path: Any, site: str) -> None:
    """One has gone on by the new day's hash, the other not yet."""
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        server.time.move(86_400 - server.now() % 86_400 - 600)
        Player(server, site, "script").play("PV /a R=google; PV /b R=bing; NAP 15m; PV /b2 R=/b")
        server.settle()
        moved = server.time.offset
    again = LiveServer(tmp_path / "data", trust_proxy="true")
    again.time.move(moved + 300)
    with again as server:
        Player(server, site, "script").play("PV /a2 R=/a")
        assert visits(server, site) == [one("/a", "/a2", GOOGLE, 2), one("/b", "/b2", "www.bing.com", 2)]


@pytest.mark.parametrize("event", ["file-downloads", "outbound-links"])
def test_a_ping_that_names_no_page_belongs_to_the_latest_visit(server: LiveServer, site: str, event: str) -> None:
    Player(server, site, "script").play("PV / R=google; PV /article R=bing")
    headers = browser(f"https://{site}/", X_Prisme_Referrer="", X_Forwarded_For="8.8.8.8", Content_Type="text/ping")
    sent = {**headers, "Ping-To": "https://files.example.org/a.pdf"}
    assert server.http.post(EVENTS + event, headers=sent, content=b"PING").status_code == 200
    assert visits(server, site) == [one("/", "/", GOOGLE, 1), one("/article", "/article", "www.bing.com", 1, 1)]
    table = event.replace("outbound-links", "outbound_link_clicks").replace("-", "_")
    assert server.rows(f"SELECT path FROM {table} WHERE domain = ?", [site]) == [("/article",)]


def test_visits_go_on_while_their_segments_wait(tmp_path: Any, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the start could not load is counted once it can be, as if it had been there before."""
    fails = False

    def insert(loader: Loader, *given: Any) -> Any:
        if fails:
            raise duckdb.OutOfMemoryException("no memory for a moment")
        return real(loader, *given)

    real = Loader._insert
    monkeypatch.setattr(Loader, "_insert", insert)
    quick = {"trust_proxy": "true", "eventstore_max_batch_timeout": "20ms"}
    with LiveServer(tmp_path / "data", **quick) as server:
        Player(server, site, "script").play("PV /1 R=google")
        server.settle()
        fails = True
        Player(server, site, "script").play("PV /2 R=/1; PV /3 R=/2")
        Player(server, site, "script", agent=FIREFOX).play("PV /a R=bing; EV x /a")
    with LiveServer(tmp_path / "data", **quick) as server:
        Player(server, site, "script").play("PV /4 R=/2")
        Player(server, site, "script", agent=FIREFOX).play("PV /b R=/a")
        fails = False
        assert visits(server, site) == [one("/1", "/4", GOOGLE, 4), one("/a", "/b", "www.bing.com", 2, 1)]
        assert_whole(server)
