"""What the dashboard sends and asks for, how it answers what is wrong, and who may not."""

import gzip
import json
import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.demo.traffic import SITES
from prisme.store.control import Control
from tests.e2e.dashboard import (
    ONE,
    PASSWORD,
    Open,
    demo,
    log_in,
    rows,
    see,
)
from tests.server import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


# What the page is allowed to be


PAGE_LIMIT, SCRIPT_LIMIT = 35 * 1024, 6000  # bytes of gzip


def test_sizes(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, timeout=20, headers={"Accept-Encoding": "gzip"}, verify=False) as client:
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
    assert len(packed) <= PAGE_LIMIT
    assert sent <= SCRIPT_LIMIT
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
    page.locator("#pages table.list .name a").first.click()
    expect(page.locator(".chips")).to_have_count(1)
    page.locator("#plot").hover()
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(server.url).netloc}
    paths = {urlsplit(url).path for url in asked}
    assert paths <= {"/dashboard", "/static/dashboard.js", "/favicon.ico", "/static/icon.svg"}
    assert complaints == []
    context.close()


# What is wrong, and who may not


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/dashboard?period=never", 400, "<strong>Period</strong>: 'never' is not one of"),
        ("/dashboard?utm_source=mail&fbclid=1", 200, "Totals"),
        ("/dashboard?tz=Mars", 400, "<strong>Time zone</strong>: 'Mars' is no time zone"),
        ("/dashboard?from=2026-02-30", 400, "<strong>From</strong>: '2026-02-30' is no time"),
        ("/dashboard/filter?filter=colour&value=red", 400, "filter: 'colour' is not one of"),
        ("/dashboard/list?name=nothing", 404, "is not a list"),
        ("/dashboard/list?name=top-pages&start=-1", 400, "is no number, such as start=100"),
        ("/dashboard/row?list=nothing&key=x", 404, "is not a list whose rows have details"),
        ("/dashboard/row?list=top-pages", 400, "key: which row, such as key=/pricing"),
        ("/dashboard/row?list=top-pages&key=a\\", 400, "path: such as path=a,b*"),
        (f"/dashboard?domain={SITES[1]}", 200, ""),
    ],
)
def test_wrong_addresses_are_answered_as_pages(server: LiveServer, path: str, status: int, text: str) -> None:
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        client.post("/login", data={"name": "ada", "password": PASSWORD})
        answer = client.get(path)
    assert answer.status_code == status
    assert text.replace("'", "&#39;") in answer.text
    assert "Traceback" not in answer.text


def test_strangers_are_led_to_log_in_and_back(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
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
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        assert client.post(path, data=form).status_code == 401
        client.post("/login", data={"name": "vic", "password": PASSWORD})
        evil = client.post(path, data=form, headers={"Origin": "https://evil.example"})
        assert evil.status_code == 403
        if path.endswith("share"):
            assert client.post(path, data=form).status_code == 403
        else:
            there = client.post(path, data=form | {"back": "https://evil.example/", "period": "1"})
            assert there.headers["location"] == "/dashboard"
            assert client.post(path, data={"name": " ", "back": "/dashboard"}).status_code == 400


def test_a_share_link_is_for_its_site(server: LiveServer) -> None:
    _, key = Shares(Control(server.folder)).add(operator("test"), ONE, int(time.time()))
    mine = server.http.get("/dashboard", params={"share": key})
    assert mine.status_code == 200
    assert SITES[1] not in mine.text
    other = server.http.get("/dashboard", params={"share": key, "domain": SITES[1]})
    assert other.status_code == 403
    assert "title=" not in other.text


def test_texts_of_visitors_are_only_texts(server: LiveServer, plain: Open) -> None:
    see(server, "https://example.com/%3Cscript%3Ealert(1)%3C/script%3E?utm_source=%3Cimg%20src=x%3E", "Evil")
    page = plain("/dashboard?domain=example.com&period=today&sources=top-utm-sources")
    expect(page.locator("img")).to_have_count(0)
    assert ("<img src=x>", "1") in rows(page, "sources")
    assert json.dumps(rows(page, "pages")).count("script") == 2
