"""The database's file gets smaller, with the same rows, whatever happens meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.operations.compact import Compaction
from prisme.operations.context import Context
from prisme.operations.delete import Deleted
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import Operations
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress
from prisme.store import compaction
from prisme.store.errors import StoreError
from tests.operations.conftest import open_folder
from tests.operations.views import deleter_of, view
from tests.server import LiveServer

_TABLES = "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'prisme' ORDER BY ALL"
_COLUMNS = "SELECT * EXCLUDE (database_oid, schema_oid, table_oid) FROM duckdb_columns() WHERE database_name = 'prisme'"
_ROWS = """
SELECT count(*), bit_xor(hash(row)) FROM pageviews AS row
UNION ALL SELECT count(*), bit_xor(hash(row)) FROM sessions AS row
"""


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data"


@pytest.fixture
def context(folder: Path) -> Iterator[Context]:
    with open_folder(folder) as context:
        yield context


def test_the_file_gets_smaller_and_has_the_same_rows(context: Context) -> None:
    before = ask(context, _TABLES), ask(context, _COLUMNS)
    size = file_size(context)
    deleted = thin_out(context)
    assert deleted.rows["sessions"] == 45_000
    assert file_size(context) >= size
    rows = ask(context, _ROWS)
    told = compact(context, dry_run=True)
    assert (told.is_done, told.after) == (False, told.before)
    assert told.free > 0.5 * told.before
    done = compact(context)
    assert done.is_done
    assert file_size(context) == pytest.approx(done.after, rel=0.05)
    assert file_size(context) < 0.8 * size
    assert ask(context, _ROWS) == rows
    assert (ask(context, _TABLES), ask(context, _COLUMNS)) == before
    assert leftovers(context.folder) == []
    assert not compact(context).is_done, "nothing more can be given back"
    assert compact(context, always=True).is_done


def test_a_deletion_makes_the_file_smaller_by_itself(context: Context) -> None:
    before = file_size(context)
    result = Operations(context).perform("delete", {"before": "2026-09-22"}, Job())
    assert result.compaction.is_done
    assert file_size(context) < 0.95 * before


def test_cancelled_it_changes_nothing(context: Context) -> None:
    thin_out(context)
    before, cancellation = file_size(context), Cancellation()

    def cancel(progress: Progress) -> None:
        if progress.what == "compacting":
            cancellation.cancel()

    with pytest.raises(CancelledError):
        Operations(context).perform("compact", {}, Job(cancellation, cancel))
    assert file_size(context) >= 0.9 * before
    assert leftovers(context.folder) == []
    assert compact(context).is_done


def test_without_room_it_changes_nothing_and_says_so(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    thin_out(context)
    usage = shutil.disk_usage(context.folder)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
        with pytest.raises(StoreError, match=r"needs up to [0-9]+ MB on the disk of .*, of which 1 MB are free"):
            compact(context)
    assert ask(context, "SELECT count(*) FROM sessions") == [(15_000,)]


def test_a_copy_with_other_rows_is_not_used(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    thin_out(context)
    monkeypatch.setattr(compaction, "_count_rows", lambda _, name: {"sessions": len(name)})
    with pytest.raises(StoreError, match="the copy has other rows"):
        compact(context)
    assert leftovers(context.folder) == []


def test_killed_half_way(folder: Path) -> None:
    with open_folder(folder) as context:
        thin_out(context)
    program = """if True:
        import os, sys
        from pathlib import Path
        from prisme.operations.job import Job
        from prisme.operations.registry import Operations
        from tests.operations.conftest import open_folder
        def tell(progress):
            if progress.what == "compacting":
                os.kill(os.getpid(), 9)
        with open_folder(Path(sys.argv[1])) as context:
            Operations(context).perform("compact", {}, Job(tell=tell))
    """
    killed = subprocess.run(
        [sys.executable, "-c", program, str(folder)], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert killed.returncode == -signal.SIGKILL
    assert leftovers(folder)
    with open_folder(folder) as context:
        assert leftovers(folder) == []
        assert ask(context, "SELECT count(*) FROM pageviews") == [(45_000,)]
        assert compact(context).is_done


def test_events_wait_meanwhile(folder: Path) -> None:
    with LiveServer(folder, min_free_space="0", eventstore_max_batch_timeout="1s") as server:
        accepted, must_stop = [0], threading.Event()

        def send() -> None:
            while not must_stop.is_set():
                accepted[0] += view(server, "http://example.com/", "", f"192.0.2.{accepted[0] % 20}")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            done = deleter_of(server)(site="*.old.example")
            assert done.compaction
            assert done.compaction.is_done
        finally:
            must_stop.set()
            sender.join()
        assert server.rows("SELECT count(*) FROM pageviews WHERE domain = 'example.com'") == [(accepted[0],)]
        assert done.rows["sessions"] == 45_000


def thin_out(context: Context) -> Deleted:
    """Delete three of four visits, evenly over time."""
    deleted = Operations(context).perform("delete", {"site": "*.old.example", "compacts": False}, Job())
    assert isinstance(deleted, Deleted)
    return deleted


def compact(context: Context, **arguments: bool) -> Compaction:
    result = Operations(context).perform("compact", arguments, Job())
    assert isinstance(result, Compaction)
    return result


def ask(context: Context, query: str) -> list[Any]:
    with context.database.cursor() as cursor:
        return cursor.execute(query).fetchall()


def file_size(context: Context) -> int:
    return (context.folder / "prisme.duckdb").stat().st_size


def leftovers(folder: Path) -> list[str]:
    """What is beside the database's file, or waits to become it."""
    return [
        path.name for pattern in ("tmp/staged-*", "prisme.duckdb.*") for path in folder.glob(pattern)
        if path.suffix != ".wal" or "staged" in path.name
    ]  # fmt: skip
