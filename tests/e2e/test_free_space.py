"""Events while the disk is almost full: refused, with the time to come again, and all else goes on."""

from collections.abc import Iterator

import httpx
import pytest

from prisme.assets import GIF
from tests.e2e.event_senders import (
    BOT,
    IS_BOT,
    LINK,
    NO_LINK,
    NO_ORIGIN,
    NOSCRIPT,
    SENDERS,
    assert_gif,
    assert_interstitial,
    assert_leads_on,
    assert_refused,
    count,
    send,
)
from tests.server import CHROME, LiveServer, browser, free_port

NO_ROOM = "the disk is almost full"
PAGE = "https://example.com/a"
VIEWS = "/api/v1/events/pageviews"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that wants more room than any disk has."""
    options = {"min_free_space": "1000TB", "admin_hostport": f"127.0.0.1:{free_port()}"}
    with LiveServer(tmp_path_factory.mktemp("full"), **options) as live:
        yield live


def assert_no_room(answer: httpx.Response) -> None:
    assert_refused(answer, NO_ROOM, 503)
    assert answer.headers["retry-after"] == "60"


@pytest.mark.parametrize("sender", SENDERS)
def test_events_are_refused(full: LiveServer, sender: str) -> None:
    """A link leads on."""
    assert_no_room(send(full, sender, PAGE))
    assert count(full, "example.com") == 0


def test_pageviews_are_refused(full: LiveServer) -> None:
    assert_no_room(full.http.post(VIEWS, headers=browser(PAGE)))
    picture = full.http.get(f"{NOSCRIPT}pageviews", params={"referrer": PAGE}, headers={"User-Agent": CHROME})
    assert_no_room(picture)
    assert picture.content == GIF
    assert_gif(picture)
    assert full.rows("SELECT * FROM pageviews") == full.rows("SELECT * FROM sessions") == []


def test_room_is_the_last_step(full: LiveServer) -> None:
    """What is wrong by itself says so; whose User-Agent it is, is not asked any more."""
    assert_refused(full.http.post(VIEWS, headers=browser(PAGE, Origin="null")), NO_ORIGIN)
    assert_refused(send(full, "outbound", PAGE, ""), NO_LINK)
    answer = full.http.post(VIEWS, headers=browser(PAGE, user_agent=BOT))
    assert answer.headers["x-prisme-error"] == NO_ROOM != IS_BOT


def test_a_link_leads_on(full: LiveServer) -> None:
    answer = send(full, "outbound noscript", PAGE)
    assert_leads_on(answer)
    assert (answer.headers["x-prisme-error"], answer.headers["retry-after"]) == (NO_ROOM, "60")
    answer = send(full, "outbound noscript", PAGE, Referer=None)
    assert_interstitial(answer, LINK)
    assert answer.headers["x-prisme-error"] == NO_ROOM


def test_health_says_so(full: LiveServer) -> None:
    reason = f"disk: less than 1,000,000,000 MB are free (min_free_space) in {full.folder}"
    assert full.config.admin_hostport is not None
    host, port = full.config.admin_hostport
    for url in ("/api/v1/healthcheck", f"http://{host}:{port}/healthcheck"):
        answer = full.http.get(url)
        assert answer.status_code == 503
        assert answer.text == f"{reason}, so events are rejected: free up disk space\n"
        assert full.http.head(url).status_code == 503


def test_all_else_goes_on(full: LiveServer) -> None:
    token = full.make_token()
    assert full.http.get("/api/v1/stats/pageviews", headers=token).status_code == 200
    assert full.http.get("/static/wa.js").status_code == 200
    assert full.http.options(VIEWS).status_code == 204
    assert full.http.get("/login").status_code == 200


def test_refusals_are_counted(full: LiveServer) -> None:
    assert full.config.admin_hostport is not None
    host, port = full.config.admin_hostport

    def counted() -> float:
        text = full.http.get(f"http://{host}:{port}/metrics").text
        line = next((one for one in text.splitlines() if one.startswith('events_refused_total{reason="no_room"}')), "0")
        return float(line.split()[-1])

    before = counted()
    send(full, "custom", PAGE)
    assert counted() == before + 1
