"""The details of a row, as a page and in place; the map and the links that lead outside."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from prisme.demo.traffic import SITES
from tests.e2e.dashboard import ONE, Open, demo, query, rows
from tests.server import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


def shown(page: Page, title: str) -> dict[str, str]:
    """A short list of the details, by its title."""
    found = page.locator(".about table", has=page.locator("caption", has_text=title)).locator("tbody tr")
    names, values = found.locator(".name").all_inner_texts(), found.locator("td:nth-of-type(1)").all_inner_texts()
    return dict(zip(names, values, strict=True))


def figure(page: Page, title: str) -> str | None:
    return page.locator(".about dl > div", has_text=title).locator("dd").first.get_attribute("title")


def tell(server: LiveServer, name: str, **params: str) -> dict[str, int]:
    answer = server.http.get(
        f"/api/v1/stats/{name}", params={"from": "now-27d/d", **params}, headers=server.make_token()
    ).json()
    return dict(zip(map(str, answer["keys"]), answer["values"], strict=True))


def test_a_page_without_javascript(server: LiveServer, plain: Open) -> None:
    page = plain(f"/dashboard?domain={ONE}")
    page.get_by_label("More actions for /pricing").click()
    page.locator("#pages details[open]").get_by_role("link", name="Details").click()
    assert query(page) == {"domain": ONE, "list": "top-pages", "key": "/pricing"}
    assert page.locator("h1").inner_text() == "Page /pricing"
    views = tell(server, "pageviews", domain=ONE, path="/pricing")
    assert figure(page, "Pageviews") == f"{sum(views.values()):,}"
    expect(page.locator(".about .spark path")).to_have_count(3)
    for title in ("Previous page", "Next page"):
        counts = [int(text.replace(",", "")) for text in shown(page, title).values()]
        assert counts == sorted(counts, reverse=True)
        assert 0 < sum(counts) <= sum(views.values())
    assert {"Entry", "/", "/features"} & set(shown(page, "Previous page"))
    assert "Exit" in shown(page, "Next page")
    countries = tell(server, "top-countries", domain=ONE, path="/pricing", limit="5")
    assert list(shown(page, "Countries").values()) == [f"{count:,}" for count in countries.values()]
    assert "Direct" in shown(page, "Sources")
    out = page.get_by_role("link", name="Open page")
    assert out.get_attribute("href") == f"https://{ONE}/pricing"
    assert out.get_attribute("rel") == "noreferrer noopener"
    filter_link = page.get_by_role("link", name="Filter by this").get_attribute("href")
    assert filter_link == f"/dashboard?domain={ONE}&path=/pricing"
    page.locator(".about").get_by_role("link", name="Direct", exact=True).click()
    assert query(page) == {"domain": ONE, "path": "/pricing", "source": "Direct"}


def test_an_event(server: LiveServer, plain: Open) -> None:
    page = plain()
    page.locator("#events tr", has_text="sign_up").locator("td > a").click()
    assert page.locator("h1").inner_text() == "Event sign_up"
    assert figure(page, "Events") == f"{tell(server, 'top-custom-events')['sign_up']:,}"
    plans = tell(server, "custom-properties", event="sign_up", property="plan")
    assert shown(page, "Property plan") == {name: f"{count:,}" for name, count in plans.items()}
    assert shown(page, "Pages")
    sources = shown(page, "Sources")
    direct = tell(server, "top-sources", event="sign_up", limit="500")["Direct"]
    assert sources["Direct"] == f"{direct:,}"
    plan = min(plans)
    page.locator(".about").get_by_role("link", name=plan, exact=True).click()
    assert query(page) == {"event": "sign_up", "prop.plan": plan}


def test_rows_of_other_lists(server: LiveServer, plain: Open) -> None:
    """Those of sources are all its hosts, and a page that several sites have leads to none of them."""
    page = plain()
    opener = page.locator("#links td > a").first
    link = page.locator("#countries td > a").first.get_attribute("href")
    assert link == "/dashboard/row?list=top-countries&key=US"
    address = server.url + (opener.get_attribute("href") or "")
    page.locator("#sources tr", has_text="Google").locator("td > a").click()
    assert page.locator("h1").inner_text() == "Source Google"
    assert "www.google.com" in shown(page, "Referrers")
    assert shown(page, "Entry pages")
    page.goto(address)
    assert page.locator("h1").inner_text().startswith("Outbound link https://")
    assert shown(page, "Pages")
    expect(page.get_by_role("link", name="Open outbound link")).to_have_count(1)
    page.goto(f"{server.url}/dashboard/row?list=top-pages&key=/")
    assert int((figure(page, "Pageviews") or "0").replace(",", "")) > 0
    expect(page.get_by_role("link", name="Open page")).to_have_count(0)


def test_a_row_opens_in_place(visit: Open) -> None:
    page = visit()
    opener = page.locator("#pages td > a").nth(1)
    opener.focus()
    page.keyboard.press("Enter")
    details = page.locator("#pages tr.details")
    expect(details.locator("caption").first).to_have_text("Previous page")
    expect(opener).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#spoken")).to_contain_text("Details of /")
    expect(page.locator("#row")).to_have_count(0)
    assert query(page) == {}
    page.keyboard.press("Enter")
    expect(details).to_have_count(0)
    page.locator("#pages .more summary").nth(1).click()
    page.locator("#pages details[open]").get_by_role("link", name="Details").click()
    expect(details.get_by_role("link", name="Filter by this")).to_be_visible()
    details.get_by_role("link", name="Filter by this").focus()
    page.keyboard.press("Escape")
    expect(details).to_have_count(0)
    expect(opener).to_be_focused()
    expect(opener).not_to_have_attribute("aria-expanded", "true")
    label = page.locator("#pages tbody .name bdi").nth(1).inner_text()
    opener.click()
    details.get_by_role("link", name="Filter by this").click()
    expect(page.locator(".chips li").first).to_contain_text(f"Page is {label}")


def test_details_fit_narrow_screens(visit: Open) -> None:
    page = visit(viewport={"width": 900, "height": 600}, has_touch=True, is_mobile=True)
    page.locator("#pages td > a").first.click()
    expect(page.locator("#pages tr.details caption").first).to_be_visible()
    page.set_viewport_size({"width": 320, "height": 600})
    expect(page.locator("#pages tr.details > td")).to_have_attribute("colspan", "3")
    box = page.locator("#pages tr.details > td").bounding_box()
    expect(page.locator("#pages tr.details caption").first).to_be_visible()
    table = page.locator("#pages table.list").first.bounding_box()
    assert box
    assert table
    assert box["width"] == pytest.approx(table["width"], abs=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    heights = page.evaluate("[...document.querySelectorAll('.about a')].map(one => one.getBoundingClientRect().height)")
    assert heights
    assert min(heights) >= 43.5


def test_a_viewer_sees_nothing_of_others(server: LiveServer, plain: Open) -> None:
    own, others = (set(tell(server, "top-pages", domain=domain, limit="500")) for domain in SITES[:2])
    foreign = min(others - own)
    page = plain(f"/dashboard/row?list=top-pages&key={foreign}", name="vic")
    assert page.locator(".about .none").inner_text() == "No data in this period."
    expect(page.get_by_role("link", name="Open page")).to_have_count(0)
    expect(page.locator(".about table")).to_have_count(0)
    page.goto(f"{page.url}&domain={SITES[1]}")
    expect(page.locator(".about")).to_have_count(0)
    assert "you do not have access to it" in page.locator("main").inner_text()


def test_links_and_downloads_filter(server: LiveServer, plain: Open) -> None:
    page = plain()
    name, value = rows(page, "links")[0]
    out = page.locator("#links .out").first
    assert out.get_attribute("rel") == "noreferrer noopener"
    href = out.get_attribute("href") or ""
    assert tell(server, "top-outbound-links", metric="visitors", **{"outbound-link": href.replace(",", "\\,")}) == {
        href: int(value.replace(",", ""))
    }
    page.locator("#links .name > a").first.click()
    expect(page.locator(".chips li").first).to_contain_text("Outbound link is https://")
    assert [label for label, _ in rows(page, "links")] == [name]
    sessions = sum(tell(server, "sessions", **{"outbound-link": href}).values())
    assert page.locator("#tiles .figure").nth(1).get_attribute("title") == f"{sessions:,}"


def test_the_map_filters(visit: Open) -> None:
    page = visit()
    row = page.locator("#countries tr", has_text="Germany").locator(".name a")
    place = page.locator(".map a", has=page.locator("title", has_text="Germany"))
    assert place.get_attribute("href") == row.get_attribute("href")
    assert place.get_attribute("tabindex") == "-1"
    texts = page.locator(".legend li").all_inner_texts()
    assert texts[0].strip() == "0"
    assert texts[-1].split(" to ")[-1].strip() == rows(page, "countries")[0][1]
    place.locator("path").click()
    expect(page.locator(".chips li").first).to_contain_text("Country is Germany")
    assert query(page) == {"country": "DE"}
    expect(page.locator(".map a")).to_have_count(1)
