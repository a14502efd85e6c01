"""What is measured in a process of its own: it is started, waited for, and its last line of output is its result."""

import subprocess
import sys
from pathlib import Path

from bench.server import ServerError

_ROOT = Path(__file__).parent.parent.parent
_PATIENCE = 900.0


def run(module: str, *words: str) -> bytes:
    """Run `python -m module words`; gives the last line that it printed. Raises ServerError where it failed."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, capture_output=True, cwd=_ROOT, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
    if done.returncode or not done.stdout.strip():
        said = (done.stdout + done.stderr).decode(errors="replace").strip()[-2000:]
        raise ServerError(f"{module} ended with exit code {done.returncode}:\n{said}")
    return done.stdout.strip().splitlines()[-1]
