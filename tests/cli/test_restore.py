"""`prisme restore`, without a server and in one; killed anywhere, with damaged files, on another machine."""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from prisme.cli.main import main
from prisme.store.schema import read_steps
from prisme.store.table_sums import list_tables, sum_table
from tests.faults.load import HOME, LONG, PAGEVIEWS, check_visits
from tests.server import LiveServer, browser

PATHS = "SELECT path FROM pageviews ORDER BY path"
# What a kill may come before; the audit events of Python (PEP 578).
CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect", "shutil.rmtree"}


class Saved(NamedTuple):
    """A folder with the page and the site `after` in addition to `before`, and a backup with `before` alone."""

    folder: Path
    archive: Path


def view(server: LiveServer, page: str, referrer: str = "") -> None:
    headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer)
    assert server.http.post(PAGEVIEWS, headers=headers).status_code == 200


def run(*words: object) -> int:
    return main([*map(str, words)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("restore") / "data"
    archive = folder.with_name("a.tar")
    with LiveServer(folder) as server:
        for name in ("before", "after"):
            view(server, name)
            assert run("site", "add", f"{name}.example", "--data-dir", folder) == 0
            if name == "before":
                assert run("backup", archive, "--data-dir", folder) == 0
    return Saved(folder, archive)


@pytest.fixture
def saved(prepared: Saved, tmp_path: Path) -> Saved:
    return Saved(shutil.copytree(prepared.folder, tmp_path / "data"), prepared.archive)


def look(folder: Path) -> tuple[list[str], list[str]]:
    """The pages and sites of a folder that no server uses, once it was opened."""
    assert run("status", "--data-dir", folder) == 0
    assert not [path for path in folder.iterdir() if ".restored" in path.name or path.name == "restoring.json"]
    return read(folder)


def read(folder: Path) -> tuple[list[str], list[str]]:
    with duckdb.connect(str(folder / "prisme.duckdb"), read_only=True) as tables:
        pages = [path for (path,) in tables.execute(PATHS).fetchall()]
    with contextlib.closing(sqlite3.connect(folder / "control.sqlite")) as control:
        sites = [name for (name,) in control.execute("SELECT name FROM sites ORDER BY name")]
    return pages, sites


BEFORE = (["/before"], ["before.example"])
AFTER = (["/after", "/before"], ["after.example", "before.example"])


def kept(folder: Path) -> Path:
    (found,) = folder.glob("before-restore-*")
    return found


def test_without_a_server(saved: Saved, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("restore", saved.archive, "--yes", "--json", "--data-dir", saved.folder) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["kept"]) == kept(saved.folder)
    assert told["rows"]["pageviews"] == 1
    assert look(saved.folder) == BEFORE
    assert read(kept(saved.folder)) == AFTER
    assert kept(saved.folder).stat().st_mode & 0o777 == 0o700
    with LiveServer(saved.folder) as server:
        view(server, "new", f"{HOME}/before")
        check_visits(server)
    # The way back, as the command tells it.
    for path in kept(saved.folder).iterdir():
        path.replace(saved.folder / path.name)
    assert look(saved.folder) == AFTER


def test_in_a_server(saved: Saved, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(saved.folder, origins="example.com") as server:
        view(server, "open")
        assert run("restore", saved.archive, "--yes", "--data-dir", saved.folder) == 0
        assert f"what was there before is in {kept(saved.folder)}" in capsys.readouterr().out
        view(server, "next", f"{HOME}/open")
        assert server.rows(PATHS) == [("/before",), ("/next",)]
        check_visits(server)
        for host, is_site in (("before", True), ("after", False)):
            answer = server.http.post(PAGEVIEWS, headers=browser(f"https://{host}.example/"))
            assert (answer.status_code == 200) == is_site
    pages, sites = read(kept(saved.folder))
    assert pages == ["/after", "/before", "/open"]
    assert sites == AFTER[1]


def test_it_asks_and_refuses(saved: Saved, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("restore", saved.archive, "--data-dir", saved.folder)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(*words) == 1
    assert "use --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert run(*words) == 1
    assert run("restore", saved.folder / "none.tar", "--yes", "--data-dir", saved.folder) == 1
    assert "No such file" in capsys.readouterr().err
    assert look(saved.folder) == AFTER
    assert not list(saved.folder.glob("before-restore-*"))


def test_on_another_machine(saved: Saved, tmp_path: Path) -> None:
    """Its folder has other numbers of segments: one that the backup lists is another one here, and waits."""
    other = tmp_path / "new" / "data"
    assert run("restore", saved.archive, "--yes", "--data-dir", other) == 0
    assert not list(other.glob("before-restore-*"))
    assert look(other) == BEFORE
    again = tmp_path / "again"
    with LiveServer(again, eventstore_max_batch_timeout="1h") as server:
        view(server, "waits")
        waiting = [(path.name, path.read_bytes()) for path in (again / "journal").iterdir()]
    for name, text in waiting:
        (again / "journal" / name).write_bytes(text)
    (again / "prisme.duckdb").write_bytes(b"damaged")
    (again / "control.sqlite").write_bytes(b"damaged" * 1000)
    with duckdb.connect(str(saved.folder / "prisme.duckdb"), read_only=True) as tables:
        numbers = {number for (number,) in tables.execute("SELECT number FROM state.segments").fetchall()}
    assert {int(name[:12]) for name, _ in waiting} <= numbers
    assert run("restore", saved.archive, "--yes", "--data-dir", again) == 0
    with LiveServer(again, origins="example.com") as server:
        view(server, "next", f"{HOME}/waits")
        assert server.rows(PATHS) == [("/before",), ("/next",), ("/waits",)]
        check_visits(server)
    assert (kept(again) / "prisme.duckdb").read_bytes() == b"damaged"
    assert read(again)[1] == BEFORE[1]


def test_a_segment_that_the_backup_has_is_not_loaded_again(saved: Saved, tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    with LiveServer(folder, eventstore_max_batch_timeout="1h") as server:
        view(server, "once")
        (segment,) = (folder / "journal").iterdir()
        text = segment.read_bytes()
        assert run("backup", tmp_path / "b.tar", "--data-dir", folder) == 0
    segment.write_bytes(text)  # as if it could not be removed
    assert run("restore", tmp_path / "b.tar", "--yes", "--data-dir", folder) == 0
    with LiveServer(folder, origins="example.com") as server:
        view(server, "next")
        assert server.rows(PATHS) == [("/next",), ("/once",)]
        check_visits(server)


def test_visits_count_what_is_there(saved: Saved) -> None:
    """Of a visit, the first page is in the backup, the second one is not, the third one waits in the journal."""
    with LiveServer(saved.folder, origins="example.com", eventstore_max_batch_timeout="1h") as server:
        view(server, "three", f"{HOME}/after")
        (waiting,) = (saved.folder / "journal").iterdir()
        assert b'"pageviews":3' in waiting.read_bytes()
        assert run("restore", saved.archive, "--yes", "--data-dir", saved.folder) == 0
        view(server, "four", f"{HOME}/three")
    with LiveServer(saved.folder) as server:
        check_visits(server)
        rows = server.rows("SELECT entry_path, pageviews FROM sessions ORDER BY entry_timestamp")
        assert rows == [("/before", 2), ("/four", 1)]
        assert server.rows(PATHS) == [("/before",), ("/four",), ("/three",)]


@pytest.mark.parametrize("is_online", [False, True], ids=["alone", "in a server"])
def test_damaged_archives_change_nothing(
    saved: Saved, tmp_path: Path, is_online: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = saved.archive.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    bad = tmp_path / "bad.tar"
    with LiveServer(saved.folder) if is_online else contextlib.nullcontext():
        for text in (
            bytes(changed),
            whole[: len(whole) // 2],
            repack(saved.archive, drop_rows),
            repack(saved.archive, no_accounts),
        ):
            bad.write_bytes(text)
            assert run("restore", bad, "--yes", "--data-dir", saved.folder) == 1
            assert "or it is damaged" in capsys.readouterr().err
        assert not list(saved.folder.glob("*restor*"))
        assert not list((saved.folder / "tmp").iterdir())
    assert look(saved.folder) == AFTER


def repack(archive: Path, change: Callable[[Path], None]) -> bytes:
    """An archive that is sound, but for what `change` does to the unpacked files."""
    folder = archive.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    change(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        text = (folder / name).read_bytes()
        manifest["files"][name] = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as opened:
        for name in ("manifest.json", *manifest["files"]):
            opened.add(folder / name, name)
    return target.getvalue()


def drop_rows(folder: Path) -> None:
    with duckdb.connect(str(folder / "prisme.duckdb")) as tables:
        tables.execute("DELETE FROM pageviews")


def no_accounts(folder: Path) -> None:
    (folder / "control.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4096)


def of_newer(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["schemas"]["events"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest | {"prisme": "99.0"}))


def of_older(folder: Path) -> None:
    """As Prisme 0.1.0 would have written it, with one visit."""
    (folder / "prisme.duckdb").unlink()
    with duckdb.connect(str(folder / "prisme.duckdb")) as tables:
        tables.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        tables.execute(read_steps("events")[0])
        tables.execute("INSERT INTO schema_version VALUES (1)")
        tables.execute(
            "INSERT INTO pageviews BY NAME SELECT now()::TIMESTAMP AS \"timestamp\", 'example.com' AS domain, "
            "'/old' AS path, 'v' AS visitor_id, uuidv7() AS session_uuid, 200 AS status"
        )
    describe_anew(folder, 1)


def describe_anew(folder: Path, version: int) -> None:
    """Have the manifest say what is in the tables, as one of an earlier schema and of an earlier DuckDB."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["duckdb"] = "1.0.0"  # whose hashes are others
    manifest["schemas"]["events"] = version
    manifest["tables"] = {}
    with duckdb.connect(str(folder / "prisme.duckdb")) as tables:
        for table in list_tables(tables, "prisme"):
            sums = sum_table(tables, "prisme", table)
            manifest["tables"][table.full_name] = {
                "rows": sums.rows, "checksum": "0", "pageviews": sums.pageviews,
                "earliest": sums.earliest, "latest": sums.latest,
            }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_newer_schema_is_refused_and_an_older_one_upgraded(
    saved: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.tar"
    other.write_bytes(repack(saved.archive, of_newer))
    assert run("restore", other, "--yes", "--data-dir", saved.folder) == 1
    assert "Prisme 99.0 made this backup" in capsys.readouterr().err
    other.write_bytes(repack(saved.archive, of_older))
    with LiveServer(saved.folder, origins="example.com") as server:
        assert run("restore", other, "--yes", "--data-dir", saved.folder) == 0
        view(server, "new")
        assert server.rows(PATHS) == [("/new",), ("/old",)]
        check_visits(server)
    assert not list(saved.folder.glob("*.v1"))


def killed_at(number: int, saved: Saved, is_online: bool) -> bool:
    """Restore in a process that is killed before its change of that number; False if it has fewer."""
    child = os.fork()
    if child == 0:
        left = [number]

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event in CHANGES and "restor" in str(arguments) and left:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            with LiveServer(saved.folder) if is_online else contextlib.nullcontext():
                sys.addaudithook(watch)
                code = run("restore", saved.archive, "--yes", "--data-dir", saved.folder)
                left.clear()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(("is_online", "decision"), [(False, 12), (True, 10)], ids=["alone", "in a server"])
def test_killed_anywhere_it_is_all_or_nothing(prepared: Saved, tmp_path: Path, is_online: bool, decision: int) -> None:
    """The change of the number `decision` is the one that the next start looks at."""
    some = [random.randint(4, decision), random.randint(decision + 1, decision + 8)]
    for number in range(decision + 10) if LONG else some:
        saved = Saved(shutil.copytree(prepared.folder, tmp_path / f"{number}"), prepared.archive)
        assert killed_at(number, saved, is_online)
        assert look(saved.folder) == (BEFORE if number > decision else AFTER), number
        if number > decision:
            assert read(kept(saved.folder)) == AFTER
        else:
            assert not list(saved.folder.glob("before-restore-*"))
        shutil.rmtree(saved.folder)
