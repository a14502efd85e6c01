"""The contest: two servers take turns for some rounds, then the stored rows are counted."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb
import msgspec

from bench import machine, wrk
from bench.check import check_report, check_stored, doubts
from bench.result import Result, Round, Side, Stored
from bench.server import SITE, database, running, start_bare, start_prisme
from bench.wrk import Load

Say = Callable[[str], None]
WARM_UP_SECONDS = 3
_EVENTS = ("events_custom", "file_downloads", "outbound_link_clicks")


class Contest(msgspec.Struct, frozen=True):
    """What to run. With `noise`, a second bare server replaces Prisme, so that the ratio shows the noise."""

    load: Load
    rounds: int
    noise: bool


class UnderLoad(Protocol):
    """A server, whoever started it."""

    name: str
    port: int

    def check_alive(self) -> None:
        """Raise ServerError if it is gone."""

    def cpu_seconds(self) -> float:
        """CPU seconds so far."""

    def peak_memory(self) -> int:
        """The peak memory so far, in bytes."""

    def wait_caught_up(self) -> None:
        """Wait until it has nothing left to store."""


class Tally:
    """The rounds and rows of one server so far."""

    def __init__(self, server: UnderLoad) -> None:
        self.server = server
        self.rounds: list[Round] = []
        self.rows: Counter[str] = Counter()
        self.visits = 0

    def side(self) -> Side:
        """The part of it that belongs to the result."""
        return Side(self.server.name, self.rounds, self.server.peak_memory())


def run(contest: Contest, say: Say) -> Result:
    """Run a contest; `say` is called with progress lines. The servers are always stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        at = datetime.now(UTC)
        other = stack.enter_context(running(start_bare(folder, "bare too") if contest.noise else start_prisme(folder)))
        bare = stack.enter_context(running(start_bare(folder)))
        sides = [Tally(bare), Tally(other)]
        failures = _run_rounds(contest, sides, say)
        kept = [tally.side() for tally in sides]
        bare.stop()
        stop_seconds = other.stop()
        stored = None
        if not contest.noise:
            stored = count_stored(database(folder), sides[1], stop_seconds)
            failures += check_stored(stored)
        return Result(
            contest.load.work,
            at.strftime("%Y-%m-%d %H:%M UTC"),
            machine.describe(folder),
            machine.versions(),
            msgspec.to_builtins(contest.load) | {"rounds": contest.rounds, "warm_up_seconds": WARM_UP_SECONDS},
            kept[0],
            kept[1],
            stored,
            failures,
        )


def _run_rounds(contest: Contest, sides: list[Tally], say: Say) -> list[str]:
    """Run a warm-up and the rounds; returns the failures. The first failure ends it, as the run is invalid."""
    load = contest.load
    warm_up = msgspec.structs.replace(load, seconds=WARM_UP_SECONDS)
    first_visit = 0
    for number in range(contest.rounds + 1):
        failures = []
        turn = {}
        # The order alternates, so that drift (heat, other programs) affects both servers.
        for tally in sides if number % 2 else sides[::-1]:
            one = run_round(load if number else warm_up, tally, first_visit)
            turn[tally.server.name] = one
            expected = 0 if tally.server.name.startswith("bare") else one.report.refusals_expected
            failures += check_report(tally.server.name, one.report, expected)
            if number:
                tally.rounds.append(one)
        first_visit += max(one.report.visits for one in turn.values()) + load.threads
        say(_tell(f"round {number} of {contest.rounds}" if number else "warm-up", turn, load.threads))
        if failures:
            return failures
    return []


def run_round(load: Load, tally: Tally, first_visit: int) -> Round:
    """Put one server under load, and wait until it has stored everything, so that it does not slow the next one."""
    server = tally.server
    began, busy, cpu, wrk_cpu = time.monotonic(), machine.busy_seconds(), server.cpu_seconds(), wrk.spent()
    report = wrk.drive(load, server.port, first_visit)
    server.check_alive()
    ended = time.monotonic()
    others = machine.busy_seconds() - busy - (server.cpu_seconds() - cpu) - (wrk.spent() - wrk_cpu)
    server.wait_caught_up()
    tally.rows.update(report.rows)
    tally.visits += report.visits
    return Round(
        report,
        load.sending,
        round(server.cpu_seconds() - cpu, 2),
        round(report.cpu_seconds / load.sending, 3),
        round(max(others, 0) / (ended - began), 3),
        round(time.monotonic() - ended, 2),
    )


def _tell(what: str, turn: dict[str, Round], threads: int) -> str:
    bare, other = sorted(turn, key=lambda name: name != "bare")
    said = (
        f"{what}: {other} {turn[other].rate:,.0f}/s, {bare} {turn[bare].rate:,.0f}/s, "
        f"ratio {turn[other].rate / max(turn[bare].rate, 1e-9):.3f}"
    )
    doubted = [
        f"  {name}: {doubt}"
        for name, one in turn.items()
        for doubt in doubts(one.wrk_cpu_share, threads, one.others_cpu)
    ]
    return "\n".join([said, *doubted])


def count_stored(path: Path, tally: Tally, stop_seconds: float) -> Stored:
    """Count the rows in the database of a stopped server. Only those of the registered site count."""
    with duckdb.connect(str(path), read_only=True) as tables:
        counts = {name: _count_rows(tables, name) for name in ("pageviews", "sessions", *_EVENTS)}
        row = tables.execute("SELECT coalesce(sum(pageviews), 0)::BIGINT FROM sessions").fetchone()
    assert row is not None
    pageviews, sessions = counts.pop("pageviews"), counts.pop("sessions")
    return Stored(
        tally.rows["pageviews"],
        pageviews,
        tally.visits,
        sessions,
        row[0],
        round(stop_seconds, 2),
        path.stat().st_size,
        {table: tally.rows[table] for table in _EVENTS},
        counts,
    )


def _count_rows(tables: duckdb.DuckDBPyConnection, table: str) -> int:
    row = tables.execute(f"SELECT count(*) FROM {table} WHERE domain = ?", [SITE]).fetchone()
    assert row is not None
    return int(row[0])
