"""Starts that cannot be, and what they leave: a damaged database, countries that are none, a signal too early."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from prisme.assets import COUNTRIES
from prisme.store.schema import newest_version
from tests.checkout import ROOT
from tests.faults.disk import mounted
from tests.faults.load import LONG, Load, Report, count, flow
from tests.process import Process, copy_data
from tests.server import wait_until

SIGNALS = 100 if LONG else 12
NEWEST = newest_version("events")


class Left(NamedTuple):
    """A folder as a killed server left it.

    The first of the loads is in the database's file and in its copy beside, the last in the journal alone. Of the
    others one was in the write-ahead log when the server was killed before, and both files are there as they were then.
    """

    folder: Path
    loads: list[Load]


COPY = "prisme.duckdb.copy"
FILES = ("prisme.duckdb", "prisme.duckdb.wal")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("left") / "data"
    loads: list[Load] = []
    for life, interval in enumerate(("20ms", "20ms", "1m")):
        with Process(folder, trust_proxy="true", eventstore_max_batch_timeout=interval) as server:
            server.start()
            # After its first load, a server empties the write-ahead log of an earlier run, and not again soon.
            for turn in range(2 if life == 1 else 1):
                load = Load(server.port, f"life-{life}-{turn}", network=len(loads))
                loads.append(load)
                flow([load])
                load.stop()
                if life == 1:
                    wait_until(lambda: not journal(folder), "all to be loaded")
            if life == 0:
                assert server.stop() == 0
                shutil.copy(folder / "prisme.duckdb", folder / COPY)
            server.kill()
        if life == 1:
            for name in FILES:
                shutil.copy(folder / name, folder / f"{name}.killed")
    return Left(folder, loads)


@pytest.fixture
def left(prepared: Left, tmp_path: Path) -> Left:
    return Left(copy_data(prepared.folder, tmp_path / "data"), prepared.loads)


def journal(folder: Path) -> dict[str, bytes]:
    """All that is in it; segments that hold nothing do not count, nor those that are removed just now."""
    files: dict[str, bytes] = {}
    for path in (folder / "journal").iterdir():
        with contextlib.suppress(FileNotFoundError):
            files[path.name] = path.read_bytes()
    return {name: content for name, content in files.items() if content}


def last_words(server: Process) -> str:
    """Why it could not start: one line, and nothing but lines of the log."""
    (told,) = [str(line["msg"]) for line in server.log() if line["level"] == 60]
    return told


def garbage(folder: Path) -> None:
    (folder / "prisme.duckdb").write_bytes(b"this is no database\n" * 10_000)


def zeros(folder: Path) -> None:
    with (folder / "prisme.duckdb").open("r+b") as file:
        file.write(bytes(3 * 4096))


def cut(folder: Path) -> None:
    os.truncate(folder / "prisme.duckdb", (folder / "prisme.duckdb").stat().st_size // 2)


def flipped(folder: Path) -> None:
    with (folder / "prisme.duckdb").open("r+b") as file:
        content = bytearray(file.read())
        for at in range(3 * 4096 + 100, len(content), 4096):
            content[at] ^= 0xFF
        file.seek(0)
        file.write(content)


def flipped_log(folder: Path) -> None:
    for name in FILES:
        shutil.copy(folder / f"{name}.killed", folder / name)
    with (folder / "prisme.duckdb.wal").open("r+b") as file:
        content = bytearray(file.read())
        content[len(content) - 100] ^= 0xFF
        file.seek(0)
        file.write(content)


@pytest.mark.parametrize(
    ("damage", "has_copy"),
    [
        (garbage, False),
        (flipped, True),
        (flipped_log, False),
        *([(garbage, True), (zeros, True), (cut, False)] if LONG else []),
    ],
)
def test_a_damaged_database_is_told_and_replaced(
    left: Left, tmp_path: Path, damage: Callable[[Path], None], has_copy: bool, report: Report
) -> None:
    folder, loads = left
    before = journal(folder)
    assert before
    damage(folder)
    with Process(folder, trust_proxy="true") as server:
        assert server.start(ready=False).wait(20) == 1
        told = last_words(server)
        assert "prisme.duckdb" in told
        assert "move it and its .wal away" in told
        assert journal(folder) == before
        for name in FILES:
            if (folder / name).exists():
                (folder / name).rename(tmp_path / name)
        if has_copy:
            shutil.copy(folder / COPY, folder / "prisme.duckdb")
        begun = time.monotonic()
        server.start()
        seconds = time.monotonic() - begun
        assert server.stop() == 0
        report(
            "damaged database at start", 1, count(server, [loads[0], loads[-1]] if has_copy else [loads[-1]]), seconds
        )
        assert not journal(folder)


@pytest.mark.parametrize("steps", range(1, NEWEST + 1) if LONG else (1, NEWEST))
def test_killed_before_the_first_checkpoint(left: Left, tmp_path: Path, steps: int, report: Report) -> None:
    """In a new folder, after so many migrations: all is in the write-ahead log of a file that is not whole."""
    folder = tmp_path / "new"
    shutil.copytree(left.folder / "journal", folder / "journal")
    killed = f"""
import os
from pathlib import Path
from prisme.store import upgrade
from prisme.store.connection import Limits
from prisme.store.database import Database

pending_steps = upgrade.pending_steps

def some_steps(*arguments):
    yield from pending_steps(*arguments)[:{steps}]
    os.kill(os.getpid(), 9)

upgrade.pending_steps = some_steps
Database(Path({str(folder)!r}, "prisme.duckdb"), Limits(256 << 20, 2), Path({str(tmp_path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", killed], cwd=ROOT).returncode == -signal.SIGKILL
    assert (folder / "prisme.duckdb.part.wal").stat().st_size > 0
    with Process(folder, trust_proxy="true") as server:
        begun = time.monotonic()
        server.start()
        seconds = time.monotonic() - begun
        assert server.stop() == 0
        assert [line for line in server.log() if line["level"] > 30] == []
        report("`kill -9` before the first checkpoint", 1, count(server, [left.loads[-1]]), seconds)


WRONG_COUNTRIES = [  # what is in the file, what is said of it, and the exit code
    (None, "there is no file", 2),  # a mistake of the configuration
    (b"", "is not an MMDB file", 1),
    (b"\x1f\x8b" + bytes(5000), "is not an MMDB file", 1),
    (COUNTRIES.read_bytes()[:100_000], "is not an MMDB file", 1),
]


def test_wrong_countries(left: Left, tmp_path: Path, report: Report) -> None:
    folder, loads = left
    before = journal(folder)
    countries = tmp_path / "countries.mmdb"
    with Process(folder, trust_proxy="true", geoip_db=str(countries)) as server:
        told = 0
        for content, says, code in WRONG_COUNTRIES:
            if content is not None:
                countries.write_bytes(content)
            assert server.start(ready=False).wait(20) == code
            assert str(countries) in server.text()[told:]
            assert says in server.text()[told:]
            told = len(server.text())
        assert "Traceback" not in server.text()
        assert journal(folder) == before
        shutil.copy(COUNTRIES, countries)
        begun = time.monotonic()
        server.start()
        seconds = time.monotonic() - begun
        load = Load(server.port, "on")
        flow([load])
        countries.unlink()  # while it runs, nothing depends on it
        flow([load])
        load.stop()
        assert server.stop() == 0
        report("wrong or missing country file", len(WRONG_COUNTRIES), count(server, [*loads, load]), seconds)


def test_signals_during_start(left: Left, report: Report) -> None:
    folder, loads = left
    with Process(folder, trust_proxy="true", eventstore_max_batch_timeout="1m") as server:
        begun = time.monotonic()
        server.start()
        whole = time.monotonic() - begun
        load = Load(server.port, "on")
        flow([load])
        load.stop()
        server.kill()
        for turn in range(SIGNALS):
            process = server.start(ready=False)
            time.sleep(1.2 * whole * turn / SIGNALS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in {0, -signal.SIGTERM}
        assert "Traceback" not in server.text()
        assert [line for line in server.log() if line["level"] > 30] == []
        server.start()
        assert server.stop() == 0
        report("SIGTERM during start", SIGNALS, count(server, [*loads, load]), whole)


def test_read_only_folder_is_told(left: Left, report: Report) -> None:
    folder, loads = left
    with mounted(folder / "journal", "1m") as disk, Process(folder, trust_proxy="true") as server:
        disk.set_read_only(True)
        assert server.start(ready=False).wait(20) == 1
        assert f"journal {folder / 'journal'} cannot be written: Read-only" in last_words(server)
        disk.set_read_only(False)
        begun = time.monotonic()
        server.start()
        seconds = time.monotonic() - begun
        load = Load(server.port, "on")
        flow([load])
        load.stop()
        assert server.stop() == 0
        report("journal read-only at start", 1, count(server, [*loads[:-1], load]), seconds)
