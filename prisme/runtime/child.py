"""Runs another process of the lowest priority, which is interrupted when nobody waits for it any more."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prisme.runtime.cancellation import Cancellation

_LOWEST: Final = 19  # nice(2)
# Where memory runs out, Linux ends this process and no other (proc_pid_oom_score_adj(5)).
_FIRST_TO_END: Final = "1000"
# After an interrupt, a process has so many seconds to end by itself, then as many after SIGTERM; supervisors often
# allow ten in all.
_STEP_SECONDS: Final = 3.0
_MOST_BYTES: Final = 4 << 20


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, and the ends of what it wrote, at most 4 MiB each."""

    code: int
    output: bytes
    errors: bytes


def run(command: Sequence[str], folder: Path, cancellation: Cancellation) -> Ended:
    """Run a command to its end; what it writes goes to files in a folder. Raises OSError where it cannot begin.

    `cancellation` interrupts it with SIGINT. If it goes on, SIGTERM and SIGKILL follow.
    """
    output, errors = folder / "output", folder / "errors"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)  # noqa: S603  # our own
    _lower(process.pid)
    stopping = _Stopping(process)
    cancellation.attach(stopping.begin)
    try:
        code = process.wait()
    finally:
        cancellation.detach(stopping.begin)
        stopping.end()
    return Ended(code, _read_end(output), _read_end(errors))


class _Stopping:
    """Sends a process one signal after the other until it ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._has_begun = False
        self._timers = [
            threading.Timer(step * _STEP_SECONDS, process.send_signal, (number,))
            for step, number in enumerate((signal.SIGTERM, signal.SIGKILL), start=1)
        ]

    def begin(self) -> None:
        """Interrupt it; a second time does nothing."""
        if self._has_begun:
            return
        self._has_begun = True
        self._process.send_signal(signal.SIGINT)
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def end(self) -> None:
        """It has ended: send nothing more."""
        for timer in self._timers:
            timer.cancel()


def _lower(pid: int) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, pid, _LOWEST)
    with contextlib.suppress(OSError):  # not Linux
        Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST_TO_END)


def _read_end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _MOST_BYTES))
        return file.read()
