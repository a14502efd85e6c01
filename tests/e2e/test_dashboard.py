"""The dashboard in a real Chromium, by links and forms alone: periods, comparisons, sites, saved views, share links."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from prisme.access.shares import Shares
from prisme.demo.traffic import SITES
from prisme.store.control import Control
from tests.e2e.dashboard import ONE, Open, demo, open_menu, query, rows
from tests.server import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


def test_the_page_is_whole_without_javascript(server: LiveServer, plain: Open) -> None:
    page = plain()
    told = server.http.get("/api/v1/stats/dashboard", params={"from": "now-27d/d"}, headers=server.make_token()).json()
    tiles = page.locator("#tiles a")
    expect(tiles).to_have_count(6)
    for name in ("visitors", "sessions", "pageviews"):
        shown = page.locator("#tiles .figure").nth(("visitors", "sessions", "pageviews").index(name))
        assert shown.get_attribute("title") == f"{told['totals'][name]:,}"
    assert page.locator("#plot path.now").get_attribute("d")
    assert page.locator("#plot path.then").get_attribute("d")
    expect(page.locator("#values tbody tr")).to_have_count(28)
    period = {"from": "now-27d/d", "metric": "visitors"}
    seen = server.http.get(
        "/api/v1/stats/top-countries", params=period | {"limit": "300"}, headers=server.make_token()
    ).json()
    counts = dict(zip(seen["keys"], seen["values"], strict=True))
    titles = page.locator(".map title").all_text_contents()
    assert f"United States: {counts['US']:,}" in titles
    assert 10 < len(titles) <= len(counts)  # the map leaves out what is too small for it
    expect(page.locator(".week tbody td")).to_have_count(7 * 24)
    assert rows(page, "countries")[0][0] == "United States"
    top = server.http.get("/api/v1/stats/top-pages", params=period, headers=server.make_token()).json()
    assert [name for name, _ in rows(page, "pages")] == top["keys"]
    cells = page.locator(".week tbody td .vh").all_inner_texts()
    assert [int(text.replace(",", "")) for text in cells] == told["weekday-hours"]["values"]
    expect(page.get_by_role("link", name="IP Geolocation by DB-IP")).to_have_count(1)


@pytest.mark.parametrize(
    ("title", "buckets"),
    [
        ("Last 30 minutes", 31),
        ("Today", None),
        ("Yesterday", 24),
        ("Last 7 days", 7),
        ("Last 90 days", 90),
        ("All time", 61),
    ],
)
def test_periods(ada: httpx.Client, title: str, buckets: int | None) -> None:
    text = ada.get("/dashboard").text
    menu = text[text.index('<nav class="period"') :].partition("</nav>")[0]
    (link,) = re.findall(rf'<a href="([^"]+)"[^>]*>{title}<', menu)
    text = ada.get(unescape(link)).text
    count = text[text.index('id="values"') :].partition("<tbody>")[2].partition("</tbody>")[0].count("<tr")
    # A minute may end, and the demo's first day may be one without visits.
    assert buckets is None or abs(count - buckets) <= 1
    assert re.search(rf"<summary[^>]*>(<[^>]+>)*{title}<", text)


def test_previous_next_and_chosen_periods(plain: Open) -> None:
    page = plain("/dashboard?period=7d")
    expect(page.get_by_label("Next period")).to_have_count(0)
    page.get_by_label("Previous period").click()
    before = query(page)
    expect(page.locator("#values tbody tr")).to_have_count(7)
    page.get_by_label("Previous period").click()
    page.get_by_label("Next period").click()
    assert query(page) == before
    page.locator("nav.period details.menu > summary").click()
    page.fill("#from", before["from"])
    page.fill("#to", before["from"])
    page.get_by_role("button", name="Apply").click()
    assert query(page) == {"from": before["from"], "to": before["from"]}
    expect(page.locator("#values tbody tr")).to_have_count(24)


def test_comparisons(plain: Open) -> None:
    page = plain()
    expect(page.locator("#changes table")).to_have_count(2)
    assert re.search(r"^(up|down|unchanged)", page.locator("#tiles .change .vh").first.inner_text())
    open_menu(page, "vs.")
    page.get_by_role("link", name="No comparison").click()
    expect(page.locator("#tiles .change")).to_have_count(0)
    expect(page.locator("path.then")).to_have_count(0)
    expect(page.locator("#changes")).to_have_count(0)
    open_menu(page, "No comparison")
    page.get_by_role("link", name="vs. same period last year").click()
    assert query(page) == {"compare": "year"}
    open_menu(page, "vs.")
    page.fill("#compare-from", "2026-01-01")
    page.fill("#compare-to", "2026-01-28")
    page.get_by_role("button", name="Compare").click()
    assert query(page) == {"compare-from": "2026-01-01", "compare-to": "2026-01-28"}
    expect(page.locator("details.menu > summary", has_text="1 to 28 Jan 2026")).to_have_count(1)


def test_tiles_choose_the_chart(plain: Open) -> None:
    page = plain()
    line = page.locator("#plot path.now").get_attribute("d")
    for title in ("Sessions", "Pageviews", "Views per session", "Bounce rate", "Session duration"):
        before = line
        page.locator("#tiles").get_by_role("link", name=title).click()
        assert page.locator("figcaption").inner_text().startswith(f"{title} by day")
        line = page.locator("#plot path.now").get_attribute("d")
        assert line != before
        assert page.locator("#tiles a[aria-current]").inner_text().startswith(title)


def test_what_changed_adds_up(server: LiveServer, plain: Open) -> None:
    page = plain()
    summary = page.locator("#changes summary")
    change = page.locator("#tiles .change .vh").first.inner_text()
    assert summary.inner_text().startswith("Visitors " + change.partition(" from")[0])
    summary.click()
    row = page.locator("#changes table").first.locator("tr", has_text="Page /").first
    path = row.locator("a").inner_text()
    found = re.search(r"\+([\d,]+) pageviews", row.inner_text())
    assert found
    counts = []
    dashboard = server.http.get("/api/v1/stats/dashboard?from=now-27d/d", headers=server.make_token()).json()
    for period in (dashboard["period"], dashboard["compared-period"]):
        params = {"from": period["from"], "to": period["to"], "path": path.replace("*", r"\*")}
        told = server.http.get("/api/v1/stats/top-pages", params=params, headers=server.make_token()).json()
        counts.append(sum(told["values"]))
    assert counts[0] - counts[1] == int(found[1].replace(",", ""))


def test_sites(plain: Open) -> None:
    page = plain()
    for site in SITES[:2]:
        page.locator("header details.menu > summary").first.click()
        page.locator("header .pop").get_by_role("link", name=site).click()
    assert query(page) == {"domain": ",".join(SITES[:2])}
    expect(page.locator("header details.menu > summary").first).to_contain_text("2 sites")


def test_time_zone(plain: Open) -> None:
    page = plain("/dashboard?period=yesterday")
    open_menu(page, "More")
    page.fill("#tz", "Asia/Kolkata")
    page.get_by_role("button", name="Apply").click()
    assert query(page) == {"period": "yesterday", "tz": "Asia/Kolkata"}
    expect(page.locator("footer")).to_contain_text("Asia/Kolkata")


def test_saved_views(plain: Open) -> None:
    page = plain("/dashboard?period=7d&country=DE")
    open_menu(page, "Views")
    page.fill("#view-name", "Germany <b>this week")
    page.get_by_label("With the period").check()
    page.get_by_role("button", name="Save").click()
    assert query(page) == {"period": "7d", "country": "DE"}
    page.goto(page.url.partition("?")[0])
    open_menu(page, "Views")
    page.get_by_role("link", name="Germany <b>this week").click()
    assert query(page) == {"period": "7d", "country": "DE"}
    open_menu(page, "Views")
    page.locator(".ask summary").click()
    page.get_by_role("button", name="Delete “Germany <b>this week” now").click()
    open_menu(page, "Views")
    expect(page.get_by_role("link", name="Germany <b>this week")).to_have_count(0)


def test_share_from_here(chromium: Browser, server: LiveServer, plain: Open) -> None:
    page = plain(f"/dashboard?domain={ONE}")
    open_menu(page, "More")
    page.get_by_role("link", name="Create share link").click()
    assert Shares(Control(server.folder)).list() == []
    page.get_by_label("Expires").fill("30d")
    page.get_by_role("button", name="Create share link").click()
    assert Shares(Control(server.folder)).list()[0].expires
    link = page.locator(".notice a").get_attribute("href") or ""
    assert link.startswith(f"{server.url}/share?share=")
    stranger = chromium.new_context(java_script_enabled=False)
    there = stranger.new_page()
    there.goto(link)
    assert urlsplit(there.url).path == "/dashboard"
    assert there.locator("header .site").inner_text() == ONE
    there.locator("#pages table.list a").first.click()
    expect(there.locator("#tiles a")).to_have_count(6)
    expect(there.locator("#health")).to_have_count(0)
    csv = stranger.request.get(server.url + (there.locator("#pages .links a").nth(1).get_attribute("href") or ""))
    assert csv.status == 200
    assert SITES[1] not in there.content()
    stranger.close()


def test_viewers_see_their_sites_alone(plain: Open) -> None:
    page = plain(name="vic")
    assert page.locator("header .site").inner_text() == ONE
    assert SITES[1] not in page.content()
    expect(page.locator("#health")).to_have_count(0)
    expect(page.get_by_role("link", name="Create share link")).to_have_count(0)


def test_a_share_link_of_an_idn(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?domain=bücher.example")
    open_menu(page, "More")
    page.get_by_role("link", name="Create share link").click()
    expect(page.locator("p", has_text="Anyone with the link")).to_contain_text("bücher.example")
    page.get_by_role("button", name="Create share link").click()
    assert page.locator("h1").inner_text() == "Share link for bücher.example"
    page.locator(".notice a").click()
    assert page.locator("header .site").inner_text() == "bücher.example"
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") == "2"
