"""Annotations by hand and by programs, on the chart and below it; saved views of accounts and sites."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from prisme.access.grants import ADMIN, ANNOTATE, STATS, operator
from prisme.access.shares import Shares
from prisme.access.sharing import Sharing
from prisme.access.sites import SiteList
from prisme.store.control import Control
from tests.e2e.dashboard import add_people
from tests.server import CHROME, LiveServer

SHOP, BLOG = "shop.example", "blog.example"
API = "/api/v1/annotations"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("annotations")
    with LiveServer(folder, origins=f"{SHOP},{BLOG}", aliases=f"www.{SHOP}={SHOP}", bot_filter="off") as live:
        add_people(live, SHOP)
        for host in (SHOP, BLOG):
            headers = {"Origin": f"https://{host}", "X-Prisme-Referrer": f"https://{host}/a", "User-Agent": CHROME}
            assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
        live.settle()
        yield live


@pytest.fixture(autouse=True)
def nothing_is_there_at_first(ada: httpx.Client) -> None:
    for one in ada.get(API).json()["annotations"]:
        assert ada.delete(f"{API}/{one['id']}").status_code == 204


def below_the_chart(text: str) -> list[str]:
    """The annotations that a page lists."""
    found = re.search(r'<ul class="notes">(.*?)</ul>', text, re.DOTALL)
    lines = re.findall(r"<li>(.*?)</li>", found[1]) if found else []
    return [re.sub(r"<[^>]+>", "", line).strip() for line in lines]


def test_a_program_annotates_its_sites_alone(server: LiveServer, ada: httpx.Client) -> None:
    program = server.make_token(SHOP, scopes=(ANNOTATE,))
    made = server.http.post(API, headers=program, json={"domain": f"www.{SHOP}", "text": "Version 2 deployed"})
    assert made.status_code == 201
    one = made.json()
    assert (one["domain"], one["text"]) == (SHOP, "Version 2 deployed")
    assert one["creator"].startswith("token:")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["time"])
    at = {"domain": SHOP, "text": "Past", "time": "2026-11-03T14:05:00+01:00"}
    assert server.http.post(API, headers=program, json=at).json()["time"] == "2026-11-03T13:05:00Z"
    day = {"domain": SHOP, "text": "Day", "time": "2026-11-03"}
    assert server.http.post(API, headers=program, json=day).json()["time"] == "2026-11-03"
    for wrong, why in (
        ({"domain": BLOG, "text": "x"}, "you do not have access"),
        ({"domain": SHOP, "text": ""}, "1 to 200 characters"),
        ({"domain": SHOP, "text": "x" * 201}, "1 to 200 characters"),
        ({"domain": SHOP, "text": "x", "time": "soon"}, "is no time"),
        ({"domain": SHOP, "text": "x", "time": "2026-02-30"}, "is no time"),
        ({"domain": SHOP}, "text"),
        ({"domain": SHOP, "text": "x", "color": "red"}, "color"),
    ):
        answer = server.http.post(API, headers=program, json=wrong)
        assert (answer.status_code, why in answer.text) == (400, True), (wrong, answer.text)
    ada.post(API, json={"domain": BLOG, "text": "Theirs"})
    texts = [one["text"] for one in server.http.get(API, headers=program).json()["annotations"]]
    assert texts == ["Version 2 deployed", "Past", "Day"]
    (theirs,) = ada.get(API, params={"domain": BLOG}).json()["annotations"]
    assert server.http.delete(f"{API}/{theirs['id']}", headers=program).status_code == 404
    assert server.http.delete(f"{API}/{one['id']}", headers=program).status_code == 204
    assert server.http.get("/api/v1/stats/visitors", headers=program).status_code == 403
    assert server.http.get("/api/v1/users", headers=program).status_code == 403


def test_who_may_not_annotate(server: LiveServer, ada: httpx.Client, vic: httpx.Client) -> None:
    one = ada.post(API, json={"domain": BLOG, "text": "Theirs"}).json()
    control, now = Control(server.folder), int(time.time())
    link = Shares(control).add(operator("test"), SHOP, now)[1]
    Sharing(control, SiteList(control, (SHOP,), ())).switch(operator("test"), SHOP, "public", True, now)
    new = {"domain": SHOP, "text": "x"}
    reader = server.make_token(scopes=(STATS,))
    assert server.http.post(API, json=new).status_code == 401
    assert server.http.post(API, json=new, headers=reader).status_code == 403
    assert server.http.post(API, json=new, params={"share": link}).status_code == 403
    assert server.http.post(API, json=new, params={"public": SHOP}).status_code == 403
    assert server.http.get(API, params={"public": SHOP}).status_code == 403
    assert vic.post(API, json=new).status_code == 403
    assert vic.post("/dashboard/annotations", data=new).status_code == 403
    assert vic.post("/api/v1/tokens", json={"name": "t", "scopes": [ANNOTATE]}).status_code == 400
    assert server.http.delete(f"{API}/{one['id']}", headers=reader).status_code == 403
    for seen in (vic.get(API), server.http.get(API, params={"share": link})):
        assert seen.json() == {"annotations": []}
    ours = ada.post(API, json={"domain": SHOP, "text": "Ours"}).json()
    assert ours["creator"] == "user:ada"
    for seen in (vic.get(API), server.http.get(API, params={"share": link})):
        assert [set(one) for one in seen.json()["annotations"]] == [{"id", "domain", "time", "text"}]
    assert vic.get(API, params={"domain": BLOG}).status_code == 400
    assert server.http.get(API, headers=server.make_token(scopes=(ADMIN,))).json()["annotations"] == [ours, one]
    foreign = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    assert ada.post(API, json=new, headers=foreign).status_code == 403


def test_annotations_are_on_the_chart_of_whoever_may_see_the_site(
    server: LiveServer, ada: httpx.Client, vic: httpx.Client
) -> None:
    page = {"domain": SHOP, "from": "2026-11-01", "to": "2026-11-05"}
    ada.post("/dashboard/annotations", data={"domain": SHOP, "day": "2026-11-03", "text": "<b>Sale</b>", "back": "/x"})
    ada.post(API, json={"domain": SHOP, "text": "At night", "time": "2026-11-04T23:30:00Z"})
    ada.post(API, json={"domain": SHOP, "text": "Too late", "time": "2026-11-06T00:00:00Z"})
    ada.post(API, json={"domain": BLOG, "text": "Theirs", "time": "2026-11-04"})
    shown = ada.get("/dashboard", params=page).text
    assert below_the_chart(shown) == ["3 Nov 2026: &lt;b&gt;Sale&lt;/b&gt;", "4 Nov 2026: At night"]
    assert re.findall(r'<circle class="mark" cx="([\d.]+)%"', shown) == ["50.0", "70.0"]
    assert "<title>At night</title>" in shown
    assert 'data-note="&lt;b&gt;Sale&lt;/b&gt;"' in shown
    # A day is that day everywhere, a moment is not.
    east = ada.get("/dashboard", params={**page, "tz": "Pacific/Auckland"}).text
    assert below_the_chart(east) == ["3 Nov 2026: &lt;b&gt;Sale&lt;/b&gt;", "5 Nov 2026: At night"]
    west = ada.get("/dashboard", params={**page, "tz": "America/Los_Angeles", "interval": "hour"}).text
    assert below_the_chart(west)[1:] == ["4 Nov 2026, 15:30: At night", "5 Nov 2026, 16:00: Too late"]
    everything = ada.get("/dashboard", params={"from": "2026-11-01", "to": "2026-11-05"}).text
    assert f"4 Nov 2026: Theirs {BLOG}" in below_the_chart(everything)
    assert len(below_the_chart(vic.get("/dashboard", params=page).text)) == 2
    link = Shares(Control(server.folder)).add(operator("test"), BLOG, int(time.time()))[1]
    theirs = server.http.get("/dashboard", params={**page, "share": link, "domain": ""}).text
    assert below_the_chart(theirs) == ["4 Nov 2026: Theirs"]
    assert "Sale&lt;" not in theirs
    control = Control(server.folder)
    Sharing(control, SiteList(control, (SHOP,), ())).switch(operator("test"), SHOP, "public", True, 0)
    public = server.http.get("/dashboard", params={"public": SHOP, "from": "2026-11-01", "to": "2026-11-05"}).text
    assert below_the_chart(public) == []
    assert "Sale&lt;" not in public


def test_views_are_filters_of_an_account_or_of_a_site(server: LiveServer, ada: httpx.Client, vic: httpx.Client) -> None:
    back = f"/dashboard?domain={SHOP}&path=/a&period=7d&metric=pageviews&sources=top-utm-sources"

    def save(client: httpx.Client, name: str, **fields: str) -> int:
        return client.post("/dashboard/views", data={"back": back, "name": name, **fields}).status_code

    def links(client: httpx.Client, **params: str) -> dict[str, str]:
        text = client.get("/dashboard", params=params).text
        menu = text.partition("<summary>Views</summary>")[2].partition("</details>\n<details")[0]
        found = re.findall(r'<div class="view"><a href="([^"]*)"[^>]*>([^<]*)', menu)
        return {name.strip(): link.replace("&amp;", "&") for link, name in found}

    assert save(ada, "mine") == 303
    assert save(ada, "week", period="1") == 303
    assert save(ada, "ours", site=SHOP) == 303
    assert save(vic, "of vic") == 303
    assert save(vic, "of all", site=SHOP) == 403
    nothing = ada.post("/dashboard/views", data={"back": "/dashboard?period=7d", "name": "nothing"})
    assert (nothing.status_code, "choose a filter first" in nothing.text) == (400, True)
    own = links(ada, period="90d", domain=SHOP)
    assert own["mine"] == f"/dashboard?period=90d&domain={SHOP}&path=/a"
    assert own["week"] == f"/dashboard?period=7d&domain={SHOP}&path=/a&metric=pageviews"
    assert own["ours"] == f"/dashboard?period=90d&domain={SHOP}&path=/a"
    assert set(links(ada, domain=BLOG)) == {"mine", "week"}
    assert set(links(vic)) == {"of vic", "ours"}
    link = Shares(Control(server.folder)).add(operator("test"), SHOP, int(time.time()))[1]
    with httpx.Client(base_url=server.url, verify=False) as stranger:
        assert links(stranger, share=link) == {"ours": f"/dashboard?share={link}&path=/a"}
        other = Shares(Control(server.folder)).add(operator("test"), BLOG, int(time.time()))[1]
        assert links(stranger, share=other) == {}
    shown = vic.get("/dashboard").text
    assert "Delete the view of vic" in shown
    assert "Delete the view ours" not in shown
    ids = {
        name: id_
        for id_, name in re.findall(
            r'name="id" value="(\d+)"><p>Delete “([^”]+)”', ada.get("/dashboard", params={"domain": SHOP}).text
        )
    }
    for id_ in ids.values():
        assert vic.post("/dashboard/views", data={"do": "remove", "id": id_}).status_code in {400, 404}
        assert ada.post("/dashboard/views", data={"do": "remove", "id": id_, "back": back}).status_code == 303
    assert links(ada, domain=SHOP) == {}


def test_menus_save_annotate_and_ask_before_they_delete(
    server: LiveServer, ada: httpx.Client, chromium: Browser
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "prisme_login", "value": ada.cookies["prisme_login"], "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/dashboard?domain={SHOP}&path=/a&period=7d")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Save the filters as").fill("Page a")
    page.get_by_label("For everyone who sees").check()
    page.get_by_role("button", name="Save").click()
    page.goto(f"{server.url}/dashboard?domain={SHOP}")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="Page a of the site").click()
    expect(page.locator(".chips")).to_contain_text("/a")
    page.locator("summary", has_text="Views").click()
    delete = page.get_by_role("button", name="Delete “Page a” now")
    expect(delete).to_be_hidden()
    page.locator("summary", has_text="Delete…").click()
    expect(page.locator(".ask", has_text="for everyone?")).to_be_visible()
    delete.click()
    page.locator("summary", has_text="More").click()
    page.get_by_label("Text", exact=True).fill("Version 3")
    page.get_by_role("button", name="Add annotation").click()
    expect(page.locator(".notes")).to_contain_text("Version 3")
    page.locator("summary", has_text="More").click()
    page.locator("summary", has_text="Delete annotations").click()
    page.get_by_role("button", name="Delete the annotation Version 3").click()
    expect(page.locator(".notes")).to_have_count(0)
    context.close()
