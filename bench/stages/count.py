"""Counts instructions with valgrind's callgrind, which needs no hardware counter; its slowness is in no figure.

One process for all stages: it starts uncounted, and is told to count when everything is warm.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from bench.stages.inside import BEGIN, COUNTED, DONE, EMPTY, END, READY

_ROOT = Path(__file__).parents[2]
_PATIENCE = 300.0  # seconds for a whole run, which takes a tenth of it
_TOLD_WITHIN = 60.0  # seconds; mostly a tenth of one
# The sum of all that was counted since "zero"; callgrind's "totals" may have some of what was counted before.
_TOTAL = re.compile(r"^summary: (\d+)", re.MULTILINE)


class CountError(Exception):
    """Nothing could be counted; the message says why."""


def missing() -> str:
    """What is missing to count anything, and how to get it; empty where nothing is."""
    if shutil.which("valgrind") and shutil.which("vgdb"):
        return ""
    return "valgrind is needed: `apt install valgrind` on Debian and Ubuntu, `dnf install valgrind` on Fedora"


def valgrind_version() -> str:
    """As valgrind tells it, such as 3.19.0."""
    told = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout
    return told.strip().removeprefix("valgrind-")


def count(*names: str) -> dict[str, int]:
    """Instructions a pageview of the named stages, or of all, by name, without those of the stops around them."""
    totals: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, Counted(Path(folder), names) as counted:
        counted.expect(READY)
        counted.tell("instrumentation on")
        counted.go_on()
        while (said := counted.listen()) != DONE:
            totals[said.removeprefix(BEGIN)] = counted.until_end()
        counted.go_on()
        counted.finish()
    empty = totals.pop(EMPTY)
    return {name: round((total - empty) / COUNTED) for name, total in totals.items()}


class Counted:
    """The process under valgrind; leaving the context ends it."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._out, self._gate, self._log = folder / "out", folder / "gate", folder / "log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PRISME_", "PYTHON"))}
        environment |= {"PYTHONPATH": str(_ROOT), "PYTHONHASHSEED": "0"}
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self._out}"]
        command += [f"--vgdb-prefix={self._gate}", sys.executable, "-m", "bench.stages.inside", *names]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for us
            )
        self._timer = threading.Timer(_PATIENCE, self._process.kill)
        self._dumps = 0

    def __enter__(self) -> "Counted":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()

    def listen(self) -> str:
        """What the process says when it stops the next time."""
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise self._error("the stages ended too early")
        return said.decode().removesuffix("\n")

    def expect(self, word: str) -> None:
        """Wait until the process says this."""
        said = self.listen()
        if said != word:
            raise self._error(f"{word!r} was expected, not {said!r}")

    def go_on(self) -> None:
        """Let the process go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def tell(self, command: str) -> None:
        """Tell callgrind something, while the process waits."""
        vgdb = ["vgdb", f"--vgdb-prefix={self._gate}", f"--pid={self._process.pid}", *command.split()]
        try:
            told = subprocess.run(vgdb, capture_output=True, text=True, timeout=_TOLD_WITHIN)
        except subprocess.TimeoutExpired:
            raise self._error(f"callgrind did not hear {command!r}: vgdb must be allowed to ptrace") from None
        if told.returncode:
            raise self._error(f"callgrind did not take {command!r}: {told.stderr.strip()}")

    def until_end(self) -> int:
        """Let the process go on; gives the instructions until the stage ends."""
        self.tell("zero")
        self.go_on()
        self.expect(END)
        self.tell("dump")
        self._dumps += 1
        dump = Path(f"{self._out}.{self._dumps}")
        total = _TOTAL.search(dump.read_text())
        if total is None:
            raise self._error(f"no total in {dump.name}")
        self.go_on()
        return int(total[1])

    def finish(self) -> None:
        """Wait for the end; CountError where it is no good one."""
        if self._process.wait():
            raise self._error(f"the stages ended with exit code {self._process.returncode}")

    def _error(self, what: str) -> CountError:
        self._process.kill()
        self._process.wait()
        log = self._log.read_text(errors="replace").splitlines()[-15:]
        return CountError("\n".join([f"{what}; the end of its log:", *log]))
