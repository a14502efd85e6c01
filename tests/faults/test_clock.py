"""A wall clock that is set forward and back, and midnights: nothing is lost, nobody is let in or shut out by it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.load import HOME, PAGEVIEWS, TIMES, Load, Report, count, flow
from tests.server import LiveServer, browser, make_token

DAY = 86_400.0
HOUR = 3_600.0


def view(server: LiveServer, page: str, referrer: str = "", address: str = "8.8.8.8") -> int:
    referrer = referrer and f"{HOME}/{referrer}"
    headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer, X_Forwarded_For=address)
    return server.http.post(PAGEVIEWS, headers=headers).status_code


def at_noon(folder: Path, jump: float = 0.0) -> LiveServer:
    """A server that starts at the next noon (UTC), or so many seconds later."""
    server = LiveServer(folder, trust_proxy="true")
    server.time.move(until_midnight(server) + DAY / 2)
    server.time.jump(jump)
    return server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with at_noon(tmp_path / "data") as server:
        yield server


def until_midnight(server: LiveServer) -> float:
    return DAY - server.now() % DAY


def kept_salts(server: LiveServer) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(server.folder / "secrets.sqlite")) as secrets:
        return secrets.execute("SELECT day, salt FROM salts WHERE name = 'today'").fetchall()


def test_clock_jumps_under_load(server: LiveServer, report: Report) -> None:
    jumps = [DAY, -DAY, -DAY, 2 * DAY, -3 * DAY, 2 * DAY] * TIMES
    load = Load(server.port, "jumps")
    for jump in jumps:
        flow([load])
        server.time.jump(jump)
    for _ in range(2 * TIMES):
        server.time.jump(until_midnight(server) - 0.2)
        before = int(server.now() // DAY)
        while int(server.now() // DAY) == before:
            flow([load])
    flow([load])
    load.stop()
    report("clock jumps of days, midnights", len(jumps) + 2 * TIMES, count(server, [load]), 0)
    assert load.refused == 0

    # Ids sort by time, whatever the order in which the clock gave it.
    disordered = """
        SELECT count(*) FROM (
            SELECT entry_timestamp, lag(entry_timestamp) OVER (ORDER BY session_uuid) AS before FROM sessions
        ) WHERE before > entry_timestamp
    """
    assert server.rows(disordered) == [(0,)]
    strange = "SELECT count(*) FROM sessions WHERE session_timestamp <> date_trunc('milliseconds', entry_timestamp)"
    assert server.rows(strange) == [(0,)]
    days = server.rows("SELECT count(DISTINCT entry_timestamp::DATE) FROM sessions")[0][0]
    assert days >= 4


@pytest.mark.parametrize("jumps", [(DAY, -DAY), (-DAY, DAY)], ids=["forward and back", "back and forward"])
def test_each_jump_to_another_day_has_a_salt_of_its_own(server: LiveServer, jumps: tuple[float, float]) -> None:
    seen = []
    for number, jump in enumerate((0.0, *jumps)):
        server.time.jump(jump)
        assert view(server, f"a-{number}", address="8.8.4.4") == 200
        ((day, salt),) = kept_salts(server)
        assert day == int(server.now() // DAY)
        seen.append(salt)
    assert len(set(seen)) == 3
    # A visitor that was seen before one more jump is another one after it, on a page that nobody came from.
    visitors = server.rows("SELECT path, visitor_id FROM pageviews ORDER BY path")
    assert len({visitor for _, visitor in visitors}) == 3


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_the_rate_limit_goes_by_another_clock(tmp_path: Path, jump: float) -> None:
    with LiveServer(tmp_path / "data", trust_proxy="true", api_events_rate_limit="3") as server:
        assert [view(server, str(number)) for number in range(4)] == [200, 200, 200, 429]
        server.time.jump(jump)
        assert view(server, "shut") == 429
        assert view(server, "another", address="8.8.4.4") == 200
        server.time.move(61)
        assert view(server, "open") == 200


@pytest.mark.parametrize(
    ("jump", "pageviews"),
    [(-6 * HOUR, [3]), (HOUR / 2 - 60, [3]), (HOUR / 2 + 60, [1, 2]), (-DAY, [1, 2]), (-7 * DAY, [1, 2])],
    ids=["hours back", "almost half an hour", "over half an hour", "a day back", "a week back"],
)
def test_visits_go_on_within_a_day_and_half_an_hour(server: LiveServer, jump: float, pageviews: list[int]) -> None:
    """Another day has another key."""
    assert view(server, "a") == 200
    server.time.jump(jump)
    assert view(server, "b", "a") == 200
    assert view(server, "c", "b") == 200
    assert server.rows("SELECT pageviews FROM sessions ORDER BY pageviews") == [(number,) for number in pageviews]
    span = {"from": "now-30d/d", "to": "now+30d"}
    answer = server.http.get("/api/v1/stats/sessions-duration", params=span, headers=make_token(server.folder))
    assert answer.status_code == 200
    assert min(answer.json()["values"]) == 0  # a session never lasts less than no time


@pytest.mark.parametrize(("jump", "visits"), [(HOUR / 3, [4]), (-6 * HOUR, [4]), (DAY, [2, 2]), (-DAY, [2, 2])])
def test_a_restart_with_another_time(tmp_path: Path, jump: float, visits: list[int]) -> None:
    """As a machine whose clock was wrong until the network set it right."""
    for step in range(2):
        with at_noon(tmp_path / "data", jump * step) as server:
            assert view(server, f"{step}-a", "0-b" if step else "") == 200
            assert view(server, f"{step}-b", f"{step}-a") == 200
    assert server.rows("SELECT pageviews FROM sessions") == [(pageviews,) for pageviews in visits]
    assert server.rows("SELECT exit_path FROM sessions WHERE exit_path = '/1-b'") == [("/1-b",)]
    assert server.rows("SELECT count(*) FROM pageviews") == [(4,)]
