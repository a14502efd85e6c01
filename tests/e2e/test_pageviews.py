"""Pageviews through a real server into real tables: each rule once, with its answer and its rows."""

import datetime
import re
from typing import Any

import pytest

from tests.server import CHROME, LiveServer, browser

PAGEVIEWS = "/api/v1/events/pageviews"
NOSCRIPT = "/api/v1/noscript/events/pageviews"
GIF = bytes.fromhex("4749463839610100010000000021f90401000000002c00000000010001000002010000")
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def view(server: LiveServer, page: str, **headers: str) -> int:
    """Send a pageview as a browser does; gives the status."""
    return server.http.post(PAGEVIEWS, headers=browser(page, **headers)).status_code


def views(server: LiveServer, site: str, columns: str = "path") -> list[tuple[Any, ...]]:
    return server.rows(f'SELECT {columns} FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [site])


def sessions(server: LiveServer, site: str, columns: str) -> list[tuple[Any, ...]]:
    return server.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY entry_timestamp", [site])


def test_first_pageview_fills_every_column(live: LiveServer, site: str) -> None:
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    answer = live.http.post(PAGEVIEWS, headers=browser(f"https://{site}/pricing?plan=a#top"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"

    ((view_row),) = live.rows("SELECT * FROM pageviews WHERE domain = ?", [site])
    timestamp, domain, path, visitor, is_anon, uuid, session_timestamp, status = view_row
    assert before <= timestamp <= datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert (domain, path, is_anon, status) == (site, "/pricing", True, 200)
    assert re.fullmatch(r"prisme_[0-9A-F]{16}", visitor)
    assert uuid.version == 7
    assert session_timestamp == timestamp.replace(microsecond=timestamp.microsecond // 1000 * 1000)
    columns = (
        "domain, entry_timestamp, entry_path, exit_timestamp, exit_path, exit_status, visitor_id, is_anon, "
        "session_uuid, session_timestamp, operating_system, browser_family, device, device_type, referrer_domain, "
        "country_code, utm_source, utm_medium, utm_campaign, utm_term, utm_content, pageviews, events, is_bounce"
    )
    when = (timestamp, "/pricing")
    who = (visitor, True, uuid, session_timestamp)
    client = ("Linux", "Chrome", "Other", "desktop", "direct", "XX")
    assert sessions(live, site, columns) == [(site, *when, *when, 200, *who, *client, "", "", "", "", "", 1, 0, True)]
    # All that there is.
    names = live.rows("SELECT column_name FROM (DESCRIBE sessions)")
    assert ", ".join(name for (name,) in names) == columns


def test_noscript_answers_the_gif_and_stores_the_same(live: LiveServer, site: str) -> None:
    answer = live.http.get(
        NOSCRIPT,
        params={
            "referrer": f"https://{site}/a b?utm_source=news",
            "document-referrer": "https://www.search.example/q",
            "visitor-id": "customer 7",
            "status": "404",
        },
        headers={"User-Agent": CHROME},
    )
    assert (answer.status_code, answer.content) == (200, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"
    assert views(live, site, "path, visitor_id, is_anon, status") == [("/a%20b", "customer 7", False, 404)]
    assert sessions(live, site, "referrer_domain, utm_source, exit_status") == [("www.search.example", "news", 404)]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"Origin": "https://{site}"}, "referrer=https%3A%2F%2F{site}%2Fp", id="origin and parameter"),
        pytest.param({"Referer": "https://{site}/p"}, "", id="referer alone"),
        pytest.param({}, "referrer=https%3A%2F%2F{site}%2Fp", id="parameter alone"),
        pytest.param(
            {"Referer": "https://{site}/"}, "referrer=https%3A%2F%2F{site}%2Fp", id="parameter before referer"
        ),
    ],
)
def test_noscript_finds_its_origin(live: LiveServer, site: str, headers: dict[str, str], query: str) -> None:
    sent = {name: value.format(site=site) for name, value in headers.items()} | {"User-Agent": CHROME}
    assert live.http.get(f"{NOSCRIPT}?{query.format(site=site)}", headers=sent).status_code == 200
    assert views(live, site) == [("/p",)]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({"Origin": ""}, "origin not registered", id="no origin"),
        pytest.param({"Origin": "null"}, "origin not registered", id="null origin"),
        pytest.param({"Origin": "https://example.org"}, "origin not registered", id="other origin"),
        pytest.param({"Origin": "https://example.com.evil.example"}, "origin not registered", id="suffix of origin"),
        pytest.param({"X_Prisme_Referrer": ""}, "page URL is missing", id="no page"),
        pytest.param({"X_Prisme_Referrer": "/just/a/path"}, "page URL is not", id="relative page"),
        pytest.param({"X_Prisme_Referrer": "ftp://example.com/"}, "page URL is not", id="page of another scheme"),
        pytest.param({"X_Prisme_Referrer": "https:///path"}, "page URL is not", id="page without host"),
        pytest.param({"X_Prisme_Referrer": "https://example.com/" + "a" * 8192}, "page URL is not", id="long page"),
        pytest.param(
            {"X_Prisme_Referrer": "https://example.org/"}, "the page's host is not", id="page of another site"
        ),
        pytest.param({"X_Prisme_Referrer": "https://www.google.com/"}, "the page's host is not", id="forged page"),
        pytest.param({"X_Prisme_Document_Referrer": "not a url"}, "document referrer", id="bad document referrer"),
        pytest.param({"X_Prisme_Document_Referrer": "/a"}, "document referrer", id="relative document referrer"),
        pytest.param({"X_Prisme_Visitor_Id": "v" * 257}, "visitor id", id="long visitor id"),
        pytest.param({"X_Prisme_Status": "99"}, "status", id="low status"),
        pytest.param({"X_Prisme_Status": "600"}, "status", id="high status"),
        pytest.param({"X_Prisme_Status": "2e2"}, "status", id="no number for a status"),
        pytest.param({"user_agent": GOOGLEBOT}, "bot session filtered", id="bot"),
        pytest.param({"user_agent": "curl/8.0"}, "bot session filtered", id="tool"),
    ],
)
def test_refusals_say_why_and_store_nothing(live: LiveServer, site: str, headers: dict[str, str], reason: str) -> None:
    answer = live.http.post(PAGEVIEWS, headers=browser(f"https://{site}/", **headers))
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert reason in answer.headers["x-prisme-error"]
    assert answer.text.strip() == answer.headers["x-prisme-error"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-prisme-request-id"])
    assert views(live, site) == []
    assert sessions(live, site, "*") == []


def test_noscript_refusals_come_with_the_gif(live: LiveServer) -> None:
    answer = live.http.get(NOSCRIPT, params={"referrer": "https://example.org/"}, headers={"User-Agent": CHROME})
    assert (answer.status_code, answer.content) == (400, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["x-prisme-error"] == "origin not registered"


def test_refusals_come_in_order(start: Any) -> None:
    """Route, rate limit, origin, page, its host, fields: each request is wrong in all that comes after."""
    server = start(api_events_rate_limit="8")
    wrong = {"Origin": "null", "X-Prisme-Referrer": "nothing", "User-Agent": GOOGLEBOT, "X-Prisme-Status": "1"}
    wrong |= {"X-Prisme-Visitor-Id": "v" * 257, "X-Prisme-Document-Referrer": "nothing"}
    reasons = [server.http.post(PAGEVIEWS, headers=wrong).headers["x-prisme-error"]]
    for name, text in (
        ("Origin", "https://example.com"),
        ("X-Prisme-Referrer", "https://example.org/"),
        ("X-Prisme-Referrer", "https://example.com/"),
        ("X-Prisme-Status", "200"),
        ("X-Prisme-Visitor-Id", "me"),
        ("X-Prisme-Document-Referrer", ""),
    ):
        wrong[name] = text
        reasons.append(server.http.post(PAGEVIEWS, headers=wrong).headers["x-prisme-error"])
    assert [reason.split()[0] for reason in reasons] == [
        "origin",
        "page",
        "the",
        "status",
        "visitor",
        "document",
        "bot",
    ]
    server.http.post(PAGEVIEWS, headers=wrong)
    assert server.http.post(PAGEVIEWS, headers={}).status_code == 429
    assert server.http.post("/api/v1/events/nothing").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("HEAD", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("PUT", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("POST", NOSCRIPT, 405, "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/healthcheck", 405, "GET, HEAD"),
        ("POST", PAGEVIEWS + "/", 404, None),
        ("POST", "/api/v1/events/Pageviews", 404, None),
        ("POST", "/api/v1/events/%70ageviews", 404, None),
        ("GET", "/nowhere", 404, None),
    ],
)
def test_routes_are_exact(live: LiveServer, method: str, path: str, status: int, allow: str | None) -> None:
    answer = live.http.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["x-prisme-error"]


@pytest.mark.parametrize("path", [PAGEVIEWS, NOSCRIPT])
def test_preflight_is_always_allowed(start: Any, path: str) -> None:
    server = start(api_events_rate_limit="1")
    asked = {
        "Origin": "https://unknown.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-prisme-referrer, x-other",
    }
    for _ in range(3):
        answer = server.http.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert ("POST" if path == PAGEVIEWS else "GET") in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "x-prisme-referrer, x-other"
        assert answer.headers["access-control-max-age"] == "86400"
    assert view(server, "https://example.com/") == 200


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param("203.0.113.1", "203.0.113.1", True, id="same address"),
        pytest.param("203.0.113.1", "203.0.113.2", False, id="two addresses"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True, id="same /64"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:2::1", False, id="two /64"),
        pytest.param("::ffff:203.0.113.1", "203.0.113.1", True, id="mapped address"),
        pytest.param("unknown", "unknown", True, id="no address, by its text"),
        pytest.param("unknown", "_hidden", False, id="two texts"),
    ],
)
def test_rate_limit_counts_clients(start: Any, first: str, second: str, together: bool) -> None:
    server = start(api_events_rate_limit="2", trust_proxy="true")
    statuses = [
        view(server, f"https://example.com/{step}", X_Forwarded_For=address)
        for step, address in enumerate((first, first, first, second))
    ]
    assert statuses == [200, 200, 429, 429 if together else 200]


def test_rate_limit_ends_with_its_window(start: Any) -> None:
    server = start()  # the limiter is off
    assert {view(server, f"https://example.com/{step}") for step in range(100)} == {200}
    server.stop()
    server = start(api_events_rate_limit="60")
    statuses = [server.http.post(PAGEVIEWS, headers={"Origin": "null"}).status_code for _ in range(30)]
    server.time.move(30)
    statuses += [
        server.http.get(NOSCRIPT, headers={"Referer": "https://example.com/"}).status_code for _ in range(30)
    ]  # refused ones count, and all endpoints count together
    assert statuses == [400] * 60
    answer = server.http.post(PAGEVIEWS, headers=browser("https://example.com/"))
    assert answer.status_code == 429
    assert 25 <= int(answer.headers["retry-after"]) <= 30
    server.time.move(int(answer.headers["retry-after"]))
    assert view(server, "https://example.com/") == 200


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
    ("url", "path"),
    [
        ("HTTPS://{SITE}", "/"),
        ("https://{site}/a/b/", "/a/b/"),
        ("https://{site}///a/../b", "/b"),
        ("https://user:secret@{site}/in?x=1#y", "/in"),
        ("https://{site}/%7Euser/%c3%bc", "/~user/%C3%BC"),
        ("https://{site}/%00%0a", "/%00%0A"),
    ],
)
def test_page_urls_are_stored_in_normal_form(live: LiveServer, site: str, url: str, path: str) -> None:
    assert view(live, f"https://{site}/", X_Prisme_Referrer=url.format(site=site, SITE=site.upper())) == 200
    assert views(live, site) == [(path,)]


def test_domain_has_the_port_where_one_is_given(live: LiveServer, site: str) -> None:
    assert view(live, f"http://{site}:8080/") == 200
    assert views(live, f"{site}:8080") == [("/",)]


def test_referer_names_the_page_where_nothing_else_does(live: LiveServer, site: str) -> None:
    sent = {"Origin": f"https://{site}", "Referer": f"https://{site}/from-referer", "User-Agent": CHROME}
    assert live.http.post(PAGEVIEWS, headers=sent).status_code == 200
    assert views(live, site) == [("/from-referer",)]


# ----- who is it


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


# ----- sessions


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


# ----- campaigns


@pytest.mark.parametrize(
    ("query", "utm"),
    [
        (
            "utm_source=a&utm_medium=b&utm_campaign=c+d&utm_term=%C3%A9&utm_content=f%26g",
            ("a", "b", "c d", "é", "f&g"),
        ),
        ("ref=friend", ("friend", "", "", "", "")),
        ("ref=friend&utm_source=a", ("a", "", "", "", "")),
        ("utm_source=&ref=friend", ("friend", "", "", "", "")),
        ("utm_medium=%FF", ("", "\N{REPLACEMENT CHARACTER}", "", "", "")),
        ("source=friend", ("friend", "", "", "", "")),
        ("UTM_Source=a&amp;utm_Medium=+b+", ("a", "b", "", "", "")),
        ("preference=1", ("", "", "", "", "")),
    ],
)
def test_campaigns_are_read_from_the_page(live: LiveServer, site: str, query: str, utm: tuple[str, ...]) -> None:
    assert view(live, f"https://{site}/?{query}") == 200
    assert sessions(live, site, "utm_source, utm_medium, utm_campaign, utm_term, utm_content") == [utm]


# ----- health


def test_health(live: LiveServer) -> None:
    answer = live.http.get("/api/v1/healthcheck")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert live.http.head("/api/v1/healthcheck").status_code == 200


@pytest.mark.parametrize("policy", ["always", "interval", "never"])
def test_fsync_policies_store_all(start: Any, policy: str) -> None:
    server = start(eventstore_fsync=policy)
    assert [view(server, f"https://example.com/{step}") for step in range(20)] == [200] * 20
    assert server.rows("SELECT count(*) FROM pageviews") == [(20,)]


def test_batches_are_loaded_when_full(start: Any) -> None:
    server = start(eventstore_max_batch_size="3", eventstore_max_batch_timeout="1h")
    assert [view(server, f"https://example.com/{step}") for step in range(3)] == [200] * 3
    assert server.rows("SELECT count(*) FROM pageviews") == [(3,)]
