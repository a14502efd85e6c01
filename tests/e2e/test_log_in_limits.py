"""Wrong passwords of others: they keep nobody out who has logged in before, and delay nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import httpx
import pytest

from prisme.access import keys
from prisme.access.accounts import Accounts
from prisme.access.browsers import Browsers
from prisme.access.grants import SCOPES
from prisme.access.login_attempts import PER_ACCOUNT, PER_ADDRESS, PER_BROWSER, WINDOW
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from prisme.web.pages import login
from tests.e2e.callers import BY, PASSWORD
from tests.server import LiveServer, wait_until


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """With hashes that take no time, as what is tested is how many passwords are checked."""
    monkeypatch.setattr(keys, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with LiveServer(tmp_path, trust_proxy="true") as server:
        Accounts(Control(server.folder)).add(BY, "ada", "admin", (), PASSWORD, int(server.now()))
        yield server


def try_password(client: httpx.Client, password: str, name: str = "ada", address: str = "198.51.100.1") -> int:
    headers = {"X-Forwarded-For": address}
    return client.post("/login", data={"name": name, "password": password}, headers=headers).status_code


@contextmanager
def known(server: LiveServer) -> Iterator[httpx.Client]:
    """A browser that has logged in before, and is not logged in."""
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        assert try_password(client, PASSWORD) == 303
        assert client.post("/logout").status_code == 303
        assert client.get("/api/v1/me").status_code == 401
        yield client


def test_behind_one_address(server: LiveServer) -> None:
    """A stranger's failures lock out strangers, and a browser's own lock out that browser; both for a while."""
    with known(server) as client, known(server) as other:
        tried = [try_password(server.http, "wrong", "nobody") for _ in range(PER_ADDRESS + 1)]
        assert tried == [401] * PER_ADDRESS + [429]
        assert try_password(server.http, PASSWORD) == 429
        assert [try_password(client, PASSWORD) for _ in range(3)] == [303] * 3
        assert try_password(client, PASSWORD, "nobody") == 429  # where it never logged in
        tried = [try_password(client, "wrong") for _ in range(PER_BROWSER + 1)]
        assert tried == [401] * PER_BROWSER + [429]
        assert try_password(client, PASSWORD) == 429
        assert try_password(other, PASSWORD) == 303
        server.time.move(WINDOW + 1)
        assert try_password(client, PASSWORD) == 303
        assert try_password(server.http, PASSWORD) == 303


def test_of_one_name(server: LiveServer) -> None:
    """From many addresses: its owner gets in where she has logged in before."""
    with known(server) as client:
        tried = [try_password(server.http, "wrong", address=f"192.0.2.{number}") for number in range(PER_ACCOUNT + 1)]
        assert tried == [401] * PER_ACCOUNT + [429]
        assert try_password(server.http, PASSWORD, address="203.0.113.1") == 429
        assert try_password(client, PASSWORD) == 303
        assert client.get("/api/v1/me").json()["name"] == "user:ada"
        fields = {"password": PASSWORD, "new-password": "a newer password", "again-password": "a newer password"}
        assert client.post("/settings/account", data=fields).headers["location"] == "/settings/account?done=password"
        assert try_password(client, "a newer password") == 303
        server.time.move(WINDOW + 1)
        assert try_password(server.http, "a newer password", address="203.0.113.1") == 303


def test_an_invented_browser_is_a_stranger(server: LiveServer) -> None:
    with known(server) as client:
        (name,) = client.cookies
    with httpx.Client(base_url=server.url, cookies={name: "x" * 43}, timeout=20, verify=False) as client:
        tried = [try_password(client, "wrong") for _ in range(PER_ADDRESS + 1)]
        assert tried == [401] * PER_ADDRESS + [429]
        assert try_password(server.http, PASSWORD) == 429


def test_a_flood_delays_nobody_else(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may wait do, more are refused; settings, dashboards and known browsers do not notice."""
    release, verify = threading.Event(), keys.verify_password

    def be_slow(hashed: str | None, password: str) -> bool:
        assert password != "flood" or release.wait(60)
        return verify(hashed, password)

    def send(number: int) -> httpx.Response:
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        fields = {"name": f"nobody-{number}", "password": "flood"}
        return httpx.post(f"{server.url}/login", data=fields, headers=headers, timeout=60, verify=False)

    with known(server) as client, ThreadPoolExecutor(20) as threads:
        monkeypatch.setattr(keys, "verify_password", be_slow)
        try:
            flood = [threads.submit(send, number) for number in range(20)]
            wait_until(lambda: sum(one.done() for one in flood) == 4, "four too many to be refused")
            assert try_password(client, PASSWORD) == 303
            for path in ("/settings/account", "/settings/users", "/dashboard", "/api/v1/users"):
                assert client.get(path).status_code == 200
            fields = {"password": PASSWORD, "new-password": "a newer password", "again-password": "a newer password"}
            assert client.post("/settings/account", data=fields).status_code == 303
            refused = [one.result() for one in flood if one.done()]
        finally:
            release.set()
        assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(503, "2")}
        assert "too many passwords are being checked" in refused[0].text
        assert sorted(one.result().status_code for one in flood) == [401] * 16 + [503] * 4
    assert try_password(server.http, "a newer password") == 303


def test_a_token_is_no_way_to_guess_the_password_of_its_account(server: LiveServer) -> None:
    """Not even with another cookie each time, by which a log-in's wrong passwords are counted."""
    control = Control(server.folder)
    (ada,) = Accounts(control).list()
    _, token = Tokens(control).add(ada.grant, "t", int(server.now()), scopes=SCOPES)
    fields = {"do": "password", "name": "ada", "new-password": PASSWORD * 2, "again-password": PASSWORD * 2}
    for number, password in enumerate(["wrong"] * (PER_BROWSER + 1) + [PASSWORD]):
        headers = {"Authorization": f"Bearer {token}", "Cookie": f"prisme_login={number}"}
        for page in ("account", "users"):
            form = fields | {"password": password, "own-password": password}
            assert server.http.post(f"/settings/{page}", headers=headers, data=form).status_code == 403
            assert server.http.get(f"/settings/{page}", headers=headers).status_code == 403
    assert try_password(server.http, PASSWORD) == 303


def test_invented_browsers_take_no_place_of_known_ones(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    began, release, look_up, is_known = [], threading.Event(), login._is_known, Browsers.is_known

    async def begin(*request: Any) -> Any:
        began.append(request)
        return await look_up(*request)

    def be_slow(*question: Any) -> bool:
        assert release.wait(60)
        return is_known(*question)

    def send(number: int) -> int:
        with httpx.Client(base_url=server.url, cookies={name: f"{number}"}, timeout=60, verify=False) as stranger:
            return try_password(stranger, "wrong", address=f"192.0.2.{number}")

    with known(server) as client, ThreadPoolExecutor(21) as threads:
        (name,) = client.cookies
        monkeypatch.setattr(login, "_is_known", begin)
        monkeypatch.setattr(Browsers, "is_known", be_slow)
        try:
            flood = [threads.submit(send, number) for number in range(20)]
            wait_until(lambda: len(began) == 20, "the flood to arrive")
            known_one = threads.submit(try_password, client, PASSWORD)
            wait_until(lambda: len(began) == 21, "the known browser to arrive")
        finally:
            release.set()
        assert known_one.result() == 303
        assert {one.result() for one in flood} <= {401, 503}
