"""The bench's arithmetic, its reading of wrk, and its README; the bench itself runs only when asked to."""

import re

import msgspec
import pytest

from bench import table
from bench.check import check_report, check_stored, doubts
from bench.result import Report, Result, Round, Side, Stored, kept
from bench.wrk import LOADS, WrkError, read_report, works

REPORT = Report(1000, 0, 330, 1000, 0, 0, 1.5, {"p50": 1000, "p90": 2000, "p99": 3000, "p99.9": 4500, "max": 9000})
STORED = Stored(5000, 5000, 1600, 1600, 5000, 0.4, 12_000_000)

OUTPUT = """\
Running 5s test @ http://127.0.0.1:8377/
  1 threads and 64 connections
    Latency     1.52ms  483.47us   6.94ms   78.20%
Requests/sec:  30434.15

report: {"sent": 9, "refusals_expected": 0, "visits": 3, "answered": 9, "refusals": 1, "socket_errors": 2, \
"cpu_seconds": 1.459, "latency_us": {"p50": 1433, "p90": 2087, "p99": 3148, "p99.9": 5196, "max": 6942}}
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
    machine = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}
    versions = {"python": "3.11.1", "granian": "2.8.0", "wrk": "4.1.0"}
    options: dict[str, int | float | str] = {
        "rounds": 3, "seconds": 3, "connections": 64, "threads": 1, "addresses": 200_000,
    }  # fmt: skip
    return Result("pageviews", "2026-11-23 12:00 UTC", machine, versions, options, bare, other, stored, [])


def test_report_is_found_in_what_wrk_prints() -> None:
    report = read_report(OUTPUT)
    assert (report.sent, report.accepted, report.socket_errors) == (9, 8, 2)
    assert report.latency_us["p99.9"] == 5196


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
        ({"pageviews": 4999, "pageviews_of_sessions": 4999}, ["4999 pageviews stored, 5000 accepted"]),
        ({"pageviews": 5001, "pageviews_of_sessions": 5001}, ["5001 pageviews stored, 5000 accepted"]),
        ({"pageviews_of_sessions": 4000}, ["sessions count 4000 pageviews, 5000 are stored"]),
    ],
    ids=["all there", "a session was split", "one lost", "one twice", "sessions disagree"],
)
def test_all_that_was_accepted_must_be_stored_once(changes: dict[str, int], said: list[str]) -> None:
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
        "| requests accepted per second | 2,000 | 1,000 | 0.50 |",
        "| latency p99.9, ms | 1.00 | 3.00 | 3.00 |",
        "| CPU per request, us | 428.6 | 1,090.9 | 2.55 |",
        "| CPU of all rounds, s | 6.0 | 6.0 | 1.00 |",
        "| peak memory, MB | 40 | 100 | 2.50 |",
        "- Ratio of each round: 0.500 0.750 0.250; the median is 0.500.",
        "- Stored 5,000 pageviews of 5,000 accepted (warm-up included), in 1,600 sessions of 1,600 visits; "
        "database 12 MB.",
    ],
)
def test_table_has(line: str) -> None:
    assert line in table.render(make_result()).splitlines()


def test_table_of_bare_against_bare_tells_nothing_of_rows() -> None:
    rendered = table.render(make_result(None, "bare too"))
    assert "|  | bare | bare too | ratio |" in rendered
    assert "Stored" not in rendered


def test_result_survives_its_file() -> None:
    result = make_result()
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_readme_shows_the_kept_results() -> None:
    readme = table.README.read_text()
    assert table.fill(readme, kept()) == readme


def test_readme_without_a_place_for_results_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        table.fill("# The bench\n", [])


def test_each_work_uses_the_common_load() -> None:
    assert {"noscript", "pageviews"} <= set(works())
    for work in works():
        assert "load.drive(" in (LOADS / f"{work}.lua").read_text()
