"""Which site and which page a visit is on: aliases, parameters of pages, slashes and referrers that are ignored."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.scenarios import EVENTS
from tests.server import LiveServer, browser

OPTIONS = {
    "origins": "example.com,*.example.com,shop.example.org",
    "aliases": "www.example.com=example.com,example.net=example.com",
    "page_parameters": "id,t",
    "trailing_slash": "drop",
    "ignored_referrers": "pay.example.org,*.login.example.org",
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with rules for its sites."""
    with LiveServer(tmp_path_factory.mktemp("ruled"), trust_proxy="true", **OPTIONS) as live:
        yield live


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        pytest.param(
            [("https://www.example.com/a/?x=1", ""), ("https://example.com/b?t=2&id=7", "https://www.example.com/a")],
            [("example.com", "/a", "/b?id=7&t=2", "direct", 2)],
            id="two hosts, one site",
        ),
        pytest.param(
            [("http://www.example.com:8080/", "https://example.net/a")],
            [("example.com:8080", "/", "/", "direct", 1)],
            id="an alias is no source, and ports stay",
        ),
        pytest.param(
            [("https://example.com/b?id=1", ""), ("https://example.com/c", "https://example.com/b?id=1&utm_source=x")],
            [("example.com", "/b?id=1", "/c", "direct", 2)],
            id="a referrer's path is a page's",
        ),
        pytest.param(
            [("https://example.com/", ""), ("https://example.com/back", "https://eu.login.example.org/")],
            [("example.com", "/", "/back", "direct", 2)],
            id="ignored referrers of one's own",
        ),
        pytest.param(
            [("https://example.com/", "https://checkout.stripe.com/")],
            [("example.com", "/", "/", "checkout.stripe.com", 1)],
            id="which take the place of the usual ones",
        ),
        pytest.param(
            [("https://example.com/p?ID=1&id=%D0%B0%20b&id=2", "")],
            [("example.com", "/p?id=%D0%B0%20b", "/p?id=%D0%B0%20b", "direct", 1)],
            id="the first of a repeated parameter, as it is escaped",
        ),
    ],
)
def test_rules_of_sites(ruled: LiveServer, steps: list[tuple[str, str]], rows: list[Any], site: str) -> None:
    address = f"10.0.{int(site[4:].partition('.')[0]) % 250}.9"
    started = ruled.now()
    for page, referrer in steps:
        headers = browser(page, X_Prisme_Document_Referrer=referrer, X_Forwarded_For=address)
        assert ruled.http.post(EVENTS + "pageviews", headers=headers).status_code == 200
    columns = "domain, entry_path, exit_path, referrer_domain, pageviews"
    query = f"SELECT {columns} FROM sessions WHERE epoch(entry_timestamp) >= ? ORDER BY session_uuid"
    assert ruled.rows(query, [started]) == rows
