"""Goals and funnels: an admin defines them on the page of a site, the dashboard and the stats API count them, each
reader sees those of their own sites."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from prisme.access.goals import GoalList
from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.base.goals import Funnel, Goal
from prisme.store.control import Control
from tests.e2e.dashboard import Open, add_people, logged_in, query
from tests.faults.load import LONG
from tests.server import CHROME, LiveServer, browser

ONE, OTHER, EMPTY = "example.com", "other.test", "empty.test"
PAGE = f"/site/goals?host={ONE}"
SPAN = {"from": "now-1d", "to": "now"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Of four visitors of one site, three see `/cart`, and two of these order; the other site has one visitor."""
    folder = tmp_path_factory.mktemp("goals")
    with LiveServer(folder, origins=f"{ONE},{OTHER},{EMPTY}", bot_filter="off") as live:
        add_people(live, ONE)
        Control(folder)
        for number in range(4):
            send(live, ONE, number, "pageviews", "/")
            if number:
                send(live, ONE, number, "pageviews", "/cart?a=b")
            if number > 1:
                order = b'{"plan": "pro", "revenue": %d.25, "currency": "eur"}' % number
                send(live, ONE, number, "custom/order", "/cart", order)
        send(live, OTHER, 9, "pageviews", "/cart")
        send(live, EMPTY, 9, "pageviews", "/")
        live.settle()
        define(live, Goal(0, OTHER, "Secret", "page", "/cart"))
        define(live, Goal(0, ONE, "Cart", "page", "/cart*"))
        define(live, Goal(0, ONE, "Order", "event", "order", "plan", "pro", "revenue", "currency"))
        define(live, Funnel(0, ONE, "Checkout", ("Cart", "Order")))
        define(live, Funnel(0, OTHER, "Hidden", ("Secret", "Secret")))
        yield live


def send(live: LiveServer, host: str, number: int, kind: str, path: str, body: bytes = b"") -> None:
    headers = {**browser(f"https://{host}{path}", user_agent=f"{CHROME} {number}"), "Content-Type": "application/json"}
    answer = live.http.post(f"/api/v1/events/{kind}", headers=headers, content=body)
    assert answer.status_code == 200, answer.text


def define(live: LiveServer, one: Goal | Funnel) -> None:
    goals, by, now = GoalList(Control(live.folder)), operator("test"), int(time.time())
    if isinstance(one, Goal):
        goals.save_goal(by, one, now)
    else:
        goals.save_funnel(by, one, now)


def ask(live: LiveServer, name: str, token: dict[str, str], **parameters: str) -> Any:
    answer = live.http.get(f"/api/v1/stats/{name}", params=SPAN | parameters, headers=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_api_counts_goals_and_funnels(server: LiveServer) -> None:
    token = server.make_token(ONE)
    found = ask(server, "goals", token)
    assert (found["visitors"], found["compared-visitors"]) == (4, 0)
    cart, order = found["goals"]
    assert (cart["goal"], cart["visitors"], cart["conversions"], cart["rate"], cart["sums"]) == ("Cart", 3, 3, 0.75, [])
    assert (order["visitors"], order["rate"], order["compared-visitors"]) == (2, 0.5, 0)
    assert order["sums"] == [{"currency": "EUR", "sum": "5.5", "count": 2}]
    (funnel,) = ask(server, "funnels", token)["funnels"]
    assert (funnel["funnel"], funnel["site"], funnel["rate"]) == ("Checkout", ONE, 2 / 3)
    assert [(step["goal"], step["visits"], step["dropped"]) for step in funnel["steps"]] == [
        ("Cart", 3, 0),
        ("Order", 2, 1 / 3),
    ]
    lines = server.http.get("/api/v1/stats/goals.csv", params=SPAN, headers=token).text.splitlines()
    assert lines[-1] == "Order,2,2,0.5,EUR,5.5"
    lines = server.http.get("/api/v1/stats/funnels.csv", params=SPAN, headers=token).text.splitlines()
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("goal", "visitors"), [("Cart", 3), ("!Cart", 1), ("Order,Cart", 3), ("Cart,!Order", 1), ("O*", 2)]
)
def test_figures_are_filtered_by_goals(server: LiveServer, goal: str, visitors: int) -> None:
    token = server.make_token(ONE)
    found = ask(server, "dashboard", token, goal=goal)
    assert found["totals"]["visitors"] == visitors
    assert ask(server, "goals", token, goal=goal)["visitors"] == visitors


def test_a_path_filter_chooses_visits_and_not_their_conversions(server: LiveServer) -> None:
    found = ask(server, "goals", server.make_token(ONE), path="/")
    assert {one["goal"]: one["visitors"] for one in found["goals"]} == {"Cart": 3, "Order": 2}


def test_each_reader_has_the_goals_of_their_sites(server: LiveServer) -> None:
    key = Shares(Control(server.folder)).add(operator("test"), ONE, int(time.time()))[1]
    readers = {
        "viewer's token": (server.make_token(ONE), {}),
        "share link": ({}, {"share": key}),
    }
    for name, (headers, parameters) in readers.items():
        names = {one["goal"] for one in ask(server, "goals", headers, **parameters)["goals"]}
        assert names == {"Cart", "Order"}, name
        names = {one["funnel"] for one in ask(server, "funnels", headers, **parameters)["funnels"]}
        assert names == {"Checkout"}, name
        refused = server.http.get("/api/v1/stats/visitors", params={"goal": "Secret"} | parameters, headers=headers)
        assert (refused.status_code, "there is no goal 'Secret'" in refused.text) == (400, True), name
        page = server.http.get("/dashboard", params={"goal": "Secret"} | parameters, headers=headers)
        assert (page.status_code, "there is no goal &#39;Secret&#39;" in page.text) == (400, True), name
        assert "Hidden" not in page.text
        assert "/site/goals" not in page.text
    everything = server.make_token()
    assert {one["goal"] for one in ask(server, "goals", everything)["goals"]} == {"Cart", "Order", "Secret"}
    assert {one["goal"] for one in ask(server, "goals", everything, domain=OTHER)["goals"]} == {"Secret"}


@pytest.mark.parametrize("path", ["/dashboard/live", "/dashboard/stamp", "/dashboard/list", "/dashboard/row"])
def test_all_pages_know_the_filter(server: LiveServer, path: str) -> None:
    query = {"goal": "Cart", "name": "top-pages"} if path.endswith("list") else {"goal": "Cart"}
    query |= {"list": "top-pages", "key": "/"} if path.endswith("row") else {}
    with logged_in(server, "ada") as ada:
        answer = ada.get(path, params=query, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 200, answer.text


def test_only_admins_open_and_send_the_page(server: LiveServer) -> None:
    assert server.http.get(PAGE).headers["location"].startswith("/login")
    with logged_in(server, "vic") as vic:
        assert vic.get(PAGE).status_code == 403
        assert vic.post(PAGE, data={"do": "remove-goal", "id": "1"}).status_code == 403
    assert len(GoalList(Control(server.folder)).read(None).goals) >= 3
    with logged_in(server, "ada") as ada:
        assert ada.get("/site/goals?host=unknown.test").status_code == 404
        assert ada.post(PAGE, data={"do": "remove-goal", "id": "9999"}).status_code == 404
        assert ada.post(PAGE, data={"do": "nothing"}).status_code == 400


@pytest.mark.parametrize("with_script", [False, *([True] if LONG else [])])
def test_goals_and_funnels_are_added_changed_and_deleted(
    visit: Open, plain: Open, server: LiveServer, with_script: bool
) -> None:
    page = (visit if with_script else plain)(PAGE)
    expect(page.locator("#patterns option[value='/cart']")).to_have_count(1)
    expect(page.locator("#patterns option[value='order']")).to_have_count(1)
    form = page.locator("#goal-form")
    form.get_by_label("Name, such as Sign-up").fill("Home")
    form.get_by_label("Page or name").fill("home")
    form.get_by_role("button", name="Add goal").click()
    expect(form.get_by_role("alert")).to_have_text("A page begins with a slash: write /home.")
    expect(form.get_by_label("Name, such as Sign-up")).to_have_value("Home")
    form.get_by_label("Page or name").fill("/")
    form.get_by_role("button", name="Add goal").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    page.get_by_role("link", name="Edit goal Home").click()
    form.get_by_label("Name, such as Sign-up").fill("Start")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="Start")).to_be_visible()

    funnel = page.locator("#funnel-form")
    funnel.get_by_label("Name, such as Checkout").fill("Way")
    for step, goal in enumerate(("Start", "Cart", "Order"), 1):
        funnel.get_by_label(f"Step {step}").select_option(goal)
    funnel.get_by_role("button", name="Add funnel").click()
    expect(page.get_by_role("row", name="Way")).to_contain_text("Start → Cart → Order")
    page.goto(f"{server.url}/dashboard?domain={ONE}")
    expect(page.locator("#funnels")).to_contain_text("\N{MINUS SIGN}25% before Cart")

    page.get_by_role("link", name="Edit goals").click()
    page.locator("summary[aria-label='Delete goal Start']").click()
    page.get_by_role("button", name="Delete", exact=True).locator("visible=true").click()
    expect(page.get_by_role("alert")).to_contain_text("The funnel Way has the goal Start as a step")
    for one in ("funnel Way", "goal Start"):
        page.locator(f"summary[aria-label='Delete {one}']").click()
        page.get_by_role("button", name="Delete", exact=True).locator("visible=true").click()
        expect(page.get_by_role("status")).to_have_text("Deleted.")
    expect(page.get_by_role("rowheader", name="Start")).to_have_count(0)


@pytest.mark.parametrize("with_script", [False, True])
def test_a_click_on_a_goal_filters_by_it(visit: Open, plain: Open, with_script: bool) -> None:
    page = (visit if with_script else plain)(f"/dashboard?domain={ONE}")
    expect(page.locator("#goals tbody .name").first).to_have_text("Cart")
    expect(page.locator("#goals")).to_contain_text("5.50 EUR in total")
    page.locator("#goals").get_by_role("link", name="Order", exact=True).click()
    expect(page.locator(".chips")).to_contain_text("Goal is Order")
    assert query(page)["goal"] == "Order"
    expect(page.locator("#tiles .figure").first).to_have_text("2")
    page.locator("#pages").get_by_role("link", name="All", exact=True).click()
    page.wait_for_url("**/dashboard/list?**")
    expect(page.locator("table.list tbody")).to_contain_text("/cart")


@pytest.mark.parametrize(("name", "sites", "goals"), [
    ("ada", {}, ["Cart", "Order", "Secret"]),
    ("ada", {"domain": OTHER}, ["Secret"]),
    ("ada", {"domain": f"{ONE},{OTHER}", "value": "R"}, ["Cart", "Order", "Secret"]),
    ("ada", {"domain": EMPTY}, []),
    ("vic", {}, ["Cart", "Order"]),
    ("vic", {"value": "oRd"}, ["Order"]),
])  # fmt: skip
def test_goals_of_the_chosen_sites_are_suggested(
    server: LiveServer, name: str, sites: dict[str, str], goals: list[str]
) -> None:
    with logged_in(server, name) as client:
        found = client.get("/dashboard/suggest", params={"filter": "goal"} | sites).json()
    assert sorted(one["value"] for one in found["values"]) == goals
    assert found["message"] == ""


def test_a_goal_that_is_not_there_has_others_to_choose(plain: Open) -> None:
    page = plain(f"/dashboard?domain={ONE}")
    page.locator("#add-filter summary").first.click()
    page.select_option("#filter-name", "goal")
    page.fill("#filter-value", "Odrer")
    page.locator("#add-filter").get_by_role("button", name="Apply").click()
    expect(page.locator("h1")).to_have_text("No goal matches “Odrer”")
    expect(page.get_by_role("link", name="Apply anyway")).to_have_count(0)
    page.locator(".chips").get_by_role("link", name="Order").click()
    assert query(page)["goal"] == "Order"


def test_a_goal_is_chosen_from_the_suggestions_whatever_the_case(visit: Open) -> None:
    page = visit(f"/dashboard?domain={ONE}")
    page.locator("#add-filter summary").first.click()
    page.select_option("#filter-name", "goal")
    page.fill("#filter-value", "ca")
    page.locator("#filter-options [role=option]", has_text="Cart").click()
    expect(page.locator(".chips")).to_contain_text("Goal is Cart")


def test_the_change_of_a_goal_has_a_column_of_its_own(server: LiveServer) -> None:
    heads = {}
    with logged_in(server, "ada") as ada:
        for compare in ("previous", "none"):
            shown = ada.get("/dashboard", params={"domain": ONE, "compare": compare}).text
            panel = shown[shown.index('id="goals"') :].partition("</table>")[0]
            heads[compare] = re.findall(r'<th scope="col"[^>]*>([^<]*)', panel)
            row = re.search(r"<bdi>Cart</bdi>.*?</tr>", panel)
            assert row
            cells = re.findall(r"<td[^>]*>(.*?)</td>", row[0])
            assert cells[:3] == ["3", "3", "75%"]
            assert ("new" in cells[3]) == (compare == "previous")
    assert heads["none"] == ["Goal", "Visitors", "Conversions", "Conversion rate"]
    assert heads["previous"] == [*heads["none"], "Change"]


def test_a_site_without_goals_invites_admins_to_add_one(server: LiveServer) -> None:
    with logged_in(server, "ada") as ada:
        empty = ada.get(f"/site/goals?host={EMPTY}").text
        assert "A goal is what you want visitors to do" in empty
        assert "Add the goals first that are its steps" in empty
        shown = ada.get("/dashboard", params={"domain": EMPTY}).text
        assert "Add a goal" in shown
        assert f"/site/goals?host={EMPTY}" in shown
