"""The dashboard in a real Chromium, on the demo's visits: by links and forms, with its script, and by keyboard."""

import gzip
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from prisme import assets
from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.demo.filling import fill
from prisme.demo.traffic import DAY, SITES, make_traffic
from prisme.store.control import Control
from tests.requirements import miss, need
from tests.server import LiveServer, browser, config_for, free_port

PASSWORD = "correct horse battery"
LIMIT = 60_000  # bytes of gzip, script included
ONE = SITES[0]
# A site that is stored encoded, and two of its pages.
IDN = "xn--bcher-kva.example"
NEWS, ODD = "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/1", "/a%2Fb%E2%80%AE"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("dashboard")
    now = time.time_ns() // 1000
    start = (now - 60 * DAY) // DAY * DAY
    origins = ",".join((*SITES, "example.com", IDN))
    fill(config_for(folder, free_port(), origins=origins), make_traffic(start, now, 3000, 1), start, lambda *_: None)
    with LiveServer(folder, origins=origins) as live:
        add_people(live, ONE)
        see(live, f"https://{IDN}{NEWS}", "Reader", "https://xn--mller-kva.example/")
        see(live, f"https://{IDN}{ODD}", "Other")
        yield live


def add_people(live: LiveServer, domain: str) -> None:
    accounts, now = Accounts(Control(live.folder)), int(time.time())
    accounts.add(operator("test"), "ada", "admin", (), PASSWORD, now)
    accounts.add(operator("test"), "vic", "viewer", (domain,), PASSWORD, now)


def log_in(context: BrowserContext, live: LiveServer, name: str) -> None:
    answer = context.request.post(f"{live.url}/login", form={"name": name, "password": PASSWORD})
    assert answer.ok


Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, server: LiveServer) -> Iterator[Open]:
    """Opens a page of the dashboard as somebody who is logged in."""
    contexts: list[BrowserContext] = []

    def begin(path: str = "/dashboard", name: str = "ada", live: LiveServer = server, **options: Any) -> Page:
        contexts.append(chromium.new_context(**{"timezone_id": "UTC", **options}))
        log_in(contexts[-1], live, name)
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.goto(live.url + path)
        return page

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture
def plain(visit: Open) -> Open:
    """The same without JavaScript."""
    return lambda *words, **options: visit(*words, java_script_enabled=False, **options)


def query(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def rows(page: Page, panel: str) -> list[tuple[str, str]]:
    """What the panel lists, of a whole page: a click waits for the next page's address alone."""
    page.wait_for_load_state()
    found = page.locator(f"#{panel} table.list tbody tr")
    return [
        (found.nth(number).locator(".name").inner_text().strip(), found.nth(number).locator("td").first.inner_text())
        for number in range(found.count())
    ]


def open_menu(page: Page, name: str) -> None:
    page.locator("details.menu > summary", has_text=name).first.click()


# Without JavaScript


def test_the_page_is_whole_without_javascript(server: LiveServer, plain: Open) -> None:
    page = plain("/")
    assert urlsplit(page.url).path == "/dashboard"
    told = server.http.get("/api/v1/stats/dashboard", params={"from": "now-27d/d"}, headers=server.make_token()).json()
    tiles = page.locator("#tiles a")
    assert tiles.count() == 6
    for name in ("visitors", "sessions", "pageviews"):
        shown = page.locator("#tiles .figure").nth(("visitors", "sessions", "pageviews").index(name))
        assert shown.get_attribute("title") == f"{told['totals'][name]:,}"
    assert page.locator("#plot path.now").get_attribute("d")
    assert page.locator("#plot path.then").get_attribute("d")
    assert page.locator("#values tbody tr").count() == 28
    seen = server.http.get(
        "/api/v1/stats/top-countries", params={"from": "now-27d/d", "limit": "300"}, headers=server.make_token()
    ).json()
    counts = dict(zip(seen["keys"], seen["values"], strict=True))
    titles = page.locator(".map title").all_text_contents()
    assert f"United States: {counts['US']:,}" in titles
    assert 10 < len(titles) <= len(counts)  # the map leaves out what is too small for it
    assert page.locator(".week tbody td").count() == 7 * 24
    assert rows(page, "countries")[0][0] == "United States"
    top = told["tops"]["top-pages"]
    assert [name for name, _ in rows(page, "pages")] == top["keys"]
    cells = page.locator(".week tbody td .vh").all_inner_texts()
    assert [int(text.replace(",", "")) for text in cells] == told["weekday-hours"]["values"]
    assert page.get_by_role("link", name="IP Geolocation by DB-IP").count() == 1


def test_a_row_filters_and_again_removes(plain: Open) -> None:
    page = plain()
    views = page.locator("#tiles .figure").nth(2).get_attribute("title")
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click()
    assert query(page) == {"path": "/pricing"}
    expect(page.locator(".chips li").first).to_contain_text("Page is /pricing")
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") != views
    assert rows(page, "pages")[0][0] == "/pricing"
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click()
    assert query(page) == {}
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") == views


def test_a_row_excludes_and_adds_by_its_menu(plain: Open) -> None:
    page = plain()
    page.get_by_label("More for /pricing").click()
    page.locator("#pages details[open]").get_by_role("link", name="Exclude").click()
    assert query(page) == {"path": "!/pricing"}
    assert "/pricing" not in [name for name, _ in rows(page, "pages")]
    page.goto(page.url.replace("!/pricing", "/pricing"))
    page.locator("#countries").get_by_role("link", name="Germany", exact=True).click()
    assert query(page) == {"path": "/pricing", "country": "DE"}
    page.goto(re.sub("country=DE", "country=FR", page.url))
    page.locator(".chips .clear").click()
    assert query(page) == {}
    page.goto(page.url + "?country=FR")
    assert [name for name, _ in rows(page, "countries")] == ["France"]


def test_a_source_is_all_its_referrers(plain: Open) -> None:
    page = plain()
    before = dict(rows(page, "sources"))
    page.locator("#sources").get_by_role("link", name="Google", exact=True).click()
    assert "www.google.com" in query(page)["referrer"].split(",")
    assert rows(page, "sources") == [("Google", before["Google"])]


@pytest.mark.parametrize(
    ("panel", "tab", "name", "path"),
    [
        ("sources", "Referrers", "top-referrers", "referrer"),
        ("sources", "Campaigns", "top-utm-campaigns", "utm-campaign"),
        ("pages", "Entry pages", "top-entry-pages", "entry-path"),
        ("pages", "Exit pages", "top-exit-pages", "exit-path"),
        ("technology", "Systems", "top-operating-systems", "os"),
        ("technology", "Devices", "top-devices", "device"),
        ("links", "Downloads", "top-file-downloads", ""),
    ],
)
def test_tabs(server: LiveServer, plain: Open, panel: str, tab: str, name: str, path: str) -> None:
    page = plain()
    page.locator(f"#{panel} .tabs").get_by_role("link", name=tab).click()
    assert query(page) == {panel: name}
    told = server.http.get(f"/api/v1/stats/{name}", params={"from": "now-27d/d"}, headers=server.make_token()).json()
    shown = rows(page, panel)
    assert [key.replace("direct", "Direct") for key in told["keys"]] == [label for label, _ in shown]
    assert len(shown) > 0
    if path:
        page.locator(f"#{panel} table.list a").nth(0).click()
        assert path in query(page)


def test_device_types(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?technology=top-device-types")
    told = server.http.get(
        "/api/v1/stats/top-device-types", params={"from": "now-27d/d"}, headers=server.make_token()
    ).json()
    assert {"desktop", "mobile", "tablet"} <= set(told["keys"])
    assert [label for label, _ in rows(page, "technology")] == [key.capitalize() for key in told["keys"]]
    page.locator("#technology").get_by_role("link", name="Tablet", exact=True).click()
    assert query(page) == {"technology": "top-device-types", "device-type": "tablet"}
    assert [label for label, _ in rows(page, "technology")] == ["Tablet"]
    expect(page.locator(".chips li").first).to_contain_text("Device type is Tablet")


@pytest.mark.parametrize("tab", ["", "&events=custom-properties"])
def test_all_events_have_a_number_and_a_chart(server: LiveServer, plain: Open, tab: str) -> None:
    page = plain(f"/dashboard?period=7d{tab}")
    told = server.http.get("/api/v1/stats/events", params={"from": "now-6d/d"}, headers=server.make_token()).json()
    link = page.locator("#events").get_by_role("link", name=re.compile("events, with downloads and clicks"))
    assert link.get_attribute("title") == f"{sum(told['values']):,}" != "0"
    link.click()
    assert query(page)["metric"] == "events"
    assert page.locator("figcaption").inner_text().startswith("Events by day")
    shown = page.locator("#values tbody td:nth-of-type(1)").all_text_contents()
    assert shown == [f"{value:,}" for value in told["values"]]
    assert page.locator("#tiles a").count() == 6
    page.goto(f"{server.url}/dashboard?period=7d&path=/nowhere{tab}")
    assert page.locator("#events").get_by_role("link", name="with downloads and clicks").count() == 0


def test_errors_are_pages_that_were_not_there(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?pages=errors")
    told = server.http.get(
        "/api/v1/stats/top-pages", params={"from": "now-27d/d", "status": "4*,5*"}, headers=server.make_token()
    ).json()
    assert [label for label, _ in rows(page, "pages")] == told["keys"]


def test_properties_of_an_event(plain: Open) -> None:
    page = plain()
    page.locator("#events").get_by_role("link", name="sign_up", exact=True).click()
    page.locator("#events .tabs").get_by_role("link", name="Properties").click()
    names = [label for label, _ in rows(page, "events")]
    assert "plan" in names
    page.locator("#events").get_by_role("link", name="plan", exact=True).click()
    assert query(page) == {"event": "sign_up", "events": "custom-properties", "property": "plan"}
    assert len(rows(page, "events")) > 1
    page.get_by_role("link", name="All properties").click()
    assert [label for label, _ in rows(page, "events")] == names


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
def test_periods(plain: Open, title: str, buckets: int | None) -> None:
    page = plain()
    open_menu(page, "Last 28 days")
    page.get_by_role("link", name=title, exact=True).click()
    count = page.locator("#values tbody tr").count()
    # A minute may end, and the demo's first day may be one without visits.
    assert buckets is None or abs(count - buckets) <= 1
    assert page.locator("details.menu > summary", has_text=title).count() == 1


def test_previous_next_and_chosen_periods(plain: Open) -> None:
    page = plain("/dashboard?period=7d")
    assert page.get_by_label("The period after").count() == 0
    page.get_by_label("The period before").click()
    before = query(page)
    assert page.locator("#values tbody tr").count() == 7
    page.get_by_label("The period before").click()
    page.get_by_label("The period after").click()
    assert query(page) == before
    page.locator("nav.period details.menu > summary").click()
    page.fill("#from", before["from"])
    page.fill("#to", before["from"])
    page.get_by_role("button", name="Show").click()
    assert query(page) == {"from": before["from"], "to": before["from"]}
    assert page.locator("#values tbody tr").count() == 24


def test_comparisons(plain: Open) -> None:
    page = plain()
    assert page.locator("#changes table").count() == 2
    assert re.search(r"^(up|down|unchanged)", page.locator("#tiles .change .vh").first.inner_text())
    open_menu(page, "against")
    page.get_by_role("link", name="No comparison").click()
    assert page.locator("#tiles .change").count() == 0
    assert page.locator("path.then").count() == 0
    assert "Choose a comparison" in page.locator("#changes").inner_text()
    open_menu(page, "No comparison")
    page.get_by_role("link", name="Same period last year").click()
    assert query(page) == {"compare": "year"}
    open_menu(page, "against")
    page.fill("#compare-from", "2026-01-01")
    page.fill("#compare-to", "2026-01-28")
    page.get_by_role("button", name="Compare").click()
    assert query(page) == {"compare-from": "2026-01-01", "compare-to": "2026-01-28"}
    expect(page.locator("details.menu > summary", has_text="1 to 28 Jan 2026")).to_have_count(1)


@pytest.mark.parametrize("title", ["Sessions", "Pageviews", "Views per session", "Bounce rate", "Session duration"])
def test_tiles_choose_the_chart(plain: Open, title: str) -> None:
    page = plain()
    line = page.locator("#plot path.now").get_attribute("d")
    page.locator("#tiles").get_by_role("link", name=title).click()
    assert page.locator("figcaption").inner_text().startswith(f"{title} by day")
    assert page.locator("#plot path.now").get_attribute("d") != line
    assert page.locator("#tiles a[aria-current]").inner_text().startswith(title)


def test_what_changed_adds_up(server: LiveServer, plain: Open) -> None:
    page = plain()
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


def test_filters_by_form(plain: Open) -> None:
    page = plain("/dashboard?period=7d")
    open_menu(page, "Filter")
    page.select_option("#filter-name", "country")
    page.fill("#filter-value", "DE,FR")
    page.get_by_role("button", name="Filter").click()
    assert query(page) == {"period": "7d", "country": "DE,FR"}
    assert {label for label, _ in rows(page, "countries")} == {"Germany", "France"}
    texts = page.locator(".chips li").all_inner_texts()
    assert ["Germany" in texts[0], "France" in texts[1]] == [True, True]


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
    page.get_by_role("button", name="Use it").click()
    assert query(page) == {"period": "yesterday", "tz": "Asia/Kolkata"}
    expect(page.locator("footer")).to_contain_text("Asia/Kolkata")


def test_all_of_a_list(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=90d")
    page.locator("#pages .links").get_by_role("link", name="All").click()
    assert urlsplit(page.url).path == "/dashboard/list"
    told = server.http.get(
        "/api/v1/stats/top-pages", params={"from": "now-89d/d", "limit": "10000"}, headers=server.make_token()
    ).json()
    keys = [key.replace(NEWS, "/новости/1") for key in told["keys"]]
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == keys[:100]
    page.get_by_role("link", name="name", exact=True).click()
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == sorted(keys, key=str.casefold)[:100]
    page.fill("#search", "НОВОСТИ")
    page.get_by_role("button", name="Search").click()
    assert page.locator("table.list .name").all_inner_texts() == ["/новости/1"]
    page.fill("#search", "BLOG")
    page.get_by_role("button", name="Search").click()
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == sorted((key for key in keys if "blog" in key), key=str.casefold)
    page.get_by_role("link", name=labels[0], exact=True).click()
    assert urlsplit(page.url).path == "/dashboard"
    assert query(page) == {"period": "90d", "path": labels[0]}


def test_csv_and_json_have_the_rows(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=7d&country=DE")
    for panel in ("pages", "countries", "technology", "week"):
        links = page.locator(f"#{panel} .links")
        csv = page.request.get(server.url + (links.get_by_text("CSV").get_attribute("href") or ""))
        told = page.request.get(server.url + (links.get_by_text("JSON").get_attribute("href") or "")).json()
        assert csv.text().splitlines()[0] == "key,value"
        assert len(csv.text().splitlines()) == len(told["keys"]) + 1
        if panel != "week":
            assert [label for label, _ in rows(page, panel)][:1] == [
                {"DE": "Germany"}.get(key, key) for key in told["keys"][:1]
            ]


def test_saved_views(plain: Open) -> None:
    page = plain("/dashboard?period=7d&country=DE")
    open_menu(page, "More")
    page.fill("#view-name", "Germany <b>this week")
    page.get_by_role("button", name="Save").click()
    assert query(page) == {"period": "7d", "country": "DE"}
    page.goto(page.url.partition("?")[0])
    open_menu(page, "More")
    page.get_by_role("link", name="Germany <b>this week").click()
    assert query(page) == {"period": "7d", "country": "DE"}
    open_menu(page, "More")
    page.get_by_role("button", name="Remove the view").click()
    open_menu(page, "More")
    assert page.get_by_role("link", name="Germany <b>this week").count() == 0


def test_share_from_here(chromium: Browser, server: LiveServer, plain: Open) -> None:
    page = plain(f"/dashboard?domain={ONE}")
    open_menu(page, "More")
    page.get_by_role("button", name="Make a share link").click()
    link = page.locator(".notice a").get_attribute("href") or ""
    assert link.startswith(f"{server.url}/share?share=")
    stranger = chromium.new_context(java_script_enabled=False)
    there = stranger.new_page()
    there.goto(link)
    assert urlsplit(there.url).path == "/dashboard"
    assert there.locator("header .site").inner_text() == ONE
    there.locator("#pages table.list a").first.click()
    assert there.locator("#tiles a").count() == 6
    assert there.locator("#health").count() == 0
    csv = stranger.request.get(server.url + (there.locator("#pages .links a").nth(1).get_attribute("href") or ""))
    assert csv.status == 200
    assert SITES[1] not in there.content()
    stranger.close()


def test_viewers_see_their_sites_alone(plain: Open) -> None:
    page = plain(name="vic")
    assert page.locator("header .site").inner_text() == ONE
    assert SITES[1] not in page.content()
    assert page.locator("#health").count() == 0
    assert page.get_by_role("button", name="Make a share link").count() == 0


# With JavaScript


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
    expect(page.get_by_label("The period after")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.locator("#filter-value")).to_be_focused()
    page.keyboard.type("w?")  # no shortcut while typing
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#filter-value")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.get_by_label("Shortcuts of a single key").uncheck()
    page.get_by_role("button", name="Close").click()
    url = page.url
    page.keyboard.press("y")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert not page.get_by_label("Shortcuts of a single key").is_checked()
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
    page.mouse.up()
    expect(page.locator("#values tbody tr")).to_have_count(3 * 24)


def test_figures_of_now(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(timezone_id="UTC")
    log_in(context, server, "ada")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{server.url}/dashboard?domain=example.com&period=today")
    assert page.locator("#live-count").inner_text() == "0"
    see(server, "https://example.com/now", f"Live/{time.time_ns()}")
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    page.clock.run_for(30_000)
    assert page.locator("#live-count").inner_text() == "0"  # a hidden tab asks nothing
    page.evaluate("delete document.hidden")
    with page.expect_response(re.compile("live-visitors")):
        page.clock.run_for(10_000)
    expect(page.locator("#live-count")).to_have_text("1")
    context.close()


def see(live: LiveServer, page: str, agent: str, referrer: str = "") -> None:
    headers = browser(
        page,
        user_agent=f"Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 {agent}",
        X_Prisme_Document_Referrer=referrer,
    )
    assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    live.settle()


def test_the_browsers_time_zone_is_used(visit: Open) -> None:
    page = visit("/dashboard?period=yesterday", timezone_id="Asia/Tokyo")
    expect(page.locator("footer")).to_contain_text("Asia/Tokyo")
    page.reload()
    assert "Asia/Tokyo" in page.locator("footer").inner_text()
    assert query(page) == {"period": "yesterday"}


def test_by_keyboard_alone(visit: Open) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
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


# Paths and hosts as people read them


def test_paths_and_hosts_are_shown_decoded_and_found(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=today&domain=Bücher.example&sources=top-referrers")
    assert page.title() == "bücher.example, Today · Prisme"
    expect(page.locator("header details.menu > summary").first).to_contain_text("bücher.example")
    assert sorted(rows(page, "pages")) == [(ODD, "1"), ("/новости/1", "1")]
    assert sorted(rows(page, "sources")) == [("Direct", "1"), ("müller.example", "1")]
    assert page.locator("#pages .name bdi").all_inner_texts() == [name for name, _ in rows(page, "pages")]
    page.locator("#pages").get_by_role("link", name="/новости/1", exact=True).click()
    assert query(page)["path"] == "/новости/1"
    assert rows(page, "pages") == [("/новости/1", "1")]
    assert page.locator(".chips bdi").all_inner_texts() == ["bücher.example", "/новости/1"]
    page.locator("#sources").get_by_role("link", name="müller.example", exact=True).click()
    assert rows(page, "sources") == [("müller.example", "1")]
    csv = page.request.get(server.url + (page.locator("#pages .links a").nth(1).get_attribute("href") or ""))
    assert csv.text().splitlines() == ["key,value", f"{NEWS},1"]
    told = page.request.get(server.url + (page.locator("#sources .links a").nth(2).get_attribute("href") or ""))
    assert told.json()["keys"] == ["xn--mller-kva.example"]
    # The row removes its filter, as the address says the same however it was typed.
    page.goto(f"{server.url}/dashboard?period=today&domain={IDN}&path={NEWS.replace('%', '%25').lower()}")
    page.locator("#pages").get_by_role("link", name="/новости/1", exact=True).click()
    assert query(page) == {"period": "today", "domain": "bücher.example"}


@pytest.mark.parametrize("typed", ["/новости/*", "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/*", "!/a%2Fb*"])
def test_filters_are_typed_decoded_or_not(plain: Open, typed: str) -> None:
    page = plain("/dashboard?period=today&domain=*cher-kva.example")
    assert len(rows(page, "pages")) == 2
    open_menu(page, "Filter")
    page.select_option("#filter-name", "path")
    page.fill("#filter-value", typed)
    page.get_by_role("button", name="Filter").click()
    assert rows(page, "pages") == [("/новости/1", "1")]
    expect(page.locator(".chips li").nth(1)).to_contain_text(
        "Page is not /a%2Fb*" if typed.startswith("!") else "Page is /новости/*"
    )


def test_a_share_link_of_an_idn(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?domain=bücher.example")
    open_menu(page, "More")
    expect(page.locator(".pop", has_text="Whoever has the link")).to_contain_text("bücher.example")
    page.get_by_role("button", name="Make a share link").click()
    assert page.locator("h1").inner_text() == "A share link for bücher.example"
    page.locator(".notice a").click()
    assert page.locator("header .site").inner_text() == "bücher.example"
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") == "2"


# Before the first visit


def test_waiting_for_the_first_visit(chromium: Browser, tmp_path: Path) -> None:
    with LiveServer(tmp_path, origins="example.com") as live:
        add_people(live, "example.com")
        context = chromium.new_context(timezone_id="UTC")
        log_in(context, live, "ada")
        page = context.new_page()
        page.goto(f"{live.url}/dashboard")
        assert f'<script src="{live.url}/static/wa.js" defer></script>' in page.locator("pre").inner_text()
        assert "example.com" in page.locator("#main").inner_text()
        refused = live.http.post("/api/v1/events/pageviews", headers=browser("https://other.org/"))
        assert refused.status_code == 400
        expect(page.locator("dl")).to_contain_text("origin not registered, 1 times", timeout=15_000)
        expect(page.locator("dl")).to_contain_text("Name the site's host in the option origins")
        check_axe(page)
        see(live, "https://example.com/first", "First")
        expect(page.locator("#pages table.list")).to_contain_text("/first", timeout=15_000)
        assert page.locator("#health").inner_text().count("origin not registered") == 1
        viewer = chromium.new_context(java_script_enabled=False)
        log_in(viewer, live, "vic")
        viewer.new_page().goto(f"{live.url}/dashboard")
        context.close()
        viewer.close()


def test_a_period_without_visits(plain: Open) -> None:
    page = plain("/dashboard?path=/nowhere")
    assert "No visits with these filters" in page.locator(".empty").inner_text()
    page.goto(page.url.replace("path=/nowhere", "from=2020-01-01&to=2020-01-02"))
    assert "Choose a longer period" in page.locator(".empty").inner_text()


# What the page is allowed to be


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return load_axe(tmp_path_factory.mktemp("axe"))


_AXE: dict[str, str] = {}


def load_axe(folder: Path) -> str:
    """axe-core's source, as the lock of the scripts' tools pins it."""
    if "source" not in _AXE:
        need("node", "nodejs")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(assets.__file__).parent / "script" / name, folder)
        npm = [need("npm", "npm"), "--no-audit", "--no-fund", "--no-update-notifier", "ci", "--ignore-scripts"]
        done = subprocess.run(npm, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            miss(f"npm cannot install axe-core: {done.stderr}")
        _AXE["source"] = (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
    return _AXE["source"]


@pytest.fixture(autouse=True)
def _axe_is_there(axe: str) -> None:
    """Fetched once, before a test needs it."""


def check_axe(page: Page) -> None:
    page.evaluate(_AXE["source"])
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    assert found["passes"]
    told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
    assert told == []


STATES = [
    "/dashboard",
    "/dashboard?period=today&metric=bounce-rate&compare=none",
    f"/dashboard?domain={ONE}&path=/pricing&country=!DE&sources=top-utm-campaigns&technology=top-devices",
    "/dashboard?path=/nowhere",
    "/dashboard?period=all&events=custom-properties&property=plan&metric=events",
    "/dashboard/list?name=top-pages&period=90d",
    "/dashboard/list?name=top-pages&search=nothing+like+it",
    "/dashboard?period=never",
    "/dashboard/list?name=nothing",
    *(f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "audit")),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", STATES)
def test_axe_finds_nothing(visit: Open, path: str, scheme: str) -> None:
    page = visit(path, color_scheme=scheme)
    check_axe(page)


@pytest.mark.parametrize("path", ["/login", "/setup", "/share?share=prshare_none"])
def test_axe_finds_nothing_before_log_in(chromium: Browser, server: LiveServer, path: str) -> None:
    page = chromium.new_page()
    page.goto(server.url + path)
    check_axe(page)
    page.close()


def test_axe_finds_nothing_in_open_menus(visit: Open) -> None:
    page = visit()
    for name in ("All sites", "Last 28 days", "against", "Filter", "More", "ada"):
        open_menu(page, name)
        check_axe(page)
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    check_axe(page)


@pytest.mark.parametrize("path", [path for path in STATES if "never" not in path and "name=nothing" not in path])
@pytest.mark.parametrize(("width", "scale"), [(320, 1), (640, 2)], ids=["320px", "200%"])
def test_nothing_is_cut_off(visit: Open, path: str, width: int, scale: int) -> None:
    page = visit(path, viewport={"width": width // scale, "height": 600}, device_scale_factor=scale)
    assert page.evaluate("document.documentElement.scrollWidth") <= width // scale
    page.locator("body").screenshot()


def test_touch_targets(visit: Open) -> None:
    page = visit(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    small = page.evaluate(
        """[...document.querySelectorAll("a, button, summary, input, select")]
        .filter(one => one.checkVisibility() && !one.closest(".skip, .vh"))
        .map(one => [one.textContent.trim().slice(0, 30), one.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
        .map(([text, box]) => [text, box.width, box.height])"""
    )
    assert small == []


def test_sizes(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, timeout=20, headers={"Accept-Encoding": "gzip"}) as client:
        client.post("/login", data={"name": "ada", "password": PASSWORD})
        with client.stream("GET", "/dashboard?period=90d") as answer:
            packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        page = gzip.decompress(packed)
        link = re.search(rb'src="(/static/dashboard\.js[^"]*)"', page)
        assert link
        script = client.get(link[1].decode())
        sent = int(script.headers["content-length"])
    print(f"page {len(page):,} bytes, packed {len(packed):,}; script packed {sent:,}; in all {len(packed) + sent:,}")
    assert len(packed) + sent <= LIMIT
    assert page.count(b"<script") == 1
    assert b" style=" not in page
    assert b"onclick" not in page


def test_the_page_asks_nobody_else(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(timezone_id="UTC")
    log_in(context, server, "ada")
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(f"{server.url}/dashboard")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    page.locator("#pages table.list a").first.click()
    expect(page.locator(".chips")).to_have_count(1)
    page.locator("#plot").hover()
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(server.url).netloc}
    paths = {urlsplit(url).path for url in asked}
    assert paths <= {"/dashboard", "/static/dashboard.js", "/favicon.ico"}
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    context.close()


def test_motion_and_contrast_are_as_wished(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.pulse')).animationName") == "none"
    moving = visit(reduced_motion="no-preference")
    assert moving.evaluate("getComputedStyle(document.querySelector('.pulse')).animationName") == "pulse"
    strong = visit(contrast="more")
    quiet = "getComputedStyle(document.querySelector('.what')).color === getComputedStyle(document.body).color"
    assert strong.evaluate(quiet)
    assert not moving.evaluate(quiet)


def test_print_leaves_out_what_paper_cannot_do(visit: Open) -> None:
    page = visit()
    page.emulate_media(media="print")
    for selector in (".controls", ".tabs", ".links", ".more"):
        assert page.locator(selector).first.is_hidden()
    assert page.locator("#tiles").is_visible()


# What is wrong, and who may not


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/dashboard?period=never", 400, "period: 'never' is none of"),
        ("/dashboard?pahts=/a", 400, "pahts: no such parameter"),
        ("/dashboard?tz=Mars", 400, "tz: 'Mars' is no time zone"),
        ("/dashboard?from=2026-02-30", 400, "from: '2026-02-30' is no time"),
        ("/dashboard/filter?filter=colour&value=red", 400, "filter: 'colour' is none of"),
        ("/dashboard/list?name=nothing", 404, "is no list"),
        ("/dashboard/list?name=top-pages&start=-1", 400, "start is a number"),
        (f"/dashboard?domain={SITES[1]}", 200, ""),
    ],
)
def test_wrong_addresses_are_answered_as_pages(server: LiveServer, path: str, status: int, text: str) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        client.post("/login", data={"name": "ada", "password": PASSWORD})
        answer = client.get(path)
    assert answer.status_code == status
    assert text.replace("'", "&#39;") in answer.text
    assert "Traceback" not in answer.text


def test_strangers_are_led_to_log_in_and_back(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        answer = client.get("/dashboard?path=/a&period=7d")
        assert answer.status_code == 303
        there = client.get(answer.headers["location"])
        following = re.search(r'name="next" value="([^"]*)"', there.text)
        assert following
        form = {"name": "ada", "password": PASSWORD, "next": following[1].replace("&amp;", "&")}
        back = client.post("/login", data=form)
        assert parse_qs(urlsplit(back.headers["location"]).query) == {"path": ["/a"], "period": ["7d"]}


@pytest.mark.parametrize("path", ["/dashboard/views", "/dashboard/share"])
def test_other_sites_and_strangers_change_nothing(server: LiveServer, path: str) -> None:
    form = {"name": "x", "domain": ONE, "back": "/dashboard"}
    with httpx.Client(base_url=server.url, timeout=20) as client:
        assert client.post(path, data=form).status_code == 401
        client.post("/login", data={"name": "vic", "password": PASSWORD})
        evil = client.post(path, data=form, headers={"Origin": "https://evil.example"})
        assert evil.status_code == 403
        if path.endswith("share"):
            assert client.post(path, data=form).status_code == 403
        else:
            there = client.post(path, data=form | {"back": "https://evil.example/"})
            assert there.headers["location"] == "/dashboard"
            assert client.post(path, data={"name": " ", "back": "/dashboard"}).status_code == 400


def test_a_share_link_is_for_its_site(server: LiveServer) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), ONE, int(time.time()))
    mine = server.http.get("/dashboard", params={"share": key})
    assert mine.status_code == 200
    assert SITES[1] not in mine.text
    other = server.http.get("/dashboard", params={"share": key, "domain": SITES[1]})
    totals = re.findall(r'class="figure" title="([^"]*)"', other.text)
    assert totals[:3] == ["0", "0", "0"]


def test_texts_of_visitors_are_only_texts(server: LiveServer, plain: Open) -> None:
    see(server, "https://example.com/%3Cscript%3Ealert(1)%3C/script%3E?utm_source=%3Cimg%20src=x%3E", "Evil")
    page = plain("/dashboard?domain=example.com&period=today&sources=top-utm-sources")
    assert page.locator("img").count() == 0
    assert ("<img src=x>", "1") in rows(page, "sources")
    assert json.dumps(rows(page, "pages")).count("script") == 2
