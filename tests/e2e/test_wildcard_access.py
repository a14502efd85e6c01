"""Accounts, tokens and share links for `*.example.com`, through HTTP: they show its subdomains and no more."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from prisme.access.accounts import Accounts
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.e2e.callers import BY, PASSWORD, WIDE, Callers, call
from tests.server import LiveServer, browser

SITES = ("example.com", "a.example.com", "b.a.example.com:8080", "other.example.org")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("wildcards"), origins="example.com,*.example.com,*.example.org") as started:
        for site in SITES:
            headers = browser(f"https://{site}/of-{site.partition(':')[0]}")
            assert started.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
        started.settle()
        yield started


@pytest.fixture(scope="module")
def callers(server: LiveServer) -> dict[str, dict[str, Any]]:
    """Each may see the subdomains of example.com."""
    control, now = Control(server.folder), int(time.time())
    accounts = Accounts(control)
    accounts.add(BY, "vic", "viewer", ("*.example.com",), PASSWORD, now)
    return {
        "viewer": {"cookies": {"prisme_login": accounts.create_login("vic", now)}},
        "token": Callers.bearer(Tokens(control).add(BY, "t", now, domains=("*.example.com",))[1]),
        "share link": {"params": {"share": Shares(control).add(BY, "*.example.com", now)[1]}},
    }


@pytest.mark.parametrize("who", ["viewer", "token", "share link"])
def test_figures_are_of_the_subdomains(server: LiveServer, callers: dict[str, dict[str, Any]], who: str) -> None:
    def ask(**filters: str) -> Any:
        return call(server, "GET", "/api/v1/stats/top-pages", callers[who], params={**WIDE, **filters})

    assert ask().json()["keys"] == ["/of-a.example.com", "/of-b.a.example.com"]
    assert ask(domain="b.a.example.com:8080").json()["keys"] == ["/of-b.a.example.com"]
    assert ask(domain="*example*").json()["keys"] == ["/of-a.example.com", "/of-b.a.example.com"]
    for hidden in ("example.com", "other.example.org", "*.example.org"):
        answer = ask(domain=hidden)
        assert answer.status_code == 403 or answer.json()["keys"] == []
    assert ask(domain="example.com").status_code == 403


@pytest.mark.parametrize("who", ["viewer", "share link"])
def test_the_dashboard_lists_the_subdomains(server: LiveServer, callers: dict[str, dict[str, Any]], who: str) -> None:
    page = call(server, "GET", "/dashboard", callers[who]).text
    assert "b.a.example.com:8080" in page
    assert "/of-a.example.com" in page
    assert "other.example.org" not in page
    assert "/of-example.com" not in page
