"""What the tests of the dashboard share: a server with the demo's visits, people who log in, what a page shows."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import BrowserContext, Page

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.demo.filling import fill
from prisme.demo.traffic import DAY, SITES, make_traffic
from prisme.store.control import Control
from tests.server import LiveServer, browser, config_for, free_port

PASSWORD = "correct horse battery"
ONE = SITES[0]
# A site that is stored encoded, and two of its pages.
IDN = "xn--bcher-kva.example"
NEWS, ODD = "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/1", "/a%2Fb%E2%80%AE"


@contextmanager
def demo(folder: Path) -> Iterator[LiveServer]:
    """A server with the demo's visits, and two of a site that is stored encoded."""
    now = time.time_ns() // 1000
    start = (now - 60 * DAY) // DAY * DAY
    origins = ",".join((*SITES, "example.com", IDN))
    config = config_for(folder, free_port(), origins=origins)
    with ThreadPoolExecutor() as threads:  # In this one, Playwright's loop may run already.
        threads.submit(fill, config, make_traffic(start, now, 3000, 1), start, lambda *_: None).result()
    # The first test's figures come from a cold cache, which on a busy machine takes longer than a user would wait.
    with LiveServer(folder, origins=origins, api_stats_timeout="60s") as live:
        add_people(live, ONE)
        see(live, f"https://{IDN}{NEWS}", "Reader", "https://xn--mller-kva.example/")
        see(live, f"https://{IDN}{ODD}", "Other")
        yield live


def add_people(live: LiveServer, domain: str) -> None:
    accounts, now = Accounts(Control(live.folder)), int(time.time())
    accounts.add(operator("test"), "ada", "admin", (), PASSWORD, now)
    accounts.add(operator("test"), "vic", "viewer", (domain,), PASSWORD, now)


def log_in(context: BrowserContext, live: LiveServer, name: str) -> None:
    """Without the dashboard that follows: what a test opens is the first page that it asks for."""
    answer = context.request.post(f"{live.url}/login", form={"name": name, "password": PASSWORD}, max_redirects=0)
    assert answer.status == 303, answer.text()


@contextmanager
def logged_in(live: LiveServer, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """The same for a client that shows no pages."""
    with httpx.Client(base_url=live.url, timeout=20, verify=False) as client:
        assert client.post("/login", data={"name": name, "password": password}).status_code == 303
        yield client


def see(live: LiveServer, page: str, agent: str, referrer: str = "") -> None:
    headers = browser(
        page,
        user_agent=f"Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 {agent}",
        X_Prisme_Document_Referrer=referrer,
    )
    assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    live.settle()


Open = Callable[..., Page]


def query(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def rows(page: Page, panel: str) -> list[tuple[str, str]]:
    """What the panel lists, of a whole page: a click waits for the next page's address alone."""
    page.wait_for_load_state()
    found = page.locator(f"#{panel} table.list tbody tr")
    labels, values = found.locator(".name bdi"), found.locator("td:nth-of-type(1)")
    return [
        (labels.nth(number).inner_text().strip(), values.nth(number).inner_text()) for number in range(found.count())
    ]


def open_menu(page: Page, name: str) -> None:
    page.locator("details.menu > summary", has_text=name).first.click()
