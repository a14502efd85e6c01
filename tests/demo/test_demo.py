"""The demo: believable, the same for the same seed, through the real rules, and gone when it ends."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from prisme import assets
from prisme.access.goals import GoalList
from prisme.cli.main import main
from prisme.demo import live, waiting
from prisme.demo.filling import fill
from prisme.demo.goals import define_goals
from prisme.demo.live import LiveVisits, live_starts, send
from prisme.demo.traffic import (
    BOT_SHARE,
    BOTS,
    DAY,
    HOUR,
    NETWORKS,
    OLD,
    SECOND,
    SITES,
    Sent,
    make_traffic,
    make_visit,
)
from prisme.store.control import Control
from prisme.visit.address import parse
from prisme.visit.geo import Geo
from prisme.visit.geo_file import open_file
from tests.faults.load import LONG
from tests.server import PATIENCE, LiveServer, config_for, free_port, open_tables, wait_until

# A Monday, and four weeks.
START = 1_793_577_600_000_000 // DAY * DAY
END = START + 28 * DAY
VISITS = 4000


@pytest.fixture(scope="module")
def traffic() -> list[Sent]:
    return list(make_traffic(START, END, VISITS, 1))


def test_a_seed_makes_the_same_visits(traffic: list[Sent]) -> None:
    assert list(make_traffic(START, END, VISITS, 1)) == traffic
    assert list(make_traffic(START, END, VISITS, 2)) != traffic


def test_events_come_in_the_order_of_time(traffic: list[Sent]) -> None:
    times = [sent.at for sent in traffic]
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] < END


def first_views(traffic: list[Sent]) -> list[Sent]:
    return [
        sent for sent in traffic if sent.kind == "pageview" and not sent.referrer.startswith(f"https://{sent.site}")
    ]


def test_as_many_visits_as_asked(traffic: list[Sent]) -> None:
    assert len(first_views(traffic)) == VISITS


def test_days_and_hours_differ(traffic: list[Sent]) -> None:
    by_hour = Counter(sent.at // HOUR % 24 for sent in traffic)
    assert by_hour[10] > 4 * by_hour[3]
    by_day = Counter((sent.at // DAY + 3) % 7 for sent in traffic)
    assert max(by_day[5], by_day[6]) < min(by_day[day] for day in range(5))
    per_day = Counter(sent.at // DAY for sent in traffic)
    assert max(per_day.values()) > 1.5 * sorted(per_day.values())[-2]  # somebody wrote about the site


def test_everything_occurs(traffic: list[Sent]) -> None:
    assert {sent.kind for sent in traffic} == {"pageview", "custom", "download", "outbound"}
    assert {sent.name for sent in traffic} == {"", "sign_up", "order", "newsletter", "search"}
    assert {sent.site for sent in traffic} == set(SITES)
    assert {"", "404"} == {sent.status for sent in traffic}
    assert any(sent.visitor for sent in traffic)
    share = sum("utm_campaign" in sent.path for sent in traffic) / VISITS
    assert 0.05 < share < 0.15
    bots = sum(sent.agent in BOTS for sent in traffic) / VISITS
    assert BOT_SHARE / 2 < bots < BOT_SHARE * 2


def test_visits_reach_all_goals(traffic: list[Sent], tmp_path: Path) -> None:
    define_goals(tmp_path, 1)
    found = GoalList(Control(tmp_path)).read(None)
    assert {goal.site for goal in found.goals} < set(SITES)
    for goal in found.goals:
        kind, name = ("pageview", "path") if goal.kind == "page" else ("custom", "name")
        reached = [
            sent for sent in traffic if (sent.site, sent.kind, getattr(sent, name)) == (goal.site, kind, goal.pattern)
        ]
        assert any(f'"{goal.value or goal.sum_property}"' in sent.properties or not goal.property for sent in reached)
    assert [funnel.name for funnel in found.funnels] == ["Registration"]


def test_networks_are_in_their_countries(tmp_path: Path) -> None:
    geo = Geo(open_file(assets.COUNTRIES, tmp_path))
    try:
        for country, (networks, _) in NETWORKS.items():
            for network, third in itertools.product(networks, range(256)):
                assert geo.locate(parse(f"{network}.{third}.{third // 64 * 64 + 1}")) == (country, None), network
    finally:
        geo.close()


def test_all_goes_the_real_way(tmp_path: Path, traffic: list[Sent]) -> None:
    config = config_for(tmp_path, free_port(), origins=",".join(SITES))
    told: list[tuple[int, int]] = []
    filled = fill(config, traffic, START, lambda events, at: told.append((events, at)))
    sent = Counter(one.kind for one in traffic if one.agent not in BOTS)
    assert filled.sent == len(traffic)
    assert told[-1][0] == sent.total()
    assert filled.bots == len(traffic) - sent.total()
    with open_tables(config) as tables:

        def count(table: str) -> int:
            ((number,),) = tables.execute(f"SELECT count(*) FROM {table}").fetchall()
            return int(number)

        assert count("events_custom") == filled.stored["custom"] == sent["custom"]
        assert count("file_downloads") == filled.stored["download"] == sent["download"]
        assert count("outbound_link_clicks") == filled.stored["outbound"] == sent["outbound"]
        assert count("pageviews") == filled.stored["pageview"] == sent["pageview"]
        ((views, events, bounces, sessions),) = tables.execute(
            "SELECT sum(pageviews), sum(events), count(*) FILTER (is_bounce), count(*) FROM sessions"
        ).fetchall()
        # Every visit counts its own rows.
        assert (views, events) == (sent["pageview"], sent.total() - sent["pageview"])
        assert sessions == count("sessions") <= VISITS
        assert 0.4 < bounces / sessions < 0.65
        countries = dict(tables.execute("SELECT country_code, count(*) FROM sessions GROUP BY ALL").fetchall())
        assert set(countries) == set(NETWORKS)
        times = tables.execute("SELECT epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM pageviews").fetchall()
        assert times == [(traffic[0].at, max(one.at for one in traffic if one.kind == "pageview"))]
    assert not any(path.stat().st_size for path in (tmp_path / "journal").glob("*"))


@pytest.mark.parametrize("seed", [1, *([2] if LONG else [])])
def test_changes_are_plausible(seed: int) -> None:
    end = END + 9 * HOUR
    views = first_views(list(make_traffic(end - 90 * DAY, end, 20_000, seed)))

    def count(site: str, first: int, last: int) -> int:
        return sum(one.site == site and end - first * DAY <= one.at < end - last * DAY for one in views)

    for site, days in itertools.product(SITES, (7, 28)):
        now, before = count(site, days, 0), count(site, 2 * days, days)
        if site == OLD:  # no visits in either period, so that nothing says -100%
            assert now == before == 0 < count(site, 90, 0)
        else:
            assert -0.3 < now / before - 1 < 0.6, (site, days)


def test_live_visits_are_steady_and_not_many_more_than_usual() -> None:
    """Within the five minutes of `visiting now`, somebody is there; an hour has not ten times the usual visits."""
    starts = list(itertools.islice(live_starts(START, Random(1)), 800))
    gaps = [later - earlier for earlier, later in itertools.pairwise([START, *starts])]
    assert max(gaps) < 240 * SECOND
    per_hour = len(starts) / ((starts[-1] - START) / HOUR)
    assert per_hour < 4 * 20_000 / 90 / 24


def test_live_visits_do_not_catch_up_after_a_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    moments, sent = [time.time_ns() // 1000], threading.Event()
    times: list[int] = []

    def send_late(_: int, one: Sent) -> int:
        times.append(moments[0] - one.at)
        moments[0] += 8 * HOUR if len(times) == 1 else 0
        if len(times) > 1:
            sent.set()
        return 200

    monkeypatch.setattr(live, "_now", lambda: moments[0])
    monkeypatch.setattr(live, "send", send_late)
    with LiveVisits(1, 1):
        assert sent.wait(PATIENCE)
    assert max(times) < HOUR


def test_visits_may_be_few() -> None:
    counts = defaultdict(int)
    for visits in (1, 2, 7):
        counts[visits] = len(first_views(list(make_traffic(START, START + DAY // 3, visits, 1))))
    assert counts == {1: 1, 2: 2, 7: 7}


# ----- the command


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "prisme", "demo", "--days", "3", "--visits", "200", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    yield process, port
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_look_around(demo: tuple[subprocess.Popen[str], int], tmp_path: Path, number: signal.Signals) -> None:
    process, port = demo
    assert process.stdout
    lines: list[str] = []
    while "setup?key=" not in "".join(lines[-1:]):
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    told = "".join(lines)
    assert re.search(r"\d+ events of 3 days in \d+\.\d s", told)
    link = re.findall(rf"http://127\.0\.0\.1:{port}/setup\?key=[\w-]+", told)[0]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, verify=False) as client:
        assert client.get("/setup", params={"key": "x"}).status_code == 401
        for _ in range(2):  # each time that it is opened
            client.cookies.clear()
            assert client.get(link).headers["location"] == "/"
        assert client.get("/").headers["location"] == "/sites"
        now = "/api/v1/stats/pageviews?from=now-1m&to=now%2B1m"
        wait_until(lambda: sum(client.get(now).json()["values"]) > 0, "a live visit")
        sessions = client.get("/api/v1/stats/sessions", params={"from": "now-3d/d"}).json()["values"]
        assert 150 < sum(sessions) <= 210
        assert len(client.get("/api/v1/stats/top-countries").json()["keys"]) == 10
    assert list(tmp_path.glob("prisme-demo-*/prisme.duckdb"))
    process.send_signal(number)
    if number == signal.SIGHUP:
        process.send_signal(number)  # the shell and the system may both send it
    assert process.wait(PATIENCE) == 0
    assert not list(tmp_path.iterdir())


def test_next_port_is_used_and_says_how_far_it_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        command = [sys.executable, "-m", "prisme", "demo", "--visits", "500000", "--port", str(port)]
        environ = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
            assert process.stderr
            found = re.fullmatch(rf"Port {port} is taken: using (\d+)\.\n", process.stderr.readline())
            assert found
            page = httpx.get(f"http://127.0.0.1:{found[1]}/sites")
            assert (page.status_code, page.headers["retry-after"]) == (503, "1")
            assert re.search(r"filling its demo: \d+%", page.text)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
    assert not list(tmp_path.iterdir())


def test_no_port_is_free(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(waiting.WaitingServer, "__init__", _refuse)
    assert main(["demo", "--port", "8000"]) == 1
    assert capsys.readouterr().err == "prisme demo: the ports 8000 to 8019 are taken: choose another with --port\n"


def _refuse(*_: object) -> None:
    raise OSError


def test_live_visits_are_sent_as_browsers_would(tmp_path: Path) -> None:
    visits = [list(make_visit(time.time_ns() // 1000, site, Random(seed))) for site in SITES for seed in range(20)]
    kinds = Counter[str]()
    with LiveServer(tmp_path, origins=",".join(SITES)) as server:
        for sent in itertools.chain.from_iterable(visits):
            is_bot = sent.agent in BOTS
            assert send(server.port, sent) == (400 if is_bot else 200), sent
            kinds[sent.kind] += not is_bot
        assert server.rows("SELECT count(*) FROM pageviews") == [(kinds["pageview"],)]
        assert server.rows("SELECT count(*) FROM events_custom") == [(kinds["custom"],)]
        ((countries,),) = server.rows("SELECT count(DISTINCT country_code) FROM sessions")
        assert countries > 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_while_it_fills(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "prisme", "demo", "--visits", "500000", "--port", str(free_port())],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stderr
    assert "events" in process.stderr.readline()
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert told.endswith("\nprisme demo: stopped, all its data is deleted\n")
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--days", "0"], "prisme demo: argument --days: '0' is not a whole number from 1 to 1000"),
        (["--visits", "many"], "prisme demo: argument --visits: 'many' is not a whole number from 1 to 1000000"),
        (["--port", "0"], "prisme demo: argument -p/--port: '0' is not a whole number from 1 to 65535"),
        (["--color"], "prisme demo: unrecognized arguments: --color"),
    ],
)
def test_wrong_flags_are_told(words: list[str], told: str) -> None:
    done = subprocess.run([sys.executable, "-m", "prisme", "demo", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(told)
