"""Rollups are listed, checked and rebuilt, and survive a compaction; a backup leaves them out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.cli.main import main
from prisme.operations.context import Context
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import Operations
from prisme.operations.rollups import Checked, Rollups
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress
from prisme.stats.rollups import plan
from prisme.stats.rollups.builder import RollupBuilder
from prisme.store.errors import RefusedSqlError
from prisme.store.rollups import TABLES
from prisme.store.sql_formats import JsonEncoder
from prisme.store.sql_runner import Limits
from tests.operations.conftest import fill, open_folder
from tests.server import LiveServer, wait_until

# By how many days a visit is moved.
_DAYS = "[0, 1, 31][CAST(hash(session_uuid) % 3 AS INTEGER) + 1]"
WRONG = "UPDATE rollup.keys SET count = count + 1 WHERE rowid = (SELECT min(rowid) FROM rollup.keys)"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visits on three days, the last of which is a month after the others."""
    folder = tmp_path_factory.mktemp("stored")
    with open_folder(folder) as context:
        fill(context, 300)
        with context.loader.hold() as held:
            for table, columns in (("sessions", ("entry_timestamp", "exit_timestamp")), ("pageviews", ("timestamp",))):
                moved = ", ".join(f'"{column}" = "{column}" + to_days(({_DAYS})::INTEGER)' for column in columns)
                held.cursor.execute(f"UPDATE {table} SET {moved}")
    return folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plan, "_FEWEST_PAGEVIEWS", 10)
    monkeypatch.setattr(plan, "_FEWEST_OF_SITE", 1)
    shutil.copytree(stored, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data"


@pytest.fixture
def context(folder: Path) -> Iterator[Context]:
    with open_folder(folder) as context:
        yield context


def look(context: Context) -> Rollups:
    found = Operations(context).perform("rollups", {}, Job())
    assert isinstance(found, Rollups)
    return found


def check(context: Context) -> Checked:
    found = Operations(context).perform("check-rollups", {}, Job())
    assert isinstance(found, Checked)
    return found


def rebuild(context: Context, job: Job | None = None) -> Rollups:
    found = Operations(context).perform("rebuild-rollups", {}, job or Job())
    assert isinstance(found, Rollups)
    return found


def ask(context: Context, query: str) -> list[Any]:
    with context.database.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_all_days_are_listed(context: Context) -> None:
    before = look(context)
    assert (before.is_complete, before.days, before.first, before.units) == (False, 0, None, 0)
    assert str(before.missing[0].first) == "2026-09-21"
    assert not check(context).is_used
    after = rebuild(context)
    assert (after.is_complete, str(after.first)) == (True, "2026-09-21")
    assert {one.reason for one in after.missing} <= {"few"}
    assert after.days > 30
    assert after.months == 1, "September has several units, October one"
    assert after == look(context)
    assert check(context) == Checked(True, after.units + after.months, 0, [], 0, [])


def test_days_with_recent_loads_wait_and_a_compaction_makes_none_wait(context: Context) -> None:
    builder = RollupBuilder(context.database, context.loader, context.log)
    Operations(context).perform("compact", {}, Job())
    for _ in range(3):  # what recurs is found first
        assert builder.build(context.clock())
    assert look(context).days > 0
    context.database.load_log.begin(0, 0)
    context.database.load_log.end()
    seen = [(builder.build(context.clock()), builder.is_complete)]
    while builder.build(context.clock(), at_once=True):
        pass
    seen += [(builder.build(context.clock()), builder.is_complete)]
    assert seen == [(False, False), (False, True)], "days that wait may be in units already"


def test_a_wrong_count_is_told_and_mended(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str]:
        code = main(["rollups", *words, "--data-dir", str(folder)])
        return code, capsys.readouterr().out

    assert "not counted: 2026-09-21" in run()[1]
    assert run("check") == (0, "nothing to check: no figures are made of rollups now; `prisme rollups` says why\n")
    assert run("rebuild", "--quiet") == (0, "")
    code, told = run("check")
    assert code == 0
    assert told.endswith(" equal what the rows say\n")
    with open_folder(folder) as context:
        ask(context, WRONG)
    code, told = run("check")
    assert code == 1
    assert "2026-09-21: wrong counts in keys\n" in told
    assert "`prisme rollups rebuild`" in told
    assert json.loads(run("check", "--json")[1])["wrong"][0]["tables"] == ["keys"]
    assert run("rebuild")[0] == 0
    assert run("check", "--quiet") == (0, "")
    assert "days counted, from 2026-09-21 to " in run()[1]
    assert main(["status", "--data-dir", str(folder)]) == 0
    assert "rollups   complete\n" in capsys.readouterr().out


def test_what_is_made_is_kept_after_a_cancellation(context: Context) -> None:
    cancellation = Cancellation()

    def cancel(progress: Progress) -> None:
        if progress.what == "counting" and progress.done:
            cancellation.cancel()

    with pytest.raises(CancelledError):
        rebuild(context, Job(cancellation, cancel))
    found = look(context)
    assert found.units == 1
    assert not found.is_complete
    assert check(context).is_right


def test_a_compaction_keeps_them_and_a_backup_leaves_them_out(folder: Path, tmp_path: Path) -> None:
    with open_folder(folder) as context:
        made = rebuild(context)
        Operations(context).perform("compact", {"always": True}, Job())
        assert (look(context).units, check(context)) == (
            made.units,
            Checked(True, made.units + made.months, 0, [], 0, []),
        )
    assert main(["backup", str(tmp_path / "a.tar"), "--check", "--quiet", "--data-dir", str(folder)]) == 0
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    assert main(["restore", str(tmp_path / "a.tar"), "--yes", "--data-dir", str(other)]) == 0
    with open_folder(other) as context:
        for table in TABLES:
            rows = ask(context, f"SELECT count(*) FROM {table}")
            assert rows == [(1 if table == "rollup.state" else 0,)], table
        assert ask(context, "SELECT knows_recurring FROM rollup.state") == [(False,)]
        assert rebuild(context).units == made.units
        assert check(context).is_right


def test_nobody_reads_them_by_sql(context: Context) -> None:
    for table in (*TABLES, "prisme.rollup.units"):
        for query in (f"FROM {table}", f"SELECT (SELECT count(*) FROM {table})", f"SUMMARIZE {table}"):
            with pytest.raises(RefusedSqlError):
                context.store.queries.encode(query, Limits(5, 5, 1000), JsonEncoder(), Cancellation())
    assert not [column for column in context.store.queries.columns() if "rollup" in column[0]]


def test_a_server_makes_them_and_drops_those_of_changed_days(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> int:
        return main([*words, "--data-dir", str(folder)])

    with LiveServer(folder, min_free_space="0") as server:

        def is_complete() -> bool:
            capsys.readouterr()
            assert run("status", "--json") == 0
            return bool(json.loads(capsys.readouterr().out)["rollups_complete"])

        wait_until(is_complete, "all rollups")
        assert run("rollups", "check") == 0
        assert run("delete", "--site", "site1.old.example", "--quiet", "--yes") == 0
        assert not is_complete()
        assert run("rollups", "check") == 0
        assert run("rollups", "rebuild") == 0
        assert is_complete()
        assert run("rollups", "check") == 0
        assert server.http.get("/api/v1/healthcheck").status_code == 200
