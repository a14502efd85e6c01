"""What a load costs with years in the file, beside what it costs with none. The same segments go into both."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from bench.check import check_stored, count_all
from bench.endurance.loading import Loading, load
from bench.endurance.result import Figure, Outcome, compare
from bench.endurance.traffic import UNHURRIED, Traffic
from bench.seed import seed
from bench.server import database

COST = 1.3
# Two runs of the same differ by less; any part of the file that stays in memory is far more.
MEMORY = 1.1


class Plan(msgspec.Struct, frozen=True):
    """About so many `pageviews` in the file; each of the `rounds` loads `segments` of `events` into both files."""

    pageviews: int = 20_000_000
    rounds: int = 5
    segments: int = 20
    events: int = 15_000


QUICK = Plan(100_000, 2, 3, 2_000)


class Round(msgspec.Struct, frozen=True):
    """The same segments, loaded into the one file and into the other."""

    empty: Loading
    full: Loading


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Seed, then load in turns. Raises ServerError or SeedError; the files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        empty, full = (database(Path(name) / side) for side in ("empty", "full"))
        empty.parent.mkdir(parents=True)
        say(f"seeding {plan.pageviews:,} pageviews")
        seeded = seed(full.parent, plan.pageviews, time.time_ns() // 1000)
        size = full.stat().st_size
        traffic = Traffic(1, UNHURRIED, time.time_ns() // 1000)
        rounds = []
        for number in range(plan.rounds):
            rounds.append(_run_round(plan, number, traffic, empty, full))
            cpu = [one.cpu / one.events * 1e6 for one in (rounds[-1].full, rounds[-1].empty)]
            say(f"round {number + 1} of {plan.rounds}: {cpu[0]:.2f} us of CPU an event, {cpu[1]:.2f} with none")
        lines = plan.rounds * plan.segments * plan.events
        before = seeded.rows["pageviews"], seeded.rows["sessions"]
        failures = check_stored(count_all(empty, lines, traffic.visits))
        failures += check_stored(count_all(full, lines, traffic.visits, before))
        return conclude(rounds, before[0], size, failures)


def conclude(rounds: list[Round], pageviews: int, size: int, failures: list[str]) -> Outcome:
    """The figures of the rounds; the full file had `pageviews` and `size` bytes."""
    figures = [
        _compare(rounds, "CPU to load an event", "us", lambda one: one.cpu / one.events * 1e6, COST),
        _compare(rounds, "time to load an event", "us", lambda one: one.seconds / one.events * 1e6, COST),
        _compare(rounds, "peak memory", "MB", lambda one: one.peak_memory / 1e6, MEMORY),
        _compare(rounds, "of it, once the file was open", "MB", lambda one: one.opened_memory / 1e6, None),
    ]
    one = rounds[0].full
    checkpoints = [sum(one.empty.checkpoints for one in rounds), sum(one.full.checkpoints for one in rounds)]
    notes = [
        f"Medians of {len(rounds)} rounds of {one.events:,} events; the ratio is the median of the rounds' ratios. "
        f"The file had {pageviews:,} pageviews, {size / 1e6:,.0f} MB.",
        f"DuckDB made {checkpoints[0]} checkpoints (empty file) and {checkpoints[1]}, beside one at the end of each "
        f"round; all count. It had {one.memory_limit / 1e6:,.0f} MB and {one.threads} threads.",
    ]
    return Outcome(("no pageviews", f"{pageviews / 1e6:,.1f} M"), figures, notes, failures)


def _run_round(plan: Plan, number: int, traffic: Traffic, empty: Path, full: Path) -> Round:
    (full.parent / "journal").mkdir(exist_ok=True)
    for segment in traffic.write(empty.parent / "journal", plan.segments, plan.events):
        os.link(segment.path, full.parent / "journal" / segment.path.name)
    # Who is first changes, so that what drifts (heat, neighbours) meets both.
    sides = [empty.parent, full.parent]
    loadings = {side: load(side) for side in (sides if number % 2 else sides[::-1])}
    return Round(*(loadings[side] for side in sides))


def _compare(
    rounds: list[Round], what: str, unit: str, figure: Callable[[Loading], float], most: float | None
) -> Figure:
    empty, full = ([figure(one) for one in side] for side in zip(*((r.empty, r.full) for r in rounds), strict=True))
    ratio = median(b / a for a, b in zip(empty, full, strict=True))
    return compare(what, unit, median(full), median(empty), ratio=ratio, most=most)
