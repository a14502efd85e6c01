"""The ways in, through real HTTP: accounts, log-ins, cookies, share links, and who is kept out."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import ADMIN, ANNOTATE, QUERY, SITES, STATS
from prisme.access.login_attempts import PER_ADDRESS
from prisme.access.shares import Shares
from prisme.store.control import Control
from tests.e2e.callers import BY, PASSWORD, SECRET, WIDE, Callers, call, send_visit, sum_figures
from tests.server import LiveServer, find_logged


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("log-in")) as started:
        send_visit(started)
        yield started


def log_in(client: httpx.Client, name: str, password: str, **headers: str) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, "next": "/"}, headers=headers)


def test_the_first_account_is_made_by_a_link_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "prisme")
    with LiveServer(tmp_path) as server:
        assert "There is no account yet" in server.http.get("/login").text
        link = find_logged(r"http://127\.0\.0\.1:\d+(/setup\?key=\S+)", caplog)
        fields = {"key": link.partition("=")[2], "name": "Ada", "password": PASSWORD, "again": PASSWORD}
        assert server.http.get("/setup?key=wrong").status_code == 401
        assert server.http.post("/setup", data={**fields, "key": "wrong"}).status_code == 401
        assert 'name="again"' in server.http.get(link).text
        for wrong in ({"again": "something else"}, {"password": "short", "again": "short"}, {"name": "<i>"}):
            answer = server.http.post("/setup", data={**fields, **wrong})
            assert answer.status_code == 400
            assert 'role="alert"' in answer.text
            assert "<i>" not in answer.text
        made = server.http.post("/setup", data=fields)
        assert (made.status_code, made.headers["location"]) == (303, "/")
        assert server.http.get("/api/v1/me").json() == {
            "name": "user:ada",
            "scopes": [ADMIN, ANNOTATE, QUERY, SITES, STATS],
            "domains": None,
        }
        assert server.http.get(link).status_code == server.http.post("/setup", data=fields).status_code == 401
        assert server.http.get("/").headers["location"] == "/dashboard"
        assert "Waiting for the first session" in server.http.get("/dashboard").text
    caplog.clear()
    with LiveServer(tmp_path):
        assert "/setup" not in caplog.text


def test_log_in_and_out(server: LiveServer, callers: Callers) -> None:
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        assert client.get("/").headers["location"] == "/login"
        assert client.get("/dashboard").headers["location"] == "/login?next=%2Fdashboard"
        wrong = log_in(client, "eve", "not this one")
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        assert "wrong name or password" in wrong.text
        assert log_in(client, "nobody", PASSWORD).status_code == 401
        entered = log_in(client, " Eve ", PASSWORD)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie, known = entered.headers.get_list("set-cookie")
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; "))
        assert {"HttpOnly", "SameSite=Lax", "Path=/login", "Max-Age=34560000"} <= set(known.split("; "))
        assert "Secure" not in cookie + known
        assert client.get("/api/v1/me").json()["name"] == "user:eve"
        assert client.get("/login").headers["location"] == "/"
        kept = client.cookies["prisme_login"]
        assert client.post("/logout").headers["location"] == "/login"
        assert list(client.cookies) == [known.partition("=")[0]]
        client.cookies["prisme_login"] = kept
        assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("following", "to"),
    [
        ("/api/v1/me?x=1", "/api/v1/me?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nX-Evil: 1", "/"),
        ("", "/"),
    ],
)
def test_a_log_in_leads_to_this_server_alone(server: LiveServer, callers: Callers, following: str, to: str) -> None:
    fields = {"name": "eve", "password": PASSWORD, "next": following}
    assert httpx.post(f"{server.url}/login", data=fields).headers["location"] == to


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://prisme.example.com", "Host": "prisme.example.com"}, True),
        ({"Origin": "http://evil.example", "Host": "prisme.example.com"}, False),
        ({"Origin": "http://prisme.example.com:81", "Host": "prisme.example.com"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, True),  # which no page can forge
    ],
)
def test_no_other_page_changes_anything(
    server: LiveServer, callers: Callers, headers: dict[str, str], admitted: bool
) -> None:
    answer = httpx.post(f"{server.url}/login", data={"name": "eve", "password": PASSWORD}, headers=headers)
    assert answer.status_code == (303 if admitted else 403)
    new = {"domain": "example.com"}
    answer = call(server, "POST", "/api/v1/shares", callers.admin, json=new, headers=headers)
    assert answer.status_code == (201 if admitted else 403)


def test_forms_are_no_json(server: LiveServer, callers: Callers) -> None:
    """What another page could send without asking first."""
    answer = call(server, "POST", "/api/v1/shares", callers.admin, content=b'{"domain": "a.b"}')
    assert answer.text == "the body must be JSON: send Content-Type: application/json\n"


@pytest.mark.parametrize(
    ("options", "headers", "secure"),
    [
        ({"trust_proxy": "false"}, {"X-Forwarded-Proto": "https"}, False),
        ({}, {"X-Forwarded-Proto": "https"}, True),
        ({}, {"X-Forwarded-Proto": "http"}, False),
        ({"trust_proxy": "true"}, {"X-Forwarded-Proto": "https"}, True),
        ({"trust_proxy": "true"}, {"X-Forwarded-Proto": "http"}, False),
        ({}, {"Origin": "https://127.0.0.1", "Host": "127.0.0.1"}, True),
    ],
)
def test_cookies_are_secure_on_tls(
    tmp_path: Path, options: dict[str, str], headers: dict[str, str], secure: bool
) -> None:
    with LiveServer(tmp_path, **options) as server:
        Accounts(Control(server.folder)).add(BY, "ada", "admin", (), PASSWORD, 0)
        cookie = log_in(server.http, "ada", PASSWORD, **headers).headers["set-cookie"]
        assert ("Secure" in cookie.split("; ")) == secure


def test_guessing_has_to_wait(tmp_path: Path) -> None:
    """An address is locked out, right password or not; another one is not, nor is who is logged in."""
    with LiveServer(tmp_path, trust_proxy="true") as server:
        accounts, shares = Accounts(Control(server.folder)), Shares(Control(server.folder))
        accounts.add(BY, "ada", "admin", (), PASSWORD, 0)
        key = shares.add(BY, SECRET, 0, password=PASSWORD)[1]
        inside = {"cookies": {"prisme_login": accounts.create_login("ada", int(time.time()))}}
        guesser, neighbour = {"X-Forwarded-For": "8.8.8.8"}, {"X-Forwarded-For": "8.8.8.9"}
        for _ in range(PER_ADDRESS):
            assert log_in(server.http, "ada", "wrong", **guesser).status_code == 401
        refused = log_in(server.http, "ada", PASSWORD, **guesser)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 900
        unlock = server.http.post("/share", params={"share": key}, data={"password": PASSWORD}, headers=guesser)
        assert unlock.status_code == 429
        assert log_in(server.http, "ada", PASSWORD, **neighbour).status_code == 303
        assert call(server, "GET", "/api/v1/me", inside).status_code == 200


def test_share_links_with_a_password(server: LiveServer, callers: Callers) -> None:
    key = callers.shares.add(BY, SECRET, int(time.time()), password=PASSWORD)[1]
    other = callers.shares.add(BY, SECRET, int(time.time()), password=PASSWORD)[1]
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        assert client.get("/dashboard", params={"share": key}).headers["location"] == f"/share?share={key}"
        assert SECRET in client.get("/share", params={"share": key}).text
        wrong = client.post("/share", params={"share": key}, data={"password": "not this one"})
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        assert 'role="alert">wrong password<' in wrong.text
        opened = client.post("/share", params={"share": key}, data={"password": PASSWORD})
        assert (opened.status_code, opened.headers["location"]) == (303, f"/dashboard?share={key}")
        assert SECRET in client.get("/dashboard", params={"share": key}).text
        figure = {"share": key, **WIDE}
        assert sum_figures(client.get("/api/v1/stats/pageviews", params=figure).json()) == 1
        assert client.get("/api/v1/stats/pageviews", params={"share": other}).status_code == 401
        client.post("/share", params={"share": other}, data={"password": PASSWORD})
        for one in (key, other):  # both stay open in one browser
            assert client.get("/api/v1/stats/pageviews", params={"share": one}).status_code == 200
        assert client.get("/api/v1/users", params={"share": key}).status_code == 403


def test_pages_keep_to_themselves(server: LiveServer, callers: Callers) -> None:
    for path in (
        "/login",
        f"/dashboard?share={callers.other_domain['share link']['params']['share']}",
        "/setup",
        "/share?share=x",
    ):
        answer = server.http.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "private, no-store"
