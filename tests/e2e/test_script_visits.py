"""Visits as browsers make them with the tracking script, over slow connections: which rows come of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.e2e.conftest import FLAGS
from tests.e2e.script import TAG, Row, answered, expect, finish, sessions, stored, unsteered, visit, visiting
from tests.e2e.sites import Sites
from tests.e2e.slow_proxy import SlowProxy, jittery, steady
from tests.faults.load import LONG
from tests.requirements import need
from tests.server import LiveServer, wait_until

SEARCH, PAY = "elsewhere.site.localhost", "pay.site.localhost"
COLUMNS = "entry_path, exit_path, referrer_domain, utm_source, pageviews, events, is_bounce"
LEAVES = '<a id="next" href="/next">Next</a>'


@pytest.fixture(scope="module")
def prisme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("prisme")
    with LiveServer(folder, origins="*.site.localhost", bot_filter="off", ignored_referrers=PAY) as server:
        yield server


# With jitter, requests overtake each other as well: the steady delay is for the long version.
DELAYS = {"jitter": jittery(0.08), **({"delay": steady(0.08)} if LONG else {})}


@pytest.fixture(scope="module", params=[*DELAYS.values()], ids=[*DELAYS])
def sites(prisme: LiveServer, request: pytest.FixtureRequest) -> Iterator[Sites]:
    """Sites whose pages reach Prisme over a slow connection."""
    with SlowProxy(prisme.port, request.param) as proxy, Sites(proxy.url) as served:
        yield served


@pytest.fixture(scope="module")
def forgetful(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without the back/forward cache, as Playwright starts it."""
    browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=FLAGS)
    yield browser
    browser.close()


def come_from_search(sites: Sites, page: Page, url: str) -> None:
    """Open a page by a link of another site, and wait until it is counted."""
    page.goto(f"http://{sites.elsewhere}/plain/away.html#{url}")
    with answered(page):
        page.click("#follow")


def rows(prisme: LiveServer, host: str, count: int) -> list[Row]:
    wait_until(lambda: len(stored(prisme, host)) >= count, f"{count} rows")
    return stored(prisme, host)


@pytest.mark.parametrize("policy", ["", "origin", "no-referrer"])
def test_pages_in_new_tabs_are_one_visit(prisme: LiveServer, sites: Sites, host: str, page: Page, policy: str) -> None:
    headers = {"Referrer_Policy": policy} if policy else {}
    links = "".join(f'<p><a id="to{number}" href="/p{number}" target="_blank">{number}</a></p>' for number in range(5))
    url = sites.publish(host, "/", TAG + links, **headers)
    for number in range(5):
        sites.publish(host, f"/p{number}", TAG, **headers)
    come_from_search(sites, page, url)
    for number in range(5):
        page.click(f"#to{number}", button="middle" if number % 2 else "left")
    expect(prisme, host, ("view", "/"), *(("view", f"/p{number}") for number in range(5)))
    ((entry, _, *others),) = sessions(prisme, host, COLUMNS)
    assert (entry, *others) == ("/", SEARCH, "", 6, 0, False)


@pytest.mark.parametrize("policy", ["origin", "no-referrer"])
def test_pages_that_hide_their_address_are_one_visit(
    prisme: LiveServer, sites: Sites, host: str, page: Page, policy: str
) -> None:
    url = sites.publish(host, "/a", TAG + LEAVES, Referrer_Policy=policy)
    sites.publish(host, "/next", TAG + '<a id="next" href="/last">Last</a>', Referrer_Policy=policy)
    sites.publish(host, "/last", TAG, Referrer_Policy=policy)
    come_from_search(sites, page, url)
    for _ in range(2):
        with answered(page):
            page.click("#next")
    expect(prisme, host, ("view", "/a"), ("view", "/next"), ("view", "/last"))
    assert sessions(prisme, host, COLUMNS) == [("/a", "/last", SEARCH, "", 3, 0, False)]


@pytest.mark.parametrize("browser", ["chromium", "forgetful"])
def test_back_is_a_view_of_the_same_visit(
    prisme: LiveServer, sites: Sites, host: str, request: pytest.FixtureRequest, browser: str
) -> None:
    """From the next page and from another site, out of the back/forward cache and without it."""
    away = '<a id="away" href="https://elsewhere.example/plain/away.html">Away</a>'
    url = sites.publish(host, "/a", TAG + LEAVES + away)
    sites.publish(host, "/next", TAG)
    with visiting(request.getfixturevalue(browser)) as context:
        page = context.new_page()
        come_from_search(sites, page, url)
        page.evaluate("window.kept = true")
        with answered(page):
            page.click("#next")
        with answered(page):
            page.go_back(wait_until="commit")
        page.click("#away")
        page.wait_for_url("**/away.html")
        with answered(page):
            page.go_back(wait_until="commit")
        assert page.evaluate("!!window.kept") is (browser == "chromium")
        finish(page)
    views = [("view", path) for path in ("/a", "/next", "/a", "/a")]
    link = f"http://{sites.elsewhere}/plain/away.html"
    expect(prisme, host, *views, ("outbound", "/a", link), ("custom", "/a", "done"))
    assert sessions(prisme, host, COLUMNS) == [("/a", "/a", SEARCH, "", 4, 2, False)]


def test_reload_is_a_view_of_the_same_visit(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    come_from_search(sites, page, sites.publish(host, "/a", TAG))
    for _ in range(2):
        with answered(page):
            page.reload()
    expect(prisme, host, *[("view", "/a")] * 3)
    assert sessions(prisme, host, COLUMNS) == [("/a", "/a", SEARCH, "", 3, 0, False)]


@pytest.mark.parametrize(
    ("html", "event"),
    [
        pytest.param(
            "<b id=go onclick=\"prisme.trigger('cta'); history.pushState({}, '', '/b')\">Go</b>",
            ("custom", "/a", "cta"),
            id="event, then push",
        ),
        pytest.param(
            "<b id=go onclick=\"history.pushState({}, '', '/b'); prisme.trigger('cta')\">Go</b>",
            ("custom", "/b", "cta"),
            id="push, then event",
        ),
        pytest.param(
            "<a id=go href='/b' onclick=\"prisme.trigger('cta')\">Go</a>",
            ("custom", "/a", "cta"),
            id="link with an event",
        ),
        pytest.param(
            "<a id=go href='/plain/brochure.pdf' download onclick=\"history.pushState({}, '', '/b')\">Go</a>",
            ("download", "/a", "/plain/brochure.pdf"),
            id="download, then push",
        ),
    ],
)
def test_event_and_page_of_the_same_click(
    prisme: LiveServer, sites: Sites, host: str, page: Page, html: str, event: Row
) -> None:
    sites.publish(host, "/b", TAG)
    come_from_search(sites, page, sites.publish(host, "/a", TAG + html))
    with answered(page):
        page.click("#go")
    if event[0] == "download":
        event = (*event[:2], f"http://{host}{event[2]}")
    expect(prisme, host, ("view", "/a"), ("view", "/b"), event)
    assert sessions(prisme, host, COLUMNS) == [("/a", "/b", SEARCH, "", 2, 1, False)]


@pytest.mark.parametrize("policy", ["", "no-referrer"])
def test_purchase_belongs_to_the_campaign(prisme: LiveServer, sites: Sites, host: str, page: Page, policy: str) -> None:
    """The payment page is on a host of its own, and an ignored referrer."""
    pay = f"{PAY}:{sites.port}"
    url = sites.publish(host, "/cart", TAG + f'<a id="pay" href="http://{pay}/{policy}">Pay</a>')
    done = f'<a id="done" href="http://{host}/thanks">Paid</a>'
    sites.publish(pay, f"/{policy}", done, **({"Referrer_Policy": policy} if policy else {}))
    sites.publish(host, "/thanks", TAG + "<script>onload = () => prisme.trigger('purchase')</script>")
    visit(page, url + "?utm_source=letter")
    page.click("#pay")
    with answered(page, "purchase"):
        page.click("#done")
    link = ("outbound", "/cart", f"http://{pay}/{policy}")
    expect(prisme, host, ("view", "/cart"), link, ("view", "/thanks"), ("custom", "/thanks", "purchase"))
    assert sessions(prisme, host, COLUMNS) == [("/cart", "/thanks", "direct", "letter", 2, 2, False)]


def test_firefox(prisme: LiveServer, sites: Sites, host: str, tmp_path: Path) -> None:
    """Debian's Firefox, which Playwright cannot steer: the pages lead on themselves, back and back from elsewhere."""
    later = "const later = (act) => setTimeout(act, 700);"
    steps = f"""<script>{later} let back = 0;
      addEventListener("pageshow", (event) => {{
        if (!event.persisted) later(() => location = "/b");
        else if (!back++) later(() => location = "http://{sites.elsewhere}/away");
        else later(() => {{ prisme.trigger("back", {{ back }}); history.pushState({{}}, "", "/c"); }});
      }});
    </script>"""
    sites.publish(host, "/a", TAG + steps)
    sites.publish(host, "/b", TAG + f"<script>{later} onload = () => later(() => history.back())</script>")
    sites.publish(sites.elsewhere, "/away", f"<script>{later} onload = () => later(() => history.back())</script>")
    start = (
        f"<a href='http://{host}/a'>A</a><script>{later} onload = () => later(() => document.links[0].click())</script>"
    )
    url = sites.publish(sites.elsewhere, "/start", start)
    command = [need("firefox-esr", "firefox-esr"), "--headless", "--profile", str(tmp_path), "--new-instance", url]
    with unsteered(command):
        rows(prisme, host, 6)
    views = [("view", path) for path in ("/a", "/b", "/a", "/a", "/c")]
    expect(prisme, host, *views, ("custom", "/a", "back"))
    assert sessions(prisme, host, COLUMNS) == [("/a", "/c", SEARCH, "", 5, 1, False)]
