"""Which session a pageview continues or begins, and for how long one lasts."""

import datetime
from typing import Any

import pytest

from tests.e2e.pageviews import sessions, view, views
from tests.server import LiveServer


def test_internal_traffic_continues_the_session(live: LiveServer, site: str) -> None:
    home = f"https://{site}"
    assert view(live, f"{home}/", X_Prisme_Document_Referrer="https://search.example/?q=1") == 200
    assert view(live, f"{home}/b", X_Prisme_Document_Referrer=f"{home}/", X_Prisme_Status="404") == 200
    assert view(live, f"{home}/b", X_Prisme_Document_Referrer=f"{home}/b") == 200
    assert views(live, site, "path, status") == [("/", 200), ("/b", 404), ("/b", 200)]
    columns = (
        "entry_path, exit_path, exit_status, referrer_domain, pageviews, is_bounce, exit_timestamp > entry_timestamp"
    )
    assert sessions(live, site, columns) == [("/", "/b", 200, "search.example", 3, False, True)]
    assert live.rows("SELECT count(DISTINCT session_uuid) FROM pageviews WHERE domain = ?", [site]) == [(1,)]


def test_a_new_visitor_id_holds_from_then_on(live: LiveServer, site: str) -> None:
    home = f"https://{site}"
    assert view(live, f"{home}/a") == 200
    assert view(live, f"{home}/b", X_Prisme_Document_Referrer=f"{home}/a", X_Prisme_Visitor_Id="me") == 200
    assert view(live, f"{home}/c", X_Prisme_Document_Referrer=f"{home}/b") == 200
    first, *rest = [row[0] for row in views(live, site, "visitor_id")]
    assert first.startswith("prisme_")
    assert rest == ["me", "me"]
    assert sessions(live, site, "visitor_id") == [("me",)]


def test_every_pageview_is_a_row(live: LiveServer, site: str) -> None:
    """A reload, the back button, somebody else behind the same address: nobody can tell, and each counts."""
    home = f"https://{site}"
    for _ in range(3):
        assert view(live, f"{home}/a", X_Prisme_Document_Referrer="https://search.example/") == 200
    assert view(live, f"{home}/a", X_Prisme_Document_Referrer=f"{home}/a") == 200
    assert view(live, f"{home}/a") == 200
    assert views(live, site) == [("/a",)] * 5
    assert sessions(live, site, "entry_path, exit_path, pageviews, referrer_domain, is_bounce") == [
        ("/a", "/a", 5, "search.example", False)
    ]
    assert len(set(views(live, site, "session_uuid"))) == 1


def test_two_tabs_are_one_visit(live: LiveServer, site: str) -> None:
    home = f"https://{site}"
    assert view(live, f"{home}/a", X_Prisme_Document_Referrer="https://search.example/") == 200
    for page, referrer in (("b", "a"), ("c", "a"), ("d", "b"), ("e", "elsewhere")):
        assert view(live, f"{home}/{page}", X_Prisme_Document_Referrer=f"{home}/{referrer}") == 200
    assert [row[0] for row in views(live, site)] == ["/a", "/b", "/c", "/d", "/e"]
    assert sessions(live, site, "entry_path, exit_path, pageviews, referrer_domain") == [
        ("/a", "/e", 5, "search.example")
    ]


@pytest.mark.parametrize("referrer", ["", "about:blank", "https://checkout.stripe.com/pay"])
def test_without_a_source_of_its_own_a_pageview_goes_on(live: LiveServer, site: str, referrer: str) -> None:
    home = f"https://{site}"
    assert view(live, f"{home}/a", X_Prisme_Document_Referrer="https://search.example/") == 200
    assert view(live, f"{home}/b", X_Prisme_Document_Referrer=referrer) == 200
    assert sessions(live, site, "entry_path, exit_path, pageviews, referrer_domain") == [
        ("/a", "/b", 2, "search.example")
    ]


def test_another_source_begins_a_visit(live: LiveServer, site: str) -> None:
    home = f"https://{site}"
    assert view(live, f"{home}/a") == 200
    assert view(live, f"{home}/b", X_Prisme_Document_Referrer="android-app://com.example.reader/") == 200
    assert view(live, f"{home}/c", X_Prisme_Document_Referrer=f"https://m.{site}/") == 200
    assert view(live, f"{home}/d", X_Prisme_Document_Referrer=f"{home}/nowhere") == 200
    assert sessions(live, site, "entry_path, referrer_domain, pageviews") == [
        ("/a", "direct", 1),
        ("/b", "com.example.reader", 1),
        ("/c", f"m.{site}", 2),
    ]


def test_a_site_is_never_its_own_source(live: LiveServer, site: str) -> None:
    assert view(live, f"https://{site}/a", X_Prisme_Document_Referrer=f"http://{site}:8080/nowhere") == 200
    assert sessions(live, site, "entry_path, referrer_domain, pageviews") == [("/a", "direct", 1)]


def test_sessions_belong_to_devices(proxied: LiveServer, site: str) -> None:
    home = f"https://{site}"
    assert view(proxied, f"{home}/a", X_Forwarded_For="203.0.113.1") == 200
    assert view(proxied, f"{home}/b", X_Forwarded_For="203.0.113.2", X_Prisme_Document_Referrer=f"{home}/a") == 200
    assert sessions(proxied, site, "entry_path, pageviews") == [("/a", 1), ("/b", 1)]


def test_visit_ends_half_an_hour_after_its_last_pageview(start: Any) -> None:
    server = start()
    home = "https://example.com"
    for page, seconds in (("a", 0), ("b", 1799), ("c", 1799), ("d", 1801)):
        server.time.move(seconds)
        assert view(server, f"{home}/{page}", X_Prisme_Document_Referrer=f"{home}/") == 200
    assert sessions(server, "example.com", "entry_path, pageviews") == [("/a", 3), ("/d", 1)]


@pytest.mark.parametrize(("ttl", "hours"), [("24h", 12), ("2h", 1)])
def test_no_visit_lasts_beyond_a_day(start: Any, ttl: str, hours: int) -> None:
    server = start(sessionstorage_session_inactive_ttl=ttl)
    home = "https://example.com"
    for number in range(24 // hours + 1):
        assert view(server, f"{home}/{number * hours}", X_Prisme_Document_Referrer=f"{home}/") == 200
        server.time.move(hours * 3600)
    assert sessions(server, "example.com", "entry_path, pageviews") == [("/0", 24 // hours), ("/24", 1)]


def test_a_device_has_so_many_sessions(start: Any) -> None:
    server = start(sessionstorage_max_sessions_per_visitor="2")
    home = "https://example.com"
    for page in "abc":
        assert view(server, f"{home}/{page}", X_Prisme_Document_Referrer=f"https://{page}.example/") == 200
    for page in "abc":
        assert view(server, f"{home}/next-{page}", X_Prisme_Document_Referrer=f"{home}/{page}") == 200
    # The third was stored, but not remembered: what comes from its page goes to the latest of those that are.
    assert sessions(server, "example.com", "entry_path, exit_path, pageviews, referrer_domain") == [
        ("/a", "/next-a", 2, "a.example"),
        ("/b", "/next-c", 3, "b.example"),
        ("/c", "/c", 1, "c.example"),
    ]


def test_the_key_changes_at_midnight_but_a_visit_keeps_its_visitor(start: Any) -> None:
    server = start(trust_proxy="true")
    home = "https://example.com"
    others = {"X_Forwarded_For": "203.0.113.9"}
    now = datetime.datetime.now(datetime.UTC)
    seconds = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    server.time.move(86_400 - seconds - 300 + (86_400 if seconds > 86_000 else 0))  # five minutes to midnight
    assert view(server, f"{home}/a") == 200
    assert view(server, f"{home}/other", **others) == 200
    server.time.move(600)
    assert view(server, f"{home}/b", X_Prisme_Document_Referrer=f"{home}/a") == 200
    server.time.move(1799)
    assert view(server, f"{home}/c", X_Prisme_Document_Referrer=f"{home}/b") == 200
    assert view(server, f"{home}/other", **others) == 200  # whose visit of yesterday is over
    server.time.move(1801)
    assert view(server, f"{home}/a") == 200
    found = server.rows('SELECT path, visitor_id FROM pageviews ORDER BY "timestamp"')
    ids = [visitor for path, visitor in found if path != "/other"]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    before, after = (visitor for path, visitor in found if path == "/other")
    assert len({*ids, before, after}) == 4
    assert sessions(server, "example.com", "entry_path, pageviews") == [
        ("/a", 3),
        ("/other", 1),
        ("/other", 1),
        ("/a", 1),
    ]
