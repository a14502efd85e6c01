"""The dashboard with its script: pages change in place, the chart is read, and a keyboard alone does it all."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.dashboard import Open, demo, log_in, open_menu, query, see
from tests.server import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


def mark(page: Page) -> None:
    page.evaluate("window.mark = 1")


def is_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.mark === 1"))


def test_links_change_the_page_in_place(visit: Open) -> None:
    page = visit()
    mark(page)
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click()
    expect(page.locator(".chips li").first).to_contain_text("Page is /pricing")
    page.locator("#technology .tabs").get_by_role("link", name="Systems").click()
    expect(page.locator("#technology .tabs a[aria-current]")).to_have_text("Systems")
    assert query(page) == {"path": "/pricing", "technology": "top-operating-systems"}
    # Where the keyboard was, it still is.
    assert page.evaluate("document.activeElement.textContent") == "Systems"
    page.go_back()
    expect(page.locator("#technology .tabs a[aria-current]")).to_have_text("Browsers")
    page.go_back()
    expect(page.locator(".chips")).to_have_count(0)
    page.go_forward()
    expect(page.locator(".chips li").first).to_contain_text("Page is /pricing")
    assert is_same_page(page)


def test_keys_with_a_click_exclude_and_add(visit: Open) -> None:
    page = visit()
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click(modifiers=["Alt"])
    expect(page.locator(".chips li").first).to_contain_text("Page is not /pricing")
    page.goto(page.url.partition("?")[0] + "?country=DE")
    page.goto(page.url.replace("country=DE", "path=/pricing,/docs/"))
    expect(page.locator("#pages table.list tbody tr")).to_have_count(2)
    page.locator("#pages").get_by_role("link", name="/docs/", exact=True).click()
    expect(page.locator("#pages table.list tbody tr")).to_have_count(1)
    page.goto(page.url.partition("?")[0])
    first = page.locator("#countries table.list a").nth(0)
    first.click(modifiers=["Shift"])
    expect(page.locator(".chips li").first).to_contain_text("Country is United States")


def test_forms_change_the_page_in_place(visit: Open) -> None:
    page = visit("/dashboard?period=7d")
    mark(page)
    open_menu(page, "Filter")
    page.select_option("#filter-name", "path")
    page.fill("#filter-value", "/blog/*")
    page.keyboard.press("Enter")
    expect(page.locator(".chips li").first).to_contain_text("Page is /blog/*")
    assert query(page) == {"period": "7d", "path": "/blog/*"}
    assert is_same_page(page)


def test_shortcuts_can_be_seen_and_turned_off(visit: Open) -> None:
    page = visit()
    page.keyboard.press("w")
    expect(page.locator("details.menu > summary", has_text="Last 7 days")).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Next period")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.locator("#filter-value")).to_be_focused()
    page.keyboard.type("w?")  # no shortcut while typing
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("Escape")  # the suggestions
    page.keyboard.press("Escape")
    expect(page.locator("#filter-value")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    url = page.url
    page.keyboard.press("y")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert not page.get_by_label("Single-key shortcuts").is_checked()
    assert page.url == url


def test_the_chart_is_read_by_arrow_keys(visit: Open) -> None:
    page = visit("/dashboard?period=7d")
    values = page.locator("#values tbody tr td:nth-of-type(1)").all_text_contents()
    page.locator("#plot").focus()
    page.keyboard.press("Home")
    expect(page.locator("#spoken")).to_contain_text(f": {values[0]}, before")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#spoken")).to_contain_text(f": {values[1]}, before")
    expect(page.locator("#plot .tip")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#values tbody tr")).to_have_count(24)
    assert {"from", "to"} <= set(query(page))
    page.locator("#plot").focus()
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    expect(page.locator("#plot .tip")).to_have_count(0)


def test_the_chart_follows_the_pointer_and_zooms_by_drag(visit: Open) -> None:
    page = visit("/dashboard?period=7d")
    box = page.locator("#plot").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 1.5 / 7, middle)
    expect(page.locator("#plot .tip")).to_contain_text(page.locator("#values tbody th").nth(1).text_content() or "?")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3.5 / 7, middle, steps=4)
    expect(page.locator("#plot .zoom")).to_be_visible()
    # The pointer may leave the chart meanwhile; nothing else is selected.
    page.mouse.move(box["x"] + box["width"] * 3.5 / 7, box["y"] + box["height"] + 150, steps=4)
    assert page.evaluate("getSelection().toString()") == ""
    page.mouse.up()
    expect(page.locator("#values tbody tr")).to_have_count(3 * 24)


# For each bucket: the row's cells, the tooltip's text, and where it, the cursor and the chart begin and end.
READ = """[...document.querySelectorAll('#values tbody tr')].map((row, number) => {
    plot.dispatchEvent(new KeyboardEvent('keydown', {key: number ? 'ArrowRight' : 'Home'}));
    const ends = ['.tip', '.cursor'].map(one => plot.querySelector(one).getBoundingClientRect());
    return [[...row.cells].map(cell => cell.textContent), plot.querySelector('.tip').innerText,
        ...[...ends, plot.getBoundingClientRect()].map(box => [box.left, box.right])];
})"""


def test_the_tooltip_says_all_and_is_never_over_the_point(visit: Open) -> None:
    page = visit("/dashboard?period=28d")
    for width in (320, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("document.querySelectorAll('#values tbody tr')[3].dataset.note = 'Launch'")
        found = page.evaluate(READ)
        assert len(found) == 28
        for number, (cells, told, (left, right), (cursor, _), (start, end)) in enumerate(found):
            assert [text for text in ("Visitors", *cells[1:]) if text not in told] == []
            assert ("Launch" in told) == (number == 3)
            assert start - 2 <= left < right <= end + 2
            assert cursor < left - 2 or cursor > right + 2


def test_a_peak_is_explained(visit: Open) -> None:
    """The demo has one: a page of the first site was on Hacker News."""
    page = visit("/dashboard?period=28d")
    row = page.locator("#values tr[data-note]")
    expect(row).to_have_count(1)
    found = re.fullmatch(r"Mostly Hacker News, ([\d,]+) of ([\d,]+)", row.get_attribute("data-note") or "")
    assert found
    value = row.locator("td").first.text_content()
    assert found[2] == value
    assert found[0] in (row.locator("th").text_content() or "")
    row.locator("a").evaluate("link => link.click()")
    expect(page.locator("#values tbody tr")).to_have_count(24)
    page.goto(f"{page.url}&referrer=news.ycombinator.com")
    assert page.locator("#tiles .figure").first.get_attribute("title") == found[1]


def test_figures_of_now(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(timezone_id="UTC")
    log_in(context, server, "ada")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{server.url}/dashboard?domain=example.com,other.example&period=today")
    assert page.locator("#live-count").inner_text() == "0"
    see(server, "https://example.com/now", f"Live/{time.time_ns()}")
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    page.clock.run_for(30_000)
    assert page.locator("#live-count").inner_text() == "0"  # a hidden tab asks nothing
    page.evaluate("delete document.hidden")
    with page.expect_response(re.compile("dashboard/stamp")):
        page.clock.run_for(10_000)
    expect(page.locator("#live-count")).to_have_text("1")
    context.close()


def test_the_browsers_time_zone_is_used(visit: Open) -> None:
    page = visit("/dashboard?period=yesterday", timezone_id="Asia/Tokyo")
    expect(page.locator("footer")).to_contain_text("Asia/Tokyo")
    page.reload()
    assert "Asia/Tokyo" in page.locator("footer").inner_text()
    assert query(page) == {"period": "yesterday"}


def test_by_keyboard_alone(visit: Open) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#tiles a[href*=pageviews]')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("figcaption")).to_contain_text("Pageviews by day")
    page.locator("nav.period summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("details.menu > summary", has_text="Last 24 hours")).to_have_count(1)


def test_a_finger_reads_the_chart_until_it_touches_elsewhere(visit: Open) -> None:
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.tap("#plot")
    expect(page.locator("#plot .tip")).to_be_visible()
    page.tap("#tiles li:nth-child(4)", position={"x": 1, "y": 1})
    expect(page.locator("#plot .tip")).to_have_count(0)


@pytest.mark.parametrize(("width", "touch"), [(768, True), (500, False), (320, True)])
def test_menus_lie_within_the_screen_and_cover_no_other_button(visit: Open, width: int, touch: bool) -> None:
    page = visit(
        "/dashboard?from=now-40d/d&to=now-9d/d",
        viewport={"width": width, "height": 740},
        has_touch=touch,
        is_mobile=touch,
    )
    menus = page.locator(".controls .menu, .top .menu")
    assert menus.count() >= 6
    for menu in menus.all():
        menu.locator("summary").first.click()
        box = menu.locator(".pop").first.bounding_box()
        assert box
        assert (box["x"] >= 0, box["x"] + box["width"] <= width) == (True, True)
        page.keyboard.press("Escape")


def test_a_menu_closes_when_the_focus_leaves_it(visit: Open) -> None:
    page = visit()
    page.locator("#add-filter > summary").press("Enter")
    for _ in range(4):  # Its field, its operator, its value and its button.
        page.keyboard.press("Tab")
    expect(page.locator("#add-filter")).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(page.locator("#add-filter")).not_to_have_attribute("open", "")
