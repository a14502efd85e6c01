"""Prisme under a path of a site, behind the proxies of docs/proxy.md: all that a user does, from the first link on."""

import re
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.checkout import ROOT
from tests.e2e.callers import PASSWORD
from tests.e2e.crawler import crawl
from tests.e2e.path_proxies import PATH, SITE, UNDER_A_PATH
from tests.e2e.proxies import EVENTS, ask
from tests.faults.load import LONG
from tests.server import LiveServer, browser, find_logged


def follow(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The page that a redirect leads to."""
    while answer.is_redirect:
        assert answer.headers["location"].startswith(PATH + "/")
        answer = ask(client, "GET", answer.headers["location"])
    return answer


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Send a form."""
    return ask(client, "POST", PATH + path, data=fields)


@pytest.mark.parametrize("removes", [False, True], ids=["passes the path on", "removes the path"])
@pytest.mark.parametrize("proxy", UNDER_A_PATH if LONG else ["nginx"])
def test_all_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture, proxy: str, removes: bool) -> None:
    caplog.set_level("INFO", "prisme")
    (tmp_path / "proxy").mkdir()
    with (
        LiveServer(tmp_path / "data", base_path=PATH) as server,
        UNDER_A_PATH[proxy](tmp_path / "proxy", server.port, removes) as front,
        front.visitor() as (client, _),
    ):
        assert ask(client, "GET", "/").text == SITE
        assert ask(client, "GET", PATH).headers["location"].endswith(f"{PATH}/")
        link = find_logged(r"http://127\.0\.0\.1:\d+(/stats/setup\?key=\S+)", caplog)
        assert ask(client, "GET", link).status_code == 200
        key = link.partition("=")[2]
        made = send(client, "/setup", key=key, name="ada", password=PASSWORD, again=PASSWORD)
        assert "Waiting for the first session" in follow(client, made).text
        assert all("; Secure" in cookie for cookie in made.headers.get_list("set-cookie"))

        assert ask(client, "GET", f"{PATH}/static/wa.js").status_code == 200
        seen = ask(client, "POST", PATH + EVENTS + "pageviews", headers=browser("https://example.com/news"))
        assert seen.status_code == 200
        server.settle()
        get = partial(ask, client, "GET")
        pages, _ = crawl(get, f"127.0.0.1:{front.port}", PATH, urljoin(str(client.base_url), f"{PATH}/"))
        assert {f"{PATH}/dashboard", f"{PATH}/dashboard/list", f"{PATH}/settings/users"} <= pages
        assert "/news" in ask(client, "GET", f"{PATH}/dashboard/list?name=top-pages").text

        shares = {"do": "add", "domain": "example.com", "password": PASSWORD}
        shown = send(client, "/settings/shares", **shares).text
        (share,) = set(re.findall(r"/stats/share\?share=[\w-]+", shown))
        assert "Log in" in follow(client, send(client, "/logout")).text
        assert "Log in" in follow(client, ask(client, "GET", f"{PATH}/settings")).text
        entered = send(client, "/login", name="ada", password=PASSWORD, next="/settings/users")
        assert "Accounts" in follow(client, entered).text
        with front.visitor() as (stranger, _):
            assert "protected by a password" in ask(stranger, "GET", share).text
            unlocked = send(stranger, share.removeprefix(PATH), password=PASSWORD)
            assert "/news" in follow(stranger, unlocked).text


@pytest.mark.parametrize("change", ["proxy_pass http://prisme/;", "handle_path /stats/*"])
def test_the_page_says_how_to_remove_the_path(change: str) -> None:
    assert f"`{change}`" in (ROOT / "docs" / "proxy.md").read_text()
