"""Browsers that a module's tests share: one Playwright at a time, as a thread can have no second. A server and sites
for the tests of the tracking script; and, for a module's own server, pages of the dashboard and who may see it."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from prisme.store.control import Control
from tests.e2e.callers import Callers
from tests.e2e.dashboard import Open, log_in, logged_in
from tests.e2e.script import visiting
from tests.e2e.sites import Sites
from tests.requirements import need
from tests.server import LiveServer

expect.set_options(timeout=30_000)  # Playwright's 5 seconds are not enough beside other tests
# As root, and without a screen or a way out.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# And as a browser that nobody automates, in whose pages `navigator.webdriver` is false: the script sends nothing else.
FLAGS += ["--disable-blink-features=AutomationControlled"]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Steers browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, headless. Pages that are left wait in the back/forward cache, as they do for users."""
    browser = playwright.chromium.launch(
        executable_path=need("chromium", "chromium"),
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def prisme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for all sites of these tests. A headless Chromium says that it is one, hence the filter."""
    folder = tmp_path_factory.mktemp("prisme")
    with LiveServer(folder, origins="*.site.localhost,*.example.com", bot_filter="off") as server:
        yield server


@pytest.fixture(scope="module")
def sites(prisme: LiveServer) -> Iterator[Sites]:
    with Sites(prisme.url) as served:
        yield served


_numbers = itertools.count(1)


@pytest.fixture
def host(sites: Sites) -> str:
    """A site of its own for each test, so that no other's rows and sessions are met."""
    return f"site{next(_numbers)}.site.localhost:{sites.port}"


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with visiting(chromium) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def cookies() -> dict[tuple[str, str], Any]:
    """Of who has logged in once, by server and name: to check a password takes long, and is meant to."""
    return {}


@pytest.fixture
def visit(chromium: Browser, server: LiveServer, cookies: dict[tuple[str, str], Any]) -> Iterator[Open]:
    """Opens a page of the dashboard as somebody who is logged in."""
    contexts: list[BrowserContext] = []

    def begin(path: str = "/dashboard", name: str = "ada", live: LiveServer = server, **options: Any) -> Page:
        contexts.append(chromium.new_context(**{"timezone_id": "UTC", **options}))
        enter(contexts[-1], live, name, cookies)
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.goto(live.url + path)
        return page

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def plain(chromium: Browser, server: LiveServer, cookies: dict[tuple[str, str], Any]) -> Iterator[Open]:
    """The same without JavaScript, always in one tab: such pages leave nothing behind in it but cookies."""
    with chromium.new_context(timezone_id="UTC", java_script_enabled=False) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)

        def begin(path: str = "/dashboard", name: str = "ada") -> Page:
            context.clear_cookies()
            enter(context, server, name, cookies)
            page.goto(server.url + path)
            return page

        yield begin


def enter(context: BrowserContext, live: LiveServer, name: str, cookies: dict[tuple[str, str], Any]) -> None:
    """Log in, or be logged in already."""
    if (live.url, name) in cookies:
        context.add_cookies(cookies[live.url, name])
    else:
        log_in(context, live, name)
        cookies[live.url, name] = context.cookies()


@pytest.fixture(scope="module")
def callers(server: LiveServer) -> Callers:
    return Callers(Control(server.folder))


@pytest.fixture(scope="module")
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    """An admin, of a module's server with the people of `dashboard.add_people`."""
    with logged_in(server, "ada") as client:
        yield client


@pytest.fixture(scope="module")
def vic(server: LiveServer) -> Iterator[httpx.Client]:
    """A viewer of one site."""
    with logged_in(server, "vic") as client:
        yield client
