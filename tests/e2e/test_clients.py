"""Whose address a request has, what one client may send, and what an operator sees where a proxy is not read."""

from pathlib import Path

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control
from tests.server import CHROME, PATIENCE, LiveServer, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"


@pytest.mark.parametrize(
    ("options", "headers", "country"),
    [
        pytest.param({}, {"X-Forwarded-For": "8.8.8.8"}, "US", id="a proxy on this machine needs no option"),
        pytest.param({"trust_proxy": "true"}, {"X-Forwarded-For": "8.8.8.8"}, "US", id="always"),
        pytest.param({"trust_proxy": "false"}, {"X-Forwarded-For": "8.8.8.8"}, "XX", id="never"),
        pytest.param({"proxy_header": "Forwarded"}, {"Forwarded": "for=8.8.8.8;proto=https"}, "US", id="Forwarded"),
        pytest.param(
            {"proxy_header": "Forwarded", "proxy_hops": "2"},
            {"Forwarded": 'for=1.1.1.1, For="[2600:1f18::1]:443";by=_hidden, for=10.0.0.1'},
            "US",
            id="Forwarded, two hops",
        ),
        pytest.param({"proxy_header": "Forwarded"}, {"Forwarded": "for=_hidden"}, "XX", id="Forwarded, obfuscated"),
        pytest.param(
            {"proxy_header": "CloudFront-Viewer-Address"},
            {"CloudFront-Viewer-Address": "2600:1f18:0:0:0:0:0:1:46532"},
            "US",
            id="CloudFront",
        ),
        pytest.param({}, {"X-Forwarded-For": "64:ff9b::8.8.8.8"}, "US", id="NAT64"),
        pytest.param({}, {"X-Forwarded-For": "somebody"}, "XX", id="no address"),
    ],
)
def test_who_the_header_names(tmp_path: Path, options: dict[str, str], headers: dict[str, str], country: str) -> None:
    with LiveServer(tmp_path, **options) as server:
        sent = dict(browser("https://example.com/")) | headers
        assert server.http.post(EVENTS + "pageviews", headers=sent).status_code == 200
        assert server.rows("SELECT country_code FROM sessions") == [(country,)]


def test_what_is_no_address_is_limited_by_its_text(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="2") as server:

        def send(client: str) -> int:
            sent = dict(browser("https://example.com/")) | {"X-Forwarded-For": client}
            return server.http.post(EVENTS + "pageviews", headers=sent).status_code

        assert [send("somebody") for _ in range(3)] == [200, 200, 429]
        assert send("somebody else") == 200


def test_networks_of_ipv6_are_limited(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="2") as server:

        def send(client: str) -> int:
            sent = dict(browser("https://example.com/")) | {"X-Forwarded-For": client}
            return server.http.post(EVENTS + "pageviews", headers=sent).status_code

        assert [send(f"2001:db8:1::{host:x}") for host in range(3)] == [200, 200, 429]
        inside = [send(f"2001:db8:1:{number // 2 + 1:x}::1") for number in range(30)]
        assert inside == [200] * 29 + [429]  # what was refused above is one of the 32
        assert send("2001:db8:2::1") == 200


# A page's URL, and a custom event's path and content type.
PAGE_URL = "https://example.com/"
CUSTOM = EVENTS + "custom/x"


@pytest.mark.parametrize(
    ("sizes", "statuses"),
    [
        pytest.param([65_536] * 7 + [65_536 - 8 * len(CUSTOM + PAGE_URL)], [200] * 8, id="all of 512 KiB"),
        pytest.param([65_536] * 7 + [65_537 - 8 * len(CUSTOM + PAGE_URL)], [200] * 7 + [429], id="one byte more"),
        pytest.param([65_536] * 8 + [2], [200] * 7 + [429] * 2, id="what was refused counts"),
    ],
)
def test_bytes_are_limited(tmp_path: Path, sizes: list[int], statuses: list[int]) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="1000") as server:

        def send(body: bytes, client: str) -> httpx.Response:
            headers = {
                "Origin": "https://example.com",
                "X-Prisme-Referrer": PAGE_URL,
                "Content-Type": "application/json",
                "User-Agent": CHROME,
                "X-Forwarded-For": client,
            }
            return server.http.post(CUSTOM, headers=headers, content=body)

        answers = [send(b'{"a":"' + b"x" * (size - 8) + b'"}' if size > 8 else b"{}", "8.8.8.8") for size in sizes]
        assert [answer.status_code for answer in answers] == statuses
        assert all(0 < int(answer.headers["retry-after"]) <= 60 for answer in answers if answer.status_code == 429)
        assert send(b"{}", "8.8.4.4").status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"X-Prisme-Referrer": PAGE_URL + "x" * 8000}, id="page"),
        pytest.param({"Referer": PAGE_URL + "x" * 8000}, id="referer"),
        pytest.param(
            {"X-Prisme-Referrer": PAGE_URL, "X-Prisme-Document-Referrer": PAGE_URL + "x" * 8000}, id="referrer"
        ),
        pytest.param({"X-Prisme-Referrer": PAGE_URL, "X-Prisme-Visitor-Id": "x" * 8000}, id="visitor id, refused"),
    ],
)
def test_headers_that_are_stored_are_limited(tmp_path: Path, more: dict[str, str]) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="1000") as server:
        headers = {"Origin": "https://example.com", "User-Agent": CHROME} | more
        answers = [server.http.post(EVENTS + "pageviews", headers=headers).status_code for _ in range(70)]
    assert (429 in answers[:64], answers[-4:]) == (False, [429] * 4)


@pytest.mark.parametrize("path", ["pageviews", "custom/x"])
def test_queries_are_limited(tmp_path: Path, path: str) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="1000") as server:
        query = {"referrer": PAGE_URL, "prop-a": '"' + "x" * 30_000 + '"'}
        headers = {"User-Agent": CHROME}
        answers = [server.http.get(NOSCRIPT + path, params=query, headers=headers).status_code for _ in range(18)]
    assert answers == [200] * 17 + [429]


def test_no_limit_is_none_on_bytes(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_events_rate_limit="0") as server:
        query = {"referrer": PAGE_URL, "prop-a": '"' + "x" * 30_000 + '"'}
        answers = [server.http.get(NOSCRIPT + "custom/x", params=query).status_code for _ in range(30)]
    assert 429 not in answers


def open_dashboard(server: LiveServer) -> str:
    """The page as an admin sees it."""
    now = int(server.now())
    accounts = Accounts(Control(server.folder))
    if not accounts.has_any():
        accounts.add(operator("test"), "kim", "admin", (), "correct horse battery", now)
    cookies = {"prisme_login": accounts.create_login("kim", now)}
    page: str = httpx.get(f"{server.url}/dashboard", cookies=cookies, follow_redirects=True, timeout=PATIENCE).text
    assert 'id="health"' in page
    return page


def test_a_proxy_that_is_not_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sentence = (
        "Requests come through a proxy whose headers are not read, so that all visitors seem to have its address: "
        "set trust_proxy to auto."
    )
    with LiveServer(tmp_path, trust_proxy="false") as server:
        sent = dict(browser("https://example.com/"))
        assert server.http.post(EVENTS + "pageviews", headers=sent).status_code == 200
        server.settle()
        assert sentence not in open_dashboard(server)
        for _ in range(3):
            forwarded = sent | {"X-Forwarded-For": "8.8.8.8"}
            assert server.http.post(EVENTS + "pageviews", headers=forwarded).status_code == 200
        assert open_dashboard(server).count(sentence) == 1
    assert [record.message for record in caplog.records if record.levelname == "WARNING"].count(sentence) == 1


def test_visits_of_one_address_are_told(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:

        def visit(number: int, address: str) -> None:
            agent = {"User-Agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0"}
            sent = dict(browser("https://example.com/")) | {"X-Forwarded-For": address} | agent
            assert server.http.post(EVENTS + "pageviews", headers=sent).status_code == 200

        for number in range(19):
            visit(100 + number, "8.8.8.8")
        server.settle()
        assert "come from one address" not in open_dashboard(server)
        for number in range(6):
            visit(100 + number, f"8.8.4.{number}")
        assert "76% of the latest 25 sessions come from one address: behind a proxy" in open_dashboard(server)
