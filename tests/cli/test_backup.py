"""`prisme backup`, with a server and without one."""

import contextlib
import fcntl
import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from prisme.base.errors import InputError
from prisme.cli.main import main
from prisme.cli.operate import Operator
from prisme.operations.backup import Arguments
from prisme.store.archive import Manifest
from tests.faults.load import HOME, PAGEVIEWS, Load, check_visits, flow
from tests.server import LiveServer, browser, wait_until

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("backup") / "data", trust_proxy="true") as started:
        yield started


def backup(server: LiveServer, *words: object) -> int:
    return main(["backup", *map(str, words), "--data-dir", str(server.folder)])


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """The manifest of an archive, whose files are in the folder then."""
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["manifest.json", "prisme.duckdb", "control.sqlite"]
        archive.extractall(folder, filter="data")
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_while_events_come_in(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "add", "x", "--data-dir", str(server.folder)]) == 1  # no password
    with contextlib.closing(sqlite3.connect(server.folder / "control.sqlite")) as control, control:
        control.execute("INSERT INTO accounts VALUES ('ada', 'admin', '', 'x', 1)")
        control.execute("INSERT INTO logins VALUES (x'00', 'ada', 9999999999)")
    load = Load(server.port, "backup")
    flow([load])
    before = list(load.answered)
    capsys.readouterr()
    assert backup(server, tmp_path / "a.tar", "--check", "--json") == 0
    after = list(load.answered)
    load.stop()
    told = json.loads(capsys.readouterr().out)
    assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar"]
    assert list((server.folder / "tmp").iterdir()) == []
    manifest = unpack(tmp_path / "a.tar", tmp_path)
    assert (told["taken"], told["is_checked"]) == (manifest["taken"], True)
    with duckdb.connect(str(tmp_path / "prisme.duckdb"), read_only=True) as tables:
        stored = "SELECT path FROM pageviews UNION ALL SELECT '/' || name FROM events_custom"
        paths = [path for (path,) in tables.execute(stored).fetchall()]
        assert len(paths) == len(set(paths)) == told["rows"]["pageviews"] + told["rows"]["events_custom"]
        assert {path for path in before if path.startswith("/backup")} <= set(paths)
        assert set(paths) - set(after) <= set(load.answered)
        assert tables.execute("SELECT count(*) FROM state.open_sessions").fetchall() == [(0,)]
        uneven = "SELECT count(*) FROM pageviews ANTI JOIN sessions USING (session_uuid)"
        assert tables.execute(uneven).fetchall() == [(0,)]
    with contextlib.closing(sqlite3.connect(tmp_path / "control.sqlite")) as control:
        assert control.execute("SELECT name FROM accounts").fetchall() == [("ada",)]
        assert control.execute("SELECT count(*) FROM logins").fetchall() == [(0,)]
    check_visits(server)


def test_what_is_there_is_checked_and_not_overwritten(
    server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tar"
    assert backup(server, path, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    before = path.read_bytes()
    assert backup(server, path) == 1
    assert "is there already" in capsys.readouterr().err
    assert backup(server, path, "--check") == 0
    assert capsys.readouterr().out.startswith(f"checked: {path}, ")
    assert path.read_bytes() == before
    damaged = bytearray(before)
    damaged[len(before) // 2] ^= 1
    for text in (bytes(damaged), before[: len(before) // 3], b"", b"no archive" * 999):
        path.write_bytes(text)
        assert backup(server, path, "--check") == 1
        told = capsys.readouterr().err
        assert told.startswith(f"prisme: {path}: this is no backup of Prisme, or it is damaged: "), told
    assert [one.name for one in tmp_path.iterdir()] == ["a.tar"]


def test_a_folder_keeps_the_latest(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = [tmp_path / f"prisme-2026-01-0{day}T000000Z.tar" for day in range(1, 5)]
    others = [tmp_path / name for name in ("prisme-2026.tar", "notes.txt")]
    for path in (*old, *others):
        path.touch()
    (tmp_path / "prisme.tar.part").write_bytes(b"left by a kill" * 1_000_000)
    assert backup(server, tmp_path, "--keep", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] == [str(path) for path in old[:2]]
    assert set(tmp_path.iterdir()) == {*old[2:], *others, Path(told["file"])}
    assert backup(server, told["file"], "--check") == 0
    assert backup(server, tmp_path / "b.tar", "--keep", "2") == 2
    capsys.readouterr()
    for missing in (tmp_path / "none" / "b.tar", f"{tmp_path / 'none'}/"):
        assert backup(server, missing) == 1
        assert capsys.readouterr().err == f"prisme: there is no folder {tmp_path / 'none'}: create it first\n"
    assert backup(server, tmp_path, "--keep", "0") == 2
    assert "a number of backups" in capsys.readouterr().err


def test_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(tmp_path / "data") as server:
        assert server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/a")).status_code == 200
    (tmp_path / "out").mkdir()
    assert backup(server, tmp_path / "out", "--check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"]["pageviews"] == 1
    assert list((tmp_path / "data" / "tmp").iterdir()) == []


def test_a_client_that_gives_up_leaves_nothing(server: LiveServer, tmp_path: Path) -> None:
    def refuse(_: bytes) -> None:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        Operator(server.config).run("backup", Arguments(), Manifest, refuse)
    wait_until(lambda: not list((server.folder / "tmp").iterdir()), "the copy to be removed")
    wait_until(lambda: backup(server, tmp_path / "a.tar", "--quiet") == 0, "the next one")


def test_two_do_not_write_one_file(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "a.tar.part").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert backup(server, tmp_path / "a.tar") == 1
        assert "another backup is being written" in capsys.readouterr().err
        assert (tmp_path / "a.tar.part").exists()


def test_no_room_is_told_before(
    server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.operations.backup._MARGIN", 1 << 60)
    assert backup(server, tmp_path / "a.tar") == 1
    told = capsys.readouterr().err
    assert "a backup is copied within" in told
    assert "MB are free" in told
    assert list(tmp_path.iterdir()) == []


def test_no_key_is_in_it(server: LiveServer, tmp_path: Path) -> None:
    assert backup(server, tmp_path / "a.tar", "--quiet") == 0
    text = (tmp_path / "a.tar").read_bytes()
    with contextlib.closing(sqlite3.connect(server.folder / "secrets.sqlite")) as secrets:
        keys = [key for (key,) in secrets.execute("SELECT salt FROM salts") if any(key)]
    assert keys
    assert not [key for key in keys if key in text]
