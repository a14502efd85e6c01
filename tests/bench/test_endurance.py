"""Endurance: what each measure concludes from what it saw, its parts, and each of them run once, small."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from bench.check import check_stored, count_all
from bench.endurance import __main__ as command
from bench.endurance import child, disk, flood, growth, loading, memory, pulse, sessions, start, table, tail
from bench.endurance.result import WHATS, Endurance, Figure, Outcome, compare, is_endurance, read
from bench.endurance.traffic import PAGES, Traffic, make_pages
from bench.result import Report, Round, percentile, save
from bench.server import ServerError
from tests.requirements import need

NOW = 1_790_000_000_000_000
REPORT = Report(1000, 0, 330, 1000, 0, 0, 1.5, {"p50": 1000, "p90": 2000, "p99": 3000, "p99.9": 4000, "max": 9000})
MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}


def make_round(**changes: Any) -> Round:
    return Round(msgspec.structs.replace(REPORT, **changes), 1.0, 0.5, 0.5, 0.01, 0.3)


def by_name(outcome: Outcome, what: str) -> Figure:
    (found,) = [one for one in outcome.figures if one.what == what]
    return found


def make_run(*figures: Figure, failures: tuple[str, ...] = ()) -> Endurance:
    outcome = Outcome(("without", "with"), list(figures), ["A note."], list(failures))
    return Endurance("disk", "2026-11-26 10:00 UTC", MACHINE, {"python": "3.11.1"}, {"events": 3}, outcome)


# ----- results


@pytest.mark.parametrize(
    ("figure", "met", "row"),
    [
        (Figure("a", "s", 4.0), True, "| a, s | - | 4.00 | - | - |"),
        (Figure("a", "s", 5.0, most=5.0), True, "| a, s | - | 5.00 | - | s at most 5: met |"),
        (Figure("a", "s", 5.1, 1.0, 5.1, 5.0), False, "| a, s | 1.00 | 5.10 | 5.10 | s at most 5: NOT MET |"),
        (compare("a", "MB", 130, 100, most=1.3), True, "| a, MB | 100 | 130 | 1.30 | ratio at most 1.3: met |"),
        (compare("a", "MB", 26, 20, ratio=1.4, most=1.3), False,
         "| a, MB | 20.0 | 26.0 | 1.40 | ratio at most 1.3: NOT MET |"),
        (compare("a", "MB", 1, 0, most=1.3), False, "| a, MB | 0.00 | 1.00 | - | ratio at most 1.3: NOT MET |"),
    ],
    ids=["no target", "met", "missed", "ratio", "ratio of rounds", "by nothing"],
)  # fmt: skip
def test_targets(figure: Figure, met: bool, row: str) -> None:
    run = make_run(figure)
    assert figure.met is met
    assert run.missed == ([] if met else ["a"])
    lines = table.render(run).splitlines()
    assert row in lines
    assert lines[2] == "|  | without | with | ratio | target |"
    assert "- A note." in lines


def test_summary_has_each_target() -> None:
    figures = [compare("a", "MB", 130, 100, most=1.3), Figure("b", "s", 5.1, most=5.0), Figure("c", "s", 9.0)]
    assert table.summary([make_run(*figures)]).splitlines()[2:] == [
        "| what lasts | measured | beside | ratio | target | met? | run |",
        "| --- | --: | --: | --: | --- | --- | --- |",
        "| disk: a, MB | 130 | 100 | 1.30 | ratio at most 1.3 | met | 2026-11-26 10:00 UTC |",
        "| disk: b, s | 5.10 | - | - | s at most 5 | NOT MET | 2026-11-26 10:00 UTC |",
    ]


def test_run_survives_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    run = make_run(compare("a", "s", 2, 1, most=1.0))
    assert read(save(run, "one")) == run


@pytest.mark.parametrize(
    ("name", "ours"),
    [("2026-11-26-disk", True), ("latest-tail", True), ("2026-11-26-figures", False), ("2026-11-26-pageviews", False)],
)
def test_results_are_known_by_their_names(name: str, ours: bool) -> None:
    assert is_endurance(Path(f"results/{name}.json")) is ours


@pytest.mark.parametrize(
    ("most", "failures", "code", "said"),
    [(3.0, (), 0, "all targets are met"), (1.0, (), 0, "targets NOT met: a"), (3.0, ("one is lost",), 1, "")],
    ids=["met", "missed", "failed"],
)
def test_exit_code_is_about_failures_alone(
    most: float, failures: tuple[str, ...], code: int, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    assert command.finish(make_run(Figure("a", "s", 2.0, most=most), failures=failures), "kept") == code
    assert (tmp_path / "latest-disk.json").exists()
    assert (tmp_path / "kept-disk.json").exists() is not bool(failures)
    told = capsys.readouterr()
    assert said in told.out
    assert ("FAILED: one is lost" in told.err) is bool(failures)


@pytest.mark.parametrize(
    ("words", "plan"),
    [
        (["growth"], growth.Plan(20_000_000, 5, 20, 15_000)),
        (["growth", "--quick"], growth.QUICK),
        (["growth", "--quick", "--rounds=7"], msgspec.structs.replace(growth.QUICK, rounds=7)),
        (["memory", "--seconds", "9"], memory.Plan(9, 10)),
    ],
    ids=["defaults", "quick", "quick but", "one"],
)
def test_flags_make_a_plan(words: list[str], plan: object, monkeypatch: pytest.MonkeyPatch) -> None:
    need("wrk", "wrk")
    plans = []

    def stop(one: object, _: object) -> Outcome:
        plans.append(one)
        raise ServerError("enough")

    for what, measure in command.MEASURES.items():
        monkeypatch.setitem(command.MEASURES, what, measure._replace(run=stop))
    assert command.main(words) == 1
    assert plans == [plan]


@pytest.mark.parametrize("words", [[], ["speed"], ["disk", "--events=0"], ["disk", "--rounds=1"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(words)
    assert stopped.value.code == 2
    assert "usage: python -m bench.endurance" in capsys.readouterr().err


def test_child_that_fails_is_told_of() -> None:
    with pytest.raises(ServerError, match=r"json\.tool ended with exit code [12]:"):
        child.run("json.tool", "/nowhere")


# ----- traffic


def test_segments_have_the_mixture(tmp_path: Path) -> None:
    """A third of the lines begins a session; each session's lines count its pageviews, over segments too."""
    traffic = Traffic(1, 100, NOW)
    segments = traffic.write(tmp_path / "journal", 2, 2000) + traffic.write(tmp_path / "journal", 1, 2000)
    assert [segment.path.name for segment in segments] == [f"{number:012d}.ndjson" for number in (1, 2, 3)]
    lines = [[json.loads(line)["session"] for line in segment.path.read_bytes().splitlines()] for segment in segments]
    assert [len(some) for some in lines] == [2000] * 3
    seen: dict[str, int] = {}
    for session in itertools.chain.from_iterable(lines):
        assert session["pageviews"] == seen.get(session["uuid"], 0) + 1
        seen[session["uuid"]] = session["pageviews"]
    assert len(seen) == traffic.visits
    assert 0.30 < traffic.visits / 6000 < 0.37
    assert {one["uuid"] for one in lines[0]} & {one["uuid"] for one in lines[1]}
    assert any(one["utm"].get("source") for one in lines[0])
    assert any(one["referrer"] != "direct" for one in lines[0])


def test_traffic_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def write(name: str, seed: int) -> bytes:
        return Traffic(seed, 10, NOW).write(tmp_path / name, 1, 50)[0].path.read_bytes()

    assert write("one", 1) == write("same", 1) != write("other", 2)


def test_pages() -> None:
    assert len(set(make_pages())) == PAGES


# ----- loading


def make_data(folder: Path, events: int = 300) -> Traffic:
    traffic = Traffic(1, 50, NOW)
    traffic.write(folder / "journal", 2, events)
    return traffic


def test_loading(tmp_path: Path) -> None:
    traffic = make_data(tmp_path)
    loaded = loading.load(tmp_path)
    assert loaded.events == 600
    assert loaded.cpu > 0
    assert loaded.seconds > 0
    assert loaded.opened_memory <= loaded.peak_memory
    assert list((tmp_path / "journal").iterdir()) == []
    stored = count_all(tmp_path / "prisme.duckdb", 600, traffic.visits)
    assert (stored.pageviews, stored.sessions, check_stored(stored)) == (600, traffic.visits, [])
    lost = count_all(tmp_path / "prisme.duckdb", 601, traffic.visits)
    assert check_stored(lost) == ["600 pageviews stored, 601 accepted"]


def test_loading_refuses_what_is_no_event(tmp_path: Path) -> None:
    make_data(tmp_path)
    with (tmp_path / "journal" / "000000000002.ndjson").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(ServerError, match="has lines that are no events"):
        loading.load(tmp_path)


# ----- growth


def make_loading(**changes: Any) -> loading.Loading:
    made = loading.Loading(1000, 0.010, 0.008, 2, 100_000_000, 200_000_000, 512_000_000, 2)
    return msgspec.structs.replace(made, **changes)


def test_growth_takes_the_median_of_ratios() -> None:
    rounds = [growth.Round(make_loading(), make_loading(cpu=cpu)) for cpu in (0.012, 0.011, 0.030)]
    outcome = growth.conclude(rounds, 20_000_000, 900_000_000, [])
    cpu = by_name(outcome, "CPU to load an event")
    assert [cpu.value, cpu.base, cpu.ratio] == pytest.approx([12, 10, 1.2])
    assert cpu.met
    assert by_name(outcome, "peak memory").met
    assert "DuckDB made 6 checkpoints (empty file) and 6" in outcome.notes[1]


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"cpu": 0.014}, ["CPU to load an event"]),
        ({"seconds": 0.011}, ["time to load an event"]),
        ({"peak_memory": 230_000_000}, ["peak memory"]),
    ],
)
def test_growth_is_missed(changes: dict[str, Any], missed: list[str]) -> None:
    outcome = growth.conclude([growth.Round(make_loading(), make_loading(**changes))], 20_000_000, 1, [])
    assert [one.what for one in outcome.figures if not one.met] == missed


def test_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    said: list[str] = []
    outcome = growth.run(growth.Plan(5_000, 2, 2, 200), said.append)
    assert outcome.failures == []
    assert all(one.value > 0 and one.ratio for one in outcome.figures)
    assert "rounds of 400 events" in outcome.notes[0]
    assert len(said) == 3
    assert list(tmp_path.iterdir()) == []


# ----- disk


def test_disk() -> None:
    outcome = disk.run(disk.Plan(3_000, 1_000), lambda _: None)
    assert outcome.failures == []
    first, *others = outcome.figures
    parts = [one.value for one in others if one.what.startswith("of it, ")]
    assert sum(parts) == pytest.approx(first.value)
    assert {"of it, pageviews", "of it, sessions"} <= {one.what for one in others}
    # Blocks of 256 KiB for so few: the target can be missed.
    assert not first.met


def test_disk_measures_each_column(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    with duckdb.connect(str(path)) as tables:
        tables.execute("CREATE TABLE big AS SELECT hash(n) AS noise, 1 AS one FROM range(400_000) AS t (n)")
        tables.execute("CREATE SCHEMA state; CREATE TABLE state.small AS SELECT 1 AS a")
    sizes = disk.measure(path)
    assert 3_200_000 <= sizes["big", "noise"] < 4_000_000
    assert sizes.get(("big", "one"), 0) < 300_000
    assert sum(sizes.values()) <= path.stat().st_size


def test_disk_target() -> None:
    met, missed = (disk.conclude({1024: (size, 30.0), 50_000: (60.0, 30.0)}, {}, 9, 9, []) for size in (40.0, 41.0))
    assert [one.what for one in met.figures if not one.met] == []
    assert [one.what for one in missed.figures if not one.met] == ["a pageview"]


# ----- start


def test_start() -> None:
    outcome = start.run(start.Plan(1, 2, 500), lambda _: None)
    assert outcome.failures == []
    loaded = by_name(outcome, "until all is loaded")
    assert loaded.value >= by_name(outcome, "to the first answer").value > 0
    assert "1,000 lines" in outcome.notes[0]


def test_start_target() -> None:
    one, slow = start.Start(0.6, 0.6, 100), start.Start(3.0, 5.1, 200)
    outcome = start.conclude([one], [slow], 1_000_000, 1, [])
    assert [figure.what for figure in outcome.figures if not figure.met] == ["until all is loaded"]
    assert by_name(outcome, "to the first answer").ratio == pytest.approx(5)


# ----- memory


def test_memory_target() -> None:
    bare, prisme = (memory.Peak(make_round(), peak // 2, [peak // 2], peak) for peak in (40_000_000, 351_000_000))
    outcome = memory.conclude(bare, prisme, memory.Plan(), "All stored.", [])
    assert [one.what for one in outcome.figures if not one.met] == ["peak memory"]
    assert by_name(outcome, "peak after 1 of 5 parts of the time").value == pytest.approx(175.5)


def test_memory() -> None:
    need("wrk", "wrk")
    outcome = memory.run(memory.Plan(2, 1), lambda _: None)
    assert outcome.failures == []
    assert by_name(outcome, "requests accepted").value > 0
    assert by_name(outcome, "peak memory").value >= by_name(outcome, "before the load").value > 0


# ----- sessions


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
        time.sleep(0.2)  # noqa: ASYNC251  # that is the point
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


def test_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    need("wrk", "wrk")
    monkeypatch.setattr(tail, "WARM_UP_SECONDS", 1)
    monkeypatch.setattr(tail, "REACHED", 0)  # other tests run meanwhile
    said: list[str] = []
    outcome = tail.run(tail.Plan(1, 1, 100, 1), said.append)
    assert outcome.failures == []
    assert all(one.value > 0 and one.base for one in outcome.figures)
    assert "Segments were to have 100 events or 8 MiB: of " in outcome.notes[1]


def test_all_measures_say_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert all(f"    {what} " in told for what in WHATS)
    assert set(command.MEASURES) == set(WHATS)
