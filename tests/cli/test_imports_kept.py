"""What was imported is in backups, exports and compacted files, and can be undone afterwards."""

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.dataset
import pytest

from prisme.cli.imports import undo_command
from prisme.cli.main import main
from prisme.store.schema import ALL_TABLES
from tests.cli.test_backup import unpack
from tests.cli.test_restore import describe_anew, repack, run
from tests.operations.conftest import fill, open_folder
from tests.operations.imported import START, add_import
from tests.server import LiveServer
from tests.store.test_migration_imports import write_old

TABLES = (*ALL_TABLES, "state.imports")
DAYS = ("2023-10-31", "2023-11-01", "2023-11-30", "2024-02-01")
FIGURES = [("example.com", day, "path", f"/{day}") for day in DAYS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    folder.mkdir(mode=0o700)
    with open_folder(folder) as context:
        fill(context, 200)
        add_import(context, "plausible-1", 0, FIGURES)
        add_import(context, "umami-1", 40, start=START - 86_400_000_000)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "data")


def read(folder: Path) -> dict[str, list[str]]:
    """All rows, in an order."""
    with duckdb.connect(str(folder / "prisme.duckdb"), read_only=True) as tables:
        return {table: sorted(map(repr, tables.execute(f"FROM {table}").fetchall())) for table in TABLES}


@pytest.mark.parametrize("is_online", [False, True])
def test_a_backup_has_it_all(folder: Path, tmp_path: Path, is_online: bool) -> None:
    before, archive, at = read(folder), tmp_path / "a.tar", ("--data-dir", folder)

    def save_and_restore() -> None:
        assert run("backup", archive, "--check", *at) == 0
        for name in ("plausible-1", "umami-1"):
            assert undo_command([name, "--yes", *map(str, at)]) == 0
        assert run("restore", archive, "--yes", *at) == 0

    if is_online:
        with LiveServer(folder) as server:
            save_and_restore()
            assert server.rows("SELECT count(*) FROM imported_figures") == [(4,)]
    else:
        save_and_restore()
    assert read(folder) == before
    manifest = unpack(archive, tmp_path / "unpacked")["tables"]
    assert (manifest["imported_figures"]["rows"], manifest["state.imports"]["rows"]) == (4, 2)
    assert (manifest["imported_figures"]["earliest"], manifest["imported_figures"]["latest"]) == (DAYS[0], DAYS[-1])
    assert undo_command(["plausible-1", "--yes", *map(str, at)]) == 0
    after = read(folder)
    assert (len(after["imported_figures"]), len(after["state.imports"])) == (0, 1)
    for table in ("sessions", "pageviews"):
        assert after[table] == before[table]


@pytest.mark.parametrize("change", ["UPDATE imported_figures SET visitors = 4", "DELETE FROM state.imports"])
def test_a_backup_with_other_figures_is_damaged(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    assert run("backup", tmp_path / "a.tar", "--data-dir", folder) == 0

    def damage(unpacked: Path) -> None:
        with duckdb.connect(str(unpacked / "prisme.duckdb")) as tables:
            tables.execute(change)

    (tmp_path / "b.tar").write_bytes(repack(tmp_path / "a.tar", damage))
    assert run("restore", tmp_path / "b.tar", "--yes", "--data-dir", folder) == 1
    table = "imported_figures" if "imported_figures" in change else "state.imports"
    assert f"it has other rows than its manifest says, in {table}" in capsys.readouterr().err


def test_a_backup_of_the_schema_before_imports_is_restored(folder: Path, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "a.tar", "--data-dir", folder) == 0

    def make_old(unpacked: Path) -> None:
        (unpacked / "prisme.duckdb").unlink()
        write_old(unpacked / "prisme.duckdb", 500)
        describe_anew(unpacked, 4)

    (tmp_path / "b.tar").write_bytes(repack(tmp_path / "a.tar", make_old))
    assert run("restore", tmp_path / "b.tar", "--yes", "--data-dir", folder) == 0
    after = read(folder)
    assert [len(after[table]) for table in TABLES] == [500, 100, 100, 100, 100, 0, 0]


def test_a_compacted_file_has_it_all(folder: Path) -> None:
    before = read(folder)
    assert run("compact", "--always", "--data-dir", folder) == 0
    assert read(folder) == before


def test_figures_are_exported_by_the_month_of_their_day(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*words: str) -> list[str]:
        assert run("export", tmp_path / "out", "--json", "--data-dir", folder, *words) == 0
        told = json.loads(capsys.readouterr().out)
        return sorted(
            name
            for name in (*(file["name"] for file in told["written"]), *told["removed"])
            if name.startswith("imported_figures")
        )

    names = [f"imported_figures/{month}.parquet" for month in ("2023-10", "2023-11", "2024-02")]
    assert export() == names
    assert export() == []
    paths = [tmp_path / "out" / name for name in names]
    with duckdb.connect(str(folder / "prisme.duckdb"), read_only=True) as tables:
        expected = tables.execute("FROM imported_figures ORDER BY day").fetchall()
    found = duckdb.execute(f"FROM read_parquet('{tmp_path}/out/imported_figures/*.parquet') ORDER BY day").fetchall()
    assert found == expected
    assert len(found) == 4
    schemas = {str(pyarrow.dataset.dataset(path).schema) for path in paths}
    assert len(schemas) == 1
    assert [pyarrow.dataset.dataset(path).count_rows() for path in paths] == [1, 2, 1]
    with open_folder(folder) as context, context.loader.hold() as held:
        held.cursor.execute("UPDATE imported_figures SET visitors = NULL WHERE day = '2024-02-01'")
    assert export() == names[2:], "only the month that has changed"
    assert len({str(pyarrow.dataset.dataset(path).schema) for path in paths}) == 1
    sessions = "SELECT imported, count(*) FROM read_parquet('{}/out/sessions/*.parquet') GROUP BY ALL ORDER BY ALL"
    assert duckdb.execute(sessions.format(tmp_path)).fetchall() == [("", 200), ("umami-1", 40)]
    assert undo_command(["plausible-1", "--yes", "--quiet", "--data-dir", str(folder)]) == 0
    assert export() == names, "their files are removed"
    assert not any(path.exists() for path in paths)


def test_figures_are_counted_by_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--data-dir", str(folder)]) == 0
    assert "imported_figures                   4 rows" in capsys.readouterr().out
