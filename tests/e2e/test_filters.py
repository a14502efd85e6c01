"""The filter form with and without a script: names as people see them, suggestions, properties of events."""

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from prisme.access.grants import operator
from prisme.access.shares import SHARE, Shares
from prisme.demo.traffic import SITES
from prisme.store.control import Control
from tests.e2e.dashboard import ONE, Open, demo, open_menu, query, rows
from tests.e2e.marionette import KEYS, firefox
from tests.server import LiveServer, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("filters")) as live:
        yield live


OPTION = "#filter-options [role=option]"


def suggest(client: httpx.Client, **fields: str) -> list[str]:
    answer = client.get("/dashboard/suggest", params=fields)
    assert answer.status_code == 200, answer.text
    return [one["label"] for one in answer.json()["values"]]


def enter(page: Page, field: str, value: str, how: str = "is") -> None:
    open_menu(page, "Filter")
    page.select_option("#filter-name", field)
    page.select_option("#filter-operator", label=how)
    page.fill("#filter-value", value)
    page.get_by_role("button", name="Apply").click()


@pytest.mark.parametrize(
    "page", ["/dashboard?", "/dashboard/list?name=top-pages&", "/dashboard/row?list=top-pages&key=/&"]
)
def test_more_properties_than_a_page_can_filter_by_are_left_out(ada: httpx.Client, page: str) -> None:
    answer = ada.get(page + "&".join(f"prop.p{number}=a" for number in range(10)))
    assert answer.status_code == 400
    assert re.findall(r"<strong>Property (p\d)</strong>: at most 8 properties", answer.text) == ["p8", "p9"]
    assert "Property p7 is" in answer.text
    assert "prop.p8" not in re.sub("such as.*?</li>", "", answer.text)


# What is typed


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("filter=country&value=germany", {"country": "DE"}),
        ("filter=country&value=de", {"country": "DE"}),
        ("filter=country&value=Germany, FRANCE", {"country": "DE,FR"}),
        ("filter=country&operator=is-not&value=GERMANY", {"country": "!DE"}),
        ("filter=country&operator=contains&value=erman", {"country": "DE"}),
        ("filter=country&value=Germany&country=FR", {"country": "FR,DE"}),
        ("filter=source&value=google", {"source": "Google"}),
        ("filter=referrer&value=DIRECT", {"referrer": "direct"}),
        ("filter=browser&value=chrome", {"browser": "Chrome"}),
        ("filter=browser&operator=contains-not&value=CHROME", {"browser": "!*Chrome*"}),
        ("filter=device-type&value=desktop", {"device-type": "desktop"}),
        ("filter=status&value=404 not found", {"status": "404"}),
        ("filter=path&value=/PRICING", {"path": "/pricing"}),
        ("filter=path&operator=contains&value=BLOG", {"path": "*blog*"}),
        ("filter=path&value=/never/*", {"path": "/never/*"}),
        ("filter=path&operator=is-not&value=/never/*,/a", {"path": "!/never/*,!/a"}),
        ("filter=path&operator=contains&value=a*b", {"path": "*a*b*"}),
        ("filter=event&value=Sign_Up", {"event": "sign_up"}),
        ("filter=prop.plan&value=PRO", {"prop.plan": "pro"}),
        ("filter=domain&value=" + SITES[1].upper(), {"domain": SITES[1]}),
    ],
)
def test_names_are_found_in_any_case(ada: httpx.Client, fields: str, expected: dict[str, str]) -> None:
    answer = ada.get(f"/dashboard/filter?period=28d&{fields}")
    assert answer.status_code == 303, answer.text
    there = urlsplit(answer.headers["location"])
    assert (there.path, dict(parse_qsl(there.query))) == ("/dashboard", {"period": "28d", **expected})


@pytest.mark.parametrize(
    ("fields", "title", "links"),
    [
        ("filter=country&value=Germny", "No country matches “Germny” in this period", {"country": "DE"}),
        ("filter=country&operator=is-not&value=Germny", "No country matches", {"country": "!DE"}),
        ("filter=path&value=/pricng", "No page matches “/pricng” in this period", {"path": "/pricing"}),
        ("filter=utm-source&value=nothing", "No UTM source matches “nothing” in this period", {}),
        ("filter=prop.plan&value=prro", "No value of plan matches “prro” in this period", {"prop.plan": "pro"}),
        ("filter=domain&value=demo", "No site matches “demo”", {"domain": ONE}),
        ("filter=path&value=", "Enter a value", {}),
    ],
)
def test_what_matches_nothing_is_said(ada: httpx.Client, fields: str, title: str, links: dict[str, str]) -> None:
    answer = ada.get(f"/dashboard/filter?{fields}")
    assert answer.status_code == 200
    assert f"<h1>{title}" in answer.text
    found = [dict(parse_qsl(urlsplit(link).query)) for link in re.findall(r'<li><a href="([^"]*)"', answer.text)]
    assert not links or links in found


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dashboard/filter?filter=path&operator=has&value=a", "operator: &#39;has&#39; is not one of is, is-not"),
        ("/dashboard/suggest?filter=colour", "filter: &#39;colour&#39; is not one of"),
        ("/dashboard/suggest?filter=path&period=never", "period: "),
    ],
)
def test_wrong_requests_are_refused(ada: httpx.Client, path: str, reason: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 400
    assert reason in answer.text


def test_without_a_script(plain: Open) -> None:
    page = plain(f"/dashboard?period=28d&domain={ONE}")
    assert page.locator("#filter-name option").first.text_content() == "Page"
    assert page.locator("#filter-name").input_value() == "path"
    enter(page, "country", "Germny")
    assert page.locator("h1").inner_text() == "No country matches “Germny” in this period"
    assert page.get_by_role("link", name="Apply anyway").count() == 0  # it is no country
    assert [page.input_value(f"#filter-{part}") for part in ("name", "value")] == ["country", "Germny"]
    page.get_by_role("link", name="Germany", exact=True).click()
    assert query(page) == {"period": "28d", "domain": ONE, "country": "DE"}
    enter(page, "path", "blog", "does not contain")
    texts = page.locator(".chips li bdi, .chips .clear").all_inner_texts()
    assert texts == ["Germany", "blog", "Clear all"]
    assert "Page does not contain blog" in page.locator(".chips").inner_text()
    assert all("blog" not in label for label, _ in rows(page, "pages"))
    enter(page, "path", "/not-there")
    page.get_by_role("link", name="Apply anyway").click()
    assert query(page)["path"] == "!*blog*,/not-there"


# Suggestions


def test_a_value_is_chosen_by_keyboard(visit: Open) -> None:
    page = visit(f"/dashboard?period=28d&domain={ONE}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/suggest?" in request.url else None)
    page.evaluate("window.mark = 1")
    page.keyboard.press("/")
    field, options = page.get_by_role("combobox", name="Value"), page.locator(OPTION)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-expanded", "true")  # the most frequent pages
    expect(options).to_have_count(10)
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field).to_be_visible()
    page.select_option("#filter-name", "country")
    field.focus()
    asked.clear()
    field.press_sequentially("GERM", delay=20)
    expect(options).to_have_count(1)
    expect(options.first).to_contain_text(re.compile(r"^Germany [\d,]+$"))
    assert len(asked) <= 2  # not each key asks
    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".chips li").first).to_contain_text("Country is Germany")
    assert query(page) == {"period": "28d", "domain": ONE, "country": "DE"}
    assert page.evaluate("window.mark") == 1


def test_a_value_is_chosen_by_touch_and_offered_where_none_matches(visit: Open) -> None:
    page = visit("/dashboard?period=28d", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.locator("#add-filter > summary").tap()
    page.select_option("#filter-name", "browser")
    page.locator("#filter-value").tap()
    page.keyboard.type("Chrmoe")
    expect(page.locator("#filter-message")).to_have_text("No browser matches “Chrmoe” in this period", timeout=15_000)
    option = page.locator(OPTION).first
    box = option.bounding_box()
    assert box
    assert box["height"] >= 43.5
    option.tap()
    expect(page.locator(".chips li").first).to_contain_text("Browser is Chrome")


def test_the_newest_answer_is_shown(visit: Open) -> None:
    page = visit("/dashboard?period=28d")

    def delay(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route(re.compile("suggest.*value=ger"), delay)
    open_menu(page, "Filter")
    page.select_option("#filter-name", "country")
    with page.expect_request(re.compile("suggest.*value=ger")):
        page.fill("#filter-value", "ger")
    page.fill("#filter-value", "franc")
    expect(page.locator(OPTION)).to_have_count(1)
    expect(page.locator(OPTION)).to_contain_text("France")
    page.wait_for_timeout(600)
    expect(page.locator(OPTION)).to_contain_text("France")


def test_suggestions_are_those_of_the_other_filters(ada: httpx.Client) -> None:
    """The most frequent ones first; the field's own filter does not count."""
    first = {"filter": "path", "period": "28d"}
    blog = suggest(ada, **first, value="BLOG", country="DE", path="/pricing")
    assert len(blog) > 2
    assert all("blog" in label for label in blog)
    told = ada.get("/api/v1/stats/top-pages", params={"from": "now-27d/d", "country": "DE", "limit": "10"}).json()
    assert suggest(ada, **first, country="DE") == told["keys"]
    assert suggest(ada, **first, value="BLOG", event="no_such") == []


def test_only_sites_that_may_be_seen_are_suggested(server: LiveServer, ada: httpx.Client, vic: httpx.Client) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), SITES[1], int(time.time()))
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as stranger:
        assert suggest(ada, filter="domain")[:2] == list(SITES[:2])
        assert suggest(vic, filter="domain") == [ONE]
        assert suggest(stranger, filter="domain", share=key) == [SITES[1]]
        pages = {name: suggest(client, filter="path", period="28d", value="o", **more) for name, client, more in (
            ("vic", vic, {}), ("share", stranger, {SHARE: key}), ("one", ada, {"domain": ONE}),
            ("two", ada, {"domain": SITES[1]}),
        )}  # fmt: skip
        assert (pages["vic"], pages["share"]) == (pages["one"], pages["two"])
        assert pages["one"] != pages["two"]
        assert vic.get(f"/dashboard/suggest?filter=path&domain={SITES[1]}").status_code == 403
        assert "Enter a value" in vic.get("/dashboard/filter?filter=path&value=").text
        assert stranger.get("/dashboard/suggest?filter=path").status_code == 303


def test_firefox(server: LiveServer, tmp_path: Path) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), ONE, int(time.time()))
    with firefox(tmp_path / "profile") as page:
        page.open(f"{server.url}/dashboard?period=28d&tz=UTC&share={key}")
        page.run("document.querySelector('#add-filter').open = true")
        page.run("document.querySelector('#filter-name').value = 'country'")
        page.type("#filter-value", "GERM")
        options = "return [...document.querySelectorAll('#filter-options bdi')].map(one => one.textContent).join()"
        wait_until(lambda: page.run(options) == "Germany", "suggestions")
        page.type("#filter-value", KEYS["Escape"])
        assert page.run("return document.activeElement.ariaExpanded") == "false"
        page.type("#filter-value", "A")
        wait_until(lambda: page.run("return document.activeElement.ariaExpanded") == "true", "more suggestions")
        page.type("#filter-value", KEYS["ArrowDown"])
        marked = (
            "return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).innerText"
        )
        assert page.run(marked).startswith("Germany")
        page.type("#filter-value", KEYS["Enter"])
        wait_until(lambda: "Country is Germany" in page.run("return document.body.innerText"), "the chip")
        assert page.run("return new URLSearchParams(location.search).get('country')") == "DE"


# Properties, and one site


def read_chips(client: httpx.Client, path: str) -> tuple[str, list[tuple[str, str]]]:
    """A page, and the condition and value of each of its chips."""
    text = client.get(path).text
    return text, re.findall(r"Remove filter: </span>([^<]*) <bdi>([^<]*)</bdi>", text)


def find_link(text: str, link: str) -> str:
    """Where a link of a page leads to; `link` is what stands between its tags."""
    found = re.search(rf'href="([^"]*)"[^>]*>{link}</a>', text)
    assert found
    return html.unescape(found[1])


def test_values_of_properties_are_filters(ada: httpx.Client) -> None:
    start = "/dashboard?period=28d&events=custom-properties&property=plan"
    path = find_link(ada.get(start).text, "<bdi>pro</bdi>")
    assert path == f"{start}&prop.plan=pro"
    text, chips = read_chips(ada, path)
    assert chips == [("Property plan is", "pro")]
    assert find_link(text, "<bdi>pro</bdi>") == start  # the row removes its filter
    assert '<option value="prop.plan">plan</option>' in text
    added = ada.get("/dashboard/filter?period=28d&filter=prop.plan&value=TEAM&prop.plan=pro").headers["location"]
    assert read_chips(ada, added)[1] == [("Property plan is", "pro"), ("Property plan is", "team")]
    span = {"from": "now-27d/d", "prop.plan": "pro"}
    sessions = ada.get("/api/v1/stats/sessions", params={**span, "interval": "month"}).json()
    plans = ada.get("/api/v1/stats/custom-properties", params={**span, "property": "plan"}).json()
    assert plans["keys"] == ["pro"]
    assert 0 < sum(sessions["values"]) <= sum(plans["values"])


def test_one_site_is_no_chip(ada: httpx.Client, vic: httpx.Client) -> None:
    one = f"/dashboard?period=28d&domain={ONE}"
    text, chips = read_chips(ada, one)
    assert chips == []
    assert '<option value="domain">' not in text
    assert '<option value="domain">' not in vic.get("/dashboard?period=28d").text
    text, chips = read_chips(ada, f"{one}&country=DE&path=*blog*")
    assert chips == [("Country is", "Germany"), ("Page contains", "blog")]
    assert find_link(text, "Clear all") == one
    text, chips = read_chips(ada, f"{one},{SITES[1]}")
    assert chips == [("Site is", ONE), ("Site is", SITES[1])]
    assert '<option value="domain">Site</option>' in text
    assert f"Site is <bdi>{ONE}</bdi>" in ada.get(f"/dashboard/list?name=top-pages&domain={ONE}").text
