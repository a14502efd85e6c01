"""Memory: of a server that has nothing to do, and of one at its top rate for minutes."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.builds.checkout import Build
from bench.builds.result import Figure, Part, Reach, compare
from bench.check import check_report, check_stored
from bench.contest import Tally, count_stored, run_round
from bench.server import Server, database, running
from bench.trend import Sample, growth
from bench.wrk import Load

_IDLE_SECONDS = 5.0
# The growth is that of the last three of five parts of the time; a megabyte a minute is flat.
_FLAT = 1.0
_SAMPLE = 0.5


def run_idle(builds: tuple[Build, Build], rounds: int, say: Callable[[str], None]) -> Part:
    """Start both with empty folders, in turns, and leave them alone for five seconds. Raises ServerError."""
    found: dict[str, list[float]] = {build.name: [] for build in builds}
    for number in range(rounds):
        for build in builds if number % 2 else builds[::-1]:
            with (
                tempfile.TemporaryDirectory(prefix="prisme-bench-") as name,
                running(build.serve(Path(name))) as server,
            ):
                time.sleep(_IDLE_SECONDS)
                found[build.name].append(server.memory() / 1e6)
                server.stop()
        say(f"idle: {', '.join(f'{name} {memories[-1]:,.1f} MB' for name, memories in found.items())}")
    figure = compare("idle memory (RSS)", "MB", (found["older"], found["newer"]), Reach(0.80))
    return Part([figure], [f"Idle memory: medians of {rounds} starts, {_IDLE_SECONDS:g} s after the first answer."], [])


def run_peak(builds: tuple[Build, Build], seconds: int, say: Callable[[str], None]) -> Part:
    """Load one after the other with as many pageviews as it accepts. Raises ServerError or WrkError."""
    peaks, growths, failures, accepted = [], [], [], []
    for build in builds:
        with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name, running(build.serve(Path(name))) as server:
            tally = Tally(server)
            with _watched(server) as samples:
                one = run_round(Load("pageviews", seconds), tally, 0)
            peaks.append(server.peak_memory() / 1e6)
            stored = count_stored(database(Path(name)), tally, server.stop())
        failures += check_report(server.name, one.report, 0)
        failures += [f"{server.name}: {fault}" for fault in check_stored(stored)]
        growths.append(growth(samples, seconds))
        accepted.append(one.rate)
        say(f"{build.name}: peak {peaks[-1]:,.0f} MB, {growths[-1]:+.1f} MB a minute, {one.rate:,.0f}/s")
    figures = [
        compare("peak memory at the top rate", "MB", ([peaks[0]], [peaks[1]]), Reach(0.70)),
        Figure(
            "its growth in the last three fifths", "MB a minute", growths[0], growths[1], None, Reach(_FLAT, "newer")
        ),
        compare("accepted meanwhile", "a second", ([accepted[0]], [accepted[1]])),
    ]
    note = f"Peak memory: {seconds} s at the top rate. Growth: the slope of the memory (RSS), sampled twice a second."
    return Part(figures, [note], failures)


@contextmanager
def _watched(server: Server) -> Iterator[list[Sample]]:
    """The samples of a server's memory during the block."""
    samples: list[Sample] = []
    stop = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not stop.wait(_SAMPLE):
            samples.append(Sample(time.monotonic() - began, server.memory()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()
