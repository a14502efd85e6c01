"""The limit on what one address may ask: pages, statistics, the admin API and log-ins together, but no events."""

from pathlib import Path

import httpx
import pytest

from prisme.web.request_limit import UNAUTHENTICATED_COST
from tests.server import LiveServer, browser

PAGES = ("/login", "/dashboard", "/", "/api/v1/me", "/api/v1/stats/visitors", "/share", "/setup", "/settings/account")


def ask(server: LiveServer, path: str, client: str, **headers: str) -> httpx.Response:
    return server.http.get(path, headers={"X-Forwarded-For": client, **headers})


def test_a_client_may_send_so_many_requests(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_stats_rate_limit="8", trust_proxy="true") as server:
        answers = [ask(server, path, "198.51.100.7") for path in ("/login", "/", "/login", "/dashboard") * 2]
        assert {answer.status_code for answer in answers} == {200, 303}
        for path in PAGES:
            answer = ask(server, path, "198.51.100.7")
            assert (answer.status_code, answer.text) == (429, "rate limit exceeded\n"), path
            assert 0 < int(answer.headers["retry-after"]) <= 60
        assert server.http.post("/login", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 429
        # Of others, and of the same client to what has no limit.
        assert ask(server, "/login", "198.51.100.8").status_code == 200
        for path in ("/api/v1/healthcheck", "/static/wa.js", "/static/dashboard.js"):
            assert [ask(server, path, "198.51.100.7").status_code for _ in range(9)] == [200] * 9
        view = browser("https://example.com/", X_Forwarded_For="198.51.100.7")
        assert server.http.post("/api/v1/events/pageviews", headers=view).status_code == 200
        server.time.move(61)
        assert ask(server, "/login", "198.51.100.7").status_code == 200


def test_pages_of_allowed_origins_can_read_why(tmp_path: Path) -> None:
    origin = "https://intranet.example.com"
    with LiveServer(tmp_path, api_stats_rate_limit="1", api_stats_allow_origins=origin) as server:
        for path in ("/api/v1/stats/visitors", "/api/v1/me"):
            server.http.get(path, headers={"Origin": origin})
        answers = [
            server.http.get(path, headers={"Origin": by})
            for path, by in (
                ("/api/v1/stats/visitors", origin),
                ("/api/v1/stats/visitors", "https://other.example"),
                ("/api/v1/me", origin),
            )
        ]
        assert [answer.status_code for answer in answers] == [429] * 3
        allowed = [answer.headers.get("access-control-allow-origin") for answer in answers]
        assert allowed == [origin, None, None]
        preflight = server.http.options("/api/v1/stats/visitors", headers={"Origin": origin})
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, origin)


def test_a_network_of_ipv6_is_a_client(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_stats_rate_limit="2", trust_proxy="true") as server:
        assert [ask(server, "/login", f"2001:db8:1:2::{number}").status_code for number in (1, 2, 3)] == [200, 200, 429]
        others = [ask(server, "/login", f"2001:db8:1:{number:x}::1").status_code for number in range(16, 48)]
        assert others == [200] * 29 + [429] * 3


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer prtok_wrong"}, {"Cookie": "prisme_login=wrong"}])
def test_wrong_credentials_count_more(tmp_path: Path, headers: dict[str, str]) -> None:
    with LiveServer(tmp_path, api_stats_rate_limit=str(6 * UNAUTHENTICATED_COST), trust_proxy="true") as server:
        answers = [ask(server, "/api/v1/me", "198.51.100.7", **headers).status_code for _ in range(8)]
        assert answers == [401] * 6 + [429] * 2
        assert ask(server, "/api/v1/me", "198.51.100.8", **server.make_token()).status_code == 200


def test_others_of_the_same_address_keep_nobody_out(tmp_path: Path) -> None:
    """All clients have one address where a proxy is not known to be one."""
    with LiveServer(tmp_path, api_stats_rate_limit="8") as server:
        token, other = server.make_token(), server.make_token()
        for one in (token, other):
            assert server.http.get("/api/v1/me", headers=one).status_code == 200
        while server.http.get("/login").status_code != 429:
            pass
        answers = [server.http.get("/api/v1/me", headers=token).status_code for _ in range(9)]
        assert answers == [200] * 8 + [429]
        assert server.http.get("/api/v1/me", headers=other).status_code == 200
        wrong = {"Authorization": "Bearer prtok_wrong"}
        assert server.http.get("/api/v1/me", headers=wrong).status_code == 429


def test_no_limit(tmp_path: Path) -> None:
    with LiveServer(tmp_path, api_stats_rate_limit="0") as server:
        assert {server.http.get("/login").status_code for _ in range(700)} == {200}
