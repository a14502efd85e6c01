"""An hour at work: events at an even rate, and dashboards that stay open, on a year of pageviews."""

import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from statistics import mean

import msgspec

from bench import wrk
from bench.check import check_report, check_stored, count_all
from bench.endurance.result import Figure, Grid, Outcome
from bench.figures.reader import YEAR, Answer, Question, Reader, questions
from bench.figures.run import make_token
from bench.figures.scan import MEMORY, THREADS, open_tables
from bench.result import Report, percentile
from bench.seed import seed
from bench.server import Server, database, file_size, running, start_prisme
from bench.trend import Sample, growth
from bench.wrk import Load

Say = Callable[[str], None]
PARTS = 10
# A page that is left open asks again so many seconds after a response.
REFRESH = 10.0
_MONTH = "now-28d/d"
_SAMPLE = 1.0
# Megabytes a minute in the last three fifths: noise of some megabytes, over the minutes of a real run, is flat.
GROWTH = 1.0
_HEAD = [
    "after, minutes",
    "RSS, MB",
    "peak, MB",
    "events, p99, ms",
    "dashboards, p95, ms",
    "journal at most, MB",
    "CPU, cores",
]


class Plan(msgspec.Struct, frozen=True):
    """`rate` pageviews a second for so many `minutes`, on a year of about `pageviews`."""

    minutes: int = 60
    rate: int = 2000
    pageviews: int = 10_000_000


QUICK = Plan(1, 200, 100_000)


class Part(msgspec.Struct, frozen=True):
    """A tenth of the time: the memory at its end and the peak so far, the journal at most (bytes), CPU seconds.

    Events came for `sending` of its `seconds`.
    """

    seconds: float
    sending: float
    report: Report
    memory: int
    peak: int
    journal: int
    cpu: float
    answers: list[Answer]


class Soak(msgspec.Struct, frozen=True):
    """All parts, the memory in the course of time, and the number of visits."""

    parts: list[Part]
    samples: list[Sample]
    visits: int


def run(plan: Plan, say: Say) -> Outcome:
    """Seed, serve, load and read, count. Raises ServerError, SeedError or WrkError; the files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        data = database(folder).parent
        say(f"seeding {plan.pageviews:,} pageviews")
        now = time.time_ns() // 1000
        seeded = seed(data, plan.pageviews, now)
        with closing(open_tables(database(folder))) as tables:
            of_month, of_year = questions(tables, _MONTH, now), questions(tables, YEAR, now)
        # All sites in two periods, and one site.
        asked = [of_month[0], of_year[0], of_month[1]]
        options = {"duckdb-memory-limit": MEMORY, "duckdb-threads": str(THREADS)}
        with running(start_prisme(folder, options)) as server:
            soak, failures = _soak(plan, server, make_token(data), asked, say)
            stopped = server.stop()
        before = seeded.rows["pageviews"], seeded.rows["sessions"]
        stored = count_all(
            database(folder), sum(part.report.accepted for part in soak.parts), soak.visits, before, stopped
        )
        told = f"Stored {stored.pageviews:,} pageviews of {stored.accepted:,} accepted."
        return conclude(plan, soak, told, failures + check_stored(stored))


def _soak(plan: Plan, server: Server, token: str, asked: list[Question], say: Say) -> tuple[Soak, list[str]]:
    """All parts, until one has a failure; and the failures."""
    parts: list[Part] = []
    failures: list[str] = []
    visits, stop, answers, watch = 0, threading.Event(), list[Answer](), Watch(server)
    load = Load("pageviews", max(plan.minutes * 60 // PARTS, 1), rate=plan.rate)
    with ThreadPoolExecutor(len(asked) + 1) as pool:
        beside = [pool.submit(watch.run, stop)]
        beside += [pool.submit(_read, server.port, token, one, stop, answers) for one in asked]
        try:
            while len(parts) < PARTS and not failures:
                cpu, began = server.cpu_seconds(), time.monotonic()
                report = wrk.drive(load, server.port, visits)
                server.check_alive()
                visits += report.visits + 1
                took = time.monotonic() - began
                memory, peak, spent = server.memory(), server.peak_memory(), server.cpu_seconds() - cpu
                answered = [one for one in list(answers) if one.asked >= began]
                parts.append(Part(took, load.sending, report, memory, peak, watch.take(), spent, answered))
                failures += check_report("prisme", report, 0)
                say(f"part {len(parts)} of {PARTS}: {', '.join(_row(parts[-1]))}")
        finally:
            stop.set()
        for waiting in beside:
            waiting.result()
    return Soak(parts, watch.samples, visits), failures


def conclude(plan: Plan, soak: Soak, told: str, failures: list[str]) -> Outcome:
    """The figures of the whole time, and a row for each part."""
    parts = soak.parts
    answers = [one for part in parts for one in part.answers]
    faults = [one.fault for one in answers if one.fault]
    seconds = sum(part.seconds for part in parts)
    figures = [
        Figure("peak memory", "MB", max(part.peak for part in parts) / 1e6),
        Figure(
            "growth of the memory in the last three fifths", "MB a minute", growth(soak.samples, seconds), most=GROWTH
        ),
        Figure("p99 of events, in the worst part", "ms", max(_p99(part) for part in parts)),
        Figure("p95 of dashboards", "ms", _p95(answers)),
        Figure("dashboards", "answered", len(answers) - len(faults)),
        Figure("dashboards", "not answered", len(faults), most=0.0),
        Figure("accepted", "a second", mean(part.report.accepted / part.sending for part in parts)),
    ]
    notes = [
        f"{plan.rate:,} pageviews a second for {plan.minutes:,} minutes on a year of {plan.pageviews:,}. Dashboards: "
        f"28 days, 12 months, 28 days of one site, each requested again {REFRESH:g} s after its response. DuckDB had "
        f"{MEMORY} and {THREADS} threads.",
        told,
        *(f"Not answered: {fault}" for fault in faults[:3]),
    ]
    ends = accumulate(part.seconds / 60 for part in parts)
    rows = [[f"{end:,.1f}", *_row(part)] for end, part in zip(ends, parts, strict=True)]
    return Outcome(("-", "Prisme"), figures, notes, failures, Grid(_HEAD, rows))


def _read(port: int, token: str, question: Question, stop: threading.Event, answers: list[Answer]) -> None:
    """A dashboard that stays open, until the stop."""
    with closing(Reader(port, token, REFRESH)) as reader:
        while True:
            answers.append(reader.ask(question, quiet=False))
            reader.close()  # the server closes connections that are idle as long as a page waits
            if stop.wait(REFRESH):
                return


class Watch:
    """What a server's memory is once a second, and the most bytes in its journal since `take` was called."""

    def __init__(self, server: Server) -> None:
        self.samples: list[Sample] = []
        self._server, self._journal = server, database(server.folder).parent / "journal"
        self._most, self._began = 0, time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Look until the stop."""
        while not stop.wait(_SAMPLE):
            self.samples.append(Sample(time.monotonic() - self._began, self._server.memory()))
            self._most = max(self._most, sum(map(file_size, self._journal.iterdir())))

    def take(self) -> int:
        """The most bytes in the journal since the last call."""
        most, self._most = self._most, 0
        return most


def _row(part: Part) -> list[str]:
    return [
        f"{part.memory / 1e6:,.0f}",
        f"{part.peak / 1e6:,.0f}",
        f"{_p99(part):,.2f}",
        f"{_p95(part.answers):,.0f}",
        f"{part.journal / 1e6:,.2f}",
        f"{part.cpu / part.seconds:.2f}",
    ]


def _p99(part: Part) -> float:
    return part.report.latency_us["p99"] / 1000


def _p95(answers: list[Answer]) -> float:
    """In milliseconds; 0 where there is none."""
    found = sorted(one.seconds for one in answers)
    return 1000 * percentile(found, 0.95) if found else 0.0
