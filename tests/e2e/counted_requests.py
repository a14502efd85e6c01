"""Requests of all kinds, and how each is counted: sent by the tests of metrics and logs."""

from typing import NamedTuple

import httpx

from tests.server import CHROME, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
VIEWS = EVENTS + "pageviews"
HEALTH = "/api/v1/healthcheck"
HOME, OTHER = "https://example.com", "https://example.org"
LINK = "https://files.example.org/a.pdf"
AGENT = {"User-Agent": CHROME}
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
LIMIT = 60
CUSTOM = EVENTS + "custom/:name"
DOWNLOADS, LINKS = EVENTS + "file-downloads", EVENTS + "outbound-links"
NOSCRIPT_CUSTOM, NOSCRIPT_VIEWS, NOSCRIPT_LINKS = (
    NOSCRIPT + end for end in ("custom/:name", "pageviews", "outbound-links")
)
FIRST, SECOND, THIRD = ({"X-Forwarded-For": address} for address in ("8.8.8.8", "2600:1f18::1", "203.0.113.7"))
AT_HOME = dict(browser(HOME + "/")) | FIRST
JSON = AT_HOME | {"Content-Type": "application/json"}


class Sent(NamedTuple):
    """A request, sent `times` times, and how it is counted: `reason` is the refusal's, empty for none."""

    pattern: str
    method: str
    path: str
    status: int
    reason: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    content: bytes = b""
    times: int = 1


def _get(pattern: str, query: dict[str, str], status: int, reason: str = "", times: int = 1, referer: str = "") -> Sent:
    path = f"{pattern.replace(':name', 'sign_up')}?{httpx.QueryParams(query)}"
    headers = AGENT | SECOND | ({"Referer": referer} if referer else {})
    return Sent(pattern, "GET", path, status, reason, headers, times=times)


def _view(reason: str, status: int = 400, **headers: str) -> Sent:
    return Sent(VIEWS, "POST", VIEWS, status, reason, dict(browser(HOME + "/new", **headers)) | FIRST)


SENT = [
    # Sessions: one of each IP version, and one of what is no address.
    Sent(VIEWS, "POST", VIEWS, 200, headers=dict(browser(HOME + "/start")) | FIRST),
    Sent(VIEWS, "POST", VIEWS, 200, headers=AT_HOME | {"X-Prisme-Document-Referrer": HOME + "/start"}),
    Sent(VIEWS, "POST", VIEWS, 200, headers=dict(browser(HOME + "/")) | {"X-Forwarded-For": "unknown"}),
    _get(NOSCRIPT_VIEWS, {"referrer": HOME + "/"}, 200),
    # Events of these sessions.
    Sent(CUSTOM, "POST", EVENTS + "custom/sign_up", 200, headers=JSON, content=b'{"plan":1}', times=2),
    _get(NOSCRIPT_CUSTOM, {"referrer": HOME + "/"}, 200),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 200, headers=AT_HOME, content=LINK.encode(), times=4),
    Sent(LINKS, "POST", LINKS, 200, headers=AT_HOME, content=LINK.encode()),
    _get(NOSCRIPT_LINKS, {"referrer": HOME + "/", "url": LINK}, 302, times=4, referer=HOME + "/"),
    Sent(VIEWS, "OPTIONS", VIEWS, 204, times=3),
    Sent(HEALTH, "GET", HEALTH, 200, times=2),
    Sent(HEALTH, "HEAD", HEALTH, 200),
    Sent("/static/wa.js", "GET", "/static/wa.js", 200),
    # Refused requests.
    _view("origin_not_registered", Origin=OTHER),
    _view("page_not_registered", X_Prisme_Referrer=OTHER + "/"),
    _view("page_url_missing", X_Prisme_Referrer=""),
    _view("page_url_invalid", X_Prisme_Referrer="/"),
    _view("document_referrer_invalid", X_Prisme_Document_Referrer="/"),
    _view("visitor_id_invalid", X_Prisme_Visitor_Id="v" * 257),
    _view("status_invalid", X_Prisme_Status="1"),
    _view("bot", user_agent=GOOGLEBOT),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "content_type_not_json", AT_HOME, b"{}"),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "properties_invalid", JSON, b"[]", times=2),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 413, "body_too_long", JSON, b"x" * 65_537),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "page_not_registered", JSON | {"X-Prisme-Referrer": OTHER + "/"}),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 400, "link_missing", AT_HOME),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 400, "link_invalid", AT_HOME, b"/a.pdf"),
    Sent(LINKS, "POST", LINKS, 400, "internal_link", AT_HOME, HOME.encode()),
    _get(NOSCRIPT_CUSTOM, {"referrer": HOME + "/", "prop-x": "text"}, 400, "property_invalid"),
    # Refused, but the link still redirects.
    _get(NOSCRIPT_LINKS, {"referrer": OTHER, "url": LINK}, 302, "page_not_registered", times=2, referer=HOME + "/"),
    _get(NOSCRIPT_LINKS, {"referrer": OTHER, "url": LINK}, 200, "origin_not_registered"),
    Sent(
        NOSCRIPT_VIEWS,
        "GET",
        f"{NOSCRIPT_VIEWS}?{'x' * 32_769}",
        400,
        "query_too_long",
        AGENT | SECOND | {"Referer": HOME + "/"},
    ),
    Sent(VIEWS, "POST", VIEWS, 400, "origin_not_registered", THIRD, times=LIMIT),
    Sent(VIEWS, "POST", VIEWS, 429, "rate_limited", THIRD, times=2),
    # Unknown paths and methods.
    Sent("unknown", "GET", "/nowhere", 404, "not_found"),
    Sent("unknown", "GET", "/wp-login.php%22%0A%7D?a=1", 404, "not_found", times=2),
    Sent("unknown", "POST", EVENTS + "custom/", 404, "not_found"),
    Sent("unknown", "POST", EVENTS + "custom/" + "x" * 257, 404, "not_found"),
    Sent("unknown", "BREW", "/coffee", 404, "not_found"),
    Sent(VIEWS, "GET", VIEWS, 405, "method_not_allowed", times=2),
    Sent(VIEWS, "BREW", VIEWS, 405, "method_not_allowed"),
    Sent(VIEWS, "X" * 300, VIEWS, 405, "method_not_allowed"),
    Sent(CUSTOM, "DELETE", EVENTS + "custom/secret", 405, "method_not_allowed"),
]
