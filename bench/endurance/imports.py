"""An access log imported by Prisme, into a running server, and by GoatCounter, into its own: time and memory.

GoatCounter is built from its Go module, and its own `import` is used as its help says. Without Go it is left out.
"""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.endurance.access_log import Written, write
from bench.endurance.result import Figure, Outcome, compare
from bench.machine import peak_memory
from bench.server import ROOT, SITE, ServerError, database, free_port, make_environment, running, start_prisme

GOATCOUNTER: Final = "zgo.at/goatcounter/v2@v2.7.0"
# The time of Prisme by that of GoatCounter, and megabytes.
RATIO: Final = 1 / 3
MEMORY: Final = 300.0
_QUIET: Final = 15.0  # seconds; GoatCounter stores what it has in memory every ten
_BUILD_SECONDS: Final = 900.0
_START_SECONDS: Final = 30.0
_POLL: Final = 0.5
Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True):
    """Lines of the log."""

    lines: int = 10_000_000


QUICK = Plan(20_000)


class Import(msgspec.Struct, frozen=True):
    """Seconds until all was stored, pageviews stored, and the peak memory of the command and of the server (MB)."""

    seconds: float
    pageviews: int
    command: float
    server: float


def run(plan: Plan, say: Say) -> Outcome:
    """Write the log, and import it twice, one after the other. Raises ServerError."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        log = folder / "access.log"
        say(f"writing {plan.lines:,} lines")
        written = write(log, plan.lines)
        ours = _import_ours(folder, log, say)
        program = _build(folder, say)
        theirs = _import_theirs(folder, log, program, say) if program else None
        return conclude(written, log.stat().st_size, ours, theirs)


def conclude(written: Written, size: int, ours: Import, theirs: Import | None) -> Outcome:
    """The figures."""
    failures = []
    if ours.pageviews != written.pageviews:
        failures.append(f"Prisme stored {ours.pageviews} pageviews, the log has {written.pageviews}")
    time_ = "time until all is stored"
    figures = [
        Figure(time_, "s", ours.seconds)
        if theirs is None
        else compare(time_, "s", ours.seconds, theirs.seconds, most=RATIO),
        Figure("peak memory of the command", "MB", ours.command, theirs.command if theirs else None, most=MEMORY),
        Figure("peak memory of the server", "MB", ours.server, theirs.server if theirs else None, most=MEMORY),
    ]
    notes = [f"The log has {written.lines:,} lines, {written.pageviews:,} of them pageviews, and {size / 1e6:,.0f} MB."]
    if theirs is not None:
        what = "it counts some of the bots and assets, and not each reload"
        notes.append(f"GoatCounter stored {theirs.pageviews:,} hits: {what}.")
        if not theirs.pageviews:
            failures.append("GoatCounter stored nothing")
    return Outcome(("GoatCounter", "Prisme"), figures, notes, failures)


def _import_ours(folder: Path, log: Path, say: Say) -> Import:
    database(folder).parent.mkdir(mode=0o700, parents=True)
    with running(start_prisme(folder)) as server:
        words = ["import", "access-log", str(log), "--site", SITE, "--yes", "--json"]
        data = ["--data-dir", str(database(folder).parent)]
        began = time.monotonic()
        output, memory = _run_command([sys.executable, "-m", "prisme", *words, *data], folder)
        seconds = time.monotonic() - began
        stored = int(json.loads(output)["pageviews"])
        say(f"Prisme: {seconds:.1f} s, {stored:,} pageviews")
        peak = server.peak_memory() / 1e6
        server.stop()
    return Import(seconds, stored, memory, peak)


def _import_theirs(folder: Path, log: Path, program: Path, say: Say) -> Import:
    """GoatCounter's default import, with its rate limit lifted; over once what it has stored does not grow."""
    store = folder / "goatcounter.sqlite3"
    database_ = f"sqlite+{store}"
    account = ["-user.email", "a@example.com", "-user.password", "password123"]
    _check([program, "db", "create", "site", "-createdb", "-db", database_, "-vhost", SITE, *account])
    _check([program, "db", "create", "apitoken", "-db", database_, "-name", "t", "-user", "1", "-perm", "count"])
    with contextlib.closing(sqlite3.connect(store)) as connection:
        ((token,),) = connection.execute("SELECT token FROM api_tokens").fetchall()
    port = free_port()
    limit = "api-count:1000000/1,api:1000000/1"
    words = ["serve", "-db", database_, "-listen", f"localhost:{port}", "-tls", "http", "-automigrate"]
    with _serving([program, *words, "-ratelimit", limit], folder, port) as process:
        site = f"http://localhost:{port}"
        began = time.monotonic()
        command: list[str | Path] = [program, "import", "-site", site, "-format", "combined", log]
        _, memory = _run_command(command, folder, {"GOATCOUNTER_API_KEY": token})
        stored, seconds = _wait_until_stored(store, began)
        peak = peak_memory(process.pid) / 1e6
    say(f"GoatCounter: {seconds:.1f} s, {stored:,} hits")
    return Import(seconds, stored, memory, peak)


def _wait_until_stored(store: Path, began: float) -> tuple[int, float]:
    """Its hits, and the seconds until the last of them was there."""
    stored, at = -1, time.monotonic()
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        while time.monotonic() - at < _QUIET:
            ((count,),) = connection.execute("SELECT coalesce(sum(total), 0) FROM hit_counts").fetchall()
            if count != stored:
                stored, at = count, time.monotonic()
            time.sleep(_POLL)
    return stored, at - began


@contextlib.contextmanager
def _serving(command: Sequence[str | Path], folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "goatcounter.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        until = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise ServerError(f"GoatCounter did not start: {(folder / 'goatcounter.log').read_text()[-1000:]}")
            time.sleep(_POLL)
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), timeout=1):
            return True
    except OSError:
        return False


def _build(folder: Path, say: Say) -> Path | None:
    """The program, built in a folder of its own; None without Go."""
    if shutil.which("go") is None:
        say("Go is missing: GoatCounter is left out")
        return None
    say(f"building {GOATCOUNTER}")
    found = json.loads(_check(["go", "mod", "download", "-json", GOATCOUNTER]))
    source, program = folder / "goatcounter-source", folder / "goatcounter"
    shutil.copytree(found["Dir"], source, copy_function=shutil.copyfile)
    for path in [source, *source.rglob("*")]:
        path.chmod(0o700)
    _check(["go", "build", "-o", program, "./cmd/goatcounter"], source)
    return program


def _check(command: Sequence[str | Path], folder: Path | None = None) -> bytes:
    done = subprocess.run(command, capture_output=True, cwd=folder, timeout=_BUILD_SECONDS)
    if done.returncode:
        raise ServerError(f"{Path(command[0]).name} {command[1]} failed: {done.stderr.decode().strip()[-1000:]}")
    return done.stdout


def _run_command(
    command: Sequence[str | Path], folder: Path, more: Mapping[str, str] | None = None
) -> tuple[bytes, float]:
    """What a command prints, and its peak memory in megabytes. Raises ServerError where it fails."""
    with (folder / "command.out").open("w+b") as output, (folder / "command.err").open("w+b") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=folder,
            env={**make_environment(ROOT), **(more or {})},
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise ServerError(f"{Path(command[0]).name} import failed: {errors.read().decode().strip()[-1000:]}")
        return output.read(), used.ru_maxrss * 1024 / 1e6
