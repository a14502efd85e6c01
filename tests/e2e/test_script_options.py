"""What pages and visitors can ask of the tracking script: routes, downloads, pages and browsers that are left out."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.checkout import ROOT
from tests.e2e.conftest import FLAGS
from tests.e2e.script import OFF, TAG, answered, expect, finish, stored, views, visit, visiting, watch
from tests.e2e.sites import Sites
from tests.requirements import need
from tests.server import LiveServer, wait_until


def tag(attributes: str) -> str:
    """The script's tag with attributes."""
    return TAG.replace(" defer", f" defer {attributes}")


# ----- hash routes


def test_routes_in_the_fragment_are_pages(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    links = '<a id="inbox" href="#/inbox">Inbox</a> <a id="mail" href="#mail/7">Mail</a>'
    visit(page, sites.publish(host, "/app", tag("data-hash") + links) + "?utm_source=letter")
    for link in ("inbox", "mail"):
        with answered(page):
            page.click(f"#{link}")
    with answered(page):
        page.evaluate("history.back()")
    # The same route, and a query of the page's own: no other page.
    page.evaluate("history.replaceState({}, '', '/app?sort=name#/inbox')")
    finish(page)
    paths = ["/app", "/app/inbox", "/app/mail/7", "/app/inbox"]
    assert [path for (path,) in views(prisme, host, "path")] == paths
    expect(prisme, host, *[("view", path) for path in paths], ("custom", "/app/inbox", "done"))
    assert prisme.rows("SELECT utm_source, pageviews FROM sessions WHERE domain = ?", [host]) == [("letter", 4)]


def test_empty_route_is_the_page_itself(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    """A router that leads `/` to `/#/` makes no second page of it."""
    visit(page, sites.publish(host, "/", tag("data-hash")))
    page.evaluate("location.replace('#/')")
    with answered(page):
        page.evaluate("location.hash = '#/cart'")
    assert [path for (path,) in views(prisme, host, "path")] == ["/", "/cart"]


@pytest.mark.parametrize("attribute", ["", 'data-hash="false"'])
def test_fragments_are_no_pages_unless_the_tag_says_so(
    prisme: LiveServer, sites: Sites, host: str, page: Page, attribute: str
) -> None:
    visit(page, sites.publish(host, "/app", tag(attribute)) + "#/inbox")
    page.evaluate("location.hash = '#/mail'")
    page.wait_for_timeout(200)
    finish(page)
    expect(prisme, host, ("view", "/app"), ("custom", "/app", "done"))


# ----- downloads


@pytest.mark.parametrize(
    ("attribute", "link", "kind"),
    [
        pytest.param("", 'href="/a.pdf"', "download", id="ending"),
        pytest.param("", 'href="/a.PDF?v=2#page=3"', "download", id="upper case and query"),
        pytest.param("", 'href="/report.docx"', "download", id="one of several endings"),
        pytest.param("", 'href="https://elsewhere.example/setup.exe"', "download", id="another host"),
        pytest.param("", 'href="/pdf"', None, id="a name is no ending"),
        pytest.param("", 'href="/a.pdf/view"', None, id="a folder is no ending"),
        pytest.param("", 'href="/page.html"', None, id="a page"),
        pytest.param('data-file-downloads="stl, tar.gz"', 'href="/part.stl"', "download", id="own list"),
        pytest.param('data-file-downloads="stl, tar.gz"', 'href="/all.tar.gz"', "download", id="own list, two dots"),
        pytest.param('data-file-downloads="stl, tar.gz"', 'href="/a.pdf"', None, id="not in the own list"),
        pytest.param('data-file-downloads="stl"', 'href="/a.pdf" download', "download", id="download beside the list"),
        pytest.param('data-file-downloads="stl"', 'href="https://elsewhere.example/a.pdf"', "outbound", id="outbound"),
        pytest.param('data-file-downloads="false"', 'href="/a.pdf"', None, id="off"),
        pytest.param('data-file-downloads="false"', 'href="/a" download', None, id="off, with download"),
        pytest.param(
            'data-outbound-links="false"', 'href="https://elsewhere.example/a.zip"', "download", id="no links"
        ),
    ],
)
def test_downloads(
    prisme: LiveServer, sites: Sites, host: str, page: Page, attribute: str, link: str, kind: str | None
) -> None:
    visit(page, sites.publish(host, "/here", tag(attribute) + f'<a id="link" {link} target="_blank">Link</a>'))
    page.click("#link")
    finish(page)
    kinds = {"view", "custom"} | ({kind} if kind else set())
    wait_until(lambda: len(stored(prisme, host)) >= len(kinds), "all rows")
    assert {one for one, *_ in stored(prisme, host)} == kinds


# ----- pages that are left out


@pytest.mark.parametrize(
    ("pattern", "path", "counted"),
    [
        pytest.param("/admin", "/admin", False, id="path"),
        pytest.param("/admin", "/admin/users", True, id="a path is the whole path"),
        pytest.param("/admin", "/x/admin", True, id="from its beginning"),
        pytest.param("/admin, /user/*/edit", "/user/7/edit", False, id="several, with a star"),
        pytest.param("/admin,/user/*/edit", "/user/7", True, id="none of several"),
        pytest.param("*/private/*", "/a/private/b", False, id="star first"),
        pytest.param("/%D1%8F/*", "/%D1%8F/1", False, id="not ASCII"),
        pytest.param("", "/here", True, id="empty"),
    ],
)
def test_excluded_pages_send_nothing(
    prisme: LiveServer, sites: Sites, host: str, page: Page, pattern: str, path: str, counted: bool
) -> None:
    away = '<a id="away" href="https://elsewhere.example/a" target="_blank">Away</a>'
    quoted = path.encode("ascii", "ignore").decode() == path
    sites.publish(
        host, path if quoted else "/%D0%BD%D0%BE%D0%B2%D0%BE%D0%B5/1", tag(f'data-exclude="{pattern}"') + away
    )
    sent = watch(page)
    page.goto(f"http://{host}{path}")
    page.click("#away")
    finish(page)
    assert bool(sent) is counted
    assert bool(stored(prisme, host)) is counted


def test_app_goes_on_behind_an_excluded_page(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    visit(page, sites.publish(host, "/a", tag('data-exclude="/admin/*"')))
    page.evaluate("history.pushState({}, '', '/admin/users')")
    page.wait_for_timeout(200)
    finish(page)
    with answered(page):
        page.evaluate("history.pushState({}, '', '/b')")
    expect(prisme, host, ("view", "/a"), ("view", "/b"))
    assert prisme.rows("SELECT pageviews FROM sessions WHERE domain = ?", [host]) == [(2,)]


# ----- browsers that are left out


@pytest.fixture(scope="module")
def automated(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that says that it is automated."""
    flags = [flag for flag in FLAGS if "AutomationControlled" not in flag]
    browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=flags)
    yield browser
    browser.close()


def test_automated_browser_sends_nothing(sites: Sites, host: str, automated: Browser) -> None:
    with visiting(automated) as context:
        page = context.new_page()
        sent = watch(page)
        page.goto(f"http://{host}/plain/links.html")
        assert page.evaluate("navigator.webdriver") is True
        page.click("#blank")
        page.evaluate("history.pushState({}, '', '/plain/2')")
        page.wait_for_timeout(200)
        finish(page)
        assert page.evaluate("prisme.pageview().then((value) => [value])") == [None]
        assert sent == []


@pytest.mark.parametrize(
    ("attribute", "signal", "counted"),
    [
        pytest.param("data-respect-gpc", "true", False, id="respected"),
        pytest.param("data-respect-gpc", "false", True, id="not said"),
        pytest.param("data-respect-gpc", "undefined", True, id="not known"),
        pytest.param('data-respect-gpc="false"', "true", True, id="not respected"),
        pytest.param("", "true", True, id="not by default"),
    ],
)
def test_global_privacy_control(
    sites: Sites, host: str, page: Page, attribute: str, signal: str, counted: bool
) -> None:
    page.add_init_script(f"Object.defineProperty(navigator, 'globalPrivacyControl', {{ value: {signal} }})")
    sent = watch(page)
    page.goto(sites.publish(host, "/here", tag(attribute)))
    finish(page)
    assert bool(sent) is counted


@pytest.mark.parametrize("attribute", ["", "data-manual"])
def test_fragment_turns_counting_off_and_on(
    prisme: LiveServer, sites: Sites, host: str, page: Page, attribute: str
) -> None:
    url = sites.publish(host, "/here", tag(attribute))
    sent = watch(page)
    page.goto(url + "#prisme-off")
    page.wait_for_function("prisme")
    page.goto(f"http://{host}/plain/")
    finish(page)
    assert sent == []
    page.goto(url + "#prisme-on")
    page.wait_for_function("prisme")
    visit(page, f"http://{host}/plain/")
    assert ("view", "/plain/", None) in stored(prisme, host)


def test_fragment_of_an_open_page_turns_counting_off(sites: Sites, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/")
    page.evaluate("location.hash = '#prisme-off'")
    page.wait_for_function(f"localStorage['{OFF}'] == 'false'")
    sent = watch(page)
    page.goto(f"http://{host}/plain/about.html")
    finish(page)
    assert sent == []


def test_other_fragments_and_visitors_leave_no_trace(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/#prisme-offers")
    finish(page)
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    expect(prisme, host, ("view", "/plain/"), ("custom", "/plain/", "done"))


# ----- early calls

STUB = """<script>
window.prisme = { q: [] };
for (const name of ["pageview", "trigger"])
  prisme[name] = (...told) => new Promise((done) => prisme.q.push(() => done(prisme[name].apply(prisme, told))));
</script>"""


def test_early_calls_wait_for_the_script(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    early = "<script>var early = prisme.trigger('early', { a: 1 }).then((value) => [value])</script>"
    with answered(page, "early"):
        visit(page, sites.publish(host, "/here", STUB + early + TAG + TAG))
    assert page.evaluate("early") == [None]
    expect(prisme, host, ("view", "/here"), ("custom", "/here", "early"))
    finish(page)


def test_early_pageviews_of_a_manual_page(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    early = "<script>prisme.pageview({ path: '/step/1' }); prisme.trigger('early')</script>"
    with answered(page, "early"):
        page.goto(sites.publish(host, "/here", tag("data-manual") + STUB + early))
    expect(prisme, host, ("view", "/step/1"), ("custom", "/step/1", "early"))


def test_stub_is_the_documented_one() -> None:
    assert STUB.strip() in (ROOT / "docs" / "tracking-script.md").read_text()


# ----- many and large events


def names(prisme: LiveServer, host: str) -> list[str]:
    return [name for (name,) in prisme.rows("SELECT name FROM events_custom WHERE domain = ? ORDER BY name", [host])]


def test_large_events_at_once_are_all_stored(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/")
    big = "{ text: 'x'.repeat(40000) }"
    page.evaluate(f"Promise.all(['one', 'two', 'three'].map((name) => prisme.trigger(name, {big})))")
    assert names(prisme, host) == ["one", "three", "two"]
    # Their share of the 64 KiB is free again, of the letters beyond ASCII too.
    page.evaluate("Promise.all(['four', 'five'].map((name) => prisme.trigger(name, { text: 'ü'.repeat(20000) })))")
    assert names(prisme, host) == ["five", "four", "one", "three", "two"]


def test_many_events_at_once_are_all_stored(prisme: LiveServer, host: str, page: Page) -> None:
    visit(page, f"http://{host}/plain/")
    page.evaluate("Promise.all([...Array(300).keys()].map((number) => prisme.trigger('many', { number })))")
    assert names(prisme, host) == ["many"] * 300


def test_small_events_outlive_the_page(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    sites.publish(host, "/next", "Next")
    visit(page, f"http://{host}/plain/")
    page.evaluate("for (let number = 0; number < 20; number++) prisme.trigger('last', { number }); location = '/next'")
    page.wait_for_url("**/next")
    wait_until(lambda: len(names(prisme, host)) == 20, "the events of the page that is gone")


def test_answers_are_read(host: str, context: BrowserContext, page: Page) -> None:
    """An answer whose body nobody reads is shown as a request that failed."""
    failed: list[str] = []
    context.on("requestfailed", lambda request: failed.append(request.url))
    visit(page, f"http://{host}/plain/links.html")
    page.click("#blank")
    finish(page)
    with page.expect_event("requestfinished", lambda request: request.url.endswith("custom/done")):
        finish(page)
    page.goto(f"http://{host}/plain/about.html")
    finish(page)
    assert failed == []
