"""The tracking script in real browsers, on pages of other origins: what visitors do, and the rows that come of it."""

import base64
import hashlib
import itertools
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.checkout import ROOT
from tests.e2e.conftest import FLAGS
from tests.e2e.script import (
    API,
    OFF,
    TAG,
    Row,
    answered,
    expect,
    finish,
    sessions,
    stored,
    unsteered,
    views,
    visit,
    visiting,
    watch,
)
from tests.e2e.sites import PROXY, Sites
from tests.process import Process
from tests.requirements import miss, need
from tests.server import CHROME, LiveServer, free_port, wait_until

BELOW = f'<script src="{PROXY}/static/wa.js" defer></script>'
NOSCRIPT = """<noscript><img src="https://stats.example.com/api/v1/noscript/events/pageviews" alt=""
  referrerpolicy="no-referrer-when-downgrade"></noscript>"""
# Debian starts Chromium with `--disable-pings`; this one has them, as Chrome does.
PINGING = Path("/usr/lib/chromium/chromium")

_numbers = itertools.count(1)


# ----- a static site


def test_one_line_counts_visits(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/?utm_source=letter&page=1#top")
    with answered(page):
        page.click("#about")
    with answered(page):
        page.click("#home")
    expect(prisme, host, ("view", "/plain/"), ("view", "/plain/about.html"), ("view", "/plain/"))
    columns = "entry_path, exit_path, pageviews, referrer_domain, utm_source, visitor_id LIKE 'prisme_%', exit_status"
    assert sessions(prisme, host, columns) == [("/plain/", "/plain/", 3, "direct", "letter", True, 200)]


def test_previous_site_is_the_referrer(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    page.goto(f"http://{sites.elsewhere}/plain/away.html#http://{host}/plain/about.html")
    with answered(page):
        page.click("#follow")
    expect(prisme, host, ("view", "/plain/about.html"))
    assert sessions(prisme, host, "referrer_domain, pageviews") == [(sites.elsewhere.partition(":")[0], 1)]


def test_reload_is_a_view(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/")
    with answered(page):
        page.reload()
    expect(prisme, host, ("view", "/plain/"), ("view", "/plain/"))
    assert sessions(prisme, host, "pageviews, is_bounce") == [(2, False)]


def test_request_says_no_more_than_it_must(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    meta = '<meta name="referrer" content="unsafe-url">'
    sent = watch(page)
    visit(page, sites.publish(host, "/secret", meta + TAG) + "?q=1#token")
    (request,) = sent
    headers = request.all_headers()
    assert headers["x-prisme-referrer"] == f"http://{host}/secret?q=1"
    assert headers["origin"] == f"http://{host}"
    assert "referer" not in headers
    assert "cookie" not in headers
    assert request.post_data is None


def test_page_that_hides_its_address_is_counted(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    visit(page, sites.publish(host, "/hidden", '<meta name="referrer" content="no-referrer">' + TAG))
    expect(prisme, host, ("view", "/hidden"))


# ----- attributes


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param('data-path="/products/:id"', ("/products/:id", 200, None), id="path"),
        pytest.param('data-path="products"', ("/products", 200, None), id="path without a slash"),
        pytest.param('data-path="/straße?a#b"', ("/stra%C3%9Fe%3Fa%23b", 200, None), id="path of any text"),
        pytest.param('data-path=""', ("/here", 200, None), id="empty path"),
        pytest.param('data-status="404"', ("/here", 404, None), id="status"),
        pytest.param('data-visitor-id="customer 7"', ("/here", 200, "customer 7"), id="visitor"),
        pytest.param('data-visitor-id="Zoë ☃"', ("/here", 200, "Zoë ☃"), id="visitor in Unicode"),
        pytest.param('data-manual="false"', ("/here", 200, None), id="not manual"),
    ],
)
def test_attributes(
    prisme: LiveServer, sites: Sites, host: str, page: Page, attributes: str, expected: tuple[str, int, str | None]
) -> None:
    visit(page, sites.publish(host, "/here", TAG.replace(" defer", f" defer {attributes}")))
    columns = "path, status, CASE WHEN is_anon THEN NULL ELSE visitor_id END"
    assert prisme.rows(f"SELECT {columns} FROM pageviews WHERE domain = ?", [host]) == [expected]


@pytest.mark.parametrize(
    "domain",
    [
        pytest.param("shop{number}.example.com", id="name"),
        pytest.param("shop{number}.example.com:8443", id="port"),
        pytest.param("Müller{number}.example.com", id="umlaut"),
    ],
)
def test_domain_in_place_of_the_host(prisme: LiveServer, sites: Sites, host: str, page: Page, domain: str) -> None:
    domain = domain.format(number=next(_numbers))
    tag = TAG.replace(" defer", f' defer data-domain="{domain}"')
    visit(page, sites.publish(host, "/one", tag + '<a id="next" href="/two">Next</a>'))
    finish(page)
    sites.publish(host, "/two", tag)
    with answered(page):
        page.click("#next")
    finish(page)
    counted = page.evaluate("name => new URL(`http://${name}`).host", domain)
    events = [(kind, path, what) for path in ("/one", "/two") for kind, what in (("view", None), ("custom", "done"))]
    expect(prisme, counted, *events)
    # The session goes on, so the page's own host stands for the domain in referrers as well.
    assert sessions(prisme, counted, "pageviews, referrer_domain") == [(2, "direct")]
    assert stored(prisme, host) == []


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(f'<script src="{PROXY}/static/wa.js"></script>', id="script below a path"),
        pytest.param(f'<script src="{PROXY}/static/wa.js?v=2"></script>', id="script with a version"),
        pytest.param(TAG.replace(" defer", f' data-prisme-url="http://{{host}}{PROXY}"'), id="URL"),
        pytest.param(TAG.replace(" defer", f' data-prisme-url="http://{{host}}{PROXY}/"'), id="URL with a slash"),
        pytest.param(TAG.replace(" defer", f' data-prisme-url="{PROXY}"'), id="path"),
        pytest.param(TAG.replace(" defer", f' data-prisme-url="..{PROXY}"'), id="relative path"),
    ],
)
def test_prisme_below_a_path(prisme: LiveServer, sites: Sites, host: str, page: Page, tag: str) -> None:
    sent = watch(page)
    visit(page, sites.publish(host, "/here", tag.format(host=host)))
    assert [request.url for request in sent] == [f"http://{host}{PROXY}{API}events/pageviews"]
    expect(prisme, host, ("view", "/here"))


def test_script_under_another_name(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    code = prisme.http.get("/static/wa.js").text
    tag = f'<script data-prisme-url="https://stats.example.com">{code}</script>'
    visit(page, sites.publish(host, "/inline", tag))
    expect(prisme, host, ("view", "/inline"))


# ----- calls


def test_manual_page_counts_what_it_says(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    page.evaluate("history.pushState({}, '', '/manual/2')")
    page.go_back()
    page.evaluate("prisme.pageview({ path: '/step/1', visitorId: 'anon_7', status: 201 })")
    page.evaluate("prisme.pageview({ path: '/step/2' })")
    page.evaluate("prisme.pageview()")
    columns = "path, visitor_id, is_anon, status"
    assert views(prisme, host, columns) == [
        ("/step/1", "anon_7", True, 201),
        ("/step/2", "anon_7", True, 200),
        ("/manual/", "anon_7", True, 200),
    ]
    assert sessions(prisme, host, "pageviews, referrer_domain") == [(3, "direct")]


def test_manual_page_of_another_domain(prisme: LiveServer, host: str, page: Page) -> None:
    domain = f"shop-of-{host}"
    page.goto(f"http://{host}/manual/")
    page.evaluate("domain => prisme.pageview({ domain, path: '/a' })", domain)
    finish(page)
    expect(prisme, domain, ("view", "/a"), ("custom", "/a", "done"))
    assert stored(prisme, host) == []


def test_first_manual_pageview_is_the_tag_s(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    attributes = 'data-manual data-path="/template" data-status="404" data-visitor-id="customer 7"'
    page.goto(sites.publish(host, "/real", TAG.replace(" defer", f" defer {attributes}")))
    page.evaluate("prisme.pageview()")
    page.evaluate("prisme.pageview()")
    assert views(prisme, host, "path, status, visitor_id") == [
        ("/template", 404, "customer 7"),
        ("/real", 200, "customer 7"),
    ]


def test_pageview_as_a_hook_of_a_router(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    for path in ("/a", "/b"):
        page.evaluate("path => prisme.pageview({ path, name: 'to' }, { path: '/', name: 'from' })", path)
    expect(prisme, host, ("view", "/a"), ("view", "/b"))


@pytest.mark.parametrize(
    ("arguments", "name", "path", "properties"),
    [
        pytest.param("'sign_up'", "sign_up", "/plain/", {}, id="name"),
        pytest.param("'sign_up', null, null", "sign_up", "/plain/", {}, id="nothing else"),
        pytest.param("'a/b c?d#ü', {}", "a/b c?d#ü", "/plain/", {}, id="name of any text"),
        pytest.param(
            "'order', { plan: 'pro', seats: 3, deep: [{ a: null }], '☃': 'ü' }",
            "order",
            "/plain/",
            {"plan": "pro", "seats": 3, "deep": [{"a": None}], "☃": "ü"},
            id="properties",
        ),
        pytest.param("'x', {}, {}", "x", "/plain/", {}, id="empty options"),
        pytest.param("'x', {}, { path: '/plain/about.html' }", "x", "/plain/about.html", {}, id="page of another tab"),
    ],
)
def test_custom_events(
    prisme: LiveServer,
    host: str,
    context: BrowserContext,
    page: Page,
    arguments: str,
    name: str,
    path: str,
    properties: dict[str, Any],
) -> None:
    visit(page, f"http://{host}/plain/")
    visit(context.new_page(), f"http://{host}/plain/about.html")
    page.evaluate(f"prisme.trigger({arguments})")
    ((*told, text),) = prisme.rows("SELECT name, path, properties FROM events_custom WHERE domain = ?", [host])
    assert (*told, json.loads(text)) == (name, path, properties)


@pytest.mark.parametrize(
    "call",
    [
        "pageview(null)",
        "pageview('text')",
        "pageview({ domain: {} })",
        "pageview({ domain: 'not a host' })",
        "pageview({ path: Symbol() })",
        "pageview({ visitorId: '\\ud800' })",
        "pageview({ status: 'teapot' })",
        "pageview({ get path() { throw 1 } })",
        "trigger()",
        "trigger('')",
        "trigger(Symbol())",
        "trigger('\\ud800')",
        "trigger('x', 1n)",
        "trigger('x', [])",
        "trigger('x', 'text')",
        "trigger('x', window)",
        "trigger('x', { big: 'x'.repeat(70000) })",
        "trigger('x', {}, { path: Symbol() })",
    ],
)
def test_calls_never_throw(chromium: Browser, host: str, call: str) -> None:
    # The browser's own line about a 400 is no complaint of the script's.
    with visiting(chromium, allowed=("Failed to load resource: ", "Access to fetch at ")) as context:
        page = context.new_page()
        visit(page, f"http://{host}/plain/")
        assert page.evaluate(f"prisme.{call}.then((value) => [value], () => 'rejected')") == [None]


def test_calls_never_reject_where_nobody_answers(chromium: Browser, host: str) -> None:
    with visiting(chromium, allowed=("Failed to load resource: net::ERR_",)) as context:
        page = context.new_page()
        visit(page, f"http://{host}/plain/")
        context.route(f"**{API}**", lambda route: route.abort())
        for call in ("pageview()", "trigger('x')"):
            assert page.evaluate(f"prisme.{call}.then((value) => [value], () => 'rejected')") == [None]
        page.evaluate("history.pushState({}, '', '/plain/2')")
        page.click("#about")  # would be an unhandled rejection
        page.wait_for_url("**/about.html*")


# ----- pages that turn into others


def test_app_counts_each_change_of_path(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/app/?utm_source=letter")
    sent = watch(page)
    with answered(page):
        page.click("text='Products'")
    page.click("text='Products, cheapest first'")
    page.evaluate("history.replaceState({}, '', '/app/products')")
    page.evaluate("history.replaceState({}, '', '/app/products?sort=name')")
    page.evaluate("location.hash = 'third'")
    with answered(page):
        page.click("text='Cart'")
    with answered(page):
        page.evaluate("history.replaceState({}, '', '/app/login')")
    with answered(page):
        page.evaluate("history.go(-1)")
    page.evaluate("history.go(-1)")  # within /app/products
    finish(page)
    paths = ["/app/", "/app/products", "/app/cart", "/app/login", "/app/products"]
    expect(prisme, host, *[("view", path) for path in paths], ("custom", "/app/products", "done"))
    # Each has the one before as its document referrer, with its query as it was then.
    headers = [request.all_headers() for request in sent[:-1]]
    before = ["/app/?utm_source=letter", "/app/products", "/app/cart", "/app/login"]
    assert [one["x-prisme-document-referrer"] for one in headers] == [f"http://{host}{path}" for path in before]
    assert headers[-1]["x-prisme-referrer"] == f"http://{host}/app/products?sort=name#third".partition("#")[0]
    columns = "pageviews, entry_path, exit_path, utm_source, referrer_domain"
    assert sessions(prisme, host, columns) == [(5, "/app/", "/app/products", "letter", "direct")]


def test_what_the_tag_says_is_of_the_first_page(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    attributes = 'data-path="/first" data-status="404" data-visitor-id="customer 7"'
    visit(page, sites.publish(host, "/real", TAG.replace(" defer", f" defer {attributes}")))
    page.evaluate("history.replaceState({}, '', '/real?changed')")
    finish(page)
    with answered(page):
        page.evaluate("history.pushState({}, '', '/second')")
    finish(page)
    expect(
        prisme,
        host,
        ("view", "/first"),
        ("custom", "/first", "done"),
        ("view", "/second"),
        ("custom", "/second", "done"),
    )
    assert views(prisme, host, "status, visitor_id") == [(404, "customer 7"), (200, "customer 7")]
    assert sessions(prisme, host, "pageviews") == [(2,)]


def test_history_is_as_the_browser_made_it(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    """A router that copied, replaced or froze the functions before the script came is counted like any other."""
    code = "var push = history.pushState.bind(history), made = history.pushState; Object.freeze(history)"
    visit(page, sites.publish(host, "/first", f"<script>{code}</script>{TAG}"))
    assert page.evaluate("[history.pushState == made, Object.keys(history)]") == [True, []]
    with answered(page):
        page.evaluate("push({}, '', '/second')")
    expect(prisme, host, ("view", "/first"), ("view", "/second"))


def test_back_to_a_page_of_the_cache(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/?utm_source=letter")
    page.evaluate("window.kept = true")
    with answered(page):
        page.click("#about")
    with answered(page):
        page.go_back(wait_until="commit")
    page.click("#away")
    page.wait_for_url("**/away.html")
    with answered(page):
        page.go_back(wait_until="commit")
    assert page.evaluate("kept"), "the page was loaded anew"
    finish(page)
    expect(
        prisme,
        host,
        ("view", "/plain/"),
        ("view", "/plain/about.html"),
        ("view", "/plain/"),
        ("outbound", "/plain/", f"http://{sites.elsewhere}/plain/away.html"),
        ("view", "/plain/"),
        ("custom", "/plain/", "done"),
    )
    assert sessions(prisme, host, "pageviews, utm_source, referrer_domain") == [(4, "letter", "direct")]


def test_back_to_what_the_tag_says(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    domain = f"shop-of-{host}"
    tag = TAG.replace(" defer", f' defer data-domain="{domain}"')
    first = tag.replace(" defer", ' defer data-path="/first" data-status="404"') + "<a id=next href=/next>Next</a>"
    sites.publish(host, "/next", tag)
    visit(page, sites.publish(host, "/real", first))
    page.evaluate("window.kept = true")
    page.click("#next")
    page.wait_for_function("prisme")
    finish(page)
    with answered(page):
        page.go_back(wait_until="commit")
    assert page.evaluate("kept"), "the page was loaded anew"
    # Nobody knows that /real was called /first, but the visitor has one visit only.
    assert views(prisme, domain, "path, status") == [("/first", 404), ("/next", 200), ("/first", 404)]
    assert sessions(prisme, domain, "entry_path, pageviews, referrer_domain") == [("/first", 3, "direct")]


def test_page_rendered_ahead_counts_when_it_is_shown(
    prisme: LiveServer, sites: Sites, host: str, tmp_path: Path
) -> None:
    # Without Playwright, as Chromium renders nothing ahead while it is steered.
    rules = json.dumps({"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]})
    wait = (
        "const ask = async () => (await (await fetch('/go')).text()) ? location = '/next' : setTimeout(ask, 50); ask()"
    )
    url = sites.publish(host, "/first", f"{TAG}<script type=speculationrules>{rules}</script><script>{wait}</script>")
    note = "fetch(`/loaded?${document.prerendering}`); prisme.trigger('ahead').then(() => fetch('/answered'))"
    sites.publish(host, "/next", f"{TAG.replace(' defer', '')}<script>{note}</script>")
    with unsteered([need("chromium", "chromium"), "--headless", f"--user-data-dir={tmp_path}", *FLAGS, url]):
        wait_until(lambda: sites.was_asked(host, "/loaded"), "the page to be rendered ahead")
        assert sites.was_asked(host, "/loaded?true")
        # A while later, it still waits.
        asked = sum(one.path == "/go" for one in sites.asked)
        wait_until(lambda: sites.was_asked(host, "/go", asked + 5), "the first page to ask on")
        assert not sites.was_asked(host, "/answered")
        expect(prisme, host, ("view", "/first"))
        sites.publish(host, "/go", "go")
        wait_until(lambda: sites.was_asked(host, "/answered"), "the page to be shown")
    expect(prisme, host, ("view", "/first"), ("view", "/next"), ("custom", "/next", "ahead"))
    assert sessions(prisme, host, "pageviews") == [(2,)]


# ----- links

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


# ----- frames and shadow trees


@pytest.mark.parametrize(
    ("target", "link"),
    [
        pytest.param("#open", "open", id="open shadow tree"),
        pytest.param("#slotted span", "slotted", id="in a slot"),
        pytest.param("#badge", "around", id="around a shadow tree"),
        # Nobody outside can see into these.
        pytest.param("closed", None, id="closed shadow tree"),
        pytest.param("tagged", "inside", id="frame with the script"),
        pytest.param("written", "written", id="frame without a URL of its own"),
        pytest.param("bare", None, id="frame without the script"),
    ],
)
def test_parts_of_a_page(
    prisme: LiveServer, sites: Sites, host: str, page: Page, target: str, link: str | None
) -> None:
    visit(page, f"http://{host}/frames/")
    page.wait_for_load_state("load")
    frame = page.frame(name=target)
    if frame is not None:
        frame.click("#away")
    elif target == "closed":
        page.click("link-card[mode=closed]")
    else:
        page.click(target)
    if frame is not None and link is not None:
        finish(frame)
    finish(page)
    rows = [("outbound", "/frames/", f"http://{sites.elsewhere}/{link}")] if link else []
    done = [("custom", "/frames/", "done")] * (1 + (frame is not None and link is not None))
    expect(prisme, host, ("view", "/frames/"), *rows, *done)


def test_frame_of_another_site_is_a_page_of_that_site(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    guest = f"guest-of-{host}"
    sites.publish(host, "/around", f'{TAG}<iframe name="guest" src="http://{guest}/plain/links.html"></iframe>')
    visit(page, f"http://{host}/around")
    page.wait_for_load_state("load")
    frame = page.frame(name="guest")
    assert frame is not None
    frame.click("#blank")
    finish(frame)
    finish(page)
    click = ("outbound", "/plain/links.html", f"http://{sites.elsewhere}/a")
    expect(prisme, guest, ("view", "/plain/links.html"), click, ("custom", "/plain/links.html", "done"))
    assert sessions(prisme, guest, "referrer_domain") == [(host.partition(":")[0],)]
    expect(prisme, host, ("view", "/around"), ("custom", "/around", "done"))


# ----- pages that say no, or say little


def test_switch_turns_everything_off(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    page.evaluate(f"localStorage['{OFF}'] = 'false'")
    sent = watch(page)
    page.goto(f"http://{host}/plain/links.html")
    page.evaluate("history.pushState({}, '', '/plain/2')")
    page.click("#blank")
    page.click("#download")
    finish(page)
    assert page.evaluate("prisme.pageview().then((value) => [value])") == [None]
    assert sent == []
    # On again: no page need be loaded for that.
    page.evaluate(f"localStorage.removeItem('{OFF}')")
    with answered(page):
        page.evaluate("history.pushState({}, '', '/plain/3')")
    expect(prisme, host, ("view", "/plain/3"))


def test_switch_says_nothing_but_no(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    page.evaluate(f"localStorage['{OFF}'] = 'true'")
    visit(page, f"http://{host}/plain/")
    expect(prisme, host, ("view", "/plain/"))


@pytest.mark.parametrize(
    "storage",
    [
        pytest.param("get() { throw new DOMException('Access is denied', 'SecurityError') }", id="forbidden"),
        pytest.param("value: null", id="none"),
    ],
)
def test_page_without_storage_is_counted(prisme: LiveServer, host: str, page: Page, storage: str) -> None:
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {{ {storage} }})")
    visit(page, f"http://{host}/plain/")
    finish(page)
    expect(prisme, host, ("view", "/plain/"), ("custom", "/plain/", "done"))


def test_strict_policy_needs_one_origin_only(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    policy = (
        f"default-src 'none'; script-src {prisme.url}; connect-src {prisme.url}; require-trusted-types-for 'script'"
    )
    link = '<a id="away" href="https://elsewhere.example/a" target="_blank">Away</a>'
    url = sites.publish(
        host, "/strict", TAG + link, Content_Security_Policy=policy, Cross_Origin_Embedder_Policy="require-corp"
    )
    visit(page, url)
    page.click("#away")
    finish(page)
    click = ("outbound", "/strict", f"http://{sites.elsewhere}/a")
    expect(prisme, host, ("view", "/strict"), click, ("custom", "/strict", "done"))


def test_integrity_and_cors_are_possible(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    digest = base64.b64encode(hashlib.sha384(prisme.http.get("/static/wa.js").content).digest()).decode()
    attributes = f'defer crossorigin integrity="sha384-{digest}"'
    visit(page, sites.publish(host, "/checked", TAG.replace("defer", attributes)))
    expect(prisme, host, ("view", "/checked"))


# ----- how the script comes into the page

INJECTED = "const tag = document.createElement('script'); tag.src = 'https://stats.example.com/static/wa.js'; "


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(TAG.replace(" defer", ""), id="in line"),
        pytest.param(TAG.replace("defer", "async"), id="async"),
        pytest.param(f"<script>{INJECTED}document.head.append(tag)</script>", id="injected"),
        pytest.param(f"<body><script>{INJECTED}tag.async = false; document.body.append(tag)</script>", id="in order"),
        pytest.param(
            f"<script>addEventListener('load', () => {{ {INJECTED}document.head.append(tag) }})</script>", id="late"
        ),
        pytest.param(TAG + TAG, id="twice"),
        pytest.param(
            TAG.replace("defer", "async") + TAG + TAG.replace("defer", 'defer data-path="/other"'), id="thrice"
        ),
        pytest.param('<div id="prisme"></div>' + TAG, id="beside an element of its name"),
        pytest.param(
            "<script>var protocol = 'http:', href = 'x', download = ping = alert</script>" + TAG, id="globals"
        ),
        pytest.param(TAG + NOSCRIPT, id="with the noscript snippet"),
    ],
)
def test_tag_in_all_ways(prisme: LiveServer, sites: Sites, host: str, page: Page, html: str) -> None:
    link = '<a id="away" href="https://elsewhere.example/a" target="_blank">Away</a><i>Text</i>'
    visit(page, sites.publish(host, "/here", html + link))
    page.click("i")
    page.click("#away")
    finish(page)
    click = ("outbound", "/here", f"http://{sites.elsewhere}/a")
    expect(prisme, host, ("view", "/here"), click, ("custom", "/here", "done"))


def test_snippet_counts_where_the_script_cannot(prisme: LiveServer, sites: Sites, host: str, chromium: Browser) -> None:
    url = sites.publish(host, "/here", TAG + NOSCRIPT)
    with visiting(chromium, java_script_enabled=False) as context:
        context.new_page().goto(url)
    expect(prisme, host, ("view", "/here"))


def test_file_is_silent(sites: Sites, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(sites.fill(TAG + '<a id="away" href="https://elsewhere.example/a" target="_blank">Away</a>'))
    sent = watch(page)
    page.goto(file.as_uri())
    page.click("#away")
    page.evaluate("history.pushState({}, '', '#2')")
    finish(page)
    assert page.evaluate("prisme.pageview().then((value) => [value])") == [None]
    assert sent == []


def test_empty_document_is_silent(prisme: LiveServer, page: Page) -> None:
    sent = watch(page)
    code = prisme.http.get("/static/wa.js").text
    page.set_content(f'<script data-prisme-url="{prisme.url}">{code}</script><i>Text</i>')
    page.click("i")
    finish(page)
    assert (page.url, sent) == ("about:blank", [])


# ----- another engine


def test_firefox(prisme: LiveServer, sites: Sites, host: str, tmp_path: Path) -> None:
    """Debian's Firefox, which Playwright cannot steer: the page clicks for itself."""
    act = """<script>
      addEventListener("load", async () => {
        history.pushState({}, "", "/second");
        history.replaceState({}, "", "/second?again");
        await prisme.trigger("event", { engine: navigator.product });
        document.querySelector("b").click();
        document.querySelector("#file").click();
        await prisme.trigger("left");
      });
    </script>"""
    links = (
        '<a href="https://elsewhere.example/a" target="_blank" ping="https://stats.example.com/api/v1/events/'
        'outbound-links"><b>Away</b></a> <a id="file" href="/plain/brochure.pdf" download>File</a>'
    )
    url = sites.publish(host, "/first?utm_source=letter", TAG + links + act)
    sites.publish(host, "/first", TAG + links + act)
    command = [need("firefox-esr", "firefox-esr"), "--headless", "--profile", str(tmp_path), "--new-instance", url]
    with unsteered(command):
        wait_until(lambda: len(stored(prisme, host)) >= 6, "all rows")
    expect(
        prisme,
        host,
        ("view", "/first"),
        ("view", "/second"),
        ("custom", "/second", "event"),
        ("outbound", "/second", f"http://{sites.elsewhere}/a"),
        ("download", "/second", f"http://{host}/plain/brochure.pdf"),
        ("custom", "/second", "left"),
    )
    assert sessions(prisme, host, "browser_family, pageviews, utm_source") == [("Firefox", 2, "letter")]


# ----- the way in


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_get_started(chromium: Browser, tmp_path: Path) -> None:
    """The page's own steps: its page, its server, its visit, its questions and their answers."""
    guide = (ROOT / "docs" / "get-started.md").read_text()
    (html,) = re.findall(r"^```html\n(<!doctype.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    (serve,) = re.findall(r"^python3 (-m http.server .*)$", guide, re.MULTILINE)
    (url,) = re.findall(r"<(http://localhost:8080/.*)>", guide)
    questions = re.findall(
        r"^```sh\n\.venv/bin/python ([^\n]*)\n```\n\n```text\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE
    )
    assert len(questions) == 2
    port = free_port()
    no_icon = ("Failed to load resource: the server responded with a status of 404",)
    with Process(tmp_path / "prisme-data", origins="localhost,127.0.0.1") as prisme:
        prisme.start()
        folder = tmp_path / "page"
        folder.mkdir()
        (folder / "index.html").write_text(html.replace(":8000", f":{prisme.port}"))
        server = shlex.split(serve.replace("8080", str(port)))
        with unsteered([sys.executable, *server], folder), visiting(chromium, no_icon, user_agent=CHROME) as context:
            wait_until(lambda: is_open(port), "the page's server")
            page = context.new_page()
            visit(page, url.replace("8080", str(port)))
            with answered(page, "hello"):
                page.click("button")
        assert prisme.stop(signal.SIGINT) == 0
    for question, answer in questions:
        done = subprocess.run(
            ["sh", "-c", f"{sys.executable} {question}"], cwd=tmp_path, capture_output=True, text=True
        )
        # Another port may have more digits or fewer, and then the table's lines are as long.
        said = [re.findall(r"[^\s│─┌┬┐├┼┤└┴┘]+", text.replace(str(port), "8080")) for text in (done.stdout, answer)]
        assert said[0] == said[1], done.stderr
