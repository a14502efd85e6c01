"""Visits are deleted once they are older than the options and the sites' rules say."""

import contextlib
import datetime
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from prisme.access.grants import operator
from prisme.access.retention import Retention
from prisme.access.sites import SiteList
from prisme.base.errors import InputError
from prisme.cli.operate import Operator
from prisme.operations.daily import Daily
from prisme.operations.delete import Deleted
from prisme.operations.job import Job
from prisme.operations.registry import Operations
from prisme.operations.retain import Arguments
from prisme.store.control import Control
from prisme.wiring.operating import offline_context
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.operations.views import view
from tests.server import LiveServer, config_for, wait_until

DAY = 86_400.0
SITES = ("example.com", "short.example.com", "kept.example.com")
BY = operator("test")


def test_a_server_deletes_old_visits_day_by_day(tmp_path: Path) -> None:
    with LiveServer(tmp_path, retention_days="30", origins=",".join(SITES)) as server:
        rules = Retention(Control(tmp_path), SiteList(Control(tmp_path), server.config.origins, []))
        rules.save(BY, "short.example.com", 2, 1)
        rules.save(BY, "kept.example.com", 0, 1)

        def left() -> list[str]:
            return [site for (site,) in server.rows("SELECT domain FROM pageviews ORDER BY domain DESC")]

        for site in SITES:
            view(server, f"http://{site}/", "")
        everything = left()
        assert len(everything) == 3
        server.time.move(2 * DAY)
        assert told(server, "short.example.com", 1).rows["sessions"] == 1
        assert told(server, "short.example.com", 2).is_nothing
        assert told(server, "kept.example.com", None).is_nothing
        view(server, "http://short.example.com/", "")
        server.time.move(1.01 * DAY)
        wait_until(lambda: len(left()) == 3, "the first visit of the second site to be deleted")
        assert told(server, "kept.example.com", 2).rows["pageviews"] == 1
        assert len(left()) == 3, "counting deletes nothing"
        server.time.move(28 * DAY)
        wait_until(lambda: left() == ["kept.example.com"], "all others to be deleted")


def test_imported_figures_are_deleted_by_the_same_rules(tmp_path: Path) -> None:
    """Of days that were over so many days before today; also of a site that has no visits."""
    today = datetime.datetime.now(datetime.UTC).date()
    days = [str(today - datetime.timedelta(days=age)) for age in (1, 2, 3, 30, 31, 400)]
    with offline_context(config_for(tmp_path, 1, retention_days="30"), logging.getLogger("prisme")) as context:
        figures = [(site, day, "path", "/") for site in SITES for day in days]
        add_import(context, "plausible-1", figures=figures)
        rules = Retention(context.control, SiteList(context.control, (*SITES,), []))
        rules.save(BY, "short.example.com", 2, 1)
        rules.save(BY, "kept.example.com", 0, 1)
        operations = Operations(context)
        assert operations.perform("retain", {"dry_run": True}, Job()).rows["imported_figures"] == 2 + 4
        assert operations.perform("retain", {"site": "example.com", "days": 1}, Job()).rows["imported_figures"] == 5
        assert operations.perform("retain", {}, Job()).rows["imported_figures"] == 2 + 4
        assert operations.perform("retain", {}, Job()).is_nothing
        with context.database.cursor() as cursor:
            left = cursor.execute("SELECT domain, count(*) FROM imported_figures GROUP BY ALL ORDER BY ALL").fetchall()
        assert left == [("example.com", 4), ("kept.example.com", 6), ("short.example.com", 2)]


def test_a_file_that_is_free_by_a_quarter_is_compacted(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    with open_folder(tmp_path / "data") as context:
        operations = Operations(context)
        assert operations.perform("retain", {}, Job()).compaction is None
        operations.perform("delete", {"site": "*.old.example", "compacts": False}, Job())
        done = operations.perform("retain", {}, Job())
        assert done.is_nothing
        assert done.compaction.is_done
        assert done.compaction.after < 0.8 * done.compaction.before
        assert operations.perform("retain", {}, Job()).compaction is None


@pytest.mark.parametrize(
    ("error", "minutes"),
    [(None, 24 * 60), (InputError("busy"), 5), (OSError("full"), 60), (ValueError("bug"), 24 * 60)],
)
def test_it_is_done_a_minute_after_the_start_and_then_again(error: Exception | None, minutes: int) -> None:
    now, calls = [0.0], []

    class Stub(Operations):
        def __init__(self) -> None:
            pass

        def perform(self, name: str, arguments: Any, job: Job) -> Any:
            calls.append(name)
            if error:
                raise error
            return Deleted({"sessions": 1}, 0)

    daily = Daily(Stub(), lambda: int(now[0] * 60e9), logging.getLogger("prisme.test"))

    def look(minute: float) -> int:
        now[0] = minute
        daily.look()
        if daily._thread:
            daily._thread.join()
        return len(calls)

    assert [look(minute) for minute in (0.9, 1, 0.9 + minutes, 1 + minutes)] == [0, 1, 1, 2]
    daily.close()


def told(server: LiveServer, site: str, days: int | None) -> Deleted:
    """What would be deleted of a site with such a rule, asked once the daily work is done."""
    found: list[Deleted] = []

    def ask() -> bool:
        with contextlib.suppress(InputError):
            found.append(Operator(server.config).run("retain", Arguments(site, days), Deleted))
        return bool(found)

    wait_until(ask, "the daily work to end")
    return found[0]
