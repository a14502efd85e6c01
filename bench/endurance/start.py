"""How soon a server is there that finds a full journal, beside one that finds none."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from bench.check import check_stored, count_all
from bench.endurance.result import Outcome, compare
from bench.endurance.traffic import AT_ONCE, Traffic
from bench.server import Server, database, running, start_prisme

SECONDS = 5.0


class Plan(msgspec.Struct, frozen=True):
    """`rounds` starts of each, with `segments` of `events` lines left over: the most that Prisme ever put into one."""

    rounds: int = 3
    segments: int = 34
    events: int = 31_000


QUICK = Plan(1, 2, 2_000)


class Start(msgspec.Struct, frozen=True):
    """Seconds from the start of the process: to the first 200, and to the empty journal. Peak memory in bytes."""

    answered: float
    loaded: float
    peak_memory: int


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Start in turns with nothing and with a full journal. Raises ServerError; the files are gone afterwards."""
    lines = plan.segments * plan.events
    empty, full, failures = [], [], []
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        kept = Path(name) / "kept"
        traffic = Traffic(1, AT_ONCE, time.time_ns() // 1000)
        segments = [segment.path for segment in traffic.write(kept, plan.segments, plan.events)]
        size = sum(path.stat().st_size for path in segments)
        for number in range(plan.rounds):
            folder = Path(name) / str(number)
            empty.append(time_start(folder / "empty", []))
            full.append(time_start(folder / "full", segments))
            failures += check_stored(count_all(database(folder / "full"), lines, traffic.visits))
            say(f"round {number + 1} of {plan.rounds}: loaded after {full[-1].loaded:.2f} s")
    return conclude(empty, full, lines, size, failures)


def conclude(empty: list[Start], full: list[Start], lines: int, size: int, failures: list[str]) -> Outcome:
    """The figures of some starts; the journal had `lines` and `size` bytes."""
    answered = compare("to the first answer", "s", *(median(one.answered for one in side) for side in (full, empty)))
    loaded = compare("until all is loaded", "s", *(median(one.loaded for one in side) for side in (full, empty)))
    memory = compare("peak memory", "MB", *(median(one.peak_memory / 1e6 for one in side) for side in (full, empty)))
    figures = [answered, msgspec.structs.replace(loaded, most=SECONDS, of="value"), memory]
    notes = [
        f"Medians of {len(full)} starts of each; {lines:,} lines ({size / 1e6:,.0f} MB) were left over, and stored "
        "each time. Loaded until the first answer: that a server answers means that it has all of them."
    ]
    return Outcome(("empty journal", f"{lines:,} lines"), figures, notes, failures)


def time_start(folder: Path, segments: list[Path], start: Callable[[Path], Server] = start_prisme) -> Start:
    """Start a server in a new folder that has these segments in its journal, and stop it. Raises ServerError."""
    journal = database(folder).parent / "journal"
    journal.mkdir(mode=0o700, parents=True)
    for path in segments:
        os.link(path, journal / path.name)
    began = time.monotonic()
    with running(start(folder)) as server:
        answered = time.monotonic()
        server.wait_caught_up()
        loaded = time.monotonic()
        peak = server.peak_memory()
        server.stop()
    return Start(answered - began, loaded - began, peak)
