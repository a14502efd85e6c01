"""The bench's arithmetic, its reading of wrk, and its README; then each work, for a second."""

import re
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import duckdb
import msgspec
import pytest

from bench import contest, table
from bench.builds.result import Builds
from bench.check import check_report, check_stored, doubts
from bench.contest import Contest, run
from bench.endurance.result import Endurance, Outcome
from bench.result import Report, Result, Round, Side, Stored, kept
from bench.server import Server, database, make_environment, start_bare, start_prisme
from bench.wrk import LOADS, Load, WrkError, read_report, works
from tests.faults.load import LONG
from tests.requirements import need

TABLES = {"custom": "events_custom", "download": "file_downloads", "outbound": "outbound_link_clicks"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
REPORT = Report(1000, 0, 330, 1000, 0, 0, 1.5, {"p50": 1000, "p90": 2000, "p99": 3000, "p99.9": 4500, "max": 9000})
STORED = Stored(5000, 5000, 1600, 1600, 5000, 0.4, 12_000_000, {"events_custom": 70}, {"events_custom": 70})
MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}

OUTPUT = """\
Running 5s test @ http://127.0.0.1:8377/
  1 threads and 64 connections
    Latency     1.52ms  483.47us   6.94ms   78.20%
Requests/sec:  30434.15

report: {"sent": 9, "refusals_expected": 0, "rows": {"pageviews": 9}, "visits": 3, "answered": 9, "refusals": 1, \
"socket_errors": 2, "cpu_seconds": 1.459, \
"latency_us": {"p50": 1433, "p90": 2087, "p99": 3148, "p99.9": 5196, "max": 6942}}
"""


def make_round(accepted: int, latency: float = 1000, cpu: float = 2.0) -> Round:
    """A round of two seconds of load."""
    report = msgspec.structs.replace(
        REPORT, sent=accepted, answered=accepted, latency_us=dict.fromkeys(REPORT.latency_us, latency)
    )
    return Round(report, 2.0, cpu, 0.5, 0.01, 0.3)


def make_result(stored: Stored | None = STORED, name: str = "prisme") -> Result:
    """Rounds in which Prisme keeps a half, three quarters and a quarter."""
    bare = Side("bare", [make_round(4000), make_round(2000), make_round(8000)], 40_000_000)
    other = Side(name, [make_round(2000, 3000), make_round(1500, 2000), make_round(2000, 4000)], 100_000_000)
    versions = {"python": "3.11.1", "granian": "2.8.0", "wrk": "4.1.0"}
    options: dict[str, int | float | str] = {
        "rounds": 3, "seconds": 3, "connections": 64, "threads": 1, "addresses": 200_000,
    }  # fmt: skip
    return Result("pageviews", "2026-11-23 12:00 UTC", MACHINE, versions, options, bare, other, stored, [])


def test_report_is_found_in_what_wrk_prints() -> None:
    report = read_report(OUTPUT)
    assert (report.sent, report.accepted, report.socket_errors) == (9, 8, 2)
    assert report.latency_us["p99.9"] == 5196
    assert report.rows == {"pageviews": 9}


@pytest.mark.parametrize(
    "output",
    [
        "Running 5s test",
        "unable to connect to 127.0.0.1:1 Connection refused",
        "bench/load/load.lua:3: attempt to index a nil value",
    ],
    ids=["no report", "no server", "a mistake in a script"],
)
def test_missing_report_tells_what_wrk_said(output: str) -> None:
    with pytest.raises(WrkError, match=re.escape(output)):
        read_report(output)


@pytest.mark.parametrize(
    ("changes", "expected", "said"),
    [
        ({}, 0, []),
        ({"answered": 998}, 0, ["prisme: 2 of 1000 requests were not answered"]),
        ({"refusals": 3}, 0, ["prisme: 3 answers were no success, 0 should be"]),
        ({"refusals": 3}, 3, []),
        ({}, 3, ["prisme: 0 answers were no success, 3 should be"]),
        ({"socket_errors": 1}, 0, ["prisme: 1 socket errors or timeouts"]),
        ({"sent": 0, "answered": 0}, 0, ["prisme: no request was accepted"]),
    ],
    ids=["fine", "unanswered", "refused", "refused as expected", "not refused", "sockets", "nothing at all"],
)
def test_a_round_must_be_without_fault(changes: dict[str, int], expected: int, said: list[str]) -> None:
    assert check_report("prisme", msgspec.structs.replace(REPORT, **changes), expected) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"sessions": 1601}, []),
        ({"events": {"events_custom": 69}}, ["69 rows stored in events_custom, 70 accepted"]),
        ({"events": {"events_custom": 70, "file_downloads": 1}}, ["1 rows stored in file_downloads, 0 accepted"]),
        ({"pageviews": 4999, "pageviews_of_sessions": 4999}, ["4999 pageviews stored, 5000 accepted"]),
        ({"pageviews": 5001, "pageviews_of_sessions": 5001}, ["5001 pageviews stored, 5000 accepted"]),
        ({"pageviews_of_sessions": 4000}, ["sessions count 4000 pageviews, 5000 are stored"]),
    ],
    ids=[
        "all there", "a session was split", "an event lost", "an event of another kind", "one lost", "one twice",
        "sessions disagree",
    ],
)  # fmt: skip
def test_all_that_was_accepted_must_be_stored_once(changes: dict[str, object], said: list[str]) -> None:
    assert check_stored(msgspec.structs.replace(STORED, **changes)) == said


@pytest.mark.parametrize(
    ("wrk", "threads", "others", "count"),
    [(0.5, 1, 0.1, 0), (0.95, 1, 0.1, 1), (0.95, 2, 0.1, 0), (0.5, 1, 0.5, 1), (1.9, 2, 0.5, 2)],
    ids=["fine", "wrk busy", "wrk busy on one of two", "others busy", "both"],
)
def test_doubts_are_said(wrk: float, threads: int, others: float, count: int) -> None:
    assert len(doubts(wrk, threads, others)) == count


def test_ratios_are_of_each_round() -> None:
    result = make_result()
    assert result.rate_ratios == [0.5, 0.75, 0.25]
    assert result.bare.cpu_per_request == pytest.approx(6 / 14_000 * 1e6)


@pytest.mark.parametrize(
    "line",
    [
        # Medians of the rates, and the median of the ratios (0.5), which is not the ratio of the medians.
        "| requests per second | 2,000 | 1,000 | 0.50 |",
        "| latency p99.9, ms | 1.00 | 3.00 | 3.00 |",
        "| CPU per request, us | 428.6 | 1,090.9 | 2.55 |",
        "| CPU of all rounds, s | 6.0 | 6.0 | 1.00 |",
        "| peak memory, MB | 40 | 100 | 2.50 |",
        "- Ratio of each round: 0.500 0.750 0.250; the median is 0.500.",
        "- Stored 5,000 pageviews of 5,000 accepted (warm-up included), in 1,600 sessions of 1,600 visits; "
        "database 12 MB.",
        "- Stored 70 rows in events_custom of 70 accepted.",
    ],
)
def test_table_has(line: str) -> None:
    assert line in table.render(make_result()).splitlines()


def test_table_of_bare_against_bare_tells_nothing_of_rows() -> None:
    rendered = table.render(make_result(None, "bare too"))
    assert "|  | bare | bare too | ratio |" in rendered
    assert "Stored" not in rendered


def test_table_of_a_work_that_stores_nothing_tells_so() -> None:
    rendered = table.render(make_result(msgspec.structs.replace(STORED, accepted=0, events_accepted={})))
    assert "- Nothing was to be stored, and nothing was.\n" in rendered
    assert "Stored" not in rendered


def test_requests_refused_as_expected_count_in_the_rate_and_are_told() -> None:
    report = msgspec.structs.replace(REPORT, refusals_expected=100, refusals=100)
    other = Side("prisme", [Round(report, 2.0, 2.0, 0.5, 0.01, 0.3)], 100_000_000)
    result = msgspec.structs.replace(make_result(), bare=Side("bare", [make_round(1000)], 40_000_000), other=other)
    assert (report.accepted, result.rate_ratios, other.cpu_per_request) == (900, [1.0], 2000.0)
    assert "- Refused 100 requests in the rounds, as expected." in table.render(result).splitlines()


@pytest.mark.parametrize(
    ("work", "name", "row"),
    [
        ("preflight", "prisme", "| preflight | 0.500 | 0.250, 0.750 | 0.90: NOT MET | "),
        ("pageviews", "prisme", "| pageviews | 0.500 | 0.250, 0.750 | - | "),
        ("mixed", "bare too", "| mixed, bare against bare | 0.500 | 0.250, 0.750 | - | "),
    ],
)
def test_summary_has(work: str, name: str, row: str) -> None:
    rest = "2,000 / 1,000 | 1.00 / 3.00 | 428.6 / 1,090.9 | 40 / 100 | 2026-11-23 12:00 UTC |"
    assert row + rest in table.summary([msgspec.structs.replace(make_result(name=name), work=work)]).splitlines()


def test_target_is_met_where_the_median_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.TARGETS, "pageviews", 0.5)
    assert "| 0.50: met |" in table.summary([make_result()])


def test_each_target_is_of_a_work() -> None:
    assert set(table.TARGETS) == set(works()) - {"pageviews"}


def test_result_survives_its_file() -> None:
    result = make_result()
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_readme_shows_the_kept_results() -> None:
    readme = table.README.read_text()
    assert table.fill(readme, kept()) == readme


def test_section_has_summaries_first_then_runs_of_every_kind(tmp_path: Path) -> None:
    results = []
    lasting = Endurance("disk", "2026-11-24 10:00 UTC", MACHINE, {}, {}, Outcome(("a", "b"), [], [], []))
    figures = next(path for path in kept() if path.stem.endswith("-figures"))
    beside = msgspec.structs.replace(make_result().bare, name="umami")
    for name, content in (
        ("a-disk", msgspec.json.encode(lasting)),
        ("b-figures", figures.read_bytes()),
        ("c-pageviews", msgspec.json.encode(make_result())),
        ("d-umami", msgspec.json.encode(msgspec.structs.replace(make_result(), work="against umami", bare=beside))),
        ("e-builds", msgspec.json.encode(Builds("2026-11-24 10:00 UTC", MACHINE, {}, {}, [], [], [], ("a", "b")))),
    ):
        results.append(tmp_path / f"{name}.json")
        results[-1].write_bytes(content)
    titles = [line for line in table.section(results).splitlines() if line.startswith("### ")]
    assert titles[:4] == [
        "### Builds side by side",
        "### Ratios of all contests",
        "### Other programs",
        "### Targets of endurance",
    ]
    assert titles[4].startswith("### figures, ")
    assert titles[5:] == ["### endurance: disk, 2026-11-24 10:00 UTC"]


def test_latest_run_of_each_work_and_machine_counts(tmp_path: Path) -> None:
    result = make_result()
    other_machine = MACHINE | {"cpu": "Another CPU"}
    runs = [
        result,
        msgspec.structs.replace(result, at="2026-11-25 12:00 UTC"),
        msgspec.structs.replace(result, at="2026-11-24 12:00 UTC", machine=other_machine),
        msgspec.structs.replace(result, at="2026-11-20 12:00 UTC", work="mixed"),
    ]
    paths = [tmp_path / f"{number}.json" for number in range(len(runs))]
    for path, one in zip(paths, runs, strict=True):
        path.write_bytes(msgspec.json.encode(one))
    rows = [line.split(" | ") for line in table.section(paths).splitlines() if line.startswith(("| page", "| mixed"))]
    assert [(row[0], row[-1]) for row in rows] == [
        ("| mixed", "2026-11-20 12:00 UTC |"),
        ("| pageviews", "2026-11-25 12:00 UTC |"),
        ("| pageviews", "2026-11-24 12:00 UTC |"),
    ]


def test_program_that_was_not_measured_has_no_cpu() -> None:
    result = make_result()
    rounds = [msgspec.structs.replace(one, server_cpu=0) for one in result.bare.rounds]
    notes = ["umami stored 9 of 9 accepted."]
    result = msgspec.structs.replace(result, bare=Side("umami", rounds, 0), notes=notes)
    told = table.beside([result]).splitlines()
    assert any("| umami | 0.500 | " in line and "| - / 1,090.9 | - / 100 |" in line for line in told)
    assert f"- {notes[0]}" in told
    assert "| CPU per request, us | - | 1,090.9 | - |" in table.render(result).splitlines()


def test_section_without_results_says_so() -> None:
    assert table.section([]) == "No result is kept yet.\n"


def test_readme_without_a_place_for_results_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        table.fill("# The bench\n", [])


def test_each_work_uses_the_common_load() -> None:
    assert {"noscript", "pageviews"} <= set(works())
    for work in works():
        assert "load.drive(" in (LOADS / f"{work}.lua").read_text()


def run_briefly(work: str, monkeypatch: pytest.MonkeyPatch, rounds: int = 0) -> Result:
    """A contest of a warm-up of two seconds, and so many rounds of one.

    Visits begin with pageviews, so events come only after as many requests as there are open visits. A busy machine
    must get that far within them.
    """
    need("wrk", "wrk")
    monkeypatch.setattr(contest, "WARM_UP_SECONDS", 2)
    load = Load(work, 1, connections=4, addresses=20_000, open_visits=8)
    return run(Contest(load, rounds, noise=False), lambda _: None)


@pytest.mark.parametrize("work", works() if LONG else ["pageviews", "custom"])
def test_work_runs_without_fault(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_briefly(work, monkeypatch)
    assert result.failures == []
    assert result.stored is not None
    assert (result.stored.pageviews > 0) is (work != "preflight")
    assert [name for name, rows in result.stored.events.items() if rows] == [
        name for one, name in TABLES.items() if one == work
    ]


def test_one_in_ten_of_mixed_is_refused_by_prisme_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_briefly("mixed", monkeypatch, rounds=1)
    bare, other = result.bare.rounds[0].report, result.other.rounds[0].report
    assert (bare.refusals, other.refusals) == (0, other.sent // 10)
    assert "as expected" in table.render(result)


@pytest.mark.parametrize(
    ("work", "options", "said"),
    [
        ("mixed", {"origins": "example.com,another.example"}, r"prisme: 0 answers were no success, [1-9]\d* should be"),
        ("outbound", {"api-events-rate-limit": "1"}, r"prisme: [1-9]\d* answers were no success, 0 should be"),
    ],
    ids=["refuses too few", "refuses too many"],
)
def test_run_fails_where_prisme(work: str, options: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "start_prisme", lambda folder: start_prisme(folder, options))
    failures = run_briefly(work, monkeypatch).failures
    assert [failure for failure in failures if re.fullmatch(said, failure)]


def test_run_fails_where_a_row_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    lose = "DELETE FROM {0} WHERE rowid = (SELECT min(rowid) FROM {0})"

    def find(folder: Path) -> Path:
        with closing(duckdb.connect(str(database(folder)))) as tables:
            tables.execute(lose.format("pageviews"))
            tables.execute(lose.format("events_custom"))
        return database(folder)

    monkeypatch.setattr(contest, "database", find)
    result = run_briefly("custom", monkeypatch)
    assert result.stored is not None
    accepted, events = result.stored.accepted, result.stored.events_accepted["events_custom"]
    assert result.failures == [
        f"{accepted - 1} pageviews stored, {accepted} accepted",
        f"sessions count {accepted} pageviews, {accepted - 1} are stored",
        f"{events - 1} rows stored in events_custom, {events} accepted",
    ]


def ask(server: Server, method: str, path: str, body: str, more: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    headers = {"Origin": "https://example.com", "X-Prisme-Referrer": "https://example.com/", "User-Agent": BROWSER}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request(method, path, body, headers | more)
        answer = connection.getresponse()
        return answer.status, {name: value for name, value in answer.getheaders() if name != "date"}, answer.read()


def test_bare_answers_as_prisme_does(tmp_path: Path) -> None:
    events, json = "/api/v1/events", {"Content-Type": "application/json"}
    asked = re.search(r"x-prisme-\S*(?=\\r)", (LOADS / "preflight.lua").read_text())
    assert asked is not None
    leave = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked[0]}
    requests = [
        ("POST", f"{events}/pageviews", "", {}),
        ("GET", "/api/v1/noscript/events/pageviews?referrer=https://example.com/a", "", {}),
        ("POST", f"{events}/custom/sign_up", '{"plan":"pro"}', json),
        ("POST", f"{events}/outbound-links", "https://example.org/", {}),
        ("POST", f"{events}/file-downloads", "https://example.com/a.pdf", {}),
        ("OPTIONS", f"{events}/pageviews", "", leave),
        ("GET", "/api/v1/healthcheck", "", {}),
    ]
    with closing(start_prisme(tmp_path)) as prisme, closing(start_bare(tmp_path)) as bare:
        prisme.wait_ready()
        bare.wait_ready()
        answers = [(ask(bare, *one), ask(prisme, *one)) for one in requests]
    assert [of_bare for of_bare, _ in answers] == [of_prisme for _, of_prisme in answers]
    assert [of_bare[0] for of_bare, _ in answers] == [200] * 5 + [204, 200]


def test_servers_have_no_options_of_the_one_who_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRISME_PORT", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/libraries")
    environment = make_environment(Path("/checkout"))
    assert environment["PYTHONPATH"] == "/checkout:/libraries"
    assert not environment.keys() & {"PRISME_PORT", "PYTHONDONTWRITEBYTECODE"}
