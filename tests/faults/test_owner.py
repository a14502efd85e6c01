"""All that Prisme writes is for its owner's eyes alone: under load, after a kill, whatever umask, whatever was there.

And nobody gets in with a password that nobody set.
"""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from prisme.access.accounts import Accounts
from prisme.access.setup import Setup
from prisme.runtime.options import OPTIONS
from prisme.store.control import Control
from tests.process import Process
from tests.server import LiveServer, browser

VIEWS = "/api/v1/events/pageviews"
# What shells begin with, at the worst.
OPEN = ("sh", "-c", 'umask 0; exec "$@"', "sh")


class Watcher:
    """Looks at all files and folders again and again, meanwhile; `faults` are those that others may use."""

    def __init__(self, folder: Path) -> None:
        self.seen: set[str] = set()
        self.faults: set[str] = set()
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def look(self) -> None:
        for path in (self._folder, *self._folder.rglob("*")):
            try:
                mode = path.lstat().st_mode & 0o777
            except FileNotFoundError:
                continue
            name = str(path.relative_to(self._folder))
            self.seen.add(name)
            if mode & 0o077:
                self.faults.add(f"{name} {mode:o}")

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self.look()

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.look()


def command(folder: Path, *words: str) -> None:
    """A command beside the server, as somebody with the worst umask gives it."""
    line = [*OPEN, sys.executable, "-m", "prisme", *words, f"--data-dir={folder}"]
    done = subprocess.run(line, input="correct horse battery\n", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def send(http: httpx.Client, numbers: range) -> None:
    for number in numbers:
        headers = browser(f"https://example.com/{number}", X_Forwarded_For=f"10.0.{number >> 8}.{number & 255}")
        assert http.post(VIEWS, headers=headers).status_code == 200


def test_the_watcher_sees(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir(mode=0o700)
    (tmp_path / "inner" / "open").touch()
    (tmp_path / "inner" / "open").chmod(0o640)
    with Watcher(tmp_path) as watcher:
        pass
    assert (watcher.seen, watcher.faults) == ({".", "inner", "inner/open"}, {"inner/open 640"})


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Through starts, loads, checkpoints, questions, commands, a kill and a stop."""
    folder = tmp_path / "data"
    process = Process(
        folder,
        prefix=OPEN,
        trust_proxy="true",
        access_log=str(folder / "access.log"),
        eventstore_max_batch_timeout="10ms",
    )
    with Watcher(folder) as watcher, process:
        for life in range(2):
            process.start()
            send(process.http, range(life * 100, life * 100 + 100))
            process.http.get("/login")
            process.kill()
        process.start()
        command(folder, "user", "add", "ada", "--role=admin", "--password-stdin")
        assert process.stop() == 0
    assert watcher.faults == set()
    whole = {"prisme.duckdb", "prisme.duckdb.wal", "control.sqlite", "secrets.sqlite", "secrets.sqlite-journal"}
    assert watcher.seen >= whole | {".", "lock", "journal", "access.log"}
    assert any(name.endswith(".ndjson") for name in watcher.seen)


def test_what_was_open_to_others_is_closed(tmp_path: Path) -> None:
    """A folder that was there, and a copy that was brought back with the rights of whoever copied it."""
    folder = tmp_path / "data"
    with Process(folder) as process:
        process.start()
        send(process.http, range(10))
        process.kill()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        (folder / "notes.txt").touch()
        (folder / "notes.txt").chmod(0o644)
        process.start()
        with Watcher(folder) as watcher:
            pass
        assert process.stop() == 0
    # The folder itself and files that are not Prisme's are the operator's own affair; the log has a word on the former.
    assert watcher.faults == {"notes.txt 644", ". 777"}
    (warning,) = [line["msg"] for line in process.log() if line["level"] == 40 and "chmod" in line["msg"]]
    assert warning == f"others may write to the data directory: chmod 700 {folder}"
    assert {"prisme.duckdb", "secrets.sqlite", "journal"} <= watcher.seen


def test_scratch_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """What DuckDB cannot hold in memory, as `prisme serve` has it write."""
    spill = """
import os, sys
from pathlib import Path
from prisme.store.connection import Limits
from prisme.store.database import Database
os.umask(0o077)  # as prisme.serve.run does before anything
folder = Path(sys.argv[1])
cursor = Database(folder / "prisme.duckdb", Limits(64_000_000, 1), folder / "tmp").cursor()
cursor.execute("CREATE TEMP TABLE much AS SELECT md5(i::VARCHAR) AS text FROM range(2000000) AS t(i)")
os.kill(os.getpid(), 9)
"""
    subprocess.run([*OPEN, sys.executable, "-c", spill, str(tmp_path)])
    tmp_path.chmod(0o700)
    with Watcher(tmp_path) as watcher:
        pass
    assert any(name.startswith("tmp/duckdb_temp") for name in watcher.seen)
    assert watcher.faults == set()


def test_nobody_gets_in_with_a_password_that_nobody_set(start: Callable[..., LiveServer]) -> None:
    server = start(trust_proxy="true")
    assert not Accounts(Control(server.folder)).has_any()
    names = ("", "admin", "prisme", "demo")
    passwords = ("", "admin", "prisme", "password", "correct horse battery")
    for number, (name, password) in enumerate(itertools.product(names, passwords)):
        # From everywhere, or the guesser would have to wait.
        headers = {"X-Forwarded-For": f"8.8.{number}.8"}
        answer = server.http.post("/login", data={"name": name, "password": password}, headers=headers)
        assert answer.status_code in {401, 429}, (name, password)
        assert "set-cookie" not in answer.headers
    for key in ("", "None", "0", "setup", Setup().key):
        fields = {"key": key, "name": "eve", "password": "correct horse battery", "again": "correct horse battery"}
        assert server.http.post("/setup", data=fields).status_code == 401
    assert not Accounts(Control(server.folder)).has_any()
    assert len({Setup().key for _ in range(100)}) == 100
    assert len(Setup().key) >= 43  # 256 bits
    secrets = {option.name for option in OPTIONS if "password" in option.name or "secret" in option.name}
    assert secrets == {"clickhouse_password_file"}  # of another server
