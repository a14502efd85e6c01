"""The tracking script in real browsers, on pages of other origins: what visitors do, and the rows that come of it."""

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright, Request, Route

from tests.e2e.conftest import FLAGS
from tests.e2e.sites import PROXY, Sites
from tests.requirements import miss, need
from tests.server import LiveServer, wait_until

TAG = '<script src="https://stats.example.com/static/wa.js" defer></script>'
OFF = "prismeAnalytics.tracking.enable"
API = "/api/v1/"
# Debian starts Chromium with `--disable-pings`; this one has them, as Chrome does.
PINGING = Path("/usr/lib/chromium/chromium")

# All that a site's visitors did, in order: what, on which page, and the link or the event's name.
STORED = """
SELECT kind, path, what FROM (
    SELECT domain, "timestamp", 'view' AS kind, path, NULL AS what FROM pageviews
    UNION ALL SELECT domain, "timestamp", 'custom', path, name FROM events_custom
    UNION ALL SELECT domain, "timestamp", 'download', path, url FROM file_downloads
    UNION ALL SELECT domain, "timestamp", 'outbound', path, link FROM outbound_link_clicks
) WHERE domain = ? ORDER BY "timestamp"
"""
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def prisme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for all sites of these tests. A headless Chromium says that it is one, hence the filter."""
    folder = tmp_path_factory.mktemp("prisme")
    with LiveServer(folder, origins="*.site.localhost", bot_filter="off") as server:
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


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser context. However its pages are treated, the script never throws into one, or complains."""
    context = browser.new_context(**options)
    complaints: list[str] = []
    context.on("weberror", lambda event: complaints.append(str(event.error)))
    context.on("console", lambda event: complaints.append(event.text) if event.type == "error" else None)
    try:
        yield context
        assert complaints == []
    finally:
        context.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with visiting(chromium) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@contextmanager
def answered(page: Page, path: str = "pageviews") -> Iterator[None]:
    """Wait until the page has an answer to an event that is sent in this block."""
    with page.expect_response(lambda answer: answer.url.endswith(path) and answer.request.method == "POST") as got:
        yield
    assert got.value.status == 200


def visit(page: Page, url: str) -> None:
    """Open a page and wait until it is counted."""
    with answered(page):
        page.goto(url)


def stored(prisme: LiveServer, host: str) -> list[Row]:
    return prisme.rows(STORED, [host])


def expect(prisme: LiveServer, host: str, *rows: Row) -> None:
    """The site's rows are these, soon."""
    wait_until(lambda: len(stored(prisme, host)) >= len(rows), f"{len(rows)} rows")
    assert stored(prisme, host) == [row + (None,) * (3 - len(row)) for row in rows]


def finish(page: Page | Frame) -> None:
    """Send a last event: what the page sent before was stored, or was not sent."""
    assert page.evaluate("prisme.trigger('done').then(() => 'answered')") == "answered"


def views(prisme: LiveServer, host: str, columns: str) -> list[Row]:
    return prisme.rows(f'SELECT {columns} FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [host])


def sessions(prisme: LiveServer, host: str, columns: str) -> list[Row]:
    return prisme.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY entry_timestamp", [host])


def watch(page: Page) -> list[Request]:
    """The requests for Prisme's API that the page sends from now on, preflights aside."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if API in request.url else None)
    return sent


# ----- a static site


def test_one_line_counts_visits(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
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
    assert sessions(prisme, host, "referrer_domain, pageviews") == [(sites.elsewhere, 1)]


def test_reload_is_no_second_view(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/")
    with answered(page):
        page.reload()
    expect(prisme, host, ("view", "/plain/"))


def test_request_says_no_more_than_it_must(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    meta = '<meta name="referrer" content="unsafe-url">'
    sent = watch(page)
    visit(page, sites.publish(host, "/secret", meta + TAG) + "?q=1#token")
    (request,) = sent
    headers = request.all_headers()
    assert headers["x-prisme-referrer"] == f"http://{host}/secret?q=1"
    assert headers["referer"] == headers["origin"] + "/" == f"http://{host}/"
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
    ("domain", "counted"),
    [
        pytest.param("shop{n}.example.com", "shop{n}.example.com", id="name"),
        pytest.param("shop{n}.example.com:8443", "shop{n}.example.com:8443", id="port"),
        pytest.param("Müller{n}.example", "xn--mller{n}-65a.example", id="umlaut"),
    ],
)
def test_domain_in_place_of_the_host(
    prisme: LiveServer, sites: Sites, host: str, page: Page, domain: str, counted: str
) -> None:
    number = next(_numbers)
    counted = counted.format(n=number)
    tag = TAG.replace(" defer", f' defer data-domain="{domain.format(n=number)}"')
    sites.publish(host, "/one", tag + '<a id="two" href="/two"></a>Hi')
    sites.publish(host, "/two", tag)
    page.goto(f"http://{host}/two")  # learn how the browser writes the name
    if "xn--" in counted:
        counted = str(page.evaluate("name => new URL('http://' + name).host", domain.format(n=number)))
    finish(page)
    with answered(page):
        page.goto(f"http://{host}/one", referer=f"http://{host}/two")
    finish(page)
    # The session goes on, so that the referrer was put on the other domain as well.
    expect(
        prisme,
        counted,
        ("view", "/two"),
        ("custom", "/two", "done"),
        ("view", "/one"),
        ("custom", "/one", "done"),
    )
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
    with visiting(chromium, allowed="Failed to load resource: the server responded with a status of") as context:
        page = context.new_page()
        visit(page, f"http://{host}/plain/")
        assert page.evaluate(f"prisme.{call}.then((value) => [value], () => 'rejected')") == [None]


def test_calls_never_reject_where_nobody_answers(chromium: Browser, host: str) -> None:
    with visiting(chromium, allowed="Failed to load resource: net::ERR_") as context:
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


def test_history_still_works_as_the_browser_made_it(host: str, page: Page) -> None:
    visit(page, f"http://{host}/app/")
    assert page.evaluate("[history.pushState({ a: 1 }, '', '/app/a'), history.state.a, location.pathname]") == [
        None,
        1,
        "/app/a",
    ]
    thrown = "() => { try { history.pushState({}, '', 'http://other.example/') } catch (error) { return error.name } }"
    assert page.evaluate(thrown) == "SecurityError"


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
    # Nobody knows that /real was called /first, so /next begins a session: that one goes on.
    assert views(prisme, domain, "path, status") == [("/first", 404), ("/next", 200), ("/first", 404)]
    assert sessions(prisme, domain, "entry_path, pageviews, referrer_domain") == [
        ("/first", 1, "direct"),
        ("/next", 2, domain),
    ]


def test_page_rendered_ahead_counts_when_it_is_shown(
    prisme: LiveServer, sites: Sites, host: str, tmp_path: Path
) -> None:
    # Without Playwright, as Chromium renders nothing ahead while it is steered.
    rules = json.dumps({"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]})
    wait = "const ask = async () => (await (await fetch('/go')).text()) ? location = '/next' : setTimeout(ask, 50); ask()"
    url = sites.publish(host, "/first", f"{TAG}<script type=speculationrules>{rules}</script><script>{wait}</script>")
    note = "fetch(`/loaded?${document.prerendering}`); prisme.trigger('ahead').then(() => fetch('/answered'))"
    sites.publish(host, "/next", f"{TAG.replace(' defer', '')}<script>{note}</script>")
    with unsteered([need("chromium", "chromium"), "--headless", f"--user-data-dir={tmp_path}", *FLAGS, url]):
        wait_until(lambda: sites.was_asked(host, "/loaded"), "the page to be rendered ahead")
        assert sites.was_asked(host, "/loaded?true")
        expect(prisme, host, ("view", "/first"))
        sites.publish(host, "/go", "go")
        wait_until(lambda: sites.was_asked(host, "/answered"), "the page to be shown")
    expect(prisme, host, ("view", "/first"), ("view", "/next"), ("custom", "/next", "ahead"))
    assert sessions(prisme, host, "pageviews") == [(2,)]


# ----- links

AWAY, FILE = "http://{elsewhere}/a", "http://{host}/plain/brochure.pdf"


@pytest.mark.parametrize(
    ("link", "row"),
    [
        pytest.param("outbound", ("outbound", AWAY + "?b=c"), id="outbound"),
        pytest.param("blank", ("outbound", AWAY), id="new tab"),
        pytest.param("nested", ("outbound", AWAY), id="nested"),
        pytest.param("icon", ("outbound", AWAY), id="picture"),
        pytest.param("area", ("outbound", AWAY), id="area of a map"),
        pytest.param("stopped", ("outbound", AWAY), id="propagation stopped"),
        pytest.param("handled", ("outbound", AWAY), id="default prevented"),
        pytest.param("download", ("download", FILE), id="download"),
        pytest.param("named", ("download", FILE + "?v=2"), id="download with a name"),
        pytest.param("mirror", ("download", "http://{elsewhere}/plain/brochure.pdf"), id="download from elsewhere"),
        pytest.param("blob", None, id="download that the page makes"),
        pytest.param("anchor", None, id="same page"),
        pytest.param("mail", None, id="e-mail"),
        pytest.param("call", None, id="phone"),
        pytest.param("code", None, id="code"),
        pytest.param("placeholder", None, id="anchor that leads nowhere"),
        pytest.param("text", None, id="no link"),
    ],
)
@pytest.mark.parametrize("button", ["left", "middle"])
def test_clicks(
    prisme: LiveServer,
    sites: Sites,
    host: str,
    page: Page,
    link: str,
    button: Literal["left", "middle"],
    row: tuple[str, str] | None,
) -> None:
    visit(page, f"http://{host}/plain/links.html")
    page.click(f"#{link}", button=button, force=link == "area", no_wait_after=True)
    if row is None:
        finish(page)
        expect(prisme, host, ("view", "/plain/links.html"), ("custom", "/plain/links.html", "done"))
    else:
        kind, url = row
        url = url.format(host=host, elsewhere=sites.elsewhere)
        expect(prisme, host, ("view", "/plain/links.html"), (kind, "/plain/links.html", url))


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
    """The click is on its way while the next page loads: Prisme's answer takes longer than that."""
    visit(page, f"http://{host}/plain/links.html")
    held: list[Route] = []
    page.route("**/outbound-links", held.append)
    page.click("#outbound")
    page.wait_for_url(f"http://{sites.elsewhere}/a**")
    for route in held:
        route.continue_()
    link = f"http://{sites.elsewhere}/a?b=c"
    expect(prisme, host, ("view", "/plain/links.html"), ("outbound", "/plain/links.html", link))


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


@pytest.fixture(params=["default", "pings"])
def any_chromium(request: pytest.FixtureRequest, playwright: Playwright, chromium: Browser) -> Iterator[Browser]:
    """Chromium without pings and with them."""
    if request.param == "default":
        yield chromium
        return
    if not PINGING.exists():
        miss(f"{PINGING} is missing: apt-get install chromium")
    browser = playwright.chromium.launch(executable_path=PINGING, args=FLAGS)
    yield browser
    browser.close()


@pytest.mark.parametrize(
    "ping",
    [
        pytest.param("https://stats.example.com/api/v1/events/outbound-links", id="absolute"),
        pytest.param("//{prisme}/api/v1/events/outbound-links", id="without a scheme"),
        pytest.param("  /ping\n https://stats.example.com/api/v1/events/outbound-links\t/ping/2 ", id="among others"),
    ],
)
def test_click_with_a_ping_counts_once(
    prisme: LiveServer, sites: Sites, host: str, any_chromium: Browser, ping: str
) -> None:
    ping = ping.format(prisme=prisme.url.removeprefix("http://"))
    link = f'<a id="away" href="https://elsewhere.example/a" target="_blank" ping="{ping} /pinged">Away</a>'
    with visiting(any_chromium) as context:
        page = context.new_page()
        visit(page, sites.publish(host, "/here", TAG + link))
        for _ in range(2):
            page.click("#away")
        finish(page)
        if any_chromium.version and page.evaluate("1") and context.browser is not None and ping_works(sites, host):
            pass
        left = page.get_attribute("#away", "ping") or ""
    url = f"http://{sites.elsewhere}/a"
    expect(
        prisme,
        host,
        ("view", "/here"),
        ("outbound", "/here", url),
        ("outbound", "/here", url),
        ("custom", "/here", "done"),
    )
    assert left.split() == [part for part in [*ping.split(), "/pinged"] if part.startswith("/ping")]
