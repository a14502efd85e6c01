"""A process on a pseudo-terminal, as a person starts it."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from tests.checkout import ROOT
from tests.server import PATIENCE


class Terminal:
    """A process on a pseudo-terminal. `text` is what it has written."""

    def __init__(self, command: list[str], environ: dict[str, str], folder: Path = ROOT) -> None:
        self.text = ""
        self._screen, inner = pty.openpty()
        environ = {**os.environ, "TERM": "xterm", "TZ": "UTC", **environ}
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=inner, stdout=inner, stderr=inner, env=environ, start_new_session=True
        )
        os.close(inner)

    def read_until(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until a pattern is there."""
        deadline = time.monotonic() + patience
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, f"{pattern!r} is not in:\n{self.text}"
            self._read()
        return found

    def end(self) -> int:
        """Press Ctrl-C; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(PATIENCE)
        while self._read():
            pass
        return code

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], 0.1)[0]:
            return False
        with contextlib.suppress(OSError):  # the process has ended
            data = os.read(self._screen, 65_536)
            self.text += data.decode()
            return bool(data)
        return False
