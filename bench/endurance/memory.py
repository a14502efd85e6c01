"""The server's memory while it accepts all that it can, for minutes."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.check import check_report, check_stored, doubts
from bench.contest import Tally, UnderLoad, count_stored, run_round
from bench.endurance.result import Figure, Outcome, compare
from bench.result import Round
from bench.server import database, running, start_bare, start_prisme
from bench.wrk import CONNECTIONS, Load

PEAK_MB = 350.0
_PARTS = 5


class Plan(msgspec.Struct, frozen=True):
    """`seconds` at the top rate; the bare server, whose memory does not grow, has `bare` seconds."""

    seconds: int = 300
    bare: int = 10


QUICK = Plan(5, 2)


class Peak(msgspec.Struct, frozen=True):
    """One server's round; its peak in bytes before the load, after each fifth of it, and when all was loaded."""

    round: Round
    before: int
    parts: list[int]
    after: int


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Load both, one after the other. Raises ServerError or WrkError; the servers are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        with running(start_bare(folder)) as server:
            bare = _drive(Tally(server), plan.bare)
            server.stop()
        say(f"bare: {bare.after / 1e6:,.0f} MB")
        with running(start_prisme(folder)) as server:
            tally = Tally(server)
            prisme = _drive(tally, plan.seconds)
            stored = count_stored(database(folder), tally, server.stop())
        failures = check_report("bare", bare.round.report, 0) + check_report("prisme", prisme.round.report, 0)
        told = (
            f"Stored {stored.pageviews:,} pageviews of {stored.accepted:,} accepted, in {stored.sessions:,} sessions; "
            f"database {stored.database_bytes / 1e6:,.0f} MB."
        )
        return conclude(bare, prisme, plan, told, failures + check_stored(stored))


def conclude(bare: Peak, prisme: Peak, plan: Plan, told: str, failures: list[str]) -> Outcome:
    """The figures of both rounds."""
    peak = compare("peak memory", "MB", prisme.after / 1e6, bare.after / 1e6)
    figures = [
        msgspec.structs.replace(peak, most=PEAK_MB, of="value"),
        compare("before the load", "MB", prisme.before / 1e6, bare.before / 1e6),
        *(
            Figure(f"peak after {number + 1} of {_PARTS} parts of the time", "MB", part / 1e6)
            for number, part in enumerate(prisme.parts)
        ),
        compare("requests accepted", "per second", prisme.round.rate, bare.round.rate),
    ]
    notes = [f"At full load for {plan.seconds} s (bare: {plan.bare} s), {CONNECTIONS} connections.", told]
    for name, one in (("bare", bare), ("Prisme", prisme)):
        notes += [f"{name}: {doubt}." for doubt in doubts(one.round.wrk_cpu_share, 1, one.round.others_cpu)]
    return Outcome(("bare", "Prisme"), figures, notes, failures)


def _drive(tally: Tally, seconds: int) -> Peak:
    server = tally.server
    before, parts, stop = server.peak_memory(), list[int](), threading.Event()
    watcher = threading.Thread(target=_watch, args=(server, seconds / _PARTS, parts, stop))
    watcher.start()
    try:
        one = run_round(Load("pageviews", seconds), tally, 0)
    finally:
        stop.set()
        watcher.join()
    return Peak(one, before, parts[: _PARTS - 1], server.peak_memory())


def _watch(server: UnderLoad, every: float, parts: list[int], stop: threading.Event) -> None:
    while not stop.wait(every):
        parts.append(server.peak_memory())
