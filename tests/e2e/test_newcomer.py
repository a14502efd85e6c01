"""The first hour of somebody who has never seen Prisme: what they type, and what they see."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.checkout import copy_checkout
from tests.e2e.conftest import FLAGS
from tests.e2e.proxies import HOST, Front, ask, outer_nginx
from tests.e2e.script import unsteered, visiting
from tests.requirements import need
from tests.server import CHROME, LiveServer, free_port, wait_until
from tests.terminal import Terminal
from tests.test_readme import INSTALL_PATIENCE, command, environment

PASSWORD = "correct horse battery"
# What docs/get-started.md promises, in seconds.
PROMISED = 180.0


def create_account(page: Page, link: str) -> str:
    """Follow the link; gives the line that the page that waits shows."""
    page.goto(link)
    page.fill("#name", "ada")
    for field in ("#password", "#again"):
        page.fill(field, PASSWORD)
    page.click("form button")
    expect(page.locator("h1")).to_have_text("Waiting for the first session")
    return page.locator("pre").inner_text()


def test_three_commands_and_one_line_lead_to_the_first_visit(chromium: Browser, tmp_path: Path) -> None:
    """From a clone without an environment to the dashboard, by the README's command on a terminal."""
    began, port, pages = time.monotonic(), free_port(), free_port()
    clone = copy_checkout(tmp_path / "prisme")
    environ = environment(PRISME_PORT=str(port), PRISME_ADMIN_HOSTPORT="", NO_COLOR="1")
    terminal = Terminal(["sh", "-c", command("prisme serve")], environ, clone)
    try:
        link = terminal.read_until(r"First time +(\S+)", INSTALL_PATIENCE)[1]
        terminal.read_until("Press Ctrl-C to stop")
        site = tmp_path / "site"
        site.mkdir()
        server = [sys.executable, "-m", "http.server", str(pages), "--bind", "127.0.0.1"]
        icon = ("Failed to load resource: the server responded with a status of 404",)
        with unsteered(server, site), visiting(chromium, icon, user_agent=CHROME) as context:
            dashboard = context.new_page()
            line = create_account(dashboard, link)
            (site / "index.html").write_text(f"<!doctype html><title>My site</title>{line}<h1>Hello</h1>")
            context.new_page().goto(f"http://localhost:{pages}/?utm_source=me")
            expect(dashboard.locator("#tiles li").first).to_contain_text("1", timeout=20_000)
            expect(dashboard.locator("#pages")).to_contain_text("/")
            took = time.monotonic() - began
        terminal.read_until(r"POST /api/v1/events/pageviews 200")
        assert terminal.end() in {0, -signal.SIGINT}  # that of the shell in front of it
        terminal.read_until(r"stopped: 1 event stored in ")
        assert took < PROMISED
    finally:
        terminal.process.kill()
        terminal.process.wait()


@pytest.fixture
def behind_nginx(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[LiveServer, Front]]:
    """Prisme with no option that a proxy would need, behind nginx as docs/proxy.md has it."""
    caplog.set_level("INFO", "prisme")
    folder = tmp_path / "nginx"
    folder.mkdir()
    with (
        LiveServer(tmp_path / "data", origins="example.com", bot_filter="off") as server,
        outer_nginx(folder, server.port) as front,
    ):
        yield server, front


def test_first_visit_behind_nginx(
    playwright: Playwright, behind_nginx: tuple[LiveServer, Front], caplog: pytest.LogCaptureFixture
) -> None:
    server, front = behind_nginx
    (link,) = (record.link for record in caplog.get_records("setup") if hasattr(record, "link"))
    # The site is answered here; its visitors' browsers and Prisme's own pages go through nginx.
    flags = [*FLAGS, f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{front.port}"]
    flags += ["--disable-features=LocalNetworkAccessChecks", "--ignore-certificate-errors"]
    browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=flags)
    try:
        context = browser.new_context(ignore_https_errors=True)
        dashboard = context.new_page()
        line = create_account(dashboard, link.replace(server.url, f"https://{HOST}"))
        assert line == f'<script src="https://{HOST}/static/wa.js" defer></script>'
        context.route("https://example.com/**", lambda route: route.fulfill(body=line, content_type="text/html"))
        context.new_page().goto("https://example.com/first")
        expect(dashboard.locator("#pages")).to_contain_text("/first", timeout=20_000)
        dashboard.goto(f"https://{HOST}/sites")
        dashboard.get_by_label("Host", exact=True).fill("second.example")
        dashboard.get_by_role("button", name="Add", exact=True).click()
        expect(dashboard.locator(".steps li").nth(1)).to_contain_text("Not yet")
        context.route("https://second.example/**", lambda route: route.fulfill(body=line, content_type="text/html"))
        context.new_page().goto("https://second.example/")
        expect(dashboard.locator(".steps li").nth(1)).to_contain_text("Done", timeout=20_000)
        cookies = {one["name"]: one["value"] for one in context.cookies()}
    finally:
        browser.close()
    with front.visitor() as (client, address):
        client.cookies.update(cookies)
        page = ask(client, "GET", "/site?host=second.example").text
        assert f"Yours is {address}," in page
    wait_until(lambda: len(server.rows("SELECT DISTINCT domain FROM sessions")) == 2, "both sites' visits")
    assert not re.search("trust_proxy", page)
