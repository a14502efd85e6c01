"""What is left after an undo: all that came otherwise, row by row; and what the list of imports says."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.access import audit
from prisme.base.errors import InputError
from prisme.cli.operate import Operator
from prisme.operations import imports, undo
from prisme.operations.context import Context
from prisme.operations.delete import Deleted
from prisme.operations.imports import Import
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import Operations
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress
from prisme.store import deletion
from prisme.store.schema import ALL_TABLES
from tests.operations.conftest import fill, open_folder
from tests.operations.imported import START, add_import
from tests.operations.views import view
from tests.server import LiveServer

DAYS = [("example.com", f"2023-11-{day:02}", "path", "/in") for day in range(1, 31)]
NAMES = ["matomo-2", "matomo-1", "goatcounter-1"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visits of Prisme's own and three imports of the same days."""
    folder = tmp_path_factory.mktemp("stored")
    with open_folder(folder) as context:
        fill(context, 100)
        add_import(context, "goatcounter-1", 30)
        add_import(context, "matomo-1", 20, DAYS)
        add_import(context, "matomo-2", 0, DAYS[:3], ended=False)
    return folder


@pytest.fixture
def opened(stored: Path, tmp_path: Path) -> Iterator[Context]:
    shutil.copytree(stored, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    with open_folder(tmp_path / "data") as context:
        yield context


def read_rows(context: Context, without: str = "") -> dict[str, list[str]]:
    """All rows of all tables that are of no import of this name."""
    others = f"SELECT session_uuid FROM sessions WHERE imported <> '{without}'"
    with context.database.cursor() as cursor:
        return {
            table: sorted(map(repr, cursor.execute(f"SELECT * FROM {table} WHERE {condition}").fetchall()))
            for table in ALL_TABLES
            for condition in [
                f"imported <> '{without}'" if table == "imported_figures" else f"session_uuid IN ({others})"
            ]
        }


def list_names(context: Context) -> list[str]:
    return [one.name for one in Operations(context).perform("imports", {}, Job())]


def undo_import(context: Context, name: str, dry_run: bool = False) -> Deleted:
    done = Operations(context).perform("undo", {"name": name, "dry_run": dry_run}, Job())
    assert isinstance(done, Deleted)
    return done


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("goatcounter-1", (30, 60, 30, 30, 30, 0)),
        ("matomo-1", (20, 40, 20, 20, 20, 30)),
        ("matomo-2", (0, 0, 0, 0, 0, 3)),
    ],
)
@pytest.mark.parametrize("step", [7, 250_000])
def test_all_that_it_brought_is_deleted_and_nothing_else(
    opened: Context, monkeypatch: pytest.MonkeyPatch, name: str, counts: tuple[int, ...], step: int
) -> None:
    monkeypatch.setattr(deletion, "STEP_VISITS", step)
    monkeypatch.setattr(deletion, "STEP_FIGURES", step)
    everything, others = read_rows(opened, "-"), read_rows(opened, name)
    assert undo_import(opened, name, dry_run=True).rows == dict(zip(ALL_TABLES, counts, strict=True))
    assert read_rows(opened, "-") == everything
    assert list_names(opened) == NAMES
    assert undo_import(opened, name).rows == dict(zip(ALL_TABLES, counts, strict=True))
    assert read_rows(opened, "-") == others
    assert list_names(opened) == [one for one in NAMES if one != name]
    with opened.control.read() as connection:
        (entry,) = audit.read(connection, 10, 0)
    assert (entry.actor, entry.action, entry.subject) == ("cli", "data.undo", name)
    assert entry.detail == f"{counts[0]} sessions, {counts[5]} imported figures"
    with pytest.raises(InputError, match=f"there is no import {name}; there are: "):
        undo_import(opened, name)


def test_one_that_was_cut_off_is_completed_by_the_next(opened: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "STEP_VISITS", 7)
    cancellation, others = Cancellation(), read_rows(opened, "goatcounter-1")

    def cancel(progress: Progress) -> None:
        if progress.what == "deleting" and progress.done:
            cancellation.cancel()

    with pytest.raises(CancelledError):
        Operations(opened).perform("undo", {"name": "goatcounter-1"}, Job(cancellation, cancel))
    assert list_names(opened) == NAMES
    assert undo_import(opened, "goatcounter-1").rows["sessions"] == 30 - 14
    assert read_rows(opened, "-") == others
    assert list_names(opened) == NAMES[:2]
    with opened.control.read() as connection:
        details = [entry.detail for entry in audit.read(connection, 10, 0)]
    assert details == ["16 sessions, 0 imported figures", "14 sessions, 0 imported figures, not all of it"]


def test_what_was_imported_while_it_was_undone_is_deleted_too(opened: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    others, whole = read_rows(opened, "matomo-1"), deletion.Deletion.steps

    def steps(self: deletion.Deletion) -> object:
        yield from whole(self)
        add_import(opened, "matomo-1", 3, DAYS[:2], start=START + 86_400_000_000)
        with opened.loader.hold() as held:
            held.cursor.execute("DELETE FROM state.imports WHERE name = 'matomo-1' AND visits = 3")

    monkeypatch.setattr(deletion.Deletion, "steps", steps)
    undo_import(opened, "matomo-1")
    assert read_rows(opened, "-") == others
    assert list_names(opened) == ["matomo-2", "goatcounter-1"]


def test_one_of_which_nothing_is_left(opened: Context) -> None:
    Operations(opened).perform("delete", {"before": "2024-01-01"}, Job())
    assert list_names(opened) == NAMES
    for name in NAMES:
        assert undo_import(opened, name).is_nothing
    with pytest.raises(InputError, match="nothing was imported, or all of it was undone"):
        undo_import(opened, NAMES[0])
    assert list_names(opened) == []


def test_a_wrong_name_shows_the_newest(opened: Context) -> None:
    for number in range(30):
        add_import(opened, f"umami-{number}", start=START + number)
    with pytest.raises(InputError) as raised:
        undo_import(opened, "umami")
    assert str(raised.value).count("umami-") == 20
    assert str(raised.value).endswith(" and older ones")


def test_the_list(opened: Context) -> None:
    newest, _, oldest = Operations(opened).perform("imports", {}, Job())
    assert isinstance(oldest, Import)
    assert (oldest.name, oldest.format, oldest.files) == ("goatcounter-1", "goatcounter", ["a.csv", "b.csv"])
    assert (oldest.visits, oldest.pageviews, oldest.events, oldest.figures) == (30, 60, 90, 0)
    assert oldest.report == {"rows": 7}
    assert oldest.started == oldest.ended
    assert str(oldest.started) == "2026-11-01 12:00:00+00:00"
    assert (newest.figures, newest.ended) == (3, None)


def test_no_figure_of_before_is_shown(tmp_path: Path) -> None:
    """Of the days of an import; of others, the cache still holds."""
    with open_folder(tmp_path) as context:
        add_import(context, "goatcounter-1", 30)
    with LiveServer(tmp_path) as server:
        operator, token = Operator(server.config), server.make_token()

        def count(day: str) -> int:
            answer = server.http.get(f"/api/v1/stats/pageviews?from={day}&to={day}", headers=token)
            return int(sum(answer.json()["values"]))

        view(server, "http://example.com/", "")
        server.settle()
        assert (count("2023-11-15"), count("now/d")) == (48, 1)
        assert [one.name for one in operator.run("imports", imports.Arguments(), list[Import])] == ["goatcounter-1"]
        assert operator.run("undo", undo.Arguments("goatcounter-1"), Deleted).rows["sessions"] == 30
        assert (count("2023-11-15"), count("now/d")) == (0, 1)
        assert operator.run("imports", imports.Arguments(), list[Import]) == []


def test_events_come_in_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "STEP_VISITS", 50)
    with open_folder(tmp_path) as context:
        add_import(context, "goatcounter-1", 600)
    with LiveServer(tmp_path, trust_proxy="true", eventstore_max_batch_timeout="200ms") as server:
        sent, must_stop = [0], threading.Event()

        def send() -> None:
            while not must_stop.is_set():
                sent[0] += view(server, f"http://example.com/{sent[0]}", "", f"192.0.2.{sent[0] % 200}")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            done = Operator(server.config).run("undo", undo.Arguments("goatcounter-1"), Deleted)
        finally:
            must_stop.set()
            sender.join()
        assert done.rows["sessions"] == 600
        assert server.rows("SELECT DISTINCT imported FROM sessions") == [("",)]
        paths = server.rows("SELECT path FROM pageviews")
        assert sorted(paths) == sorted((f"/{number}",) for number in range(sent[0]))
        assert sent[0] > 5
