"""Which lines of a log are pageviews."""

import pytest

from prisme.imports.logs import pages
from prisme.imports.logs.pages import cut_authority, why_not


@pytest.mark.parametrize(
    "target",
    [
        "/", "/?a=b.js", "/blog/", "/blog/a-post", "/index.html", "/INDEX.HTM", "/index.php?id=3", "/a.aspx",
        "/v1.2/notes", "/@name", "/caf\u00e9", "/caf%C3%A9", "/a b", "//double", "/a/../b", "/./a", "/docs/api/",
        "/api.html", "/api/reference.html", "/user/metrics", "/#/path.js", "/page;v=1.js", "/feeding", "/a.unknown",
        "/wiki/_a", "http://example.com/", "https://example.com", "HTTP://example.com/a?b", "http://a.js/page",
        "http://a.js",
    ],
)  # fmt: skip
def test_pages(target: str) -> None:
    assert why_not("GET", 200, target) is None


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/app.js", pages.ASSET),
        ("/app.JS?v=3", pages.ASSET),
        ("/a/b.min.css", pages.ASSET),
        ("/style.css;jsessionid=1", pages.ASSET),
        ("http://example.com/logo.svg", pages.ASSET),
        ("/favicon.ico", pages.ASSET),
        ("/robots.txt", pages.ASSET),
        ("/sitemap.xml", pages.ASSET),
        ("/data.json", pages.ASSET),
        ("/files/report.pdf", pages.DOWNLOAD),
        ("/files/a.tar.gz", pages.DOWNLOAD),
        ("/feed", pages.FEED),
        ("/blog/feed/", pages.FEED),
        ("/rss", pages.FEED),
        ("/feed.xml", pages.FEED),
        ("/atom.xml", pages.FEED),
        ("/blog/index.rss", pages.FEED),
        ("/api/v1/events/pageview", pages.PROGRAM),
        ("/api/v1/events/noscript/pageview?x=1", pages.PROGRAM),
        ("/api", pages.PROGRAM),
        ("/wp-json/wp/v2/posts", pages.PROGRAM),
        ("/wp-login.php", pages.PROGRAM),
        ("/wp-admin/admin-ajax.php", pages.PROGRAM),
        ("/xmlrpc.php", pages.PROGRAM),
        ("/?rest_route=/wp/v2", pages.PROGRAM),
        ("/shop/?wc-ajax=get_refreshed_fragments", pages.PROGRAM),
        ("/about?_rsc=1wtp7", pages.PROGRAM),
        ("/.well-known/security", pages.PROGRAM),
        ("/.env", pages.ASSET),
        ("/a/.git/config", pages.PROGRAM),
        ("/_next/image", pages.PROGRAM),
        ("/cdn-cgi/trace", pages.PROGRAM),
        ("/socket.io/?EIO=4", pages.PROGRAM),
        ("/healthz", pages.PROGRAM),
        ("*", pages.NO_REQUEST),
        ("hello", pages.NO_REQUEST),
        ("", pages.NO_REQUEST),
        ("ftp://example.com/", pages.NO_REQUEST),
    ],
)
def test_what_is_no_page(target: str, why: str) -> None:
    assert why_not("GET", 200, target) == why


@pytest.mark.parametrize(("method", "counts"), [("GET", True), ("HEAD", False), ("POST", False), ("get", False)])
def test_methods(method: str, counts: bool) -> None:
    assert why_not(method, 200, "/") == (None if counts else pages.METHOD)


@pytest.mark.parametrize("status", [0, 100, 101, 199, 204, 205, 206, 300, 301, 302, 303, 307, 400, 404, 499, 500, 999])
def test_statuses_that_are_no_pageviews(status: int) -> None:
    assert why_not("GET", status, "/") == pages.STATUS


@pytest.mark.parametrize("status", [200, 201, 203, 299, 304])
def test_statuses_of_pageviews(status: int) -> None:
    assert why_not("GET", status, "/") is None


@pytest.mark.parametrize(
    ("target", "status", "content_type", "why"),
    [
        ("/app.js", 200, "text/html; charset=utf-8", None),
        ("/api/docs", 200, "text/html", None),
        ("/", 200, "Application/XHTML+XML", None),
        ("/", 200, "application/json", pages.TYPE),
        ("/page", 200, "text/plain", pages.TYPE),
        # A 304 has none, or a wrong one.
        ("/", 304, "", None),
        ("/", 304, "text/plain", None),
        ("/app.js", 304, "", pages.ASSET),
    ],
)
def test_the_content_type_decides(target: str, status: int, content_type: str, why: str | None) -> None:
    assert why_not("GET", status, target, content_type) == why


def test_long_paths() -> None:
    assert why_not("GET", 200, "/" + "a" * 100_000) is None
    assert why_not("GET", 200, "/" + "a" * 100_000 + ".js") == pages.ASSET


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/a?b", ("", "/a?b")),
        ("http://a.example/b?c", ("http://a.example", "/b?c")),
        ("https://[2001:db8::7]:8443/", ("https://[2001:db8::7]:8443", "/")),
        ("http://a.example?b", ("http://a.example", "/?b")),
        ("http://a.example", ("http://a.example", "/")),
        ("http://www.example.com*", ("http://www.example.com*", "/")),
        ("ftp://a.example/", ("", "ftp://a.example/")),
        ("/http://a.example/", ("", "/http://a.example/")),
    ],
)
def test_cut_authority(target: str, parts: tuple[str, str]) -> None:
    assert cut_authority(target) == parts
