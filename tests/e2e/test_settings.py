"""The pages of settings: by forms alone, for people who are logged in, and nothing secret is shown twice."""

import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.access.login_attempts import PER_BROWSER
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.e2e.dashboard import PASSWORD, add_people, logged_in
from tests.server import LiveServer

PAGES = ("account", "users", "tokens", "shares", "imports", "audit")
EMPTY = {
    "users": "",
    "tokens": "No tokens yet",
    "shares": "No share links yet",
    "imports": "No imports yet",
    "audit": "",
}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("settings")) as live:
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


def do(client: httpx.Client, page: str, **fields: str) -> httpx.Response:
    return client.post(f"/settings/{page}", data={name.replace("_", "-"): text for name, text in fields.items()})


def done(answer: httpx.Response, page: str, word: str) -> bool:
    there = urlsplit(answer.headers.get("location", ""))
    return (answer.status_code, there.path, parse_qs(there.query)) == (303, f"/settings/{page}", {"done": [word]})


def fault(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status
    found = re.search(r'role="alert">([^<]*)', answer.text)
    assert found
    return found[1]


def test_admins_see_all_pages(ada: httpx.Client) -> None:
    assert ada.get("/settings").headers["location"] == "/settings/account"
    for name in PAGES:
        answer = ada.get(f"/settings/{name}")
        assert answer.status_code == 200
        assert f'href="/settings/{name}" aria-current="page"' in answer.text
        assert EMPTY.get(name, "") in answer.text


def test_viewers_see_their_own(vic: httpx.Client) -> None:
    for name in PAGES:
        answer = vic.get(f"/settings/{name}")
        assert answer.status_code == (200 if name in ("account", "tokens") else 403)
        assert "ada" not in answer.text
        assert "/settings/users" not in answer.text
    for name in ("users", "shares"):
        assert do(vic, name, do="add", name="eve", role="admin", password=PASSWORD).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_strangers_and_programs_see_none(server: LiveServer, name: str) -> None:
    answer = server.http.get(f"/settings/{name}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next=%2Fsettings%2F{name}")
    bearer = server.make_token(scopes=("stats", "admin"))
    assert server.http.get(f"/settings/{name}", headers=bearer).status_code == 403
    _, key = Shares(Control(server.folder)).add(operator("test"), "example.com", int(time.time()))
    assert server.http.get(f"/settings/{name}", params={"share": key}).status_code == 403
    if name != "audit":
        assert do(server.http, name, do="add", name="eve").status_code == 401


@pytest.mark.parametrize("name", PAGES[:-1])
def test_other_sites_change_nothing(ada: httpx.Client, name: str) -> None:
    answer = ada.post(f"/settings/{name}", data={"do": "add"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_accounts(server: LiveServer, ada: httpx.Client) -> None:
    accounts = Accounts(Control(server.folder))
    assert done(
        do(ada, "users", do="add", name="Bob", role="viewer", domains="a.org, b.org", password=PASSWORD),
        "users",
        "added",
    )
    assert "Created." in ada.get("/settings/users?done=added").text
    (bob,) = [one for one in accounts.list() if one.name == "bob"]
    assert (bob.role, bob.domains) == ("viewer", ("a.org", "b.org"))
    assert done(do(ada, "users", do="role", name="bob", role="viewer", domains="c.org"), "users", "changed")
    change = {"do": "password", "name": "bob", "password": "another password"}
    assert fault(do(ada, "users", **change)) == "wrong current password"
    assert fault(do(ada, "users", **change, own_password="guess")) == "wrong current password"
    assert done(do(ada, "users", **change, own_password=PASSWORD), "users", "password")
    with logged_in(server, "bob", "another password"):
        pass
    assert done(do(ada, "users", do="remove", name="bob"), "users", "removed")
    assert [one.name for one in accounts.list()] == ["ada", "vic"]
    told = ada.get("/settings/audit").text
    assert all(word in told for word in ("user.add", "user.remove", "user:ada"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"do": "add", "name": "bob", "role": "viewer", "password": PASSWORD}, "a viewer needs at least one domain"),
        ({"do": "add", "name": "<b>", "role": "admin", "password": PASSWORD}, "is not an account name"),
        ({"do": "add", "name": "vic", "role": "admin", "password": PASSWORD}, "already exists: choose another name"),
        ({"do": "add", "name": "bob", "role": "admin", "password": "short"}, "password"),
        ({"do": "remove", "name": "ada"}, "this is the last admin"),
        ({"do": "role", "name": "ada", "role": "viewer", "domains": "a.org"}, "this is the last admin"),
        ({"do": "remove", "name": "nobody"}, "there is no account"),
        ({"do": "dance"}, "unknown action"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_accounts_are_said(ada: httpx.Client, fields: dict[str, str], told: str) -> None:
    answer = do(ada, "users", **fields)
    assert told in fault(answer)
    assert PASSWORD not in answer.text
    assert "<b>" not in answer.text


def test_tokens_are_shown_once(server: LiveServer, vic: httpx.Client, ada: httpx.Client) -> None:
    made = do(vic, "tokens", do="add", name="graphs", scope_stats="1", domains="", expires="30d")
    assert made.status_code == 200
    key = re.search(r"<code>(prtok_[^<]+)", made.text)
    assert key
    bearer = {"Authorization": f"Bearer {key[1]}"}
    assert server.http.get("/api/v1/me", headers=bearer).json()["scopes"] == ["stats"]
    for client in (vic, ada):
        told = client.get("/settings/tokens").text
        assert "graphs" in told
        assert key[1] not in told
    (token,) = Tokens(Control(server.folder)).list()
    assert done(do(vic, "tokens", do="remove", id=str(token.id)), "tokens", "removed")
    assert server.http.get("/api/v1/me", headers=bearer).status_code == 401


def test_viewers_remove_no_token_of_others(server: LiveServer, vic: httpx.Client, ada: httpx.Client) -> None:
    do(ada, "tokens", do="add", name="mine", scope_stats="1")
    (token,) = Tokens(Control(server.folder)).list()
    assert "mine" not in vic.get("/settings/tokens").text
    assert "there is no" in fault(do(vic, "tokens", do="remove", id=str(token.id)))
    assert Tokens(Control(server.folder)).list() == [token]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "x", "scope_admin": "1"}, ""),
        ({"name": "", "scope_stats": "1"}, "name"),
        ({"name": "x"}, "scope"),
        ({"name": "x", "scope_stats": "1", "domains": "other.org"}, "other.org"),
        ({"name": "x", "scope_stats": "1", "expires": "soon"}, "is no end, such as 30d"),
    ],
    ids=str,
)
def test_wrong_tokens_are_said(vic: httpx.Client, fields: dict[str, str], told: str) -> None:
    assert told in fault(do(vic, "tokens", do="add", **fields))


def test_share_links(server: LiveServer, ada: httpx.Client) -> None:
    made = do(ada, "shares", do="add", domain="example.com", expires="12h", password="open sesame 99")
    link = re.search(rf'href="{server.url}(/share\?share=[^"]+)"', made.text)
    assert link
    assert 'type="password"' in server.http.get(link[1]).text
    told = ada.get("/settings/shares").text
    assert link[1] not in told
    assert ">Yes</td>" in told
    (share,) = Shares(Control(server.folder)).list()
    assert done(do(ada, "shares", do="remove", id=str(share.id)), "shares", "removed")
    assert server.http.get(link[1]).status_code == 401
    assert "is not a domain" in fault(do(ada, "shares", do="add", domain="https://"))
    assert "password" in fault(do(ada, "shares", do="add", domain="example.com", password="  "))


def test_share_links_of_removed_admins(server: LiveServer, ada: httpx.Client) -> None:
    control = Control(server.folder)
    bob = Accounts(control).add(operator("test"), "bob", "admin", (), PASSWORD, 0)
    share, _ = Shares(control).add(bob.grant, "example.com", int(time.time()))
    assert ">bob</td>" in ada.get("/settings/shares").text
    assert done(do(ada, "users", do="remove", name="bob"), "users", "removed")
    assert ">bob (deleted)</td>" in ada.get("/settings/shares").text
    (listed,) = ada.get("/api/v1/shares").json()["shares"]
    assert (listed["creator"], listed["orphaned"]) == ("user:bob", True)
    assert done(do(ada, "shares", do="remove", id=str(share.id)), "shares", "removed")
    assert Shares(control).list() == []


def test_tokens_are_kept_on_purpose(server: LiveServer, vic: httpx.Client, ada: httpx.Client) -> None:
    tokens, other = Tokens(Control(server.folder)), "another password"
    vics = next(one for one in Accounts(Control(server.folder)).list() if one.name == "vic").grant
    tokens.add(vics, "kept", 0)
    new = {"new_password": other, "again_password": other}
    assert done(do(vic, "account", password=PASSWORD, **new, keep_tokens="1"), "account", "password")
    reset = {"do": "password", "name": "vic", "password": PASSWORD, "own_password": PASSWORD}
    assert done(do(ada, "users", **reset, keep_tokens="1"), "users", "password")
    assert [one.name for one in tokens.list()] == ["kept"]
    assert done(do(ada, "users", **reset), "users", "password")
    assert tokens.list() == []
    tokens.add(vics, "ended", 0)
    with logged_in(server, "vic") as again:
        assert done(do(again, "account", password=PASSWORD, **new), "account", "password")
    assert tokens.list() == []


def test_ones_own_password(server: LiveServer, vic: httpx.Client) -> None:
    new = "a newer password"
    wrong = do(vic, "account", password="not this", new_password=new, again_password=new)
    assert "wrong current password" in fault(wrong)
    assert "do not match" in fault(do(vic, "account", password=PASSWORD, new_password=new, again_password="other"))
    assert done(do(vic, "account", password=PASSWORD, new_password=new, again_password=new), "account", "password")
    assert vic.get("/settings/account").status_code == 303  # all browsers log in again
    with logged_in(server, "vic", new):
        pass


def test_guessing_ones_password_has_to_wait(server: LiveServer, vic: httpx.Client, ada: httpx.Client) -> None:
    """It is counted for each log-in: not for the name, whose owner is not kept from changing it elsewhere."""
    new = {"new_password": "a newer password", "again_password": "a newer password"}
    for _ in range(PER_BROWSER):
        assert fault(do(vic, "account", password="guess", **new)) == "wrong current password"
    refused = do(vic, "account", password=PASSWORD, **new)
    assert fault(refused, 429).startswith("too many wrong passwords")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    with logged_in(server, "vic") as elsewhere:
        assert done(do(elsewhere, "account", password=PASSWORD, **new), "account", "password")
    told = [one for one in ada.get("/api/v1/audit").json()["audit"] if one["action"] == "user.confirm.failed"]
    assert [(one["actor"], one["subject"], one["count"]) for one in told] == [("user:vic", "vic", PER_BROWSER)]
    assert f"{PER_BROWSER} times within an hour" in ada.get("/settings/audit").text


def test_by_keyboard_without_javascript(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.request.post(f"{server.url}/login", form={"name": "ada", "password": PASSWORD})
    page = context.new_page()
    page.goto(f"{server.url}/settings/users")
    type_into(page, "name", "carl")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    assert page.get_by_role("status").inner_text() == "Created."
    page.goto(f"{server.url}/settings/tokens")
    type_into(page, "name", "keys")
    page.keyboard.press("Enter")
    assert "prtok_" in page.get_by_role("status").inner_text()
    page.goto(f"{server.url}/settings/shares")
    type_into(page, "domain", "example.com")
    page.keyboard.press("Enter")
    assert "/share?share=prshare_" in page.get_by_role("status").inner_text()
    context.close()


def type_into(page: Page, name: str, text: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.get_attribute("id") == name:
            page.keyboard.type(text)
            return
    raise AssertionError(f"no key leads to {name}")
