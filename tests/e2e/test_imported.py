"""Figures of days that an import brought, in the dashboard and the stats API of a running server."""

import datetime
import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prisme.access.goals import GoalList
from prisme.access.grants import operator
from prisme.base.goals import Goal
from prisme.store.control import Control
from tests.e2e.dashboard import add_people, logged_in
from tests.server import LiveServer, browser, config_for, free_port, open_tables

# The second one has no visits, only figures.
SITE, OTHER = "example.com", "www.example.com"
TODAY = datetime.datetime.now(datetime.UTC).date()
DAYS = [TODAY - datetime.timedelta(days=ago) for ago in range(400, 390, -1)]
SPAN = {"from": str(DAYS[0]), "to": str(DAYS[-1])}
PERIOD = SPAN | {"domain": SITE}
SOURCE = "Plausible (plausible-1)"
MCP = "application/json, text/event-stream"
UNKNOWN = (None,) * 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("imported") / "data"
    with LiveServer(folder) as live:
        for agent in ("A", "B"):
            headers = browser(f"https://{SITE}/new", user_agent=f"Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 {agent}")
            assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
        live.settle()
    with open_tables(config_for(folder, free_port())) as tables:
        tables.execute(
            "UPDATE sessions SET imported = 'goatcounter-1' "
            "WHERE session_uuid = (SELECT min(session_uuid) FROM sessions)"
        )
        rows: list[tuple[Any, ...]] = []
        for day in DAYS:
            rows += [
                (day, "", "", 10, 20, 40, 5, 4, 600),
                (day, "path", "/old", 8, 16, 30, *UNKNOWN),
                (day, "path", "/new", 2, 4, 10, *UNKNOWN),
                (day, "country", "FR", 10, 20, 40, None, 4, 600),
            ]
        tables.execute(
            f"INSERT INTO imported_figures VALUES ('ga4-1', '{OTHER}', ?, '', '', 3, 4, 7, 0, NULL, 60)", [DAYS[0]]
        )
        tables.executemany(f"INSERT INTO imported_figures VALUES ('plausible-1', '{SITE}', {', '.join('?' * 9)})", rows)
    with LiveServer(folder) as live:
        add_people(live, OTHER)
        yield live


def ask(server: LiveServer, name: str, *domains: str, **given: str) -> Any:
    answer = server.http.get(f"/api/v1/stats/{name}", params=PERIOD | given, headers=server.make_token(*domains))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_stats_api_adds_them_and_says_so(server: LiveServer) -> None:
    told = {"days": 10, "first-day": str(DAYS[0]), "last-day": str(DAYS[-1]), "names": ["plausible-1"]}
    series = ask(server, "visitors", interval="day")
    assert series["values"] == [10] * 10
    assert series["imported"] == told
    assert ask(server, "sessions-duration", interval="month")["values"][0] == 30
    pages = ask(server, "top-pages")
    assert dict(zip(pages["keys"], pages["values"], strict=True)) == {"/old": 300, "/new": 100}
    assert pages["imported"] == told
    page = ask(server, "dashboard", interval="day")
    assert page["totals"] == {
        "visitors": 100, "sessions": 200, "pageviews": 400, "events": 50, "bounces": 40, "sessions-duration": 30,
    }  # fmt: skip
    assert page["imported"] == told
    assert "compared-imported" not in page
    later = ask(
        server, "dashboard", **{"from": str(DAYS[5]), "to": "now", "compare-from": PERIOD["from"], "compare-to": "now"}
    )
    assert later["totals"]["pageviews"] == 202
    assert later["compared-totals"]["pageviews"] == 402
    assert (later["imported"]["days"], later["compared-imported"]["days"]) == (5, 10)
    csv = server.http.get("/api/v1/stats/top-pages.csv", params=PERIOD, headers=server.make_token())
    assert csv.text == "key,value\r\n/old,300\r\n/new,100\r\n"


def test_assistants_are_told_as_well(server: LiveServer) -> None:
    for tool, more in (
        ("get_list", {"list": "top-pages"}),
        ("get_timeseries", {"figure": "visitors", "interval": "day"}),
        ("get_figures", {"compare-from": str(DAYS[0]), "compare-to": str(DAYS[4])}),
    ):
        params = {"name": tool, "arguments": SPAN | {"filters": {"domain": SITE}} | more}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = server.http.post("/mcp", json=message, headers=server.make_token() | {"Accept": MCP}).json()["result"]
        assert not answer["isError"], answer
        told = answer["structuredContent"]
        assert told["imported"] == {
            "days": 10, "first-day": str(DAYS[0]), "last-day": str(DAYS[-1]), "names": ["plausible-1"],
        }  # fmt: skip
    assert told["compared-imported"]["days"] == 5


@pytest.mark.parametrize("given", [{"country": "FR"}, {"imported": "no"}, {"imported": "!plausible-*"}])
def test_filters_leave_them_out(server: LiveServer, given: dict[str, str]) -> None:
    page = ask(server, "dashboard", **given)
    assert page["totals"]["pageviews"] == 0
    assert "imported" not in page


def test_visits_that_were_imported_can_be_chosen(server: LiveServer) -> None:
    today = {"from": "now/d", "to": "now", "interval": "day"}
    assert ask(server, "visitors", **today)["values"] == [2]
    for imported, count in (("goatcounter-*", 1), ("no", 1), ("!no", 1), ("no,goatcounter-1", 2), ("goatcounter-2", 0)):
        assert ask(server, "visitors", **today, imported=imported)["values"] == [count]


def test_nobody_sees_those_of_other_sites(server: LiveServer) -> None:
    page = ask(server, "dashboard", OTHER, domain="")
    assert page["totals"]["pageviews"] == 7
    assert page["totals"]["rated-sessions"] == 0
    assert page["imported"] == {"days": 1, "first-day": str(DAYS[0]), "last-day": str(DAYS[0]), "names": ["ga4-1"]}
    both = ask(server, "dashboard", domain="")
    assert both["totals"]["pageviews"] == 407
    assert (both["totals"]["bounces"], both["totals"]["rated-sessions"]) == (40, 200)
    assert both["imported"]["names"] == ["ga4-1", "plausible-1"]


def note(page: httpx.Response) -> tuple[str, str]:
    """The note of a page, and where it links to; empty without one."""
    found = re.search(r'<p class="quiet" id="imported">(.*?)</p>', page.text, re.DOTALL)
    if found is None:
        return "", ""
    (link,) = re.findall(r'href="([^"]+)"', found[1])
    return re.sub(r"<[^>]+>", "", found[1]).strip(), html.unescape(link)


def tile(page: httpx.Response, title: str) -> str:
    (value,) = re.findall(rf'<span class="what">{title}</span>\s*<span class="figure"[^>]*>([^<]*)</span>', page.text)
    return str(value)


def test_the_dashboard_says_so_and_can_leave_them_out(server: LiveServer) -> None:
    with logged_in(server, "ada") as client:
        page = client.get("/dashboard", params=PERIOD)
        assert page.status_code == 200
        text, link = note(page)
        assert (
            text == f"Includes 10 days of figures imported from {SOURCE}, which filters cannot narrow. Leave them out"
        )
        assert "/old" in page.text
        assert tile(page, "Bounce rate") == "20%"
        without = client.get(link)
        assert note(without) == ("", "")
        assert "/old" not in without.text
        assert "Imported is not" in without.text
        text, _ = note(client.get("/dashboard", params=PERIOD | {"country": "FR"}))
        assert text == f"10 days imported from {SOURCE} are left out: their figures cannot be filtered. Hide this note"
        text, _ = note(
            client.get(
                "/dashboard", params={"period": "today", "compare-from": str(DAYS[9]), "compare-to": str(DAYS[9])}
            )
        )
        assert text.startswith(f"Compared with 1 day of figures imported from {SOURCE}")
        assert note(client.get("/dashboard")) == ("", "")
        assert note(client.get("/dashboard", params={"period": "all"}))[0].startswith("Includes 10 days")
        whole = client.get("/dashboard/list", params=PERIOD | {"name": "top-pages"})
        assert re.findall(r"<bdi>(/\w+)</bdi>", whole.text) == ["/old", "/new"]


def test_a_site_without_visits_of_its_own_has_a_dashboard(server: LiveServer) -> None:
    with logged_in(server, "vic") as client:
        page = client.get("/dashboard", params={"period": "all"})
        text, _ = note(page)
        assert text.startswith("Includes 1 day of figures imported from Google Analytics (ga4-1), which")
        assert "plausible" not in page.text
        assert tile(page, "Bounce rate") == "\N{EN DASH}"
        assert tile(page, "Session duration") == "15s"


def test_rates_of_goals_are_of_visits_alone(server: LiveServer) -> None:
    GoalList(Control(server.folder)).save_goal(operator("test"), Goal(0, SITE, "Novelty", "page", "/new"), 0)
    given = {"from": str(DAYS[0]), "to": "now", "domain": SITE}
    told = ask(server, "goals", **given)
    assert (told["visitors"], told["goals"][0]["visitors"], told["goals"][0]["rate"]) == (2, 2, 1)
    with logged_in(server, "ada") as client:
        page = client.get("/dashboard", params=given)
        assert note(page)[0].startswith("Includes 10 days")
        assert tile(page, "Visitors") == "102"
        assert "100%" in page.text.partition('id="goals"')[2].partition("</section>")[0]


def test_imports_are_suggested_as_a_filter(server: LiveServer) -> None:
    with logged_in(server, "ada") as client:
        page = client.get("/dashboard", params=PERIOD)
        assert '<option value="imported"' in page.text
        found = client.get("/dashboard/suggest", params=PERIOD | {"filter": "imported", "value": "plaus"}).json()
        assert found == {"message": "", "values": [{"label": "plausible-1", "value": "plausible-1", "count": "200"}]}
        gone = client.get("/dashboard/filter", params={"period": "today", "filter": "imported", "value": "no"})
        assert gone.headers["location"].endswith("?period=today&imported=no")
    with logged_in(server, "vic") as client:
        found = client.get("/dashboard/suggest", params=SPAN | {"filter": "imported", "value": ""}).json()
        assert [one["value"] for one in found["values"]] == ["ga4-1"]
