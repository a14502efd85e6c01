"""Sources and channels of real visits: what the dashboard and the stats API call them, and what is kept of an ad."""

import pytest

from tests.e2e.pageviews import sessions, view
from tests.server import LiveServer, browser

VISITS = {
    "/?utm_source=chatgpt.com": "",
    "/?gclid=secret-of-a-click&x=1": "https://www.google.com/",
    "/?GCLID=secret-of-a-click": "",
    "/?fbclid=secret-of-a-click": "https://l.facebook.com/",
    "/?utm_source=Letter&utm_medium=E-Mail": "https://mail.google.com/",
    "/letter?utm_source=letter": "",
    "/quiet": "",
}


@pytest.fixture(scope="module")
def visited(proxied: LiveServer) -> str:
    site = "sources.example.com"
    for number, (page, referrer) in enumerate(VISITS.items(), 1):
        headers = browser(
            f"https://{site}{page}", X_Prisme_Document_Referrer=referrer, X_Forwarded_For=f"8.8.9.{number}"
        )
        assert proxied.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    proxied.settle()
    return site


def ask(server: LiveServer, figure: str, site: str, **filters: str) -> dict[str, int]:
    answer = server.http.get(
        f"/api/v1/stats/{figure}", params={"domain": site, **filters}, headers=server.make_token()
    ).json()
    return dict(zip(answer["keys"], answer["values"], strict=True))


def test_visits_have_a_source_and_a_channel(proxied: LiveServer, visited: str) -> None:
    found = {"ChatGPT": 1, "Direct": 1, "Facebook": 1, "Google": 2, "letter": 2}
    assert ask(proxied, "top-sources", visited) == found
    assert ask(proxied, "top-channels", visited) == {
        "AI assistants": 1, "Campaign": 1, "Direct": 1, "Email": 1, "Paid search": 2, "Social": 1,
    }  # fmt: skip
    assert ask(proxied, "top-channels", visited, source="chatgpt") == {"AI assistants": 1}
    assert ask(proxied, "top-sources", visited, channel="paid search") == {"Google": 2}
    assert ask(proxied, "top-sources", visited, source="!Google,!L*", channel="!Direct") == {
        "ChatGPT": 1, "Facebook": 1, "letter": 2,
    }  # fmt: skip
    assert ask(proxied, "top-pages", visited, source="letter") == {"/": 1, "/letter": 1}
    assert ask(proxied, "top-referrers", visited, referrer="www.google.com") == {"www.google.com": 1}


@pytest.mark.parametrize(
    "filters", [{"source": "Google"}, {"source": "!Google", "from": "now-9d/d"}, {"channel": "Email"}]
)
def test_dashboards_by_source_are_counted_and_kept(proxied: LiveServer, visited: str, filters: dict[str, str]) -> None:
    """Their tables are made while the table of sources is read."""
    token = proxied.make_token()
    for _ in range(2):
        answer = proxied.http.get("/api/v1/stats/dashboard", params={"domain": visited, **filters}, headers=token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["totals"]["sessions"] == sum(ask(proxied, "top-sources", visited, **filters).values())


def test_of_a_click_id_the_name_alone_is_kept(proxied: LiveServer, visited: str) -> None:
    kept = [click_id for (click_id,) in sessions(proxied, visited, "click_id")]
    assert kept == ["", "gclid", "gclid", "", "", "", ""]
    for path in proxied.folder.rglob("*"):
        if path.is_file():
            assert b"secret-of-a-click" not in path.read_bytes(), path


def test_a_click_id_begins_no_visit(live: LiveServer, site: str) -> None:
    """Nor does it change that of the visit that goes on."""
    assert view(live, f"https://{site}/") == 200
    assert view(live, f"https://{site}/?gclid=x") == 200
    assert sessions(live, site, "pageviews, click_id") == [(2, "")]
