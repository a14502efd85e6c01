"""A real Chromium on a page of another origin, without JavaScript: the picture alone counts the visit."""

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.requirements import need
from tests.server import LiveServer, wait_until

PAGE = """<!doctype html><title>A page</title><h1>Hello</h1>
<noscript><img src="{server}/api/v1/noscript/events/pageviews" alt=""
  referrerpolicy="no-referrer-when-downgrade"></noscript>"""


@pytest.fixture(scope="session")
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
def site_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serves a page at any path, from a port (an origin) of its own."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def publish(html: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return f"http://localhost:{server.server_port}"

    yield publish
    for server in servers:
        server.shutdown()
        server.server_close()


def test_picture_alone_counts_the_visit(
    start: Callable[..., LiveServer], chromium: Browser, site_of: Callable[[str], str]
) -> None:
    server = start(origins="localhost", bot_filter="off")  # a headless Chromium says that it is one
    site = site_of(PAGE.format(server=server.url))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    with page.expect_response("**/noscript/events/pageviews") as answered:
        page.goto(f"{site}/docs/start?utm_source=letter")
    assert answered.value.status == 200
    wait_until(lambda: server.rows("SELECT count(*) FROM pageviews") == [(1,)], "the visit to be stored")
    context.close()
    domain = site.removeprefix("http://")
    assert server.rows("SELECT domain, path, status FROM pageviews") == [(domain, "/docs/start", 200)]
    columns = "browser_family, operating_system, referrer_domain, utm_source, country_code"
    ((browser, *rest),) = server.rows(f"SELECT {columns} FROM sessions")
    assert "Chrome" in browser
    assert rest == ["Linux", "direct", "letter", "XX"]
