"""Who sends a pageview: addresses behind proxies, visitor ids, browsers and their hints, bots."""

import datetime
from typing import Any

import pytest

from tests.e2e.pageviews import GOOGLEBOT, PAGEVIEWS, sessions, view, views
from tests.server import CHROME, LiveServer

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15"


@pytest.mark.parametrize(
    ("options", "forwarded", "country"),
    [
        pytest.param({}, "8.8.8.8", "US", id="from this machine"),
        pytest.param({"trust_proxy": "false"}, "8.8.8.8", "XX", id="not trusted"),
        pytest.param({"trust_proxy": "true"}, "8.8.8.8", "US", id="trusted"),
        pytest.param({"trust_proxy": "true"}, "1.1.1.1, 8.8.8.8", "US", id="the rightmost"),
        pytest.param({"trust_proxy": "true", "proxy_hops": "2"}, "8.8.8.8, 10.0.0.1", "US", id="two hops"),
        pytest.param({"trust_proxy": "true"}, "[2600:1f18::1]:443", "US", id="port and brackets"),
        pytest.param({"trust_proxy": "true"}, "unknown", "XX", id="no address"),
        pytest.param({"trust_proxy": "true", "proxy_header": "X-Real-Ip"}, "8.8.8.8", "XX", id="another header"),
    ],
)
def test_client_address(start: Any, options: dict[str, str], forwarded: str, country: str) -> None:
    server = start(**options)
    assert view(server, "https://example.com/", X_Forwarded_For=forwarded) == 200
    assert server.rows("SELECT country_code FROM sessions") == [(country,)]


@pytest.mark.parametrize(("trust", "kept"), [("auto", True), ("true", True), ("false", False)])
def test_request_id_of_a_trusted_proxy_is_kept(start: Any, trust: str, kept: bool) -> None:
    sent = {"Origin": "null", "X-Request-Id": "abc-123"}
    answer = start(trust_proxy=trust).http.post(PAGEVIEWS, headers=sent)
    assert (answer.headers["x-prisme-request-id"] == "abc-123") is kept


@pytest.mark.parametrize(
    ("given", "stored", "anonymous"),
    [
        pytest.param("customer-1", "customer-1", False, id="given"),
        pytest.param("prisme_1", "prisme_1", True, id="given, prisme_"),
        pytest.param("anon_xyz", "anon_xyz", True, id="given, anon_"),
        pytest.param("v" * 256, "v" * 256, False, id="longest"),
    ],
)
def test_given_visitor_id_is_stored_as_it_is(
    live: LiveServer, site: str, given: str, stored: str, anonymous: bool
) -> None:
    assert view(live, f"https://{site}/", X_Prisme_Visitor_Id=given) == 200
    assert views(live, site, "visitor_id, is_anon") == [(stored, anonymous)]
    assert sessions(live, site, "visitor_id, is_anon") == [(stored, anonymous)]


def test_visitor_id_hides_and_tells_apart(proxied: LiveServer, site: str) -> None:
    for step, (agent, address) in enumerate(
        [(CHROME, "203.0.113.1"), (CHROME, "203.0.113.1"), (FIREFOX, "203.0.113.1"), (CHROME, "203.0.113.2")]
    ):
        page = f"https://{site}/{step}"
        assert view(proxied, page, user_agent=agent, X_Forwarded_For=address, X_Prisme_Visitor_Id="") == 200
    ids = [row[0] for row in views(proxied, site, "visitor_id")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        pytest.param({}, ("Linux", "Chrome", "Other", "desktop"), id="User-Agent alone"),
        pytest.param({"user_agent": FIREFOX}, ("Windows", "Firefox", "Other", "desktop"), id="Firefox"),
        pytest.param({"user_agent": PHONE}, ("Android", "Chrome Mobile", "Other", "mobile"), id="device K"),
        pytest.param({"user_agent": MAC}, ("macOS", "Safari", "Mac", "desktop"), id="one name for macOS"),
        pytest.param(
            {"Sec_CH_UA_Platform": '"Chromium OS"'}, ("Chrome OS", "Chrome", "Other", "desktop"), id="Chromium OS"
        ),
        pytest.param({"Sec_CH_UA_Platform": '"macOS"'}, ("macOS", "Chrome", "Other", "desktop"), id="platform"),
        pytest.param({"Sec_CH_UA_Platform": '""'}, ("Linux", "Chrome", "Other", "desktop"), id="empty platform"),
        pytest.param(
            {"user_agent": PHONE, "Sec_CH_UA_Model": '"Pixel 9"'},
            ("Android", "Chrome Mobile", "Pixel 9", "mobile"),
            id="model",
        ),
        pytest.param(
            {"user_agent": PHONE, "Sec_CH_UA_Model": '""'},
            ("Android", "Chrome Mobile", "Other", "mobile"),
            id="no model",
        ),
        pytest.param(
            {"user_agent": PHONE.replace(" Mobile", ""), "Sec_CH_UA_Mobile": "?0"},
            ("Android", "Chrome", "Other", "tablet"),
            id="no phone",
        ),
        pytest.param({"Sec_CH_UA_Mobile": "?1"}, ("Linux", "Chrome", "Other", "mobile"), id="a phone, as it says"),
    ],
)
def test_client_hints(live: LiveServer, site: str, headers: dict[str, str], client: tuple[str, ...]) -> None:
    assert view(live, f"https://{site}/", **headers) == 200
    assert sessions(live, site, "operating_system, browser_family, device, device_type") == [client]


@pytest.mark.parametrize(
    ("options", "agent", "status"),
    [
        ({"bot_filter": "strict"}, "okhttp/4.12.0", 400),
        ({"bot_filter": "basic"}, "okhttp/4.12.0", 200),
        ({"bot_filter": "basic"}, GOOGLEBOT, 400),
        ({"bot_filter": "off"}, GOOGLEBOT, 200),
        ({"bot_allow": "^okhttp/"}, "okhttp/4.12.0", 200),
    ],
)
def test_bot_filter(start: Any, options: dict[str, str], agent: str, status: int) -> None:
    assert view(start(**options), "https://example.com/", user_agent=agent) == status


def test_who_comes_daily_is_never_the_same(start: Any) -> None:
    """At any interval, for ten days."""
    server = start()
    for hours in (24, 23, 25, 12, 7):
        site = f"h{hours}.example.com"
        for _ in range(240 // hours):
            assert view(server, f"https://{site}/", X_Prisme_Document_Referrer="https://search.example/") == 200
            server.time.move(hours * 3600)
        found = views(server, site, 'visitor_id, "timestamp"::DATE')
        days: dict[str, set[datetime.date]] = {}
        for visitor, day in found:
            days.setdefault(visitor, set()).add(day)
        assert all(len(one) == 1 for one in days.values()), hours
        assert len(days) == len({day for _, day in found})
