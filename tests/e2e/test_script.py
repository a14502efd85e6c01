"""The tracking script in real browsers, on pages of other origins: what visitors do, and the rows that come of it."""

import itertools
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.checkout import ROOT
from tests.e2e.script import (
    API,
    TAG,
    answered,
    expect,
    finish,
    sessions,
    stored,
    unsteered,
    visit,
    visiting,
    watch,
)
from tests.e2e.sites import PROXY, Sites
from tests.process import Process
from tests.requirements import need
from tests.server import CHROME, LiveServer, free_port, wait_until

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


def create_account(page: Page, log: str) -> None:
    """Open the link in the log, and send its form: what follows waits for the first session."""
    (link,) = set(re.findall(r"http://\S+?/setup\?key=[\w-]+", log))
    page.goto(link)
    page.fill("#name", "ada")
    for field in ("#password", "#again"):
        page.fill(field, "correct horse battery")
    page.click("form button")
    assert page.text_content("h1") == "Waiting for the first session"


def see_visit(dashboard: Page) -> None:
    """Wait until the page that waits is the dashboard, and shows the visit and its event."""
    dashboard.wait_for_selector("#tiles")
    tiles = [text.split("\n")[:2] for text in dashboard.locator("#tiles li").all_inner_texts()]
    assert tiles[:3] == [["Visitors", "1"], ["Sessions", "1"], ["Pageviews", "1"]]
    for tab in ("Campaigns", "UTM sources"):
        dashboard.click(f"#sources .tabs >> text={tab}")
    dashboard.wait_for_url("**sources=top-utm-sources**")

    def shows(*rows: str) -> bool:
        dashboard.reload()
        return set(rows) <= {text.strip() for text in dashboard.locator("tbody th, tbody a").all_inner_texts()}

    wait_until(lambda: shows("/", "me", "hello"), "the visit's page, source and event")


def test_get_started(chromium: Browser, tmp_path: Path) -> None:
    """The page's own steps: its account, its page, its visit in the dashboard, its questions and their answers."""
    guide = (ROOT / "docs" / "get-started.md").read_text()
    (html,) = re.findall(r"^```html\n(<!doctype.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    (serve,) = re.findall(r"^python3 (-m http.server .*)$", guide, re.MULTILINE)
    (url,) = re.findall(r"<(http://localhost:8080/.*)>", guide)
    questions = re.findall(
        r"^```sh\n\.venv/bin/prisme ([^\n]*)\n```\n\n```text\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE
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
            dashboard = context.new_page()
            create_account(dashboard, prisme.text())
            line = (dashboard.text_content("pre") or "").replace("127.0.0.1", "localhost")
            assert line in (folder / "index.html").read_text()
            page = context.new_page()
            visit(page, url.replace("8080", str(port)))
            with answered(page, "hello"):
                page.click("button")
            see_visit(dashboard)
        for question, answer in questions:
            done = subprocess.run(
                ["sh", "-c", f"{sys.executable} -m prisme {question}"], cwd=tmp_path, capture_output=True, text=True
            )
            # Another port may have more digits or fewer, and then the table's lines are as long.
            said = [re.findall(r"[^\s|+-]+", text.replace(str(port), "8080")) for text in (done.stdout, answer)]
            assert said[0] == said[1], done.stderr
        assert prisme.stop(signal.SIGINT) == 0
