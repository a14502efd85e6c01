"""Files of every released schema, and of one to come: what they were is kept, and is what they are after a failure."""

import contextlib
import logging
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from prisme.access.views import Owner, View, Views
from prisme.assets import COUNTRIES
from prisme.store.connection import Limits
from prisme.store.control import FILE, Control
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.schema import read_steps
from tests.faults.disk import mounted
from tests.faults.load import LONG, Load, Report, count, flow
from tests.process import Process, copy_data
from tests.server import LiveServer, wait_until

EVENTS, ACCOUNTS = len(read_steps("events")), len(read_steps("control"))
COPY = f"prisme.duckdb.v{EVENTS}"
VERSION = "SELECT max(version) FROM schema_version"
WIDER = "ALTER TABLE pageviews ADD COLUMN note VARCHAR DEFAULT 'none';\n"
BROKEN = "DELETE FROM pageviews;\nINSERT INTO nowhere VALUES (1);\n"
# More than a small disk has, and than is written at once.
LARGE = "CREATE TABLE ballast AS SELECT random() AS number, range FROM range(20_000_000);\n"
MANY_SESSIONS = """
INSERT INTO sessions BY NAME SELECT
    'example.com' AS domain, now() AS entry_timestamp, '/' AS entry_path, now() AS exit_timestamp, '/' AS exit_path,
    200 AS exit_status, 'v' AS visitor_id, uuidv7() AS session_uuid, 'Windows' AS operating_system,
    'Firefox' AS browser_family, 'Other' AS device, 'direct' AS referrer_domain, 'FR' AS country_code,
    '' AS utm_source, '' AS utm_medium, '' AS utm_campaign, '' AS utm_term, '' AS utm_content, 1 AS pageviews
FROM range(?)
"""
KILLS = 50 if LONG else 4
Inject = Callable[..., None]


@pytest.fixture
def inject() -> Iterator[Inject]:
    """Let there be more migrations of a schema; none, and the released ones are all."""
    with pytest.MonkeyPatch.context() as patch:

        def add(schema: str, *steps: str) -> None:
            def read(asked: str) -> list[str]:
                return [*read_steps(asked), *(steps if asked == schema else ())]

            patch.setattr("prisme.store.schema.read_steps", read)

        yield add


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Load]]:
    folder = tmp_path_factory.mktemp("released") / "data"
    loads = []
    for life, interval in enumerate(("20ms", "1m")):
        with Process(folder, trust_proxy="true", eventstore_max_batch_timeout=interval) as server:
            server.start()
            load = Load(server.port, f"life-{life}")
            flow([load])
            load.stop()
            loads.append(load)
            if life == 0:
                wait_until(lambda: len(list((folder / "journal").iterdir())) == 1, "the last segment to be loaded")
            server.kill()
    return folder, loads


@pytest.fixture
def killed(prepared: tuple[Path, list[Load]], tmp_path: Path) -> tuple[Path, list[Load]]:
    """The folder of a server that was killed: events in the write-ahead log, and others in the journal alone."""
    folder, loads = prepared
    return copy_data(folder, tmp_path / "data"), loads


def look(path: Path, query: str = VERSION) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def go_on(folder: Path, loads: list[Load], name: str, report: Report, times: int = 1) -> None:
    """The Prisme that is installed starts on the folder, and has all."""
    with Process(folder, trust_proxy="true") as server:
        begun = time.monotonic()
        server.start()
        seconds = time.monotonic() - begun
        assert server.stop() == 0
        report(name, times, count(server, loads), seconds)


def test_upgrade_to_the_next_schema(
    killed: tuple[Path, list[Load]], inject: Inject, report: Report, caplog: pytest.LogCaptureFixture
) -> None:
    folder, loads = killed
    inject("events", WIDER)
    with caplog.at_level(logging.INFO), LiveServer(folder, trust_proxy="true") as server:
        later = Load(server.port, "later")
        flow([later])
        later.stop()
        assert server.rows("SELECT DISTINCT note FROM pageviews") == [("none",)]
    report("upgrade of the database", 1, count(server, [*loads, later]), 0)
    assert look(folder / "prisme.duckdb") == EVENTS + 1
    assert look(folder / COPY) == EVENTS
    stored = "SELECT (SELECT count(*) FROM pageviews) + (SELECT count(*) FROM events_custom)"
    assert look(folder / COPY, stored) == len(loads[0].answered)
    assert (folder / COPY).stat().st_mode & 0o077 == 0
    assert any(f"the previous file is {folder / COPY}" in message for message in caplog.messages)


@pytest.mark.parametrize("steps", [(BROKEN,), (WIDER, BROKEN)], ids=["in the middle", "after another step"])
def test_a_failed_upgrade_is_undone(
    killed: tuple[Path, list[Load]], inject: Inject, report: Report, steps: tuple[str, ...]
) -> None:
    folder, loads = killed
    inject("events", *steps)
    with pytest.raises(StoreError, match=rf"nowhere(.|\n)*is unchanged \(version {EVENTS}\)"):
        LiveServer(folder, trust_proxy="true").__enter__()
    assert look(folder / "prisme.duckdb") == EVENTS
    assert not (folder / COPY).exists()
    go_on(folder, loads, "failed upgrade, undone", report)


@pytest.mark.parametrize(
    ("rows", "room", "says"),
    [
        pytest.param(0, 12_000_000, "No space left", id="for the new"),
        pytest.param(500_000, 7_000_000, "the migration of a copy needs", id="for a copy and its change"),
        pytest.param(60_000, 50_000, "checkpoint", id="for a checkpoint"),
    ],
)
def test_an_upgrade_without_room_is_undone(
    killed: tuple[Path, list[Load]], tmp_path: Path, inject: Inject, report: Report, rows: int, room: int, says: str
) -> None:
    folder, loads = killed
    target = tmp_path / "small"
    with mounted(target, "64m") as disk:
        shutil.copytree(folder, target, dirs_exist_ok=True)
        if rows:
            with duckdb.connect(str(target / "prisme.duckdb")) as connection:
                if rows < 100_000:  # so few stay in the write-ahead log
                    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
                connection.execute("CREATE TABLE more AS SELECT random(), repeat('x', 99) FROM range(?)", [rows])
        disk.leave(room + COUNTRIES.stat().st_size)  # of which the server makes a copy first
        inject("events", LARGE)
        with pytest.raises(StoreError, match=rf"{says}(.|\n)*file is unchanged"):
            LiveServer(target, trust_proxy="true").__enter__()
        assert look(target / "prisme.duckdb") == EVENTS
        assert {path.name for path in target.glob("prisme.duckdb*")} <= {"prisme.duckdb", "prisme.duckdb.wal"}
        disk.free()
        go_on(target, loads, "upgrade without room, undone", report)


SCRIPT = """
import sys
from pathlib import Path
from prisme.store import schema
from prisme.store.connection import Limits
from prisme.store.database import Database
read_steps = schema.read_steps
schema.read_steps = lambda name: [*read_steps(name), *sys.argv[2:]]
folder = Path(sys.argv[1])
Database(folder / "prisme.duckdb", Limits(2**29, 2), folder / "tmp").close()
"""


def test_a_killed_upgrade_is_done_again(killed: tuple[Path, list[Load]], inject: Inject, report: Report) -> None:
    folder, loads = killed
    steps = (WIDER, LARGE.replace("20_000_000", "2_000_000"))
    command = [sys.executable, "-c", SCRIPT, str(folder), *steps]
    dice = random.Random(7)
    copy_data(folder, folder.with_name("again"))
    begun = time.monotonic()
    subprocess.run([*command[:3], str(copy_data(folder, folder.with_name("other"))), *steps], check=True)
    whole = time.monotonic() - begun
    found = Counter[object]()
    for _ in range(KILLS):
        if look(folder / "prisme.duckdb") != EVENTS:  # it was killed too late
            shutil.rmtree(folder)
            copy_data(folder.with_name("again"), folder)
        process = subprocess.Popen(command)
        time.sleep(dice.uniform(0.1, 0.9) * whole)
        process.kill()
        process.wait(20)
        found[look(folder / "prisme.duckdb")] += 1
    assert found[EVENTS] > 0
    assert set(found) <= {EVENTS, EVENTS + 2}
    inject("events", *steps)
    with LiveServer(folder, trust_proxy="true") as server:
        assert server.rows("SELECT DISTINCT note FROM pageviews") == [("none",)]
    assert look(folder / "prisme.duckdb") == EVENTS + 2
    assert look(folder / COPY) == EVENTS
    assert not (folder / "prisme.duckdb.new").exists()
    report("`kill -9` during an upgrade", KILLS, count(server, loads), whole)


def test_a_killed_upgrade_from_0_1_0_is_done_again(tmp_path: Path) -> None:
    """The sessions' table is written again, of so many rows that kills hit it."""
    old, path, rows = tmp_path / "old.duckdb", tmp_path / "prisme.duckdb", 200_000
    make_old(old, "events", 1)
    with duckdb.connect(str(old)) as tables:
        tables.execute(MANY_SESSIONS, [rows])
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    dice = random.Random(7)
    shutil.copy(old, path)
    begun = time.monotonic()
    subprocess.run(command, check=True)
    whole = time.monotonic() - begun
    found = Counter[object]()
    shutil.copy(old, path)
    for _ in range(KILLS):
        process = subprocess.Popen(command)
        time.sleep(dice.uniform(0.3, 1.0) * whole)
        process.kill()
        process.wait(20)
        found[look(path)] += 1
        if look(path) != 1:
            assert look(path, "SELECT count(*) FROM sessions WHERE events = 0") == rows + 1
            shutil.copy(old, path)
        assert look(path, "SELECT count(*) FROM sessions") == rows
    assert found[1] > 0
    assert set(found) <= {1, EVENTS}
    subprocess.run(command, check=True)
    assert look(path) == EVENTS
    assert look(path, "SELECT count(*) FROM sessions WHERE events = 0") == rows + 1
    assert look(tmp_path / "prisme.duckdb.v1") == 1


def test_back_to_the_prisme_from_before(killed: tuple[Path, list[Load]], inject: Inject, report: Report) -> None:
    folder, loads = killed
    inject("events", WIDER)
    with LiveServer(folder, trust_proxy="true"):
        pass
    with Process(folder) as server:
        assert server.start(ready=False).wait(20) == 1
        assert "start the newer Prisme again" in server.text()
    shutil.copy(folder / COPY, folder / "prisme.duckdb")
    go_on(folder, loads[:1], "back to the version before", report)


def make_old(path: Path, schema: str, version: int) -> None:
    """A file as the release that had this version made it, with a row."""
    steps = read_steps(schema)[:version]
    if schema == "events":
        with duckdb.connect(str(path)) as tables:
            tables.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            for number, step in enumerate(steps, start=1):
                tables.execute(step)
                tables.execute("INSERT INTO schema_version VALUES (?)", [number])
            tables.execute("INSERT INTO pageviews VALUES (now(), 'example.com', '/', 'v', uuidv7(), 200)")
        return
    with contextlib.closing(sqlite3.connect(path)) as accounts:
        for step in steps:
            accounts.executescript(step)
        accounts.execute("INSERT INTO accounts VALUES ('ada', 'admin', '[]', 'x', 0)")
        accounts.execute(f"PRAGMA user_version = {version}")
        accounts.commit()


@pytest.mark.parametrize("version", range(1, EVENTS + 1))
def test_every_released_schema_of_events(tmp_path: Path, version: int, inject: Inject) -> None:
    path = tmp_path / "prisme.duckdb"
    make_old(path, "events", version)
    inject("events", WIDER)
    Database(path, Limits(2**29, 2), tmp_path / "tmp").close()
    with duckdb.connect(str(path), read_only=True) as tables:
        assert tables.execute("SELECT path, note FROM pageviews").fetchall() == [("/", "none")]
    assert look(tmp_path / f"prisme.duckdb.v{version}") == version


@pytest.mark.parametrize("version", range(1, ACCOUNTS + 1))
def test_every_released_schema_of_accounts(tmp_path: Path, version: int, inject: Inject) -> None:
    make_old(tmp_path / FILE, "control", version)
    inject("control", "ALTER TABLE accounts ADD COLUMN note TEXT DEFAULT 'none';\n")
    with Control(tmp_path).read() as accounts:
        assert accounts.execute("SELECT name, note FROM accounts").fetchall() == [("ada", "none")]
    copy = tmp_path / f"{FILE}.v{version}"
    assert copy.stat().st_mode & 0o077 == 0
    with contextlib.closing(sqlite3.connect(copy)) as before:
        assert before.execute("PRAGMA user_version").fetchone() == (version,)
        assert before.execute("SELECT name FROM accounts").fetchall() == [("ada",)]


@pytest.mark.parametrize("version", range(1, ACCOUNTS + 1))
def test_a_failed_upgrade_of_accounts_is_undone(tmp_path: Path, version: int, inject: Inject) -> None:
    make_old(tmp_path / FILE, "control", version)
    inject("control", "DELETE FROM accounts;\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(StoreError, match=rf"nowhere.*is unchanged \(version {version}\)"):
        Control(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as accounts:
        assert accounts.execute("PRAGMA user_version").fetchone() == (version,)
        assert accounts.execute("SELECT name FROM accounts").fetchall() == [("ada",)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("domain=example.com&os=Mac+OS+X", "domain=example.com&os=macOS"),
        ("os=!Windows,Mac%20OS%20X&since=7d", "os=!Windows,macOS&since=7d"),
        ("os=Windows", "os=Windows"),
        ("path=/Mac+OS+X", "path=/Mac+OS+X"),
    ],
)
def test_saved_views_have_the_new_name_of_macos(tmp_path: Path, before: str, after: str) -> None:
    make_old(tmp_path / FILE, "control", 2)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as accounts:
        accounts.execute("INSERT INTO views VALUES ('ada', 'mine', ?)", (before,))
        accounts.commit()
    assert Views(Control(tmp_path)).list("ada") == [View(1, Owner(account="ada"), "mine", after)]
