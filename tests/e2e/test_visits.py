"""Which visit a page or an event belongs to: each rule, as a scenario on a real server, with the script and without."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.e2e.scenarios import EVENTS, FIREFOX, GOOGLE, NOSCRIPT, Visit, Visitor, assert_whole, one, visits
from tests.server import CHROME, LiveServer, browser


class Case(NamedTuple):
    """`rows` are the paths of pageviews, `events` those of custom events; None where they say nothing new."""

    name: str
    scenario: str
    visits: list[Visit]
    events: list[str] | None = None


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


@pytest.mark.parametrize("way", ["script", "noscript"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_visits(server: LiveServer, site: str, case: Case, way: str) -> None:
    Visitor(server, site, way).run(case.scenario)
    assert visits(server, site) == case.visits
    views = [re.sub(r"\?.*", "", step.split()[1]) for step in case.scenario.split("; ") if step.startswith("PV")]
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
        Visitor(server, site, way).run("PV / R=google")
    assert visits(server, site) == [one("/", "/", GOOGLE, 10)]


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_once_a_day_for_ten_days(server: LiveServer, site: str, way: str) -> None:
    for _ in range(10):
        Visitor(server, site, way).run("PV /; NAP 24h")
    assert visits(server, site) == [one("/", "/", "direct", 1)] * 10
    ((visitors,),) = server.rows("SELECT count(DISTINCT visitor_id) FROM pageviews WHERE domain = ?", [site])
    assert visitors == 10


def test_one_page_and_a_sign_up_is_no_bounce_and_takes_its_time(server: LiveServer, site: str) -> None:
    Visitor(server, site, "script").run("PV / R=google; NAP 20s; EV sign_up /")
    columns = "is_bounce, exit_path, date_diff('second', entry_timestamp, exit_timestamp)"
    assert server.rows(f"SELECT {columns} FROM sessions WHERE domain = ?", [site]) == [(False, "/", 20)]


def test_visitors_of_other_browsers_and_addresses_have_visits_of_their_own(server: LiveServer, site: str) -> None:
    Visitor(server, site, "script").run("PV / R=google")
    Visitor(server, site, "script", agent=FIREFOX).run("PV /a")
    Visitor(server, site, "script", address="8.8.4.4").run("PV /b; EV x /")
    assert visits(server, site) == [
        one("/", "/", GOOGLE, 1),
        one("/a", "/a", "direct", 1),
        one("/b", "/b", "direct", 1, 1),
    ]


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_a_bot_begins_no_visit_by_an_event(server: LiveServer, site: str, way: str) -> None:
    bot = Visitor(server, site, way, agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    for verb in ("PV", "EV", "DL"):
        answer = bot.act(verb, ["name", "/"])
        assert (answer.status_code, answer.headers["x-prisme-error"]) == (400, "bot session filtered")
    assert visits(server, site) == []


def test_a_given_visitor_id_replaces_the_visits(server: LiveServer, site: str) -> None:
    who = {"X_Forwarded_For": "8.8.8.8"}
    for path, visitor in (("/", ""), ("/a", "member-1"), ("/b", ""), ("/c", "member-2")):
        headers = browser(f"https://{site}{path}", X_Prisme_Visitor_Id=visitor, **who)
        assert server.http.post(EVENTS + "pageviews", headers=headers).status_code == 200
    Visitor(server, site, "script").run("EV x /c")
    rows = server.rows('SELECT visitor_id FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [site])
    assert [visitor for (visitor,) in rows[1:]] == ["member-1", "member-1", "member-2"]
    assert server.rows("SELECT visitor_id, is_anon FROM sessions WHERE domain = ?", [site]) == [("member-2", False)]
    assert server.rows("SELECT visitor_id FROM events_custom WHERE domain = ?", [site]) == [("member-2",)]


def test_a_device_has_so_many_visits_and_the_rest_are_stored(tmp_path: Any, site: str) -> None:
    options = {"trust_proxy": "true", "sessionstorage_max_sessions_per_visitor": "2"}
    with LiveServer(tmp_path / "data", **options) as server:
        Visitor(server, site, "script").run("PV /1?ref=a; PV /2?ref=b; PV /3?ref=c; PV /4 R=/3; PV /5 R=/1")
        assert visits(server, site) == [
            one("/1", "/5", "direct", 2, utm="a"),
            one("/2", "/4", "direct", 2, utm="b"),  # the latest that is remembered
            one("/3", "/3", "direct", 1, utm="c"),
        ]
        assert server.rows("SELECT count(*) FROM state.open_sessions") == [(2,)]
        assert_whole(server)


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


@pytest.mark.parametrize("event", ["file-downloads", "outbound-links"])
def test_a_ping_that_names_no_page_belongs_to_the_latest_visit(server: LiveServer, site: str, event: str) -> None:
    Visitor(server, site, "script").run("PV / R=google; PV /article R=bing")
    headers = browser(f"https://{site}/", X_Prisme_Referrer="", X_Forwarded_For="8.8.8.8", Content_Type="text/ping")
    sent = {**headers, "Ping-To": "https://files.example.org/a.pdf"}
    assert server.http.post(EVENTS + event, headers=sent, content=b"PING").status_code == 200
    assert visits(server, site) == [one("/", "/", GOOGLE, 1), one("/article", "/article", "www.bing.com", 1, 1)]
    table = event.replace("outbound-links", "outbound_link_clicks").replace("-", "_")
    assert server.rows(f"SELECT path FROM {table} WHERE domain = ?", [site]) == [("/article",)]
