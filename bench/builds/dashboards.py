"""The first dashboards of a year, by servers that have kept nothing: with memory for DuckDB, and on a small machine.

Each response is of a process of its own. The builds take turns, and have copies of one seeded file.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bench.builds.checkout import Build
from bench.builds.control_group import limited
from bench.builds.quiet import PATIENCE, wait_prepared, wait_quiet
from bench.builds.result import Figure, Part, Reach, compare
from bench.seed import SeedError
from bench.server import ServerError, database, running

Say = Callable[[str], None]
MEMORY = "512MB"
GROUP_BYTES = 512 << 20
# What a server derives from so much memory: a quarter of it.
_DERIVED = {"duckdb-memory-limit": "128MB"}
# Beyond the server's own time limit for a query, which is long where time is measured.
_PATIENCE = 330.0
_ROOMY = {"duckdb-memory-limit": MEMORY, "duckdb-threads": "2", "api-stats-timeout": "5m"}
# A server that has just started is let alone for so long, in seconds of idle CPU.
_SETTLE = 0.3
_YEAR, _MONTH = {"from": "now-12M/d"}, {"from": "now-28d/d"}
QUESTIONS = {
    "a year": (_YEAR, Reach(1 / 8)),
    "28 days": (_MONTH, Reach(1 / 4)),
    "a year, one browser": (_YEAR | {"browser": "Firefox"}, Reach(1 / 4)),
    "28 days, one path": (_MONTH | {"path": "/blog/*"}, Reach(1 / 4)),
}


class Plan(msgspec.Struct, frozen=True):
    """`pageviews` in the seeded `folder` (None: a temporary one), `rounds` of each, fewer on the small machine."""

    pageviews: int
    folder: Path | None
    rounds: int
    group_rounds: int


class Sample(msgspec.Struct, frozen=True):
    """A response: its status (0: none), seconds, pageviews of the totals (-1: none), and why it is not 200."""

    status: int
    seconds: float
    pageviews: int
    reason: str


class Machine(msgspec.Struct, frozen=True):
    """Where servers run: the options they get, the prefix of their command, and whether all cores are busy."""

    options: Mapping[str, str]
    prefix: Sequence[str] = ()
    busy: bool = False


def run(builds: tuple[Build, Build], plan: Plan, say: Say) -> list[Part]:
    """Seed, upgrade, ask. Raises ServerError or SeedError; nothing is left but the seeded folder."""
    if plan.folder is not None:
        plan.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="prisme-bench-", dir=plan.folder) as name:
        seeded = plan.folder or Path(name) / "seed"
        say(f"seeding {plan.pageviews:,} pageviews by the older build, where that is not done yet")
        _check_seeded(builds[0], seeded)
        builds[0].run("-m", "bench.seed", str(seeded.resolve()), "--pageviews", str(plan.pageviews))
        asker = Asker({build.name: _prepare(build, seeded, Path(name), say) for build in builds}, builds, say)
        size = (seeded / "prisme.duckdb").stat().st_size / 1e6
        sizes = [database(Path(name) / build.name).stat().st_size / 1e6 for build in builds]
        notes = [
            f"Dashboards: {plan.pageviews:,} pageviews of a year, seeded by the older build ({size:,.0f} MB; opened "
            f"by it {sizes[0]:,.0f} MB, by the newer one {sizes[1]:,.0f} MB); medians of {plan.rounds}, a new process "
            f"each time, DuckDB with {MEMORY} and 2 threads."
        ]
        rows = [[1e6 * one / plan.pageviews] for one in sizes]
        figures = [compare("a pageview in the seeded year, prepared", "bytes", (rows[0], rows[1]))]
        figures += asker.measure("", Machine(_ROOMY), plan.rounds)
        parts = [Part(figures, notes, asker.faults)]
        with limited(GROUP_BYTES) as prefix:
            small = Machine({}, prefix) if prefix is not None else Machine(_DERIVED)
            where = "in 512 MB" if prefix is not None else "DuckDB with 128 MB"
            figures = asker.measure(f"{where}, ", small, plan.group_rounds)
            small = msgspec.structs.replace(small, busy=True)
            with _busy_cores():
                figures += asker.measure(f"{where}, cores busy, ", small, plan.group_rounds)
        parts.append(Part(figures, [*_tell_group(prefix), *asker.reasons], []))
        return parts


class Asker:
    """Asks both builds in turns; `faults` are what makes a run invalid, `reasons` why responses were not 200."""

    def __init__(self, tokens: dict[str, tuple[Path, str]], builds: tuple[Build, Build], say: Say) -> None:
        self.faults: list[str] = []
        self.reasons: list[str] = []
        self._tokens, self._builds, self._say = tokens, builds, say

    def measure(self, where: str, machine: Machine, rounds: int) -> list[Figure]:
        """Each question so many times of each build; where it is of time, after one of each that does not count."""
        warm_up = 0 if where else 1
        figures = []
        for what, (words, reach) in QUESTIONS.items():
            samples: dict[str, list[Sample]] = {build.name: [] for build in self._builds}
            for number in range(rounds + warm_up):
                for build in self._builds if number % 2 else self._builds[::-1]:
                    sample = self._ask(build, machine, words)
                    if number >= warm_up:
                        samples[build.name].append(sample)
            figures.append(self._conclude(f"{where}{what}", samples, None if where else reach))
        return figures

    def _conclude(self, what: str, samples: dict[str, list[Sample]], reach: Reach | None) -> Figure:
        older, newer = samples["older"], samples["newer"]
        statuses = [one.status for one in older], [one.status for one in newer]
        found = compare(
            f"dashboard, {what}", "s", ([one.seconds for one in older], [one.seconds for one in newer]), reach, statuses
        )
        for name, some in samples.items():
            self.reasons += sorted({f"{what}, {name}: {one.reason}" for one in some if one.reason})
        if len({one.pageviews for one in older + newer if one.status == 200}) > 1:
            self.faults.append(f"{what}: the builds do not count the same pageviews: {older[-1]}, {newer[-1]}")
        told = f"{found.older:.2f} s {statuses[0]}, {found.newer:.2f} s {statuses[1]}"
        self._say(f"dashboard, {what}: {told}")
        return found

    def _ask(self, build: Build, machine: Machine, words: dict[str, str]) -> Sample:
        folder, token = self._tokens[build.name]
        path = f"/api/v1/stats/dashboard?{urlencode(words | {'to': 'now', 'tz': 'UTC'})}"
        try:
            with running(build.serve(folder, machine.options, machine.prefix)) as server:
                if not machine.busy:
                    wait_quiet(server, _SETTLE)
                sample = ask(server.port, path, token)
                server.stop()
        except ServerError as error:
            return Sample(0, 0.0, -1, str(error).splitlines()[0])
        return sample


def ask(port: int, path: str, token: str) -> Sample:
    """One response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    began = time.monotonic()
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Sample(0, time.monotonic() - began, -1, repr(error))
    finally:
        connection.close()
    seconds = time.monotonic() - began
    if response.status != 200:
        return Sample(response.status, seconds, -1, f"{response.status} {body[:300].decode(errors='replace').strip()}")
    return Sample(200, seconds, json.loads(body)["totals"]["pageviews"], "")


def _check_seeded(build: Build, folder: Path) -> None:
    """Raise SeedError where `build` would seed a folder again that another build has seeded."""
    marker = folder / "seed.json"
    if not marker.exists():
        return
    found = msgspec.json.decode(marker.read_bytes())["generator"]
    own = int(build.run("-c", "from bench.seed import GENERATOR; print(GENERATOR)"))
    if found != own:
        raise SeedError(f"{folder} was seeded by generator {found}, {build.version} has {own}: name another folder")


def _prepare(build: Build, seeded: Path, folder: Path, say: Say) -> tuple[Path, str]:
    """A copy of the seeded file that the build has opened and prepared; its folder, and a token for it."""
    own = folder / build.name
    data = database(own)
    data.parent.mkdir(mode=0o700, parents=True)
    shutil.copyfile(seeded / "prisme.duckdb", data)
    with running(build.serve(own), PATIENCE) as server:  # an upgrade takes its time
        seconds = wait_prepared(server)
        server.stop()
    say(f"{build.name}: the file was prepared after {seconds:.0f} s")
    return own, build.make_token(data.parent)


def _tell_group(prefix: list[str] | None) -> list[str]:
    if prefix is None:
        return ["No control group could be made here: DuckDB had what a server derives from 512 MB, and no more."]
    return [
        "In a control group of 512 MB of memory, without swap, with default options; busy: a busy loop for each core."
    ]


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Other work on all cores: a busy loop for each, of normal priority."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
