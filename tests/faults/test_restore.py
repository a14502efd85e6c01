"""Backups and restores under load, and where the disk is full: what was answered is stored exactly once."""

import shutil
import time
from pathlib import Path

import pytest

from prisme.cli.main import main
from tests.faults.disk import mounted
from tests.faults.load import HOME, PAGEVIEWS, STORED, Load, Report, check_visits, count, flow
from tests.server import LiveServer, browser, wait_until

# Few segments, each of which takes a load.
FULL = {"trust_proxy": "true", "min_free_space": "0", "eventstore_max_batch_timeout": "1s"}


def run(*words: object) -> int:
    return main([*map(str, words)])


def stored(server: LiveServer) -> list[str]:
    return [path for (path,) in server.rows(STORED)]


def test_restored_under_load(tmp_path: Path) -> None:
    """Each event is in what was there before, or in what is there now, and in no more than one of the two."""
    with LiveServer(tmp_path / "data", **FULL) as server:
        early = Load(server.port, "early")
        flow([early])
        early.stop()
        assert run("backup", tmp_path / "a.tar", "--data-dir", server.folder) == 0
        loads = [Load(server.port, f"load-{number}", 0.005, network=number + 1) for number in range(2)]
        flow(loads)
        assert run("restore", tmp_path / "a.tar", "--yes", "--data-dir", server.folder) == 0
        already = {path for load in loads for path in load.answered}
        flow(loads)
        for load in loads:
            load.stop()
        assert sum(load.refused for load in loads) == 0
        check_visits(server)
        now = stored(server)
    (kept,) = (tmp_path / "data").glob("before-restore-*")
    with LiveServer(shutil.copytree(kept, tmp_path / "old")) as server:
        check_visits(server)
        before = stored(server)
    answered = {path for load in loads for path in load.answered}
    assert set(early.answered) <= set(now) & set(before)
    late = [path for path in (*now, *before) if path not in set(early.answered)]
    assert sorted(late) == sorted(answered)
    assert answered - already <= set(now)


def test_a_backup_on_a_full_disk(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        mounted(tmp_path / "data", "48m") as disk,
        LiveServer(tmp_path / "data", **FULL) as server,
    ):
        load = Load(server.port, "full", 0.1)
        flow([load])
        disk.leave(10_000_000)
        assert run("backup", tmp_path / "a.tar", "--data-dir", server.folder) == 1
        assert "MB are free" in capsys.readouterr().err
        with monkeypatch.context() as patch:
            patch.setattr("prisme.operations.backup._MARGIN", -(1 << 40))
            disk.leave(400_000)
            assert run("backup", tmp_path / "a.tar", "--data-dir", server.folder) == 1
            assert capsys.readouterr().err.startswith("prisme: ")
        begun = time.monotonic()
        disk.free()
        wait_until(lambda: run("backup", tmp_path / "a.tar", "--check", "--data-dir", server.folder) == 0, "a backup")
        seconds = time.monotonic() - begun
        flow([load])
        load.stop()
        assert list((server.folder / "tmp").iterdir()) == []
        outcome = count(server, [load])
    report("a backup on a full disk", 1, outcome, seconds)


def test_a_restore_on_a_full_disk(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        mounted(tmp_path / "data", "48m") as disk,
        LiveServer(tmp_path / "data", **FULL) as server,
    ):
        assert server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/first")).status_code == 200
        assert run("backup", tmp_path / "a.tar", "--data-dir", server.folder) == 0
        load = Load(server.port, "full", 0.1)
        flow([load])
        disk.leave(10_000_000)
        assert run("restore", tmp_path / "a.tar", "--yes", "--data-dir", server.folder) == 1
        assert "as what is there is kept" in capsys.readouterr().err
        monkeypatch.setattr("prisme.store.restoration._MARGIN", -(1 << 40))
        for left in (400_000, 1_300_000, 1_700_000):
            disk.leave(left)
            assert run("restore", tmp_path / "a.tar", "--yes", "--data-dir", server.folder) == 1, left
            assert capsys.readouterr().err.startswith("prisme: ")
        begun = time.monotonic()
        disk.free()
        flow([load])
        seconds = time.monotonic() - begun
        load.stop()
        assert not list(server.folder.glob("*restor*"))
        outcome = count(server, [load])
    report("a restore on a full disk", 1, outcome, seconds)
