"""Processes of the lowest priority: what they wrote, how they ended, and how they are stopped."""

import signal
import sys
import threading
from pathlib import Path

import pytest

from prisme.runtime import child
from prisme.runtime.cancellation import Cancellation
from tests.server import wait_until


def run(folder: Path, code: str, cancellation: Cancellation | None = None) -> child.Ended:
    return child.run([sys.executable, "-c", code], folder, cancellation or Cancellation())


@pytest.mark.parametrize("code", [0, 1, 7])
def test_what_it_says_and_how_it_ends(tmp_path: Path, code: int) -> None:
    ended = run(tmp_path, f"import sys; print('said'); print('wrong', file=sys.stderr); sys.exit({code})")
    assert ended == (code, b"said\n", b"wrong\n")


def test_of_much_only_the_end_is_kept(tmp_path: Path) -> None:
    ended = run(tmp_path, "print('x' * 5_000_000); print('end')")
    assert len(ended.output) == 4 << 20
    assert ended.output.endswith(b"x\nend\n")


def test_it_reads_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "import sys; print(repr(sys.stdin.read()))").output == b"''\n"


def test_a_signal_that_ended_it(tmp_path: Path) -> None:
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)").code == -signal.SIGKILL


def test_it_comes_last(tmp_path: Path) -> None:
    """Its priority is lowered as it begins."""
    code = "import os, time\nwhile os.nice(0) < 19: time.sleep(0.01)\nprint(open('/proc/self/oom_score_adj').read())"
    if not Path("/proc/self/oom_score_adj").exists():
        code = code.rpartition("\n")[0] + "\nprint(1000)"
    assert run(tmp_path, code).output.split() == [b"1000"]


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        child.run([str(tmp_path / "nothing")], tmp_path, Cancellation())


WAIT = """
import signal, sys, time
from pathlib import Path
for name in sys.argv[2:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
try:
    Path(sys.argv[1]).touch()
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("ignored", "code"),
    [((), 130), (("SIGINT",), -signal.SIGTERM), (("SIGINT", "SIGTERM"), -signal.SIGKILL)],
)
def test_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: tuple[str, ...], code: int) -> None:
    """With SIGTERM and SIGKILL only if it does not listen."""
    monkeypatch.setattr(child, "_STEP_SECONDS", 600 if not ignored else 0.2)
    begun, cancellation = tmp_path / "begun", Cancellation()
    ended: list[child.Ended] = []
    command = [sys.executable, "-c", WAIT, str(begun), *ignored]
    thread = threading.Thread(target=lambda: ended.append(child.run(command, tmp_path, cancellation)))
    thread.start()
    wait_until(begun.exists, "the process to begin")
    for _ in range(2):  # as often as somebody likes
        cancellation.cancel()
    thread.join()
    assert ended[0].code == code
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer) and not one.finished.is_set()]


def test_it_does_not_begin_after_its_end(tmp_path: Path) -> None:
    """A cancellation that came before ends it at once."""
    cancellation = Cancellation()
    cancellation.cancel()
    ended = run(tmp_path, "import time; time.sleep(600)", cancellation)
    assert ended.code != 0
