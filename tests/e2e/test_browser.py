"""A real Chromium on a page of another origin, without JavaScript and with it: what browsers really send counts."""

import http.server
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.requirements import need
from tests.server import LiveServer, wait_until

DOWNLOAD = "/files/report.pdf?v=2"
LINK = "{other}/welcome?from=us&q=%C3%BC"
# The pictures' Referer names the whole page; without this, only its origin.
WHOLE = 'referrerpolicy="no-referrer-when-downgrade"'
PAGE = """<!doctype html><meta charset="utf-8"><title>A page</title>
<a id="download" href="/files/report.pdf?v=2" download ping="{server}/api/v1/events/file-downloads">Report</a>
<a id="ping" href="{link}#top" ping="{server}/api/v1/events/outbound-links">Elsewhere</a>
<a id="through" href="{server}/api/v1/noscript/events/outbound-links?url={quoted}" {policy}>Elsewhere</a>
<noscript><img src="{server}/api/v1/noscript/events/pageviews" alt="" {policy}></noscript>
"""
SCRIPTED = """<!doctype html><meta charset="utf-8"><title>A page with a script</title>
<script>
const send = (event, body, headers) =>
  fetch("{server}/api/v1/events/" + event, {{
    method: "POST", body, headers: {{"X-Prisme-Referrer": location.href, ...headers}}
  }}).then(answer => answer.status + " " + (answer.headers.get("X-Prisme-Error") || "ok"));
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = need("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def publish() -> Iterator[Callable[[str], str]]:
    """Serves a page at every path, from a port (an origin) of its own; gives the origin."""
    servers: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def begin(html: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://localhost:{server.server_port}"

    yield begin
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


class Visit:
    """A tab on a page of `site`, whose links lead to `other`; `server` counts."""

    def __init__(self, server: LiveServer, page: Page, site: str, other: str) -> None:
        self.server = server
        self.page = page
        self.domain = site.removeprefix("http://")
        self.link = LINK.format(other=other)
        self._site = site

    def open(self, path: str) -> None:
        """Open a page, and wait until its pageview was answered."""
        with self.page.expect_response("**/noscript/events/pageviews") as answered:
            self.page.goto(self._site + path)
        assert answered.value.status == 200

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What is stored, once there is anything: the browser sends a ping whenever it likes."""
        wait_until(lambda: self.server.rows(query), f"rows of: {query}")
        return self.server.rows(query)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without JavaScript, cookies and past."""
    with chromium.new_context(java_script_enabled=False) as context:
        yield context


@pytest.fixture
def visit(
    start: Callable[..., LiveServer], context: BrowserContext, publish: Callable[[str], str]
) -> Callable[[str], Visit]:
    """Publish the page, with a referrer policy for its pictures and links."""

    def begin(policy: str) -> Visit:
        server = start(origins="localhost", bot_filter="off")  # a headless Chromium says that it is one
        other = publish("<!doctype html><title>Elsewhere</title>").replace("localhost", "127.0.0.1")
        link = LINK.format(other=other)
        site = publish(PAGE.format(server=server.url, link=link, quoted=quote(link, safe=""), policy=policy))
        return Visit(server, context.new_page(), site, other)

    return begin


POLICIES = pytest.mark.parametrize(
    ("policy", "path"),
    [pytest.param(WHOLE, "/docs/start", id="whole referrer"), pytest.param("", "/", id="referrer cut to the origin")],
)


@POLICIES
def test_picture_alone_counts_the_visit(visit: Callable[[str], Visit], policy: str, path: str) -> None:
    visitor = visit(policy)
    visitor.open("/docs/start?utm_source=letter")
    assert visitor.rows("SELECT domain, path, status FROM pageviews") == [(visitor.domain, path, 200)]
    columns = "operating_system, referrer_domain, country_code, utm_source, starts_with(browser_family, 'Headless')"
    source = "letter" if policy else ""
    assert visitor.rows(f"SELECT {columns} FROM sessions") == [("Linux", "direct", "XX", source, True)]


@POLICIES
def test_ping_counts_the_download(visit: Callable[[str], Visit], policy: str, path: str) -> None:
    """A ping of an http page names it whole, whatever the policy."""
    visitor = visit(policy)
    visitor.open("/docs/start?x=1")
    with visitor.page.expect_download():
        visitor.page.click("#download")
    query = "SELECT domain, path, url FROM file_downloads JOIN sessions USING (domain, session_uuid, visitor_id)"
    assert visitor.rows(query) == [(visitor.domain, "/docs/start", f"http://{visitor.domain}{DOWNLOAD}")]


@POLICIES
def test_ping_counts_the_outbound_link(visit: Callable[[str], Visit], policy: str, path: str) -> None:
    """A ping of an http page names it whole, whatever the policy."""
    visitor = visit(policy)
    visitor.open("/docs/start?x=1")
    visitor.page.click("#ping")
    visitor.page.wait_for_url(f"{visitor.link}#top")
    query = "SELECT domain, path, link FROM outbound_link_clicks JOIN sessions USING (domain, session_uuid, visitor_id)"
    assert visitor.rows(query) == [(visitor.domain, "/docs/start", visitor.link)]


@POLICIES
def test_link_through_prisme_leads_on(visit: Callable[[str], Visit], policy: str, path: str) -> None:
    visitor = visit(policy)
    visitor.open("/docs/start?x=1")
    visitor.page.click("#through")
    visitor.page.wait_for_url(visitor.link)
    assert visitor.page.title() == "Elsewhere"
    query = "SELECT domain, path, link FROM outbound_link_clicks JOIN sessions USING (domain, session_uuid, visitor_id)"
    assert visitor.rows(query) == [(visitor.domain, path, visitor.link)]
    # Back on the page, and once more: no cache has kept the redirect.
    visitor.page.go_back()
    visitor.page.click("#through")
    visitor.page.wait_for_url(visitor.link)
    assert len(visitor.rows(query)) == 2


def test_script_may_send_and_read(
    start: Callable[..., LiveServer], chromium: Browser, publish: Callable[[str], str]
) -> None:
    """Headers of its own and JSON need a preflight's leave, and a reason can be read only where it is exposed."""
    server = start(origins="localhost", bot_filter="off")
    site = publish(SCRIPTED.format(server=server.url))
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{site}/app?view=1#top")
        send = "([event, body, headers]) => send(event, body, headers)"
        json = {"Content-Type": "application/json"}
        status = {"X-Prisme-Status": "404", "X-Prisme-Visitor-Id": "me"}
        assert page.evaluate(send, ["custom/early", "{}", json]) == "200 ok"
        assert page.evaluate(send, ["pageviews", None, status]) == "200 ok"
        assert page.evaluate(send, ["custom/sign%20up", '{"plan":"pro"}', json]) == "200 ok"
        assert page.evaluate(send, ["outbound-links", f"{site}/b", {}]) == "400 internal link"
        assert page.evaluate(send, ["file-downloads", f"{site}/b.pdf", {}]) == "200 ok"
    domain = site.removeprefix("http://")
    assert server.rows("SELECT domain, path, status, visitor_id FROM pageviews") == [(domain, "/app", 404, "me")]
    query = 'SELECT name, properties FROM events_custom ORDER BY "timestamp"'
    assert server.rows(query) == [("early", "{}"), ("sign up", '{"plan":"pro"}')]
    assert server.rows("SELECT url FROM file_downloads") == [(f"{site}/b.pdf",)]
