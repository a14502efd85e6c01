"""Custom events, downloads and outbound links: which visit each belongs to, and which begin one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.event_senders import (
    BOT,
    COLUMNS,
    FIREFOX,
    IS_BOT,
    LINK,
    NOSCRIPT,
    QUICK,
    SENDERS,
    assert_accepted,
    assert_refused,
    count,
    rows,
    send,
    view,
    visits,
)
from tests.faults.leak_search import move_to_noon
from tests.server import CHROME, PATIENCE, LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("visits"), **QUICK) as live:
        yield live


@pytest.mark.parametrize("sender", SENDERS)
def test_event_before_its_pageview(server: LiveServer, site: str, sender: str) -> None:
    """Nobody waits: it begins the visit that the pageview then belongs to."""
    page = f"https://{site}/a"
    assert_accepted(send(server, sender, page))
    ((uuid, visitor, path, happened),) = rows(server, sender, site, 'session_uuid, visitor_id, path, "timestamp"')
    assert path == "/a"
    assert visits(server, site, f"session_uuid, visitor_id, is_bounce, {COLUMNS}") == [
        (uuid, visitor, False, "/a", "/a", "direct", 0, 1)
    ]
    view(server, page, "https://search.example/q")
    columns = 'session_uuid, visitor_id, path, "timestamp" > ?'
    assert server.rows(f"SELECT {columns} FROM pageviews WHERE domain = ?", [happened, site]) == [
        (uuid, visitor, "/a", True)
    ]
    assert visits(server, site, f"session_uuid, {COLUMNS}") == [(uuid, "/a", "/a", "search.example", 1, 1)]


@pytest.mark.parametrize("first", ["event", "pageview"])
def test_both_at_about_the_same_time(server: LiveServer, site: str, first: str) -> None:
    rounds = 20
    with ThreadPoolExecutor(2) as threads:
        for number in range(rounds):
            page = f"https://{site}/{number}"
            sending: list[Callable[[], object]] = [
                partial(view, server, page, f"https://{site}/"),
                partial(send, server, "custom", page),
            ]
            work = [threads.submit(one) for one in (sending if first == "pageview" else reversed(sending))]
            wait(work, PATIENCE)
            assert [future.exception() for future in work] == [None, None]
    joined = "SELECT count(*) FROM events_custom JOIN pageviews USING (path, session_uuid) WHERE pageviews.domain = ?"
    assert server.rows(joined, [site]) == [(rounds,)]
    assert visits(server, site, "pageviews, events") == [(rounds, rounds)]


def test_many_events_before_one_pageview(server: LiveServer, site: str) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: send(server, "custom", f"https://{site}/a"), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    view(server, f"https://{site}/a")
    assert visits(server, site) == [("/a", "/a", "direct", 1, 200)]
    assert len(rows(server, "custom", site)) == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"User_Agent": FIREFOX}, id="another browser"),
        pytest.param({"X_Forwarded_For": "203.0.113.9"}, id="another address"),
    ],
)
def test_events_of_others_are_visits_of_their_own(server: LiveServer, site: str, headers: dict[str, str]) -> None:
    view(server, f"https://{site}/a")
    for sender in SENDERS:
        assert_accepted(send(server, sender, f"https://{site}/a", **headers))
    assert visits(server, site, "pageviews, events") == [(1, 0), (0, len(SENDERS))]
    visitors = visits(server, site, "visitor_id")
    assert visitors[0] != visitors[1]


@pytest.mark.parametrize("other", ["https://m.{site}/a", "https://{site}:81/a"], ids=["host", "port"])
def test_events_of_another_host_or_port_are_visits_of_their_own(server: LiveServer, site: str, other: str) -> None:
    view(server, other.format(site=site))
    for sender in SENDERS:
        assert_accepted(send(server, sender, f"https://{site}/a"))
    assert visits(server, site, "pageviews, events") == [(0, len(SENDERS))]
    assert count(server, site) == len(SENDERS)


@pytest.mark.parametrize("sender", SENDERS)
def test_bots_begin_no_visit_by_an_event(server: LiveServer, site: str, sender: str) -> None:
    assert_refused(send(server, sender, f"https://{site}/a", User_Agent=BOT), IS_BOT)
    assert (count(server, site), visits(server, site)) == (0, [])


@pytest.mark.parametrize(
    ("seen", "page", "path"),
    [
        pytest.param(["/b"], "/a", "/a", id="a page that was not seen"),
        pytest.param(["/a", "/b"], "/a", "/a", id="a page before the last"),
        pytest.param(["/a?x=1"], "/a?y=2#z", "/a", id="another query"),
        pytest.param(["/"], "/", "/", id="at the origin"),
    ],
)
def test_event_has_the_path_of_its_own_page(
    server: LiveServer, site: str, subtests: pytest.Subtests, seen: list[str], page: str, path: str
) -> None:
    """The visit stays where it is."""
    for one in seen:
        view(server, f"https://{site}{one}", f"https://{site}/")
    for sender in SENDERS:
        with subtests.test(sender):
            assert_accepted(send(server, sender, f"https://{site}{page}"))
            assert rows(server, sender, site, "path")[-1] == (path,)
    last = seen[-1].partition("?")[0]
    assert visits(server, site, "exit_path, pageviews, events") == [(last, len(seen), len(SENDERS))]


ORIGIN_ALONE: dict[str, dict[str, str | None]] = {
    "download ping": {"Ping_From": None},
    "outbound ping": {"Ping_From": None},
    "custom": {"X_Prisme_Referrer": None, "Referer": "https://{site}/"},
    "download": {"X_Prisme_Referrer": None, "Referer": "https://{site}/"},
    "outbound": {"X_Prisme_Referrer": None, "Referer": "https://{site}/"},
}


@pytest.mark.parametrize("sender", ORIGIN_ALONE)
def test_origin_alone_says_no_page(server: LiveServer, site: str, sender: str) -> None:
    """Pings of https pages, and referrer policies: the event is where the visit is."""
    headers = {name: text and text.format(site=site) for name, text in ORIGIN_ALONE[sender].items()}
    home = f"https://{site}"
    assert_accepted(send(server, sender, f"{home}/a", **headers))
    for page in ("/a", "/b"):
        view(server, home + page, f"{home}/x")
        assert_accepted(send(server, sender, f"{home}/a", **headers))
    assert rows(server, sender, site, "path") == [("/",), ("/a",), ("/b",)]
    assert visits(server, site) == [("/a", "/b", "direct", 2, 3)]


@pytest.mark.parametrize(
    "path", ["custom/x?", f"outbound-links?url={quote(LINK, safe='')}&"], ids=["custom", "outbound"]
)
@pytest.mark.parametrize(("parameter", "stored"), [("", "/b"), ("referrer=https://{site}/&", "/")])
def test_origin_alone_says_no_page_without_script(
    server: LiveServer, site: str, path: str, parameter: str, stored: str
) -> None:
    """A `referrer` that the page's owner wrote is what it says."""
    view(server, f"https://{site}/b")
    sent = {"Referer": f"https://{site}/", "User-Agent": CHROME}
    assert_accepted(server.http.get(f"{NOSCRIPT}{path}{parameter.format(site=site)}", headers=sent))
    sender = "custom noscript" if "custom" in path else "outbound noscript"
    assert rows(server, sender, site, "path") == [(stored,)]


@pytest.mark.parametrize("sender", SENDERS)
def test_visit_that_is_on_the_page_gets_the_event(server: LiveServer, site: str, sender: str) -> None:
    home = f"https://{site}"
    for name in ("one", "two", "three"):
        view(server, f"{home}/{name}", f"https://{name}.example/")
    view(server, f"{home}/b", f"{home}/one")
    ids = dict(visits(server, site, "entry_path, session_uuid"))
    for page in ("/two", "/one", "/b", "/nowhere", "/three", "/elsewhere"):
        assert_accepted(send(server, sender, home + page))
    expected = ["/two", "/one", "/one", "/one", "/three", "/three"]  # where nobody was, the latest
    assert rows(server, sender, site, "session_uuid") == [(ids[entry],) for entry in expected]


@pytest.mark.parametrize("sender", SENDERS)
def test_event_has_the_visitor_of_its_visit(server: LiveServer, site: str, sender: str) -> None:
    home = f"https://{site}"
    view(server, f"{home}/a")
    assert_accepted(send(server, sender, f"{home}/a"))
    view(server, f"{home}/b", f"{home}/a", X_Prisme_Visitor_Id="me")
    assert_accepted(send(server, sender, f"{home}/b"))
    (first, anonymous), second = rows(server, sender, site, "visitor_id, is_anon")
    assert server.rows("SELECT visitor_id FROM pageviews WHERE domain = ? AND path = '/a'", [site]) == [(first,)]
    assert (anonymous, second) == (True, ("me", False))


def test_events_keep_visits_open(start: Callable[..., LiveServer]) -> None:
    server = start(eventstore_max_batch_timeout="10ms", origins="*.example.com")
    sites = {sender: f"https://{sender.replace(' ', '-')}.example.com" for sender in SENDERS}
    quiet = "https://quiet.example.com"
    for home in (*sites.values(), quiet):
        view(server, f"{home}/a")
    server.time.move(29 * 60)
    for sender, home in sites.items():
        assert_accepted(send(server, sender, f"{home}/a"))
    server.time.move(29 * 60)
    for home in (*sites.values(), quiet):
        view(server, f"{home}/b", f"{home}/a")
    found = dict(server.rows("SELECT domain, list(pageviews ORDER BY entry_timestamp) FROM sessions GROUP BY domain"))
    assert found == {
        home.removeprefix("https://"): [1, 1] if home == quiet else [2] for home in (*sites.values(), quiet)
    }
    server.time.move(31 * 60)
    for sender, home in sites.items():
        assert_accepted(send(server, sender, f"{home}/b"))
    found = dict(server.rows("SELECT domain, list(pageviews ORDER BY entry_timestamp) FROM sessions GROUP BY domain"))
    assert [found[home.removeprefix("https://")] for home in sites.values()] == [[2, 0]] * len(SENDERS)


def test_event_keeps_its_visit_open_over_a_restart(tmp_path: Path) -> None:
    """At noon: in the hour before midnight, the key could be gone with the visit's day."""
    home, first, second = "https://example.com", LiveServer(tmp_path / "data"), LiveServer(tmp_path / "data")
    move_to_noon(first)
    with first:
        view(first, f"{home}/a")
        first.time.move(29 * 60)
        assert_accepted(send(first, "download", f"{home}/a"))
    second.time.move(first.time.offset)
    with second:
        second.time.move(29 * 60)
        view(second, f"{home}/b", f"{home}/a")
        assert second.rows("SELECT pageviews, events FROM sessions") == [(2, 1)]


@pytest.mark.parametrize("stop", [True, False], ids=["before and after a restart", "without one"])
def test_visit_that_an_event_began_gets_its_pageview(start: Callable[..., LiveServer], stop: bool) -> None:
    server = start()
    home, site = "https://example.com", "example.com"
    for sender in ("custom", "download ping"):
        assert_accepted(send(server, sender, f"{home}/a"))
    ((origin,),) = server.rows("SELECT session_uuid FROM sessions")
    if stop:
        server.stop()
        server = start()
    assert_accepted(send(server, "outbound noscript", f"{home}/a"))
    view(server, f"{home}/b?utm_source=news", "https://search.example/")
    ids = {rows(server, sender, site, "session_uuid")[0] for sender in ("custom", "download", "outbound")}
    assert ids == {(origin,)}
    assert visits(server, site, f"session_uuid, utm_source, {COLUMNS}") == [
        (origin, "news", "/b", "/b", "search.example", 1, 3)
    ]
