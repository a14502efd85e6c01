"""Endurance under load: memory, sessions, flood and tail, each concluded from what it saw and run once, small."""

import asyncio
import time
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from bench.endurance import access_log, flood, imports, memory, pulse, sessions, tail, upkeep
from bench.endurance.result import read
from bench.result import percentile
from bench.server import SITE
from prisme.cli.main import main
from tests.bench.outcomes import REPORT, by_name, make_round
from tests.checkout import ROOT
from tests.faults.load import LONG
from tests.requirements import need
from tests.server import PATIENCE

# What each concludes is tested always.
slow = pytest.mark.skipif(not LONG, reason="starts servers under load for a minute: PRISME_TEST_LONG=1 does")

# ----- memory


def test_memory_target() -> None:
    bare, prisme = (memory.Peak(make_round(), peak // 2, [peak // 2], peak) for peak in (40_000_000, 351_000_000))
    outcome = memory.conclude(bare, prisme, memory.Plan(), "All stored.", [])
    assert [one.what for one in outcome.figures if not one.met] == ["peak memory"]
    assert by_name(outcome, "peak after 1 of 5 parts of the time").value == pytest.approx(175.5)


@slow
def test_memory() -> None:
    need("wrk", "wrk")
    outcome = memory.run(memory.Plan(2, 1), lambda _: None)
    assert outcome.failures == []
    assert by_name(outcome, "requests accepted").value > 0
    assert by_name(outcome, "peak memory").value >= by_name(outcome, "before the load").value > 0


# ----- sessions


@slow
def test_sessions() -> None:
    outcome = sessions.run(sessions.Plan(1_000), lambda _: None)
    assert outcome.failures == []
    assert "1,000 sessions of as many devices" in outcome.notes[0]


@pytest.mark.parametrize(
    ("held", "met", "failures"),
    [
        (sessions.Held(1000, 1000, 3000, 5_000_000, 5_600_000), True, 0),
        (sessions.Held(1000, 1000, 3000, 5_000_000, 5_601_000), False, 0),
        (sessions.Held(1000, 999, 3000, 5_000_000, 5_600_000), True, 1),
    ],
    ids=["met", "missed", "forgotten"],
)
def test_sessions_target(held: sessions.Held, met: bool, failures: int) -> None:
    outcome = sessions.conclude(held)
    assert by_name(outcome, "an open session").met is met
    assert len(outcome.failures) == failures


# ----- flood


def test_flood_has_nothing_twice() -> None:
    asked = [flood.request(number).split(b"\r\n") for number in range(5_000)]
    for line in (3, 5, 6):
        assert len({lines[line] for lines in asked}) == 5_000
    assert len({lines[2] for lines in asked}) == 1


@slow
def test_flood() -> None:
    outcome = flood.run(flood.Plan(1_500), lambda _: None)
    assert outcome.failures == []
    assert "500 requests" in outcome.notes[0]
    assert by_name(outcome, "peak memory").value > by_name(outcome, "before the flood").value


@pytest.mark.parametrize(
    ("changes", "failures", "missed"),
    [
        ({}, [], []),
        ({"peaks": [100] * 5 + [111] * 5}, [], ["peak memory"]),
        ({"accepted": 8, "rows": (8, 8, 8)}, ["8 of 9 requests were accepted"], []),
        ({"rows": (9, 8, 9)}, ["8 sessions stored, 9 accepted"], []),
    ],
    ids=["fine", "growing", "refused", "not stored"],
)
def test_flood_must_be_bounded(changes: dict[str, Any], failures: list[str], missed: list[str]) -> None:
    fine = flood.Flood(9, 9, (9, 9, 9), 50, [100] * 10)
    outcome = flood.conclude(msgspec.structs.replace(fine, **changes))
    assert outcome.failures == failures
    assert [one.what for one in outcome.figures if not one.met] == missed


# ----- tail


def test_pulse_feels_what_holds_the_loop() -> None:
    felt = pulse.Pulse(pulse.Beats(), pulse.Beats())

    async def hold() -> tuple[float, float]:
        await asyncio.sleep(0.05)
        began = time.monotonic()
        while time.monotonic() < began + 0.2 or len(felt.thread.within([(began, time.monotonic())])) < 5:
            assert time.monotonic() < began + PATIENCE
            time.sleep(0.01)  # noqa: ASYNC251  # that is the point
        await asyncio.sleep(0.05)
        return began, time.monotonic()

    span = asyncio.run(pulse.felt(hold(), felt))
    assert felt.loop.within([span])[-1] >= 190
    # Who sleeps lets go of Python's lock: the thread went on.
    assert len(felt.thread.within([span])) >= 5
    assert felt.loop.within([(0.0, 1.0)]) == []


def test_beats_of_other_times_do_not_count() -> None:
    beats = pulse.Beats([1.0, 2.0, 3.0], [0.003, 0.002, 0.001])
    assert beats.within([(0.5, 1.5), (2.5, 3.5)]) == [1.0, 3.0]


def make_seen(**changes: Any) -> tail.Seen:
    bare, prisme = make_round(), make_round(latency_us={name: 8 * us for name, us in REPORT.latency_us.items()})
    seen = tail.Seen(
        5000,
        (40_000, 10_000),
        [bare],
        [prisme],
        ([0.1, 1.0], [0.1, 20.0]),
        ([1.0], [2.0]),
        tail.Segments(4, 3, 40_000, 2),
    )
    return msgspec.structs.replace(seen, **changes)


@pytest.mark.parametrize(
    ("changes", "failures", "missed"),
    [
        ({}, [], []),
        ({"prisme": [make_round(latency_us=dict.fromkeys(REPORT.latency_us, 32_001))]}, [], ["latency p99.9"]),
        ({"loops": ([0.1], [20.1])}, [], ["the loop held, at most"]),
        ({"segments": tail.Segments(4, 0, 9, 2)}, ["no segment had even half of 15,000 events"], []),
        ({"segments": tail.Segments(4, 3, 40_000, 0)}, ["no checkpoint was seen: the rounds were too short"], []),
    ],
    ids=["fine", "slow", "held", "no large segment", "no checkpoint"],
)
def test_tail_must_be_short(changes: dict[str, Any], failures: list[str], missed: list[str]) -> None:
    outcome = tail.conclude(make_seen(**changes), tail.Plan(), "All stored.", [])
    assert outcome.failures == failures
    assert [one.what for one in outcome.figures if not one.met] == missed


def test_percentile() -> None:
    assert percentile([float(n) for n in range(1, 2001)], 0.999) == 1998
    assert percentile([7.0], 0.999) == 7


def test_rate_must_be_reached() -> None:
    assert tail._check("bare", make_round(), 1100) == []
    assert tail._check("bare", make_round(), 1200) == ["bare: 1,000 of 1,200 requests a second were reached"]


def test_checkpoints_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    with tail._checkpoints(path) as seen:
        for size in (100, 200, 50, 80):
            path.with_name("some.duckdb.wal").write_bytes(b"x" * size)
            time.sleep(0.05)
        path.with_name("some.duckdb.wal").unlink()
        time.sleep(0.05)
    assert 2 <= len(seen) <= 3  # writing anew may be seen halfway


@slow
def test_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    need("wrk", "wrk")
    monkeypatch.setattr(tail, "WARM_UP_SECONDS", 1)
    monkeypatch.setattr(tail, "REACHED", 0)  # other tests run meanwhile
    said: list[str] = []
    outcome = tail.run(tail.Plan(1, 1, 100, 1), said.append)
    assert outcome.failures == []
    assert all(one.value > 0 and one.base for one in outcome.figures)
    assert "Segments were to have 100 events or 8 MiB: of " in outcome.notes[1]


# ----- upkeep


@slow
def test_upkeep() -> None:
    need("wrk", "wrk")
    outcome = upkeep.run(upkeep.QUICK, lambda _: None)
    assert outcome.failures == []
    assert by_name(outcome, "backup: room").value > 0


def test_upkeep_targets() -> None:
    steps = [upkeep.Step("backup", 2.0, 9.0, 50_000_000, ""), upkeep.Step("delete", 5.0, 7.9, 90_000_000, "")]
    outcome = upkeep.conclude(steps, 4.0, 40_000_000, 12_000_000, [], [])
    assert by_name(outcome, "backup: time").value == 2.0
    assert not by_name(outcome, "backup: p99 of events").met
    assert by_name(outcome, "delete: p99 of events").met
    assert by_name(outcome, "backup: room").met
    assert not by_name(outcome, "delete: room").met
    assert by_name(outcome, "the file after it all").ratio == 0.3


# ----- imports


def test_the_log_has_as_many_pageviews_as_its_writer_says(tmp_path: Path) -> None:
    written = access_log.write(tmp_path / "a.log", 20_000)
    assert written.lines == 20_000
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    words = ["import", "access-log", str(tmp_path / "a.log"), "--site", SITE, "--yes", "--quiet"]
    assert main([*words, "--data-dir", str(folder)]) == 0
    with duckdb.connect(str(folder / "prisme.duckdb")) as tables:
        assert tables.execute("SELECT count(*) FROM pageviews").fetchall() == [(written.pageviews,)]
    assert 5000 < written.pageviews < 7000
    access_log.write(tmp_path / "b.log", 20_000)
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()


@slow
def test_imports() -> None:
    outcome = imports.run(imports.QUICK, lambda _: None)
    assert outcome.failures == []
    assert by_name(outcome, "peak memory of the command").met


def test_import_targets() -> None:
    ours, theirs = imports.Import(10.0, 500, 120.0, 310.0), imports.Import(35.0, 900, 60.0, 400.0)
    written = access_log.Written(1000, 500)
    outcome = imports.conclude(written, 1_000_000, ours, theirs)
    assert outcome.failures == []
    assert by_name(outcome, "time until all is stored").met
    assert by_name(outcome, "peak memory of the command").met
    assert not by_name(outcome, "peak memory of the server").met
    alone = imports.conclude(written, 1_000_000, ours, None)
    assert by_name(alone, "time until all is stored").most is None
    assert len(imports.conclude(access_log.Written(1000, 501), 1, ours, None).failures) == 1


def test_the_documentation_says_what_was_measured() -> None:
    """Of the newest run that is kept."""
    run = read(max((ROOT / "bench" / "results").glob("20*-imports.json")))
    time_ = by_name(run.outcome, "time until all is stored")
    assert run.options["lines"] == 10_000_000
    assert run.missed == []
    assert time_.ratio is not None
    assert (round(time_.value / 60), round(1 / time_.ratio)) == (3, 6)
    text = " ".join((ROOT / "docs" / "import.md").read_text().split())
    assert "Ten million lines of a log, 2 GB, took three minutes on two cores, a sixth of the time" in text
