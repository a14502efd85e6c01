"""Clicks on links, with a mouse or a keyboard, and with pings: which are counted, and that none is held up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.e2e.conftest import FLAGS
from tests.e2e.script import (
    TAG,
    Row,
    answered,
    expect,
    finish,
    stored,
    visit,
    visiting,
)
from tests.e2e.sites import PROXY, Sites
from tests.requirements import miss
from tests.server import LiveServer, wait_until

BELOW = f'<script src="{PROXY}/static/wa.js" defer></script>'
# Debian starts Chromium with `--disable-pings`; this one has them, as Chrome does.
PINGING = Path("/usr/lib/chromium/chromium")
AWAY, FILE = "http://{elsewhere}/a", "http://{host}/plain/brochure.pdf"
# By the link's id in plain/links.html: what is stored, and whether the page is still there after a left click.
LINKS = {
    "outbound": (("outbound", AWAY + "?b=c"), False),
    "blank": (("outbound", AWAY), True),
    "nested": (("outbound", AWAY), False),
    "icon": (("outbound", AWAY), False),
    "area": (("outbound", AWAY), False),
    "stopped": (("outbound", AWAY), False),
    "handled": (("outbound", AWAY), True),
    "download": (("download", FILE), True),
    "named": (("download", FILE + "?v=2"), True),
    "mirror": (("download", "http://{elsewhere}/plain/brochure.pdf"), False),
    "blob": (None, True),
    "anchor": (None, True),
    "mail": (None, True),
    "call": (None, True),
    "code": (None, True),
    "placeholder": (None, True),
    "text": (None, True),
}
MIDDLE = ("outbound", "nested", "area", "download", "mail", "text")
Button = Literal["left", "middle"]


@pytest.mark.parametrize(
    ("button", "link"), [*(("left", link) for link in LINKS), *(("middle", link) for link in MIDDLE)]
)
def test_clicks(prisme: LiveServer, sites: Sites, host: str, page: Page, button: Button, link: str) -> None:
    click, stays = LINKS[link]
    path = "/plain/links.html"
    rows: list[Row] = [("view", path)]
    if click is not None:
        rows.append((click[0], path, click[1].format(host=host, elsewhere=sites.elsewhere)))
    visit(page, f"http://{host}{path}")
    page.click(f"#{link}", button=button, no_wait_after=True)
    if stays or button == "middle":
        finish(page)
        rows.append(("custom", path, "done"))
    expect(prisme, host, *rows)


def test_click_within_the_site_is_the_next_pageview(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/links.html")
    with answered(page):
        page.click("#internal")
    expect(prisme, host, ("view", "/plain/links.html"), ("view", "/plain/about.html"))


def test_right_button_opens_a_menu_only(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/links.html")
    page.click("#outbound", button="right")
    finish(page)
    expect(prisme, host, ("view", "/plain/links.html"), ("custom", "/plain/links.html", "done"))


def test_keyboard_follows_links_too(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/links.html")
    page.press("#outbound", "Enter", no_wait_after=True)
    link = f"http://{sites.elsewhere}/a?b=c"
    expect(prisme, host, ("view", "/plain/links.html"), ("outbound", "/plain/links.html", link))


def test_navigation_does_not_wait(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    proxy = f"proxy-of-{host}"
    tag = TAG.replace("https://stats.example.com", f"http://{proxy}{PROXY}")
    visit(page, sites.publish(host, "/here", tag + '<a id="away" href="https://elsewhere.example/a">Away</a>'))
    with sites.hold("outbound-links"):
        page.click("#away")
        page.wait_for_url(f"http://{sites.elsewhere}/a")
        page.close()
        # The page is gone, from the back/forward cache as well, and its preflight has not been answered.
        sent = [one for one in sites.asked if one.host == proxy and one.path.endswith("outbound-links")]
        assert [one.method for one in sent] == ["OPTIONS"]
    expect(prisme, host, ("view", "/here"), ("outbound", "/here", f"http://{sites.elsewhere}/a"))


@pytest.mark.parametrize(
    ("attribute", "kinds"),
    [
        pytest.param("", ["outbound", "download"], id="both by default"),
        pytest.param("data-outbound-links data-file-downloads", ["outbound", "download"], id="without values"),
        pytest.param('data-outbound-links="false"', ["download"], id="no outbound links"),
        pytest.param('data-file-downloads="false"', ["outbound"], id="no downloads"),
        pytest.param("data-manual", ["outbound", "download"], id="manual"),
    ],
)
def test_links_by_attribute(
    prisme: LiveServer, sites: Sites, host: str, page: Page, attribute: str, kinds: list[str]
) -> None:
    links = (
        '<a id="outbound" href="https://elsewhere.example/a" target="_blank">Away</a> '
        '<a id="download" href="/plain/brochure.pdf" download>File</a>'
    )
    page.goto(sites.publish(host, "/here", TAG.replace(" defer", f" defer {attribute}") + links))
    if "manual" in attribute:
        page.evaluate("prisme.pageview()")
    for link in ("outbound", "download"):
        page.click(f"#{link}")
    finish(page)
    wait_until(lambda: len(stored(prisme, host)) == len(kinds) + 2, "all rows")
    assert {kind for kind, *_ in stored(prisme, host)} == {"view", "custom", *kinds}


@pytest.fixture(scope="module")
def pinging(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that sends pings."""
    if not PINGING.exists():
        miss(f"{PINGING} is missing: apt-get install chromium")
    browser = playwright.chromium.launch(executable_path=PINGING, args=FLAGS)
    yield browser
    browser.close()


@pytest.mark.parametrize("browser", ["chromium", "pinging"])
@pytest.mark.parametrize(
    ("tag", "ping"),
    [
        pytest.param(TAG, "{prisme}/api/v1/events/outbound-links", id="absolute"),
        pytest.param(TAG, " /pinged/2\n{prisme}/api/v1/events/outbound-links\t", id="among others"),
        pytest.param(BELOW, f"{PROXY}/api/v1/events/outbound-links", id="path"),
        pytest.param(BELOW, f"//{{host}}{PROXY}/api/v1/events/outbound-links", id="without a scheme"),
    ],
)
def test_click_with_a_ping_counts_once(
    prisme: LiveServer,
    sites: Sites,
    host: str,
    request: pytest.FixtureRequest,
    browser: str,
    tag: str,
    ping: str,
) -> None:
    others = [part for part in ping.split() if "pinged" in part] + ["/pinged"]
    ping = f"{ping} /pinged".format(prisme=prisme.url, host=host)
    link = f'<a id="away" href="https://elsewhere.example/a" target="_blank" ping="{ping}">Away</a>'
    with visiting(request.getfixturevalue(browser)) as context:
        page = context.new_page()
        visit(page, sites.publish(host, "/here", tag + link))
        for _ in range(2):
            page.click("#away")
        finish(page)
        if browser == "pinging":
            # Pings work, and those to others are sent as ever.
            wait_until(lambda: sites.was_asked(host, "/pinged", 2), "both pings")
        assert (page.get_attribute("#away", "ping") or "").split() == others
    click = ("outbound", "/here", f"http://{sites.elsewhere}/a")
    expect(prisme, host, ("view", "/here"), click, click, ("custom", "/here", "done"))
