"""Pages that turn into others without a load: by the history, from the back/forward cache, rendered ahead."""

import json
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.conftest import FLAGS
from tests.e2e.script import (
    TAG,
    answered,
    expect,
    finish,
    sessions,
    unsteered,
    views,
    visit,
    watch,
)
from tests.e2e.sites import Sites
from tests.requirements import need
from tests.server import LiveServer, wait_until


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
