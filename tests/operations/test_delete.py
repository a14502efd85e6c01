"""Deletion against plain Python, for any sites, paths, visitors and dates, and while events come in."""

import datetime
import itertools
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.operations.context import Context
from prisme.operations.delete import Deleted
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import Operations
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress
from prisme.store import deletion
from prisme.store.schema import ALL_TABLES, EVENT_TABLES, FIGURES
from prisme.wiring.operating import offline_context
from tests.faults.load import LONG
from tests.operations.imported import add_import
from tests.operations.views import deleter_of, view
from tests.server import LiveServer, config_for
from tests.stats.conftest import fill_database
from tests.stats.lines import DOMAINS, FIRST, LAST, LINES, PATHS, VISITORS
from tests.stats.oracle import Term, as_stored, passes
from tests.stats.strategies import terms

Tables = dict[str, list[dict[str, Any]]]
EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001
# Each site, and whether a domain is of it.
SITES: dict[str, Callable[[str], bool]] = {
    "example.com": lambda domain: domain == "example.com",
    "Shop.example.com": lambda domain: domain == "shop.example.com:8080",
    "shop.example.com:8080": lambda domain: domain == "shop.example.com:8080",
    "shop.example.com:81": lambda domain: False,
    "*.example.com": lambda domain: domain == "shop.example.com:8080",
    "example.org": lambda domain: False,
}

choices = st.fixed_dictionaries(
    {},
    optional={
        "site": st.sampled_from(sorted(SITES)),
        "path": terms(PATHS),
        "visitor": st.sampled_from(VISITORS),
        "before": st.integers(FIRST, LAST),
    },
).filter(bool)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with visits, and with figures of the same days."""
    folder = tmp_path_factory.mktemp("stored")
    fill_database(folder, LINES[:400]).close()
    folder.chmod(0o700)
    with offline_context(config_for(folder, 1), logging.getLogger("prisme")) as context:
        add_import(context, "plausible-1", figures=[*make_figures()])
    return folder


def make_figures() -> Iterator[tuple[str, str, str, str]]:
    """Of each site and of every fourth day, for all paths."""
    values = [("", ""), ("country", "/a"), *itertools.product(("path", "entry-path", "exit-path"), PATHS)]
    for domain, number, (dimension, value) in itertools.product(DOMAINS, range(0, 40, 4), values):
        yield domain, str(datetime.date(2026, 10, 1) + datetime.timedelta(number)), dimension, value


@pytest.fixture
def opened(stored: Path, tmp_path: Path) -> Iterator[Context]:
    with open_copy(stored, tmp_path / "data") as context:
        yield context


def open_copy(stored: Path, folder: Path) -> Any:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stored, folder)
    folder.chmod(0o700)
    return offline_context(config_for(folder, 1), logging.getLogger("prisme"))


@given(st.lists(choices, min_size=1, max_size=3), st.sampled_from([5, 250_000]))
@settings(max_examples=150 if LONG else 6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_is_as_in_python(
    stored: Path, tmp_path: Path, chosen: list[dict[str, Any]], visits_a_step: int
) -> None:
    with open_copy(stored, tmp_path / "data") as context, pytest.MonkeyPatch.context() as patch:
        patch.setattr(deletion, "STEP_VISITS", visits_a_step)
        patch.setattr(deletion, "STEP_FIGURES", visits_a_step)
        for one in chosen:
            before = read_tables(context)
            wanted = delete_in_python(before, one)
            counts = {table: len(before[table]) - len(wanted[table]) for table in ALL_TABLES}
            arguments = as_arguments(one)
            told = delete(context, **arguments, dry_run=True)
            assert read_tables(context) == before
            done = delete(context, **arguments)
            assert read_tables(context) == wanted
            assert told.rows == done.rows == counts
            assert told.changed == done.changed
            assert done.changed == count_partly_deleted(before, wanted)


def test_an_open_visit_that_lost_events_goes_on_as_a_new_one(tmp_path: Path) -> None:
    with LiveServer(tmp_path, origins="example.com,other.example") as server:
        view(server, "http://example.com/a", "")
        view(server, "http://example.com/b", "http://example.com/a")
        view(server, "http://other.example/", "")
        assert count_pageviews(server) == 3
        deleted = deleter_of(server)(path="/a")
        assert count_pageviews(server) == 2, "no figure of before is shown"
        assert (deleted.rows["pageviews"], deleted.rows["sessions"], deleted.changed) == (1, 0, 1)
        view(server, "http://example.com/c", "http://example.com/b")
        view(server, "http://other.example/2", "http://other.example/")
        assert server.rows("SELECT entry_path, exit_path, pageviews FROM sessions ORDER BY ALL") == [
            ("/", "/2", 2), ("/b", "/b", 1), ("/c", "/c", 1),
        ]  # fmt: skip
        assert server.rows("SELECT count(*) FROM state.open_sessions") == [(2,)]


def test_a_visit_with_two_ids(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        rows, delete_now = "SELECT path, visitor_id FROM pageviews", deleter_of(server)
        view(server, "http://example.com/x", "", visitor="m-1")
        view(server, "http://example.com/w", "http://example.com/x", visitor="m-2")
        view(server, "http://example.com/y", "http://example.com/w", visitor="m-5")
        assert server.rows("SELECT visitor_id, pageviews FROM sessions") == [("m-5", 3)]
        assert delete_now(path="/y").changed == 1
        assert server.rows("SELECT visitor_id, exit_path FROM sessions") == [("m-2", "/w")]
        view(server, "http://example.com/z", "http://example.com/x", visitor="m-3")
        view(server, "http://example.com/z", "http://example.com/z", visitor="m-4")
        assert delete_now(visitor="m-3", path="/x").is_nothing
        assert delete_now(visitor="m-3").rows["pageviews"] == 2, "the one that was m-4's, too"
        assert server.rows(f"{rows} ORDER BY path") == [("/w", "m-2"), ("/x", "m-1")]


def test_pageviews_under_way_are_stored_or_deleted_once(tmp_path: Path) -> None:
    options = {"trust_proxy": "true", "eventstore_max_batch_timeout": "1s"}
    with LiveServer(tmp_path, origins="kept.example,deleted.example", **options) as server:
        accepted, must_stop = {"kept.example": 0, "deleted.example": 0}, threading.Event()

        def send() -> None:
            number = 0
            while not must_stop.is_set():
                for site in accepted:
                    number += 1
                    url, address = f"http://{site}/{number % 3}", f"192.0.2.{number % 20}"
                    accepted[site] += view(server, url, f"http://{site}/", address)

        sender = threading.Thread(target=send)
        delete_now, deleted, changed = deleter_of(server), 0, 0
        sender.start()
        try:
            for _ in range(2):
                deleted += delete_now(site="deleted.example").rows["pageviews"]
                done = delete_now(site="deleted.example", path="/1")
                deleted, changed = deleted + done.rows["pageviews"], changed + done.changed
        finally:
            must_stop.set()
            sender.join()
        stored = dict(server.rows("SELECT domain, count(*) FROM pageviews GROUP BY ALL"))
        assert stored["kept.example"] == accepted["kept.example"] > 20
        assert stored.get("deleted.example", 0) + deleted == accepted["deleted.example"]
        assert deleted
        assert (
            server.rows(
                "SELECT session_uuid FROM sessions "
                "FULL JOIN (SELECT session_uuid, count(*) AS n FROM pageviews GROUP BY ALL) "
                "USING (session_uuid) WHERE n IS DISTINCT FROM pageviews"
            )
            == []
        )


def test_cancelled_between_two_steps_leaves_whole_visits(opened: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "STEP_VISITS", 5)
    cancellation = Cancellation()

    def cancel(progress: Progress) -> None:
        if progress.what == "deleting" and progress.done:
            cancellation.cancel()

    before = read_tables(opened)
    with pytest.raises(CancelledError):
        Operations(opened).perform("delete", {"site": "example.com"}, Job(cancellation, cancel))
    left = read_tables(opened)
    gone = {row["session_uuid"] for row in before["sessions"]} - {row["session_uuid"] for row in left["sessions"]}
    assert len(gone) == 10
    for table in ALL_TABLES:
        assert left[table] == [row for row in before[table] if row.get("session_uuid") not in gone]
    with pytest.raises(CancelledError):
        Operations(opened).perform("delete", {"path": "/a"}, Job(cancellation))
    assert read_tables(opened) == left


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say what to delete"),
        ({"site": "https://example.com/"}, "has a scheme"),
        ({"site": "*.example.com:80"}, "has a port"),
        ({"path": ""}, "the path is empty"),
        ({"path": "\\"}, "backslash"),
        ({"visitor": ""}, "1 to 1024 characters"),
        ({"before": "yesterday"}, "is no time"),
        ({"sites": ["example.com"]}, "unknown field"),
    ],
)
def test_mistakes_are_explained(opened: Context, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Operations(opened).perform("delete", arguments, Job())


def delete(context: Context, **arguments: Any) -> Deleted:
    result = Operations(context).perform("delete", arguments, Job())
    assert isinstance(result, Deleted)
    return result


def count_pageviews(server: LiveServer) -> int:
    """What the dashboard and the API show."""
    server.settle()
    answer = server.http.get("/api/v1/stats/pageviews?from=now-1h", headers=server.make_token())
    return int(sum(answer.json()["values"]))


def as_arguments(one: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Callable[[Any], str]] = {
        "path": lambda made: ",".join(map(str, made)),
        "before": lambda moment: f"{moment / 1e6:.6f}",
    }
    return {name: texts.get(name, str)(value) for name, value in one.items()}


def read_tables(context: Context) -> Tables:
    """All rows of all tables, in an order."""
    tables: Tables = {}
    with context.database.cursor() as cursor:
        for table in (*ALL_TABLES, "state.open_sessions"):
            found = cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in found.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            tables[table] = sorted(rows, key=lambda row: str(row.values()))
    return tables


def delete_in_python(tables: Tables, one: dict[str, Any]) -> Tables:
    """The tables without what is chosen."""
    events = [(table, row) for table in EVENT_TABLES for row in tables[table]]
    fits = make_path_check(one.get("path"))
    chosen = {
        visit["session_uuid"]
        for visit in tables["sessions"]
        if ("site" not in one or SITES[one["site"]](visit["domain"]))
        and ("before" not in one or visit["entry_timestamp"] < EPOCH + datetime.timedelta(microseconds=one["before"]))
    }
    if "visitor" in one:
        rows = [*tables["sessions"], *(row for _, row in events)]
        chosen &= {row["session_uuid"] for row in rows if row["visitor_id"] == one["visitor"]}
    if "path" in one:
        chosen &= {row["session_uuid"] for _, row in events if fits(row["path"])}
    left: Tables = {
        table: [row for row in tables[table] if not (row["session_uuid"] in chosen and fits(row["path"]))]
        for table in EVENT_TABLES
    }
    left["sessions"] = []
    for visit in tables["sessions"]:
        if visit["session_uuid"] in chosen:
            rows = [
                row for table in EVENT_TABLES for row in left[table] if row["session_uuid"] == visit["session_uuid"]
            ]
            if rows:
                left["sessions"].append(visit | summarise(rows))
        else:
            left["sessions"].append(visit)
    left[FIGURES] = [row for row in tables[FIGURES] if not is_meant(row, one)]
    left["state.open_sessions"] = [row for row in tables["state.open_sessions"] if row["session_uuid"] not in chosen]
    return {table: sorted(rows, key=lambda row: str(row.values())) for table, rows in left.items()}


def is_meant(figure: dict[str, Any], one: dict[str, Any]) -> bool:
    """Whether what is chosen has a row of figures: of its days, those that were over."""
    if "visitor" in one:
        return False
    end = datetime.datetime.combine(figure["day"], datetime.time()) + datetime.timedelta(days=1)
    return (
        ("site" not in one or SITES[one["site"]](figure["domain"]))
        and ("before" not in one or end <= EPOCH + datetime.timedelta(microseconds=one["before"]))
        and ("path" not in one or ("path" in figure["dimension"] and make_path_check(one["path"])(figure["value"])))
    )


def make_path_check(made: list[Term] | None) -> Callable[[str], bool]:
    if made is None:
        return lambda _: True
    stored = [as_stored("path", term) for term in made]
    return lambda path: passes(stored, path)


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What a visit is by its pageviews and events."""
    rows = sorted(rows, key=itemgetter("timestamp"))
    views = [row for row in rows if "status" in row]
    events = len(rows) - len(views)
    return {
        "entry_timestamp": rows[0]["timestamp"],
        "exit_timestamp": rows[-1]["timestamp"],
        "entry_path": (views or rows)[0]["path"],
        "exit_path": views[-1]["path"] if views else rows[0]["path"],
        "exit_status": views[-1]["status"] if views else 200,
        "visitor_id": rows[-1]["visitor_id"],
        "pageviews": len(views),
        "events": events,
        "is_bounce": len(views) <= 1 and not events,
    }


def count_partly_deleted(before: Tables, after: Tables) -> int:
    """The number of visits that have fewer events than before, but some."""
    left = {row["session_uuid"] for row in after["sessions"]}
    lost = {row["session_uuid"] for table in EVENT_TABLES for row in before[table] if row not in after[table]}
    return len(lost & left)
