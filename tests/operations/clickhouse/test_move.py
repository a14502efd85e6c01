"""`prisme move` without a server: into ClickHouse and back, with the rows of all tables as they were."""

import itertools
import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from prisme.base.errors import InputError
from prisme.journal.record import PageviewLine, encode
from prisme.journal.segment import segment_path
from prisme.operations.context import Context
from prisme.runtime.config import Config
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.move_state import FILE, MoveState
from prisme.store.node_database import KEPT
from prisme.visit.sessions import new_id
from prisme.wiring.operating import offline_context
from tests.clickhouse.engine import Engine
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.server import config_for
from tests.stats.lines import LINES
from tests.store.clickhouse.moving import Tables, configure, move, read_clickhouse, read_file
from tests.store.segments import session

_NUMBERS = itertools.count(1)
WAITING = {"mutations_sync": 2}
FIGURES = [("example.com", f"2023-{month:02}-03", "path", value) for month in (1, 5) for value in ("/", "é\t'\\")]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visits of 40 days, and two imports of other years."""
    folder = tmp_path_factory.mktemp("stored") / "data"
    with open_folder(folder) as context:
        segment_path(context.folder / "journal", 7).write_bytes(b"".join(LINES))
        context.settle()
        add_import(context, "matomo-1", 100, FIGURES, "a.example")
        add_import(context, "umami-3", 0, FIGURES[:2], ended=False)
    return folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    shutil.copytree(stored, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def config(folder: Path, engine: Engine) -> Config:
    return configure(folder, engine, f"db_{next(_NUMBERS)}")


def place_of(config: Config) -> Place:
    return Place(config.clickhouse_database)


def count(tables: Tables) -> int:
    return sum(len(rows) for name, rows in tables.items() if name != "imports")


def change(config: Config, *statements: str) -> None:
    """Change the file as nobody else does: what was counted ahead is not."""
    with open_folder(config.data_dir) as context, context.loader.hold() as held:
        for statement in statements:
            held.cursor.execute(statement)


def test_all_is_there_and_back_again(config: Config, engine: Engine, client: Client) -> None:
    before = read_file(config)
    first = move(config, "clickhouse")
    assert first.is_equal
    assert (first.copied, first.deleted, first.changed, first.is_finished) == (count(before), 0, [], False)
    assert read_clickhouse(client, place_of(config)) == before
    lines = [json.loads(line) for line in (config.data_dir / FILE).read_text().splitlines()]
    assert {key for line in lines for key in line} == {"id", "name", "chunk"}
    names = {key for line in lines for key in line.get("chunk", {})}
    assert names == {"table", "first", "end", "rows", "check", "slices", "number"}
    second = move(config, "clickhouse", finish=True)
    assert (second.copied, second.deleted, second.is_finished) == (0, 0, True)
    assert second.months == first.months
    assert sum(month.duckdb.rows for month in second.months) == sum(map(len, before.values()))
    assert second.kept_bytes == (config.data_dir / KEPT).stat().st_size
    assert {name for name, rows in read_file(config).items() if rows} == set()
    there = configure(config.data_dir, engine, config.clickhouse_database, "clickhouse")
    back = move(there, "duckdb")
    assert (back.copied, back.is_equal, back.is_finished) == (count(before), True, False)
    back = move(there, "duckdb", finish=True)
    assert (back.copied, back.is_equal, back.is_finished) == (0, True, True)
    assert read_file(config) == before
    left = {path.name for path in config.data_dir.iterdir()}
    assert left == {"control.sqlite", "journal", "lock", "prisme.duckdb", KEPT, "tmp"}
    assert [*(config.data_dir / "tmp").iterdir()] == []


def test_only_what_has_changed_is_copied_again(config: Config, client: Client) -> None:
    move(config, "clickhouse")
    with open_folder(config.data_dir) as context:
        ((uuid,),) = ask(context, "SELECT max(session_uuid) FROM sessions")
    change(
        config,
        f"DELETE FROM pageviews WHERE session_uuid = '{uuid}'",
        f"DELETE FROM sessions WHERE session_uuid = '{uuid}'",
        "DELETE FROM imported_figures WHERE imported = 'umami-3'",
        "DELETE FROM state.imports WHERE name = 'umami-3'",
        "UPDATE state.imports SET report = '{}'",
    )
    with open_folder(config.data_dir) as context:
        add_import(context, "umami-4", 1, [], "a.example", ended=False)
    again = move(config, "clickhouse")
    assert again.is_equal
    assert 0 < again.deleted < again.copied + 5 < count(read_file(config))
    assert read_clickhouse(client, place_of(config)) == read_file(config)
    assert MoveState(config.data_dir).names == {"matomo-1": "matomo-1", "umami-4": "umami-4"}


def ask(context: Context, query: str) -> list[tuple[object, ...]]:
    with context.database.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_a_difference_is_found_and_repaired(config: Config, client: Client) -> None:
    move(config, "clickhouse")
    table = place_of(config).table("pageviews")
    wrong = f"ALTER TABLE {table} UPDATE status = 500 WHERE toYYYYMM(timestamp) = 202610"
    client.execute(wrong, settings={"mutations_sync": 2})
    found = move(config, "clickhouse", finish=True)
    assert (found.copied, found.is_equal, found.is_finished) == (0, False, False)
    assert [(one.table, one.month) for one in found.months if not one.is_equal] == [("pageviews", "2026-10")]
    found = move(config, "clickhouse")
    assert found.is_equal
    assert found.copied == found.deleted > 0
    assert read_clickhouse(client, place_of(config)) == read_file(config)


def test_rows_that_are_lost_are_sent_again(config: Config, client: Client) -> None:
    move(config, "clickhouse")
    client.execute(f"ALTER TABLE {place_of(config).table('sessions')} DELETE WHERE pageviews > 1", settings=WAITING)
    assert move(config, "clickhouse").is_equal
    client.execute(f"DROP DATABASE {config.clickhouse_database}")
    again = move(config, "clickhouse")
    assert (again.copied, again.is_equal) == (count(read_file(config)), True)


def test_imports_of_several_folders_get_names_of_their_own(
    config: Config, engine: Engine, client: Client, tmp_path: Path
) -> None:
    move(config, "clickhouse")
    other = configure(tmp_path / "other", engine, config.clickhouse_database)
    with open_folder(other.data_dir) as context:
        add_import(context, "matomo-1", 3, [("b.example", "2023-01-03", "path", "/other")], "b.example")
        ask(context, "UPDATE state.imports SET source = 'another'")
        ask(context, "UPDATE sessions SET session_uuid = uuidv7()")
    # Rows of events without their visits, as nobody asks whose they are.
    assert move(other, "clickhouse").is_equal
    names = client.query(f"SELECT name, visits FROM {place_of(config).table('imports')} FINAL ORDER BY name")
    assert names == [("matomo-1", 100), ("matomo-2", 3), ("umami-3", 0)]
    for table, rows in (("sessions", 3), ("imported_figures", 1)):
        query = f"SELECT count() FROM {place_of(config).table(table)} WHERE imported = 'matomo-2'"
        assert client.query(query) == [(rows,)]
    assert move(config, "clickhouse", finish=True).is_finished
    assert move(other, "clickhouse", finish=True).is_finished


def test_a_folder_is_not_moved_twice(config: Config) -> None:
    move(config, "clickhouse")
    (config.data_dir / FILE).unlink()
    with pytest.raises(StoreError, match=r"has visits of this folder already.*counted twice"):
        move(config, "clickhouse")
    change(config, "DELETE FROM sessions")
    (config.data_dir / FILE).unlink()
    with pytest.raises(StoreError, match=r"has the import matomo-1 of this folder already"):
        move(config, "clickhouse")


def test_the_kept_file_is_the_way_back(config: Config) -> None:
    before = read_file(config)
    assert move(config, "clickhouse", finish=True).is_finished
    with pytest.raises(StoreError, match="set eventstore = clickhouse"):
        move(config, "clickhouse")
    (config.data_dir / "node").unlink()
    (config.data_dir / KEPT).replace(config.data_dir / "prisme.duckdb")
    assert read_file(config) == before
    with open_folder(config.data_dir) as context:
        assert ask(context, "SELECT max(number) FROM state.segments") == [(7,)]


def test_a_file_that_was_kept_is_not_lost(config: Config) -> None:
    (config.data_dir / KEPT).write_text("of an earlier move")
    with pytest.raises(StoreError, match="is there already, of an earlier move: delete it, or move it away"):
        move(config, "clickhouse", finish=True)
    assert (config.data_dir / KEPT).read_text() == "of an earlier move"


def test_a_change_over_that_fails_leaves_all_as_it_was(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("no")

    before = read_file(config)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "replace", fail)
        with pytest.raises(StoreError, match="no"):
            move(config, "clickhouse", finish=True)
    assert not (config.data_dir / "node").exists()
    assert read_file(config) == before
    assert move(config, "clickhouse", finish=True).is_finished


def test_a_change_over_that_is_killed_is_complete_either_way(
    config: Config, engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed once it is a node's, before the other file is in place: its visits are over, and deleted as such."""
    before = read_file(config)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "replace", lambda *_: None)
        with pytest.raises(FileNotFoundError):
            move(config, "clickhouse", finish=True)
    there = configure(config.data_dir, engine, config.clickhouse_database, "clickhouse")
    with offline_context(there, logging.getLogger("prisme")) as context:
        now = context.clock()
        context.loader.expire(now - 1, now - 1)
    assert {name for name, rows in read_file(config).items() if rows} == {"imported_figures", "imports"}
    assert read_clickhouse(client, place_of(config)) == before
    assert move(there, "duckdb", finish=True).is_finished
    assert read_file(config) == before


def test_a_way_back_that_fails_can_be_gone_again(
    config: Config, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("no")

    before = read_file(config)
    assert move(config, "clickhouse", finish=True).is_finished
    there = configure(config.data_dir, engine, config.clickhouse_database, "clickhouse")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "replace", fail)
        with pytest.raises(StoreError, match="no"):
            move(there, "duckdb", finish=True)
    assert (config.data_dir / "node").exists()
    assert move(there, "duckdb", finish=True).is_finished
    assert read_file(config) == before


@pytest.mark.parametrize(
    ("store", "url", "target", "told"),
    [
        ("duckdb", "", "clickhouse", "there is no clickhouse_url: set it.*leave eventstore = duckdb"),
        (
            "duckdb",
            "http://127.0.0.1:1",
            "duckdb",
            "eventstore is duckdb: to move events out of ClickHouse, run this",
        ),
        ("clickhouse", "http://127.0.0.1:1", "clickhouse", "set eventstore = duckdb until all is moved"),
    ],
)
def test_what_cannot_be_moved_is_told(tmp_path: Path, store: str, url: str, target: str, told: str) -> None:
    config = config_for(tmp_path / "data", 1, eventstore=store, clickhouse_url=url)
    with pytest.raises(InputError, match=told):
        move(config, target)


def test_room_is_looked_for_first(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=255 << 20))
    with pytest.raises(InputError, match=r"a move needs up to 268 MB in .*: 267 MB are free"):
        move(config, "clickhouse")


def test_what_is_open_goes_on_after_the_change_over(config: Config, engine: Engine, client: Client) -> None:
    """Its rows are in the node's file, and its later states replace what was moved."""
    with open_folder(config.data_dir) as context:
        now = context.clock()
        state = msgspec.structs.replace(session(1), uuid=new_id(now, 1), entry=now, exit=now)
        segment_path(context.folder / "journal", 8).write_bytes(encode([PageviewLine(5, state)]))
        context.settle()
    assert move(config, "clickhouse", finish=True).is_finished
    rows = read_file(config)
    assert [len(rows[table]) for table in ("sessions", "pageviews", "events_custom")] == [1, 1, 0]
    there = configure(config.data_dir, engine, config.clickhouse_database, "clickhouse")
    segment_path(config.data_dir / "journal", 9).write_bytes(
        encode([PageviewLine(5, state.view("/later", now + 1, 200, "v"))])
    )
    with offline_context(there, logging.getLogger("prisme")) as context:
        ((device, found, earlier),) = context.loader.open_sessions(now - 1, now - 1, 100, 8)
    assert (device, found.pageviews, found.exit_path, earlier) == (5, 2, "/later", ("/",))
    query = (
        f"SELECT exit_path, pageviews FROM {place_of(config).table('sessions')} FINAL WHERE session_uuid = {{u:UUID}}"
    )
    assert client.query(query, {"u": state.uuid}) == [("/later", 2)]
    views = f"SELECT path FROM {place_of(config).table('pageviews')} WHERE session_uuid = {{u:UUID}} ORDER BY timestamp"
    assert client.query(views, {"u": state.uuid}) == [("/",), ("/later",)]
