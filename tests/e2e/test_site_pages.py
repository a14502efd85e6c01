"""The start page and the page of a site: sites are added, counted, shared and removed at once."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.dashboard import Open, add_people, logged_in, query
from tests.faults.load import LONG
from tests.server import CHROME, LiveServer, wait_until


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("sites"), origins="example.com,127.0.0.1", bot_filter="off") as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


@pytest.fixture
def vic(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "vic") as client:
        yield client


def view(server: LiveServer, host: str, agent: str = CHROME) -> int:
    headers = {"Origin": f"https://{host}", "X-Prisme-Referrer": f"https://{host}/", "User-Agent": agent}
    return server.http.post("/api/v1/events/pageviews", headers=headers).status_code


def test_start_page_is_the_dashboard_of_one_site_and_the_list_of_several(server: LiveServer, ada: httpx.Client) -> None:
    assert ada.get("/").headers["location"] == "/dashboard"
    assert view(server, "example.com") == 200
    server.settle()
    assert ada.get("/").headers["location"] == "/dashboard"
    assert ada.post("/sites", data={"host": "new.test"}).status_code == 303
    assert ada.get("/").headers["location"] == "/sites"


def test_site_is_added_counted_and_shown_with_its_snippet_until_then(server: LiveServer, ada: httpx.Client) -> None:
    assert view(server, "example.com") == 200
    assert view(server, "new.test") == 400
    assert ">new.test<" in ada.get("/sites").text  # among the refused hosts
    added = ada.post("/sites", data={"host": " NEW.test "})
    assert added.headers["location"] == "/site?host=new.test&done=added"
    assert "wa.js" in ada.get(added.headers["location"]).text
    listed = ada.get("/sites").text
    assert "No sessions yet" in listed
    assert "Refused hosts" not in listed
    for number in range(3):
        assert view(server, "new.test", f"{CHROME} {number}") == 200
    server.settle()
    listed = ada.get("/sites").text
    assert "No sessions yet" not in listed
    rows = re.findall(r'<bdi>([\w.]+)</bdi></a></th>\s*<td title="(\d+)">', listed)
    assert rows == [("new.test", "3"), ("example.com", "1")]


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("https://a.test/x", "has a scheme: write a.test"),
        ("example.com", "example.com is a site already: the option origins has it"),
        ("", "the host is empty"),
        ("*.com", "name more of the domain"),
    ],
)
def test_wrong_host_is_told_and_kept_in_the_field(ada: httpx.Client, host: str, why: str) -> None:
    answer = ada.post("/sites", data={"host": host})
    assert answer.status_code == 400
    assert why in answer.text.replace("&#39;", "'")
    assert f'value="{host}"' in answer.text


def test_aliases_are_added_and_removed(server: LiveServer, ada: httpx.Client) -> None:
    page = "/site?host=example.com"
    assert ada.post(page, data={"do": "alias", "alias": "www.example.com"}).status_code == 303
    assert view(server, "www.example.com") == 200
    assert server.rows("SELECT DISTINCT domain FROM sessions") == [("example.com",)]
    assert "www.example.com</bdi> <form" in ada.get(page).text
    assert ada.post(page, data={"do": "alias", "alias": "example.com"}).status_code == 400
    assert ada.post(page, data={"do": "unalias", "alias": "www.example.com"}).status_code == 303
    assert view(server, "www.example.com") == 400


def test_share_links_of_a_site(server: LiveServer, ada: httpx.Client) -> None:
    page = "/site?host=example.com"
    made = re.search(r">(http://[^<]*/share\?share=[\w-]+)", ada.post(page, data={"do": "share"}).text)
    assert made is not None
    assert httpx.get(made[1], follow_redirects=True).status_code == 200
    id_ = re.search(r'name="id" value="(\d+)"', ada.get(page).text)
    assert id_ is not None
    assert ada.post(page, data={"do": "unshare", "id": id_[1]}).status_code == 303
    assert httpx.get(made[1]).status_code == 401


def test_removed_site_is_refused_and_keeps_its_figures(server: LiveServer, ada: httpx.Client) -> None:
    ada.post("/sites", data={"host": "new.test"})
    assert view(server, "new.test") == 200
    server.settle()
    assert "Remove this site" not in ada.get("/site?host=example.com").text
    assert ada.post("/site?host=example.com", data={"do": "remove"}).status_code == 400
    assert ada.post("/site?host=new.test", data={"do": "remove"}).headers["location"] == "/sites?done=removed"
    assert view(server, "new.test") == 400
    assert "new.test" in ada.get("/sites").text
    assert ada.get("/site?host=new.test").status_code == 404


def test_page_says_how_to_be_left_out(ada: httpx.Client) -> None:
    text = ada.get("/site?host=example.com").text
    assert 'href="https://example.com/#prisme-off"' in text
    assert '<svg viewBox="0 0' in text
    ada.post("/sites", data={"host": "*.new.test"})
    text = ada.get("/site?host=*.new.test").text
    assert "#prisme-off" in text
    assert 'class="qr"' not in text


def test_viewers_see_their_sites_alone_and_change_nothing(server: LiveServer, vic: httpx.Client) -> None:
    assert view(server, "example.com") == 200
    server.settle()
    listed = vic.get("/sites").text
    assert ">example.com<" in listed
    assert "Add a site" not in listed
    assert "127.0.0.1</bdi>" not in listed
    assert vic.post("/sites", data={"host": "new.test"}).status_code == 403
    assert vic.get("/site?host=example.com").status_code == 403
    assert vic.post("/site?host=example.com", data={"do": "share"}).status_code == 403


def test_pages_are_for_users_who_are_logged_in_and_forms_for_these_pages(server: LiveServer, ada: httpx.Client) -> None:
    with httpx.Client(base_url=server.url, verify=False) as stranger:
        assert stranger.get("/sites").headers["location"] == "/login?next=%2Fsites"
        assert stranger.get("/site?host=a").headers["location"] == "/login?next=%2Fsite%3Fhost%3Da"
        assert stranger.post("/sites", data={"host": "new.test"}).status_code == 401
    foreign = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    assert ada.post("/sites", data={"host": "new.test"}, headers=foreign).status_code == 403


def test_dashboard_of_a_site_without_visits_leads_to_its_page(server: LiveServer, ada: httpx.Client) -> None:
    assert view(server, "example.com") == 200
    server.settle()
    ada.post("/sites", data={"host": "new.test"})
    assert ada.get("/dashboard?domain=new.test").headers["location"] == "/site?host=new.test"
    assert ada.get("/dashboard?domain=example.com").status_code == 200


def test_steps_tick_themselves_off(server: LiveServer, visit: Open) -> None:
    assert view(server, "example.com") == 200
    server.settle()
    page = visit("/sites")
    page.get_by_label("Host", exact=True).fill("new.test")
    page.get_by_role("button", name="Add", exact=True).click()
    steps = page.locator(".steps li")
    expect(steps.nth(0)).to_contain_text("Not yet")
    headers = {"Referer": "https://new.test/"}
    assert server.http.get("/static/wa.js", headers=headers).status_code == 200
    expect(steps.nth(0)).to_contain_text("Done")
    expect(steps.nth(1)).to_contain_text("Not yet")
    expect(steps.nth(2)).to_contain_text("Yours is 127.0.0.1")
    assert view(server, "new.test") == 200
    expect(steps.nth(1)).to_contain_text("Done")
    headers = {"Origin": "https://new.test", "X-Prisme-Referrer": "https://new.test/", "User-Agent": CHROME}
    assert server.http.post("/api/v1/events/custom/hello", headers=headers).status_code == 200
    wait_until(lambda: "Done" in (page.reload(), steps.nth(3).inner_text())[1], "the step of the first event")


def test_snippet_is_copied_with_one_click(server: LiveServer, visit: Open) -> None:
    page: Page = visit("/site?host=example.com")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f'<script src="{server.url}/static/wa.js" defer></script>'


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with more sites than a menu shows."""
    with LiveServer(tmp_path_factory.mktemp("many"), origins="*.example.com", bot_filter="off") as live:
        add_people(live, "example.com")
        for number in range(120):
            assert view(live, f"s{number}.example.com") == 200
        live.settle()
        yield live


@pytest.mark.parametrize("script", [False, *([True] if LONG else [])])
def test_every_site_of_many_is_found(server: LiveServer, many: LiveServer, visit: Open, script: bool) -> None:
    page = visit("/dashboard?period=7d&country=!DE&domain=s3.example.com", live=many, java_script_enabled=script)
    menu = page.locator("details.menu").first
    menu.locator("summary").click()
    expect(menu).to_contain_text("50 of 120 shown")
    expect(menu.locator("a")).to_have_count(51)
    if script:
        page.get_by_label("50 of 120 shown").fill("s1")
        everything, *visible = menu.locator("a:visible").all_inner_texts()
        assert everything == "All sites"
        assert visible
        assert all("s1" in text for text in visible)
        expect(menu.get_by_text("None of these")).to_be_hidden()
        page.get_by_label("50 of 120 shown").fill("nothing")
        expect(menu.get_by_text("None of these: press Search to look through all sites.")).to_be_visible()
    page.get_by_label("50 of 120 shown").fill("s119")
    menu.get_by_role("button", name="Search").click()
    expect(page.locator("table.sites tbody tr")).to_have_count(1)
    expect(page.get_by_text("1 of 120 shown")).to_be_visible()
    page.get_by_role("link", name="s119.example.com", exact=True).click()
    expect(page.locator("header")).to_contain_text("s119.example.com")
    assert query(page) == {"period": "7d", "country": "!DE", "domain": "s119.example.com"}
    page.goto(f"{many.url}/sites?search=nothing")
    expect(page.locator("main")).to_contain_text("No site matches")
    page.goto(f"{many.url}/sites")
    expect(page.locator("table.sites tbody tr")).to_have_count(100)
    expect(page.get_by_text("100 of 120 shown")).to_be_visible()
