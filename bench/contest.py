"""The contest: both servers up, rounds in turns, then the count of what was stored."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec

from bench import machine, wrk
from bench.check import check_report, check_stored, doubts
from bench.result import Result, Round, Side, Stored
from bench.server import SITE, Server, database, running, start_bare, start_prisme
from bench.wrk import Load

Say = Callable[[str], None]
WARM_UP_SECONDS = 3
_EVENTS = ("events_custom", "file_downloads", "outbound_link_clicks")


class Contest(msgspec.Struct, frozen=True):
    """What to run. With `noise`, a second bare server takes Prisme's place: the ratio is the machine's own noise."""

    load: Load
    rounds: int
    noise: bool


class Tally:
    """One server's side, as it grows."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.rounds: list[Round] = []
        self.rows: Counter[str] = Counter()
        self.visits = 0

    def side(self) -> Side:
        """What is kept of it."""
        return Side(self.server.name, self.rounds, self.server.peak_memory())


def run(contest: Contest, say: Say) -> Result:
    """Run it all; `say` takes lines for a person who waits. Servers are gone afterwards, whatever happens."""
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
    """A warm-up and the rounds; gives the failures. A failure ends it: later figures would be worth nothing."""
    load = contest.load
    warm_up = msgspec.structs.replace(load, seconds=WARM_UP_SECONDS)
    first_visit = 0
    for number in range(contest.rounds + 1):
        failures = []
        turn = {}
        # Who goes first changes, so that what drifts (heat, neighbours) meets both.
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
    """One server under load, and until it has stored what it got, so that the next to be measured has quiet."""
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
    """Open the file that the stopped server left, and count. Only the site that is registered counts."""
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
