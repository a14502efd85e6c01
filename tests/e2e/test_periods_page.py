"""Periods on the page: what the address asks for, what is wrong with it, whose sites it names, and in which zone."""

import html
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.e2e.dashboard import PASSWORD, Open, add_people, query, see
from tests.server import LiveServer

OWN, FOREIGN = "example.com", "other.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("periods"), origins=f"{OWN},{FOREIGN}") as live:
        add_people(live, OWN)
        for domain in (OWN, FOREIGN):
            see(live, f"https://{domain}/a", "Reader")
        yield live


def links(text: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', text)


# What is wrong


def test_a_wrong_address_has_the_whole_page(vic: httpx.Client) -> None:
    parameters = {"from": "yesterday", "to": "2026-01-31", "tz": "Mars", "path": "/a", "utm_source": "mail"}
    answer = vic.get("/dashboard", params=parameters)
    assert answer.status_code == 400
    assert "<strong>From</strong>: &#39;yesterday&#39; is no time, such as 2026-11-24" in answer.text
    assert "<strong>Time zone</strong>: &#39;Mars&#39; is no time zone" in answer.text
    assert "Last 28 days" in answer.text
    assert answer.text.count("Page is <bdi>/a</bdi>") == 1
    found = links(answer.text)
    assert [link for link in found if "path=" in link]
    assert not [link for link in found if re.search("yesterday&|2026-01-31|Mars|utm_source", link)]


def test_a_wrong_field_says_what_is_wrong_with_it(plain: Open) -> None:
    page = plain("/dashboard?from=yesterday&to=2026-01-31")
    field = page.get_by_label("From", exact=True)
    expect(field).to_be_visible()
    expect(field).to_have_value("yesterday")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("is no time, such as")
    expect(page.get_by_label("To (inclusive)").first).to_have_value("2026-01-31")
    field.fill("2026-01-01")
    page.locator("nav.period").get_by_role("button", name="Apply").click()
    assert query(page) == {"from": "2026-01-01", "to": "2026-01-31"}
    expect(page.locator(".notice")).to_have_count(0)


def test_a_century_is_told_in_place(vic: httpx.Client) -> None:
    answer = vic.get("/dashboard?from=1971&to=2071")
    assert answer.status_code == 400
    assert "<strong>From</strong>: over 100 years before" in answer.text
    assert "Last 28 days" in answer.text


@pytest.mark.parametrize("path", ["/dashboard/list?name=top-pages", "/dashboard/row?list=top-pages&key=/a"])
def test_pages_about_one_list_or_row_tell_in_place_what_is_wrong(vic: httpx.Client, path: str) -> None:
    wrong = {"from": "yesterday", "to": "2026-01-31", "tz": "Mars", "path": "/a\\", "country": "!DE"}
    answer = vic.get(path, params=httpx.URL(path).params.merge(wrong))
    assert answer.status_code == 400
    told = re.findall("<strong>(.*?)</strong>: (.*?),", answer.text)
    zone, start = "&#39;Mars&#39; is no time zone", "&#39;yesterday&#39; is no time"
    assert told == [("Page", "such as path=a"), ("Time zone", zone), ("From", start)]
    assert "Country is not <bdi>Germany</bdi>" in answer.text
    assert "<bdi>/a</bdi>" in answer.text
    assert not [link for link in links(answer.text) if re.search("yesterday|Mars", link)]
    assert vic.get("/dashboard/list.csv?name=top-pages&from=yesterday").status_code == 400


# Sites of others


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/list?name=top-pages"])
def test_sites_of_others_are_refused_whether_they_exist_or_not(vic: httpx.Client, path: str) -> None:
    pages = [vic.get(path, params=httpx.URL(path).params.merge({"domain": name})) for name in (FOREIGN, "no.example")]
    assert [page.status_code for page in pages] == [403, 403]
    assert pages[0].text == pages[1].text
    assert "you do not have access to it" in pages[0].text
    assert "/dashboard" in links(pages[0].text)
    assert vic.get(path, params=httpx.URL(path).params.merge({"domain": f"{FOREIGN},{OWN}"})).status_code == 200


def test_a_share_link_leads_back_to_its_own_dashboard(server: LiveServer) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), OWN, int(time.time()))
    pages = [server.http.get("/dashboard", params={"share": key, "domain": name}) for name in (FOREIGN, "no.example")]
    assert [page.status_code for page in pages] == [403, 403]
    assert pages[0].text == pages[1].text
    (back,) = [link for link in links(pages[0].text) if link.startswith("/dashboard")]
    assert server.http.get(back).status_code == 200


def test_the_api_stays_strict(vic: httpx.Client) -> None:
    assert vic.get("/api/v1/stats/visitors?utm_source=mail&fbclid=1").status_code == 400
    assert vic.get("/api/v1/stats/visitors", params={"domain": FOREIGN}).status_code == 403


# Periods, comparisons, intervals


def follow(client: httpx.Client, text: str, title: str) -> httpx.Response:
    """The page that the link with a title or a label leads to."""
    found = re.search(rf'<a [^>]*href="([^"]*)"(?:[^>]*>{title}<| [^>]*aria-label="{title}")', text)
    assert found
    return client.get(html.unescape(found[1]))


def test_a_month_is_compared_with_a_month(vic: httpx.Client) -> None:
    last = follow(vic, vic.get("/dashboard").text, "Last month")
    assert dict(last.url.params) == {"period": "last-month"}
    present = follow(vic, last.text, "Next period")
    assert dict(present.url.params) == {"period": "month"}
    day = r"1(?: to \d+)? (\w{3} \d{4})"
    shown, compared = (
        re.search(rf"<bdi>.*</bdi>, {day}</h1>", present.text),
        re.search(rf"vs.</span> {day}<", last.text),
    )
    assert shown
    assert compared
    before = re.search(rf"vs.</span> {day}<", present.text)
    assert before
    assert len({shown[1], before[1], compared[1]}) == 3
    assert f"<bdi>{OWN}</bdi>, 1 to" in last.text
    assert f" {before[1]}</h1>" in last.text


def test_the_interval_is_chosen_and_kept(vic: httpx.Client) -> None:
    page = follow(vic, vic.get("/dashboard?period=28d&metric=pageviews").text, "Week")
    assert dict(page.url.params) == {"period": "28d", "metric": "pageviews", "interval": "week"}
    assert "<figcaption><span>Pageviews by week" in page.text
    before = follow(vic, page.text, "Previous period")
    assert before.url.params["interval"] == "week"
    assert "interval" not in follow(vic, page.text, "Today").url.params


# The browser's zone


def test_the_first_page_after_the_log_in_knows_the_zone(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(f"{server.url}/login")
    page.fill("#name", "vic")
    page.fill("#password", PASSWORD)
    with page.expect_response(lambda answer: urlsplit(answer.url).path == "/dashboard") as waiting:
        page.get_by_role("button", name="Log in").click()
    assert "All times are in Asia/Tokyo" in waiting.value.text()
    assert {cookie["path"] for cookie in context.cookies() if cookie["name"] == "prisme_tz"} == {"/dashboard", "/sites"}
    context.close()


# Settings


def test_deleting_asks_first(plain: Open, server: LiveServer) -> None:
    tokens = Tokens(Control(server.folder))
    tokens.add(operator("test"), "nightly", int(time.time()), scopes=["stats"], domains=None, expires=None)
    page = plain("/settings/tokens")
    button = page.get_by_role("button", name="Delete token nightly")
    expect(button).to_be_hidden()
    page.locator("summary", has_text="Delete").click()
    button.click()
    expect(page.locator(".notice")).to_have_text("Deleted.")
    assert tokens.list() == []


@pytest.fixture(scope="module")
def phone(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    """A page of 320 pixels, with something of everything in the settings."""
    tokens, shares = Tokens(Control(server.folder)), Shares(Control(server.folder))
    name, host = "a_name_without_any_space_that_is_long_enough_for_two_lines", f"{'long.' * 12}example"
    tokens.add(operator("test"), name, int(time.time()), scopes=["stats"], domains=(host,), expires=None)
    shares.add(operator("test"), host, int(time.time()))
    context = chromium.new_context(viewport={"width": 320, "height": 640})
    context.request.post(f"{server.url}/login", form={"name": "ada", "password": PASSWORD}, max_redirects=0)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", ["users", "tokens", "shares", "audit", "account"])
def test_settings_fit_a_phone(phone: Page, server: LiveServer, name: str) -> None:
    phone.goto(f"{server.url}/settings/{name}")
    for summary in phone.locator("main summary").all():
        summary.click()
    assert phone.evaluate("document.documentElement.scrollWidth") == 320
    # Nor does a table scroll within the page.
    assert phone.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)")
