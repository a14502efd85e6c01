"""Sites are added and removed while the server runs: by the API, and by `prisme site` in another process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.grants import ADMIN
from tests.process import Process
from tests.server import LiveServer, browser, wait_until

API = "/api/v1/sites"


def send(server: LiveServer, host: str, origin: str = "") -> httpx.Response:
    headers = browser(f"https://{host}/", Origin=f"https://{origin or host}")
    return server.http.post("/api/v1/events/pageviews", headers=headers)


def run_site(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "prisme", "site", *words, "--data-dir", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("sites"), aliases="www.example.com=example.com") as started:
        yield started


@pytest.fixture(scope="module")
def admin(server: LiveServer) -> dict[str, Any]:
    return {"headers": server.make_token(scopes=(ADMIN,))}


def test_a_site_is_counted_as_soon_as_the_api_answers(server: LiveServer, admin: dict[str, Any]) -> None:
    for _ in range(2):
        assert send(server, "shop.example.org").status_code == 400
    assert send(server, "other.example.org", origin="example.com").status_code == 400
    refused = {one["host"]: one["count"] for one in server.http.get(API, **admin).json()["refused"]}
    assert refused == {"shop.example.org": 2, "other.example.org": 1}
    new = {"name": "Shop.example.org", "aliases": ["www.shop.example.org"]}
    added = server.http.post(API, json=new, **admin)
    assert added.status_code == 201
    assert (added.json()["name"], added.json()["source"]) == ("shop.example.org", "added")
    assert send(server, "shop.example.org").status_code == 200
    assert send(server, "www.shop.example.org").status_code == 200
    domains = server.rows("SELECT DISTINCT domain FROM sessions WHERE domain LIKE '%shop%'")
    assert domains == [("shop.example.org",)]
    listed = server.http.get(API, **admin).json()
    assert [one["host"] for one in listed["refused"]] == ["other.example.org"]
    assert [(one["name"], one["source"], [a["host"] for a in one["aliases"]]) for one in listed["sites"]] == [
        ("example.com", "options", ["www.example.com"]),
        ("*.example.com", "options", []),
        ("shop.example.org", "added", ["www.shop.example.org"]),
    ]


def test_aliases_and_sites_are_removed_at_once(server: LiveServer, admin: dict[str, Any]) -> None:
    assert server.http.post(API, json={"name": "gone.example.net"}, **admin).status_code == 201
    path = f"{API}/gone.example.net"
    assert send(server, "m.example.net").status_code == 400
    assert server.http.patch(path, json={"add_aliases": ["m.example.net"]}, **admin).status_code == 204
    assert send(server, "m.example.net").status_code == 200
    assert server.http.patch(path, json={"remove_aliases": ["m.example.net"]}, **admin).status_code == 204
    assert send(server, "m.example.net").status_code == 400
    assert server.http.delete(path, **admin).status_code == 204
    assert send(server, "gone.example.net").status_code == 400
    assert server.rows("SELECT count(*) FROM sessions WHERE domain = 'gone.example.net'") == [(1,)]
    assert server.http.delete(path, **admin).status_code == 404
    assert server.http.patch(path, json={"add_aliases": ["a.b"]}, **admin).status_code == 404


def test_what_cannot_be_done_says_why(server: LiveServer, admin: dict[str, Any]) -> None:
    answer = server.http.post(API, json={"name": "https://a.example/x"}, **admin)
    assert answer.status_code == 400
    assert "write a.example" in answer.text
    answer = server.http.delete(f"{API}/example.com", **admin)
    assert answer.status_code == 400
    assert "is from the option origins" in answer.text


def test_the_days_for_which_data_is_kept(server: LiveServer) -> None:
    admin: dict[str, Any] = {"headers": server.make_token(scopes=("admin",))}
    url = f"{API}/example.com"
    assert server.http.patch(url, json={"retention_days": 90}, **admin).status_code == 204
    assert server.http.get(API, **admin).json()["retention"] == [{"site": "example.com", "days": 90}]
    assert server.http.patch(url, json={"add_aliases": []}, **admin).status_code == 204
    assert server.http.patch(url, json={"retention_days": 1.5}, **admin).status_code == 400
    assert server.http.patch(url, json={"retention_days": -1}, **admin).status_code == 400
    assert server.http.patch(f"{API}/unknown.example", json={"retention_days": 1}, **admin).status_code == 404
    assert server.http.patch(url, json={"retention_days": None}, **admin).status_code == 204
    assert server.http.get(API, **admin).json()["retention"] == []


def test_only_admins_see_and_change_sites(server: LiveServer) -> None:
    viewer: dict[str, Any] = {"headers": server.make_token()}
    callers: tuple[tuple[dict[str, Any], int], ...] = ((viewer, 403), ({}, 401))
    for caller, status in callers:
        assert server.http.get(API, **caller).status_code == status
        assert server.http.post(API, json={"name": "evil.example"}, **caller).status_code == status
        assert server.http.delete(f"{API}/example.com", **caller).status_code == status
        assert server.http.patch(f"{API}/example.com", json={}, **caller).status_code == status
    assert send(server, "evil.example").status_code == 400


@pytest.mark.parametrize("mode", ["default", "ingestion"])
def test_the_command_adds_and_removes_a_site_of_a_running_server(tmp_path: Path, mode: str) -> None:
    with LiveServer(tmp_path, mode=mode) as server:
        assert send(server, "late.example.org").status_code == 400
        assert "added late.example.org" in run_site(tmp_path, "add", "late.example.org", "--alias", "a.example.org")
        wait_until(lambda: send(server, "late.example.org").status_code == 200, "the site to be counted")
        assert send(server, "a.example.org").status_code == 200
        assert "a.example.org" in run_site(tmp_path, "list")
    with LiveServer(tmp_path, mode=mode) as server:
        assert send(server, "late.example.org").status_code == 200
        run_site(tmp_path, "alias", "late.example.org", "a.example.org", "--remove")
        wait_until(lambda: send(server, "a.example.org").status_code == 400, "the alias to be refused")
        run_site(tmp_path, "remove", "late.example.org")
        wait_until(lambda: send(server, "late.example.org").status_code == 400, "the site to be refused")


def test_a_site_outlives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    page = browser("https://kept.example.org/")
    with Process(folder) as process:
        process.start()
        run_site(folder, "add", "kept.example.org")
        process.kill()
        process.start()
        assert process.http.post("/api/v1/events/pageviews", headers=page).status_code == 200
