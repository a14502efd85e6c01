"""What operations cost while events come in: their time, the room they need, and the latency of events beside them."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench import wrk
from bench.check import check_report
from bench.endurance.result import Figure, Outcome, compare
from bench.seed import seed
from bench.server import Server, ServerError, database, running, start_prisme
from bench.wrk import Load

GROWTH = 2.0
# A rewritten file stands beside the old one for a moment.
ROOM = 2.0
_LOOK = 0.05  # seconds
_WARM_UP_SECONDS = 3
_SUM = "SELECT domain, count(*), count(DISTINCT visitor_id) FROM pageviews GROUP BY domain"
Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True):
    """About so many `pageviews` in the file; `rate` events a second, in loads of so many `seconds`."""

    pageviews: int = 10_000_000
    rate: int = 2000
    seconds: int = 10


QUICK = Plan(100_000, 200, 2)


class Step(msgspec.Struct, frozen=True):
    """An operation: its seconds, the worst p99 of the loads beside it (ms), and the most bytes it added to the disk."""

    name: str
    seconds: float
    p99: float
    room: int
    output: str


class Bench:
    """A server at work on the seeded file, and what was accepted."""

    def __init__(self, plan: Plan, server: Server, folder: Path, say: Say) -> None:
        self._plan, self._server, self.folder, self._say = plan, server, folder, say
        self._visits = 0
        self.accepted = 0
        self.failures: list[str] = []
        self.steps: list[Step] = []

    def load(self, seconds: int) -> float:
        """Send events; gives their p99 in milliseconds."""
        report = wrk.drive(Load("pageviews", seconds, rate=self._plan.rate), self._server.port, self._visits)
        self._server.check_alive()
        self._visits += report.visits + 1
        self.accepted += report.accepted
        self.failures += check_report("prisme", report, 0)
        return report.latency_us["p99"] / 1000

    def stored(self) -> int:
        """The pageviews in the file, with all that was accepted."""
        self._server.wait_caught_up()
        rows: int = json.loads(self.ask("status", "--json"))["rows"]["pageviews"]
        return rows

    def ask(self, *words: str) -> str:
        """What a command prints. Raises ServerError if it fails."""
        done = subprocess.run(self._command(*words), capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"prisme {words[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def beside(self, name: str, *words: str) -> str:
        """Run a command while events come in, as long as it takes; gives what it prints."""
        before, stop = _size(self.folder), threading.Event()
        most = [before]

        def watch() -> None:
            while not stop.wait(_LOOK):
                most[0] = max(most[0], _size(self.folder))

        watching = threading.Thread(target=watch)
        watching.start()
        ended: list[float] = []
        results: list[str] = []

        def run() -> None:
            try:
                results.append(self.ask(*words))
            except ServerError as error:
                self.failures.append(str(error))
            ended.append(time.monotonic())

        began, running_ = time.monotonic(), threading.Thread(target=run)
        running_.start()
        p99 = self.load(self._plan.seconds)
        while running_.is_alive():
            p99 = max(p99, self.load(self._plan.seconds))
        stop.set()
        watching.join()
        output = results[0] if results else ""
        step = Step(name, ended[0] - began, p99, max(most[0] - before, 0), output)
        self.steps.append(step)
        self._say(f"{name}: {step.seconds:.1f} s, p99 of events {p99:.1f} ms, room {step.room / 1e6:,.0f} MB")
        return output

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "prisme", *words, "--data-dir", str(database(self.folder).parent)]


def run(plan: Plan, say: Say) -> Outcome:
    """Seed, serve, and run each operation beside events. Raises ServerError, SeedError and WrkError."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        say(f"seeding {plan.pageviews:,} pageviews")
        seeded = seed(folder / "seed", plan.pageviews, time.time_ns() // 1000)
        database(folder).parent.mkdir(mode=0o700, parents=True)
        shutil.move(folder / "seed" / "prisme.duckdb", database(folder))
        size = database(folder).stat().st_size
        with running(start_prisme(folder)) as server:
            bench = Bench(plan, server, folder, say)
            alone, notes = _run_steps(bench, plan, seeded.rows["pageviews"])
            after = database(folder).stat().st_size
            server.stop()
    return conclude(bench.steps, alone, size, after, [*notes, _tell(plan, size)], bench.failures)


def _run_steps(bench: Bench, plan: Plan, before: int) -> tuple[float, list[str]]:
    """The p99 of events alone, and notes."""
    folder = bench.folder
    bench.load(_WARM_UP_SECONDS)
    alone = bench.load(plan.seconds)
    export, backup = folder / "export", folder / "backup.tar"
    bench.beside("query of all rows", "query", _SUM, "--format", "csv")
    bench.beside("export", "export", str(export))
    bench.beside("export again", "export", str(export))
    bench.beside("backup", "backup", str(backup))
    if bench.stored() != before + bench.accepted:
        bench.failures.append(f"{bench.stored() - before} pageviews stored, {bench.accepted} accepted")
    bench.beside("restore", "restore", str(backup), "--yes")
    restored, accepted = bench.stored(), bench.accepted
    bench.load(plan.seconds)
    if bench.stored() - restored != bench.accepted - accepted:
        bench.failures.append("after the restore, other pageviews were stored than accepted")
    day = (datetime.now(UTC) - timedelta(days=91)).date().isoformat()
    rows, accepted = bench.stored(), bench.accepted
    told = bench.beside("delete of three quarters", "delete", "--before", day, "--yes", "--json")
    deleted: int = json.loads(told or '{"rows": {"pageviews": 0}}')["rows"]["pageviews"]
    if rows - deleted + bench.accepted - accepted != bench.stored():
        bench.failures.append(f"{bench.stored()} pageviews are left of {rows}, of which {deleted} were deleted")
    return alone, [f"{deleted:,} of {rows:,} pageviews were deleted."]


def conclude(steps: list[Step], alone: float, size: int, after: int, notes: list[str], failures: list[str]) -> Outcome:
    """The figures; the file had `size` bytes before, and `after` at the end."""
    figures: list[Figure] = []
    for step in steps:
        figures.append(Figure(f"{step.name}: time", "s", step.seconds))
        figures.append(compare(f"{step.name}: p99 of events", "ms", step.p99, alone, most=GROWTH))
        figures.append(compare(f"{step.name}: room", "MB", step.room / 1e6, size / 1e6, most=ROOM))
    figures.append(compare("the file after it all", "MB", after / 1e6, size / 1e6, most=0.5))
    return Outcome(("events alone, or the file", "beside the operation"), figures, notes, failures)


def _tell(plan: Plan, size: int) -> str:
    return (
        f"{plan.rate:,} events a second beside each operation, all stored; the file had about {plan.pageviews:,} "
        f"pageviews and {size / 1e6:,.0f} MB. The p99 is that of the worst {plan.seconds} s."
    )


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:  # removed just now
            continue
    return size
