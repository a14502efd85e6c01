"""The slowest requests while full segments are loaded and DuckDB checkpoints, beside those of the bare callable."""

import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import duckdb
import msgspec

from bench.check import check_report, check_stored
from bench.contest import WARM_UP_SECONDS, Tally, count_stored, run_round
from bench.endurance import pulse
from bench.endurance.result import Figure, Outcome, compare
from bench.result import Round, percentile
from bench.server import database, file_size, running, start_bare, start_prisme
from bench.wrk import Load
from prisme.journal.appender import MAX_BYTES

TIMES, HELD_MS = 8.0, 20.0
# Of the events asked for: Prisme seals a segment at 8 MiB too, which long lines reach first.
LARGE = 0.5
# Of the rate that was asked for: below, the two were not measured at the same.
REACHED = 0.9
_LOOK = 0.005
Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True):
    """`rounds` of each server, of so many `seconds`; segments of `events`. The top rate is found in `full` seconds."""

    rounds: int = 3
    seconds: int = 25
    events: int = 15_000
    full: int = 6


QUICK = Plan(1, 3, 2_000, 2)


class Segments(msgspec.Struct, frozen=True):
    """Segments loaded: all, and the large ones; events of the largest; checkpoints seen in Prisme's rounds."""

    all: int
    large: int
    most: int
    checkpoints: int


class Seen(msgspec.Struct, frozen=True):
    """All that was measured at `rate` requests a second; lateness of beats in milliseconds, sorted.

    `top` is what the bare server and Prisme accept a second at full load.
    """

    rate: int
    top: tuple[float, float]
    bare: list[Round]
    prisme: list[Round]
    loops: tuple[list[float], list[float]]
    threads: tuple[list[float], list[float]]
    segments: Segments


def run(plan: Plan, say: Say) -> Outcome:
    """Find the top rate, then measure at half of it. Raises ServerError or WrkError; no server is left."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        top, failures = _find_top(Path(name) / "top", plan.full, say)
        if failures:
            return Outcome(("bare", "Prisme"), [], [], failures)
        return _measure(Path(name), plan, top, say)


def _load(seconds: int, rate: int = 0) -> Load:
    return Load("pageviews", seconds, rate=rate)


def _find_top(folder: Path, seconds: int, say: Say) -> tuple[tuple[float, float], list[str]]:
    """Requests a second at full load, of the bare server and of Prisme, and what was wrong with the rounds."""
    folder.mkdir()
    rates, failures = [], []
    for start in (start_bare, start_prisme):
        with running(start(folder)) as server:
            tally = Tally(server)
            for length in (WARM_UP_SECONDS, seconds):
                one = run_round(_load(length), tally, tally.visits + 1)
                failures += check_report(server.name, one.report, 0)
            rates.append(one.rate)
            server.stop()
    say(f"at full load: {rates[1]:,.0f}/s, bare {rates[0]:,.0f}/s")
    return (rates[0], rates[1]), failures


def _measure(folder: Path, plan: Plan, top: tuple[float, float], say: Say) -> Outcome:
    rate = max(int(top[1] / 2), 1)
    # So long that a segment is full before its time is over.
    patience = math.ceil(plan.events / rate * 1.2) + 1
    with ExitStack() as stack:
        bare = stack.enter_context(running(start_bare(folder, command=_felt(folder, "bare", "bench.bare"))))
        segments = {
            "eventstore-max-batch-size": str(plan.events),
            "eventstore-max-batch-timeout": f"{patience}s",
        }
        felt = _felt(folder, "prisme", "prisme", "serve")
        prisme = stack.enter_context(running(start_prisme(folder, segments, felt)))
        checkpoints = stack.enter_context(_checkpoints(database(folder)))
        tallies = [Tally(bare), Tally(prisme)]
        spans: dict[str, list[tuple[float, float]]] = {bare.name: [], prisme.name: []}
        failures: list[str] = []
        first = 0
        for number in range(plan.rounds + 1):
            load = _load(plan.seconds if number else WARM_UP_SECONDS, rate)
            for tally in tallies if number % 2 else tallies[::-1]:
                began = time.monotonic()
                one = run_round(load, tally, first)
                failures += _check(tally.server.name, one, rate)
                if number:
                    tally.rounds.append(one)
                    # Until all is loaded, which takes longer than the load.
                    spans[tally.server.name].append((began, time.monotonic()))
            first = max(tally.visits for tally in tallies) + 1
            say(_tell(number, tallies) if number else "warm")
            if failures:
                return Outcome(("bare", "Prisme"), [], [], failures)
        bare.stop()
        stopped = prisme.stop()
        stored = count_stored(database(folder), tallies[1], stopped)
    seen_checkpoints = sum(any(a <= at <= b for a, b in spans[prisme.name]) for at in checkpoints)
    beats = [pulse.read(_pulse(folder, server.name)) for server in (bare, prisme)]
    loops = [one.loop.within(spans[server.name]) for one, server in zip(beats, (bare, prisme), strict=True)]
    threads = [one.thread.within(spans[server.name]) for one, server in zip(beats, (bare, prisme), strict=True)]
    seen = Seen(
        rate,
        top,
        tallies[0].rounds,
        tallies[1].rounds,
        (loops[0], loops[1]),
        (threads[0], threads[1]),
        _count_segments(database(folder), plan.events, seen_checkpoints),
    )
    told = f"Stored {stored.pageviews:,} pageviews of {stored.accepted:,} accepted (warm-up included)."
    return conclude(seen, plan, told, check_stored(stored))


def conclude(seen: Seen, plan: Plan, told: str, failures: list[str]) -> Outcome:
    """The figures. Without large segments or checkpoints in the rounds there was nothing to wait for: a failure."""
    segments = seen.segments
    if not segments.large:
        failures = [*failures, f"no segment had even half of {plan.events:,} events"]
    if not segments.checkpoints and plan.events >= Plan().events:
        failures = [*failures, "no checkpoint was seen: the rounds were too short"]
    figures = [_latency(seen, name, TIMES if name == "p99.9" else None) for name in ("p50", "p99", "p99.9")]
    for what, (bare, prisme), most in (("the loop", seen.loops, HELD_MS), ("Python's lock", seen.threads, None)):
        longest = compare(f"{what} held, at most", "ms", prisme[-1], bare[-1])
        figures.append(msgspec.structs.replace(longest, most=most, of="value"))
        figures.append(compare(f"{what} held, p99.9", "ms", *(percentile(one, 0.999) for one in (prisme, bare))))
    ratios = " ".join(f"{ratio:.2f}" for ratio in _ratios(seen, "p99.9"))
    others = max(one.others_cpu for one in (*seen.bare, *seen.prisme))
    notes = [
        f"{seen.rate:,} requests a second, half of the {seen.top[1]:,.0f} that Prisme accepts at full load (bare: "
        f"{seen.top[0]:,.0f}); {len(seen.bare)} rounds of {plan.seconds} s of each in turns, the median of each "
        f"figure and of the ratios; of p99.9 these are {ratios}.",
        f"Segments were to have {plan.events:,} events or {MAX_BYTES >> 20} MiB: of {segments.all}, {segments.large} "
        f"had at least half as many, the largest {segments.most:,}. "
        f"{segments.checkpoints} checkpoints came in Prisme's rounds.",
        f"Held: by how much a task of the event loop, and a thread beside it, overslept, of {len(seen.loops[1]):,} "
        f"and {len(seen.threads[1]):,} times. Others used {others:.2f} cores at most.",
        told,
    ]
    return Outcome(("bare", "Prisme"), figures, notes, failures)


def _latency(seen: Seen, name: str, most: float | None) -> Figure:
    bare, prisme = (median(one.report.latency_us[name] / 1000 for one in side) for side in (seen.bare, seen.prisme))
    return compare(f"latency {name}", "ms", prisme, bare, ratio=median(_ratios(seen, name)), most=most)


def _ratios(seen: Seen, name: str) -> list[float]:
    pairs = zip(seen.bare, seen.prisme, strict=True)
    return [prisme.report.latency_us[name] / (bare.report.latency_us[name] or 1e-9) for bare, prisme in pairs]


def _check(name: str, one: Round, rate: int) -> list[str]:
    failures = check_report(name, one.report, 0)
    if one.rate < REACHED * rate:
        failures.append(f"{name}: {one.rate:,.0f} of {rate:,} requests a second were reached")
    return failures


def _tell(number: int, tallies: list[Tally]) -> str:
    bare, prisme = (tally.rounds[-1].report.latency_us["p99.9"] / 1000 for tally in tallies)
    return f"round {number}: p99.9 {prisme:.1f} ms, bare {bare:.1f} ms"


def _pulse(folder: Path, name: str) -> Path:
    return folder / f"{name}-pulse.json"


def _felt(folder: Path, name: str, *command: str) -> list[str]:
    """Python's arguments for a server whose pulse is felt."""
    return ["-m", "bench.endurance.pulse", str(_pulse(folder, name)), *command]


@contextmanager
def _checkpoints(path: Path) -> Iterator[list[float]]:
    """The moments at which the write-ahead log got smaller, as they are seen."""
    seen: list[float] = []
    stop = threading.Event()
    log = path.with_name(path.name + ".wal")

    def watch() -> None:
        size = 0
        while not stop.wait(_LOOK):
            before, size = size, file_size(log)
            if size < before:
                seen.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def _count_segments(path: Path, events: int, checkpoints: int) -> Segments:
    with duckdb.connect(str(path), read_only=True) as tables:
        query = "SELECT count(*), count(*) FILTER (events >= ?), max(events) FROM state.segments"
        rows, large, most = tables.execute(query, [LARGE * events]).fetchall()[0]
    return Segments(rows, large, most, checkpoints)
