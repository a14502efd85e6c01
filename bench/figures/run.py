"""The run: seed, scan, serve; read alone, take events alone, then both at once; stop and count."""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain, cycle, islice
from pathlib import Path

import duckdb
import msgspec

from bench import machine, wrk
from bench.check import check_report, check_stored, count_all, doubts
from bench.figures.reader import MONTH, YEAR, Answer, Question, Reader, questions, spans
from bench.figures.result import Figures, Intake, Reading, reading
from bench.figures.scan import MEMORY, THREADS, open_tables, scan
from bench.seed import Seed, SeedError, count, seed
from bench.server import Server, ServerError, database, running, start_prisme
from bench.wrk import CONNECTIONS, DRAIN_SECONDS, Load

Say = Callable[[str], None]
WARM_UP_SECONDS = 3
MONTH_TARGETS = {"median_ms": 250.0, "p95_ms": 500.0}
YEAR_TARGETS = {"p95_ms": 1500.0}
GROWTH = 2.0


class Plan(msgspec.Struct, frozen=True):
    """What to run. `folder` keeps the seeded database, None for none; `requests` are a single reader's, alone."""

    pageviews: int
    seconds: int
    requests: int
    readers: int
    rate: int
    think: float
    folder: Path | None


class Bench:
    """A server at work, what it answered so far, and what was wrong with that."""

    def __init__(self, plan: Plan, server: Server, token: str, say: Say) -> None:
        self.readings: list[Reading] = []
        self.intakes: list[Intake] = []
        self.failures: list[str] = []
        self.accepted = self.visits = 0
        self._plan, self._server, self._token, self._say = plan, server, token, say

    def read_alone(self, what: str, some: list[Question], scanned: float, targets: dict[str, float]) -> None:
        """One reader, and nobody else."""
        with closing(self._reader()) as reader:
            first = reader.read(some, quiet=True)
            answers = reader.read(islice(cycle(some), self._plan.requests), quiet=True)
        self._note(f"{what}, alone, for the first time", first, scanned, {})
        self._note(f"{what}, alone", answers, scanned, targets)

    def take(self, beside: str) -> None:
        """Events, and no readers."""
        self._drive(beside, self._plan.seconds, [])

    def warm_up(self) -> None:
        """Events that are stored but not measured."""
        self._drive("", WARM_UP_SECONDS, [])

    def read_beside(self, what: str, some: list[list[Question]], scanned: float, targets: dict[str, float]) -> None:
        """Events, and for each list of questions a reader."""
        who = "1 reader" if len(some) == 1 else f"{len(some)} readers"
        with closing(self._reader()) as reader:
            # Each question once, before it counts.
            self.failures += [one.fault for one in reader.read(chain.from_iterable(some), quiet=False) if one.fault]
        answers = self._drive(f"{what}, {who}", self._plan.seconds, some)
        self._note(f"{what}, {who}, {self._plan.rate:,} events/s", answers, scanned, targets)

    def _reader(self) -> Reader:
        return Reader(self._server.port, self._token, self._plan.think)

    def _note(self, what: str, answers: list[Answer], scanned: float, targets: dict[str, float]) -> None:
        self.failures += [answer.fault for answer in answers if answer.fault]
        if not answers:
            self.failures.append(f"{what}: no answer in all the time")
            return
        one = reading(what, [answer.seconds for answer in answers], scanned, targets)
        self.readings.append(one)
        self._say(f"{what}: {one.median_ms:,.0f} ms (p95 {one.p95_ms:,.0f} ms), {one.ratio:.2f} plain scans")

    def _drive(self, beside: str, seconds: int, some: list[list[Question]]) -> list[Answer]:
        """The answers that were asked for while events came in. Others are looked at, and no more."""
        server, stop = self._server, threading.Event()
        load = Load("pageviews", seconds, rate=self._plan.rate)
        began, cpu = time.monotonic(), self._others_cpu()
        with ThreadPoolExecutor(max(len(some), 1)) as pool:
            try:
                waiting = [pool.submit(self._read_until, stop, one) for one in some]
                report = wrk.drive(load, server.port, self.visits)
                ended = time.monotonic()
            finally:
                stop.set()
        server.check_alive()
        answers = list(chain.from_iterable(one.result() for one in waiting))
        others = max(self._others_cpu() - cpu, 0) / (time.monotonic() - began)
        server.wait_caught_up()
        self.visits += report.visits + 1
        self.accepted += report.accepted
        self.failures += check_report("prisme", report, 0)
        if not beside:
            return []
        intake = Intake(beside, report, load.sending, round(others, 3))
        self.intakes.append(intake)
        latency = report.latency_us["p99"] / 1000
        said = [f"events beside {beside}: {intake.rate:,.0f}/s, p99 {latency:,.1f} ms"]
        if intake.rate < 0.95 * self._plan.rate:
            said.append(f"  {self._plan.rate:,}/s were asked for")
        self._say("\n".join([*said, *(f"  {doubt}" for doubt in doubts(0, 1, others))]))
        self.failures += [answer.fault for answer in answers if answer.fault]
        return [one for one in answers if ended - seconds <= one.asked < ended - DRAIN_SECONDS and not one.fault]

    def _read_until(self, stop: threading.Event, some: list[Question]) -> list[Answer]:
        with closing(self._reader()) as reader:
            return reader.read_until(stop, some)

    def _others_cpu(self) -> float:
        return machine.busy_seconds() - self._server.cpu_seconds() - wrk.spent() - time.process_time()


def run(plan: Plan, say: Say) -> Figures:
    """Run it all; `say` takes lines for a person who waits. The server is gone afterwards, whatever happens."""
    if plan.folder is not None:
        plan.folder.mkdir(parents=True, exist_ok=True)
    # The run adds rows: it has a copy, on the same disk.
    with tempfile.TemporaryDirectory(prefix="run-", dir=plan.folder) as name:
        folder = Path(name)
        now = _now()
        say(f"seeding {plan.pageviews:,} pageviews, where that is not done yet")
        kept = plan.folder or folder / "seed"
        seeded = seed(kept, plan.pageviews, now)
        database(folder).parent.mkdir(mode=0o700)
        shutil.copyfile(kept / "prisme.duckdb", database(folder))
        return _measure(plan, folder, seeded, say)


def _measure(plan: Plan, folder: Path, seeded: Seed, say: Say) -> Figures:
    now, size = _now(), database(folder).stat().st_size
    with closing(open_tables(database(folder))) as tables:
        if count(tables) != seeded.rows:
            raise SeedError("the seeded folder does not hold what its marker says: remove it")
        month, year = (scan(tables, *spans(since, now)) for since in (MONTH, YEAR))
        say(f"plain scans: {1000 * month:,.1f} ms (30 days), {1000 * year:,.1f} ms (12 months)")
        of_month, of_year = questions(tables, MONTH, now), questions(tables, YEAR, now)
        of_readers = [_of_reader(tables, number, now) for number in range(plan.readers)]
    options = {"duckdb-memory-limit": MEMORY, "duckdb-threads": str(THREADS), "api-stats-rate-limit": "0"}
    with running(start_prisme(folder, options)) as server:
        bench = Bench(plan, server, make_token(database(folder).parent), say)
        steps: list[Callable[[], None]] = [
            lambda: bench.read_alone("30 days", of_month, month, {}),
            lambda: bench.read_alone("12 months", of_year, year, YEAR_TARGETS),
            bench.warm_up,
            lambda: bench.take("nothing"),
            lambda: bench.read_beside("30 days", of_readers, month, MONTH_TARGETS),
            lambda: bench.read_beside("12 months", [of_year], year, YEAR_TARGETS),
        ]
        for step in steps:
            if not bench.failures:  # later figures would be worth nothing
                step()
        peak = server.peak_memory()
        stopped = server.stop()
    before = seeded.rows["pageviews"], seeded.rows["sessions"]
    stored = count_all(database(folder), bench.accepted, bench.visits, before, stopped)
    return Figures(
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine.describe(folder),
        machine.versions(),
        _options(plan),
        seeded.rows,
        size,
        seeded.seconds,
        bench.readings,
        bench.intakes,
        GROWTH,
        peak,
        stored,
        bench.failures + check_stored(stored),
    )


def _options(plan: Plan) -> dict[str, int | float | str]:
    """What the run's file tells of the plan: not whose folder it was."""
    told: dict[str, int | float | str] = msgspec.to_builtins(msgspec.structs.replace(plan, folder=None))
    del told["folder"]
    return told | {"memory": MEMORY, "threads": THREADS, "connections": CONNECTIONS}


def make_token(folder: Path) -> str:
    """A token that may read all figures of the server on this folder."""
    command = [sys.executable, "-m", "prisme", "token", "add", "bench", "--scope", "stats", "--data-dir", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode or not made.stdout.strip():
        raise ServerError(f"no token could be made:\n{made.stderr.strip()}")
    return made.stdout.strip().splitlines()[-1]


def _of_reader(tables: duckdb.DuckDBPyConnection, number: int, now: int) -> list[Question]:
    """Each begins with another domain."""
    some = questions(tables, MONTH, now)
    first = number % len(some)
    return some[first:] + some[:first]


def _now() -> int:
    return time.time_ns() // 1000
