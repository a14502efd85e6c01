"""The small file systems of the tests themselves: none is left, whatever becomes of the test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.faults.disk import mounted


def test_a_failed_test_leaves_no_disk(tmp_path: Path) -> None:
    def fail() -> None:
        with mounted(tmp_path / "disk", "64k") as disk, (disk.folder / "kept").open("w") as file:
            kept.append(os.dup(file.fileno()))
            raise ZeroDivisionError

    kept: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (tmp_path / "disk").is_mount()
    os.close(kept[0])


def test_the_disks_of_a_killed_run_are_unmounted(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    scene = f"""
import os
from pathlib import Path
from tests.faults.disk import elsewhere, mounted
folder = Path({str(folder)!r})
with mounted(folder, "64k"), elsewhere(folder / "below", folder / "other"):
    os.kill(os.getpid(), 9)
"""
    with mounted(tmp_path / "mine", "64k"):
        subprocess.run([sys.executable, "-c", scene], cwd=ROOT)
        assert folder.is_mount()
        with mounted(folder, "64k"):
            assert list(folder.iterdir()) == []
        assert not folder.is_mount()
        assert (tmp_path / "mine").is_mount()
