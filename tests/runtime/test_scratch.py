"""Folders for what a command cannot keep in memory: there as long as it runs, however it ends."""

import subprocess
import sys
from pathlib import Path

from prisme.runtime.scratch import remove_left, scratch_folder
from tests.checkout import ROOT

_HOLD = """
import pathlib, sys, time
from prisme.runtime.scratch import scratch_folder
with scratch_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "rows").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_removed_at_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "rows").write_text("x")
        remove_left(tmp_path)
        assert (folder / "rows").exists()
    assert list(tmp_path.iterdir()) == []


def test_one_of_a_process_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        held = Path(process.stdout.readline().strip())
        with scratch_folder(tmp_path):
            assert (held / "rows").exists()
        process.kill()
        process.wait()
    with scratch_folder(tmp_path):
        assert not held.exists()
        assert (tmp_path / "other").exists()
