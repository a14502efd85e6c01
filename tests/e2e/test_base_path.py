"""Prisme under a path: all that pages and the command line say begins with it, and nothing leads out of it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.serve import StartError
from prisme.store.control import Control
from tests.e2e.callers import BY, PASSWORD, SECRET, Callers, call, send_visit
from tests.e2e.crawler import crawl
from tests.e2e.dashboard import Open
from tests.server import LiveServer, browser, find_logged

ROOT = "/stats"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("path"), base_path=ROOT) as started:
        send_visit(started)
        yield started


def test_no_link_of_a_page_leaves_the_path(server: LiveServer, callers: Callers) -> None:
    control, now = Control(server.folder), int(time.time())
    Tokens(control).add(BY, "report", now)
    _, key = Shares(control).add(BY, SECRET, now)
    for name in ("one", "two"):
        fields = {"name": name, "back": f"{ROOT}/dashboard?period=7d", "period": "1"}
        saved = call(server, "POST", f"{ROOT}/dashboard/views", callers.admin, data=fields)
        assert saved.headers["location"] == f"{ROOT}/dashboard?period=7d"
    settings = [f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "imports", "audit")]
    wanted = {
        "ada": {"/sites", "/site", "/dashboard", "/dashboard/list", "/dashboard/row", *settings},
        "a share link": {"/dashboard", "/dashboard/list", "/dashboard/row"},
        "nobody": {"/login"},
    }
    posted = {
        "/logout",
        "/login",
        "/sites",
        "/site",
        "/site/data",
        "/site/goals",
        "/sql",
        "/dashboard/views",
        "/dashboard/share",
        "/dashboard/annotations",
        *(settings[:-2]),
        "/settings/imports/upload",
    }
    forms = set()
    for who, cookies, start in (
        ("ada", callers.admin["cookies"], "/"),
        ("a share link", {}, f"/share?share={key}"),
        ("nobody", {}, "/"),
    ):
        with httpx.Client(cookies=cookies, timeout=20, verify=False) as client:
            host = urlsplit(server.url).netloc
            starts = [f"{server.url}{ROOT}{start}", *([f"{server.url}{start}", f"{server.url}{ROOT}"])]
            pages, found = crawl(client.get, host, ROOT, *starts)
        forms |= found
        assert {f"{ROOT}{path}" for path in wanted[who]} <= pages, who
    assert forms == {f"{ROOT}{path}" for path in posted}


@pytest.mark.parametrize("start", ["", ROOT])
def test_requests_are_served_with_the_path_and_without(server: LiveServer, callers: Callers, start: str) -> None:
    answer = server.http.post(f"{start}/api/v1/events/pageviews", headers=browser(f"https://example.com{start}/x"))
    assert answer.status_code == 200
    assert server.rows("SELECT count(*) FROM pageviews WHERE path = ?", [f"{start}/x"]) == [(1,)]
    assert server.http.get(f"{start}/static/wa.js").headers["content-type"].startswith("text/javascript")
    assert server.http.get(f"{start}/api/v1/healthcheck").text == "ok\n"
    assert call(server, "GET", f"{start}/api/v1/stats/visitors", callers.admin).status_code == 200
    assert call(server, "GET", f"{start}/settings", callers.admin).headers["location"] == f"{ROOT}/settings/account"
    named = call(server, "DELETE", f"{start}/api/v1/users/nobody", callers.admin)
    assert (named.status_code, "nobody" in named.text) == (404, True)
    refused = server.http.get(f"{start}/api/v1/noscript/events/pageviews")
    assert (refused.status_code, refused.headers["content-type"]) == (400, "image/gif")
    preflight = server.http.options(f"{start}/api/v1/events/pageviews", headers={"Origin": "https://example.com"})
    assert preflight.status_code == 204


@pytest.mark.parametrize("path", ["/statsx/dashboard", "/stats/stats/dashboard", "/STATS/dashboard", "/stats//login"])
def test_other_paths_are_unknown(server: LiveServer, path: str) -> None:
    assert server.http.get(path).status_code == 404


def test_cookies_are_for_the_path(server: LiveServer, callers: Callers) -> None:
    fields = {"name": "bob", "password": PASSWORD, "next": "/dashboard?period=7d"}
    entered = server.http.post(f"{ROOT}/login", data=fields)
    assert entered.headers["location"] == f"{ROOT}/dashboard?period=7d"
    paths = re.findall(r"; Path=([^;]*);", "".join(entered.headers.get_list("set-cookie")))
    assert paths == [f"{ROOT}/", f"{ROOT}/login"]
    left = server.http.post(f"{ROOT}/logout")
    assert left.headers["location"] == f"{ROOT}/login"
    assert "prisme_login=; Path=/stats/; Max-Age=0;" in left.headers["set-cookie"]
    _, key = Shares(Control(server.folder)).add(BY, SECRET, int(time.time()), password=PASSWORD)
    link = f"{ROOT}/share?share={key}"
    assert server.http.get(f"{ROOT}/dashboard?share={key}").headers["location"] == link
    opened = server.http.post(link, data={"password": PASSWORD})
    assert opened.headers["location"] == f"{ROOT}/dashboard?share={key}"
    assert "; Path=/stats/; " in opened.headers["set-cookie"]


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/../evil",
        "/dashboard/../../evil",
        "/%2e%2E/evil",
        "/.%2e/evil",
        "/..\\evil",
        "/..",
        "/..?x",
        "/..#x",
        "/.\t./evil",
    ],
)
def test_a_log_in_leads_to_the_path_alone(server: LiveServer, callers: Callers, following: str) -> None:
    fields = {"name": "eve", "password": PASSWORD, "next": following}
    assert httpx.post(f"{server.url}{ROOT}/login", data=fields).headers["location"] == f"{ROOT}/"


def test_a_filter_may_have_dots(server: LiveServer, callers: Callers) -> None:
    following = "/dashboard?path=/a/../b"
    fields = {"name": "eve", "password": PASSWORD, "next": following}
    assert httpx.post(f"{server.url}{ROOT}/login", data=fields).headers["location"] == ROOT + following


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/stats/../evil", "/stats/stats/dashboard", "/evil", "/stats"]
)
def test_a_form_leads_back_to_the_dashboard_alone(server: LiveServer, callers: Callers, back: str) -> None:
    answer = call(
        server, "POST", f"{ROOT}/dashboard/views", callers.admin, data={"name": "x", "back": back, "period": "1"}
    )
    assert answer.headers["location"] == f"{ROOT}/dashboard"


def test_share_links_have_the_path(server: LiveServer, callers: Callers) -> None:
    fields = {"domain": SECRET, "back": f"{ROOT}/dashboard?period=7d"}
    shown = call(server, "POST", f"{ROOT}/dashboard/share", callers.admin, data=fields).text
    assert f'href="{server.url}{ROOT}/share?share=' in shown
    assert f'href="{ROOT}/dashboard?period=7d"' in shown
    shown = call(server, "POST", f"{ROOT}/settings/shares", callers.admin, data={"do": "add", "domain": SECRET}).text
    assert f'href="{server.url}{ROOT}/share?share=' in shown
    made = call(server, "POST", "/api/v1/shares", callers.admin, json={"domain": SECRET}).json()
    assert made["path"].startswith(f"{ROOT}/share?share=")
    assert call(server, "GET", made["path"], {}).headers["location"].startswith(f"{ROOT}/dashboard?share=")


def test_the_first_account_is_made_by_a_link_with_the_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "prisme")
    with LiveServer(tmp_path, base_path="/a/b") as server:
        link = find_logged(r"http://127\.0\.0\.1:\d+(/a/b/setup\?key=\S+)", caplog)
        assert 'action="/a/b/setup"' in server.http.get(link).text
        fields = {"key": link.partition("=")[2], "name": "ada", "password": PASSWORD, "again": PASSWORD}
        made = server.http.post("/a/b/setup", data=fields)
        assert made.headers["location"] == "/a/b/"
        waiting = server.http.get("/a/b/dashboard").text
        assert f"{server.url}/a/b/static/wa.js" in waiting


def test_the_pages_script_stays_below_the_path(server: LiveServer, callers: Callers, visit: Open) -> None:
    page = visit(f"{ROOT}/dashboard?period=24h", timezone_id="Asia/Tokyo")
    page.wait_for_url("**/stats/dashboard?period=24h")
    page.wait_for_selector("text=All times are in Asia/Tokyo")
    page.evaluate("window.stays = true")
    page.locator("#pages a", has_text="/unseen").first.click()
    page.wait_for_url("**/stats/dashboard?*path=/unseen*")
    assert page.evaluate("window.stays")
    cookies = {(cookie["name"], cookie["path"]) for cookie in page.context.cookies()}
    zones = {("prisme_tz", f"{ROOT}/dashboard"), ("prisme_tz", f"{ROOT}/sites")}
    assert {cookie for cookie in cookies if cookie[0] in ("prisme_tz", "prisme_login")} == {
        *zones,
        ("prisme_login", f"{ROOT}/"),
    }


@pytest.mark.parametrize("base_path", ["/dashboard", "/api/v1", "/static", "/share/x"])
def test_a_path_of_prismes_own_is_no_base(tmp_path: Path, base_path: str) -> None:
    told = f"base_path {base_path}: /{base_path.split('/')[1]} is a path of Prisme's own; choose another"
    with pytest.raises(StartError, match=told), LiveServer(tmp_path, base_path=base_path):
        pass
