"""What moves by itself: the figures of a period that ends now, where nobody is about to use them; and the live page."""

import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.store.control import Control
from tests.e2e.dashboard import Open, add_people, log_in, logged_in, open_menu, see
from tests.server import LiveServer

STAMP = re.compile("/dashboard/stamp")
NEXT = 10.0  # seconds until the script asks again
MOVE = 30.0  # seconds until figures may move again


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), origins="example.com,other.example") as live:
        add_people(live, "example.com")
        see(live, "https://example.com/first", "First", "https://news.ycombinator.com/")
        see(live, "https://other.example/hidden", "Other")
        yield live


@pytest.fixture
def moving(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    """A page of one site whose clock a test moves."""
    context = chromium.new_context(timezone_id="UTC")
    log_in(context, server, "ada")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{server.url}/dashboard?domain=example.com&period=24h&metric=pageviews")
    page.mouse.move(5, 5)
    yield page
    context.close()


def visit_again(server: LiveServer, path: str = "/again") -> None:
    see(server, f"https://example.com{path}", f"Again/{time.time_ns()}")


def wait(page: Page, seconds: float) -> None:
    """Let time pass in the browser, until it has asked whether there is more to show."""
    with page.expect_response(STAMP):
        page.clock.run_for(round(seconds * 1000))


def pageviews(page: Page) -> int:
    return int(page.locator("#tiles .figure").nth(2).get_attribute("title") or -1)


def expect_pageviews(page: Page, count: int) -> None:
    expect(page.locator("#tiles .figure").nth(2)).to_have_attribute("title", str(count))


def test_figures_move_in_place(server: LiveServer, moving: Page) -> None:
    page, asked = moving, []
    page.on("request", lambda request: asked.append(request.url) if "/dashboard?" in request.url else None)
    first, here = pageviews(page), page.url
    page.evaluate("[window.plot, window.row] = document.querySelectorAll('#plot, #countries tbody tr')")
    page.locator("#pages table.list").get_by_role("link", name="/first").focus()
    page.evaluate("scrollTo(0, 150)")
    for path in ("/a", "/a"):
        visit_again(server, path)
    wait(page, NEXT)
    expect(page.locator("#live-count")).to_have_text(str(first + 2))
    assert pageviews(page) == first, "figures moved within 30 seconds"
    wait(page, MOVE - NEXT)
    expect_pageviews(page, first + 2)
    expect(page.locator("#pages table.list tbody tr").first).to_contain_text("/a")
    assert page.evaluate("[plot.isConnected, row.isConnected, scrollY]") == [True, True, 150]
    # The row has moved down, and the focus with it.
    assert page.evaluate("document.activeElement.textContent") == "/first"
    assert page.locator("#spoken").inner_text() == ""
    assert asked == [here]
    wait(page, MOVE)
    assert asked == [here], "nothing was loaded, and yet figures were requested"
    visit_again(server)
    wait(page, MOVE)
    expect_pageviews(page, first + 3)
    assert page.url == here


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def hold(page: Page, how: str) -> None:
    if how == "pointer":
        page.mouse.move(*middle(page, "#pages table.list"))
    elif how == "menu":
        open_menu(page, "Filter")
    elif how == "help":
        page.keyboard.press("?")
    elif how == "keyboard":
        page.locator("#plot").focus()
        page.keyboard.press("End")
    else:
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#pages'))")


def release(page: Page) -> None:
    page.mouse.move(5, 5)
    page.keyboard.press("Escape")
    page.evaluate("getSelection().removeAllRanges()")


def test_nothing_moves_while_it_is_used(server: LiveServer, moving: Page) -> None:
    page = moving
    for how in ("pointer", "menu", "help", "keyboard", "selection"):
        before = pageviews(page)
        hold(page, how)
        visit_again(server)
        wait(page, MOVE)
        page.wait_for_timeout(50)
        assert pageviews(page) == before, how
        release(page)
        wait(page, NEXT)
        expect_pageviews(page, before + 1)


def test_others_visits_and_periods_that_are_over_move_nothing(server: LiveServer, moving: Page) -> None:
    page, asked = moving, []
    page.on("request", lambda request: asked.append(request.url) if "/dashboard?" in request.url else None)
    see(server, "https://other.example/", f"Again/{time.time_ns()}")
    wait(page, MOVE)
    assert asked == []
    page.goto(f"{server.url}/dashboard?domain=example.com&period=yesterday")
    assert page.evaluate("document.body.dataset.stamp") == ""
    asked.clear()
    visit_again(server)
    wait(page, MOVE)
    page.wait_for_timeout(50)
    assert asked == []


def test_a_page_without_access_stops_to_ask(moving: Page) -> None:
    page, asked = moving, []
    # Its icon may be loaded late.
    page.on("request", lambda request: asked.append(request.url) if "/static/" not in request.url else None)
    page.context.clear_cookies()
    wait(page, NEXT)
    page.wait_for_timeout(50)
    for _ in range(3):
        page.clock.run_for(10_000)
    assert [url for url in asked if "/stamp" in url] == asked[:1]
    assert len(asked) == 1


def test_a_stamp_tells_nothing_of_others(server: LiveServer) -> None:
    refused = server.http.get("/dashboard/stamp")
    assert (refused.status_code, refused.headers.get("location")) == (401, None)
    with logged_in(server, "vic") as vic:
        assert vic.get("/dashboard/stamp?period=never").status_code == 400
        first = vic.get("/dashboard/stamp?period=today")
        assert first.headers["cache-control"] == "no-store"
        assert set(first.json()) == {"live", "stamp"}
        see(server, "https://other.example/", f"Again/{time.time_ns()}")
        again = vic.get("/dashboard/stamp?period=today")
        # An hour may end.
        assert again.json()["live"] == first.json()["live"]
        assert again.json() == first.json() or time.gmtime().tm_min == 0
        visit_again(server)
        assert vic.get("/dashboard/stamp?period=today").json() != first.json()
        hidden = vic.get("/dashboard/stamp?period=today&domain=other.example")
        assert hidden.json()["live"] == "0"
        assert "/hidden" not in vic.get("/dashboard/live").text


def parameters(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def test_the_live_page_without_javascript(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?domain=example.com&period=7d")
    page.locator("#live a").click()
    assert parameters(page) == {"domain": "example.com", "period": "7d"}
    expect(page.locator("#plot rect")).to_have_count(30)
    values = page.locator("#values tbody td").all_inner_texts()
    assert len(values) == 30
    expect(page.get_by_role("link", name="Refresh")).to_have_count(1)
    now, visitors, views = page.locator(".figures dd").all_inner_texts()
    assert int(now) <= int(visitors) <= int(views)
    assert page.locator("#pages table.list tbody tr").count() > 1
    page.get_by_role("link", name="By pageviews").click()
    assert "metric=pageviews" in page.url
    listed = page.locator("#pages table.list td").all_inner_texts()
    assert sum(map(int, listed)) == int(views)
    expect(page.locator("#sources table.list")).to_contain_text("Hacker News")
    page.locator("#pages").get_by_role("link", name="/first").click()
    expect(page.locator(".chips")).to_contain_text("Page is /first")
    expect(page.locator("#pages table.list tbody tr")).to_have_count(1)
    page.locator(".chips a", has_text="/first").click()
    assert "path" not in page.url
    page.get_by_role("link", name="Dashboard").click()
    assert urlsplit(page.url).path == "/dashboard"
    assert parameters(page) == {"domain": "example.com", "period": "7d", "metric": "pageviews"}


def test_the_live_page_moves_by_itself(server: LiveServer, moving: Page) -> None:
    page = moving
    page.goto(f"{server.url}/dashboard/live?domain=example.com")
    visitors = page.locator(".figures dd").nth(1)
    before = int(visitors.inner_text())
    page.evaluate("window.plot = document.querySelector('#plot')")
    visit_again(server, "/live")
    wait(page, NEXT)
    expect(visitors).to_have_text(str(before + 1))
    expect(page.locator("#pages table.list")).to_contain_text("/live")
    assert page.evaluate("plot.isConnected")


def test_a_share_link_has_a_live_page(chromium: Browser, server: LiveServer) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), "example.com", int(time.time()))
    page = chromium.new_context(timezone_id="UTC").new_page()
    page.goto(f"{server.url}/share?share={key}")
    page.locator("#live a").click()
    page.wait_for_url("**/dashboard/live?**")
    assert page.locator("#pages table.list tbody tr").count() > 0
    assert "/hidden" not in page.content()
    with page.expect_response(STAMP) as found:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert found.value.ok
    page.context.close()
