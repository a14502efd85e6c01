"""The tracking script in pages of all kinds: with frames and shadow trees, with little or no consent, by any tag."""

import base64
import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.script import (
    OFF,
    TAG,
    answered,
    expect,
    finish,
    sessions,
    visit,
    visiting,
    watch,
)
from tests.e2e.sites import Sites
from tests.server import LiveServer

NOSCRIPT = """<noscript><img src="https://stats.example.com/api/v1/noscript/events/pageviews" alt=""
  referrerpolicy="no-referrer-when-downgrade"></noscript>"""

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
