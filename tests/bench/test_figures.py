"""The bench of the figures: its seed, its scan, its readers and its arithmetic; then all of it, small."""

import argparse
import datetime
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import duckdb
import msgspec
import pytest

from bench.figures import command, table
from bench.figures.reader import MONTH, YEAR, Question, Reader, judge, questions, spans
from bench.figures.result import Figures, Intake, reading
from bench.figures.run import Plan, run
from bench.figures.scan import open_tables, scan
from bench.result import Report
from bench.seed import DOMAINS, GENERATOR, Seed, SeedError, count, seed
from tests.faults.load import slow
from tests.requirements import need

NOW = int(datetime.datetime(2026, 11, 24, 6, 30, tzinfo=datetime.UTC).timestamp() * 1e6)
PAGEVIEWS = 20_000
EVENTS = " UNION ALL ".join(
    f"SELECT session_uuid, timestamp FROM {table}"
    for table in ("events_custom", "file_downloads", "outbound_link_clicks")
)
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    seed(folder, PAGEVIEWS, NOW, threads=2)
    return folder


@pytest.fixture
def tables(seeded: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(open_tables(seeded / "prisme.duckdb")) as opened:
        yield opened


def one(tables: duckdb.DuckDBPyConnection, query: str) -> float:
    row = tables.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def test_seed_is_the_same_whatever_the_threads(seeded: Path, tables: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    seed(tmp_path, PAGEVIEWS, NOW, threads=1)
    with closing(open_tables(tmp_path / "prisme.duckdb")) as others:
        assert count(others) == count(tables)
        for name in count(tables):
            query = f"SELECT bit_xor(hash(COLUMNS(*))) FROM {name}"
            assert tables.execute(query).fetchall() == others.execute(query).fetchall()


@pytest.mark.parametrize(
    ("query", "least", "most"),
    [
        ("SELECT count(*) FROM pageviews", 0.95 * PAGEVIEWS, 1.05 * PAGEVIEWS),
        ("SELECT count(*) FROM sessions", 0.3 * PAGEVIEWS, 0.3 * PAGEVIEWS),
        ("SELECT (SELECT sum(pageviews) FROM sessions) - count(*) FROM pageviews", 0, 0),
        (f"SELECT (SELECT sum(events) FROM sessions) - count(*) FROM ({EVENTS})", 0, 0),
        (f"SELECT count(*) FROM sessions ANTI JOIN (SELECT session_uuid, max(timestamp) AS exit_timestamp FROM ("
         f"{EVENTS} UNION ALL SELECT session_uuid, timestamp FROM pageviews) GROUP BY ALL) "
         "USING (session_uuid, exit_timestamp)", 0, 0),
        ("SELECT count(DISTINCT session_uuid) - count(*) FROM sessions", 0, 0),
        ("SELECT max(epoch_us(exit_timestamp) - epoch_us(entry_timestamp)) FROM sessions", 1, DAY),
        ("SELECT avg((device_type = 'desktop')::INT) FROM sessions", 0.55, 0.65),
        (f"SELECT count(*) FROM ({EVENTS}) ANTI JOIN sessions USING (session_uuid)", 0, 0),
        ("SELECT count(*) FROM pageviews ANTI JOIN sessions USING (session_uuid, visitor_id, domain)", 0, 0),
        (f"SELECT max(epoch_us(timestamp)) - {NOW} FROM pageviews", -DAY, -1),
        (f"SELECT min(epoch_us(timestamp)) - {NOW} FROM pageviews", -365 * DAY, -364 * DAY),
        ("SELECT avg((domain = 'example.com')::INT) FROM sessions", 0.47, 0.53),
        ("SELECT avg((utm_source <> '')::INT) FROM sessions", 0.08, 0.12),
        ("SELECT count(DISTINCT session_uuid) FROM events_custom", 0.1 * 0.3 * PAGEVIEWS, 0.14 * 0.3 * PAGEVIEWS),
        ("SELECT max(days) FROM (SELECT count(DISTINCT timestamp::DATE) AS days FROM pageviews WHERE is_anon "
         "GROUP BY visitor_id)", 1, 2),
        ("SELECT max(days) FROM (SELECT count(DISTINCT timestamp::DATE) AS days FROM pageviews WHERE NOT is_anon "
         "GROUP BY visitor_id)", 5, 60),
        ("SELECT count(*) FROM pageviews WHERE status = 404", 1, 0.05 * PAGEVIEWS),
        ("SELECT count(*) FROM sessions WHERE session_timestamp <> date_trunc('millisecond', entry_timestamp)", 0, 0),
    ],
    ids=[
        "pageviews", "sessions", "sessions count them", "and events", "exits", "ids", "a day at most", "desktops",
        "events of sessions", "of sessions", "end", "start",
        "domains", "campaigns", "custom", "anonymous for a day", "named for many", "lost pages", "time in ids",
    ],
)  # fmt: skip
def test_seed_has(tables: duckdb.DuckDBPyConnection, query: str, least: float, most: float) -> None:
    assert least <= one(tables, query) <= most


def test_seeded_folder_is_used_again_on_the_same_day(seeded: Path) -> None:
    before = (seeded / "prisme.duckdb").stat().st_mtime_ns
    seed(seeded, PAGEVIEWS, NOW + 1_000_000)
    assert (seeded / "prisme.duckdb").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "changes", [{"generator": 0}, {"pageviews": 1}, {"end": NOW - DAY}], ids=["generator", "count", "day"]
)
def test_seed_of_another_kind_does_not_serve(changes: dict[str, int]) -> None:
    made = Seed(GENERATOR, PAGEVIEWS, NOW, {}, 1.0)
    assert made.serves(PAGEVIEWS, NOW)
    assert not msgspec.structs.replace(made, **changes).serves(PAGEVIEWS, NOW)


def test_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "prisme.duckdb").write_text("years of work")
    with pytest.raises(SeedError, match="not made by the bench"):
        seed(tmp_path, PAGEVIEWS, NOW)
    assert (tmp_path / "prisme.duckdb").read_text() == "years of work"


@pytest.mark.parametrize("since", [MONTH, YEAR])
def test_scan_and_questions_of_a_span(tables: duckdb.DuckDBPyConnection, since: str) -> None:
    assert scan(tables, *spans(since, NOW)) > 0
    everything, *of_domains = questions(tables, since, NOW)
    assert [one.domain for one in of_domains] == list(DOMAINS)
    assert everything.pageviews == sum(one.pageviews for one in of_domains) > 0
    assert everything.start == spans(since, NOW)[0].start


def test_question_says_all_in_its_path() -> None:
    before = time.time()
    path, _, query = Question(MONTH, "example.com", 0, 1).path.partition("?")
    asked = dict(parse_qsl(query))
    assert path == "/api/v1/stats/dashboard"
    # Until now, to the microsecond: so that no answer is one that the server remembers.
    assert before - 1e-5 <= float(asked.pop("to")) <= time.time() + 1e-5
    assert asked == {"from": MONTH, "tz": "UTC", "domain": "example.com"}
    assert "domain" not in Question(MONTH, "", 0, 1).path


def dashboard(start: int, pageviews: int) -> bytes:
    return json.dumps({"period": {"from": start, "to": start + 9}, "totals": {"pageviews": pageviews}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "quiet", "fine"),
    [
        (200, dashboard(60, 7), True, True),
        (200, dashboard(60, 8), True, False),
        (200, dashboard(60, 8), False, True),
        (200, dashboard(60, 6), False, False),
        (200, dashboard(120, 3), True, True),
        (200, dashboard(120, 0), False, False),
        (503, dashboard(60, 7), True, False),
        (200, b"{}", True, False),
        (200, b"<html>", True, False),
    ],
    ids=["as seeded", "more", "more under load", "fewer", "midnight", "none", "refused", "empty", "no JSON"],
)
def test_answer_is_judged(status: int, body: bytes, quiet: bool, fine: bool) -> None:
    assert (not judge(Question(MONTH, "", 60_000_000, 7), status, body, quiet)) is fine


class Stub(BaseHTTPRequestHandler):
    """Answers with a dashboard of 7 pageviews, to who has the token; counts connections."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        Stub.connections += 1
        super().setup()

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer secret"
        body = dashboard(60, 7)
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    Stub.connections = 0
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_reader_keeps_its_connection(port: int) -> None:
    with closing(Reader(port, "secret", 0)) as reader:
        answers = reader.read([Question(MONTH, "", 60_000_000, 7)] * 3, quiet=True)
    assert [answer.fault for answer in answers] == ["", "", ""]
    assert all(answer.seconds > 0 for answer in answers)
    assert Stub.connections == 1


def test_reader_stops_at_a_fault(port: int) -> None:
    with closing(Reader(port, "wrong", 0)) as reader:
        (answer,) = reader.read_until(threading.Event(), [Question(MONTH, "", 60_000_000, 7)])
    assert "status 401" in answer.fault


def test_reader_stops_when_told(port: int) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with closing(Reader(port, "secret", 0.01)) as reader:
        answers = reader.read_until(stop, [Question(MONTH, "", 60_000_000, 7)])
    assert len(answers) > 1


def test_no_server_is_a_fault() -> None:
    with closing(Reader(1, "secret", 0)) as reader:
        assert "refused" in reader.ask(Question(MONTH, "", 0, 1), quiet=True).fault


def make_figures(p99: float = 3000) -> Figures:
    """A run whose answers took 100 to 300 ms, where 20 ms are a scan."""
    times = [0.1] * 10 + [0.2] * 9 + [0.3]
    latency = {"p50": 500.0, "p90": 600.0, "p99": 2000.0, "p99.9": 4000.0, "max": 5000.0}
    report = Report(1000, 0, 330, 1000, 0, 0, 0.2, latency)
    busy = msgspec.structs.replace(report, latency_us=latency | {"p99": p99})
    return Figures(
        "2026-11-24 06:30 UTC",
        {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"},
        {"python": "3.11.1", "wrk": "4.1.0"},
        {"rate": 2000, "seconds": 20, "think": 0.0, "memory": "512MB", "threads": 2},
        {"pageviews": 10_000_000, "sessions": 3_000_000},
        440_000_000,
        30.0,
        [
            reading("30 days, alone", times, 0.02, {}),
            reading("30 days, 5 readers", times, 0.02, {"median_ms": 250, "p95_ms": 500}),
            reading("12 months, 1 reader", times, 0.05, {"p95_ms": 150}),
        ],
        [Intake("nothing", report, 0.5, 0.01), Intake("30 days, 5 readers", busy, 0.5, 0.02)],
        2.0,
        300_000_000,
        None,
        [],
    )


@pytest.mark.parametrize(
    "line",
    [
        "| 30 days, alone | 20 | 150.0 | 200.0 | 7.50 | - |",
        "| 30 days, 5 readers | 20 | 150.0 | 200.0 | 7.50 | median 250 ms, p95 500 ms: met |",
        "| 12 months, 1 reader | 20 | 150.0 | 200.0 | 3.00 | p95 150 ms: NOT MET |",
        "| nothing | 2,000 | 0.50 | 2.00 | 1.00 | - |",
        "| 30 days, 5 readers | 2,000 | 0.50 | 3.00 | 1.50 | below 2: met |",
        "- A plain scan of the same columns took 20.0 ms (30 days) and 50.0 ms (12 months).",
    ],
)
def test_table_has(line: str) -> None:
    assert line in table.render(make_figures()).splitlines()


def test_missed_targets_are_named() -> None:
    assert table.missed(make_figures()) == ["12 months, 1 reader"]
    assert table.missed(make_figures(4000)) == ["12 months, 1 reader", "events beside 30 days, 5 readers"]


def test_figures_survive_their_file() -> None:
    figures = make_figures()
    assert msgspec.json.decode(msgspec.json.encode(figures), type=Figures) == figures


@pytest.mark.parametrize(("failures", "code"), [([], 0), (["one is lost"], 1)], ids=["missed targets", "failures"])
def test_exit_code_is_about_failures_alone(
    failures: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    assert command.finish(msgspec.structs.replace(make_figures(), failures=failures), "kept") == code
    assert (tmp_path / "kept-figures.json").exists() is not bool(failures)
    assert ("targets NOT met" in capsys.readouterr().out) is not bool(failures)


@pytest.mark.parametrize(
    ("words", "plan"),
    [
        ([], Plan(10_000_000, 20, 30, 5, 2000, 0.0, None)),
        (["--quick"], Plan(200_000, 3, 6, 5, 2000, 0.0, None)),
        (["--pageviews=5000", "--seconds=4", "--requests=3"], Plan(5000, 4, 3, 5, 2000, 0.0, None)),
        (["--readers=1", "--rate=9", "--think=0.5", "--folder=x"], Plan(10_000_000, 20, 30, 1, 9, 0.5, Path("x"))),
        (["--readers=0"], None),
        (["--pageviews=999"], None),
        (["--think=-1"], None),
    ],
    ids=["defaults", "quick", "size", "load", "no reader", "too few pageviews", "negative"],
)
def test_flags_make_a_plan(words: list[str], plan: Plan | None, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []

    def stop(one: Plan, _: object) -> Figures:
        plans.append(one)
        raise SeedError("enough")

    monkeypatch.setattr(command, "run", stop)
    parser = argparse.ArgumentParser()
    command.add_flags(parser)
    assert command.measure(parser.parse_args(words)) == (2 if plan is None else 1)
    assert plans == ([] if plan is None else [plan])


@slow
def test_all_of_it(tmp_path: Path) -> None:
    need("wrk", "wrk")
    said: list[str] = []
    figures = run(Plan(PAGEVIEWS, 2, 2, 2, 200, 0.0, tmp_path), said.append)
    assert figures.failures == []
    spans = ["30 days", "30 days", "12 months", "12 months", "30 days", "12 months"]
    assert [one.what.split(",")[0] for one in figures.readings] == spans
    assert [one.what.endswith("for the first time") for one in figures.readings] == [True, False] * 2 + [False] * 2
    assert [round(one.rate, -2) for one in figures.intakes] == [200] * 3
    assert figures.stored is not None
    assert figures.stored.pageviews == figures.stored.accepted > 3 * 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prisme.duckdb", "seed.json"]
